//===- Derive.cpp - one value of the source from what a plan stored -------===//
#include "tools/verify/Elementwise.h"
#include "tools/verify/Evaluator.h"

#include "llvm/ADT/StringSet.h"

#include <algorithm>
#include <cmath>

using namespace mlir;
using namespace ft;
using namespace ft::verify;

/// Some roundings of fp32, relative.
static constexpr double kNear = 0x1p-20;

/// The operations that make `target` of what is there, and how deep each is.
llvm::DenseMap<Operation *, int64_t> Evaluator::missing(Value target) const {
  llvm::DenseMap<Operation *, int64_t> depths;
  llvm::SmallVector<Value> work{target};
  while (!work.empty()) {
    Value value = work.pop_back_val();
    Operation *op = value.getDefiningOp();
    if (!op || context_.values.count(value) ||
        !depths.try_emplace(op, 0).second)
      continue;
    work.append(context_.index.readBy(op));
  }
  for (Operation *op : context_.index.operations()) {
    auto found = depths.find(op);
    if (found == depths.end())
      continue;
    int64_t deepest = 0;
    for (Value operand : context_.index.readBy(op))
      if (Operation *source = operand.getDefiningOp())
        deepest = std::max(deepest, depths.lookup(source));
    auto apply = dyn_cast<ir::PrimApplyOp>(op);
    found->second =
        deepest +
        (apply ? int64_t(apply.getBody().front().getOperations().size()) - 1
               : 1);
  }
  return depths;
}

int64_t Evaluator::depthOf(Value target) const {
  return missing(target).lookup(target.getDefiningOp());
}

/// Whether a little more or less of the first operand makes another result.
static bool isStep(Operation *op) {
  static const llvm::StringSet<> steps = {"floor", "trunc", "mod", "lt", "le",
                                          "gt",    "ge",    "eq",  "ne"};
  StringRef name = op->getName().stripDialect();
  name.consume_front("prim.");
  if (auto cast = dyn_cast<ir::PrimCastOp>(op))
    return cast->getResult(0).getType() != cast->getOperand(0).getType();
  return steps.contains(name);
}

/// The first operand of a step, moved across edges that are near.
static Tensor moved(Operation *op, const Tensor &a, const Tensor *b,
                    int nudge) {
  Shape shape = b ? broadcastShapes(a.shape, b->shape) : a.shape;
  Tensor out = repeatTo(a, shape);
  Tensor other = b ? repeatTo(*b, shape) : out;
  StringRef name = op->getName().stripDialect();
  bool equality = name.ends_with("eq") || name.ends_with("ne");
  for (size_t i = 0; i < out.data.size(); ++i) {
    double &x = out.data[i], y = other.data[i];
    double reach = kNear * std::max(std::fabs(x), std::fabs(y));
    if (!equality)
      x += nudge * reach;
    else if (nudge > 0 && std::fabs(x - y) <= reach)
      x = y;
  }
  return out;
}

StatusOr<Tensor> Evaluator::derive(Value target, int nudge) {
  FT_RETURN_IF_ERROR(bindInputs());
  llvm::DenseMap<Operation *, int64_t> wanted = missing(target);
  llvm::SmallVector<Value> made;
  for (Operation *op : context_.index.operations()) {
    if (!wanted.count(op))
      continue;
    std::optional<Tensor> kept;
    if (nudge != 0 && isStep(op)) {
      kept = context_.value(op->getOperand(0));
      const Tensor *other = op->getNumOperands() > 1
                                ? &context_.value(op->getOperand(1))
                                : nullptr;
      context_.values[op->getOperand(0)] = moved(op, *kept, other, nudge);
    }
    FT_RETURN_IF_ERROR(evaluate(op));
    if (kept)
      context_.values[op->getOperand(0)] = std::move(*kept);
    made.append(op->result_begin(), op->result_end());
  }
  Tensor result = context_.value(target);
  for (Value value : made)
    context_.values.erase(value);
  return result;
}
