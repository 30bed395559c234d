//===- RaiseProducts.cpp - matmul: linears, scores, attention -------------===//
#include "passes/raise/Raiser.h"

using namespace mlir;
using namespace ft::ir;

namespace ft::passes::raise {

static bool isStatic(const Form &form) {
  return !readsData(form.expr) &&
         llvm::all_of(form.expr->free,
                      [](const Dim *dim) { return dim->kind == Dim::Literal; });
}

static const Dim *sequenceOf(const Axis &axis) {
  for (const Dim *dim : axis)
    if (dim->kind == Dim::Sequence)
      return dim;
  return nullptr;
}

Raiser::MaybeForm Raiser::matmul(PrimMatmulOp op) {
  Form a = form(op.getLhs()), b = ctx_.layout.freshen(form(op.getRhs()));
  size_t rank = std::max(a.axes.size(), b.axes.size());
  for (Form *side : {&a, &b})
    while (side->axes.size() < rank)
      side->axes.insert(side->axes.begin(), Axis());
  bool fits = ctx_.layout.unify(a, rank - 1, b, rank - 2);
  for (size_t i = 0; fits && i + 2 < rank; ++i)
    fits = ctx_.layout.unify(a, i, b, i);
  if (!fits)
    return because("its operands divide an axis into different parts");
  const Axis inner = a.axes[rank - 1];
  Form result = a;
  result.axes[rank - 1] = b.axes[rank - 1];
  const Dim *sequence = sequenceOf(inner);
  for (const Dim *dim : inner)
    if (dim->kind == Dim::Batch || (sequence && inner.size() > 1))
      return because("it sums over the batch axis, or over the sequence axis "
                     "together with another");
  if (inner.empty()) {
    result.expr = exprs_.mul(a.expr, b.expr);
    return result;
  }
  if (sequence && (hasScores(a.expr) || hasScores(b.expr)))
    return hasScores(a.expr) ? context(op, a, b, sequence, result)
                             : context(op, b, a, sequence, result);
  if (sequence) {
    // A product with a mask is a sum over tokens.
    result.expr = exprs_.mul(a.expr, b.expr);
    result.axes.push_back(inner);
    MaybeForm sum = reduceSequence(op, result, "sum", rank);
    if (sum)
      sum->axes.pop_back();
    return sum;
  }
  if (isStatic(a) || isStatic(b)) {
    bool left = isStatic(a);
    return linear(op, left ? b : a, left ? a : b, inner,
                  left ? a.axes[rank - 2] : b.axes[rank - 1], result);
  }
  if (!readsData(a.expr) || !readsData(b.expr))
    return because("one of its operands is neither a weight nor a value of "
                   "tokens");
  const Dim *query = sequenceOf(a.axes[rank - 2]);
  const Dim *key = sequenceOf(b.axes[rank - 1]);
  if (!query || !key || a.expr->dependsOn(key) || b.expr->dependsOn(query))
    return because("it multiplies two values of tokens, but not each token of "
                   "one with each of the other");
  result.expr = exprs_.dot(a.expr, b.expr, inner);
  return result;
}

/// A product with a weight.
Raiser::MaybeForm Raiser::linear(PrimMatmulOp op, const Form &x,
                                 const Form &weight, const Axis &inner,
                                 const Axis &outer, Form result) {
  const Dim *batch = x.batchDim();
  SmallVector<const Dim *> sequences = x.sequenceDims();
  if (!readsData(x.expr))
    return because("neither of its operands is a value of tokens");
  if (!batch || sequences.size() > 1)
    return because("its operand has no batch axis or two sequence axes");
  for (const Dim *dim : x.expr->free)
    if (dim->kind == Dim::Literal && !llvm::is_contained(inner, dim))
      return because("a weight is applied to a part of each row");
  for (const Dim *dim : weight.expr->free)
    if (!llvm::is_contained(inner, dim) && !llvm::is_contained(outer, dim))
      return because("it has a weight for each part of a row");
  Emitted input =
      emitRows(ctx_, x.expr, batch, sequences.empty() ? nullptr : sequences[0],
               inner, op.getLoc());
  if (!input.value)
    return std::nullopt;
  input.value = fullRows(ctx_, input, inner, sizesOf(inner), op.getLoc());
  auto type = cast<PackedType>(input.value.getType());
  int64_t k = type.getRowElements(), n = 1;
  for (const Dim *dim : outer)
    n *= dim->size;
  SmallVector<const Dim *> dims(outer.begin(), outer.end());
  dims.append(inner.begin(), inner.end());
  FlatSymbolRefAttr symbol = ctx_.weights.find(weight.expr, dims, {n, k});
  if (!symbol)
    return because("its weight is no slice or transpose of one parameter");
  Array *array =
      exprs_.array(sequences.empty() ? Array::Sequences : Array::Tokens);
  array->value =
      LinearOp::create(ctx_.builder, op.getLoc(), type.withShape({n}),
                       input.value, symbol, FlatSymbolRefAttr());
  SmallVector<const Node *> at{exprs_.index(batch)}, row;
  if (!sequences.empty())
    at.push_back(exprs_.index(sequences[0]));
  for (const Dim *dim : outer)
    row.push_back(exprs_.index(dim));
  at.push_back(flatIndex(exprs_, row, sizesOf(outer)));
  result.expr = exprs_.read(array, at);
  return result;
}

/// The linear whose product alone `value` is, read by nothing else, through
/// whatever only moves elements.
LinearOp Raiser::soleLinear(Value value, const Node *read) {
  auto isProduct = [&](Value other) {
    const Node *expr = forms_.lookup(other).expr;
    return expr && expr->kind == Node::Read && expr->array == read->array;
  };
  while (value.hasOneUse() && value.getDefiningOp()) {
    Operation *op = value.getDefiningOp();
    if (isa<PrimMatmulOp>(op))
      return read->array->value.getDefiningOp<LinearOp>();
    Value from;
    for (Value operand : op->getOperands())
      if (isProduct(operand))
        from = operand;
    if (!from)
      return nullptr;
    value = from;
  }
  return nullptr;
}

/// What is added to a linear, the same for every row, is its bias.
void Raiser::takeBias(Operation *op, Form &form) {
  if (!isa<PrimAddOp, PrimSubOp>(op))
    return;
  for (Value operand : op->getOperands()) {
    const Form &source = forms_[operand];
    if (source.expr->kind != Node::Read ||
        source.expr->array->kind == Array::Param)
      continue;
    LinearOp linear = soleLinear(operand, source.expr);
    if (!linear || linear.getBiasAttr() || form.expr->kind != Node::Affine)
      continue;
    // What the sum has beside the product.
    const Node *read = nullptr;
    for (auto [arg, coef] : llvm::zip(form.expr->args, form.expr->coefs))
      if (arg->kind == Node::Read && arg->array == source.expr->array &&
          coef == 1)
        read = arg;
    const Node *rest = read ? exprs_.sub(form.expr, read) : nullptr;
    if (!rest || readsData(rest) || rest->isConst())
      continue;
    std::optional<AffineIndex> index = affineIndex(read->args.back());
    if (!index)
      continue;
    llvm::stable_sort(index->terms,
                      [](auto &a, auto &b) { return a.second > b.second; });
    SmallVector<const Dim *> dims;
    for (auto [dim, step] : index->terms)
      dims.push_back(dim);
    int64_t n = linear.getType().getRowElements();
    FlatSymbolRefAttr bias = ctx_.weights.find(rest, dims, {n});
    if (!bias)
      continue;
    linear.setBiasAttr(bias);
    linear->setLoc(op->getLoc());
    form.expr = read;
    return;
  }
}

/// A product of attention weights with values.
Raiser::MaybeForm Raiser::context(PrimMatmulOp op, const Form &weights,
                                  const Form &value, const Dim *key,
                                  Form result) {
  SmallVector<const Dim *> row, heads;
  const Dim *query = nullptr;
  for (const Dim *dim : result.dims()) {
    if (dim->kind == Dim::Sequence)
      query = query ? query : dim;
    if (dim->kind != Dim::Literal)
      continue;
    bool ofRow = !weights.expr->dependsOn(dim) && value.expr->dependsOn(dim);
    (ofRow ? row : heads).push_back(dim);
  }
  if (!query || !weights.batchDim() || result.sequenceDims().size() != 1)
    return because("attention weights are multiplied with something else than "
                   "values of tokens");
  AttentionParts parts{weights.expr, value.expr, weights.batchDim(), query, key,
                       heads,        row};
  result.expr = emitAttention(ctx_, parts, op.getLoc());
  if (!result.expr)
    return std::nullopt;
  return result;
}

} // namespace ft::passes::raise
