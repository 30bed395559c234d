//===- PlanMap.cpp - which source values a program's buffers hold ---------===//
#include "tools/verify/PlanMap.h"

#include "tools/source/Covers.h"
#include "tools/source/SourceNames.h"

#include "llvm/ADT/DenseSet.h"

using namespace mlir;
using namespace ft;
using namespace ft::verify;

/// What `value` is made by, through casts and the borders of steps: the first
/// name that the source has.
static std::string sourceName(Value value, const SourceIndex &source) {
  for (;;) {
    if (auto argument = dyn_cast<BlockArgument>(value)) {
      auto fused = dyn_cast<ir::FusedOp>(argument.getOwner()->getParentOp());
      if (!fused)
        return "";
      value = fused.getInputs()[argument.getArgNumber()];
      continue;
    }
    Operation *op = value.getDefiningOp();
    if (auto fused = dyn_cast<ir::FusedOp>(op)) {
      unsigned number = cast<OpResult>(value).getResultNumber();
      value = fused.getBody().front().getTerminator()->getOperand(number);
      continue;
    }
    std::string name = nameOf(op->getLoc());
    auto cast = dyn_cast<ir::CastOp>(op);
    if (!cast || source.find(name))
      return name;
    value = cast.getInput();
  }
}

/// What raising computes on the way to a padded value has its name too: the
/// value itself is the last.
static void keepLast(std::vector<Landmark> &landmarks) {
  llvm::DenseSet<Value> seen;
  std::vector<Landmark> kept;
  for (Landmark &landmark : llvm::reverse(landmarks))
    if (!isa<ir::PaddedType>(landmark.source.getType()) ||
        seen.insert(landmark.source).second)
      kept.push_back(std::move(landmark));
  landmarks.assign(std::make_move_iterator(kept.rbegin()),
                   std::make_move_iterator(kept.rend()));
}

StatusOr<ProgramMap> verify::mapProgram(ir::EntryOp clone,
                                        const plan::Program &program,
                                        const SourceIndex &source) {
  ProgramMap map;
  for (auto fused : clone.getBody().front().getOps<ir::FusedOp>()) {
    size_t step = map.covers.size();
    Block &body = fused.getBody().front();
    map.covers.push_back(coversOf(fused));
    if (step >= program.steps.size() ||
        program.steps[step].writes.size() != fused.getNumResults())
      return internalError("step " + std::to_string(step) +
                           " of the plan is not the one that was lowered");
    for (auto [yielded, buffer] : llvm::zip(body.getTerminator()->getOperands(),
                                            program.steps[step].writes)) {
      std::string name = sourceName(yielded, source);
      if (Value value = source.find(name))
        map.landmarks.push_back({int32_t(step), buffer, value, name});
    }
  }
  keepLast(map.landmarks);
  return map;
}
