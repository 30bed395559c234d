//===- RopeTable.cpp - cosines and sines of rotary embeddings -------------===//
#include "passes/raise/Rope.h"

#include <cmath>

using namespace mlir;
using namespace ft::ir;

namespace ft::passes::raise {

/// node = factor * fn(position * frequency), the frequency a formula.
static bool isWave(Exprs &exprs, const Node *node, StringRef fn,
                   const Dim *sequence, double &factor,
                   const Node *&frequency) {
  factor = 1;
  if (node->kind == Node::Affine && node->args.size() == 1 &&
      node->value == 0) {
    factor = node->coefs[0];
    node = node->args[0];
  }
  if (!node->isFn(fn))
    return false;
  const Node *angle = node->args[0];
  frequency = exprs.substitute(angle, sequence, exprs.constant(1));
  return !frequency->isConst(0) &&
         exprs.mul(exprs.index(sequence), frequency) == angle;
}

/// One frequency, but for the last digits of fp64: a formula of the index
/// rounds otherwise for j and for j + half - half.
static bool isSameFrequency(const Node *a, const Node *b) {
  return a == b ||
         (a->isConst() && b->isConst() &&
          std::fabs(a->value - b->value) <= 1e-12 * std::fabs(a->value));
}

/// The table that the generator makes, where the frequencies are a geometric
/// series.
FlatSymbolRefAttr RopeMatcher::geometric(ArrayRef<double> frequencies,
                                         int64_t positions) {
  double scale = frequencies[0], theta = 10000;
  if (frequencies.size() > 1)
    theta = std::pow(frequencies[1] / scale, -double(rotated) / 2);
  // fp32 frequencies say theta to some 7 - log10(rotated) digits.
  if (std::fabs(std::round(theta) / theta - 1) < 1e-5)
    theta = std::round(theta);
  for (auto [j, frequency] : llvm::enumerate(frequencies)) {
    double expected = scale * std::pow(theta, -2.0 * double(j) / rotated);
    if (!(std::fabs(frequency / expected - 1) <= 1e-6))
      return nullptr;
  }
  Builder &builder = ctx_.weights.builder();
  NamedAttrList numbers;
  numbers.set("theta", builder.getF64FloatAttr(theta));
  if (scale != 1) {
    numbers.set("scaling", builder.getF64FloatAttr(1));
    numbers.set("factor", builder.getF64FloatAttr(1 / scale));
  }
  RecipeAttr recipe = ctx_.weights.node(
      "generator", {}, {positions, rotated},
      {builder.getNamedAttr("name", builder.getStringAttr("rope")),
       builder.getNamedAttr("numbers",
                            numbers.getDictionary(builder.getContext()))});
  return ctx_.weights.of(recipe, "rope");
}

/// Angles that are positions times frequencies: known numbers, scaled in
/// whatever way, or a weight.
FlatSymbolRefAttr RopeMatcher::fromFrequencies() {
  SmallVector<const Node *> frequencies;
  double attention = 0;
  for (auto [cos, sin] : llvm::zip(cos_, sin_)) {
    double cosFactor, sinFactor;
    const Node *frequency, *sinFrequency;
    if (!isWave(exprs_, cos, "cos", sequence_, cosFactor, frequency) ||
        !isWave(exprs_, sin, "sin", sequence_, sinFactor, sinFrequency))
      return nullptr;
    if (!isSameFrequency(frequency, sinFrequency) || cosFactor != sinFactor ||
        (attention != 0 && cosFactor != attention)) {
      because("its cosines and sines are not of one angle and size");
      return nullptr;
    }
    attention = cosFactor;
    frequencies.push_back(frequency);
  }
  int64_t positions = ctx_.maxPositions();
  if (positions <= 0) {
    because("the model does not say max_positions, the rows that its table of "
            "angles needs");
    return nullptr;
  }
  factor = attention;
  bool known = llvm::all_of(frequencies, [](auto *f) { return f->isConst(); });
  if (known) {
    SmallVector<double> numbers;
    for (const Node *frequency : frequencies)
      numbers.push_back(frequency->value);
    if (FlatSymbolRefAttr table = geometric(numbers, positions))
      return table;
    SmallVector<float> data(numbers.begin(), numbers.end());
    return ctx_.weights.rotations(
        ctx_.weights.numbers(data, int64_t(data.size())), positions);
  }
  const Dim *column = exprs_.dim(Dim::Literal, rotated / 2);
  const Node *all =
      rotated > 2 ? antiUnify(exprs_, frequencies, column) : nullptr;
  RecipeAttr recipe =
      all ? ctx_.weights.recipeOf(all, column, rotated / 2) : RecipeAttr();
  if (recipe)
    return ctx_.weights.rotations(recipe, positions);
  because("its frequencies are neither known numbers nor a weight, in order");
  return nullptr;
}

/// The array that a number of the position is looked up in, by position.
static const Node *lookup(const Node *node) {
  while (node && node->kind == Node::Affine && node->args.size() == 1)
    node = node->args[0];
  bool table = node && node->kind == Node::Read &&
               (node->array->kind == Array::Param ||
                node->array->kind == Array::Numbers);
  return table ? node : nullptr;
}

/// Cosines and sines of known numbers, by position.
FlatSymbolRefAttr RopeMatcher::tabulated(int64_t positions) {
  SmallVector<float> data;
  for (int64_t p = 0; p < positions; ++p)
    for (const auto &waves : {cos_, sin_})
      for (const Node *wave : waves) {
        const Node *value =
            exprs_.substitute(wave, sequence_, exprs_.constant(double(p)));
        if (!value->isConst() || int64_t(data.size()) == kMaxLiteral)
          return nullptr;
        data.push_back(float(value->value));
      }
  return ctx_.weights.literal(data, {positions, rotated});
}

/// Takes a factor that all of them have out of cosines and sines.
static double takeFactor(Exprs &exprs, SmallVectorImpl<const Node *> &cos,
                         SmallVectorImpl<const Node *> &sin) {
  auto factorOf = [](const Node *wave) {
    bool scaled = wave->kind == Node::Affine && wave->args.size() == 1 &&
                  wave->value == 0;
    return scaled ? wave->coefs[0] : 1;
  };
  double factor = factorOf(cos[0]);
  for (auto *waves : {&cos, &sin})
    for (const Node *wave : *waves)
      if (std::fabs(factorOf(wave)) != factor)
        return 1;
  for (auto *waves : {&cos, &sin})
    for (const Node *&wave : *waves)
      if (factor != 1)
        wave = exprs.scaled(wave, 1 / factor);
  return factor;
}

/// Two tables of the model's own, by position.
FlatSymbolRefAttr RopeMatcher::fromTables() {
  factor = takeFactor(exprs_, cos_, sin_);
  const Node *read = lookup(cos_[0]);
  bool byPosition =
      read && !read->args.empty() && read->args[0] == exprs_.index(sequence_);
  if (!byPosition) {
    because("its cosines and sines are neither those of positions times "
            "frequencies nor rows of a table by position");
    return nullptr;
  }
  if (FlatSymbolRefAttr table = tabulated(read->array->shape[0]))
    return table;
  const Dim *column = exprs_.dim(Dim::Literal, rotated / 2);
  bool several = cos_.size() > 1;
  const Node *cos = several ? antiUnify(exprs_, cos_, column) : cos_[0];
  const Node *sin = several ? antiUnify(exprs_, sin_, column) : sin_[0];
  const Dim *position = exprs_.dim(Dim::Literal, read->array->shape[0]);
  const Node *at = exprs_.index(position);
  SmallVector<const Dim *> dims{position, column};
  FlatSymbolRefAttr table;
  if (several && cos && sin)
    table =
        ctx_.weights.sideBySide(exprs_.substitute(cos, sequence_, at),
                                exprs_.substitute(sin, sequence_, at), dims);
  if (!table)
    because("its tables are no slices of weights, in order");
  return table;
}

FlatSymbolRefAttr RopeMatcher::table() {
  why.clear();
  FlatSymbolRefAttr table = fromFrequencies();
  if (!table && why.empty())
    table = fromTables();
  if (!table || rotated == size)
    return table;
  // What passes through is of another size: the table's numbers make up for it.
  if (std::fabs(factor - 1) > 1e-12)
    table = ctx_.weights.scaled(table, factor);
  factor = passed;
  return table;
}

//===----------------------------------------------------------------------===//
// Full-width tables: the elements of a pair have columns of their own
//===----------------------------------------------------------------------===//

namespace {
/// An element of what a recipe is made of.
struct Leaf {
  RecipeAttr recipe;
  SmallVector<const Node *> at;
  bool operator==(const Leaf &other) const {
    return recipe == other.recipe && at == other.at;
  }
};
} // namespace

static int64_t numberOf(RecipeAttr recipe, StringRef name) {
  auto number = recipe.getArgs().getAs<IntegerAttr>(name);
  return number ? number.getInt() : 0;
}

/// Through slices and concatenations, as far as indices are known.
static Leaf leafOf(Exprs &exprs, RecipeAttr recipe,
                   SmallVector<const Node *> at) {
  for (;;) {
    auto axis = size_t(numberOf(recipe, "axis"));
    if (recipe.getOp() == "slice") {
      at[axis] = exprs.plus(at[axis], double(numberOf(recipe, "start")));
      recipe = recipe.getOf()[0];
      continue;
    }
    if (recipe.getOp() != "concat" || !at[axis]->isConst())
      return {recipe, at};
    double start = 0;
    for (RecipeAttr part : recipe.getOf()) {
      double end = start + double(part.getShape()[axis]);
      if (at[axis]->value >= start && at[axis]->value < end) {
        at[axis] = exprs.plus(at[axis], -start);
        recipe = part;
        break;
      }
      start = end;
    }
  }
}

/// Waves of one size and frequency.
static bool isSameWave(Exprs &exprs, const Node *a, const Node *b,
                       const Dim *sequence) {
  for (StringRef fn : {"cos", "sin"}) {
    double factor, other;
    const Node *x, *y;
    if (isWave(exprs, a, fn, sequence, factor, x) &&
        isWave(exprs, b, fn, sequence, other, y))
      return factor == other && isSameFrequency(x, y);
  }
  return false;
}

/// Whether two numbers of a position are proven equal: one formula, equal
/// numbers of all positions, or one column that a weight holds twice.
bool RopeMatcher::isSame(const Node *a, const Node *b) {
  const Node *x = lookup(a), *y = lookup(b);
  if (isSameWave(exprs_, a, b, sequence_))
    return true;
  if (a == b || !x || !y || x->args[0] != y->args[0])
    return a == b;
  if (x->array->kind == Array::Numbers && y->array->kind == Array::Numbers) {
    int64_t rows = x->array->shape[0];
    if (rows != y->array->shape[0] || x->args[0] != exprs_.index(sequence_))
      return false;
    for (int64_t p = 0; p < rows; ++p) {
      const Node *at = exprs_.constant(double(p));
      if (exprs_.substitute(a, sequence_, at) !=
          exprs_.substitute(b, sequence_, at))
        return false;
    }
    return true;
  }
  // The same factors around reads of the same.
  if (!x->array->symbol || !y->array->symbol ||
      exprs_.rewrite(b, [&](const Node *n) { return n == y ? x : nullptr; }) !=
          a)
    return false;
  auto leaf = [&](const Node *read) {
    return leafOf(exprs_, ctx_.weights.recipe(read->array->symbol),
                  SmallVector<const Node *>(read->args));
  };
  return leaf(x) == leaf(y);
}

} // namespace ft::passes::raise
