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

/// The formula of a row that was made of `value`, whose axes follow those of
/// `form`.
static void readRows(Context &ctx, Form &form, Value value, const Dim *sequence,
                     ArrayRef<const Dim *> outer) {
  Exprs &exprs = ctx.exprs;
  Array *array = exprs.array(sequence ? Array::Tokens : Array::Sequences);
  array->value = value;
  SmallVector<const Node *> at{exprs.index(form.batchDim())}, row;
  if (sequence)
    at.push_back(exprs.index(sequence));
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
static std::optional<Form> lookedUp(Context &ctx, PrimApplyOp op, Form ids) {
  Block &body = op.getBody().front();
  auto embedding = dyn_cast<EmbeddingOp>(body.front());
  if (!embedding || embedding->getNextNode() != body.getTerminator())
    return std::nullopt;
  Array *&table = ctx.params[embedding.getTableAttr().getAttr()];
  if (!table) {
    table = ctx.exprs.array(Array::Param);
    table->symbol = embedding.getTableAttr().getAttr();
    ParamOp param = lookupParam(op, embedding.getTableAttr());
    table->shape.assign(param.getTensorType().getShape());
  }
  Axis row;
  if (table->shape[1] > 1)
    row.push_back(ctx.exprs.dim(Dim::Literal, table->shape[1]));
  const Node *at =
      row.empty() ? ctx.exprs.constant(0) : ctx.exprs.index(row[0]);
  ids.expr = ctx.exprs.read(table, {ids.expr, at});
  ids.axes.push_back(row);
  return ids;
}

/// Semantic operations on rows.
Raiser::MaybeForm Raiser::apply(PrimApplyOp op) {
  SmallVector<Form> leading;
  SmallVector<SmallVector<const Dim *>> rows;
  Block &body = op.getBody().front();
  if (MaybeForm found = lookedUp(ctx_, op, form(op.getInputs()[0])))
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
  SmallVector<const Dim *> sequences = result.sequenceDims();
  SmallVector<const Dim *> heads = result.rowDims();
  if (!result.batchDim() || sequences.size() > 1)
    return because("its leading axes hold no batch axis, or two sequence axes");
  if (!heads.empty() && llvm::any_of(body, takesOneRow))
    return because("it takes whole rows, and its leading axes are not "
                   "[batch, sequence] or [batch]");
  const Dim *sequence = sequences.empty() ? nullptr : sequences[0];
  IRMapping mapping;
  for (auto [source, dims, arg] :
       llvm::zip(leading, rows, body.getArguments())) {
    auto type = cast<PackedType>(arg.getType());
    SmallVector<int64_t> shape = sizesOf(heads);
    llvm::append_range(shape, type.getShape());
    dims.insert(dims.begin(), heads.begin(), heads.end());
    Emitted input;
    if (type.getElementType().isInteger())
      input.value = emitIdRows(ctx_, source.expr, result.batchDim(), sequence,
                               op.getLoc());
    else
      input = emitRows(ctx_, source.expr, result.batchDim(), sequence, dims,
                       op.getLoc());
    if (!input.value)
      return std::nullopt;
    if (input.read)
      input.value = fullRows(ctx_, input, dims, shape, op.getLoc());
    mapping.map(arg, input.value);
  }
  cloneRows(ctx_, body, mapping, sequence, sizesOf(heads));
  readRows(ctx_, result, mapping.lookup(body.getTerminator()->getOperand(0)),
           sequence, heads);
  return result;
}

} // namespace ft::passes::raise
