//===- RaiseLayout.cpp - transpose, expand, slice, concat -----------------===//
#include "passes/raise/Raiser.h"

using namespace mlir;
using namespace ft::ir;

namespace ft::passes::raise {

static PaddedType typeOf(Operation *op) {
  return cast<PaddedType>(op->getResult(0).getType());
}

Raiser::MaybeForm Raiser::transpose(PrimTransposeOp op) {
  const Form &input = form(op.getInput());
  Form result{{}, input.expr};
  for (int64_t axis : op.getPerm())
    result.axes.push_back(input.axes[axis]);
  return result;
}

Raiser::MaybeForm Raiser::expand(Operation *op) {
  Form result = form(op->getOperand(0));
  ArrayRef<DimAttr> shape = typeOf(op).getShape();
  while (result.axes.size() < shape.size())
    result.axes.insert(result.axes.begin(), Axis());
  for (auto [axis, extent] : llvm::zip(result.axes, shape)) {
    if (!axis.empty())
      continue;
    std::optional<Axis> dims = ctx_.layout.axisOf(extent);
    if (!dims)
      return because("its shape has an unknown symbol");
    axis = *dims;
  }
  return result;
}

Raiser::MaybeForm Raiser::slice(PrimSliceOp op) {
  Form result = form(op.getInput());
  auto in = cast<PaddedType>(op.getInput().getType());
  size_t axis = op.getAxis();
  int64_t start = op.getStart(), step = op.getStep();
  DimAttr to = typeOf(op).getShape()[axis], from = in.getShape()[axis];
  if (to == from)
    return result;
  Axis &dims = result.axes[axis];
  if (dims.size() == 1 && dims[0]->kind == Dim::Sequence) {
    if (!to.is(1))
      return because("it cuts the sequence axis, which is as long as each "
                     "sequence");
    if (start < 0 && (start != -1 || ctx_.hasMask))
      return because("it reads the end of the padded sequence axis, which is "
                     "padding for shorter sequences");
    if (start == 0 || start == -1)
      if (readsData(result.expr))
        return pool(op.getLoc(), result, axis, start ? "last" : "first");
    if (start < 0 || readsData(result.expr))
      return because("it reads one position of the sequence axis");
  }
  for (const Dim *dim : dims)
    if (dim->kind == Dim::Batch)
      return because("it cuts the batch axis");
  const Dim *dim =
      dims.size() == 1 ? dims[0] : ctx_.layout.mergeAxis(result, axis);
  std::optional<Axis> fresh = ctx_.layout.axisOf(to);
  if (!dim || !fresh || fresh->size() > 1)
    return because("its extent is no range of the axis");
  const Node *at = exprs_.constant(double(start));
  if (!fresh->empty())
    at = exprs_.affine(double(start),
                       {{exprs_.index((*fresh)[0]), double(step)}});
  result.expr = exprs_.substitute(result.expr, dim, at);
  result.axes[axis] = *fresh;
  return result;
}

Raiser::MaybeForm Raiser::concat(PrimConcatOp op) {
  if (op.getInputs().size() == 1)
    return form(op.getInputs()[0]);
  size_t axis = op.getAxis();
  SmallVector<Form> forms;
  SmallVector<const Dim *> parts;
  for (Value input : op.getInputs()) {
    Form part = form(input);
    for (const Dim *dim : part.axes[axis])
      if (dim->kind != Dim::Literal)
        return because("it joins values along the " +
                       Twine(dim->kind == Dim::Batch ? "batch" : "sequence") +
                       " axis");
    parts.push_back(ctx_.layout.mergeAxis(part, axis));
    part.axes[axis].clear();
    forms.push_back(part);
  }
  if (!broadcast(forms, typeOf(op).getRank()))
    return std::nullopt;
  DimAttr extent = typeOf(op).getShape()[axis];
  const Dim *whole = exprs_.dim(Dim::Literal, extent.getFactor());
  const Node *at = exprs_.index(whole), *joined = nullptr;
  int64_t end = whole->size;
  for (size_t i = forms.size(); i-- > 0;) {
    int64_t begin = end - (parts[i] ? parts[i]->size : 1);
    const Node *part = forms[i].expr;
    if (parts[i])
      part = exprs_.substitute(part, parts[i], exprs_.plus(at, -double(begin)));
    const Node *before[] = {at, exprs_.constant(double(end))};
    joined =
        joined ? exprs_.select(exprs_.fn("lt", before), part, joined) : part;
    end = begin;
  }
  Form result = forms[0];
  result.axes[axis] = {whole};
  result.expr = joined;
  return result;
}

} // namespace ft::passes::raise
