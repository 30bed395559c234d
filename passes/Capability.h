//===- Capability.h - which fusions have an implementation ------*- C++ -*-===//
//
// The one table that fusion asks and that the fuse phase's verifier checks.
// A fusion is legal only where every architecture asked for has a row of the
// table that covers its form for the step kind and the type, and one of them
// has a row that runs it as a single launch. A new kernel adds a row; no pass
// changes.
//
//===----------------------------------------------------------------------===//
#ifndef FT_PASSES_CAPABILITY_H
#define FT_PASSES_CAPABILITY_H

#include "ir/Ft.h"

#include <optional>
#include <string>

namespace ft::passes {

/// What a program is made for: the token range, the stored type, the targets.
struct KernelContext {
  int64_t maxTokens = 0; // of the step kind; 0 = unbounded
  mlir::Type dtype;
  llvm::ArrayRef<std::string> archs;
  bool preview = false; // kernels that are seldom faster yet
  bool encoder = false; // the entry is not causal: one program for all rows
};

/// Elements of a weight up to which sm_90a's tiles are an encoder's default,
/// and go before the library's call where both are there: BERT's and ViT's
/// linears (docs/benchmarks). Of larger ones the library is the faster.
inline constexpr int64_t kTilesMaxWeight = 5 << 20;

/// Where a causal model's prompts leave the library for sm_90a's tiles without
/// a tuning: gate and up with silu(gate) * up, and q-k-v with rope and append,
/// each of which saves a row program and its reads and writes. Gate and up, on
/// an H200, 512 rows, in turns: 8B 182 us, the library's call and a row program
/// 196; 1B 54 and 61 (docs/benchmarks/prefill-h200.json). Of other products the
/// library is ahead, or neither by much.
struct PromptTiles {
  /// Columns of x up to which they do. A row program behind the call takes some
  /// 400 / columns of its time, which tiles must not lose.
  static constexpr int64_t kMaxGatedInner = 4096;
  /// Elements of such a weight from which on the kernel is worth its
  /// compilation.
  static constexpr int64_t kMinGatedWeight = 8 << 20;
  /// The same limits of q-k-v with rope and append, by the weight of q; with
  /// --preview-kernels it leaves the library in any case. On an H200, in
  /// turns: a prompt of 1B of 512 tokens 1.97 ms for 2.01. Prompts of 8B gain
  /// nothing (8 x 512 90.0 ms for 89.3).
  static constexpr int64_t kMaxHeadsInner = 2048;
  static constexpr int64_t kMinHeadsWeight = 2 << 20;
};

/// The architectures of a pass option; the default targets where it is empty.
llvm::SmallVector<std::string> resolveArchs(llvm::ArrayRef<std::string> archs);

/// Whether kernels for `arch` may use Hopper's own instructions: sm_90a, and
/// compute_90a, which is PTX of the same kernels.
bool isHopper(llvm::StringRef arch);

/// How the results of a GEMM's linears are combined.
enum class Combine {
  None,  // each linear's result is stored: column ranges of one buffer
  Gated, // two linears: act(first or second) * the other
};

/// What happens to the results of q-k-v:
///   out = rope(q), append(rope(k), v)
struct HeadsForm {
  bool append = false;   // else there is nothing of it
  int64_t size = 0;      // of a head of q and k
  int64_t turned = 0;    // its elements that rope turns
  int64_t valueSize = 0; // of a head of v
  bool oneType = false;  // of linears, pages and the result
};

/// A GEMM with what is fused around it, whatever implements it:
///   sum = residual + unary...(norm(x) * weight^T + bias)
///   out = norm(sum)
/// or heads.
struct GemmForm {
  int64_t inner = 0;   // K, the row elements of the input
  int64_t outer = 0;   // N of one linear
  int64_t linears = 1; // over adjacent rows of one weight
  bool norm = false;   // prologue: rms_norm or layer_norm of the whole row
  bool bias = false;
  Combine combine = Combine::None;
  llvm::SmallVector<mlir::Operation *> unary; // after bias, in order
  bool residual = false;                      // added last
  bool retyped = false; // sum has another type than theirs
  bool outNorm = false; // epilogue: norm of the whole row; other readers get
                        // the sum as a second result
  HeadsForm heads;      // epilogue of three linears
};

/// One implementation of GEMM forms and its limits.
struct GemmCapability {
  llvm::StringLiteral name;
  int64_t maxTokens;      // of the step kind; 0 = any
  bool norm;              // prologue
  int64_t maxNormInner;   // K of a GEMM with that prologue
  bool gated;             // act(g) * u over two linears
  bool anyUnary;          // else relu and gelu tanh only
  int64_t maxUnary;       // length of the chain; 0 = any
  bool residual;          // epilogue
  bool residualWithUnary; // both at once
  int64_t maxNormOuter;   // N of a GEMM with a norm behind it; 0 = no norm
  int64_t minTokens = 0;  // the most that the step kind takes is no less
  /// A call and a row program behind it, over rows that the call has stored:
  /// right everywhere, but no gain.
  bool split = false;
  /// sm_90a's own kernel: 16-bit types, rows of 16 bytes.
  bool hopper = false;
  /// Of those, for small weights of encoders that the library can run, too, in
  /// two launches, and for what PromptTiles names; for all with
  /// --preview-kernels.
  bool preview = false;
  /// rope and append behind q-k-v, for heads of a multiple of so many; 0: no.
  int64_t headMultiple = 0;
};

/// Whether every architecture has an implementation that covers `form`, and
/// one of them runs it as a single launch.
bool canRun(const GemmForm &form, const KernelContext &ctx);

/// Attention with what is fused in front of it:
///   append(rope(norm(k)), v), then attention of rope(norm(q)) over the pages
struct AttentionForm {
  bool append = false; // the batch's own keys and values
  bool rope = false;   // of q and k, one table
  bool norm = false;   // rms_norm of q and k heads
  int64_t headSize = 0, valueSize = 0;
  mlir::Type element; // of all operands, pages and the result; null: several
};

/// One implementation of attention with a prologue, for every architecture.
struct AttentionCapability {
  llvm::StringLiteral name;
  int64_t maxTokens;    // of the step kind
  int64_t sizeMultiple; // of head sizes
  int64_t maxSize;
  bool rope, norm;
};

/// The first implementation that covers `form`, which has an append; null if
/// none. Attention alone is always covered.
const AttentionCapability *findAttention(const AttentionForm &form,
                                         const KernelContext &ctx);

/// An encoder's attention with the merged linears of q, k and v in front:
///   attention of (x * weight^T + bias), within sequences
struct JoinedForm {
  int64_t inner = 0; // row elements of x
  int64_t heads = 0, kvHeads = 0;
  int64_t headSize = 0, keySize = 0, valueSize = 0;
  mlir::Type element; // of x, weight, q, k, v and the result; null: several
};

/// A kernel that runs both in one launch, sm_90a's, for batches of short
/// sequences.
struct JoinedCapability {
  llvm::StringLiteral name;
  int64_t headSize;      // of q, k and v
  int64_t innerMultiple; // of x's row elements
};

/// The first implementation that covers `form`; null if none.
const JoinedCapability *findJoined(const JoinedForm &form,
                                   const KernelContext &ctx);

/// A linear whose rows' largest outputs a step behind it chooses:
///   argmax of (norm(x) * weight^T + bias, then unary operations, a residual)
struct LikeliestForm {
  GemmForm gemm;
  mlir::Type element; // of x and weight; null: they differ
};

/// A kernel that runs both in one launch and stores no outputs, sm_90a's, for
/// batches of which nothing else is read.
struct LikeliestCapability {
  llvm::StringLiteral name;
  int64_t maxTokens;     // of the step kind
  int64_t innerMultiple; // of x's row elements
};

/// The first implementation that covers `form`; null if none.
const LikeliestCapability *findLikeliest(const LikeliestForm &form,
                                         const KernelContext &ctx);

/// A norm alone in its step, and the linear behind, whose prologue it may be.
struct NormPrologueForm {
  GemmForm gemm;
  mlir::Type element; // of x, weight and results; null: they differ
};

/// A kernel that runs both in one launch, sm_90a's, for small weights and few
/// rows.
struct NormPrologueCapability {
  llvm::StringLiteral name;
  int64_t minTokens, maxTokens; // of the step kind
  int64_t maxWeight;            // elements
  int64_t innerMultiple;        // of x's row elements
};

/// The first implementation that covers `form`; null if none.
const NormPrologueCapability *findNormPrologue(const NormPrologueForm &form,
                                               const KernelContext &ctx);

/// A norm between two linears, alone in its step:
///   linear of norm(residual + linear...)
struct NormHalvesForm {
  GemmForm before, behind;
  mlir::Type element; // of all values and weights; null: they differ
};

/// Kernels that make it in halves, sm_90a's: no launch is between.
struct NormHalvesCapability {
  llvm::StringLiteral name;
  int64_t minTokens, maxTokens; // of the step kind
  int64_t innerMultiple;        // of both x's row elements and of the norm's
};

/// The first implementation that covers `form`; null if none.
const NormHalvesCapability *findNormHalves(const NormHalvesForm &form,
                                           const KernelContext &ctx);

/// Limits of generated row programs; which values may meet in one segment is
/// RowGroup's rule.
struct RowCapability {
  int64_t maxOps;      // semantic ops in one kernel
  int64_t maxSegments; // independent parts of one kernel
};
const RowCapability &rowCapability();

/// True for elementwise operations of one operand.
bool isUnary(mlir::Operation *op);
/// True for operations that row programs hold.
bool isRowOp(mlir::Operation *op);
/// segment_reduce of one row: nothing is reduced, a row program loads it.
bool isOneOfSequence(mlir::Operation *op);
/// True for operations without packed operands: computed where they are read.
bool isLeaf(mlir::Operation *op);

} // namespace ft::passes

#endif // FT_PASSES_CAPABILITY_H
