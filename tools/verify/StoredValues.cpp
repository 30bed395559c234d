//===- StoredValues.cpp - a value judged by what a plan stored ------------===//
#include "tools/verify/StoredValues.h"

#include "llvm/ADT/DenseSet.h"

using namespace mlir;
using namespace ft;
using namespace ft::verify;

/// The batch with floats as the plan takes them.
PaddedBatch StoredValues::rounded() const {
  PaddedBatch batch = batch_;
  ir::EntryOp entry = source_.entry();
  for (BlockArgument argument : entry.getBody().getArguments()) {
    auto name = entry.getArgAttrOfType<StringAttr>(argument.getArgNumber(),
                                                   ir::kNameAttr);
    auto packed = dyn_cast<ir::PackedType>(argument.getType());
    auto padded = dyn_cast<ir::PaddedType>(argument.getType());
    bool real = (packed && packed.getElementType().isF32()) ||
                (padded && padded.getElementType().isF32());
    if (!name || !real)
      continue;
    Tensor &input = batch.inputs[name.str()];
    std::vector<float> numbers(input.data.begin(), input.data.end());
    roundTo(dtype_, numbers);
    input.data.assign(numbers.begin(), numbers.end());
  }
  return batch;
}

/// The stored values that `target` is made of.
void StoredValues::giveNearest(Value target, Evaluator &evaluator) const {
  llvm::DenseSet<Value> seen{target};
  llvm::SmallVector<Value> work{target};
  while (!work.empty()) {
    Operation *op = work.pop_back_val().getDefiningOp();
    if (!op)
      continue;
    for (Value operand : source_.readBy(op)) {
      if (!seen.insert(operand).second)
        continue;
      if (const Tensor *numbers = find(operand))
        evaluator.give(operand, *numbers);
      else
        work.push_back(operand);
    }
  }
}

StatusOr<StoredValues::Derived> StoredValues::derive(Value value) {
  Derived derived;
  Status status;
  for (bool narrow : {false, true}) {
    if (narrow && dtype_ == DType::F32)
      continue;
    PaddedBatch batch = narrow ? rounded() : batch_;
    weights_.setRounding(narrow ? std::optional(dtype_) : std::nullopt);
    Evaluator evaluator(source_, weights_, batch);
    giveNearest(value, evaluator);
    derived.depth = evaluator.depthOf(value);
    for (int nudge : {0, -1, 1}) {
      StatusOr<Tensor> way = evaluator.derive(value, nudge);
      if (way.ok())
        derived.ways.push_back(std::move(*way));
      else
        status = way.status();
    }
  }
  weights_.setRounding(std::nullopt);
  FT_RETURN_IF_ERROR(status);
  return derived;
}
