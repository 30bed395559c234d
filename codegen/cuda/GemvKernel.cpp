//===- GemvKernel.cpp - instances of gemv.cuh -----------------------------===//
#include "codegen/cuda/CudaPrinter.h"
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
static int64_t sharedBytesPerRow(const GemmMatch &match) {
  return match.norm ? int64_t(llvm::alignTo(uint64_t(match.k), 32) + 4) * 4 : 0;
}

bool codegen::gemvTakes(const GemmMatch &match, const LaunchContext &context) {
  return !match.outNorm && context.maxTokens > 0 &&
         context.maxTokens <= kMaxRows &&
         std::min(context.maxTokens, kMaxRows) * sharedBytesPerRow(match) <=
             kMaxShared;
}

static Type inputElement(const GemmMatch &match) {
  return cast<ir::PackedType>(match.input.getType()).getElementType();
}

namespace {

/// A template of gemv.cuh's interface and how its kernel is launched.
struct GemvTemplate {
  StringRef header, function, run;
  int64_t threads = 0;
  int64_t ctas = 1; // of a multiprocessor, for __launch_bounds__
};

/// Prints the epilogue functor: an expression tree from the linears' sums to
/// the stored value.
class EpiloguePrinter {
public:
  EpiloguePrinter(ir::FusedOp fused, const GemmMatch &match,
                  KernelParams &params)
      : fused_(fused), match_(match), params_(params) {}

  LogicalResult print(CudaPrinter &out);
  /// `name, name, ...` for the functor's members.
  std::string initialisers() const { return initialisers_; }

private:
  void printBias();
  FailureOr<std::string> printResidual();
  Operation *linear() const {
    ir::LinearOp first = match_.linears.front();
    return first;
  }
  FailureOr<std::string> value(Value value);
  std::string member(const std::string &type, const std::string &name);
  std::string assign(Value value, const std::string &text) {
    std::string name = "v" + std::to_string(count_++);
    body_.line("const float " + name + " = " + text + ";");
    names_[value] = name;
    return name;
  }

  ir::FusedOp fused_;
  const GemmMatch &match_;
  KernelParams &params_;
  llvm::DenseMap<Value, std::string> names_;
  SmallVector<std::string> members_;
  std::string initialisers_;
  CudaPrinter body_;
  int count_ = 0;
};

} // namespace

std::string EpiloguePrinter::member(const std::string &type,
                                    const std::string &name) {
  std::string text = type + (type.back() == '*' ? "" : " ") + name;
  if (!llvm::is_contained(members_, text)) {
    members_.push_back(text);
    initialisers_ += (initialisers_.empty() ? "" : ", ") + name;
  }
  return name;
}

FailureOr<std::string> EpiloguePrinter::value(Value value) {
  auto it = names_.find(value);
  if (it != names_.end())
    return it->second;
  if (auto argument = dyn_cast<BlockArgument>(value)) {
    unsigned number = argument.getArgNumber();
    auto type = cast<ir::PackedType>(argument.getType());
    std::string name = "in" + std::to_string(number);
    std::string pointer =
        ("const " + typeText(type.getElementType()) + " *").str();
    Value outer = fused_.getInputs()[number];
    params_.add(pointer, name, params_.in(number));
    params_.add("i64", name + "Stride",
                params_.i64(placementOf(outer).rowStride));
    member(pointer, name);
    member("i64", name + "Stride");
    return assign(value, "toFloat(" + name + "[m * " + name + "Stride + n])");
  }
  Operation *op = value.getDefiningOp();
  if (auto broadcast = dyn_cast<ir::BroadcastOp>(op)) {
    ir::ParamOp param = ir::lookupParam(fused_, broadcast.getWeightAttr());
    std::string type = "const float *";
    std::string name = params_.addNumbered(
        type, "weight", params_.weight(broadcast.getWeightAttr()));
    int64_t size = param.getTensorType().getNumElements();
    member(type, name);
    std::string at = size == 1 ? "0" : "n % " + std::to_string(size);
    return assign(value, name + "[" + at + "]");
  }
  SmallVector<std::string> operands;
  for (Value operand : op->getOperands()) {
    FailureOr<std::string> text = this->value(operand);
    if (failed(text))
      return failure();
    operands.push_back(*text);
  }
  std::optional<std::string> text = elementText(op, operands);
  if (!text)
    return op->emitError("gemv: no epilogue for this op");
  return assign(value, *text);
}

