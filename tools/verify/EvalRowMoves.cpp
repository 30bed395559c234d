//===- EvalRowMoves.cpp - elements of a row in other places ---------------===//
#include "tools/verify/Elementwise.h"
#include "tools/verify/Evaluator.h"

#include <algorithm>

using namespace mlir;
using namespace ft;
using namespace ft::verify;

/// Element [i, j, ...] of a row is offset + i * strides[0] + j * strides[1] ...
/// of the input's.
static Tensor rearrange(ir::RearrangeOp op, const Tensor &input) {
  auto from = op.getInput().getType().getShape();
  auto to = op.getResult().getType().getShape();
  Tensor out(EvalContext::rowsLike(input, op.getInput().getType(),
                                   op.getResult().getType()));
  int64_t wide = elementsOf({from.begin(), from.end()});
  int64_t row = elementsOf({to.begin(), to.end()});
  for (int64_t i = 0; i < out.size(); ++i) {
    int64_t rest = i % row, at = int64_t(op.getOffset());
    for (size_t axis = to.size(); axis-- > 0;) {
      at += rest % to[axis] * op.getStrides()[axis];
      rest /= to[axis];
    }
    out.data[size_t(i)] = input.data[size_t(i / row * wide + at)];
  }
  return out;
}

static Tensor concat(ir::ConcatOp op, const EvalContext &context) {
  Value first = op.getInputs().front();
  Tensor out(EvalContext::rowsLike(context.value(first), first.getType(),
                                   op.getResult().getType()));
  int64_t start = 0;
  for (Value operand : op.getInputs()) {
    const Tensor &part = context.value(operand);
    int64_t width = part.last();
    for (int64_t i = 0; i * width < part.size(); ++i)
      std::copy_n(part.data.begin() + i * width, width,
                  out.data.begin() + i * out.last() + start);
    start += width;
  }
  return out;
}

Evaluated verify::evaluateRowMoves(Operation *op, const EvalContext &context) {
  auto in = [&](unsigned operand) -> const Tensor & {
    return context.value(op->getOperand(operand));
  };
  if (auto moved = dyn_cast<ir::RearrangeOp>(op))
    return rearrange(moved, in(0));
  if (auto parts = dyn_cast<ir::ConcatOp>(op))
    return concat(parts, context);
  if (isa<ir::SelectOp>(op))
    return selectElements(in(0), in(1), in(2));
  if (!isa<ir::ToFloatOp>(op))
    return std::nullopt;
  Tensor out = in(0);
  out.shape = EvalContext::rowsLike(in(0), op->getOperand(0).getType(),
                                    op->getResult(0).getType());
  return out;
}
