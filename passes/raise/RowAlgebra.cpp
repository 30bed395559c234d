//===- RowAlgebra.cpp - row-wise values as products and sums --------------===//
#include "passes/raise/RowAlgebra.h"

using namespace mlir;
using namespace ft::ir;

namespace ft::passes::raise {

Linear linearOf(Value value) {
  Linear linear{value};
  while (Operation *op = linear.base.getDefiningOp()) {
    if (auto scale = dyn_cast<ScaleOp>(op))
      linear.factor *= scale.getBy().convertToDouble();
    else if (auto offset = dyn_cast<OffsetOp>(op))
      linear.number += linear.factor * offset.getBy().convertToDouble();
    else if (isa<NegOp>(op))
      linear.factor = -linear.factor;
    else
      break;
    linear.base = op->getOperand(0);
  }
  return linear;
}

static std::optional<Polynomial> times(const Polynomial &a,
                                       const Polynomial &b) {
  Polynomial product{};
  for (size_t i = 0; i < a.size(); ++i)
    for (size_t j = 0; j < b.size(); ++j) {
      if (a[i] * b[j] == 0)
        continue;
      if (i + j >= product.size())
        return std::nullopt;
      product[i + j] += a[i] * b[j];
    }
  return product;
}

std::optional<Polynomial> polynomialOf(Value value, Value x) {
  if (value == x)
    return Polynomial{0, 1, 0, 0};
  Operation *op = value.getDefiningOp();
  if (!op || !isa<ScaleOp, OffsetOp, NegOp, SquareOp, MulOp, AddOp, SubOp>(op))
    return std::nullopt;
  std::optional<Polynomial> a = polynomialOf(op->getOperand(0), x);
  if (!a)
    return std::nullopt;
  if (isa<SquareOp>(op))
    return times(*a, *a);
  if (auto offset = dyn_cast<OffsetOp>(op)) {
    (*a)[0] += offset.getBy().convertToDouble();
    return a;
  }
  if (op->getNumOperands() == 1) {
    auto scale = dyn_cast<ScaleOp>(op);
    double by = scale ? scale.getBy().convertToDouble() : -1;
    for (double &coefficient : *a)
      coefficient *= by;
    return a;
  }
  std::optional<Polynomial> b = polynomialOf(op->getOperand(1), x);
  if (!b || isa<MulOp>(op))
    return b ? times(*a, *b) : std::nullopt;
  for (size_t i = 0; i < a->size(); ++i)
    (*a)[i] += isa<SubOp>(op) ? -(*b)[i] : (*b)[i];
  return a;
}

//===----------------------------------------------------------------------===//
// Products
//===----------------------------------------------------------------------===//

static bool isProduct(Operation *op) {
  return isa_and_nonnull<MulOp, DivOp, ScaleOp>(op);
}

bool isProductRoot(Operation *op) {
  if (!isProduct(op))
    return false;
  return !op->hasOneUse() || !isProduct(*op->user_begin());
}

static void collect(Value value, bool inverse, bool root, Product &product) {
  Operation *op = value.getDefiningOp();
  if (!isProduct(op) || (!root && !value.hasOneUse())) {
    product.factors.push_back({value, inverse});
    return;
  }
  if (auto scale = dyn_cast<ScaleOp>(op)) {
    double by = scale.getBy().convertToDouble();
    product.scale *= inverse ? 1 / by : by;
    return collect(scale.getInput(), inverse, false, product);
  }
  collect(op->getOperand(0), inverse, false, product);
  collect(op->getOperand(1), isa<DivOp>(op) ? !inverse : inverse, false,
          product);
}

Product productOf(Value root) {
  Product product;
  collect(root, false, true, product);
  return product;
}

void Product::remove(ArrayRef<Factor> used) {
  for (const Factor &factor : used)
    factors.erase(llvm::find(factors, factor));
}

/// The type of an elementwise operation on both.
static PackedType unite(Value a, Value b) {
  auto x = cast<PackedType>(a.getType()), y = cast<PackedType>(b.getType());
  SmallVector<int64_t> shape;
  for (auto [i, j] : llvm::zip(x.getShape(), y.getShape()))
    shape.push_back(std::max(i, j));
  return x.withShape(shape);
}

Value Product::rebuild(OpBuilder &builder, Value first, Location loc) const {
  Value value = first;
  if (scale != 1)
    value = ScaleOp::create(builder, loc, value.getType(), value,
                            builder.getF64FloatAttr(scale));
  for (const Factor &factor : factors) {
    PackedType type = unite(value, factor.value);
    if (factor.inverse)
      value = DivOp::create(builder, loc, type, value, factor.value);
    else
      value = MulOp::create(builder, loc, type, value, factor.value);
  }
  return value;
}

//===----------------------------------------------------------------------===//
// Norms
//===----------------------------------------------------------------------===//

std::optional<InverseRoot> inverseRoot(const Factor &factor) {
  Operation *op = factor.value.getDefiningOp();
  bool fits = op && (factor.inverse ? isa<SqrtOp>(op) : isa<RsqrtOp>(op));
  if (!factor.inverse && op)
    if (auto reciprocal = dyn_cast<ReciprocalOp>(op)) {
      op = reciprocal.getInput().getDefiningOp();
      fits = isa_and_nonnull<SqrtOp>(op);
    }
  if (!fits)
    return std::nullopt;
  Linear sum = linearOf(op->getOperand(0));
  auto mean = sum.base.getDefiningOp<ReduceMeanOp>();
  auto square = mean ? mean.getInput().getDefiningOp<SquareOp>() : SquareOp();
  if (!square || sum.factor != 1 || sum.number < 0)
    return std::nullopt;
  return InverseRoot{square.getInput(), sum.number};
}

Value centeredOf(Value value) {
  auto sub = value.getDefiningOp<SubOp>();
  auto mean = sub ? sub.getRhs().getDefiningOp<ReduceMeanOp>() : ReduceMeanOp();
  return mean && mean.getInput() == sub.getLhs() ? Value(sub.getLhs())
                                                 : Value();
}

} // namespace ft::passes::raise
