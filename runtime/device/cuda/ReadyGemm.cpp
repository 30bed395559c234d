//===- ReadyGemm.cpp - GEMM steps: the library's call, the tuned way ------===//
#include "runtime/device/Addressing.h"
#include "runtime/device/cuda/StepLoader.h"
#include "runtime/plan/Tuning.h"

namespace ft {

const ReadyChoice *ReadyStep::choiceFor(int64_t rows) const {
  const ReadyChoice *best = nullptr;
  for (const ReadyChoice &choice : choices)
    if (!best || plan::isNearer(choice.rows, best->rows, rows))
      best = &choice;
  return best;
}

const ReadyWay *ReadyStep::specialFor(int64_t rows,
                                      const std::vector<bool> &met) const {
  const SpecialChoice *best = nullptr;
  for (const SpecialChoice &choice : special) {
    if (!met[choice.condition])
      continue;
    if (choice.rows == 0)
      return &ways[*choice.way];
    if (!best || plan::isNearer(choice.rows, best->rows, rows))
      best = &choice;
  }
  return best && best->way ? &ways[*best->way] : nullptr;
}

ReadyGemm readyGemm(const plan::Program &program, const plan::GemmCall &call,
                    int32_t axis, const Binding &binding,
                    const std::vector<int64_t> &bounds) {
  const plan::Buffer &a = program.buffers[call.a.index];
  const plan::Buffer &out = program.buffers[call.out.index];
  ReadyGemm gemm;
  gemm.axis = axis;
  GemmProblem &p = gemm.problem;
  p.type = a.dtype;
  p.outType = out.dtype;
  p.tf32 = call.tf32;
  p.n = call.n;
  p.k = call.k;
  p.aStride = a.rowStride;
  p.outStride = out.rowStride;
  p.a = bufferAddress(program, call.a.index, bounds, binding.arena);
  p.out = bufferAddress(program, call.out.index, bounds, binding.arena);
  p.weight = binding.weights[call.weight];
  p.epilogue = call.epilogue == "relu"        ? GemmEpilogue::Relu
               : call.epilogue == "gelu_tanh" ? GemmEpilogue::GeluTanh
                                              : GemmEpilogue::None;
  if (call.bias >= 0)
    p.bias = binding.weights[call.bias];
  if (call.residual >= 0) {
    p.residualStride = program.buffers[call.residual].rowStride;
    p.residual = bufferAddress(program, call.residual, bounds, binding.arena);
  }
  return gemm;
}

} // namespace ft
