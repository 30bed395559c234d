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
mlir::FailureOr<std::string>
printEpilogue(ir::FusedOp fused, const GemmMatch &match, KernelParams &params,
              CudaPrinter &out, bool exact = false);

} // namespace ft::codegen

#endif // FT_CODEGEN_CUDA_EPILOGUEFUNCTOR_H
