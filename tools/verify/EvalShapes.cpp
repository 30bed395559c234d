//===- EvalShapes.cpp - primitives along and between axes -----------------===//
#include "tools/verify/Dense.h"
#include "tools/verify/Elementwise.h"
#include "tools/verify/Evaluator.h"

#include <algorithm>
#include <limits>

using namespace mlir;
using namespace ft;
using namespace ft::verify;

namespace {

/// Elements before, along and after one axis.
struct Extents {
  int64_t before = 1, along = 1, after = 1;
  Extents(const Shape &shape, int64_t axis)
      : before(elementsOf({shape.begin(), shape.begin() + axis})),
        along(shape[size_t(axis)]),
        after(elementsOf({shape.begin() + axis + 1, shape.end()})) {}
};

Tensor transpose(const Tensor &input, ArrayRef<int64_t> perm) {
  size_t rank = perm.size();
  Shape steps(rank, 1), shape(rank), moved(rank), at(rank, 0);
  for (size_t axis = rank; axis-- > 1;)
    steps[axis - 1] = steps[axis] * input.shape[axis];
  for (size_t axis = 0; axis < rank; ++axis) {
    shape[axis] = input.shape[size_t(perm[axis])];
    moved[axis] = steps[size_t(perm[axis])];
  }
  Tensor out(shape);
  int64_t from = 0;
  for (double &x : out.data) {
    x = input.data[size_t(from)];
    for (size_t axis = rank; axis-- > 0;) {
      from += moved[axis];
      if (++at[axis] < shape[axis])
        break;
      from -= moved[axis] * shape[axis];
      at[axis] = 0;
    }
  }
  return out;
}

/// Axis `axis` moved to the end, and back.
Tensor toLast(const Tensor &input, int64_t axis) {
  SmallVector<int64_t> perm;
  for (int64_t i = 0; i < int64_t(input.shape.size()); ++i)
    if (i != axis)
      perm.push_back(i);
  perm.push_back(axis);
  return transpose(input, perm);
}
Tensor fromLast(const Tensor &input, int64_t axis) {
  auto last = int64_t(input.shape.size()) - 1;
  SmallVector<int64_t> perm;
  for (int64_t i = 0; i < last; ++i) {
    if (i == axis)
      perm.push_back(last);
    perm.push_back(i);
  }
  if (axis == last)
    perm.push_back(last);
  return transpose(input, perm);
}

/// Over one axis, which becomes 1.
Tensor reduceAxis(Operation *op, const Tensor &input, int64_t axis) {
  Extents extents(input.shape, axis);
  Shape shape = input.shape;
  shape[size_t(axis)] = 1;
  Tensor out(shape);
  for (int64_t b = 0; b < extents.before; ++b)
    for (int64_t a = 0; a < extents.after; ++a) {
      double &result = out.data[size_t(b * extents.after + a)];
      for (int64_t i = 0; i < extents.along; ++i) {
        double x =
            input.data[size_t((b * extents.along + i) * extents.after + a)];
        if (isa<ir::PrimReduceMaxOp>(op))
          result = i == 0 ? x : std::max(result, x);
        else if (isa<ir::PrimReduceMinOp>(op))
          result = i == 0 ? x : std::min(result, x);
        else
          result += x;
      }
      if (isa<ir::PrimReduceMeanOp>(op))
        result /= double(extents.along);
    }
  return out;
}

Tensor reduce(Operation *op, const Tensor &input, ArrayRef<int64_t> axes,
              const Shape &shape) {
  Tensor out = input;
  for (int64_t axis : axes)
    out = reduceAxis(op, out, axis);
  out.shape = shape;
  return out;
}

Tensor cumulate(Tensor input, int64_t axis) {
  Extents extents(input.shape, axis);
  for (int64_t b = 0; b < extents.before; ++b)
    for (int64_t i = 1; i < extents.along; ++i)
      for (int64_t a = 0; a < extents.after; ++a) {
        int64_t at = (b * extents.along + i) * extents.after + a;
        input.data[size_t(at)] += input.data[size_t(at - extents.after)];
      }
  return input;
}

StatusOr<Tensor> slice(ir::PrimSliceOp op, const Tensor &input,
                       const Shape &shape) {
  auto axis = int64_t(op.getAxis());
  Extents from(input.shape, axis), to(shape, axis);
  int64_t start = op.getStart(), step = op.getStep();
  if (start < 0)
    start += from.along;
  if (start < 0 || start + (to.along - 1) * step >= from.along)
    return outOfRange("a range of " + std::to_string(to.along) + " from " +
                      std::to_string(start) + " of " +
                      std::to_string(from.along) + " elements");
  Tensor out(shape);
  for (int64_t b = 0; b < to.before; ++b)
    for (int64_t i = 0; i < to.along; ++i)
      std::copy_n(input.data.begin() +
                      (b * from.along + start + i * step) * from.after,
                  to.after, out.data.begin() + (b * to.along + i) * to.after);
  return out;
}

Tensor concat(ir::PrimConcatOp op, const EvalContext &context) {
  Tensor out(context.shapeOf(op.getResult().getType()));
  Extents to(out.shape, int64_t(op.getAxis()));
  int64_t start = 0;
  for (Value operand : op.getInputs()) {
    const Tensor &part = context.value(operand);
    Extents from(part.shape, int64_t(op.getAxis()));
    for (int64_t b = 0; b < from.before; ++b)
      std::copy_n(part.data.begin() + b * from.along * from.after,
                  from.along * from.after,
                  out.data.begin() + (b * to.along + start) * to.after);
    start += from.along;
  }
  return out;
}

StatusOr<Tensor> gather(ir::PrimGatherOp op, const EvalContext &context) {
  const Tensor &input = context.value(op.getInput());
  const Tensor &ids = context.value(op.getIds());
  Tensor out(context.shapeOf(op.getResult().getType()));
  Extents from(input.shape, int64_t(op.getAxis()));
  int64_t batches = elementsOf(
      {ids.shape.begin(), ids.shape.begin() + int64_t(op.getBatch())});
  int64_t each = ids.size() / batches, outer = from.before / batches;
  for (int64_t b = 0; b < from.before; ++b)
    for (int64_t i = 0; i < each; ++i) {
      auto id = int64_t(ids.data[size_t(b / outer * each + i)]);
      if (id < 0 || id >= from.along)
        return outOfRange("element " + std::to_string(id) + " of an axis of " +
                          std::to_string(from.along));
      std::copy_n(input.data.begin() + (b * from.along + id) * from.after,
                  from.after, out.data.begin() + (b * each + i) * from.after);
    }
  return out;
}

Tensor matmul(const Tensor &a, const Tensor &b, const Shape &shape) {
  Tensor out(shape);
  size_t rank = shape.size();
  int64_t m = a.shape[a.shape.size() - 2], k = a.last(), n = b.last();
  if (b.shape.size() == 2) {
    multiply(a.data.data(), b.data.data(), a.size() / k, n, k, out.data.data());
    return out;
  }
  Shape left(shape), right(shape);
  left[rank - 1] = k;
  right[rank - 2] = k;
  Tensor wideA = repeatTo(a, left), wideB = repeatTo(b, right);
  for (int64_t i = 0; i * m * n < out.size(); ++i)
    multiply(&wideA.data[size_t(i * m * k)], &wideB.data[size_t(i * k * n)], m,
             n, k, &out.data[size_t(i * m * n)]);
  return out;
}

/// Of -inf alone, the scores of padding that sees no key, it is 0.
Tensor softmaxOfScores(const Tensor &scores) {
  Tensor out = softmaxRows(scores);
  constexpr double kLowest = -std::numeric_limits<double>::infinity();
  for (int64_t i = 0, n = scores.last(); i < out.size(); i += n) {
    auto row = scores.data.begin() + i;
    if (std::all_of(row, row + n, [](double x) { return x == kLowest; }))
      std::fill_n(out.data.begin() + i, n, 0.0);
  }
  return out;
}

} // namespace

