//===- EmitPlan.h - a scheduled module as a plan ----------------*- C++ -*-===//
#ifndef FT_CODEGEN_PLAN_EMITPLAN_H
#define FT_CODEGEN_PLAN_EMITPLAN_H

#include "ir/Ft.h"
#include "runtime/plan/Plan.h"

namespace ft::codegen {

/// The plan of `module`, complete but for the kernels' images: kernel i of the
/// plan is the module's i-th ft.kernel, for compileKernels to fill in.
mlir::FailureOr<plan::Plan> emitPlan(mlir::ModuleOp module);

/// Adds `bytes` to the plan; the index of the new blob. Equal blobs are the
/// caller's business.
int32_t addBlob(plan::Plan &plan, std::string bytes);

} // namespace ft::codegen

#endif // FT_CODEGEN_PLAN_EMITPLAN_H
