//===- GemmSkinny.cpp - instances of sm90/gemm_skinny.cuh -----------------===//
#include "codegen/cuda/AttentionText.h" // kCounterBytes
#include "codegen/cuda/EpilogueFunctor.h"
#include "codegen/cuda/OpText.h"
#include "codegen/cuda/RowPlan.h"
#include "codegen/cuda/Templates.h"

using namespace mlir;
using namespace ft;
using namespace ft::codegen;

static constexpr int64_t kThreads = 288;

static ir::PackedType inputType(const GemmMatch &match) {
  return cast<ir::PackedType>(match.input.getType());
}

bool codegen::gemmSkinnyTakes(ir::FusedOp fused, const GemmMatch &match,
                              const LaunchContext &context) {
  if (context.maxTokens <= 8 || context.maxTokens > 64 || match.norm ||
      match.outNorm)
    return false;
  Placement x = placementOf(fused.getInputs()[match.input.getArgNumber()]);
  ir::ParamOp weight = ir::lookupParam(fused, match.weight);
  Type element = inputType(match).getElementType();
  int64_t tiles = (match.n + 127) / 128 * ((context.maxTokens + 15) / 16);
  return (element.isBF16() || element.isF16()) && match.k % 8 == 0 &&
         x.rowStride % 8 == 0 && x.alignment >= 16 &&
         alignmentOf(weight) >= 16 &&
         weight.getTensorType().getNumElements() == match.n * match.k &&
         (!match.gated || match.n % 2 == 0) && 4 * tiles <= kCounterBytes;
}

/// skinny::Skinny::kSharedBytes.
static int64_t sharedBytes(int64_t tokens) {
  int64_t stage = (128 + tokens) * 128, sums = 128 * (tokens + 1) * 4;
  int64_t stages = (200 * 1024 - sums) / stage;
  return 1024 + stages * (stage + 16) + sums;
}

static FailureOr<GemmCandidate> emitTokens(ir::FusedOp fused,
                                           const GemmMatch &match,
                                           const LaunchContext &context,
                                           int64_t tokens) {
  KernelParams params(fused.getContext());
  CudaPrinter out;
  openKernel(out, "Linear layers of some rows.", {"sm90/gemm_skinny.cuh"});
  FailureOr<std::string> epilogue = printEpilogue(fused, match, params, out);
  if (failed(epilogue))
    return failure();
  const char *map = "const __grid_constant__ TensorMap";
  unsigned input = match.input.getArgNumber();
  params.add(map, "x",
             params.tensorMap(params.in(input), match.k, 0, 1, tokens));
  params.add(map, "w",
             params.tensorMap(params.weight(match.weight), match.k, 0, 1, 64));
  params.add("int", "columns", params.i32(match.n));
  params.add("int", "inner", params.i32(match.k));
  params.add("const int *", "counts", params.batch("counts"));
  params.add("int", "axis",
             params.i32(axisNumber(fused, inputType(match).getAxis())));
  params.add("u32 *", "counters", params.workspace(0));
  params.add("float *", "partials", params.workspace(kCounterBytes));

  GemmCandidate made;
  made.name = "skinny_" + std::to_string(tokens);
  KernelText &text = made.kernel.text;
  text.function = "gemm_" + made.name + (match.gated ? "_gated" : "");
  out.line("using Tile = skinny::Skinny<" +
           typeText(inputType(match).getElementType()) +
           (match.gated ? ", true, " : ", false, ") + std::to_string(tokens) +
           ">;");
  out.line("");
  out.line("extern \"C\" __global__ void __launch_bounds__(" +
           std::to_string(kThreads) + ", 1)");
  out.open(text.function + "(" + params.declaration() + ")");
  out.line("static_assert(Tile::kSharedBytes == " +
           std::to_string(sharedBytes(tokens)) + ");");
  out.line("skinny::run<Tile>(x, w, columns, inner, counts, axis, counters, "
           "partials,");
  out.line("                  " + *epilogue + ");");
  out.close();
  text.source = out.take();
  text.grid = {params.builder().getI64IntegerAttr(context.multiprocessors)};
  text.block = {kThreads, 1, 1};
  text.sharedBytes = sharedBytes(tokens);
  text.args.assign(params.args().begin(), params.args().end());
  made.kernel.workspaceBytes =
      kCounterBytes + context.multiprocessors * 2 * 128 * tokens * 4;
  return made;
}

FailureOr<std::vector<GemmCandidate>>
codegen::emitGemmSkinny(ir::FusedOp fused, const GemmMatch &match,
                        const LaunchContext &context) {
  std::vector<GemmCandidate> candidates;
  for (int64_t tokens : {64, 32, 16}) {
    FailureOr<GemmCandidate> made = emitTokens(fused, match, context, tokens);
    if (failed(made))
      return failure();
    candidates.push_back(std::move(*made));
    candidates.back().rows = {tokens};
  }
  return candidates;
}
