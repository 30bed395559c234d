//===- Tables.cpp - weights that are formulas -----------------------------===//
//
// Written from the papers that runtime/weights/Generators.h cites, in double,
// rounded to fp32 as the contract says.
//
//===----------------------------------------------------------------------===//
#include "tools/verify/SourceWeights.h"

#include <algorithm>
#include <cmath>
#include <numbers>

using namespace ft;
using namespace ft::verify;

namespace {

/// The named numbers of a generator, or their defaults.
class Numbers {
public:
  explicit Numbers(mlir::DictionaryAttr args)
      : numbers_(args.getAs<mlir::DictionaryAttr>("numbers")) {}

  double get(llvm::StringRef name, double missing) const {
    mlir::Attribute value = numbers_ ? numbers_.get(name) : mlir::Attribute();
    if (auto real = mlir::dyn_cast_or_null<mlir::FloatAttr>(value))
      return real.getValueAsDouble();
    if (auto integer = mlir::dyn_cast_or_null<mlir::IntegerAttr>(value))
      return double(integer.getInt());
    return missing;
  }

private:
  mlir::DictionaryAttr numbers_;
};

/// Radians a position for pair `pair` of `dims` / 2.
double frequency(const Numbers &numbers, int64_t pair, int64_t dims) {
  double plain =
      1 / std::pow(numbers.get("theta", 1e4), 2 * double(pair) / double(dims));
  double factor = numbers.get("factor", 1);
  auto scaling = int(numbers.get("scaling", 0));
  if (scaling == 0)
    return plain;
  if (scaling == 1)
    return plain / factor;
  double low = numbers.get("low_freq_factor", 1);
  double high = numbers.get("high_freq_factor", 4);
  double turns = numbers.get("original_max_position", 8192) * plain /
                 (2 * std::numbers::pi);
  double share = std::clamp((turns - low) / (high - low), 0.0, 1.0);
  return plain * share + plain / factor * (1 - share);
}

void fillRope(const Numbers &numbers, WeightTensor &out) {
  int64_t dims = out.shape[1];
  double gain = numbers.get("attention_factor", 1);
  for (int64_t j = 0; j < dims / 2; ++j) {
    double step = frequency(numbers, j, dims);
    for (int64_t p = 0; p < out.shape[0]; ++p) {
      out.data[size_t(p * dims + j)] = float(std::cos(double(p) * step) * gain);
      out.data[size_t(p * dims + dims / 2 + j)] =
          float(std::sin(double(p) * step) * gain);
    }
  }
}

/// ALiBi: powers of 2^(-8/n) for the n heads of a power of two; the others take
/// every second power of the next one.
void fillSlopes(WeightTensor &out) {
  auto heads = int64_t(out.data.size());
  int64_t whole = 1;
  while (whole * 2 <= heads)
    whole *= 2;
  for (int64_t head = 0; head < heads; ++head) {
    double exponent =
        head < whole ? 8.0 * double(head + 1) / double(whole)
                     : 8.0 * double(2 * (head - whole) + 1) / double(2 * whole);
    out.data[size_t(head)] = float(std::exp2(-exponent));
  }
}

} // namespace

StatusOr<WeightTensor> verify::generateTable(ir::RecipeAttr recipe,
                                             int64_t rows) {
  auto name = recipe.getArgs().getAs<mlir::StringAttr>("name");
  Numbers numbers(recipe.getArgs());
  auto dims = recipe.getShape();
  WeightTensor out{{dims.begin(), dims.end()}, {}};
  bool rope = name && name == "rope";
  if (rope)
    out.shape[0] = std::min(out.shape[0], rows);
  out.data.resize(size_t(elementsOf(out.shape)));
  if (rope)
    fillRope(numbers, out);
  else if (name && name == "alibi")
    fillSlopes(out);
  else if (name && name == "iota")
    for (size_t i = 0; i < out.data.size(); ++i)
      out.data[i] =
          float(numbers.get("start", 0) + double(i) * numbers.get("step", 1));
  else
    return unsupported("the evaluator knows no generator '" +
                       (name ? name.str() : std::string()) + "'");
  return out;
}
