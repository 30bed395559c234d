//===- FormFused.h - making ft.fused out of operations ----------*- C++ -*-===//
#ifndef FT_PASSES_FORMFUSED_H
#define FT_PASSES_FORMFUSED_H

#include "ir/Ft.h"

namespace ft::passes {

/// Gives every reader of a weight broadcast or of positions a copy of its own,
/// so that the copy can be computed where it is read.
void cloneLeaves(ir::EntryOp entry);

/// Whether `op` is computed inside the step of its only reader.
bool followsUser(mlir::Operation *op);

/// Moves `ops`, of one block and in an order that respects uses, into a new
/// ft.fused before `before`. Its operands are what they read from outside, its
/// results what is read outside, both in order of first appearance.
ir::FusedOp formFused(mlir::OpBuilder &builder, mlir::Operation *before,
                      llvm::ArrayRef<mlir::Operation *> ops,
                      ir::Pattern pattern);

/// The pattern of a step that holds `op` alone.
ir::Pattern patternOf(mlir::Operation *op);

/// One name for what several dotted names have in common: "l0.q", "l0.k" give
/// "l0.q+k".
std::string joinNames(llvm::ArrayRef<llvm::StringRef> names);

} // namespace ft::passes

#endif // FT_PASSES_FORMFUSED_H
