//===- Rope.cpp - rotary embeddings, however they are spelled -------------===//
//
// The formula is taken for each element of a head: a rotary embedding is, for
// every one, a sum of the element itself times one function of the position
// and of its partner times another. Which partner, and how the functions relate
// over the head, decides.
//
//===----------------------------------------------------------------------===//
#include "passes/raise/Rope.h"

using namespace mlir;
using namespace ft::ir;

namespace ft::passes::raise {

/// Whether rows are cosines or sines, computed of no product with a weight.
static bool isOfWaves(Value rows) {
  SmallVector<Value> work{rows};
  while (!work.empty()) {
    Operation *op = work.pop_back_val().getDefiningOp();
    if (isa_and_nonnull<CosOp, SinOp>(op))
      return true;
    if (op && !isa<LinearOp, AttentionOp, RopeOp>(op))
      work.append(op->operand_begin(), op->operand_end());
  }
  return false;
}

static bool readsWaves(const Node *node) {
  return node->kind == Node::Read && node->array->kind == Array::Tokens &&
         isOfWaves(node->array->value);
}

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
    bool wave = readsWaves(part) ||
                (part->kind != Node::Read && !part->dependsOn(dims_) &&
                 !part->dependsOn(heads));
    if (wave)
      return because("its angles are computed from values of tokens, such as "
                     "an input of positions, not from the index of a token");
    if (read || part->kind != Node::Read ||
        part->array->kind != Array::Tokens ||
        part->args[1] != exprs_.index(sequence_))
      return because("it is no sum of elements of one row times cosines and "
                     "sines");
    read = part;
  }
  std::optional<AffineIndex> index =
      read ? affineIndex(read->args.back()) : std::nullopt;
  if (!index || (lane.array && lane.array != read->array))
    return because("it is no sum of elements of one row times cosines and "
                   "sines");
  const Node *head = exprs_.plus(read->args.back(), -index->constant);
  if (lane.head && lane.head != head)
    return because("it mixes elements of different heads");
  lane.array = read->array;
  lane.head = head;
  const Node *&sum = lane.factors[int64_t(index->constant)];
  sum = sum ? exprs_.add(sum, rest) : rest;
  return true;
}

bool RopeMatcher::splitLanes(const Node *expr) {
  for (const Dim *dim : dims_)
    size *= dim->size;
  if (size > kMaxHead)
    return because("its heads have more than 1024 elements");
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
      return because("it adds a number");
    if (!sum && !addTerm(lane, element, 1))
      return false;
    if (sum)
      for (auto [term, coef] : llvm::zip(element->args, element->coefs))
        if (!addTerm(lane, term, coef))
          return false;
    if (!array)
      array = lane.array, head = lane.head;
    if (lane.array != array || lane.head != head || lane.factors.size() > 2)
      return because("an element of it is no sum of itself and one partner");
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
    const Node *other = factor(b, b);
    if (!cos || !sin || !minus || !other)
      return why.empty() &&
             because("its elements are paired neither in halves nor with "
                     "their neighbours");
    if (!isSame(cos, other) || !isSame(exprs_.scaled(sin, -1), minus))
      return because("the cosines or sines of the two elements of a pair are "
                     "not proven equal");
    cos_.push_back(cos);
    sin_.push_back(sin);
  }
  interleaved = inPairs;
  return true;
}

/// Takes the factor of the elements that pass through out of all.
bool RopeMatcher::takePassed(double by) {
  if (by == 0)
    return false;
  passed = by;
  for (Lane &lane : lanes_)
    for (auto &[index, lanes] : lane.factors)
      lanes = exprs_.scaled(lanes, 1 / by);
  return true;
}

bool RopeMatcher::match(const Node *expr) {
  why.clear();
  if (!splitLanes(expr))
    return false;
  // Elements from `rotated` on pass through, all scaled alike.
  rotated = size;
  const auto &[index, tail] = *lanes_.back().factors.rbegin();
  first = index - (size - 1);
  while (rotated > 0) {
    const Lane &lane = lanes_[rotated - 1];
    if (lane.factors.size() != 1 || !tail->isConst() ||
        lane.factors.begin()->second != tail)
      break;
    if (lane.factors.begin()->first != first + rotated - 1)
      return false;
    --rotated;
  }
  if (rotated < size && !takePassed(tail->value))
    return false;
  return rotated >= 2 && rotated % 2 == 0 && (pairUp(false) || pairUp(true));
}

