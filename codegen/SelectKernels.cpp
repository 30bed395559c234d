//===- SelectKernels.cpp - the kernels phase ------------------------------===//
#include "codegen/SelectKernels.h"

#include "codegen/KernelTable.h"
#include "codegen/SplitStep.h"
#include "codegen/cuda/GemmMatch.h"
#include "codegen/cuda/RowProgram.h"
#include "codegen/cuda/Templates.h"

#include "ir/Ft.h"
#include "passes/Capability.h"
#include "passes/Passes.h"

#include <algorithm>
#include <utility>

using namespace mlir;
using namespace ft;
using namespace ft::codegen;

namespace {

using Archs = std::vector<std::string>;

class SelectKernels
    : public PassWrapper<SelectKernels, OperationPass<ModuleOp>> {
public:
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(SelectKernels)
  SelectKernels() = default;
  SelectKernels(const SelectKernels &other)
      : PassWrapper(other), archList_(other.archList_),
        withPreview_(other.withPreview_) {}
  SelectKernels(std::vector<std::string> archs, bool preview)
      : archList_(std::move(archs)), withPreview_(preview) {}

  StringRef getArgument() const override { return "ft-select-kernels"; }
  StringRef getDescription() const override {
    return "Choose an implementation for every fused op and print its kernel";
  }
  void runOnOperation() override;

private:
  LogicalResult select(ir::FusedOp fused, const LaunchContext &context);
  FailureOr<DictionaryAttr> choose(ir::FusedOp fused,
                                   const LaunchContext &context);
  FailureOr<DictionaryAttr> gemm(ir::FusedOp fused,
                                 const LaunchContext &context);
  FailureOr<SmallVector<Attribute>> hopper(ir::FusedOp fused,
                                           const LaunchContext &context);
  LogicalResult addSplit(ir::FusedOp fused, const GemmMatch &match,
                         const LaunchContext &context,
                         SmallVectorImpl<Attribute> &implementations);
  LogicalResult addTiles(ir::FusedOp fused, const GemmMatch &match,
                         const LaunchContext &context,
                         SmallVectorImpl<Attribute> &implementations);
  LogicalResult addFused(ir::FusedOp fused, const GemmMatch &match,
                         const LaunchContext &context,
                         SmallVectorImpl<Attribute> &implementations);
  LogicalResult addTilesRow(ir::FusedOp fused, const GemmMatch &match,
                            const LaunchContext &context,
                            SmallVectorImpl<Attribute> &implementations);
  LogicalResult addDefaults(ir::FusedOp fused, const LaunchContext &context,
                            SmallVectorImpl<Attribute> &implementations,
                            bool all = false);
  DictionaryAttr clustered(const GemmCandidate &made, DictionaryAttr launch);
  DictionaryAttr implementation(StringRef name,
                                ArrayRef<DictionaryAttr> launches,
                                ArrayRef<int64_t> rows = {});
  DictionaryAttr collective(ir::FusedOp fused);
  bool besideRings(ir::FusedOp fused, const LaunchContext &context) const;
  FailureOr<DictionaryAttr> take(FailureOr<TemplateKernel> kernel);
  DictionaryAttr launch(const KernelText &text);
  Archs hopperArchs() const;
  bool takesTiles(const GemmMatch &match, const LaunchContext &context) const;

  ListOption<std::string> archs_{*this, "archs",
                                 llvm::cl::desc("architectures: sm_80, sm_90a, "
                                                "sm_100f, compute_90a, "
                                                "compute_100f, ptx")};
  Option<bool> preview_{*this, "preview", llvm::cl::init(false),
                        llvm::cl::desc("kernels that are seldom faster yet")};
  Archs archList_;
  bool withPreview_ = false;
  Archs targets_; // of the implementation being made
  std::unique_ptr<KernelTable> table_;
  int64_t workspace_ = 0;
  bool afterKernel_ = false;     // the launch in front is a kernel of ours
  bool nextAfterKernel_ = false; // the same, of the step that follows
};

} // namespace

DictionaryAttr SelectKernels::launch(const KernelText &text) {
  Builder builder(&getContext());
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
  // so each may start early behind another of ours.
  if (afterKernel_ && text.startsEarly)
    attrs.push_back(builder.getNamedAttr("dependent", builder.getUnitAttr()));
  return builder.getDictionaryAttr(attrs);
}

