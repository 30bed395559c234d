//===- JoinedChoice.cpp - implementations that run several steps ----------===//
//
// For steps that ft-join-steps has marked: of the first one, in front of its
// own implementations.
//
//===----------------------------------------------------------------------===//
#include "codegen/KernelChoice.h"

#include "codegen/NormedLinear.h"

#include "runtime/plan/Batch.h"

#include <utility>

using namespace mlir;
using namespace ft;
using namespace ft::codegen;

/// Launches that run the attention behind, too. They are right for batches only
/// of few short sequences, or whose sequences lie whole in tiles.
LogicalResult
KernelChoice::addJoinedAttention(ir::FusedOp fused, ir::FusedOp attention,
                                 const GemmMatch &match,
                                 SmallVectorImpl<Attribute> &implementations) {
  if (!gemmAttentionTakes(fused, attention, match))
    return success();
  Builder builder(module_.getContext());
  FailureOr<DictionaryAttr> made =
      take(emitGemmAttention(fused, attention, match));
  NamedAttrList joined(implementation("joined_128", *made));
  joined.set("steps", builder.getI64IntegerAttr(2));
  joined.set("packed", builder.getI64IntegerAttr(plan::batch::kPackTokens));
  joined.set("packed_ctas", builder.getI64IntegerAttr(joinedCtas(match)));
  SmallVector<Attribute> all;
  for (JoinedCandidate &candidate :
       emitGemmAttentionClusters(fused, attention, match)) {
    FailureOr<DictionaryAttr> one = take(std::move(candidate.kernel));
    if (failed(one))
      return failure();
    NamedAttrList launch(*one);
    launch.set("cluster", builder.getI64IntegerAttr(candidate.cluster));
    NamedAttrList few(implementation(
        candidate.name, launch.getDictionary(module_.getContext())));
    few.set("steps", builder.getI64IntegerAttr(2));
    few.set("longest", builder.getI64IntegerAttr(candidate.longest));
    few.set("most_sequences", builder.getI64IntegerAttr(candidate.sequences));
    all.push_back(few.getDictionary(module_.getContext()));
  }
  all.push_back(joined.getDictionary(module_.getContext()));
  implementations.insert(implementations.begin(), all.begin(), all.end());
  return success();
}

/// Launches that choose the tokens behind, too, as the largest outputs of their
/// rows. They are right for batches only of which nothing else is read.
LogicalResult
KernelChoice::addLikeliest(ir::FusedOp fused, const GemmMatch &match,
                           const LaunchContext &context,
                           SmallVectorImpl<Attribute> &implementations) {
  LaunchContext own = context;
  own.likeliest = true;
  FailureOr<std::vector<GemmCandidate>> made = std::vector<GemmCandidate>();
  if (gemvRingTakes(fused, match, own))
    made = emitGemvRing(fused, match, own);
  else if (gemmSkinnyTakes(fused, match, own))
    made = emitGemmSkinny(fused, match, own);
  if (failed(made))
    return failure();
  Builder builder(module_.getContext());
  SmallVector<Attribute> all;
  for (const GemmCandidate &candidate : *made) {
    NamedAttrList joined(implementation(
        candidate.name + "_likeliest",
        clustered(candidate, *take(candidate.kernel)), candidate.rows));
    joined.set("steps", builder.getI64IntegerAttr(2));
    joined.set("likeliest", builder.getUnitAttr());
    all.push_back(joined.getDictionary(module_.getContext()));
  }
  implementations.insert(implementations.begin(), all.begin(), all.end());
  return success();
}

/// Kernels of the linears behind `norm` with it as their prologue, for few rows
/// first; none where they are not small.
static FailureOr<std::vector<GemmCandidate>>
emitNormed(ir::FusedOp norm, ir::FusedOp linears,
           const LaunchContext &context) {
  NormedLinear normed(norm, linears);
  FailureOr<GemmMatch> match = matchGemm(normed.fused());
  if (failed(match))
    return failure();
  if (!context.someTokens() ||
      !gemmResidentTakes(normed.fused(), *match, context))
    return std::vector<GemmCandidate>();
  return emitGemmResident(normed.fused(), *match, context);
}

