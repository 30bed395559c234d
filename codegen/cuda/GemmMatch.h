//===- GemmMatch.h - a fused GEMM taken apart -------------------*- C++ -*-===//
#ifndef FT_CODEGEN_CUDA_GEMMMATCH_H
#define FT_CODEGEN_CUDA_GEMMMATCH_H

#include "ir/Ft.h"

namespace ft::codegen {

/// The parts of a `gemm` fused op: norm, linears over adjacent weight rows, and
/// what is done to their results.
struct GemmMatch {
  /// In the order of their weight rows.
  llvm::SmallVector<ir::LinearOp, 3> linears;
  mlir::Operation *norm = nullptr; // rms_norm or layer_norm, or null
  mlir::BlockArgument input;       // x, before the norm
  /// The resident weight (and bias) that covers all linears, or the first
  /// linear's view where the resident one has more rows.
  mlir::FlatSymbolRefAttr weight, bias;
  int64_t n = 0, k = 0;
  bool gated = false; // two linears, one result of half the columns
  /// What is yielded for the first linear (for all of them where gated), or
  /// what `outNorm` reads.
  mlir::Value result;
  mlir::Operation *outNorm = nullptr; // of whole rows, at the end, or null
  bool storesSum = false; // `result` is the first result, the norm the second
  /// Of q, k and v: `result` is `rope` of the first, and the others' heads go
  /// to the cache. Null elsewhere.
  ir::RopeOp rope;
  ir::CacheAppendOp append;

  /// Which result of the fused op is the last op's.
  unsigned outNumber() const { return storesSum ? 1 : 0; }
};

/// Reports at `fused` what no GEMM of ours can do.
mlir::FailureOr<GemmMatch> matchGemm(ir::FusedOp fused);

/// How a library GEMM ends: after the bias "none", "relu" or "gelu_tanh", then
/// at most one residual (an operand of the fused op).
struct LibraryEpilogue {
  llvm::StringRef activation = "none";
  int residual = -1;
};
/// Whether the library adds the bias to a product that it stores as `stored`:
/// both have one type.
bool libraryTakesBias(ir::FusedOp fused, const GemmMatch &match,
                      mlir::Value stored);

/// With an error at `fused` where there is no such end and `report` is set.
mlir::FailureOr<LibraryEpilogue> matchLibraryEpilogue(ir::FusedOp fused,
                                                      const GemmMatch &match,
                                                      bool report = true);

} // namespace ft::codegen

#endif // FT_CODEGEN_CUDA_GEMMMATCH_H
