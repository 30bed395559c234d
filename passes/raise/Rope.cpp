//===- Rope.cpp - rotary embeddings, however they are spelled -------------===//
//
// The formula is taken for each element of a head: a rotary embedding is, for
// every one, a sum of the element itself times one function of the position
// and of its partner times another. Which partner, and how the functions relate
// over the head, decides.
//
//===----------------------------------------------------------------------===//
#include "passes/raise/Raiser.h"

#include <cmath>

using namespace mlir;
using namespace ft::ir;

namespace ft::passes::raise {

namespace {

/// What one element of a head is: factor * read, by the read's index.
struct Lane {
  std::map<int64_t, const Node *> factors;
  const Array *array = nullptr;
  const Node *head = nullptr; // the index without the part within the head
};

class RopeMatcher {
public:
  RopeMatcher(Context &ctx, const Dim *sequence, ArrayRef<const Dim *> heads,
              ArrayRef<const Dim *> dims)
      : ctx_(ctx), exprs_(ctx.exprs), sequence_(sequence), heads_(heads),
        dims_(dims) {}

  bool match(const Node *expr);
  FlatSymbolRefAttr table();

  int64_t size = 1;    // of a head
  int64_t rotated = 0; // elements that are rotated, the first ones
  bool interleaved = false;
  const Array *array = nullptr;
  const Node *head = nullptr;
  int64_t first = 0; // of a head in its row
  double factor = 1; // of the result, beside the table

private:
  bool splitLanes(const Node *expr);
  bool addTerm(Lane &lane, const Node *term, double factor);
  bool pairUp(bool inPairs);
  FlatSymbolRefAttr generated();

