//===- EmitMeaning.h - a fused region as meaning ops ------------*- C++ -*-===//
#ifndef FT_CODEGEN_PLAN_EMITMEANING_H
#define FT_CODEGEN_PLAN_EMITMEANING_H

#include "codegen/plan/PlanIndex.h"

namespace ft::codegen {

/// What the values of an entry are called in its program: buffers, inputs,
/// sequences, rows.
using RefMap = llvm::DenseMap<mlir::Value, plan::Ref>;

/// Fills `step`'s temps and meaning with the region of `fused`. Values that are
/// not yielded become temps; a yielded value that the region reads again is
/// computed into a temp and stored by a cast, so that its readers see it
/// unrounded.
mlir::LogicalResult emitMeaning(ir::FusedOp fused, const PlanIndex &index,
                                const RefMap &refs, plan::Step &step);

} // namespace ft::codegen

#endif // FT_CODEGEN_PLAN_EMITMEANING_H
