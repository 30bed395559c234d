//===- KernelChoice.cpp - implementations of a fused step -----------------===//
#include "codegen/KernelChoice.h"

#include "codegen/cuda/RowProgram.h"

#include "passes/Capability.h"

#include <algorithm>

using namespace mlir;
using namespace ft;
using namespace ft::codegen;

DictionaryAttr KernelChoice::launch(const KernelText &text) {
  Builder builder(module_.getContext());
  auto integer = [&](StringRef key, int64_t value) {
    return builder.getNamedAttr(key, builder.getI64IntegerAttr(value));
  };
  SmallVector<NamedAttribute, 6> attrs{
      builder.getNamedAttr("kernel", table_->add(text, targets_)),
      builder.getNamedAttr("grid", builder.getArrayAttr(text.grid)),
      builder.getNamedAttr("block", builder.getDenseI64ArrayAttr(text.block)),
      builder.getNamedAttr("args", builder.getArrayAttr(text.args)),
      integer("shared", text.sharedBytes)};
  if (text.sharedBytesPerRow > 0) {
    attrs.push_back(integer("shared_per_row", text.sharedBytesPerRow));
    attrs.push_back(integer("shared_rows", text.sharedRows));
  }
  if (text.residentGrid)
    attrs.push_back(builder.getNamedAttr("resident", builder.getUnitAttr()));
  if (text.prefersShared)
    attrs.push_back(
        builder.getNamedAttr("prefers_shared", builder.getUnitAttr()));
  // All our kernels wait for the one in front before they touch activations,
  // so each may start early. Behind the library's, when its CTAs end (H200, 1B,
  // 512 tokens: 2.12 ms of 2.16).
  if (behindKernel_ && text.startsEarly)
    attrs.push_back(builder.getNamedAttr("dependent", builder.getUnitAttr()));
  return builder.getDictionaryAttr(attrs);
}

FailureOr<DictionaryAttr> KernelChoice::take(FailureOr<TemplateKernel> kernel) {
  if (failed(kernel))
    return failure();
  workspace_ = std::max(workspace_, kernel->workspaceBytes);
  return launch(kernel->text);
}

/// A call of the communicator: what verifyAlone has checked holds one op.
DictionaryAttr KernelChoice::collective(ir::FusedOp fused) {
  Builder builder(module_.getContext());
  Operation &op = fused.getBody().front().front();
  auto integer = [&](StringRef key, int64_t value) {
    return builder.getNamedAttr(key, builder.getI64IntegerAttr(value));
  };
  auto elements = [](Value value) {
    return cast<ir::PackedType>(value.getType()).getRowElements();
  };
  return builder.getDictionaryAttr(
      {builder.getNamedAttr("collective",
                            builder.getStringAttr(op.getName().stripDialect())),
       builder.getNamedAttr("mesh", op.getAttr("mesh")), integer("in", 0),
       integer("out", 0), integer("elements", elements(op.getOperand(0))),
       integer("out_elements", elements(op.getResult(0)))});
}

/// Whether a row program stands between kernels that keep rings in shared
/// memory, which start beside it, ours or in prompts the library's, too: a
/// multiprocessor that has to change its split waits until it is empty.
bool KernelChoice::besideRings(ir::FusedOp fused,
                               const LaunchContext &context) const {
  auto half = [](Type type) {
    auto rows = dyn_cast<ir::PackedType>(type);
    return rows &&
           (rows.getElementType().isBF16() || rows.getElementType().isF16());
  };
  return (context.someTokens() || context.prompts()) &&
         !hopperArchs().empty() && llvm::any_of(fused.getResultTypes(), half);
}

/// What runs where no kernel is made for the architecture.
FailureOr<DictionaryAttr> KernelChoice::choose(ir::FusedOp fused,
                                               const LaunchContext &context) {
  switch (fused.getPattern()) {
  case ir::Pattern::Row: {
    FailureOr<KernelText> text = emitRowProgram(fused);
    if (failed(text))
      return failure();
    text->prefersShared = besideRings(fused, context);
    return launch(*text);
  }
  case ir::Pattern::Gemm:
    return gemm(fused, context);
  case ir::Pattern::Attention:
    return take(attentionAppends(fused) ? emitAttentionDecode(fused, context)
                                        : emitAttention(fused, context));
  case ir::Pattern::SegmentReduce:
    return take(emitSegmentReduce(fused));
  case ir::Pattern::Patches:
    return take(emitPatches(fused));
  case ir::Pattern::Argmax:
    return take(emitArgmax(fused, context));
  case ir::Pattern::Sample:
    return take(emitSample(fused, context));
  case ir::Pattern::Collective:
    return collective(fused);
  }
  return failure();
}

