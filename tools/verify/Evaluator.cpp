//===- Evaluator.cpp - an imported entry, op by op in fp64 ----------------===//
#include "tools/verify/Evaluator.h"

#include "tools/source/SourceNames.h"
#include "tools/verify/Elementwise.h"

using namespace mlir;
using namespace ft;
using namespace ft::verify;

static int64_t extentFor(ir::DimAttr dim, const PaddedBatch &batch) {
  int64_t extent = dim.getFactor();
  for (StringAttr symbol : dim.getSymbols())
    extent *= symbol == batch.sequenceSymbol ? batch.sequence : batch.batch();
  return extent;
}

Shape verify::shapeFor(Type type, const PaddedBatch &batch) {
  Shape shape;
  if (auto padded = dyn_cast<ir::PaddedType>(type)) {
    for (ir::DimAttr dim : padded.getShape())
      shape.push_back(extentFor(dim, batch));
    return shape;
  }
  auto packed = cast<ir::PackedType>(type);
  shape.push_back(batch.batch());
  if (packed.getAxis().getValue() != "sequences")
    shape.push_back(batch.sequence);
  shape.insert(shape.end(), packed.getShape().begin(), packed.getShape().end());
  return shape;
}

Shape EvalContext::rowsLike(const Tensor &input, Type from, Type to) {
  size_t row = cast<ir::PackedType>(from).getShape().size();
  Shape shape(input.shape.begin(), input.shape.end() - int64_t(row));
  auto packed = cast<ir::PackedType>(to);
  shape.insert(shape.end(), packed.getShape().begin(), packed.getShape().end());
  return shape;
}

std::vector<bool> EvalContext::realRows(Operation *op, int64_t rows) const {
  std::vector<bool> real(size_t(rows), true);
  auto packed = cast<ir::PackedType>(op->getResult(0).getType());
  if (isa<ir::PrimApplyOp>(op->getParentOp()) ||
      packed.getAxis().getValue() == "sequences")
    return real;
  for (int64_t row = 0; row < rows; ++row)
    real[size_t(row)] =
        row % batch.sequence < batch.lengths[size_t(row / batch.sequence)];
  return real;
}

Status Evaluator::bindInputs() {
  ir::EntryOp entry = context_.index.entry();
  for (BlockArgument argument : entry.getBody().getArguments()) {
    auto name = entry.getArgAttrOfType<StringAttr>(argument.getArgNumber(),
                                                   ir::kNameAttr);
    if (!name)
      continue; // sequences and rows
    auto found = context_.batch.inputs.find(name.str());
    if (found == context_.batch.inputs.end())
      return internalError("no input '" + name.str() + "' was made");
    context_.values[argument] = found->second;
  }
  return {};
}

Status Evaluator::evaluate(Operation *op) {
  if (op->getNumResults() == 0)
    return {}; // cache_append: attention finds its operands
  if (auto site = dyn_cast<ir::PrimApplyOp>(op))
    return apply(site);
  for (auto group : {evaluateRowWise, evaluateRowMoves, evaluateAcrossRows,
                     evaluatePrimitive, evaluateShapes})
    if (Evaluated result = group(op, context_)) {
      if (!result->ok())
        return result->status().withContext(nameOf(op->getLoc()) + " (" +
                                            op->getName().getStringRef().str() +
                                            ", " + placeOf(op->getLoc()) + ")");
      context_.values[op->getResult(0)] = std::move(**result);
      return {};
    }
  return unsupported("the evaluator knows no operation '" +
                     op->getName().getStringRef().str() + "' (" +
                     placeOf(op->getLoc()) + ")");
}

/// Rows of the operands, whatever axes they lie along.
Status Evaluator::apply(ir::PrimApplyOp op) {
  Block &body = op.getBody().front();
  for (auto [argument, operand] :
       llvm::zip(body.getArguments(), op.getInputs()))
    context_.values[argument] = Tensor(context_.value(operand));
  for (Operation &inner : body.without_terminator())
    FT_RETURN_IF_ERROR(evaluate(&inner));
  Tensor result = repeatTo(context_.value(body.getTerminator()->getOperand(0)),
                           context_.shapeOf(op.getResult().getType()));
  for (Operation &inner : body.without_terminator())
    context_.values.erase(inner.getResult(0));
  for (BlockArgument argument : body.getArguments())
    context_.values.erase(argument);
  context_.values[op.getResult()] = std::move(result);
  return {};
}

Status Evaluator::run(llvm::function_ref<bool(Value)> keep,
                      llvm::function_ref<void(int64_t, int64_t)> progress) {
  FT_RETURN_IF_ERROR(bindInputs());
  const SourceIndex &index = context_.index;
  llvm::DenseMap<Value, Operation *> lastUse;
  for (Operation *op : index.operations()) {
    for (Value operand : op->getOperands())
      lastUse[operand] = op;
    if (auto attention = dyn_cast<ir::AttentionOp>(op))
      if (ir::CacheAppendOp append = index.appendOf(attention))
        for (Value operand : append->getOperands())
          lastUse[operand] = op;
  }
  for (const SourceIndex::Output &output : index.outputs())
    lastUse.erase(output.value);
  int64_t done = 0, total = int64_t(index.operations().size());
  for (Operation *op : index.operations()) {
    FT_RETURN_IF_ERROR(evaluate(op));
    auto release = [&](Operation *reader) {
      for (Value operand : reader->getOperands())
        if (lastUse.lookup(operand) == op && !keep(operand))
          context_.values.erase(operand);
    };
    release(op);
    if (auto attention = dyn_cast<ir::AttentionOp>(op))
      if (ir::CacheAppendOp append = index.appendOf(attention))
        release(append);
    progress(++done, total);
  }
  return {};
}
