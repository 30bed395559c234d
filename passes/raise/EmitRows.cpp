//===- EmitRows.cpp - rows of a formula, and what reads them --------------===//
#include "passes/raise/Emit.h"

using namespace mlir;
using namespace ft::ir;

namespace ft::passes::raise {

Value fullRows(Context &ctx, const Emitted &emitted, ArrayRef<const Dim *> rows,
               ArrayRef<int64_t> shape, Location loc) {
  Value value = emitted.value;
  SmallVector<int64_t> sizes = sizesOf(rows), strides;
  if (cast<PackedType>(value.getType()).getShape() != ArrayRef(sizes)) {
    AffineIndex index = *affineIndex(emitted.read->args.back());
    for (const Dim *dim : rows)
      strides.push_back(int64_t(index.coefficient(dim)));
    value = rearranged(ctx.builder, loc, value, 0, sizes, strides);
  }
  if (ArrayRef(sizes) == shape)
    return value;
  Value same = withExtents(ctx, value, shape);
  return same ? same : reshaped(ctx.builder, loc, value, shape);
}

namespace {
/// Says of a formula, and of all within it, that a rotation became row
/// operations; once.
class RotationScope {
public:
  RotationScope(Context &ctx, Location loc) : state_(ctx.rotations), loc_(loc) {
    if (state_.depth++ > 0)
      return;
    state_.found = 0;
    state_.why.clear();
  }
  ~RotationScope() {
    bool lost = --state_.depth == 0 && state_.found == 0 && !state_.why.empty();
    if (lost &&
        state_.said.insert({loc_.getAsOpaquePointer(), state_.why}).second)
      emitWarning(loc_) << "a rotation by position is computed in row "
                           "operations, not as a rotary embedding: "
                        << state_.why;
  }

private:
  Context::Rotations &state_;
  Location loc_;
};
} // namespace

/// Which of `rows` has an index that is divided into quotient and remainder
/// where rows are read, and by how much.
static std::pair<const Dim *, int64_t> findDivided(const Node *expr,
                                                   ArrayRef<const Dim *> rows) {
  std::pair<const Dim *, int64_t> found{nullptr, 0};
  auto look = [&](const Node *node) {
    bool divides = node->isFn("floordiv") || node->isFn("mod");
    if (!divides || node->args[0]->kind != Node::Index ||
        !node->args[1]->isConst() || found.first)
      return;
    const Dim *dim = node->args[0]->dim;
    auto by = int64_t(node->args[1]->value);
    if (llvm::is_contained(rows, dim) && by > 1 && by < dim->size &&
        dim->size % by == 0)
      found = {dim, by};
  };
  forEachNode(expr, [&](const Node *read) {
    if (read->kind == Node::Read && (read->array->kind == Array::Tokens ||
                                     read->array->kind == Array::Sequences))
      forEachNode(read->args.back(), look);
  });
  return found;
}

/// Elements whose places are computed by quotients and remainders of an index
/// are views along two dimensions in place of one.
static Emitted emitDivided(Context &ctx, const Node *expr, const Dim *batch,
                           const Dim *sequence, ArrayRef<const Dim *> rows,
                           Location loc) {
  auto [dim, by] = findDivided(expr, rows);
  if (!dim)
    return {};
  Exprs &exprs = ctx.exprs;
  const Dim *outer = exprs.dim(Dim::Literal, dim->size / by);
  const Dim *inner = exprs.dim(Dim::Literal, by);
  const Node *whole = exprs.affine(
      0, {{exprs.index(outer), double(by)}, {exprs.index(inner), 1}});
  SmallVector<const Dim *> finer;
  for (const Dim *row : rows) {
    finer.push_back(row == dim ? outer : row);
    if (row == dim)
      finer.push_back(inner);
  }
  Emitted made = emitRows(ctx, exprs.substitute(expr, dim, whole), batch,
                          sequence, finer, loc);
  if (!made.value)
    return {};
  SmallVector<const Node *> at(made.read->args);
  Array *array = exprs.array(made.read->array->kind);
  array->zeroWherePadded = made.read->array->zeroWherePadded;
  array->value = fullRows(ctx, made, finer, sizesOf(rows), loc);
  SmallVector<const Node *> row;
  for (const Dim *each : rows)
    row.push_back(exprs.index(each));
  at.back() = flatIndex(exprs, row, sizesOf(rows));
  return {array->value, exprs.read(array, at)};
}

Emitted emitRows(Context &ctx, const Node *expr, const Dim *batch,
                 const Dim *sequence, ArrayRef<const Dim *> rows,
                 Location loc) {
  ctx.why.clear();
  Exprs &exprs = ctx.exprs;
  // One number is a row of one.
  const Dim *unit[] = {exprs.dim(Dim::Literal, 1)};
  if (rows.empty())
    rows = unit;
  RotationScope rotations(ctx, loc);
  bool padded = sequence && isZeroWherePadded(ctx, expr, sequence);
  expr = forRealToken(ctx, expr, sequence);
  if (sequence)
    if (const Node *rotated = emitRope(ctx, expr, batch, sequence, rows, loc))
      expr = rotated;
  if (Emitted divided = emitDivided(ctx, expr, batch, sequence, rows, loc);
      divided.value)
    return divided;
  RowEmitter emitter(ctx, batch, sequence, rows, loc);
  Value value = emitter.emit(expr);
  if (!value)
    return {};
  Array *array = exprs.array(sequence ? Array::Tokens : Array::Sequences);
  array->value = value;
  array->zeroWherePadded = padded;
  SmallVector<const Node *> at{exprs.index(batch)};
  if (sequence)
    at.push_back(exprs.index(sequence));
  const Node *flat = exprs.constant(0);
  for (auto [dim, extent] :
       llvm::zip(rows, cast<PackedType>(value.getType()).getShape()))
    if (extent != 1)
      flat = exprs.affine(0, {{flat, double(extent)}, {exprs.index(dim), 1}});
  at.push_back(flat);
  return {value, exprs.read(array, at)};
}

} // namespace ft::passes::raise
