//===- GemvKernel.cpp - instances of gemv.cuh -----------------------------===//
#include "codegen/cuda/CudaPrinter.h"
#include "codegen/cuda/EpilogueFunctor.h"
#include "codegen/cuda/OpText.h"
#include "codegen/cuda/RowPlan.h"
#include "codegen/cuda/Templates.h"

#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace ft;
using namespace ft::codegen;

static constexpr int64_t kMaxRows = 8;
static constexpr int64_t kThreads = 256;
/// Dynamic shared memory that fits beside the template's own on sm_90a.
static constexpr int64_t kMaxShared = 200 * 1024;

/// Dynamic shared memory of one normalised row.
static Type inputElement(const GemmMatch &match) {
  return cast<ir::PackedType>(match.input.getType()).getElementType();
}

/// gemv_norm.cuh's pitch, in bytes.
static int64_t sharedBytesPerRow(const GemmMatch &match) {
  if (!match.norm)
    return 0;
  uint64_t k = uint64_t(match.k);
  return inputElement(match).isF32() ? int64_t(llvm::alignTo(k, 32) + 4) * 4
                                     : int64_t(llvm::alignTo(k, 64) + 32) * 2;
}

bool codegen::gemvTakes(const GemmMatch &match, const LaunchContext &context) {
  return !match.outNorm && context.maxTokens > 0 &&
         context.maxTokens <= kMaxRows &&
         std::min(context.maxTokens, kMaxRows) * sharedBytesPerRow(match) <=
             kMaxShared;
}

namespace {

/// A template of gemv.cuh's interface and how its kernel is launched.
struct GemvTemplate {
  StringRef header, function, run;
  int64_t threads = 0;
  int64_t ctas = 1; // of a multiprocessor, for __launch_bounds__
};

} // namespace

/// The prologue's functor: its type, and how it is made from parameters.
static std::string normText(const GemmMatch &match, KernelParams &params) {
  if (!match.norm)
    return "NoNorm{}";
  std::string eps = floatLiteral(
      match.norm->getAttrOfType<FloatAttr>("eps").getValueAsDouble());
  auto weight = match.norm->getAttrOfType<FlatSymbolRefAttr>("weight");
  params.add("const float *", "normWeight", params.weight(weight));
  if (isa<ir::RmsNormOp>(match.norm))
    return "RmsNorm{normWeight, " + eps + "}";
  std::string bias = "nullptr";
  if (auto symbol = match.norm->getAttrOfType<FlatSymbolRefAttr>("bias"))
    bias = params.add("const float *", "normBias", params.weight(symbol));
  return "LayerNorm{normWeight, " + bias + ", " + eps + "}";
}

static FailureOr<TemplateKernel>
printGemv(ir::FusedOp fused, const GemmMatch &match, const GemvTemplate &call) {
  KernelParams params(fused.getContext());
  CudaPrinter out;
  openKernel(out, "Linear layers of a few rows.", {call.header});
  FailureOr<std::string> epilogue = printEpilogue(fused, match, params, out);
  if (failed(epilogue))
    return failure();

  Value outer = fused.getInputs()[match.input.getArgNumber()];
  auto type = cast<ir::PackedType>(outer.getType());
  std::string element = typeText(type.getElementType()).str();
  params.add("const " + element + " *", "x",
             params.in(match.input.getArgNumber()));
  params.add("i64", "xStride", params.i64(placementOf(outer).rowStride));
  params.add("const " + element + " *", "w", params.weight(match.weight));
  params.add("int", "columns", params.i32(match.n));
  params.add("int", "inner", params.i32(match.k));
  params.add("const int *", "counts", params.batch("counts"));
  params.add("int", "axis", params.i32(axisNumber(fused, type.getAxis())));
  std::string norm = normText(match, params);

  TemplateKernel kernel;
  KernelText &text = kernel.text;
  text.function = call.function.str() + (match.gated ? "_gated" : "");
  if (match.norm)
    text.function +=
        isa<ir::RmsNormOp>(match.norm) ? "_rms_norm" : "_layer_norm";
  out.line("");
  out.line("extern \"C\" __global__ void __launch_bounds__(" +
           std::to_string(call.threads) + ", " + std::to_string(call.ctas) +
           ")");
  out.open(text.function + "(" + params.declaration() + ")");
  out.line("gemv::" + call.run +
           "(x, xStride, w, columns, inner, counts, "
           "axis, " +
           norm + ",");
  out.line("          " + *epilogue + ");");
  out.close();
  text.source = out.take();
  text.block = {call.threads, 1, 1};
  text.residentGrid = true;
  text.args.assign(params.args().begin(), params.args().end());
  return kernel;
}

