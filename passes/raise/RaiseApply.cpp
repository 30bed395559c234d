//===- RaiseApply.cpp - semantic operations among primitives --------------===//
#include "passes/raise/Raiser.h"

#include "mlir/IR/IRMapping.h"

using namespace mlir;
using namespace ft::ir;

namespace ft::passes::raise {

/// Semantic operations on rows.
Raiser::MaybeForm Raiser::apply(PrimApplyOp op) {
  SmallVector<Form> leading;
  SmallVector<SmallVector<const Dim *>> rows;
  Block &body = op.getBody().front();
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
  if (!result.batchDim() || sequences.size() > 1 || !result.rowDims().empty())
    return because("its leading axes are not [batch, sequence] or [batch]");
  const Dim *sequence = sequences.empty() ? nullptr : sequences[0];
  IRMapping mapping;
  for (auto [source, dims, arg] :
       llvm::zip(leading, rows, body.getArguments())) {
    auto type = cast<PackedType>(arg.getType());
    Emitted input;
    if (type.getElementType().isInteger())
      input.value = emitIdRows(ctx_, source.expr, result.batchDim(), sequence,
                               op.getLoc());
    else
      input = emitRows(ctx_, source.expr, result.batchDim(), sequence, dims,
                       op.getLoc());
    if (!input.value)
      return std::nullopt;
    if (cast<PackedType>(input.value.getType()).getShape() != type.getShape())
      return because("an operand is the same along an axis of its row");
    mapping.map(arg, input.value);
  }
  auto own = cast<SequencesType>(ctx_.sequences.getType());
  for (Operation &inner : body.without_terminator()) {
    Operation *clone = ctx_.builder.clone(inner, mapping);
    for (OpResult value : clone->getResults())
      if (auto type = dyn_cast<PackedType>(value.getType()))
        value.setType(
            type.withAxis(sequence ? own.getTokens() : own.getSequences()));
  }
  Array *array = exprs_.array(sequence ? Array::Tokens : Array::Sequences);
  array->value = mapping.lookup(body.getTerminator()->getOperand(0));
  SmallVector<const Node *> at{exprs_.index(result.batchDim())}, row;
  if (sequence)
    at.push_back(exprs_.index(sequence));
  auto shape = cast<PackedType>(array->value.getType()).getShape();
  for (int64_t extent : shape) {
    Axis axis;
    if (extent > 1)
      axis.push_back(exprs_.dim(Dim::Literal, extent));
    row.push_back(axis.empty() ? exprs_.constant(0) : exprs_.index(axis[0]));
    result.axes.push_back(axis);
  }
  at.push_back(flatIndex(exprs_, row, shape));
  result.expr = exprs_.read(array, at);
  return result;
}

} // namespace ft::passes::raise
