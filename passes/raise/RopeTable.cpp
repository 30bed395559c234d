//===- RopeTable.cpp - cosines and sines of rotary embeddings -------------===//
#include "passes/raise/Rope.h"

#include <cmath>

using namespace mlir;
using namespace ft::ir;

namespace ft::passes::raise {

/// node = factor * fn(position * frequency).
static bool isWave(const Node *node, StringRef fn, const Dim *sequence,
                   double &factor, double &frequency) {
  factor = 1;
  if (node->kind == Node::Affine && node->args.size() == 1 &&
      node->value == 0) {
    factor = node->coefs[0];
    node = node->args[0];
  }
  if (!node->isFn(fn))
    return false;
  std::optional<AffineIndex> angle = affineIndex(node->args[0]);
  if (!angle || angle->constant != 0 || angle->terms.size() != 1)
    return false;
  frequency = angle->coefficient(sequence);
  return frequency != 0;
}

/// The generator's table, where the frequencies are a geometric series.
FlatSymbolRefAttr RopeMatcher::generated() {
  SmallVector<double> frequencies;
  double attention = 0;
  for (auto [cos, sin] : llvm::zip(cos_, sin_)) {
    double factor, frequency, sinFactor, sinFrequency;
    if (!isWave(cos, "cos", sequence_, factor, frequency) ||
        !isWave(sin, "sin", sequence_, sinFactor, sinFrequency) ||
        frequency != sinFrequency || factor != sinFactor ||
        (attention != 0 && factor != attention))
      return nullptr;
    attention = factor;
    frequencies.push_back(frequency);
  }
  double scale = frequencies[0], theta = 10000;
  if (frequencies.size() > 1)
    theta = std::pow(frequencies[1] / scale, -double(rotated) / 2);
  // fp32 frequencies say theta to some 7 - log10(rotated) digits.
  if (std::fabs(std::round(theta) / theta - 1) < 1e-5)
    theta = std::round(theta);
  for (auto [j, frequency] : llvm::enumerate(frequencies)) {
    double expected = scale * std::pow(theta, -2.0 * double(j) / rotated);
    if (std::fabs(frequency / expected - 1) > 1e-6)
      return nullptr;
  }
  int64_t positions = ctx_.maxPositions();
  if (positions <= 0)
    return nullptr;
  Builder &builder = ctx_.weights.builder();
  NamedAttrList numbers;
  numbers.set("theta", builder.getF64FloatAttr(theta));
  if (scale != 1) {
    numbers.set("scaling", builder.getF64FloatAttr(1));
    numbers.set("factor", builder.getF64FloatAttr(1 / scale));
  }
  factor = attention;
  RecipeAttr recipe = ctx_.weights.node(
      "generator", {}, {positions, rotated},
      {builder.getNamedAttr("name", builder.getStringAttr("rope")),
       builder.getNamedAttr("numbers",
                            numbers.getDictionary(builder.getContext()))});
  return ctx_.weights.of(recipe, "rope");
}

FlatSymbolRefAttr RopeMatcher::table() {
  if (FlatSymbolRefAttr table = generated())
    return table;
  // Two tables of the model's own, by position.
  if (cos_.size() < 2)
    return nullptr;
  const Dim *column = exprs_.dim(Dim::Literal, rotated / 2);
  const Node *cos = antiUnify(exprs_, cos_, column);
  const Node *sin = antiUnify(exprs_, sin_, column);
  const Node *read = cos;
  while (read && read->kind == Node::Affine)
    read = read->args[0];
  if (!read || !sin || read->kind != Node::Read ||
      read->array->kind != Array::Param)
    return nullptr;
  const Dim *position = exprs_.dim(Dim::Literal, read->array->shape[0]);
  const Node *at = exprs_.index(position);
  return ctx_.weights.sideBySide(exprs_.substitute(cos, sequence_, at),
                                 exprs_.substitute(sin, sequence_, at),
                                 {position, column});
}

} // namespace ft::passes::raise
