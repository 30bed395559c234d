//===- Passes.h - the passes over ft IR -------------------------*- C++ -*-===//
#ifndef FT_PASSES_PASSES_H
#define FT_PASSES_PASSES_H

#include "ir/Ft.h"

#include "mlir/Pass/Pass.h"

namespace ft::passes {

/// Module attribute: the type that the precision phase chose, e.g. bf16.
inline constexpr llvm::StringLiteral kDTypeAttr = "ft.dtype";
/// On a module of f32: library products may round their operands to TF32.
inline constexpr llvm::StringLiteral kTf32Attr = "ft.tf32";

#define GEN_PASS_DECL
#include "passes/Passes.h.inc"

#define GEN_PASS_REGISTRATION
#include "passes/Passes.h.inc"

} // namespace ft::passes

#endif // FT_PASSES_PASSES_H
