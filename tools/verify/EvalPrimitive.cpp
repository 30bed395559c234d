//===- EvalPrimitive.cpp - the primitive level, elementwise ---------------===//
#include "tools/verify/Elementwise.h"
#include "tools/verify/Evaluator.h"

#include "llvm/ADT/StringSwitch.h"

#include <algorithm>
#include <cmath>

using namespace mlir;
using namespace ft;
using namespace ft::verify;

namespace {

Type elementOf(Value value) {
  return cast<ir::PaddedType>(value.getType()).getElementType();
}

/// A weight as fp64.
StatusOr<Tensor> param(ir::PrimParamOp op, const EvalContext &context) {
  FT_ASSIGN_OR_RETURN(SourceWeights::Ptr weight,
                      context.weights.get(op.getWeightAttr()));
  Tensor out(context.shapeOf(op.getResult().getType()));
  // A generated table may end after the longest sequence.
  std::copy(weight->data.begin(), weight->data.end(), out.data.begin());
  return out;
}

Tensor constant(ir::PrimConstantOp op, const EvalContext &context) {
  Tensor out(context.shapeOf(op.getResult().getType()));
  ArrayRef<Attribute> values = op.getValues().getValue();
  for (size_t i = 0; i < out.data.size(); ++i)
    out.data[i] =
        cast<FloatAttr>(values[values.size() == 1 ? 0 : i]).getValueAsDouble();
  return out;
}

Tensor iota(ir::PrimIotaOp op, const EvalContext &context) {
  Tensor out(context.shapeOf(op.getResult().getType()));
  auto axis = size_t(op.getAxis());
  int64_t inner =
      elementsOf(Shape(out.shape.begin() + axis + 1, out.shape.end()));
  for (int64_t i = 0; i < out.size(); ++i)
    out.data[size_t(i)] = double(i / inner % out.shape[axis]);
  return out;
}

Tensor castTo(Type type, Tensor input) {
  if (type.isInteger(1))
    return mapElements(std::move(input), [](double x) { return x != 0; });
  if (type.isInteger(32))
    return mapElements(std::move(input),
                       [](double x) { return std::trunc(x); });
  return input;
}

/// Those that the semantic level has not, or not for integers.
BinaryFunction primitiveFunction(StringRef name, bool integers) {
  if (name == "div" && integers)
    return [](double x, double y) { return std::floor(x / y); };
  return llvm::StringSwitch<BinaryFunction>(name)
      .Case("and", [](double x, double y) { return double(x != 0 && y != 0); })
      .Case("or", [](double x, double y) { return double(x != 0 || y != 0); })
      .Default(binaryFunction(name));
}

} // namespace

Evaluated verify::evaluatePrimitive(Operation *op, const EvalContext &context) {
  StringRef name = op->getName().stripDialect();
  if (!name.consume_front("prim."))
    return std::nullopt;
  auto in = [&](unsigned operand) -> const Tensor & {
    return context.value(op->getOperand(operand));
  };
  if (auto weight = dyn_cast<ir::PrimParamOp>(op))
    return param(weight, context);
  if (auto literal = dyn_cast<ir::PrimConstantOp>(op))
    return constant(literal, context);
  if (auto index = dyn_cast<ir::PrimIotaOp>(op))
    return iota(index, context);
  if (isa<ir::PrimCastOp>(op))
    return castTo(elementOf(op->getResult(0)), in(0));
  if (isa<ir::PrimSelectOp>(op))
    return selectElements(in(0), in(1), in(2));
  if (isa<ir::PrimNotOp>(op))
    return mapElements(in(0), [](double x) { return x == 0; });
  if (op->getNumOperands() == 1)
    if (UnaryFunction function = unaryFunction(name))
      return mapElements(in(0), function);
  if (op->getNumOperands() == 2) {
    bool integers = isa<IntegerType>(elementOf(op->getOperand(0)));
    if (BinaryFunction function = primitiveFunction(name, integers))
      return mapPairs(in(0), in(1), function);
  }
  return std::nullopt;
}
