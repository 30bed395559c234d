//===- GemvKernel.cpp - instances of gemv.cuh -----------------------------===//
#include "codegen/cuda/CudaPrinter.h"
#include "codegen/cuda/EpilogueFunctor.h"
#include "codegen/cuda/OpText.h"
#include "codegen/cuda/RowPlan.h"
#include "codegen/cuda/Templates.h"

#include "llvm/Support/MathExtras.h"

#include <algorithm>

using namespace mlir;
using namespace ft;
using namespace ft::codegen;

static constexpr int64_t kMaxRows = 8;
static constexpr int64_t kThreads = 256;
/// Dynamic shared memory that fits beside the template's own on sm_90a.
static constexpr int64_t kMaxShared = 200 * 1024;

static Type inputElement(const GemmMatch &match) {
  return cast<ir::PackedType>(match.input.getType()).getElementType();
}

/// A row of x in shared memory, in bytes: gemv_norm.cuh's pitch.
static int64_t rowBytes(const GemmMatch &match) {
  uint64_t k = uint64_t(match.k);
  return inputElement(match).isF32() ? int64_t(llvm::alignTo(k, 32) + 4) * 4
                                     : int64_t(llvm::alignTo(k, 64) + 32) * 2;
}

/// What must lie there: rows of a norm.
static int64_t normedBytes(const GemmMatch &match,
                           const LaunchContext &context) {
  return match.norm ? context.maxTokens * rowBytes(match) : 0;
}

bool codegen::gemvTakes(const GemmMatch &match, const LaunchContext &context) {
  return !match.outNorm && context.maxTokens > 0 &&
         context.maxTokens <= kMaxRows &&
         normedBytes(match, context) <= kMaxShared;
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
  if (match.norm) {
    text.sharedBytesPerRow = rowBytes(match);
    text.sharedRows = context.maxTokens;
  }
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

/// gemv_held.cuh: the largest k whose values a CTA's registers hold, and up to
/// how many rows the other kernel is faster.
static constexpr int64_t kHeldValues = 4096, kFewRows = 2;
/// gemv_stages.cuh: values of k and bytes of a stage, and how many there are.
static constexpr int64_t kChunk = 1024, kStageBytes = 16 * (kChunk * 2 + 64);
static constexpr int64_t kFewStages = 2, kMaxStages = 8;
/// All that a multiprocessor has beside the template's own.
static constexpr int64_t kRingShared = (227 - 11) * 1024;

/// Whether x may stay in registers.
static bool holds(ir::FusedOp fused, const GemmMatch &match) {
  if (match.k > kHeldValues || isa_and_nonnull<ir::LayerNormOp>(match.norm))
    return false;
  auto norm = dyn_cast_or_null<ir::RmsNormOp>(match.norm);
  return !norm ||
         alignmentOf(ir::lookupParam(fused, norm.getWeightAttr())) >= 16;
}

/// The stages that the largest share of a CTA fills: no ring needs more.
static int64_t ringStages(const GemmMatch &match,
                          const LaunchContext &context) {
  uint64_t outputs = match.gated ? match.n / 2 : match.n;
  uint64_t share = llvm::divideCeil(outputs, context.multiprocessors);
  int64_t groups = llvm::divideCeil(share, match.gated ? 8 : 16);
  int64_t chunks = llvm::divideCeil(match.k, kChunk);
  return std::clamp(groups * chunks, kFewStages, kMaxStages);
}

bool codegen::gemvRingTakes(ir::FusedOp fused, const GemmMatch &match,
                            const LaunchContext &context) {
  Placement x = placementOf(fused.getInputs()[match.input.getArgNumber()]);
  return gemvTakes(match, context) && !inputElement(match).isF32() &&
         match.k % 8 == 0 && x.rowStride % 8 == 0 && x.alignment >= 16 &&
         alignmentOf(ir::lookupParam(fused, match.weight)) >= 16 &&
         normedBytes(match, context) + kFewStages * kStageBytes <= kRingShared;
}

/// The kernel that holds x in registers, or the one that keeps it in shared
/// memory, beside as much of a ring as it needs if there is room.
static FailureOr<TemplateKernel> printRing(ir::FusedOp fused,
                                           const GemmMatch &match,
                                           const LaunchContext &context,
                                           bool held) {
  int64_t ring = ringStages(match, context) * kStageBytes;
  int64_t row = held ? 0 : rowBytes(match), rows = context.maxTokens;
  bool all = ring + rows * row > kRingShared;
  bool fits = kFewStages * kStageBytes + rows * row <= kRingShared;
  // So small that the kernels in front and behind, which are of its kind, find
  // room beside it.
  bool small = !held && !all && 2 * (ring + row) <= kRingShared;
  std::string run = std::string("runRing<gemv::XIn::") +
                    (held   ? "Registers"
                     : fits ? "Shared"
                            : "SharedIfRoom") +
                    (small ? ", 2>" : ", 1>");
  FailureOr<TemplateKernel> kernel =
      printGemv(fused, match,
                {.header = "sm90/gemv_ring.cuh",
                 .function = held ? "gemv_held" : "gemv_ring",
                 .run = run,
                 .threads = kThreads + 4 * 32,
                 .ctas = small ? 2 : 1});
  if (failed(kernel))
    return failure();
  KernelText &text = kernel->text;
  text.sharedBytes = all ? kRingShared : ring;
  if (!all && row > 0) {
    text.sharedBytesPerRow = row;
    text.sharedRows = rows;
  }
  text.grid = {
      Builder(fused.getContext()).getI64IntegerAttr(context.multiprocessors)};
  return kernel;
}

FailureOr<std::vector<GemmCandidate>>
codegen::emitGemvRing(ir::FusedOp fused, const GemmMatch &match,
                      const LaunchContext &context) {
  std::vector<GemmCandidate> made;
  bool both = holds(fused, match) && context.maxTokens > kFewRows;
  for (bool held : {false, true}) {
    if (held && !both)
      continue;
    FailureOr<TemplateKernel> kernel = printRing(fused, match, context, held);
    if (failed(kernel))
      return failure();
    GemmCandidate &candidate = made.emplace_back();
    candidate.name = held ? "gemv_held" : "gemv";
    candidate.kernel = std::move(*kernel);
    if (both && held)
      candidate.rows = {kFewRows + 1, kMaxRows};
    else if (both)
      candidate.rows = {1, kFewRows};
  }
  return made;
}
