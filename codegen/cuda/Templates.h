//===- Templates.h - instances of the hand-written kernels ------*- C++ -*-===//
//
// Each gives the few generated lines around a template of codegen/cuda/kernels,
// its launch geometry and arguments, as the head comment of its .cuh says.
//
//===----------------------------------------------------------------------===//
#ifndef FT_CODEGEN_CUDA_TEMPLATES_H
#define FT_CODEGEN_CUDA_TEMPLATES_H

#include "codegen/cuda/GemmMatch.h"
#include "codegen/cuda/KernelText.h"

#include <vector>

namespace ft::codegen {

inline constexpr int64_t kCounterBytes = 65536; // common.cuh

/// What a launch may count on.
struct LaunchContext {
  int64_t maxTokens = 0; // of the program; 0 = unbounded
  int64_t multiprocessors = 132;
  bool preview = false;   // kernels that are seldom faster yet
  bool encoder = false;   // of an entry that is not causal
  bool likeliest = false; // a linear's rows' largest outputs alone are read

  /// More than the GEMV takes, and no more than one tile of a GEMM has rows.
  bool someTokens() const { return maxTokens > 8 && maxTokens <= 64; }
  /// A causal model's prompts.
  bool prompts() const {
    return !encoder && (maxTokens == 0 || maxTokens > 64);
  }
};

/// A kernel and the bytes of workspace it needs.
struct TemplateKernel {
  KernelText text;
  int64_t workspaceBytes = 0;
};

/// Whether the GEMV template takes this GEMM in this token range.
bool gemvTakes(const GemmMatch &match, const LaunchContext &context);

mlir::FailureOr<TemplateKernel> emitGemv(ir::FusedOp fused,
                                         const GemmMatch &match,
                                         const LaunchContext &context);
/// One of several ways to run a GEMM on sm_90a.
struct GemmCandidate {
  std::string name; // plan::Implementation::name
  TemplateKernel kernel;
  int64_t cluster = 1;       // CTAs that start together
  std::vector<int64_t> rows; // plan::Implementation::rows
};
/// Whether sm_90a's rings take it too; the faster ones there.
bool gemvRingTakes(ir::FusedOp fused, const GemmMatch &match,
                   const LaunchContext &context);
/// The ring for the fewest rows, and where another is faster for more, that
/// one. REQUIRES: gemvRingTakes.
mlir::FailureOr<std::vector<GemmCandidate>>
emitGemvRing(ir::FusedOp fused, const GemmMatch &match,
             const LaunchContext &context);
/// Whether sm_90a's GEMM whose weights wait in shared memory takes this one:
/// any number of rows, and fast for few.
bool gemmResidentTakes(ir::FusedOp fused, const GemmMatch &match,
                       const LaunchContext &context);
/// One for each number of rows at once. REQUIRES: gemmResidentTakes.
mlir::FailureOr<std::vector<GemmCandidate>>
emitGemmResident(ir::FusedOp fused, const GemmMatch &match,
                 const LaunchContext &context);
/// Whether sm_90a's GEMM of some rows, 9 to 64, takes this one.
bool gemmSkinnyTakes(ir::FusedOp fused, const GemmMatch &match,
                     const LaunchContext &context);
/// Its token tiles, the widest first: one that takes any bucket in one turn.
/// REQUIRES: gemmSkinnyTakes.
mlir::FailureOr<std::vector<GemmCandidate>>
emitGemmSkinny(ir::FusedOp fused, const GemmMatch &match,
               const LaunchContext &context);
/// Two linears that make the norm between them (sm90/skinny_norm.cuh), for
/// the rows of either.
struct NormHalves {
  GemmCandidate begin, end;
};
/// By token tiles, as emitGemmSkinny; empty where the kernels do not take it.
/// REQUIRES: `norm` joins `first`, and `second` joins `norm`.
mlir::FailureOr<std::vector<NormHalves>>
emitSkinnyNorm(ir::FusedOp first, ir::FusedOp norm, ir::FusedOp second,
               const LaunchContext &context);
/// Whether sm_90a's GEMM of many rows takes this one in this token range.
bool gemmTilesTake(ir::FusedOp fused, const GemmMatch &match,
                   const LaunchContext &context);
/// Its tile shapes that are worth a try, for few rows first. REQUIRES:
/// gemmTilesTake.
std::vector<GemmCandidate> emitGemmTiles(ir::FusedOp fused,
                                         const GemmMatch &match,
                                         const LaunchContext &context);
/// The same with its norm, by clusters that hold whole rows, for few rows.
std::vector<GemmCandidate> emitGemmFewRows(ir::FusedOp fused,
                                           const GemmMatch &match,
                                           const LaunchContext &context);
mlir::FailureOr<TemplateKernel> emitAttention(ir::FusedOp fused,
                                              const LaunchContext &context);
/// Whether a fused attention stores the batch's keys and values itself.
bool attentionAppends(ir::FusedOp fused);
/// REQUIRES: attentionAppends.
mlir::FailureOr<TemplateKernel>
emitAttentionDecode(ir::FusedOp fused, const LaunchContext &context);
/// Whether the Hopper template takes this attention in this token range.
bool attentionTilesTake(ir::FusedOp fused, const LaunchContext &context);
/// One of several ways to attend on sm_90a; names and rows are those of
/// plan::Implementation.
struct AttentionCandidate {
  std::string name;
  TemplateKernel kernel;
  std::vector<int64_t> rows;
};
/// Whether sm_90a's ring takes it. REQUIRES: attentionAppends.
bool attentionRingTakes(ir::FusedOp fused);
/// What runs there, for few tokens first. REQUIRES: attentionRingTakes.
mlir::FailureOr<std::vector<AttentionCandidate>>
emitAttentionRing(ir::FusedOp fused, const LaunchContext &context);
/// sm_90a only. REQUIRES: attentionTilesTake.
mlir::FailureOr<std::vector<AttentionCandidate>>
emitAttentionTiles(ir::FusedOp fused, const LaunchContext &context);
/// Whether sm_90a makes q, k and v and attends in one launch, for batches of
/// packed sequences. REQUIRES: `attention` joins `gemm`, which `match` is of.
bool gemmAttentionTakes(ir::FusedOp gemm, ir::FusedOp attention,
                        const GemmMatch &match);
/// CTAs of a tile: heads.
int64_t joinedCtas(const GemmMatch &match);
/// REQUIRES: gemmAttentionTakes.
TemplateKernel emitGemmAttention(ir::FusedOp gemm, ir::FusedOp attention,
                                 const GemmMatch &match);
/// The same by clusters: one implementation for sequences of at most `longest`
/// tokens, `sequences` of them.
struct JoinedCandidate {
  std::string name; // plan::Implementation::name
  TemplateKernel kernel;
  int64_t cluster, longest, sequences;
};
/// For the shortest sequences first. REQUIRES: gemmAttentionTakes.
std::vector<JoinedCandidate> emitGemmAttentionClusters(ir::FusedOp gemm,
                                                       ir::FusedOp attention,
                                                       const GemmMatch &match);
mlir::FailureOr<TemplateKernel> emitArgmax(ir::FusedOp fused,
                                           const LaunchContext &context);
mlir::FailureOr<TemplateKernel> emitSample(ir::FusedOp fused,
                                           const LaunchContext &context);
mlir::FailureOr<TemplateKernel> emitSegmentReduce(ir::FusedOp fused);
/// patches.cuh: a gather of every token's patch.
mlir::FailureOr<TemplateKernel> emitPatches(ir::FusedOp fused);

/// The number of `axis` in the module's ft.axes.
int32_t axisNumber(mlir::Operation *from, mlir::StringAttr axis);

/// Comment, include, `using` and the head of the kernel function.
void openKernel(class CudaPrinter &out, llvm::StringRef comment,
                llvm::ArrayRef<llvm::StringRef> includes);

} // namespace ft::codegen

#endif // FT_CODEGEN_CUDA_TEMPLATES_H
