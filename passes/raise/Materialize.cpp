//===- Materialize.cpp - when formulas become rows ------------------------===//
#include "passes/raise/Raiser.h"

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
  const Node *padded = exprs.rewrite(node, [&](const Node *n) -> const Node * {
    if (n->kind != Node::Read || n->args.size() < 2 || n->args[1] != at)
      return nullptr;
    bool zero = n->array->kind == Array::Mask || n->array->zeroWherePadded;
    return zero ? exprs.constant(0) : nullptr;
  });
  return padded->isConst(0);
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

/// What no batch axis is known of is a value of positions: rows that all
/// sequences share.
std::optional<Raiser::Place> Raiser::placeOf(const Form &form) {
  SmallVector<const Dim *> sequences = form.sequenceDims();
  Place place;
  place.batch = form.batchDim();
  place.ofPositions = !place.batch;
  if (sequences.size() > 1 || (sequences.empty() && !place.batch)) {
    ctx_.because("its operand is no value of tokens or sequences");
    return std::nullopt;
  }
  place.at.push_back(place.batch ? exprs_.index(place.batch)
                                 : exprs_.constant(0));
  if (!place.batch)
    place.batch = exprs_.dim(Dim::Batch);
  if (!sequences.empty()) {
    place.sequence = sequences[0];
    place.at.push_back(exprs_.index(place.sequence));
  }
  return place;
}

Array *Raiser::arrayOf(Value value, const Place &place) {
  Array *array =
      exprs_.array(place.sequence ? Array::Tokens : Array::Sequences);
  array->value = value;
  array->ofPositions = place.ofPositions;
  return array;
}

bool Raiser::alongRow(Form &form, const Dim *last, Location loc,
                      llvm::function_ref<Value(Value)> make) {
  std::optional<Place> place = placeOf(form);
  if (!place)
    return false;
  SmallVector<const Dim *> rows = form.rowDims();
  llvm::erase(rows, last);
  rows.push_back(last);
  Emitted input =
      emitRows(ctx_, form.expr, place->batch, place->sequence, rows, loc);
  if (!input.value)
    return false;
  Array *array =
      arrayOf(make(fullRows(ctx_, input, rows, sizesOf(rows), loc)), *place);
  auto type = cast<PackedType>(array->value.getType());
  if (type.getLastDim() == 1 || type.getShape().size() < rows.size())
    rows.pop_back();
  SmallVector<const Node *> row;
  for (const Dim *dim : rows)
    row.push_back(exprs_.index(dim));
  place->at.push_back(flatIndex(exprs_, row, sizesOf(rows)));
  form.expr = exprs_.read(array, place->at);
  return true;
}

/// Whether `node` reads rows, or parts of them, each element in its place.
static bool isPlain(const Node *node) {
  bool plain = true;
  forEachNode(node, [&](const Node *read) {
    if (read->kind != Node::Read || (read->array->kind != Array::Tokens &&
                                     read->array->kind != Array::Sequences))
      return;
    auto type = cast<ir::PackedType>(read->array->value.getType());
    std::optional<AffineIndex> index = affineIndex(read->args.back());
    if (!index)
      return void(plain = false);
    llvm::stable_sort(index->terms,
                      [](auto &a, auto &b) { return a.second > b.second; });
    plain &= cutsOf(type.getRowElements(), index->constant, index->terms)
                 .has_value();
  });
  return plain;
}

/// Whether `value` is read by products alone, through what moves its elements.
static bool isOnlyMultiplied(Value value) {
  return llvm::all_of(value.getUsers(), [](Operation *user) {
    return isa<PrimMatmulOp>(user) ||
           (isa<PrimReshapeOp, PrimTransposeOp, PrimExpandOp, PrimSliceOp,
                PrimConcatOp, PrimGatherOp, PrimCastOp>(user) &&
            isOnlyMultiplied(user->getResult(0)));
  });
}

