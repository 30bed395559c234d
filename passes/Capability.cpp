//===- Capability.cpp - which fusions have an implementation --------------===//
#include "passes/Capability.h"

#include "llvm/ADT/STLExtras.h"

using namespace mlir;
using namespace ft::ir;

namespace ft::passes {

/// With a norm, the GEMV template keeps 8 fp32 rows of its input in shared
/// memory: 8 * K * 4 bytes of the 200 KB beside its partial sums.
static constexpr int64_t kGemvMaxTokens = 8;
static constexpr int64_t kGemvMaxNormInner = 200 * 1024 / (kGemvMaxTokens * 4);

/// Eight CTAs of a cluster, which every Hopper device runs, hold 192 columns of
/// a row each; with more, sums and epilogue do not fit the registers.
static constexpr int64_t kTilesMaxNormOuter = 8 * 192;
static constexpr int64_t kAnyOuter = INT64_MAX;

/// Best first.
static constexpr GemmCapability kGemms[] = {
    {.name = "gemv",
     .maxTokens = kGemvMaxTokens,
     .norm = true,
     .maxNormInner = kGemvMaxNormInner,
     .gated = true,
     .anyUnary = true,
     .maxUnary = 0,
     .residual = true,
     .residualWithUnary = true,
     .maxNormOuter = 0},
    // cuBLASLt has relu and the tanh form of GELU, and adds C by beta = 1; a
    // residual after an activation it cannot do.
    {.name = "library",
     .maxTokens = 0,
     .norm = false,
     .maxNormInner = 0,
     .gated = false,
     .anyUnary = false,
     .maxUnary = 1,
     .residual = true,
     .residualWithUnary = false,
     .maxNormOuter = 0},
    {.name = "skinny",
     .maxTokens = 64,
     .norm = false,
     .maxNormInner = 0,
     .gated = true,
     .anyUnary = true,
     .maxUnary = 0,
     .residual = true,
     .residualWithUnary = true,
     .maxNormOuter = 0,
     .minTokens = 9,
     .hopper = true},
    {.name = "tiles",
     .maxTokens = 0,
     .norm = false,
     .maxNormInner = 0,
     .gated = true,
     .anyUnary = true,
     .maxUnary = 0,
     .residual = true,
     .residualWithUnary = true,
     .maxNormOuter = kTilesMaxNormOuter,
     .minTokens = 65,
     .hopper = true,
     .preview = true,
     .headMultiple = 32},
    // The rows of a gated product are half as long as those the call stores:
    // it has nowhere to put them.
    {.name = "library_row",
     .maxTokens = 0,
     .norm = false,
     .maxNormInner = 0,
     .gated = false,
     .anyUnary = true,
     .maxUnary = 0,
     .residual = true,
     .residualWithUnary = true,
     .maxNormOuter = kAnyOuter,
     .split = true},
};

SmallVector<std::string> resolveArchs(ArrayRef<std::string> archs) {
  if (archs.empty())
    return {"sm_90a", "ptx"};
  return SmallVector<std::string>(archs);
}

bool isHopper(StringRef arch) {
  return arch == "sm_90a" || arch == "compute_90a";
}

static bool isLibraryActivation(Operation *op) {
  if (auto gelu = dyn_cast<GeluOp>(op))
    return gelu.getTanh();
  return isa<ReluOp>(op);
}

/// Whether prompts have this form in one launch by default.
static bool promptsFuse(const GemmForm &form, const KernelContext &ctx) {
  if (ctx.encoder)
    return false;
  int64_t weight = form.inner * form.outer;
  if (form.heads.append)
    return form.inner <= PromptTiles::kMaxHeadsInner &&
           weight >= PromptTiles::kMinHeadsWeight;
  return form.combine == Combine::Gated &&
         form.inner <= PromptTiles::kMaxGatedInner &&
         2 * weight >= PromptTiles::kMinGatedWeight;
}

/// Whole heads are turned, and those of v are as long.
static bool headsFit(const GemmCapability &gemm, const HeadsForm &heads) {
  return gemm.headMultiple > 0 && heads.oneType &&
         heads.size % gemm.headMultiple == 0 && heads.turned == heads.size &&
         heads.valueSize == heads.size;
}

static bool hopperFits(const GemmCapability &gemm, const GemmForm &form,
                       const KernelContext &ctx, StringRef arch) {
  bool half = ctx.dtype && (ctx.dtype.isBF16() || ctx.dtype.isF16());
  if (!isHopper(arch) || !half || form.inner % 8 != 0)
    return false;
  return !gemm.preview || ctx.preview || promptsFuse(form, ctx) ||
         (ctx.encoder && form.combine == Combine::None &&
          form.inner * form.outer * form.linears <= kTilesMaxWeight);
}

static bool covers(const GemmCapability &gemm, const GemmForm &form,
                   const KernelContext &ctx, StringRef arch) {
  int64_t count = form.unary.size();
  bool fits = gemm.maxTokens == 0 ||
              (ctx.maxTokens > 0 && ctx.maxTokens <= gemm.maxTokens);
  fits &= ctx.maxTokens == 0 || ctx.maxTokens >= gemm.minTokens;
  if (gemm.hopper && !hopperFits(gemm, form, ctx, arch))
    return false;
  if (!fits || (form.residual && !gemm.residual))
    return false;
  // A library's bias has the type of what the call stores: here the step's.
  if (gemm.split && form.bias && form.retyped)
    return false;
  if (form.norm && (!gemm.norm || form.inner > gemm.maxNormInner))
    return false;
  if (form.outNorm && form.outer > gemm.maxNormOuter)
    return false;
  if (form.heads.append && !headsFit(gemm, form.heads))
    return false;
  if (form.combine == Combine::Gated && !gemm.gated)
    return false;
  if (gemm.maxUnary > 0 && count > gemm.maxUnary)
    return false;
  if (!gemm.anyUnary && !llvm::all_of(form.unary, isLibraryActivation))
    return false;
  return gemm.residualWithUnary || !form.residual || count == 0;
}

bool canRun(const GemmForm &form, const KernelContext &ctx) {
  bool gains = false;
  for (const std::string &arch : ctx.archs) {
    const auto *gemm = llvm::find_if(kGemms, [&](const GemmCapability &row) {
      return covers(row, form, ctx, arch);
    });
    if (gemm == std::end(kGemms))
      return false;
    gains |= !gemm->split;
  }
  return gains;
}

/// Up to 64 tokens a program's sequences have few queries each; beyond, tiles
/// of many queries read keys that a kernel in front has appended.
static constexpr AttentionCapability kAttentions[] = {
    {.name = "decode",
     .maxTokens = 64,
     .sizeMultiple = 8,
     .maxSize = 256,
     .rope = true,
     .norm = true},
};

static bool covers(const AttentionCapability &attention,
                   const AttentionForm &form, const KernelContext &ctx) {
  auto sizeFits = [&](int64_t size) {
    return size > 0 && size <= attention.maxSize &&
           size % attention.sizeMultiple == 0;
  };
  bool half = form.element && (form.element.isBF16() || form.element.isF16());
  return half && ctx.maxTokens > 0 && ctx.maxTokens <= attention.maxTokens &&
         sizeFits(form.headSize) && sizeFits(form.valueSize) &&
         (attention.rope || !form.rope) && (attention.norm || !form.norm);
}

const AttentionCapability *findAttention(const AttentionForm &form,
                                         const KernelContext &ctx) {
  for (const AttentionCapability &attention : kAttentions)
    if (covers(attention, form, ctx))
      return &attention;
  return nullptr;
}

/// Tiles of 128 rows: x in columns of 64 elements, a head's q, k and v one such
/// column each.
static constexpr JoinedCapability kJoined[] = {
    {.name = "joined", .headSize = 64, .innerMultiple = 8},
};

static bool covers(const JoinedCapability &joined, const JoinedForm &form) {
  return form.heads == form.kvHeads && form.headSize == joined.headSize &&
         form.keySize == joined.headSize && form.valueSize == joined.headSize &&
         form.inner > 0 && form.inner % joined.innerMultiple == 0;
}

const JoinedCapability *findJoined(const JoinedForm &form,
                                   const KernelContext &ctx) {
  bool half = form.element && (form.element.isBF16() || form.element.isF16());
  if (!ctx.encoder || !half || llvm::none_of(ctx.archs, isHopper))
    return nullptr;
  for (const JoinedCapability &joined : kJoined)
    if (covers(joined, form))
      return &joined;
  return nullptr;
}

/// What runs up to 8 tokens, then up to 64.
static constexpr LikeliestCapability kLikeliest[] = {
    {.name = "likeliest", .maxTokens = 64, .innerMultiple = 8},
};

const LikeliestCapability *findLikeliest(const LikeliestForm &form,
                                         const KernelContext &ctx) {
  const GemmForm &gemm = form.gemm;
  bool half = form.element && (form.element.isBF16() || form.element.isF16());
  bool plain = gemm.linears == 1 && gemm.combine == Combine::None &&
               !gemm.outNorm && !gemm.heads.append;
  if (!half || !plain || llvm::none_of(ctx.archs, isHopper))
    return nullptr;
  for (const LikeliestCapability &likeliest : kLikeliest)
    if (ctx.maxTokens > 0 && ctx.maxTokens <= likeliest.maxTokens &&
        gemm.inner > 0 && gemm.inner % likeliest.innerMultiple == 0)
      return &likeliest;
  return nullptr;
}

static constexpr NormPrologueCapability kNormPrologues[] = {
    {.name = "resident",
     .minTokens = 9,
     .maxTokens = 64,
     .maxWeight = 4 << 20,
     .innerMultiple = 64},
};

const NormPrologueCapability *findNormPrologue(const NormPrologueForm &form,
                                               const KernelContext &ctx) {
  const GemmForm &gemm = form.gemm;
  bool half = form.element && (form.element.isBF16() || form.element.isF16());
  bool plain = gemm.combine == Combine::None && !gemm.norm && !gemm.outNorm &&
               !gemm.residual && !gemm.heads.append;
  if (!half || !plain || ctx.encoder || llvm::none_of(ctx.archs, isHopper))
    return nullptr;
  for (const NormPrologueCapability &prologue : kNormPrologues)
    if (ctx.maxTokens >= prologue.minTokens &&
        ctx.maxTokens <= prologue.maxTokens &&
        gemm.inner * gemm.outer * gemm.linears <= prologue.maxWeight &&
        gemm.inner % prologue.innerMultiple == 0)
      return &prologue;
  return nullptr;
}

static constexpr NormHalvesCapability kNormHalves[] = {
    {.name = "skinny", .minTokens = 9, .maxTokens = 64, .innerMultiple = 8},
};

const NormHalvesCapability *findNormHalves(const NormHalvesForm &form,
                                           const KernelContext &ctx) {
  bool half = form.element && (form.element.isBF16() || form.element.isF16());
  bool plain = form.before.linears == 1 && !form.before.norm &&
               !form.before.outNorm && !form.behind.norm &&
               !form.behind.outNorm && !form.behind.heads.append;
  if (!half || !plain || llvm::none_of(ctx.archs, isHopper))
    return nullptr;
  for (const NormHalvesCapability &halves : kNormHalves)
    if (ctx.maxTokens >= halves.minTokens &&
        ctx.maxTokens <= halves.maxTokens &&
        form.before.inner % halves.innerMultiple == 0 &&
        form.behind.inner % halves.innerMultiple == 0)
      return &halves;
  return nullptr;
}

const RowCapability &rowCapability() {
  static constexpr RowCapability capability{.maxOps = 48, .maxSegments = 8};
  return capability;
}

bool isUnary(Operation *op) {
  return isa<SiluOp, ReluOp, TanhOp, SigmoidOp, ExpOp, LogOp, SqrtOp, RsqrtOp,
             NegOp, AbsOp, ErfOp, SquareOp, ReciprocalOp, SinOp, CosOp, FloorOp,
             TruncOp, GeluOp, ScaleOp, OffsetOp, CastOp>(op);
}

bool isRowOp(Operation *op) {
  return op->hasTrait<ft::ir::OpTrait::RowWise>() ||
         isa<PositionsOp, RowsOp>(op) || isOneOfSequence(op);
}

bool isOneOfSequence(Operation *op) {
  auto reduce = dyn_cast<SegmentReduceOp>(op);
  return reduce && (reduce.getKind() == "first" || reduce.getKind() == "last");
}

bool isLeaf(Operation *op) { return isa<BroadcastOp, PositionsOp>(op); }

} // namespace ft::passes
