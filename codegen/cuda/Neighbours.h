//===- Neighbours.h - what a kernel knows of those around it ----*- C++ -*-===//
#ifndef FT_CODEGEN_CUDA_NEIGHBOURS_H
#define FT_CODEGEN_CUDA_NEIGHBOURS_H

#include "codegen/cuda/Templates.h"

namespace ft::codegen {

/// `context` for step `at` of a program: the shared memory that attentions
/// beside it need.
LaunchContext amongNeighbours(LaunchContext context,
                              llvm::ArrayRef<ir::FusedOp> steps, size_t at);

} // namespace ft::codegen

#endif // FT_CODEGEN_CUDA_NEIGHBOURS_H
