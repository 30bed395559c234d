//===- RowGroup.cpp - row operations that one kernel runs -----------------===//
#include "passes/RowGroup.h"

using namespace mlir;
using namespace ft::ir;

namespace ft::passes {

static RowDomain domainOf(PackedType type) {
  return {type.getRowElements() / type.getLastDim(), type.getLastDim()};
}

/// The domain that holds values of both; none where they differ.
static std::optional<RowDomain> unite(RowDomain a, RowDomain b) {
  if (a.groups != b.groups || (a.last != b.last && a.last != 1 && b.last != 1))
    return std::nullopt;
  return RowDomain{a.groups, std::max(a.last, b.last)};
}

std::optional<RowDomain> rowDomain(Operation *op) {
  std::optional<RowDomain> domain;
  // Elements of other threads are read from memory.
  if (isa<RearrangeOp, ConcatOp>(op))
    return std::nullopt;
  auto take = [&](Type type) {
    auto packed = dyn_cast<PackedType>(type);
    if (!packed)
      return true;
    domain = domain ? unite(*domain, domainOf(packed)) : domainOf(packed);
    return domain.has_value();
  };
  for (Type type : op->getResultTypes())
    if (!take(type))
      return std::nullopt;
  for (Value operand : op->getOperands()) {
    Operation *source = operand.getDefiningOp();
    // A weight is indexed, not kept in the row.
    if (isa_and_nonnull<BroadcastOp>(source))
      continue;
    if (!take(operand.getType()))
      return std::nullopt;
  }
  return domain;
}

StringAttr rowAxis(Operation *op) {
  Type type = op->getNumResults() ? op->getResult(0).getType()
                                  : op->getOperand(0).getType();
  return cast<PackedType>(type).getAxis();
}

std::optional<RowDomain> RowGroup::join(Operation *op,
                                        SmallVectorImpl<int> &joined) const {
  std::optional<RowDomain> domain = rowDomain(op);
  for (Value operand : op->getOperands()) {
    auto it = segmentOf_.find(operand.getDefiningOp());
    if (!domain || it == segmentOf_.end())
      continue;
    joined.push_back(it->second);
    domain = unite(*domain, *segments_[it->second]);
  }
  return domain;
}

bool RowGroup::accepts(Operation *op) const {
  SmallVector<int> joined;
  const RowCapability &limits = rowCapability();
  if (closed_ || rowAxis(op) != axis_ ||
      static_cast<int64_t>(segmentOf_.size()) >= limits.maxOps ||
      !join(op, joined))
    return false;
  return !joined.empty() || segmentCount_ < limits.maxSegments;
}

void RowGroup::add(Operation *op) {
  SmallVector<int> joined;
  std::optional<RowDomain> domain = join(op, joined);
  closed_ |= !domain;
  int segment =
      joined.empty() ? static_cast<int>(segments_.size()) : joined.front();
  if (joined.empty()) {
    segments_.push_back(std::nullopt);
    ++segmentCount_;
  }
  for (auto &[member, index] : segmentOf_)
    if (index != segment && llvm::is_contained(joined, index)) {
      if (segments_[index])
        --segmentCount_;
      segments_[index] = std::nullopt;
      index = segment;
    }
  segments_[segment] = domain;
  segmentOf_[op] = segment;
}

} // namespace ft::passes