Evaluated verify::evaluateShapes(Operation *op, const EvalContext &context) {
  if (op->getNumResults() != 1 ||
      !isa<ir::PaddedType>(*op->result_type_begin()))
    return std::nullopt;
  Shape shape = context.shapeOf(op->getResult(0).getType());
  auto in = [&](unsigned operand) -> const Tensor & {
    return context.value(op->getOperand(operand));
  };
  auto axes = op->getAttrOfType<DenseI64ArrayAttr>("axes");
  if (isa<ir::PrimReduceSumOp, ir::PrimReduceMaxOp, ir::PrimReduceMinOp,
          ir::PrimReduceMeanOp>(op))
    return reduce(op, in(0), axes.asArrayRef(), shape);
  if (auto sums = dyn_cast<ir::PrimCumsumOp>(op))
    return cumulate(in(0), int64_t(sums.getAxis()));
  if (auto soft = dyn_cast<ir::PrimSoftmaxOp>(op)) {
    auto axis = int64_t(soft.getAxis());
    return fromLast(softmaxOfScores(toLast(in(0), axis)), axis);
  }
  if (auto most = dyn_cast<ir::PrimArgmaxOp>(op)) {
    Tensor out = argmaxRows(toLast(in(0), int64_t(most.getAxis())));
    out.shape = shape;
    return out;
  }
  if (auto order = dyn_cast<ir::PrimTransposeOp>(op))
    return transpose(in(0), order.getPerm());
  if (isa<ir::PrimReshapeOp>(op)) {
    Tensor out = in(0);
    out.shape = shape;
    return out;
  }
  if (isa<ir::PrimExpandOp>(op))
    return repeatTo(in(0), shape);
  if (auto range = dyn_cast<ir::PrimSliceOp>(op))
    return slice(range, in(0), shape);
  if (auto parts = dyn_cast<ir::PrimConcatOp>(op))
    return concat(parts, context);
  if (auto picked = dyn_cast<ir::PrimGatherOp>(op))
    return gather(picked, context);
  if (isa<ir::PrimMatmulOp>(op))
    return matmul(in(0), in(1), shape);
  return std::nullopt;
}
