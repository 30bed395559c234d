//===- RowGroup.h - row operations that one kernel runs ---------*- C++ -*-===//
//
// A row program is a list of independent segments. Every value of a segment is
// groups x last elements a row, or one number a group (a reduction's result,
// an id): the kernel keeps a row in registers, spread one way.
//
//===----------------------------------------------------------------------===//
#ifndef FT_PASSES_ROWGROUP_H
#define FT_PASSES_ROWGROUP_H

#include "passes/Capability.h"

#include "llvm/ADT/DenseMap.h"

namespace ft::passes {

/// How the elements of a row are spread.
struct RowDomain {
  int64_t groups = 1;
  int64_t last = 1; // 1: holds only numbers a group so far
  bool operator==(const RowDomain &) const = default;
};

/// The domain that `op` needs; none where its values have no common one, so
/// that it runs alone.
std::optional<RowDomain> rowDomain(mlir::Operation *op);

/// The axis whose rows `op` is computed for.
mlir::StringAttr rowAxis(mlir::Operation *op);

class RowGroup {
public:
  explicit RowGroup(mlir::StringAttr axis) : axis_(axis) {}

  /// Whether `op`, whose operands are computed before or in this group, may be
  /// computed in it within the limits of row programs.
  bool accepts(mlir::Operation *op) const;
  void add(mlir::Operation *op);

private:
  /// The segment of `op` if it were added: the union of its operands' ones.
  std::optional<RowDomain> join(mlir::Operation *op,
                                llvm::SmallVectorImpl<int> &joined) const;

  mlir::StringAttr axis_;
  llvm::DenseMap<mlir::Operation *, int> segmentOf_;
  llvm::SmallVector<std::optional<RowDomain>> segments_; // none: joined another
  int64_t segmentCount_ = 0;
  bool closed_ = false; // holds an operation that runs alone
};

} // namespace ft::passes

#endif // FT_PASSES_ROWGROUP_H
