//===- RaiseReduce.cpp - reductions over rows and over tokens -------------===//
#include "passes/raise/Raiser.h"

using namespace mlir;
using namespace ft::ir;

namespace ft::passes::raise {

/// Scores this low have no weight beside any other in fp32.
static constexpr double kMasked = -9999;

/// Without the axes, or with their extents 1.
static void dropAxes(Form &form, ArrayRef<int64_t> axes, bool keep) {
  for (int64_t axis : llvm::reverse(axes)) {
    form.axes[axis].clear();
    if (!keep)
      form.axes.erase(form.axes.begin() + axis);
  }
}

Raiser::MaybeForm Raiser::reduce(Operation *op) {
  Form input = form(op->getOperand(0));
  StringRef kind =
      op->getName().stripDialect().drop_front(strlen("prim.reduce_"));
  SmallVector<int64_t> axes(
      op->getAttrOfType<DenseI64ArrayAttr>("axes").asArrayRef());
  llvm::sort(axes);
  const Dim *across = nullptr;
  for (int64_t axis : axes)
    for (const Dim *dim : input.axes[axis])
      if (dim->kind != Dim::Literal)
        across = dim;
  if (across && across->kind == Dim::Batch)
    return because("it reduces over axis " + Twine(axes[0]) +
                   ", which is the batch axis");
  MaybeForm made;
  if (across && (axes.size() > 1 || input.axes[axes[0]].size() > 1))
    return because("it reduces over the sequence axis together with others");
  if (across)
    made = reduceSequence(op, input, kind, axes[0]);
  else
    made = reduceRows(op, input, kind, axes);
  if (made)
    dropAxes(*made, axes, op->hasAttr("keepdims"));
  return made;
}

static bool readsMask(const Node *node) {
  bool found = false;
  forEachNode(node, [&](const Node *n) {
    found |= n->kind == Node::Read && (n->array->kind == Array::Mask ||
                                       n->array->kind == Array::MaskCount ||
                                       n->array->kind == Array::Length);
  });
  return found;
}

Raiser::MaybeForm Raiser::reduceRows(Operation *op, Form form, StringRef kind,
                                     ArrayRef<int64_t> axes) {
  SmallVector<const Dim *> reduced;
  for (int64_t axis : axes)
    reduced.append(form.axes[axis].begin(), form.axes[axis].end());
  if (reduced.empty())
    return form;
  if (hasScores(form.expr))
    return because("it reduces attention scores over another axis than the "
                   "keys");
  const Dim *last = ctx_.layout.merge(reduced, {&form.expr});
  bool ofPositions = form.sequenceDims().size() == 1 &&
                     form.expr->dependsOn(form.sequenceDims()) &&
                     !readsMask(form.expr);
  if (!readsData(form.expr) && !ofPositions)
    return reduceKnown(form, kind, last);
  // The merged dimension stands in the first reduced axis.
  for (int64_t axis : axes)
    form.axes[axis].clear();
  form.axes[axes[0]] = {last};
  bool negated = kind == "min";
  if (negated)
    form.expr = exprs_.scaled(form.expr, -1);
  bool made = alongRow(form, last, op->getLoc(), [&](Value rows) -> Value {
    auto type = cast<PackedType>(rows.getType());
    SmallVector<int64_t> shape(type.getShape());
    shape.back() = 1;
    OperationState state(op->getLoc(),
                         ("ft.reduce_" + (negated ? "max" : kind)).str(), rows,
                         TypeRange(type.withShape(shape)));
    return ctx_.builder.create(state)->getResult(0);
  });
  if (!made)
    return std::nullopt;
  form.expr = exprs_.scaled(form.expr, negated ? -1 : 1);
  return form;
}

/// Of known numbers, one after the other.
Raiser::MaybeForm Raiser::reduceKnown(Form form, StringRef kind,
                                      const Dim *dim) {
  if (dim->size > kMaxLiteral)
    return because("its operand is no value of tokens");
  const Node *sum = nullptr;
  for (int64_t i = 0; i < dim->size; ++i) {
    const Node *element =
        exprs_.substitute(form.expr, dim, exprs_.constant(double(i)));
    const Node *both[] = {sum, element};
    if (!sum)
      sum = element;
    else if (kind == "max" || kind == "min")
      sum = exprs_.fn(kind, both);
    else
      sum = exprs_.add(sum, element);
  }
  form.expr = kind == "mean" ? exprs_.scaled(sum, 1 / double(dim->size)) : sum;
  return form;
}

/// Sums of the mask, statistics of scores, pooling of tokens.
Raiser::MaybeForm Raiser::reduceSequence(Operation *op, Form form,
                                         StringRef kind, int64_t axis) {
  const Dim *dim = form.axes[axis][0];
  if (hasScores(form.expr)) {
    const Dim *bound = exprs_.like(dim);
    form.expr = exprs_.reduce(
        kind, exprs_.substitute(form.expr, dim, exprs_.index(bound)), bound);
    return form;
  }
  if (readsData(form.expr))
    return pool(op->getLoc(), form, axis, kind);
  const Node *mask = form.expr;
  if (kind == "sum" && mask->kind == Node::Read &&
      mask->array->kind == Array::Mask && mask->args[1] == exprs_.index(dim)) {
    form.expr = exprs_.read(ctx_.length, mask->args[0]);
    return form;
  }
  return because("it reduces over the sequence axis what is no value of tokens "
                 "and not the mask");
}

/// One row a sequence.
Raiser::MaybeForm Raiser::pool(Location loc, Form form, size_t axis,
                               StringRef kind) {
  if (form.sequenceDims().size() != 1 || !form.batchDim())
    return because("it reduces over tokens of more than one sequence");
  if (kind == "min") {
    form.expr = exprs_.scaled(form.expr, -1);
    MaybeForm largest = pool(loc, form, axis, "max");
    if (largest)
      largest->expr = exprs_.scaled(largest->expr, -1);
    return largest;
  }
  const Dim *dim = form.sequenceDims()[0];
  const Node *padded =
      exprs_.rewrite(form.expr, [&](const Node *node) -> const Node * {
        bool mask =
            node->kind == Node::Read && node->array->kind == Array::Mask;
        return mask ? exprs_.constant(0) : nullptr;
      });
  bool low = padded->isConst() && padded->value <= kMasked;
  if (ctx_.hasMask && kind == "sum" && !isZeroWherePadded(ctx_, form.expr, dim))
    return because("it sums over the sequence axis values that padding is not "
                   "masked out of");
  if (ctx_.hasMask && kind == "mean")
    return because("its mean over the sequence axis counts padded positions; "
                   "divide a masked sum by the sum of the mask");
  if (ctx_.hasMask && kind == "max" && !low)
    return because("its maximum or minimum over the sequence axis counts "
                   "padded positions");
  SmallVector<const Dim *> rows = form.rowDims();
  // A sum over tokens divided by what they have in common: after the sum.
  const Node *over = nullptr;
  if (kind == "sum") {
    form.expr = forRealToken(ctx_, form.expr, dim);
    if (form.expr->isFn("div") && !form.expr->args[1]->dependsOn(dim)) {
      over = form.expr->args[1];
      form.expr = form.expr->args[0];
    }
  }
  Emitted input = emitRows(ctx_, form.expr, form.batchDim(), dim, rows, loc);
  if (!input.value)
    return std::nullopt;
  auto sequences = cast<SequencesType>(ctx_.sequences.getType());
  auto type = cast<PackedType>(input.value.getType())
                  .withAxis(sequences.getSequences());
  Array *array = exprs_.array(Array::Sequences);
  array->value = SegmentReduceOp::create(ctx_.builder, loc, type, input.value,
                                         ctx_.sequences, kind);
  form.expr = exprs_.read(array, {input.read->args[0], input.read->args[2]});
  if (over)
    form.expr = exprs_.div(form.expr, over);
  takeMean(form, loc);
  form.axes[axis].clear();
  return form;
}

} // namespace ft::passes::raise
