//===- RowProgram.h - CUDA text of a fused row op ---------------*- C++ -*-===//
#ifndef FT_CODEGEN_CUDA_ROWPROGRAM_H
#define FT_CODEGEN_CUDA_ROWPROGRAM_H

#include "codegen/cuda/KernelText.h"
#include "ir/Ft.h"

namespace ft::codegen {

/// The kernel of a `row` fused op: all its segments in one launch. The text
/// depends on element types, extents, alignment and ops only; strides, group
/// counts and addresses are arguments, so that layers share it.
///
/// `besideTiles`: its CTAs wait beside those of sm90/gemm.cuh in front and
/// leave room to those behind. They have a quarter of a multiprocessor's
/// registers at most, and bring weights to shared memory before they wait.
mlir::FailureOr<KernelText> emitRowProgram(ir::FusedOp fused,
                                           bool besideTiles = false);

} // namespace ft::codegen

#endif // FT_CODEGEN_CUDA_ROWPROGRAM_H
