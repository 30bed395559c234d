//===- EpilogueFunctor.h - what follows a linear, by element ----*- C++ -*-===//
#ifndef FT_CODEGEN_CUDA_EPILOGUEFUNCTOR_H
#define FT_CODEGEN_CUDA_EPILOGUEFUNCTOR_H

#include "codegen/cuda/CudaPrinter.h"
#include "codegen/cuda/GemmMatch.h"
#include "codegen/cuda/KernelText.h"
#include "codegen/cuda/NormHalf.h"

namespace ft::codegen {

struct EpilogueForm {
  /// A bias or a residual that is absent is a null pointer, so that layers with
  /// and without it share a text; exact: the text has no place for it, and does
  /// not ask.
  bool exact = false;
  /// If not 0: of so many rows the largest output is kept and nothing stored
  /// (likeliest.cuh).
  int64_t mostRows = 0;
  NormHalf norm;
};

/// Prints `struct Epilogue`, the functor that gemv.cuh describes: biases,
/// activations, gate x up, residual, store. Returns how it is made.
mlir::FailureOr<std::string>
printEpilogue(ir::FusedOp fused, const GemmMatch &match, KernelParams &params,
              CudaPrinter &out, const EpilogueForm &form = {});

/// What stands around the template's call where the largest outputs are kept:
/// its header, where the template does not bring it, and both lines.
struct LikeliestText {
  static constexpr const char *kHeader = "likeliest.cuh";
  static std::string begin(int64_t mostRows);
  /// Its parameters are those of the step behind.
  static std::string finish(int64_t mostRows, KernelParams &params);
};

} // namespace ft::codegen

#endif // FT_CODEGEN_CUDA_EPILOGUEFUNCTOR_H