FailureOr<DictionaryAttr>
SelectKernels::take(FailureOr<TemplateKernel> kernel) {
  if (failed(kernel))
    return failure();
  workspace_ = std::max(workspace_, kernel->workspaceBytes);
  return launch(kernel->text);
}

/// The GEMV template where the range is small, else the library.
FailureOr<DictionaryAttr> SelectKernels::gemm(ir::FusedOp fused,
                                              const LaunchContext &context) {
  FailureOr<GemmMatch> match = matchGemm(fused);
  if (failed(match))
    return failure();
  if (gemvTakes(*match, context))
    return take(emitGemv(fused, *match, context));
  FailureOr<LibraryEpilogue> epilogue = matchLibraryEpilogue(fused, *match);
  if (failed(epilogue))
    return failure();
  Builder builder(&getContext());
  auto integer = [&](StringRef key, int64_t value) {
    return builder.getNamedAttr(key, builder.getI64IntegerAttr(value));
  };
  SmallVector<NamedAttribute, 8> attrs{
      builder.getNamedAttr("gemm", match->weight),
      integer("in", match->input.getArgNumber()),
      integer("out", 0),
      integer("n", match->n),
      integer("k", match->k),
      builder.getNamedAttr("epilogue",
                           builder.getStringAttr(epilogue->activation))};
  if (match->bias)
    attrs.push_back(builder.getNamedAttr("bias", match->bias));
  if (epilogue->residual >= 0)
    attrs.push_back(integer("residual", epilogue->residual));
  if (getOperation()->hasAttr(passes::kTf32Attr))
    attrs.push_back(builder.getNamedAttr("tf32", builder.getUnitAttr()));
  return builder.getDictionaryAttr(attrs);
}

