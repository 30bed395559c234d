//===- AttentionText.h - what attention kernels' texts share ----*- C++ -*-===//
#ifndef FT_CODEGEN_CUDA_ATTENTIONTEXT_H
#define FT_CODEGEN_CUDA_ATTENTIONTEXT_H

#include "codegen/cuda/CudaPrinter.h"
#include "codegen/cuda/KernelText.h"
#include "ir/Ft.h"

namespace ft::codegen {

/// The operands of an attention op.
struct AttentionShape {
  mlir::Type element;
  int64_t heads = 0, kvHeads = 0;
  int64_t d = 0, dv = 0;
  bool paged = false;
};

/// Head sizes that no template takes are said as an error on `op`.
mlir::FailureOr<AttentionShape> attentionShape(ir::FusedOp fused,
                                               ir::AttentionOp op);

/// The most tokens that a sequence of the model can have; 0: not known.
int64_t longestSequence(ir::FusedOp fused);

/// The score functor, or the template's identity; returns how it is made.
mlir::FailureOr<std::string> printScore(ir::AttentionOp op,
                                        KernelParams &params, CudaPrinter &out);

/// Which members of attention::Args a template reads.
struct AttentionUse {
  int64_t pack = 1;
  bool pointers = true;   // q, k, v and their strides
  mlir::Value query = {}; // what q is, where it is not the op's operand
  bool counters = false, partials = false;
  /// Heads, window, page size, scale and the stride of `out` are numbers of the
  /// text instead of parameters: divisions by them are short, for a kernel that
  /// begins with many.
  bool literals = false;
};

/// Defines `Shape`, and `args` member by member, in the order of declaration.
void printAttentionArgs(ir::FusedOp fused, ir::AttentionOp op,
                        const AttentionShape &shape, const AttentionUse &use,
                        KernelParams &params, CudaPrinter &out);

} // namespace ft::codegen

#endif // FT_CODEGEN_CUDA_ATTENTIONTEXT_H
