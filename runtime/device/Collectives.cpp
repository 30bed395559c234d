//===- Collectives.cpp - a plan's collectives, for a communicator ---------===//
#include "runtime/device/Collectives.h"

#include "runtime/device/Addressing.h"

#include <algorithm>

namespace ft {

std::string collectivePlace(CollectiveOp op, const plan::Step &step) {
  return std::string(collectiveName(op)) + " '" + step.name + "'";
}

static CollectiveOp opOf(plan::CollectiveCall::Op op) {
  switch (op) {
  case plan::CollectiveCall::Op::AllReduce:
    return CollectiveOp::AllReduce;
  case plan::CollectiveCall::Op::AllGather:
    return CollectiveOp::AllGather;
  case plan::CollectiveCall::Op::ReduceScatter:
    return CollectiveOp::ReduceScatter;
  }
  return CollectiveOp::AllReduce;
}

Collective describeCollective(const plan::CollectiveCall &call,
                              const plan::Step &step,
                              const plan::Program &program) {
  const plan::Buffer &in = program.buffers[size_t(call.in.index)];
  const plan::Buffer &out = program.buffers[size_t(call.out.index)];
  Collective collective;
  collective.op = opOf(call.op);
  collective.place = collectivePlace(collective.op, step);
  collective.dtype = in.dtype;
  collective.inWidth = call.elements;
  collective.outWidth = call.outElements;
  collective.inStride = in.rowStride;
  collective.outStride = out.rowStride;
  return collective;
}

int64_t exchangeBytes(const plan::Plan &plan, const plan::Program &program,
                      const Bounds &bounds) {
  std::vector<int64_t> rows = programBounds(plan, program, bounds);
  int64_t most = 0;
  for (const plan::Step &step : program.steps)
    for (const plan::Implementation &implementation : step.implementations)
      for (const plan::Launch &launch : implementation.launches)
        if (auto *call = std::get_if<plan::CollectiveCall>(&launch)) {
          int32_t axis = program.buffers[size_t(call->in.index)].axis;
          most = std::max(most,
                          scratchBytes(describeCollective(*call, step, program),
                                       int(plan.ranks()), rows[size_t(axis)]));
        }
  return most;
}

} // namespace ft