/// One launch for a norm and the small linears behind. Of more rows than it is
/// offered for, the step of the norm goes alone.
LogicalResult
KernelChoice::addNormed(ir::FusedOp norm, ir::FusedOp linears,
                        const LaunchContext &context,
                        SmallVectorImpl<Attribute> &implementations) {
  auto made = emitNormed(norm, linears, context);
  if (failed(made))
    return failure();
  if (made->empty())
    return success();
  Builder builder(module_.getContext());
  SmallVector<Attribute> all;
  int64_t most = 0;
  for (const GemmCandidate &candidate : *made) {
    NamedAttrList joined(implementation(
        candidate.name + "_norm",
        clustered(candidate, NormedLinear::renumber(*take(candidate.kernel))),
        candidate.rows));
    joined.set("steps", builder.getI64IntegerAttr(2));
    all.push_back(joined.getDictionary(module_.getContext()));
    most = std::max(most, candidate.rows.back());
  }
  for (Attribute &plain : implementations)
    plain = withRows(plain, {2 * most});
  implementations.insert(implementations.begin(), all.begin(), all.end());
  return success();
}

/// Two launches in place of three steps: a norm is made by the linears
/// around it.
LogicalResult
KernelChoice::addNormHalves(ir::FusedOp fused, ir::FusedOp norm,
                            const LaunchContext &context,
                            SmallVectorImpl<Attribute> &implementations) {
  auto behind = cast<ir::FusedOp>(norm->getNextNode());
  FailureOr<std::vector<NormHalves>> made =
      emitSkinnyNorm(fused, norm, behind, context);
  if (failed(made))
    return failure();
  auto small = emitNormed(norm, behind, context);
  if (failed(small))
    return failure();
  if (!small->empty()) // which make the norm of so many rows by themselves
    llvm::erase_if(*made, [&](const NormHalves &halves) {
      return halves.begin.rows.back() <= small->back().rows.back();
    });
  Builder builder(module_.getContext());
  SmallVector<Attribute> all;
  for (const NormHalves &halves : *made) {
    DictionaryAttr begin = clustered(halves.begin, *take(halves.begin.kernel));
    bool before = std::exchange(behindKernel_, true);
    NamedAttrList end(clustered(halves.end, *take(halves.end.kernel)));
    behindKernel_ = before;
    end.set("behind", builder.getI64IntegerAttr(2));
    NamedAttrList joined(implementation(
        halves.begin.name + "_norm",
        {begin, end.getDictionary(module_.getContext())}, halves.begin.rows));
    joined.set("steps", builder.getI64IntegerAttr(3));
    all.push_back(joined.getDictionary(module_.getContext()));
  }
  implementations.insert(implementations.begin(), all.begin(), all.end());
  return success();
}

/// In front of all others, the launches that run the step behind, too.
LogicalResult
KernelChoice::addJoined(ir::FusedOp fused, const LaunchContext &context,
                        SmallVectorImpl<Attribute> &implementations) {
  auto behind = dyn_cast_or_null<ir::FusedOp>(fused->getNextNode());
  targets_ = hopperArchs();
  if (!behind || !behind.getJoins() || targets_.empty())
    return success();
  if (fused.getPattern() == ir::Pattern::Row)
    return addNormed(fused, behind, context, implementations);
  if (fused.getPattern() != ir::Pattern::Gemm)
    return success();
  FailureOr<GemmMatch> match = matchGemm(fused);
  if (failed(match))
    return failure();
  switch (behind.getPattern()) {
  case ir::Pattern::Attention:
    return addJoinedAttention(fused, behind, *match, implementations);
  case ir::Pattern::Row:
    return addNormHalves(fused, behind, context, implementations);
  default:
    return addLikeliest(fused, *match, context, implementations);
  }
}
