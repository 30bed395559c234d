//===- RaiseProducts.cpp - matmul: linears, scores, attention -------------===//
#include "passes/raise/Raiser.h"

#include "mlir/IR/IRMapping.h"

using namespace mlir;
using namespace ft::ir;

namespace ft::passes::raise {

bool readsData(const Node *node) {
  bool found = false;
  forEachNode(node, [&](const Node *n) {
    found |= n->kind == Node::Read && (n->array->kind == Array::Tokens ||
                                       n->array->kind == Array::Sequences);
  });
  return found;
}

bool hasScores(const Node *node) {
  bool found = false;
  forEachNode(node, [&](const Node *n) {
    found |= n->kind == Node::Dot || n->kind == Node::Softmax ||
             n->kind == Node::Reduce;
  });
  return found;
}

const Node *forRealToken(Context &ctx, const Node *node, const Dim *sequence) {
  if (!sequence || !ctx.hasMask)
    return node;
  Exprs &exprs = ctx.exprs;
  const Node *at = exprs.index(sequence);
  return exprs.rewrite(node, [&](const Node *n) -> const Node * {
    if (n->kind != Node::Read || n->args.size() < 2 || n->args[1] != at)
      return nullptr;
    if (n->array->kind == Array::Mask)
      return exprs.constant(1);
    // Padding follows the real tokens.
    return n->array->kind == Array::MaskCount ? exprs.plus(at, 1) : nullptr;
  });
}

bool isZeroWherePadded(Context &ctx, const Node *node, const Dim *sequence) {
  if (!ctx.hasMask)
    return false;
  Exprs &exprs = ctx.exprs;
  const Node *at = exprs.index(sequence);
  const Node *padded =
      exprs.rewrite(node, [&](const Node *n) -> const Node * {
        if (n->kind != Node::Read || n->args.size() < 2 || n->args[1] != at)
          return nullptr;
        bool zero = n->array->kind == Array::Mask || n->array->zeroWherePadded;
        return zero ? exprs.constant(0) : nullptr;
      });
  return padded->isConst(0);
}

static bool isStatic(const Form &form) {
  return !readsData(form.expr) &&
         llvm::all_of(form.expr->free, [](const Dim *dim) {
           return dim->kind == Dim::Literal;
         });
}

static const Dim *sequenceOf(const Axis &axis) {
  for (const Dim *dim : axis)
    if (dim->kind == Dim::Sequence)
      return dim;
  return nullptr;
}

Value Raiser::materialize(Form &form, Location loc) {
  SmallVector<const Dim *> sequences = form.sequenceDims();
  if (sequences.size() > 1)
    return ctx_.because("it has two sequence axes outside of an attention");
  if (!form.batchDim() || hasScores(form.expr))
    return ctx_.because(form.batchDim()
                            ? "attention scores are used beside an attention"
                            : "it is no value of tokens or sequences");
  Emitted emitted =
      emitRows(ctx_, form.expr, form.batchDim(),
               sequences.empty() ? nullptr : sequences[0], form.rowDims(), loc);
  if (emitted.value)
    form.expr = emitted.read;
  return emitted.value;
}

/// What several read is made once. What cannot be made alone may still be part
/// of something: half of a rotary embedding, say.
void Raiser::materializeIfShared(Operation *op, Form &form) {
  Value value = op->getResult(0);
  if (value.use_empty() || value.hasOneUse() || !readsData(form.expr) ||
      hasScores(form.expr) || form.expr->kind == Node::Read)
    return;
  materialize(form, op->getLoc());
}

Value Raiser::result(OpOperand &operand) {
  ctx_.why.clear();
  Form form = forms_[operand.get()];
  Location loc = operand.get().getLoc();
  auto holds = [&](size_t axis, Dim::Kind kind) {
    return form.axes.size() > axis && form.axes[axis].size() == 1 &&
           form.axes[axis][0]->kind == kind;
  };
  bool tokens = holds(1, Dim::Sequence);
  if (!holds(0, Dim::Batch) || form.sequenceDims().size() > size_t(tokens))
    return ctx_.because("a result has the axes [batch, sequence, ...] or "
                        "[batch, ...]");
  SmallVector<const Dim *> rows;
  for (Axis &axis : MutableArrayRef(form.axes).drop_front(tokens ? 2 : 1)) {
    const Dim *dim = ctx_.layout.merge(axis, {&form.expr});
    rows.push_back(dim ? dim : exprs_.dim(Dim::Literal, 1));
  }
  if (form.expr->kind == Node::Read &&
      cast<PaddedType>(operand.get().getType()).getElementType().isInteger())
    return form.expr->array->value;
  Emitted emitted = emitRows(ctx_, form.expr, form.axes[0][0],
                             tokens ? form.axes[1][0] : nullptr, rows, loc);
  if (!emitted.value)
    return nullptr;
  if (cast<PackedType>(emitted.value.getType()).getShape() !=
      ArrayRef<int64_t>(sizesOf(rows)))
    return ctx_.because("a result is the same along an axis of its row");
  return emitted.value;
}

//===----------------------------------------------------------------------===//
// matmul
//===----------------------------------------------------------------------===//

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
  auto type = cast<PackedType>(input.value.getType());
  int64_t k = 1, n = 1;
  for (const Dim *dim : inner)
    k *= dim->size;
  for (const Dim *dim : outer)
    n *= dim->size;
  if (type.getRowElements() != k)
    return because("its operand is the same along the summed axis");
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
  AttentionParts parts{weights.expr, value.expr, weights.batchDim(),
                       query,        key,        heads,
                       row};
  result.expr = emitAttention(ctx_, parts, op.getLoc());
  if (!result.expr)
    return std::nullopt;
  return result;
}

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
  for (auto [source, dims, arg] : llvm::zip(leading, rows, body.getArguments())) {
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
        value.setType(type.withAxis(sequence ? own.getTokens()
                                             : own.getSequences()));
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