FailureOr<TemplateKernel> codegen::emitGemv(ir::FusedOp fused,
                                            const GemmMatch &match,
                                            const LaunchContext &context) {
  bool wide = inputElement(match).isF32();
  FailureOr<TemplateKernel> kernel = printGemv(fused, match,
                                               {.header = "gemv.cuh",
                                                .function = "gemv",
                                                .run = "run",
                                                .threads = kThreads,
                                                .ctas = wide ? 1 : 2});
  if (failed(kernel))
    return failure();
  KernelText &text = kernel->text;
  text.sharedBytesPerRow = sharedBytesPerRow(match);
  text.sharedRows = match.norm ? std::min(context.maxTokens, kMaxRows) : 0;
  // Two CTAs a multiprocessor keep more bytes in flight where both fit (H200,
  // bf16, [4096, 14336]: 31.7 us against 35.8 with one).
  text.grid = {Builder(fused.getContext())
                   .getI64IntegerAttr(context.multiprocessors * 2)};
  // Loads are under way in L1, which is small while a kernel with much shared
  // memory leaves (H200, 8B, one token: 5.7 ms instead of 4.8 if early).
  text.startsEarly = false;
  return kernel;
}

//===----------------------------------------------------------------------===//
// The ring
//===----------------------------------------------------------------------===//

namespace {

/// gemv_held.cuh: the largest k whose values a CTA's registers hold.
constexpr int64_t kHeldValues = 4096;
/// gemv_ring.cuh's shared memory, in bytes.
constexpr int64_t kStageBytes = 16 * (512 * 2 + 64), kFewStages = 3;
/// All that a multiprocessor has beside the template's own.
constexpr int64_t kRingShared = (227 - 11) * 1024;

/// Whether x stays in registers.
bool holds(ir::FusedOp fused, const GemmMatch &match) {
  if (match.k > kHeldValues || isa_and_nonnull<ir::LayerNormOp>(match.norm))
    return false;
  auto norm = dyn_cast_or_null<ir::RmsNormOp>(match.norm);
  return !norm ||
         alignmentOf(ir::lookupParam(fused, norm.getWeightAttr())) >= 16;
}

/// What a row of x takes of the ring's shared memory, at least.
int64_t ringRowBytes(ir::FusedOp fused, const GemmMatch &match) {
  return holds(fused, match) ? 0 : sharedBytesPerRow(match);
}

} // namespace

bool codegen::gemvRingTakes(ir::FusedOp fused, const GemmMatch &match,
                            const LaunchContext &context) {
  Placement x = placementOf(fused.getInputs()[match.input.getArgNumber()]);
  return gemvTakes(match, context) && !inputElement(match).isF32() &&
         match.k % 8 == 0 && x.rowStride % 8 == 0 && x.alignment >= 16 &&
         alignmentOf(ir::lookupParam(fused, match.weight)) >= 16 &&
         std::min(context.maxTokens, kMaxRows) * ringRowBytes(fused, match) +
                 kFewStages * kStageBytes <=
             kRingShared;
}

FailureOr<TemplateKernel> codegen::emitGemvRing(ir::FusedOp fused,
                                                const GemmMatch &match,
                                                const LaunchContext &context) {
  bool held = holds(fused, match);
  FailureOr<TemplateKernel> kernel =
      printGemv(fused, match,
                {.header = "sm90/gemv_ring.cuh",
                 .function = held ? "gemv_held" : "gemv_ring",
                 .run = held ? "runRing<true>" : "runRing<false>",
                 .threads = kThreads + 4 * 32,
                 .ctas = 1});
  if (failed(kernel))
    return failure();
  KernelText &text = kernel->text;
  text.sharedBytes = kRingShared;
  text.grid = {
      Builder(fused.getContext()).getI64IntegerAttr(context.multiprocessors)};
  return kernel;
}
