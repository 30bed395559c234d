//===- UnitExtents.cpp - rows with extents of 1 put in or left out --------===//
//
// [batch, 1, sequence, 64] and [batch, sequence, 64] are rows of [1, 64] and of
// [64]: the same numbers. Where a reader wants the one and the other was made,
// the operations that made it are made anew in the shape that is wanted, so
// that no copy stands between them.
//
//===----------------------------------------------------------------------===//
#include "passes/Capability.h"
#include "passes/raise/Raiser.h"

#include "mlir/IR/IRMapping.h"

using namespace mlir;
using namespace ft::ir;

namespace ft::passes::raise {

/// For each extent of `to` the one of `from` that it is, -1 for a new extent of
/// 1; none where they differ in more than extents of 1.
static std::optional<SmallVector<int64_t>> matchExtents(ArrayRef<int64_t> from,
                                                        ArrayRef<int64_t> to) {
  SmallVector<int64_t> places(to.size(), -1);
  size_t i = from.size(), j = to.size();
  while (i > 0 || j > 0) {
    if (i > 0 && j > 0 && from[i - 1] == to[j - 1])
      places[--j] = int64_t(--i);
    else if (j > 0 && to[j - 1] == 1)
      --j;
    else if (i > 0 && from[i - 1] == 1)
      --i;
    else
      return std::nullopt;
  }
  return places;
}

/// Whether the last extent means more to `op` than the others.
static bool isAlongLast(Operation *op) {
  return isa<RmsNormOp, LayerNormOp, SoftmaxOp, NormalizeOp, CumsumOp,
             ReduceSumOp, ReduceMaxOp, ReduceMeanOp>(op);
}

static bool isElementwise(Operation *op) {
  return isUnary(op) || isa<AddOp, SubOp, MulOp, DivOp, MaximumOp, MinimumOp,
                            PowOp, ModOp, LtOp, LeOp, EqOp, SelectOp>(op);
}

/// A weight's own extents stand at the end.
static bool fitsWeight(BroadcastOp op, ArrayRef<int64_t> shape) {
  while (!shape.empty() && shape.front() == 1)
    shape = shape.drop_front();
  ArrayRef<int64_t> own =
      lookupParam(op, op.getWeightAttr()).getTensorType().getShape();
  while (!own.empty() && own.front() == 1)
    own = own.drop_front();
  return shape == own;
}

/// What `op` gives in another shape, all elements in their order; else null.
static Value reshapedInput(Operation *op) {
  auto view = dyn_cast<RearrangeOp>(op);
  if (!view || view.getOffset() != 0)
    return nullptr;
  int64_t stride = 1;
  for (auto [extent, own] :
       llvm::reverse(llvm::zip(view.getType().getShape(), view.getStrides()))) {
    if (extent != 1 && own != stride)
      return nullptr;
    stride *= extent;
  }
  bool all = stride == view.getInput().getType().getRowElements();
  return all ? Value(view.getInput()) : Value();
}

bool repeatsByLines(ArrayRef<int64_t> own, ArrayRef<int64_t> whole) {
  if (own.empty())
    return true;
  ArrayRef<int64_t> lines = own.drop_back();
  return lines == whole.drop_back() ||
         llvm::all_of(lines, [](int64_t extent) { return extent == 1; });
}

Value withExtents(Context &ctx, Value value, ArrayRef<int64_t> shape) {
  auto type = cast<PackedType>(value.getType());
  Operation *op = value.getDefiningOp();
  if (type.getShape() == shape || !op)
    return type.getShape() == shape ? value : Value();
  if (Value input = reshapedInput(op))
    return withExtents(ctx, input, shape);
  std::optional<SmallVector<int64_t>> places =
      matchExtents(type.getShape(), shape);
  // A product has whatever extents its elements are read by, and so has the
  // number of a row.
  bool product =
      isa<LinearOp, ToFloatOp>(op) &&
      type.withShape(shape).getRowElements() == type.getRowElements();
  if (!places && !product)
    return nullptr;
  Value &made = ctx.reshaped[{op, shape.vec()}];
  if (made)
    return made;
  bool last = places && !places->empty() &&
              places->back() == int64_t(type.getShape().size()) - 1;
  bool whole = product;
  if (auto weight = dyn_cast<BroadcastOp>(op))
    whole = fitsWeight(weight, shape);
  if (!whole && !isElementwise(op) && !(isAlongLast(op) && last))
    return nullptr;
  IRMapping mapping;
  for (Value operand : op->getOperands()) {
    auto own = whole ? PackedType() : cast<PackedType>(operand.getType());
    if (!own)
      continue;
    SmallVector<int64_t> wanted;
    for (int64_t place : *places)
      wanted.push_back(place < 0 ? 1 : own.getShape()[place]);
    Value other;
    if (repeatsByLines(wanted, shape))
      other = withExtents(ctx, operand, wanted);
    if (!other)
      return nullptr;
    mapping.map(operand, other);
  }
  OpBuilder builder(op->getContext());
  builder.setInsertionPointAfter(op);
  Operation *clone = builder.clone(*op, mapping);
  clone->getResult(0).setType(type.withShape(shape));
  return ctx.reshaped[{op, shape.vec()}] = clone->getResult(0);
}

} // namespace ft::passes::raise
