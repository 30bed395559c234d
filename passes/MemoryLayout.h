//===- MemoryLayout.h - how values lie in the arena -------------*- C++ -*-===//
#ifndef FT_PASSES_MEMORYLAYOUT_H
#define FT_PASSES_MEMORYLAYOUT_H

#include "ir/Ft.h"

#include "llvm/Support/MathExtras.h"

namespace ft::passes {

/// Offsets and sizes of buffers are multiples of this many bytes a row, so that
/// at a bound that is a multiple of 16 rows they are 256-byte aligned.
inline constexpr int64_t kRowAlignment = 16;

inline int64_t alignRow(int64_t bytes) {
  return llvm::alignTo(bytes, kRowAlignment);
}

inline int64_t elementBytes(ir::PackedType type) {
  return type.getElementType().getIntOrFloatBitWidth() / 8;
}

/// Whether the results of a step lie side by side in one buffer, written as a
/// whole: those of merged linears, in the order of their weights' rows.
inline bool storesColumns(ir::FusedOp step) {
  auto stored = step.getBody().front().getTerminator()->getOperands();
  return step.getPattern() == ir::Pattern::Gemm && stored.size() > 1 &&
         llvm::all_of(stored, [](mlir::Value value) {
           return value.getDefiningOp<ir::LinearOp>() != nullptr;
         });
}

/// The last step that `user` keeps its operands for: itself, or the last one
/// behind it that joins the one in front, where one launch may run both and
/// write the result of the second while it still reads what is the first's.
inline mlir::Operation *lastReader(mlir::Operation *user) {
  auto next = mlir::dyn_cast_or_null<ir::FusedOp>(user->getNextNode());
  return next && next.getJoins() ? lastReader(next) : user;
}

/// The place of `axis` in the module's ft.axes, or their number where it is
/// none of them.
inline int64_t axisIndex(mlir::ArrayAttr axes, mlir::StringAttr axis) {
  return llvm::find(axes, mlir::Attribute(axis)) - axes.begin();
}

} // namespace ft::passes

#endif // FT_PASSES_MEMORYLAYOUT_H
