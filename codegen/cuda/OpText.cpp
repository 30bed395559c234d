//===- OpText.cpp - semantic ops as CUDA expressions ----------------------===//
#include "codegen/cuda/OpText.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Format.h"

#include <cmath>

using namespace mlir;
using namespace ft;
using namespace ft::codegen;

namespace {
struct ExpressionText {
  StringLiteral op;
  StringLiteral text;
};
} // namespace

static constexpr ExpressionText elementTable[] = {
    {"ft.add", "$0 + $1"},
    {"ft.sub", "$0 - $1"},
    {"ft.mul", "$0 * $1"},
    {"ft.div", "$0 / $1"},
    {"ft.maximum", "maximum($0, $1)"},
    {"ft.minimum", "minimum($0, $1)"},
    {"ft.silu", "silu($0)"},
    {"ft.relu", "relu($0)"},
    {"ft.tanh", "tanhf($0)"},
    {"ft.sigmoid", "sigmoid($0)"},
    {"ft.exp", "expf($0)"},
    {"ft.log", "logf($0)"},
    {"ft.sqrt", "sqrtf($0)"},
    {"ft.rsqrt", "inverseSqrt($0)"},
    {"ft.neg", "-$0"},
    {"ft.abs", "fabsf($0)"},
    {"ft.erf", "erff($0)"},
    {"ft.square", "square($0)"},
    {"ft.reciprocal", "reciprocal($0)"},
    {"ft.scale", "$0 * $k"},
    {"ft.offset", "$0 + $k"},
    {"ft.cast", "$0"},
    {"ft.sin", "sinf($0)"},
    {"ft.cos", "cosf($0)"},
    {"ft.floor", "floorf($0)"},
    {"ft.trunc", "truncf($0)"},
    {"ft.pow", "powf($0, $1)"},
    {"ft.mod", "modulo($0, $1)"},
    {"ft.lt", "$0 < $1 ? 1.0f : 0.0f"},
    {"ft.le", "$0 <= $1 ? 1.0f : 0.0f"},
    {"ft.eq", "$0 == $1 ? 1.0f : 0.0f"},
    {"ft.select", "$0 != 0.0f ? $1 : $2"},
};

/// Of results that have 16 bits, which need no exact function.
static constexpr ExpressionText roundedTable[] = {
    {"ft.silu", "silu16($0)"},
    {"ft.sigmoid", "sigmoid16($0)"},
};

static constexpr ExpressionText scoreTable[] = {
    {"add", "$0 + $1"},
    {"sub", "$0 - $1"},
    {"mul", "$0 * $1"},
    {"div", "$0 / $1"},
    {"max", "maximum($0, $1)"},
    {"min", "minimum($0, $1)"},
    {"neg", "-$0"},
    {"abs", "fabsf($0)"},
    {"exp", "expf($0)"},
    {"log", "logf($0)"},
    {"tanh", "tanhf($0)"},
    {"floor", "floorf($0)"},
    {"lt", "$0 < $1 ? 1.0f : 0.0f"},
    {"le", "$0 <= $1 ? 1.0f : 0.0f"},
    {"eq", "$0 == $1 ? 1.0f : 0.0f"},
    {"select", "$0 != 0.0f ? $1 : $2"},
};

std::string codegen::floatLiteral(double value) {
  float narrow = float(value);
  if (std::isinf(narrow) || std::isnan(narrow)) {
    uint32_t bits;
    std::memcpy(&bits, &narrow, 4);
    return "__int_as_float(0x" + llvm::utohexstr(bits, /*LowerCase=*/true) +
           ")";
  }
  std::string text;
  llvm::raw_string_ostream(text) << llvm::format("%.9g", double(narrow));
  if (text.find_first_of(".e") == std::string::npos)
    text += ".0";
  return text + "f";
}