/// A call of the communicator: what verifyAlone has checked holds one op.
DictionaryAttr SelectKernels::collective(ir::FusedOp fused) {
  Builder builder(&getContext());
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
/// memory, which start beside it: a multiprocessor that has to change its split
/// waits until it is empty.
bool SelectKernels::besideRings(ir::FusedOp fused,
                                const LaunchContext &context) const {
  auto half = [](Type type) {
    auto rows = dyn_cast<ir::PackedType>(type);
    return rows &&
           (rows.getElementType().isBF16() || rows.getElementType().isF16());
  };
  return context.someTokens() && !hopperArchs().empty() &&
         llvm::any_of(fused.getResultTypes(), half);
}

/// What runs where no kernel is made for the architecture.
FailureOr<DictionaryAttr> SelectKernels::choose(ir::FusedOp fused,
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
Archs SelectKernels::hopperArchs() const {
  Archs found;
  std::copy_if(archList_.begin(), archList_.end(), std::back_inserter(found),
               [](const std::string &arch) { return passes::isHopper(arch); });
  return found;
}

static bool isSmall(const GemmMatch &match) {
  return match.n * match.k <= passes::kTilesMaxWeight;
}

/// Whether sm_90a's own GEMMs are asked for, as passes/Capability.h has it.
bool SelectKernels::takesTiles(const GemmMatch &match,
                               const LaunchContext &context) const {
  return !hopperArchs().empty() && (withPreview_ || context.someTokens() ||
                                    (context.encoder && isSmall(match)));
}

/// Shapes that no row count is nearest to are a tuning's alone.
static std::vector<GemmCandidate> tilesOf(ir::FusedOp fused,
                                          const GemmMatch &match,
                                          const LaunchContext &context) {
  std::vector<GemmCandidate> made = emitGemmTiles(fused, match, context);
  if (!context.preview)
    llvm::erase_if(made, [](const GemmCandidate &c) { return c.rows.empty(); });
  return made;
}

/// For `targets_`.
DictionaryAttr SelectKernels::implementation(StringRef name,
                                             ArrayRef<DictionaryAttr> launches,
                                             ArrayRef<int64_t> rows) {
  Builder builder(&getContext());
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

/// A launch whose CTAs start together.
DictionaryAttr SelectKernels::clustered(const GemmCandidate &made,
                                        DictionaryAttr launch) {
  NamedAttrList dict(launch);
  if (made.cluster > 1)
    dict.set("cluster", Builder(&getContext()).getI64IntegerAttr(made.cluster));
  return dict.getDictionary(&getContext());
}

/// What sm_90a has kernels of its own for, as implementations; empty where
/// nothing.
FailureOr<SmallVector<Attribute>>
SelectKernels::hopper(ir::FusedOp fused, const LaunchContext &context) {
  SmallVector<Attribute> made;
  if (attentionAppends(fused) && attentionRingTakes(fused)) {
    FailureOr<DictionaryAttr> ring =
        take(emitAttentionDecode(fused, context, true));
    if (failed(ring))
      return failure();
    bool alone = context.maxTokens > 0 && context.maxTokens <= 8 &&
                 attentionIsShort(fused);
    if (alone) {
      FailureOr<DictionaryAttr> one = take(emitAttentionDecode(fused, context));
      if (failed(one))
        return failure();
      made.push_back(implementation("one", *one, {1}));
    }
    made.push_back(alone ? implementation("ring", *ring, {2})
                         : implementation("", *ring));
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
  auto rings = emitGemvRing(fused, *match, context);
  if (failed(rings))
    return failure();
  for (const GemmCandidate &ring : *rings)
    made.push_back(implementation(
        ring.name, clustered(ring, *take(ring.kernel)), ring.rows));
  return made;
}

/// For architectures without a kernel that runs the whole step: a library's
/// call and a row program. Nothing is added where the step cannot be split.
LogicalResult
SelectKernels::addSplit(ir::FusedOp fused, const GemmMatch &match,
                        const LaunchContext &context,
                        SmallVectorImpl<Attribute> &implementations) {
  FailureOr<SplitStep> split = SplitStep::make(fused, match);
  if (failed(split))
    return success();
  targets_ = archList_;
  bool before = std::exchange(afterKernel_, false);
  SmallVector<DictionaryAttr> launches;
  for (ir::FusedOp part : {split->call(), split->rows()}) {
    FailureOr<DictionaryAttr> chosen = choose(part, context);
    if (failed(chosen))
      return failure();
    launches.push_back(split->renumber(part, *chosen));
  }
  afterKernel_ = before;
  implementations.push_back(implementation("library_row", launches));
  return success();
}

/// The same by our tiles, for each shape. The row program starts early, and
/// prefers shared memory as the tiles do: a multiprocessor that has to change
/// its split waits until it is empty. (H200, BERT-base, four linears in a chain
/// with their norms and GELU, us a layer: 1,024 rows 37.0, with library calls
/// 45.5; 32 rows 17.8 and 25.9. No row count has a norm inside the tiles
/// ahead.)
LogicalResult
SelectKernels::addTilesRow(ir::FusedOp fused, const GemmMatch &match,
                           const LaunchContext &context,
                           SmallVectorImpl<Attribute> &implementations) {
  FailureOr<SplitStep> split = SplitStep::make(fused, match);
  if (failed(split))
    return success();
  FailureOr<GemmMatch> call = matchGemm(split->call());
  if (failed(call) || !gemmTilesTake(split->call(), *call, context))
    return success();
  FailureOr<KernelText> rows = emitRowProgram(split->rows());
  if (failed(rows))
    return failure();
  rows->prefersShared = true;
  targets_ = hopperArchs();
  for (const GemmCandidate &made : tilesOf(split->call(), *call, context)) {
    DictionaryAttr tiles = clustered(made, *take(made.kernel));
    bool before = std::exchange(afterKernel_, true);
    DictionaryAttr finish = launch(*rows);
    afterKernel_ = before;
    implementations.push_back(
        implementation(made.name + "_row",
                       {split->renumber(split->call(), tiles),
                        split->renumber(split->rows(), finish)},
                       made.rows));
  }
  return success();
}

/// Candidates for a tuning to decide between. They say which rows they are for
/// where they run without one, too: if nothing is there yet.
LogicalResult
SelectKernels::addTiles(ir::FusedOp fused, const GemmMatch &match,
                        const LaunchContext &context,
                        SmallVectorImpl<Attribute> &implementations) {
  targets_ = hopperArchs();
  bool first = implementations.empty();
  std::vector<GemmCandidate> candidates;
  if (gemmTilesTake(fused, match, context)) {
    candidates = tilesOf(fused, match, context);
  } else if (gemmSkinnyTakes(fused, match, context)) {
    auto skinny = emitGemmSkinny(fused, match, context);
    if (failed(skinny))
      return failure();
    candidates = std::move(*skinny);
  }
  for (const GemmCandidate &made : candidates)
    implementations.push_back(implementation(
        made.name, clustered(made, *take(made.kernel)),
        first ? ArrayRef<int64_t>(made.rows) : ArrayRef<int64_t>()));
  return success();
}

/// What runs without a tuning on architectures that `implementations` has
/// nothing for yet, or what all can run.
LogicalResult
SelectKernels::addDefaults(ir::FusedOp fused, const LaunchContext &context,
                           SmallVectorImpl<Attribute> &implementations,
                           bool all) {
  targets_.clear();
  for (const std::string &arch : archList_)
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
  nextAfterKernel_ = chosen->contains("kernel");
  return success();
}

/// A gemm that only the tiles run as one launch (passes/Capability.cpp).
LogicalResult
SelectKernels::addFused(ir::FusedOp fused, const GemmMatch &match,
                        const LaunchContext &context,
                        SmallVectorImpl<Attribute> &implementations) {
  Archs hopper = hopperArchs();
  bool tiles = takesTiles(match, context);
  if (tiles && match.outNorm &&
      failed(addTilesRow(fused, match, context, implementations)))
    return failure();
  // A norm inside the tiles is a candidate for tuning.
  if (tiles && (withPreview_ || !match.outNorm) &&
      failed(addTiles(fused, match, context, implementations)))
    return failure();
  size_t own = implementations.size();
  if (failed(addSplit(fused, match, context, implementations)))
    return failure();
  if (implementations.size() > own ||
      (own > 0 && hopper.size() == archList_.size()))
    return success();
  if (tiles && withPreview_ && own == 0)
    return fused.emitError("gemm: its rows or weights do not lie on 16 bytes, "
                           "which sm_90a's kernel needs; compile without "
                           "--preview-kernels");
  return matchLibraryEpilogue(fused, match); // says what it lacks
}

LogicalResult SelectKernels::select(ir::FusedOp fused,
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
  nextAfterKernel_ = true;
  bool tiles = match && takesTiles(*match, context);
  LogicalResult made = success();
  if (match && !gemvTakes(*match, context) &&
      failed(matchLibraryEpilogue(fused, *match, /*report=*/false))) {
    made = addFused(fused, *match, context, implementations);
  } else if (tiles &&
             ((gemmTilesTake(fused, *match, context) && isSmall(*match)) ||
              gemmSkinnyTakes(fused, *match, context))) {
    made = addTiles(fused, *match, context, implementations);
    if (succeeded(made))
      made = addDefaults(fused, context, implementations, /*all=*/true);
    nextAfterKernel_ = true; // where it is the library's call, nobody waits
  } else {
    made = addDefaults(fused, context, implementations);
    if (succeeded(made) && tiles)
      made = addTiles(fused, *match, context, implementations);
  }
  if (failed(made))
    return failure();
  afterKernel_ = nextAfterKernel_;
  fused.setLaunchAttr(
      ArrayAttr::get(&getContext(), ArrayRef<Attribute>(implementations)));
  return success();
}

void SelectKernels::runOnOperation() {
  if (archList_.empty())
    archList_.assign(archs_.begin(), archs_.end());
  withPreview_ |= preview_;
  if (archList_.empty())
    return;
  ModuleOp module = getOperation();
  table_ = std::make_unique<KernelTable>(module);
  for (auto entry : llvm::to_vector(module.getOps<ir::EntryOp>())) {
    LaunchContext context{.preview = withPreview_,
                          .encoder = !entry.getCausal()};
    if (auto kind = entry.getKind())
      context.maxTokens = kind->getMaxTokens();
    workspace_ = 0;
    afterKernel_ = false;
    for (auto fused : llvm::to_vector(entry.getBody().getOps<ir::FusedOp>()))
      if (failed(select(fused, context)))
        return signalPassFailure();
    if (workspace_ > 0)
      entry->setAttr("workspace",
                     Builder(&getContext()).getI64IntegerAttr(workspace_));
  }
  table_->nameArchs(archList_);
}

std::unique_ptr<Pass>
codegen::createSelectKernelsPass(std::vector<std::string> archs, bool preview) {
  return std::make_unique<SelectKernels>(std::move(archs), preview);
}

void codegen::registerCodegenPasses() { PassRegistration<SelectKernels>(); }
