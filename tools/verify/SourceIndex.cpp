//===- SourceIndex.cpp - the values of an imported entry ------------------===//
#include "tools/verify/SourceIndex.h"

#include "tools/source/SourceNames.h"

#include "llvm/ADT/DenseSet.h"
#include "llvm/ADT/STLExtras.h"

#include <algorithm>

using namespace mlir;
using namespace ft;
using namespace ft::verify;

SourceIndex::SourceIndex(ir::EntryOp entry) : entry_(entry) {
  Operation *terminator = entry.getBody().front().getTerminator();
  for (auto [number, value] : llvm::enumerate(terminator->getOperands())) {
    auto name =
        entry.getResultAttrOfType<StringAttr>(unsigned(number), ir::kNameAttr);
    outputs_.push_back({name ? name.str() : std::to_string(number), value});
  }
  findLive();
  measure();
}

ir::CacheAppendOp SourceIndex::appendOf(ir::AttentionOp attention) const {
  ir::CacheAppendOp last;
  if (!attention.getCache())
    return last;
  Block &block = *attention->getBlock();
  for (auto append : block.getOps<ir::CacheAppendOp>())
    if (append.getCache() == *attention.getCache() &&
        append.getLayer() == attention.getLayer() &&
        append->isBeforeInBlock(attention))
      last = append;
  return last;
}

llvm::SmallVector<Value> SourceIndex::readBy(Operation *op) const {
  llvm::SmallVector<Value> operands(op->getOperands());
  if (auto attention = dyn_cast<ir::AttentionOp>(op))
    if (ir::CacheAppendOp append = appendOf(attention))
      operands.append(append->operand_begin(), append->operand_end());
  return operands;
}

void SourceIndex::findLive() {
  Block &block = entry_.getBody().front();
  llvm::DenseSet<Operation *> needed{block.getTerminator()};
  for (Operation &op : llvm::reverse(block)) {
    if (!needed.contains(&op))
      continue;
    for (Value operand : op.getOperands())
      needed.insert(operand.getDefiningOp());
    if (auto attention = dyn_cast<ir::AttentionOp>(op))
      if (ir::CacheAppendOp append = appendOf(attention))
        needed.insert(append);
    if (!op.hasTrait<mlir::OpTrait::IsTerminator>())
      live_.push_back(&op);
  }
  std::reverse(live_.begin(), live_.end());
}

void SourceIndex::measure() {
  for (Operation *op : live_) {
    int64_t deepest = 0;
    auto read = [&](Operation *reader) {
      for (Value operand : reader->getOperands())
        deepest = std::max(deepest, depths_.lookup(operand));
    };
    read(op);
    if (auto attention = dyn_cast<ir::AttentionOp>(op))
      if (ir::CacheAppendOp append = appendOf(attention))
        read(append);
    int64_t own = 1;
    if (auto apply = dyn_cast<ir::PrimApplyOp>(op))
      own = int64_t(apply.getBody().front().getOperations().size()) - 1;
    for (Value result : op->getResults()) {
      depths_[result] = deepest + own;
      names_.try_emplace(nameOf(op->getLoc()), result);
    }
  }
}