StringRef codegen::typeText(Type elementType) {
  if (elementType.isBF16())
    return "bf16";
  if (elementType.isF16())
    return "f16";
  if (elementType.isInteger(32))
    return "int";
  return "float";
}

std::string
codegen::substitute(StringRef text,
                    ArrayRef<std::pair<std::string, std::string>> values) {
  std::string out;
  while (!text.empty()) {
    size_t dollar = text.find('$');
    out += text.take_front(dollar).str();
    if (dollar == StringRef::npos)
      break;
    text = text.drop_front(dollar + 1);
    const auto *it = llvm::find_if(
        values, [&](const auto &pair) { return text.starts_with(pair.first); });
    assert(it != values.end() && "a table names a value nobody gives");
    out += it->second;
    text = text.drop_front(it->first.size());
  }
  return out;
}

static std::string expand(StringRef text, ArrayRef<std::string> operands,
                          std::string constant = {}) {
  SmallVector<std::pair<std::string, std::string>> values;
  for (auto [number, operand] : llvm::enumerate(operands))
    values.push_back({std::to_string(number), operand});
  values.push_back({"k", std::move(constant)});
  return substitute(text, values);
}

static bool isRounded(Operation *op) {
  auto type = dyn_cast<ir::PackedType>(op->getResult(0).getType());
  return type &&
         (type.getElementType().isBF16() || type.getElementType().isF16());
}

std::optional<std::string>
codegen::elementText(Operation *op, ArrayRef<std::string> operands) {
  bool rounded = isRounded(op);
  if (auto gelu = dyn_cast<ir::GeluOp>(op)) {
    StringRef text = gelu.getTanh() ? "geluTanh" : "geluErf";
    return expand((text + (rounded ? "16($0)" : "($0)")).str(), operands);
  }
  StringRef name = op->getName().getStringRef();
  if (rounded)
    for (const ExpressionText &e : roundedTable)
      if (e.op == name)
        return expand(e.text, operands);
  const auto *it = llvm::find_if(
      elementTable, [&](const ExpressionText &e) { return e.op == name; });
  if (it == std::end(elementTable))
    return std::nullopt;
  std::string constant;
  if (auto by = op->getAttrOfType<FloatAttr>("by"))
    constant = floatLiteral(by.getValueAsDouble());
  return expand(it->text, operands, constant);
}

std::optional<std::string> codegen::scoreText(StringRef fn,
                                              ArrayRef<std::string> operands) {
  const auto *it = llvm::find_if(
      scoreTable, [&](const ExpressionText &e) { return e.op == fn; });
  if (it == std::end(scoreTable))
    return std::nullopt;
  return expand(it->text, operands);
}

const LineOp *codegen::lineOp(Operation *op) {
  static const LineOp table[] = {
      {"ft.rms_norm",
       {{"Scale", "row::inverseDeviation(line, $0, 0.0f, $eps)"}},
       "$0 * $Scale * $w"},
      {"ft.layer_norm",
       {{"Mean", "row::mean(line, $0)"},
        {"Scale", "row::inverseDeviation(line, $0, $Mean, $eps)"}},
       "($0 - $Mean) * $Scale * $w + $b"},
      {"ft.softmax",
       {{"Top", "line.max($0)"}, {"Sum", "row::sumExp(line, $0, $Top)"}},
       "expf($0 - $Top) / $Sum"},
      {"ft.normalize",
       {{"Norm", "maximum(sqrtf(row::squares(line, $0, 0.0f)), $eps)"}},
       "$0 / $Norm"},
      {"ft.reduce_sum", {{"Sum", "line.sum($0)"}}, ""},
      {"ft.reduce_max", {{"Top", "line.max($0)"}}, ""},
      {"ft.reduce_mean", {{"Mean", "row::mean(line, $0)"}}, ""},
  };
  StringRef name = op->getName().getStringRef();
  const auto *it =
      llvm::find_if(table, [&](const LineOp &e) { return e.op == name; });
  return it == std::end(table) ? nullptr : it;
}
