//===- AttentionParts.h - attention with its prologue -----------*- C++ -*-===//
#ifndef FT_PASSES_ATTENTIONPARTS_H
#define FT_PASSES_ATTENTIONPARTS_H

#include "passes/Capability.h"

namespace ft::passes {

/// The operations of one attention kernel, by what they do in it. Both fusion,
/// which grows it from an attention, and whoever reads a fused attention use
/// this form.
struct AttentionParts {
  ir::AttentionOp attention;
  ir::CacheAppendOp append; // of the keys that the attention reads
  ir::RopeOp queryRope, keyRope;
  ir::RmsNormOp queryNorm, keyNorm; // of each head, before rope

  /// What the capability table looks at.
  AttentionForm form() const;
  /// Every operation, in the order of the block.
  llvm::SmallVector<mlir::Operation *> ops() const;
};

/// Grows `attention` by every neighbour that keeps an implementation: the
/// append to the layer it reads, then ropes and norms of q and k that nobody
/// else reads, of both or of neither.
AttentionParts growAttention(ir::AttentionOp attention,
                             const KernelContext &ctx);

/// The parts of a fused attention; failure where the region holds anything
/// else.
mlir::FailureOr<AttentionParts> analyzeAttention(ir::FusedOp fused);

} // namespace ft::passes

#endif // FT_PASSES_ATTENTIONPARTS_H
