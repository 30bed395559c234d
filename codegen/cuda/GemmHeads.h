//===- GemmHeads.h - rope and append behind q-k-v ---------------*- C++ -*-===//
#ifndef FT_CODEGEN_CUDA_GEMMHEADS_H
#define FT_CODEGEN_CUDA_GEMMHEADS_H

#include "codegen/cuda/CudaPrinter.h"
#include "codegen/cuda/GemmShapes.h"
#include "codegen/cuda/KernelText.h"

namespace ft::codegen {

/// The type of sm90/gemm_shape.cuh.
std::string headColumns(const HeadRuns &runs);

/// Prints the `Epilogue` that sm90/gemm_heads.cuh describes; returns how it is
/// made. REQUIRES: match.append.
std::string printHeadsEpilogue(ir::FusedOp fused, const GemmMatch &match,
                               KernelParams &params, CudaPrinter &out);

} // namespace ft::codegen

#endif // FT_CODEGEN_CUDA_GEMMHEADS_H
