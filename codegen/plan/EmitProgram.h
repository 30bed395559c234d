//===- EmitProgram.h - a scheduled entry as a program -----------*- C++ -*-===//
#ifndef FT_CODEGEN_PLAN_EMITPROGRAM_H
#define FT_CODEGEN_PLAN_EMITPROGRAM_H

#include "codegen/plan/PlanIndex.h"

namespace ft::codegen {

/// The signature of an entry: inputs, sequences and outputs, no programs.
mlir::FailureOr<plan::Entry> emitSignature(ir::EntryOp entry,
                                           const PlanIndex &index);

/// The program of one clone.
mlir::FailureOr<plan::Program> emitProgram(ir::EntryOp entry,
                                           const PlanIndex &index);

} // namespace ft::codegen

#endif // FT_CODEGEN_PLAN_EMITPROGRAM_H