/// Whether `node` is a number times what is made already.
static bool isScaledRead(const Node *node) {
  return node->kind == Node::Affine && node->value == 0 &&
         node->args.size() == 1 && node->args[0]->kind == Node::Read;
}

/// What several read is made once. A part of what is made already is not: it
/// may be a half of a rotary embedding.
void Raiser::materializeIfShared(Operation *op, Form &form) {
  Value value = op->getResult(0);
  bool shared = !value.use_empty() && !value.hasOneUse();
  if ((!shared && !addsVector(op)) || !readsData(form.expr) ||
      hasScores(form.expr) || form.expr->kind == Node::Read ||
      !isPlain(form.expr))
    return;
  // A product takes the factors of its operands.
  if (isScaledRead(form.expr) && isOnlyMultiplied(value))
    return;
  SmallVector<const Dim *> sequences = form.sequenceDims();
  const Node *rotated = nullptr;
  if (sequences.size() == 1 && form.batchDim())
    rotated =
        emitRope(ctx_, forRealToken(ctx_, form.expr, sequences[0]),
                 form.batchDim(), sequences[0], form.rowDims(), op->getLoc());
  if (rotated)
    form.expr = rotated;
  else
    materialize(form, op->getLoc());
}

/// Whether a weight is added to a product: a norm's bias, which a later sum
/// must not take from it.
bool Raiser::addsVector(Operation *op) {
  if (!isa<PrimAddOp>(op))
    return false;
  auto is = [&](Value value, bool product) {
    const Node *expr = forms_.lookup(value).expr;
    return product ? expr->isFn("mul") && readsData(expr)
                   : !expr->isConst() && !readsData(expr) &&
                         llvm::all_of(expr->free, [](const Dim *dim) {
                           return dim->kind == Dim::Literal;
                         });
  };
  Value a = op->getOperand(0), b = op->getOperand(1);
  return (is(a, true) && is(b, false)) || (is(b, true) && is(a, false));
}

/// The value whose rows of integers `node` reads, all of them in order along
/// `rows`; else null.
static Value wholeIntegers(const Node *node, Exprs &exprs,
                           ArrayRef<const Dim *> rows) {
  if (node->kind != Node::Read || !node->array->value)
    return nullptr;
  auto type = cast<PackedType>(node->array->value.getType());
  SmallVector<const Node *> at;
  int64_t count = 1;
  for (const Dim *dim : rows) {
    at.push_back(exprs.index(dim));
    count *= dim->size;
  }
  bool whole = !isa<BlockArgument>(node->array->value) &&
               type.getElementType().isInteger(32) &&
               type.getRowElements() == count &&
               node->args.back() == flatIndex(exprs, at, sizesOf(rows));
  return whole ? node->array->value : Value();
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
  if (!holds(0, Dim::Batch) ||
      form.dims().size() != form.rowDims().size() + (tokens ? 2 : 1))
    return ctx_.because("a result has the axes [batch, sequence, ...] or "
                        "[batch, ...]");
  SmallVector<const Dim *> rows = form.rowDims();
  SmallVector<int64_t> shape;
  for (const Axis &axis : ArrayRef(form.axes).drop_front(tokens ? 2 : 1)) {
    shape.push_back(1);
    for (const Dim *dim : axis)
      shape.back() *= dim->size;
  }
  if (Value integers = wholeIntegers(form.expr, exprs_, rows))
    return integers;
  Emitted emitted = emitRows(ctx_, form.expr, form.axes[0][0],
                             tokens ? form.axes[1][0] : nullptr, rows, loc);
  if (!emitted.value)
    return nullptr;
  Value made = fullRows(ctx_, emitted, rows, shape, loc);
  if (!isa<BlockArgument>(made))
    return made;
  // A result is what a step makes.
  return ConcatOp::create(ctx_.builder, loc, made.getType(), made);
}

} // namespace ft::passes::raise
