//===- EpilogueFunctor.cpp - what follows a linear, element by element ----===//
#include "codegen/cuda/EpilogueFunctor.h"

#include "codegen/cuda/OpText.h"
#include "codegen/cuda/RowPlan.h"
#include "codegen/cuda/Templates.h"

using namespace mlir;
using namespace ft;
using namespace ft::codegen;

namespace {

/// Prints the epilogue functor: an expression tree from the linears' sums to
/// the stored value.
class EpiloguePrinter {
public:
  EpiloguePrinter(ir::FusedOp fused, const GemmMatch &match,
                  KernelParams &params, const EpilogueForm &form)
      : fused_(fused), match_(match), params_(params), exact_(form.exact),
        mostRows_(form.mostRows), norm_(form.norm) {}

  LogicalResult print(CudaPrinter &out);
  /// `name, name, ...` for the functor's members.
  std::string initialisers() const { return initialisers_; }

private:
  void printBias();
  void give(const std::string &type, const std::string &name,
            DictionaryAttr arg);
  void beginNorm();
  void endNorm();
  FailureOr<std::string> printResidual();
  Operation *linear() const {
    ir::LinearOp first = match_.linears.front();
    return first;
  }
  FailureOr<std::string> value(Value value);
  std::string member(const std::string &type, const std::string &name);
  /// Elements from a row to the next, as a constant: with a parameter there is
  /// a multiplication for each element that is loaded or stored.
  void stride(const std::string &name, Value outer) {
    std::string text = "static constexpr i64 " + name + " = " +
                       std::to_string(placementOf(outer).rowStride);
    if (!llvm::is_contained(members_, text))
      members_.push_back(text);
  }
  std::string assign(Value value, const std::string &text) {
    std::string name = "v" + std::to_string(count_++);
    body_.line("const float " + name + " = " + text + ";");
    names_[value] = name;
    return name;
  }

  /// A value of memory as fp32. It is fetched long before: into a member that
  /// has its stored type, as a conversion there would wait for it. `present`:
  /// a pointer that is null where the value is 0.
  std::string operand(StringRef type, const std::string &name,
                      const std::string &text, StringRef present = "") {
    operands_.line(type + " " + name + ";");
    if (!present.empty())
      loads_.line("if (" + present + ")");
    loads_.line((present.empty() ? "o." : "  o.") + name + " = " + text + ";");
    return "toFloat(o." + name + ")";
  }

