//===- EpilogueFunctor.h - what follows a linear, by element ----*- C++ -*-===//
#ifndef FT_CODEGEN_CUDA_EPILOGUEFUNCTOR_H
#define FT_CODEGEN_CUDA_EPILOGUEFUNCTOR_H

#include "codegen/cuda/CudaPrinter.h"
#include "codegen/cuda/GemmMatch.h"
#include "codegen/cuda/KernelText.h"

namespace ft::codegen {

/// Prints `struct Epilogue`, the functor that gemv.cuh describes: biases,
/// activations, gate x up, residual, store. Returns how it is made. A bias or a
/// residual that is absent is a null pointer, so that layers with and without
/// it share a text; `exact`: the text has no place for it, and does not ask.
/// `mostRows`, if it is not 0: of so many rows the largest output is kept and
/// nothing stored (likeliest.cuh).
mlir::FailureOr<std::string>
printEpilogue(ir::FusedOp fused, const GemmMatch &match, KernelParams &params,
              CudaPrinter &out, bool exact = false, int64_t mostRows = 0);

/// What stands around the template's call then: includes, and both lines.
struct LikeliestText {
  static constexpr const char *kHeader = "likeliest.cuh";
  static std::string begin(int64_t mostRows);
  /// Its parameters are those of the step behind.
  static std::string finish(int64_t mostRows, KernelParams &params);
};

} // namespace ft::codegen

#endif // FT_CODEGEN_CUDA_EPILOGUEFUNCTOR_H
