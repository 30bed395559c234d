//===- GemvText.h - what instances of the GEMVs have in common --*- C++ -*-===//
#ifndef FT_CODEGEN_CUDA_GEMVTEXT_H
#define FT_CODEGEN_CUDA_GEMVTEXT_H

#include "codegen/cuda/Templates.h"

namespace ft::codegen {

constexpr int64_t kGemvRows = 8; // gemv_norm.cuh: kMaxM

/// A template of gemv.cuh's interface and how its kernel is launched.
struct GemvTemplate {
  llvm::StringRef header, function, run;
  int64_t threads = 0;
  int64_t ctas = 1;     // of a multiprocessor, for __launch_bounds__
  int64_t cluster = 1;  // CTAs
  int64_t mostRows = 0; // printEpilogue's
};

/// The kernel's text and arguments; its grid and shared memory are the
/// caller's.
mlir::FailureOr<TemplateKernel>
printGemv(ir::FusedOp fused, const GemmMatch &match, const GemvTemplate &call);

/// The prologue's functor: its type, and how it is made from parameters.
std::string gemvNormText(const GemmMatch &match, KernelParams &params);

/// Whether a norm's weights can be loaded as vectors. REQUIRES: match.norm.
bool gemvNormIsWide(ir::FusedOp fused, const GemmMatch &match);

/// The type of x.
mlir::Type gemvElement(const GemmMatch &match);

/// A row of x in shared memory, in bytes: gemv_norm.cuh's pitch.
int64_t gemvRowBytes(const GemmMatch &match);

/// What must lie there: rows of a norm.
int64_t gemvNormedBytes(const GemmMatch &match, const LaunchContext &context);

} // namespace ft::codegen

#endif // FT_CODEGEN_CUDA_GEMVTEXT_H
