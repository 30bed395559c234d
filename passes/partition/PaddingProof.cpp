//===- PaddingProof.cpp - zeros after an axis do no harm ------------------===//
//
// The value of a padded element does not depend on the input, so it can be
// computed here: linears and broadcasts give 0, operations map constants.
//
//===----------------------------------------------------------------------===//
#include "passes/partition/PaddingProof.h"

#include "llvm/ADT/TypeSwitch.h"

#include <cmath>
#include <limits>

using namespace mlir;
using namespace ft::ir;

namespace ft::passes {

static constexpr double kUnknown = std::numeric_limits<double>::quiet_NaN();

static double evaluateUnary(Operation *op, double x) {
  return llvm::TypeSwitch<Operation *, double>(op)
      .Case<CastOp, RowsOp>([&](auto) { return x; })
      .Case<SiluOp>([&](auto) { return x / (1 + std::exp(-x)); })
      .Case<ReluOp>([&](auto) { return std::max(x, 0.0); })
      .Case<TanhOp>([&](auto) { return std::tanh(x); })
      .Case<SigmoidOp>([&](auto) { return 1 / (1 + std::exp(-x)); })
      .Case<ExpOp>([&](auto) { return std::exp(x); })
      .Case<LogOp>([&](auto) { return std::log(x); })
      .Case<SqrtOp>([&](auto) { return std::sqrt(x); })
      .Case<RsqrtOp>([&](auto) { return 1 / std::sqrt(x); })
      .Case<NegOp>([&](auto) { return -x; })
      .Case<AbsOp>([&](auto) { return std::abs(x); })
      .Case<ErfOp>([&](auto) { return std::erf(x); })
      .Case<SquareOp>([&](auto) { return x * x; })
      .Case<ReciprocalOp>([&](auto) { return 1 / x; })
      .Case<GeluOp>(
          [&](auto) { return 0.5 * x * (1 + std::erf(x / std::sqrt(2.0))); })
      .Case<ScaleOp>(
          [&](ScaleOp op) { return x * op.getBy().convertToDouble(); })
      .Case<OffsetOp>(
          [&](OffsetOp op) { return x + op.getBy().convertToDouble(); })
      .Default([](Operation *) { return kUnknown; });
}

static double evaluateBinary(Operation *op, double x, double y) {
  if (std::isnan(x) || std::isnan(y))
    return kUnknown; // std::max would drop it
  return llvm::TypeSwitch<Operation *, double>(op)
      .Case<AddOp>([&](auto) { return x + y; })
      .Case<SubOp>([&](auto) { return x - y; })
      .Case<MulOp>([&](auto) { return x * y; })
      .Case<DivOp>([&](auto) { return x / y; })
      .Case<MaximumOp>([&](auto) { return std::max(x, y); })
      .Case<MinimumOp>([&](auto) { return std::min(x, y); })
      .Default([](Operation *) { return kUnknown; });
}

/// A weight that is repeated along the first extent is not padded with it.
static bool isPadded(BroadcastOp op) {
  auto weight = lookupParam(op, op.getWeightAttr()).getTensorType();
  return weight.getShape() == op.getType().getShape();
}

bool zerosStayFinite(ArrayRef<Value> values) {
  llvm::DenseMap<Value, double> known;
  auto of = [&](Value value) {
    auto it = known.find(value);
    return it == known.end() ? kUnknown : it->second;
  };
  for (Value value : values) {
    Operation *op = value.getDefiningOp();
    double result = kUnknown;
    if (auto broadcast = dyn_cast_or_null<BroadcastOp>(op))
      result = isPadded(broadcast) ? 0 : kUnknown;
    else if (isa_and_nonnull<LinearOp>(op))
      result = 0;
    else if (op && op->getNumOperands() == 2 && !isa<RowsOp>(op))
      result = evaluateBinary(op, of(op->getOperand(0)), of(op->getOperand(1)));
    else if (op)
      result = evaluateUnary(op, of(op->getOperand(0)));
    // Beyond fp16's range a value is no longer finite where it is stored.
    if (!(std::abs(result) <= 65504))
      return false;
    known[value] = result;
  }
  return true;
}

} // namespace ft::passes