/// The targets that sm_90a's own kernels are made for: cubin and PTX.
KernelChoice::Archs KernelChoice::hopperArchs() const {
  Archs found;
  std::copy_if(archs_.begin(), archs_.end(), std::back_inserter(found),
               [](const std::string &arch) { return passes::isHopper(arch); });
  return found;
}

/// For `targets_`.
DictionaryAttr KernelChoice::implementation(StringRef name,
                                            ArrayRef<DictionaryAttr> launches,
                                            ArrayRef<int64_t> rows) {
  Builder builder(module_.getContext());
  SmallVector<StringRef> names(targets_.begin(), targets_.end());
  SmallVector<Attribute> list(launches.begin(), launches.end());
  SmallVector<NamedAttribute, 4> attrs{
      builder.getNamedAttr("archs", builder.getStrArrayAttr(names)),
      builder.getNamedAttr("launches", builder.getArrayAttr(list))};
  if (!rows.empty())
    attrs.push_back(
        builder.getNamedAttr("rows", builder.getDenseI64ArrayAttr(rows)));
  if (!name.empty())
    attrs.push_back(builder.getNamedAttr("name", builder.getStringAttr(name)));
  return builder.getDictionaryAttr(attrs);
}

/// What sm_90a has kernels of its own for, as implementations; empty where
/// nothing.
FailureOr<SmallVector<Attribute>>
KernelChoice::hopper(ir::FusedOp fused, const LaunchContext &context) {
  SmallVector<Attribute> made;
  if (attentionAppends(fused) && attentionRingTakes(fused)) {
    auto rings = emitAttentionRing(fused, context);
    if (failed(rings))
      return failure();
    for (const AttentionCandidate &ring : *rings)
      made.push_back(implementation(ring.name, *take(ring.kernel), ring.rows));
  }
  if (fused.getPattern() == ir::Pattern::Attention &&
      !attentionAppends(fused) && attentionTilesTake(fused, context)) {
    auto tiles = emitAttentionTiles(fused, context);
    if (failed(tiles))
      return failure();
    for (const AttentionCandidate &tile : *tiles)
      made.push_back(implementation(tile.name, *take(tile.kernel), tile.rows));
  }
  if (fused.getPattern() != ir::Pattern::Gemm)
    return made;
  FailureOr<GemmMatch> match = matchGemm(fused);
  if (failed(match))
    return failure();
  if (!gemvRingTakes(fused, *match, context))
    return made;
  auto gemvs = gemmResidentTakes(fused, *match, context)
                   ? emitGemmResident(fused, *match, context)
                   : emitGemvRing(fused, *match, context);
  if (failed(gemvs))
    return failure();
  for (const GemmCandidate &gemv : *gemvs)
    made.push_back(implementation(
        gemv.name, clustered(gemv, *take(gemv.kernel)), gemv.rows));
  return made;
}

/// What runs without a tuning on architectures that `implementations` has
/// nothing for yet, or what all can run.
LogicalResult
KernelChoice::addDefaults(ir::FusedOp fused, const LaunchContext &context,
                          SmallVectorImpl<Attribute> &implementations,
                          bool all) {
  targets_.clear();
  for (const std::string &arch : archs_)
    if (all || implementations.empty() || !passes::isHopper(arch))
      targets_.push_back(arch);
  if (targets_.empty())
    return success();
  FailureOr<DictionaryAttr> chosen = choose(fused, context);
  if (failed(chosen))
    return failure();
  StringRef name = chosen->contains("gemm")                  ? "library"
                   : fused.getPattern() == ir::Pattern::Gemm ? "gemv"
                                                             : "";
  implementations.push_back(implementation(name, *chosen));
  return success();
}

LogicalResult KernelChoice::select(ir::FusedOp fused,
                                   const LaunchContext &context) {
  SmallVector<Attribute> implementations;
  std::optional<GemmMatch> match;
  targets_ = hopperArchs();
  if (!targets_.empty()) {
    FailureOr<SmallVector<Attribute>> own = hopper(fused, context);
    if (failed(own))
      return failure();
    implementations = std::move(*own);
  }
  if (fused.getPattern() == ir::Pattern::Gemm && implementations.empty()) {
    FailureOr<GemmMatch> found = matchGemm(fused);
    if (failed(found))
      return failure();
    match = *found;
  }
  LogicalResult made = match
                           ? addByRows(fused, *match, context, implementations)
                           : addDefaults(fused, context, implementations);
  if (failed(made) || failed(addJoined(fused, context, implementations)))
    return failure();
  behindKernel_ = fused.getPattern() != ir::Pattern::Collective;
  fused.setLaunchAttr(ArrayAttr::get(module_.getContext(),
                                     ArrayRef<Attribute>(implementations)));
  return success();
}
