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

/// Whether each element is of one token, or of one sequence.
static bool isOneToken(const Form &form) {
  auto isBatch = [](const Dim *dim) { return dim->kind == Dim::Batch; };
  return form.sequenceDims().size() < 2 &&
         llvm::count_if(form.dims(), isBatch) < 2;
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
  // Values of tokens may turn out the same for all; they are no weights then.
  bool ofTokens = a.batchDim() && b.batchDim();
  if ((isStatic(a) || isStatic(b)) &&
      !(isStatic(a) && isStatic(b) && ofTokens)) {
    // Of two weights, the one that is repeated for tokens is a value of them.
    bool left = isStatic(a) && !(isStatic(b) && a.batchDim());
    return linear(op.getLoc(), left ? b : a, left ? a : b, inner,
                  left ? a.axes[rank - 2] : b.axes[rank - 1], result);
  }
  if (!(readsData(a.expr) && readsData(b.expr)) &&
      !(isStatic(a) && isStatic(b)))
    return because("one of its operands is neither a weight nor a value of "
                   "tokens");
  if (isOneToken(result))
    return productOfRows(op, a, b, inner, result);
  const Dim *query = sequenceOf(a.axes[rank - 2]);
  const Dim *key = sequenceOf(b.axes[rank - 1]);
  if (!query || !key || a.expr->dependsOn(key) || b.expr->dependsOn(query))
    return because("it multiplies two values of tokens, but not each token of "
                   "one with each of the other");
  result.expr = exprs_.dot(a.expr, b.expr, inner);
  return result;
}

/// A product of two values of one token, element by element and then summed.
Raiser::MaybeForm Raiser::productOfRows(PrimMatmulOp op, const Form &a,
                                        const Form &b, const Axis &inner,
                                        Form result) {
  result.expr = exprs_.mul(a.expr, b.expr);
  result.axes.push_back(inner);
  MaybeForm sum =
      reduceRows(op, result, "sum", {int64_t(result.axes.size()) - 1});
  if (sum)
    sum->axes.pop_back();
  return sum;
}

/// The product of one row, elements along `inner`, with a weight; null with the
/// reason.
Value Raiser::linearOfRow(const RowProduct &product, const Node *x,
                          const Node *weight, Location loc) {
  Emitted input =
      emitRows(ctx_, x, product.batch, product.sequence, product.inner, loc);
  if (!input.value)
    return nullptr;
  input.value =
      fullRows(ctx_, input, product.inner, sizesOf(product.inner), loc);
  auto type = cast<PackedType>(input.value.getType());
  int64_t k = type.getRowElements(), n = 1;
  for (const Dim *dim : product.outer)
    n *= dim->size;
  SmallVector<const Dim *> dims(product.outer);
  llvm::append_range(dims, product.inner);
  FlatSymbolRefAttr symbol = ctx_.weights.find(weight, dims, {n, k});
  if (!symbol)
    return ctx_.because("its weight is no slice or transpose of one parameter");
  return LinearOp::create(ctx_.builder, loc, type.withShape({n}), input.value,
                          symbol, FlatSymbolRefAttr());
}

/// A linear takes whole rows: one for each index along `parts`, side by side.
Value Raiser::linearOfParts(const RowProduct &product,
                            ArrayRef<const Dim *> parts, const Node *x,
                            const Node *weight, Location loc) {
  int64_t count = 1;
  for (const Dim *dim : parts)
    count *= dim->size;
  if (count > kMaxParts)
    return ctx_.because("a weight is applied to each of " + Twine(count) +
                        " parts of a row; up to " + Twine(kMaxParts) +
                        " are products of their own");
  SmallVector<Value> products;
  for (int64_t i = 0; i < count; ++i) {
    DimMap at = indexOf(exprs_, parts, i);
    Value made = linearOfRow(product, exprs_.substitute(x, at),
                             exprs_.substitute(weight, at), loc);
    if (!made)
      return nullptr;
    products.push_back(made);
  }
  if (count == 1)
    return products[0];
  auto type = cast<PackedType>(products[0].getType());
  return ConcatOp::create(ctx_.builder, loc,
                          type.withShape({count * type.getRowElements()}),
                          products);
}

/// A product with a weight.
Raiser::MaybeForm Raiser::linear(Location loc, const Form &x,
                                 const Form &weight, const Axis &inner,
                                 const Axis &outer, Form result) {
  std::optional<Place> place = placeOf(x);
  if (!place)
    return because(x.sequenceDims().size() > 1
                       ? "its operand has two sequence axes"
                       : "neither of its operands is a value of tokens");
  // What the weight alone has of a row makes more columns of its product.
  SmallVector<const Dim *> parts, wide;
  for (const Dim *dim : result.rowDims())
    if (x.expr->dependsOn(dim))
      parts.push_back(dim);
    else if (!llvm::is_contained(outer, dim) && weight.expr->dependsOn(dim))
      wide.push_back(dim);
  SmallVector<const Dim *> columns(wide);
  llvm::append_range(columns, outer);
  SmallVector<const Dim *> all(columns);
  llvm::append_range(all, inner);
  const Node *first = exprs_.substitute(weight.expr, indexOf(exprs_, parts, 0));
  if (!ctx_.weights.recipeOf(first, all, sizesOf(all))) {
    // Unless no view of it says that.
    llvm::append_range(parts, wide);
    columns.assign(outer.begin(), outer.end());
  }
  RowProduct product{place->batch, place->sequence, inner, columns};
  Value made = linearOfParts(product, parts, x.expr, weight.expr, loc);
  if (!made)
    return std::nullopt;
  SmallVector<const Node *> row;
  llvm::append_range(parts, columns);
  for (const Dim *dim : parts)
    row.push_back(exprs_.index(dim));
  place->at.push_back(flatIndex(exprs_, row, sizesOf(parts)));
  result.expr = exprs_.read(arrayOf(made, *place), place->at);
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