  Context &ctx_;
  Exprs &exprs_;
  const Dim *sequence_;
  ArrayRef<const Dim *> heads_, dims_;
  SmallVector<Lane> lanes_;
  SmallVector<const Node *> cos_, sin_;
};

} // namespace

/// term = factor * read * functions of the position.
bool RopeMatcher::addTerm(Lane &lane, const Node *term, double factor) {
  SmallVector<const Node *> left{term};
  const Node *read = nullptr, *rest = exprs_.constant(factor);
  while (!left.empty()) {
    const Node *part = left.pop_back_val();
    if (part->isFn("mul")) {
      left.append(part->args.begin(), part->args.end());
      continue;
    }
    if (part->kind == Node::Affine && part->args.size() == 1 &&
        part->value == 0) {
      rest = exprs_.scaled(rest, part->coefs[0]);
      left.push_back(part->args[0]);
      continue;
    }
    if (!readsData(part)) {
      rest = exprs_.mul(rest, part);
      continue;
    }
    if (read || part->kind != Node::Read ||
        part->array->kind != Array::Tokens ||
        part->args[1] != exprs_.index(sequence_))
      return false;
    read = part;
  }
  std::optional<AffineIndex> index =
      read ? affineIndex(read->args.back()) : std::nullopt;
  if (!index || (lane.array && lane.array != read->array))
    return false;
  const Node *head = exprs_.plus(read->args.back(), -index->constant);
  if (lane.head && lane.head != head)
    return false;
  lane.array = read->array;
  lane.head = head;
  const Node *&sum = lane.factors[int64_t(index->constant)];
  sum = sum ? exprs_.add(sum, rest) : rest;
  return true;
}

bool RopeMatcher::splitLanes(const Node *expr) {
  for (const Dim *dim : dims_)
    size *= dim->size;
  for (int64_t i = 0; i < size; ++i) {
    DimMap map;
    int64_t rest = i;
    for (const Dim *dim : llvm::reverse(dims_)) {
      map[dim] = exprs_.constant(double(rest % dim->size));
      rest /= dim->size;
    }
    const Node *element = exprs_.substitute(expr, map);
    Lane lane;
    bool sum = element->kind == Node::Affine;
    if (sum && element->value != 0)
      return false;
    if (!sum && !addTerm(lane, element, 1))
      return false;
    if (sum)
      for (auto [term, coef] : llvm::zip(element->args, element->coefs))
        if (!addTerm(lane, term, coef))
          return false;
    if (!array)
      array = lane.array, head = lane.head;
    if (lane.array != array || lane.head != head || lane.factors.size() > 2)
      return false;
    lanes_.push_back(std::move(lane));
  }
  return true;
}

/// Whether the lanes are rotated as (j, j + half) or as (2j, 2j + 1).
bool RopeMatcher::pairUp(bool inPairs) {
  int64_t half = rotated / 2;
  cos_.clear();
  sin_.clear();
  for (int64_t j = 0; j < half; ++j) {
    int64_t a = inPairs ? 2 * j : j, b = inPairs ? 2 * j + 1 : j + half;
    auto factor = [&](int64_t lane, int64_t of) {
      auto it = lanes_[lane].factors.find(first + of);
      return it == lanes_[lane].factors.end() ? nullptr : it->second;
    };
    const Node *cos = factor(a, a), *sin = factor(b, a), *minus = factor(a, b);
    if (!cos || !sin || !minus || factor(b, b) != cos ||
        exprs_.scaled(sin, -1) != minus)
      return false;
    cos_.push_back(cos);
    sin_.push_back(sin);
  }
  interleaved = inPairs;
  return true;
}

bool RopeMatcher::match(const Node *expr) {
  if (!splitLanes(expr))
    return false;
  // Elements from `rotated` on pass through.
  rotated = size;
  first = lanes_.back().factors.rbegin()->first - (size - 1);
  while (rotated > 0) {
    const Lane &lane = lanes_[rotated - 1];
    if (lane.factors.size() != 1 || !lane.factors.begin()->second->isConst(1))
      break;
    if (lane.factors.begin()->first != first + rotated - 1)
      return false;
    --rotated;
  }
  return rotated >= 2 && rotated % 2 == 0 && (pairUp(false) || pairUp(true));
}

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

const Node *emitRope(Context &ctx, const Node *expr, const Dim *batch,
                     const Dim *sequence, ArrayRef<const Dim *> rows,
                     Location loc) {
  bool moves = false, reads = false;
  forEachNode(expr, [&](const Node *node) {
    moves |= node->kind == Node::Index && node->dim == sequence;
    reads |= node->kind == Node::Read && node->array->kind == Array::Tokens;
  });
  if (!moves || !reads || expr->kind == Node::Read)
    return nullptr;
  Exprs &exprs = ctx.exprs;
  for (size_t count = 1; count <= rows.size(); ++count) {
    ArrayRef<const Dim *> heads = rows.drop_back(count);
    ArrayRef<const Dim *> dims = rows.take_back(count);
    int64_t size = 1;
    for (const Dim *dim : dims)
      size *= dim->size;
    RopeMatcher rope(ctx, sequence, heads, dims);
    if (size > 1024 || !rope.match(expr))
      continue;
    FlatSymbolRefAttr table = rope.table();
    if (!table)
      continue;
    // The rows to rotate: [heads, size], whatever the shape around them.
    const Node *head = rope.head;
    const Dim *h = ctx.layout.merge(heads, {&head});
    if (!h)
      h = exprs.dim(Dim::Literal, 1);
    const Dim *d = exprs.dim(Dim::Literal, size);
    const Node *b = exprs.index(batch), *s = exprs.index(sequence);
    const Node *x = exprs.read(
        rope.array,
        {b, s,
         exprs.affine(double(rope.first), {{head, 1}, {exprs.index(d), 1}})});
    Location inner = rope.array->value.getLoc();
    Emitted input = emitRows(ctx, x, batch, sequence, {h, d}, inner);
    auto type = input.value ? cast<PackedType>(input.value.getType()) : nullptr;
    if (!type || type.getShape() != ArrayRef<int64_t>({h->size, d->size}))
      return nullptr;
    Value rotated = RopeOp::create(ctx.builder, loc, type, input.value,
                                   ctx.sequences, FlatSymbolRefAttr(table),
                                   rope.interleaved ? ctx.builder.getUnitAttr()
                                                    : UnitAttr());
    Array *array = exprs.array(Array::Tokens);
    array->value = rotated;
    SmallVector<const Node *> at;
    for (const Dim *dim : rows)
      at.push_back(exprs.index(dim));
    return exprs.scaled(
        exprs.read(array, {b, s, flatIndex(exprs, at, sizesOf(rows))}),
        rope.factor);
  }
  return nullptr;
}

} // namespace ft::passes::raise
