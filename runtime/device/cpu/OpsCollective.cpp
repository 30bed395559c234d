//===- OpsCollective.cpp - exchanges between ranks ------------------------===//
#include "runtime/device/Collectives.h"
#include "runtime/device/cpu/Ops.h"

namespace ft {

static Collective describe(const OpSite &site, CollectiveOp op) {
  const Operand &in = site.in[0], &out = site.out[0];
  Collective collective;
  collective.op = op;
  collective.place = collectivePlace(op, *site.step);
  collective.dtype = in.dtype;
  collective.inWidth = in.width();
  collective.outWidth = out.width();
  collective.inStride = in.rowStride;
  collective.outStride = out.rowStride;
  collective.in = in.address;
  collective.out = out.address;
  return collective;
}

template <CollectiveOp op> static Status check(const OpSite &site) {
  const Operand &in = site.in[0], &out = site.out[0];
  const Communicator *communicator = site.program->binding->communicator;
  if (!in.isValue() || site.out.size() != 1)
    return site.mismatch("one value in and one out");
  if (in.dtype != out.dtype || in.axis != out.axis)
    return site.mismatch("one type and one axis");
  if (!communicator)
    return site.mismatch("a plan for several ranks");
  return checkCollective(describe(site, op), communicator->size());
}

template <CollectiveOp op>
static Status run(const OpSite &site, RunContext &context) {
  return site.program->binding->communicator->run(
      describe(site, op), context.counts[size_t(site.in[0].axis)]);
}

template <CollectiveOp op> static constexpr OpSpec spec(std::string_view name) {
  return {name, 1, 1, true, check<op>, run<op>};
}

static constexpr OpSpec kOps[] = {
    spec<CollectiveOp::AllReduce>("all_reduce"),
    spec<CollectiveOp::AllGather>("all_gather"),
    spec<CollectiveOp::ReduceScatter>("reduce_scatter"),
    spec<CollectiveOp::Broadcast>("broadcast")};

std::span<const OpSpec> collectiveOps() { return kOps; }

} // namespace ft
