//===- EmitRecipe.h - recipes of the IR as recipes of the plan --*- C++ -*-===//
#ifndef FT_CODEGEN_PLAN_EMITRECIPE_H
#define FT_CODEGEN_PLAN_EMITRECIPE_H

#include "ir/Ft.h"
#include "runtime/plan/Plan.h"

#include "llvm/ADT/StringMap.h"

namespace ft::codegen {

/// `files` maps a file's name to its place in Plan::files. Reports what a
/// recipe lacks at `location`.
mlir::FailureOr<plan::Recipe> emitRecipe(ir::RecipeAttr recipe,
                                         const llvm::StringMap<int32_t> &files,
                                         mlir::Location location);

} // namespace ft::codegen

#endif // FT_CODEGEN_PLAN_EMITRECIPE_H
