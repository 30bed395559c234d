//===- Attention.cpp - softmax(q k^T) v as one operation ------------------===//
#include "passes/raise/Attention.h"

#include <cmath>

using namespace mlir;
using namespace ft::ir;

namespace ft::passes::raise {

namespace {

class AttentionEmitter {
public:
  AttentionEmitter(Context &ctx, const AttentionParts &parts, Location loc)
      : ctx_(ctx), exprs_(ctx.exprs), parts_(parts), loc_(loc) {}

  const Node *emit();

private:
  const Node *withKeys(const Node *weights);
  bool findScores();
  bool orientDot();
  bool mergeDims();
  const Node *shareHeads(const Node *node, int64_t &heads, const Dim *&head);
  Value rowsOf(const Node *node, const Dim *sequence, const Dim *head,
               const Dim *inner);
  Value emitOp();

  Context &ctx_;
  Exprs &exprs_;
  const AttentionParts &parts_;
  Location loc_;
  const Node *scores_ = nullptr, *value_ = nullptr;
  const Node *dot_ = nullptr, *query_ = nullptr, *key_ = nullptr;
  const Dim *head_ = nullptr, *inner_ = nullptr, *row_ = nullptr;
  MaskProof mask_;
};

} // namespace

/// Whether `node` is true where it is of any key of a query.
static bool isOfAnyKey(const Node *node) {
  if (node->kind != Node::Reduce || node->fn != "max")
    return false;
  auto [low, high] = rangeOf(node->args[0]);
  return low >= 0 && high <= 1;
}

/// Whether a score is -inf or inf: no number that is computed of tokens is.
static bool isNumberInfinite(const Node *node) {
  if (!node->isFn("eq") || !node->args[1]->isConst() ||
      std::isfinite(node->args[1]->value))
    return false;
  bool finite = !node->args[0]->isConst();
  forEachNode(node->args[0],
              [&](const Node *part) { finite &= std::isfinite(part->value); });
  return finite;
}

/// Attention weights that are chosen by whether the query has a key at all: a
/// real token has one, itself.
const Node *AttentionEmitter::withKeys(const Node *weights) {
  const Node *query = exprs_.index(parts_.query);
  return exprs_.rewrite(weights, [&](const Node *n) -> const Node * {
    if (n->kind == Node::Softmax)
      return n;
    if (!isOfAnyKey(n))
      return nullptr;
    const Node *own = exprs_.substitute(n->args[0], n->bound[0], query);
    own = forRealToken(ctx_, own, parts_.query);
    own = exprs_.rewrite(own, [&](const Node *part) {
      return isNumberInfinite(part) ? exprs_.constant(0) : nullptr;
    });
    return own->isConst(1) ? own : n;
  });
}

/// The scores below the softmax.
bool AttentionEmitter::findScores() {
  const Node *weights = withKeys(parts_.weights);
  if (weights->kind != Node::Softmax ||
      weights->args[1] != exprs_.index(parts_.key)) {
    ctx_.because(weights->kind == Node::Softmax
                     ? "the softmax is over another axis than the keys"
                     : "what weighs the values is no softmax of scores");
    return false;
  }
  scores_ = exprs_.substitute(weights->args[0], weights->bound[0],
                              exprs_.index(parts_.key));
  bool several = false;
  forEachNode(scores_, [&](const Node *node) {
    if (node->kind != Node::Dot)
      return;
    several |= dot_ != nullptr;
    dot_ = node;
  });
  if (!dot_ || several)
    ctx_.because(several ? "the scores are made of several products"
                         : "the scores are no product of queries and keys");
  return dot_ && !several;
}

/// Which factor of the product is the queries.
bool AttentionEmitter::orientDot() {
  query_ = dot_->args[0];
  key_ = dot_->args[1];
  if (query_->dependsOn(parts_.key))
    std::swap(query_, key_);
  if (query_->dependsOn(parts_.key) || key_->dependsOn(parts_.query) ||
      !query_->dependsOn(parts_.query) || !key_->dependsOn(parts_.key)) {
    ctx_.because("the scores are no product of queries and keys: one factor "
                 "depends on both positions");
    return false;
  }
  return true;
}

/// Heads, head size and the value's row as one dimension each.
bool AttentionEmitter::mergeDims() {
  value_ = parts_.value;
  inner_ = ctx_.layout.merge(dot_->bound, {&query_, &key_});
  row_ = ctx_.layout.merge(parts_.row, {&value_});
  const Node *score = mask_.score;
  head_ = ctx_.layout.merge(parts_.heads, {&query_, &key_, &value_, &score});
  if (!head_)
    head_ = exprs_.dim(Dim::Literal, 1);
  if (!inner_ || !row_) {
    ctx_.because("heads have a size of 1");
    return false;
  }
  // The product as it now stands in the score.
  mask_.score = score;
  forEachNode(score, [&](const Node *node) {
    if (node->kind == Node::Dot)
      dot_ = node;
  });
  return true;
}

/// `node` by the heads of keys and values, each for a group of query heads.
const Node *AttentionEmitter::shareHeads(const Node *node, int64_t &heads,
                                         const Dim *&head) {
  int64_t all = head_->size;
  heads = all;
  head = head_;
  if (all == 1)
    return node;
  SmallVector<const Node *> each;
  for (int64_t h = 0; h < all; ++h)
    each.push_back(exprs_.substitute(node, head_, exprs_.constant(double(h))));
  int64_t group = 1;
  while (group < all && each[group] == each[0])
    ++group;
  auto isShared = [&](int64_t h) { return each[h] == each[h - h % group]; };
  if (all % group || !llvm::all_of(llvm::seq<int64_t>(0, all), isShared))
    return ctx_.because("query heads do not share keys and values in equal "
                        "groups of neighbours");
  heads = all / group;
  head = exprs_.dim(Dim::Literal, heads);
  if (heads == 1)
    return each[0];
  SmallVector<const Node *> kept;
  for (int64_t h = 0; h < all; h += group)
    kept.push_back(each[h]);
  const Node *shared = antiUnify(exprs_, kept, head);
  return shared ? shared
                : ctx_.because("heads of keys or values are no rows of one "
                               "value in order; query heads share them in "
                               "groups of neighbours");
}

Value AttentionEmitter::rowsOf(const Node *node, const Dim *sequence,
                               const Dim *head, const Dim *inner) {
  const Dim *rows[] = {head, inner};
  Emitted emitted = emitRows(ctx_, node, parts_.batch, sequence, rows, loc_);
  if (!emitted.value)
    return nullptr;
  return fullRows(ctx_, emitted, rows, sizesOf(rows), loc_);
}

/// Takes a factor out of queries or keys, from under a rotary embedding too,
/// which others may read: they get one without it.
static double takeScale(Context &ctx, Value &rows) {
  if (auto rope = rows.getDefiningOp<RopeOp>()) {
    Value input = rope.getInput();
    double factor = takeScale(ctx, input);
    if (factor == 1)
      return 1;
    Value &unscaled = ctx.unscaled[rope];
    if (!unscaled) {
      OpBuilder builder(rope);
      auto clone = cast<RopeOp>(builder.clone(*rope));
      clone.getInputMutable().assign(input);
      unscaled = clone;
    }
    rows = unscaled;
    return factor;
  }
  auto scale = rows.getDefiningOp<ScaleOp>();
  if (!scale)
    return 1;
  rows = scale.getInput();
  return scale.getBy().convertToDouble() * takeScale(ctx, rows);
}

Value AttentionEmitter::emitOp() {
  int64_t keyHeads, valueHeads;
  const Dim *keyHead, *valueHead;
  const Node *key = shareHeads(key_, keyHeads, keyHead);
  const Node *value = key ? shareHeads(value_, valueHeads, valueHead) : nullptr;
  if (!value)
    return nullptr;
  if (keyHeads != valueHeads)
    return ctx_.because("keys have " + Twine(keyHeads) + " heads and values " +
                        Twine(valueHeads));
  Value q = rowsOf(query_, parts_.query, head_, inner_);
  Value k = q ? rowsOf(key, parts_.key, keyHead, inner_) : Value();
  Value v = k ? rowsOf(value, parts_.key, valueHead, row_) : Value();
  if (!v)
    return nullptr;
  double scale = scaleOf(mask_.score, dot_);
  auto type =
      cast<PackedType>(q.getType()).withShape({head_->size, row_->size});
  double factor = takeScale(ctx_, q) * takeScale(ctx_, k);
  auto op = AttentionOp::create(
      ctx_.builder, loc_, type, q, k, v, ctx_.sequences, FlatSymbolRefAttr(),
      ctx_.builder.getI64IntegerAttr(0),
      ctx_.builder.getF64FloatAttr(scale * factor),
      mask_.causal ? ctx_.builder.getUnitAttr() : UnitAttr(),
      ctx_.builder.getI64IntegerAttr(mask_.window));
  OpBuilder::InsertionGuard guard(ctx_.builder);
  if (!buildScore(ctx_, op.getScore(), mask_.score, dot_, scale, head_,
                  parts_.query, parts_.key, loc_))
    return nullptr;
  return op;
}

const Node *AttentionEmitter::emit() {
  if (!findScores() || !orientDot())
    return nullptr;
  std::optional<MaskProof> mask =
      proveMask(ctx_, scores_, parts_.query, parts_.key);
  if (!mask)
    return nullptr;
  mask_ = *mask;
  if (!mergeDims())
    return nullptr;
  Value result = emitOp();
  if (!result)
    return nullptr;
  Array *array = exprs_.array(Array::Tokens);
  array->value = result;
  SmallVector<const Dim *> dims(parts_.heads);
  dims.append(parts_.row.begin(), parts_.row.end());
  SmallVector<const Node *> at;
  for (const Dim *dim : dims)
    at.push_back(exprs_.index(dim));
  return exprs_.read(array,
                     {exprs_.index(parts_.batch), exprs_.index(parts_.query),
                      flatIndex(exprs_, at, sizesOf(dims))});
}

const Node *emitAttention(Context &ctx, const AttentionParts &parts,
                          Location loc) {
  return AttentionEmitter(ctx, parts, loc).emit();
}

} // namespace ft::passes::raise
