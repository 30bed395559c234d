//===- RowPlan.h - how threads share a row program --------------*- C++ -*-===//
#ifndef FT_CODEGEN_CUDA_ROWPLAN_H
#define FT_CODEGEN_CUDA_ROWPLAN_H

#include "ir/Ft.h"

#include "llvm/ADT/SetVector.h"

namespace ft::codegen {

/// Where a row program puts a value: a result of the fused op, or a plane of a
/// cache.
struct RowSink {
  mlir::Value value;
  unsigned number = 0;      // of the result, or of the plane
  ir::CacheAppendOp append; // null for a result
};

/// Sinks that share work, over lines of `last` elements, `groups` lines a row.
struct RowSegment {
  llvm::SmallVector<RowSink, 2> sinks;
  llvm::SetVector<mlir::Operation *> ops;
  int64_t groups = 1;
  int64_t last = 1;
  bool reduces = false;
  // Chosen by planRow.
  int64_t vector = 1;      // elements of one load
  int64_t team = 1;        // threads of a line (or of a piece of one)
  int64_t chunks = 1;      // vectors a thread holds
  int64_t pieces = 1;      // of a line, > 1 only without a reduction
  int64_t linesPerRow = 1; // lines of one row that a CTA takes at a time

  int64_t blocksPerRow() const {
    return (groups * pieces + linesPerRow - 1) / linesPerRow;
  }
};

struct RowPlan {
  llvm::SmallVector<RowSegment, 3> segments;
  mlir::StringAttr axis;
  int64_t threads = 1;
  int64_t rowsPerBlock = 1;
};

/// For CTAs of `threads`, or more where a line needs them. Why a row program
/// cannot be generated is said as an error on `fused`.
mlir::FailureOr<RowPlan> planRow(ir::FusedOp fused, int64_t threads);

/// Elements from a value's row to the next in memory, and the largest power of
/// two of bytes (up to 16) that every row of it is aligned to.
struct Placement {
  int64_t rowStride = 0;
  int64_t alignment = 16;
};
Placement placementOf(mlir::Value outer);

/// Alignment in bytes of a weight, which may be a view.
int64_t alignmentOf(ir::ParamOp param);

} // namespace ft::codegen

#endif // FT_CODEGEN_CUDA_ROWPLAN_H