/// The sums with their biases. A bias that is absent is a null pointer, so that
/// layers with and without one share a kernel.
void EpiloguePrinter::printBias() {
  Type element =
      match_.bias
          ? ir::lookupParam(fused_, match_.bias)
                .getTensorType()
                .getElementType()
          : cast<ir::PackedType>(match_.input.getType()).getElementType();
  std::string pointer = ("const " + typeText(element) + " *").str();
  params_.add(pointer, "bias",
              match_.bias ? params_.weight(match_.bias) : params_.i64(0));
  member(pointer, "bias");
  SmallVector<ir::LinearOp, 3> linears(match_.linears);
  assign(linears[0].getResult(), "bias ? y + toFloat(bias[n]) : y");
  if (!match_.gated)
    return;
  params_.add("int", "half", params_.i32(match_.n / 2));
  member("int", "half");
  assign(linears[1].getResult(), "bias ? y2 + toFloat(bias[n + half]) : y2");
}

/// The stored value. Where nothing else follows the linear, a residual is an
/// argument that may be null, too.
FailureOr<std::string> EpiloguePrinter::printResidual() {
  auto add = match_.result.getDefiningOp<ir::AddOp>();
  Value inner = match_.result;
  BlockArgument residual;
  if (add) {
    bool second = isa<BlockArgument>(add.getRhs());
    residual = dyn_cast<BlockArgument>(second ? add.getRhs() : add.getLhs());
    inner = second ? add.getLhs() : add.getRhs();
  }
  bool plain = match_.linears.size() > 1 || inner.getDefiningOp() == linear();
  if (match_.gated || match_.norm || !plain || (add && !residual))
    return value(match_.result);
  Value outer = residual ? fused_.getInputs()[residual.getArgNumber()]
                         : fused_.getResult(0);
  auto type = cast<ir::PackedType>(outer.getType());
  std::string pointer =
      ("const " + typeText(type.getElementType()) + " *").str();
  params_.add(pointer, "residual",
              residual ? params_.in(residual.getArgNumber()) : params_.i64(0));
  params_.add("i64", "residualStride",
              params_.i64(placementOf(outer).rowStride));
  member(pointer, "residual");
  member("i64", "residualStride");
  FailureOr<std::string> sum = value(inner);
  if (failed(sum))
    return failure();
  return assign(match_.result,
                "residual ? " + *sum +
                    " + toFloat(residual[m * residualStride + n]) : " + *sum);
}

LogicalResult EpiloguePrinter::print(CudaPrinter &out) {
  auto stored =
      cast<ir::PackedType>(fused_.getResult(0).getType()).getElementType();
  std::string type = typeText(stored).str();
  printBias();
  FailureOr<std::string> result = printResidual();
  if (failed(result))
    return failure();
  params_.add(type + " *", "out", params_.out(0));
  params_.add("i64", "outStride",
              params_.i64(placementOf(fused_.getResult(0)).rowStride));
  member(type + " *", "out");
  member("i64", "outStride");
  body_.line("out[m * outStride + n] = fromFloat<" + type + ">(" + *result +
             ");");

  out.open("struct Epilogue");
  out.line("static constexpr bool kGated = " +
           llvm::Twine(match_.gated ? "true;" : "false;"));
  for (const std::string &text : members_)
    out.line(text + ";");
  out.open("__device__ __forceinline__ void operator()(int m, int n, float y" +
           llvm::Twine(match_.gated ? ", float y2" : "") + ") const");
  out.splice(body_);
  out.close();
  out.close(";");
  return success();
}

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

/// Prints the kernel around `call`'s template; the launch is left open.
static FailureOr<TemplateKernel>
printGemv(ir::FusedOp fused, const GemmMatch &match, const GemvTemplate &call) {
  KernelParams params(fused.getContext());
  CudaPrinter out;
  openKernel(out, "Linear layers of a few rows.", {call.header});
  EpiloguePrinter epilogue(fused, match, params);
  if (failed(epilogue.print(out)))
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
  out.line("          Epilogue{" + epilogue.initialisers() + "});");
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

/// gemv_ring.cuh's shared memory, in bytes.
constexpr int64_t kStageBytes = 16 * (512 * 2 + 64), kFewStages = 3;
/// All that a multiprocessor has beside the template's own.
constexpr int64_t kRingShared = (227 - 11) * 1024;

} // namespace

bool codegen::gemvRingTakes(ir::FusedOp fused, const GemmMatch &match,
                            const LaunchContext &context) {
  Placement x = placementOf(fused.getInputs()[match.input.getArgNumber()]);
  return gemvTakes(match, context) && !inputElement(match).isF32() &&
         match.k % 8 == 0 && x.rowStride % 8 == 0 && x.alignment >= 16 &&
         alignmentOf(ir::lookupParam(fused, match.weight)) >= 16 &&
         std::min(context.maxTokens, kMaxRows) * sharedBytesPerRow(match) +
                 kFewStages * kStageBytes <=
             kRingShared;
}

FailureOr<TemplateKernel> codegen::emitGemvRing(ir::FusedOp fused,
                                                const GemmMatch &match,
                                                const LaunchContext &context) {
  FailureOr<TemplateKernel> kernel = printGemv(fused, match,
                                               {.header = "sm90/gemv_ring.cuh",
                                                .function = "gemv_ring",
                                                .run = "runRing",
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
