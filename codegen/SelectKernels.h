//===- SelectKernels.h - the kernels phase ----------------------*- C++ -*-===//
#ifndef FT_CODEGEN_SELECTKERNELS_H
#define FT_CODEGEN_SELECTKERNELS_H

#include "mlir/Pass/Pass.h"

#include <memory>
#include <string>
#include <vector>

namespace ft::codegen {

/// The architectures of an ft.kernel that others have no use for.
inline constexpr llvm::StringLiteral kArchsAttr = "ft.archs";

/// `ft-select-kernels`: gives every ft.fused its `launch` for the
/// architectures `archs` and the module the texts that the launches name, each
/// text once. Without architectures it changes nothing: such a plan runs on
/// the CPU only. With `preview` come kernels that are seldom faster yet:
/// sm_90a's own GEMMs, which a tuning chooses where the library can run the
/// step too.
std::unique_ptr<mlir::Pass>
createSelectKernelsPass(std::vector<std::string> archs = {},
                        bool preview = false);

/// For ft-opt.
void registerCodegenPasses();

} // namespace ft::codegen

#endif // FT_CODEGEN_SELECTKERNELS_H