  ir::FusedOp fused_;
  const GemmMatch &match_;
  KernelParams &params_;
  bool exact_; // what is absent is left out, no null pointer
  int64_t mostRows_;
  NormHalf norm_;
  llvm::DenseMap<Value, std::string> names_;
  SmallVector<std::string> members_;
  std::string initialisers_;
  CudaPrinter body_, operands_, loads_;
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
    StringRef element = typeText(type.getElementType());
    std::string pointer = ("const " + element + " *").str();
    Value outer = fused_.getInputs()[number];
    params_.add(pointer, name, params_.in(number));
    member(pointer, name);
    stride(name + "Stride", outer);
    return assign(value, operand(element, "x" + std::to_string(number),
                                 name + "[m * " + name + "Stride + n]"));
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
    return assign(value, operand("float", "of" + std::to_string(count_),
                                 name + "[" + at + "]"));
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
/// layers with and without one share a kernel, unless the text is exact.
void EpiloguePrinter::printBias() {
  if (exact_ && !match_.bias) {
    SmallVector<ir::LinearOp, 3> linears(match_.linears);
    assign(linears[0].getResult(), "y");
    if (match_.gated)
      assign(linears[1].getResult(), "y2");
    return;
  }
  Type element =
      match_.bias
          ? ir::lookupParam(fused_, match_.bias)
                .getTensorType()
                .getElementType()
          : cast<ir::PackedType>(match_.input.getType()).getElementType();
  StringRef type = typeText(element);
  std::string pointer = ("const " + type + " *").str();
  params_.add(pointer, "bias",
              match_.bias ? params_.weight(match_.bias) : params_.i64(0));
  member(pointer, "bias");
  SmallVector<ir::LinearOp, 3> linears(match_.linears);
  assign(linears[0].getResult(),
         "y + " + operand(type, "b", "bias[n]", "bias"));
  if (!match_.gated)
    return;
  params_.add("int", "half", params_.i32(match_.n / 2));
  member("int", "half");
  assign(linears[1].getResult(),
         "y2 + " + operand(type, "b2", "bias[n + half]", "bias"));
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
  if (exact_ || match_.gated || match_.norm || !plain || (add && !residual))
    return value(match_.result);
  Value outer = residual ? fused_.getInputs()[residual.getArgNumber()]
                         : fused_.getResult(0);
  auto type = cast<ir::PackedType>(outer.getType());
  StringRef element = typeText(type.getElementType());
  std::string pointer = ("const " + element + " *").str();
  params_.add(pointer, "residual",
              residual ? params_.in(residual.getArgNumber()) : params_.i64(0));
  member(pointer, "residual");
  stride("residualStride", outer);
  FailureOr<std::string> sum = value(inner);
  if (failed(sum))
    return failure();
  std::string r =
      operand(element, "r", "residual[m * residualStride + n]", "residual");
  return assign(match_.result, *sum + " + " + r);
}

/// A member that an argument of the kernel gives.
void EpiloguePrinter::give(const std::string &type, const std::string &name,
                           DictionaryAttr arg) {
  params_.add(type, name, arg);
  member(type, name);
}

/// What the beginning of a norm reads and writes besides.
void EpiloguePrinter::beginNorm() {
  auto scaled = cast<ir::PackedType>(norm_.norm.getResult(0).getType());
  std::string element = typeText(scaled.getElementType()).str();
  members_.push_back("static constexpr int kBegunSlots = " +
                     std::to_string(norm_.slots));
  give("float *", "squares", params_.workspace(norm_.sumsAt()));
  give("const float *", "gain", params_.weight(norm_.weight()));
  give(element + " *", "scaled", params_.nextOut(0));
  stride("scaledStride", norm_.norm.getResult(0));
  if (!norm_.hasMean())
    return;
  members_.push_back("static constexpr bool kBeginsMean = true");
  give("const float *", "shift",
       norm_.bias() ? params_.weight(norm_.bias()) : params_.i64(0));
  give(element + " *", "constants", params_.workspace(norm_.constantsAt()));
}

/// What its end reads.
void EpiloguePrinter::endNorm() {
  Type element = cast<ir::PackedType>(match_.input.getType()).getElementType();
  members_.push_back("static constexpr int kEndedSlots = " +
                     std::to_string(norm_.slots));
  give("const float *", "squares", params_.workspace(norm_.sumsAt()));
  members_.push_back(
      "static constexpr float inner = " + floatLiteral(double(norm_.inner())) +
      ", eps = " + floatLiteral(norm_.eps()));
  if (norm_.hasMean())
    give("const " + typeText(element).str() + " *", "constants",
         params_.workspace(norm_.constantsAt()));
}

LogicalResult EpiloguePrinter::print(CudaPrinter &out) {
  auto stored =
      cast<ir::PackedType>(fused_.getResult(0).getType()).getElementType();
  std::string type = typeText(stored).str();
  printBias();
  FailureOr<std::string> result = printResidual();
  if (failed(result))
    return failure();
  if (mostRows_ == 0) {
    params_.add(type + " *", "out", params_.out(0));
    member(type + " *", "out");
    stride("outStride", fused_.getResult(0));
    body_.line("return " + *result + ";");
  } else {
    body_.line("return toFloat(fromFloat<Stored>(" + *result + "));");
  }

  if (norm_.norm)
    norm_.begins ? beginNorm() : endNorm();
  out.open("struct Epilogue");
  out.line("using Stored = " + type + ";");
  out.line("static constexpr bool kGated = " +
           llvm::Twine(match_.gated ? "true;" : "false;"));
  if (mostRows_ > 0)
    out.line("static constexpr int kMostRows = " + std::to_string(mostRows_) +
             ";");
  for (const std::string &text : members_)
    out.line(text + ";");
  out.open("struct Operands");
  out.splice(operands_);
  out.close(";");
  out.open("__device__ __forceinline__ Operands load(int m, int n) const");
  out.line("Operands o = {};");
  out.splice(loads_);
  out.line("return o;");
  out.close();
  std::string sums = match_.gated ? ", float y, float y2" : ", float y";
  out.open("__device__ __forceinline__ float value(const Operands &o" + sums +
           ") const");
  out.splice(body_);
  out.close();
  out.open("__device__ __forceinline__ void operator()(int m, int n, const "
           "Operands &o" +
           sums + ") const");
  std::string value = match_.gated ? "value(o, y, y2)" : "value(o, y)";
  out.line(mostRows_ > 0
               ? "likeliest::offer<kMostRows>(m, n, " + value + ");"
               : "out[m * outStride + n] = fromFloat<Stored>(" + value + ");");
  out.close();
  out.close(";");
  return success();
}

FailureOr<std::string> codegen::printEpilogue(ir::FusedOp fused,
                                              const GemmMatch &match,
                                              KernelParams &params,
                                              CudaPrinter &out,
                                              const EpilogueForm &form) {
  EpiloguePrinter epilogue(fused, match, params, form);
  if (failed(epilogue.print(out)))
    return failure();
  return "Epilogue{" + epilogue.initialisers() + "}";
}

std::string LikeliestText::begin(int64_t mostRows) {
  return "likeliest::begin<" + std::to_string(mostRows) + ">();";
}

std::string LikeliestText::finish(int64_t mostRows, KernelParams &params) {
  params.add("int *", "tokens", params.nextOut(0));
  params.add("u32 *", "counters", params.workspace(0));
  return "likeliest::finish<" + std::to_string(mostRows) +
         ">(counts[axis], tokens, counters);";
}
