//===- GemvKernel.cpp - instances of gemv.cuh -----------------------------===//
#include "codegen/cuda/CudaPrinter.h"
#include "codegen/cuda/EpilogueFunctor.h"
#include "codegen/cuda/GemvText.h"
#include "codegen/cuda/OpText.h"
#include "codegen/cuda/RowPlan.h"

#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace ft;
using namespace ft::codegen;

static constexpr int64_t kThreads = 256;
/// Dynamic shared memory that fits beside the template's own on sm_90a.
static constexpr int64_t kMaxShared = 200 * 1024;

Type codegen::gemvElement(const GemmMatch &match) {
  return cast<ir::PackedType>(match.input.getType()).getElementType();
}

int64_t codegen::gemvRowBytes(const GemmMatch &match) {
  uint64_t k = uint64_t(match.k);
  return gemvElement(match).isF32() ? int64_t(llvm::alignTo(k, 32) + 4) * 4
                                    : int64_t(llvm::alignTo(k, 64) + 32) * 2;
}

int64_t codegen::gemvNormedBytes(const GemmMatch &match,
                                 const LaunchContext &context) {
  return match.norm ? context.maxTokens * gemvRowBytes(match) : 0;
}

bool codegen::gemvTakes(const GemmMatch &match, const LaunchContext &context) {
  return !match.outNorm && context.maxTokens > 0 &&
         context.maxTokens <= kGemvRows &&
         gemvNormedBytes(match, context) <= kMaxShared;
}

bool codegen::gemvNormIsWide(ir::FusedOp fused, const GemmMatch &match) {
  for (const char *name : {"weight", "bias"}) {
    auto symbol = match.norm->getAttrOfType<FlatSymbolRefAttr>(name);
    if (symbol && alignmentOf(ir::lookupParam(fused, symbol)) < 16)
      return false;
  }
  return true;
}

std::string codegen::gemvNormText(const GemmMatch &match,
                                  KernelParams &params) {
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

FailureOr<TemplateKernel> codegen::printGemv(ir::FusedOp fused,
                                             const GemmMatch &match,
                                             const GemvTemplate &call) {
  KernelParams params(fused.getContext());
  CudaPrinter out;
  SmallVector<StringRef> headers{call.header};
  if (call.mostRows > 0)
    headers.push_back(LikeliestText::kHeader);
  openKernel(out, "Linear layers of a few rows.", headers);
  FailureOr<std::string> epilogue =
      printEpilogue(fused, match, params, out, {.mostRows = call.mostRows});
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
  std::string norm = gemvNormText(match, params), finish;
  if (call.mostRows > 0)
    finish = LikeliestText::finish(call.mostRows, params);

  TemplateKernel kernel;
  KernelText &text = kernel.text;
  text.function = call.function.str() + (match.gated ? "_gated" : "") +
                  (call.mostRows > 0 ? "_likeliest" : "");
  if (match.norm)
    text.function +=
        isa<ir::RmsNormOp>(match.norm) ? "_rms_norm" : "_layer_norm";
  out.line("");
  std::string cluster =
      call.cluster > 1
          ? "__cluster_dims__(" + std::to_string(call.cluster) + ") "
          : "";
  out.line("extern \"C\" __global__ void " + cluster + "__launch_bounds__(" +
           std::to_string(call.threads) + ", " + std::to_string(call.ctas) +
           ")");
  out.open(text.function + "(" + params.declaration() + ")");
  if (call.mostRows > 0)
    out.line(LikeliestText::begin(call.mostRows));
  out.line("gemv::" + call.run +
           "(x, xStride, w, columns, inner, counts, "
           "axis, " +
           norm + ",");
  out.line("          " + *epilogue + ");");
  if (call.mostRows > 0) {
    out.line(finish);
    kernel.workspaceBytes = kCounterBytes;
  }
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
  bool wide = gemvElement(match).isF32();
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
    text.sharedBytesPerRow = gemvRowBytes(match);
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
