//===- EpilogueFunctor.h - what follows a linear, by element ----*- C++ -*-===//
#ifndef FT_CODEGEN_CUDA_EPILOGUEFUNCTOR_H
#define FT_CODEGEN_CUDA_EPILOGUEFUNCTOR_H

#include "codegen/cuda/CudaPrinter.h"
#include "codegen/cuda/GemmMatch.h"
#include "codegen/cuda/KernelText.h"

namespace ft::codegen {

/// Prints `struct Epilogue`, the functor that gemv.cuh describes: biases,
/// activations, gate x up, residual, store. Returns how it is made. Layers with
/// and without a bias or a residual share a text, but an exact one.
mlir::FailureOr<std::string>
printEpilogue(ir::FusedOp fused, const GemmMatch &match, KernelParams &params,
              CudaPrinter &out, bool exact = false);

} // namespace ft::codegen

#endif // FT_CODEGEN_CUDA_EPILOGUEFUNCTOR_H