/// The rotation of the heads that `rope` reads, as the rows that it said.
static const Node *rotate(Context &ctx, RopeMatcher &rope,
                          FlatSymbolRefAttr table, const Dim *batch,
                          const Dim *sequence, ArrayRef<const Dim *> rows,
                          Location loc) {
  Exprs &exprs = ctx.exprs;
  const Node *head = rope.head;
  const Dim *h = ctx.layout.merge(rope.heads, {&head});
  if (!h)
    h = exprs.dim(Dim::Literal, 1);
  const Dim *d = exprs.dim(Dim::Literal, rope.size);
  const Node *b = exprs.index(batch), *s = exprs.index(sequence);
  const Node *place =
      exprs.affine(double(rope.first), {{head, 1}, {exprs.index(d), 1}});
  const Node *x = exprs.read(rope.array, {b, s, place});
  Emitted input =
      emitRows(ctx, x, batch, sequence, {h, d}, rope.array->value.getLoc());
  auto type = input.value ? cast<PackedType>(input.value.getType()) : nullptr;
  if (!type || type.getShape() != ArrayRef<int64_t>({h->size, d->size}))
    return nullptr;
  Array *array = exprs.array(Array::Tokens);
  array->value =
      RopeOp::create(ctx.builder, loc, type, input.value, ctx.sequences, table,
                     rope.interleaved ? ctx.builder.getUnitAttr() : UnitAttr());
  SmallVector<const Node *> at;
  for (const Dim *dim : rows)
    at.push_back(exprs.index(dim));
  return exprs.scaled(
      exprs.read(array, {b, s, flatIndex(exprs, at, sizesOf(rows))}),
      rope.factor);
}

/// Whether elements are multiplied with cosines, sines or numbers of a table
/// that go with the position.
static bool rotates(const Node *expr, const Dim *sequence) {
  auto isWave = [&](const Node *node) {
    bool found = false;
    forEachNode(node, [&](const Node *part) {
      bool table =
          part->kind == Node::Read && (part->array->kind == Array::Param ||
                                       part->array->kind == Array::Numbers);
      found |=
          part->dependsOn(sequence) &&
          (part->isFn("cos") || part->isFn("sin") || table || readsWaves(part));
    });
    return found;
  };
  auto isElement = [](const Node *node) {
    return node->kind == Node::Read && node->array->kind == Array::Tokens &&
           !node->args.back()->isConst() && !readsWaves(node);
  };
  bool found = false;
  forEachNode(expr, [&](const Node *node) {
    if (!node->isFn("mul"))
      return;
    for (int i : {0, 1})
      found |= isElement(node->args[i]) && isWave(node->args[1 - i]);
  });
  return found;
}

const Node *emitRope(Context &ctx, const Node *expr, const Dim *batch,
                     const Dim *sequence, ArrayRef<const Dim *> rows,
                     Location loc) {
  if (expr->kind == Node::Read || !rotates(expr, sequence))
    return nullptr;
  for (size_t count = 1; count <= rows.size(); ++count) {
    RopeMatcher rope(ctx, sequence, rows.drop_back(count),
                     rows.take_back(count));
    FlatSymbolRefAttr table =
        rope.match(expr) ? rope.table() : FlatSymbolRefAttr();
    const Node *rotated =
        table ? rotate(ctx, rope, table, batch, sequence, rows, loc) : nullptr;
    if (rotated) {
      ++ctx.rotations.found;
      return rotated;
    }
    if (table)
      rope.why = "what it rotates is no rows of heads";
    // What the row as one head says is said of one with more.
    if (count == 1 || ctx.rotations.why.empty())
      ctx.rotations.why = rope.why;
  }
  return nullptr;
}

} // namespace ft::passes::raise
