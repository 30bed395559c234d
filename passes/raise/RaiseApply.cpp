//===- RaiseApply.cpp - semantic operations among primitives --------------===//
#include "passes/raise/Raiser.h"

#include "mlir/IR/IRMapping.h"

using namespace mlir;
using namespace ft::ir;

namespace ft::passes::raise {

/// The operations of `body` along tokens, or along sequences; on a row for each
/// index of `outer`, extents that stand before those of the row.
static void cloneRows(Context &ctx, Block &body, IRMapping &mapping,
                      const Dim *sequence, ArrayRef<int64_t> outer) {
  auto own = cast<SequencesType>(ctx.sequences.getType());
  for (Operation &inner : body.without_terminator()) {
    Operation *clone = ctx.builder.clone(inner, mapping);
    // A weight is the same for all of them.
    SmallVector<int64_t> before(outer);
    if (isa<BroadcastOp>(clone))
      before.assign(outer.size(), 1);
    for (OpResult value : clone->getResults())
      if (auto type = dyn_cast<PackedType>(value.getType())) {
        SmallVector<int64_t> shape(before);
        llvm::append_range(shape, type.getShape());
        value.setType(
            type.withAxis(sequence ? own.getTokens() : own.getSequences())
                .withShape(shape));
      }
  }
}

/// What takes a row apart, or all of it at once, is not done to several.
static bool takesOneRow(Operation &op) {
  return isa<LinearOp, EmbeddingOp, RopeOp, RearrangeOp, ToFloatOp,
             PositionsOp>(op);
}

/// Reads rows at `place` of `array`, whose axes follow those of `form`.
static void readRows(Context &ctx, Form &form, const Array *array,
                     SmallVector<const Node *> at,
                     ArrayRef<const Dim *> outer) {
  Exprs &exprs = ctx.exprs;
  SmallVector<const Node *> row;
  auto shape = cast<PackedType>(array->value.getType()).getShape();
  for (const Dim *dim : outer)
    row.push_back(exprs.index(dim));
  for (int64_t extent : shape.drop_front(outer.size())) {
    Axis axis;
    if (extent > 1)
      axis.push_back(exprs.dim(Dim::Literal, extent));
    row.push_back(axis.empty() ? exprs.constant(0) : exprs.index(axis[0]));
    form.axes.push_back(axis);
  }
  at.push_back(flatIndex(exprs, row, shape));
  form.expr = exprs.read(array, at);
}

/// A table look-up alone is a read of the table, as `gather` is: its ids may be
/// positions, which are no values of tokens yet.
Raiser::MaybeForm Raiser::lookedUp(PrimApplyOp op) {
  Block &body = op.getBody().front();
  auto embedding = dyn_cast<EmbeddingOp>(body.front());
  if (!embedding || embedding->getNextNode() != body.getTerminator())
    return std::nullopt;
  Form ids = form(op.getInputs()[0]);
  Array *table = weightArray(embedding.getTableAttr());
  Axis row;
  if (table->shape[1] > 1)
    row.push_back(exprs_.dim(Dim::Literal, table->shape[1]));
  const Node *at = row.empty() ? exprs_.constant(0) : exprs_.index(row[0]);
  ids.expr = exprs_.read(table, {ids.expr, at});
  ids.axes.push_back(row);
  return ids;
}

/// A linear of parts of rows is the product with its weight transposed.
Raiser::MaybeForm Raiser::applyToParts(PrimApplyOp op, LinearOp linear) {
  Form x = ctx_.layout.freshen(form(op.getInputs()[0])), weight, result;
  size_t leading =
      x.axes.size() - linear.getInput().getType().getShape().size();
  result.axes.assign(x.axes.begin(), x.axes.begin() + long(leading));
  Axis inner, outer;
  for (const Axis &axis : ArrayRef(x.axes).drop_front(leading))
    inner.append(axis.begin(), axis.end());
  SmallVector<const Node *> row, column;
  for (const Dim *dim : inner)
    column.push_back(exprs_.index(dim));
  ArrayRef<int64_t> shape = linear.getType().getShape();
  for (int64_t extent : shape) {
    result.axes.emplace_back();
    if (extent > 1)
      result.axes.back().push_back(exprs_.dim(Dim::Literal, extent));
    outer.append(result.axes.back());
    row.push_back(extent > 1 ? exprs_.index(outer.back()) : exprs_.constant(0));
  }
  const Node *n = flatIndex(exprs_, row, shape);
  const Node *k = flatIndex(exprs_, column, sizesOf(inner));
  weight.expr = exprs_.read(weightArray(linear.getWeightAttr()), {n, k});
  MaybeForm made =
      this->linear(op.getLoc(), x, weight, inner, outer, std::move(result));
  if (made && linear.getBiasAttr())
    made->expr = exprs_.add(made->expr,
                            exprs_.read(weightArray(linear.getBiasAttr()), n));
  return made;
}

/// Semantic operations on rows.
Raiser::MaybeForm Raiser::apply(PrimApplyOp op) {
  SmallVector<Form> leading;
  SmallVector<SmallVector<const Dim *>> rows;
  Block &body = op.getBody().front();
  if (MaybeForm found = lookedUp(op))
    return found;
  size_t outer = cast<PaddedType>(op.getResult().getType()).getRank() -
                 cast<PackedType>(body.getTerminator()->getOperand(0).getType())
                     .getShape()
                     .size();
  for (Value input : op.getInputs()) {
    Form source = ctx_.layout.freshen(form(input));
    rows.emplace_back();
    for (size_t axis = outer; axis < source.axes.size(); ++axis) {
      const Dim *dim = ctx_.layout.mergeAxis(source, axis);
      rows.back().push_back(dim ? dim : exprs_.dim(Dim::Literal, 1));
    }
    source.axes.resize(outer);
    leading.push_back(source);
  }
  if (!broadcast(leading, outer))
    return std::nullopt;
  Form result = leading[0];
  SmallVector<const Dim *> heads = result.rowDims();
  std::optional<Place> place = placeOf(result);
  if (!place)
    return because("its leading axes hold neither a batch nor a sequence axis, "
                   "or two sequence axes");
  auto parts = dyn_cast<LinearOp>(body.front());
  if (!heads.empty() && parts && parts->getNextNode() == body.getTerminator())
    return applyToParts(op, parts);
  if (!heads.empty() && llvm::any_of(body, takesOneRow))
    return because("it takes whole rows, and its leading axes are not "
                   "[batch, sequence] or [batch]");
  const Dim *batch = place->batch, *sequence = place->sequence;
  IRMapping mapping;
  for (auto [source, dims, arg] :
       llvm::zip(leading, rows, body.getArguments())) {
    auto type = cast<PackedType>(arg.getType());
    SmallVector<int64_t> shape = sizesOf(heads);
    llvm::append_range(shape, type.getShape());
    dims.insert(dims.begin(), heads.begin(), heads.end());
    Emitted input;
    if (type.getElementType().isInteger())
      input.value = emitIdRows(ctx_, source.expr, batch, sequence, op.getLoc());
    else
      input = emitRows(ctx_, source.expr, batch, sequence, dims, op.getLoc());
    if (!input.value)
      return std::nullopt;
    if (input.read)
      input.value = fullRows(ctx_, input, dims, shape, op.getLoc());
    mapping.map(arg, input.value);
  }
  cloneRows(ctx_, body, mapping, sequence, sizesOf(heads));
  Value made = mapping.lookup(body.getTerminator()->getOperand(0));
  readRows(ctx_, result, arrayOf(made, *place), place->at, heads);
  return result;
}

} // namespace ft::passes::raise
