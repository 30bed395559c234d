//===- GemmChoice.cpp - implementations of a matrix product ---------------===//
#include "codegen/KernelChoice.h"

#include "codegen/SplitStep.h"
#include "codegen/cuda/GemmShapes.h"
#include "codegen/cuda/RowProgram.h"

#include "passes/Capability.h"
#include "passes/Passes.h"

#include "runtime/plan/Batch.h"

#include <utility>

using namespace mlir;
using namespace ft;
using namespace ft::codegen;

/// The GEMV template where the range is small, else the library.
FailureOr<DictionaryAttr> KernelChoice::gemm(ir::FusedOp fused,
                                             const LaunchContext &context) {
  FailureOr<GemmMatch> match = matchGemm(fused);
  if (failed(match))
    return failure();
  if (gemvTakes(*match, context))
    return take(emitGemv(fused, *match, context));
  FailureOr<LibraryEpilogue> epilogue = matchLibraryEpilogue(fused, *match);
  if (failed(epilogue))
    return failure();
  Builder builder(module_.getContext());
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
  if (module_->hasAttr(passes::kTf32Attr))
    attrs.push_back(builder.getNamedAttr("tf32", builder.getUnitAttr()));
  return builder.getDictionaryAttr(attrs);
}

static bool isSmall(const GemmMatch &match) {
  return match.n * match.k <= passes::kTilesMaxWeight;
}

/// Whether sm_90a's own GEMMs are asked for, as passes/Capability.h has it.
bool KernelChoice::takesTiles(const GemmMatch &match,
                              const LaunchContext &context) const {
  return !hopperArchs().empty() &&
         (preview_ || context.someTokens() ||
          (context.encoder && isSmall(match)) ||
          (context.prompts() && !choosePromptShapes(match).empty()));
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

/// Tiles, and what is faster for few rows in front of them. Encoders have one
/// program for any number of rows, where tiles begin at 64 then.
static FailureOr<std::vector<GemmCandidate>>
withResident(ir::FusedOp fused, const GemmMatch &match,
             const LaunchContext &context) {
  std::vector<GemmCandidate> tiles = tilesOf(fused, match, context);
  bool few = context.someTokens() || context.encoder;
  if (!few || !gemmResidentTakes(fused, match, context))
    return tiles;
  auto made = emitGemmResident(fused, match, context);
  if (failed(made))
    return failure();
  for (GemmCandidate &tile : tiles) {
    llvm::replace(tile.rows, int64_t(32), int64_t(64));
    tile.rows.erase(llvm::unique(tile.rows), tile.rows.end());
  }
  made->insert(made->end(), std::make_move_iterator(tiles.begin()),
               std::make_move_iterator(tiles.end()));
  return made;
}

/// A launch whose CTAs start together.
DictionaryAttr KernelChoice::clustered(const GemmCandidate &made,
                                       DictionaryAttr launch) {
  NamedAttrList dict(launch);
  if (made.cluster > 1)
    dict.set("cluster",
             Builder(module_.getContext()).getI64IntegerAttr(made.cluster));
  return dict.getDictionary(module_.getContext());
}

/// For architectures without a kernel that runs the whole step: a library's
/// call and a row program. Nothing is added where the step cannot be split.
LogicalResult
KernelChoice::addSplit(ir::FusedOp fused, const GemmMatch &match,
                       const LaunchContext &context,
                       SmallVectorImpl<Attribute> &implementations) {
  FailureOr<SplitStep> split = SplitStep::make(fused, match);
  if (failed(split))
    return success();
  targets_ = archs_;
  bool before = behindKernel_;
  SmallVector<DictionaryAttr> launches;
  for (ir::FusedOp part : {split->call(), split->rows()}) {
    FailureOr<DictionaryAttr> chosen = choose(part, context);
    if (failed(chosen))
      return failure();
    launches.push_back(split->renumber(part, *chosen));
    behindKernel_ = true;
  }
  behindKernel_ = before;
  implementations.push_back(implementation("library_row", launches));
  return success();
}

/// Leaves the buckets of `first` to `last` rows to others. A count of rows runs
/// what names the nearest one, and of an interval both ends are named.
static void leave(std::vector<GemmCandidate> &candidates, int64_t first,
                  int64_t last, int64_t step) {
  auto nearest = [&](int64_t wanted) {
    GemmCandidate *found = nullptr;
    int64_t least = INT64_MAX;
    for (GemmCandidate &made : candidates)
      for (int64_t rows : made.rows)
        if (std::abs(rows - wanted) < least)
          least = std::abs(rows - wanted), found = &made;
    return found;
  };
  GemmCandidate *before = nearest(first - step), *behind = nearest(last + step);
  for (GemmCandidate &made : candidates)
    llvm::erase_if(made.rows,
                   [&](int64_t rows) { return rows >= first && rows <= last; });
  for (auto [made, rows] :
       {std::pair{before, first - step}, std::pair{behind, last + step}})
    if (made && !llvm::is_contained(made->rows, rows)) {
      made->rows.push_back(rows);
      llvm::sort(made->rows);
    }
  llvm::erase_if(candidates,
                 [](const GemmCandidate &made) { return made.rows.empty(); });
}

/// The same by our tiles, for each shape. The row program starts early, and
/// prefers shared memory as the tiles do: a multiprocessor that has to change
/// its split waits until it is empty. (H200, BERT-base, four linears in a chain
/// with their norms and GELU, us a layer: 1,024 rows 37.0, with library calls
/// 45.5; 32 rows 17.8 and 25.9.) Few rows go to clusters that normalize.
LogicalResult
KernelChoice::addTilesRow(ir::FusedOp fused, const GemmMatch &match,
                          const LaunchContext &context,
                          SmallVectorImpl<Attribute> &implementations) {
  FailureOr<SplitStep> split = SplitStep::make(fused, match);
  if (failed(split))
    return success();
  FailureOr<GemmMatch> call = matchGemm(split->call());
  if (failed(call) || !gemmTilesTake(split->call(), *call, context))
    return success();
  FailureOr<KernelText> rows =
      emitRowProgram(split->rows(), /*besideTiles=*/true);
  if (failed(rows))
    return failure();
  rows->prefersShared = true;
  targets_ = hopperArchs();
  auto candidates = withResident(split->call(), *call, context);
  if (failed(candidates))
    return failure();
  if (context.encoder && !preview_) {
    std::vector<GemmCandidate> few = emitGemmFewRows(fused, match, context);
    constexpr int64_t step = 64; // between buckets
    for (size_t i = 0; i < few.size(); ++i) {
      int64_t first = few[i].rows.front();
      while (i + 1 < few.size() &&
             few[i + 1].rows.front() == few[i].rows.back() + step)
        ++i;
      leave(*candidates, first, few[i].rows.back(), step);
    }
    for (GemmCandidate &made : few)
      implementations.push_back(implementation(
          made.name, clustered(made, *take(made.kernel)), made.rows));
  }
  for (const GemmCandidate &made : *candidates) {
    DictionaryAttr tiles = clustered(made, *take(made.kernel));
    bool before = std::exchange(behindKernel_, true);
    DictionaryAttr finish = launch(*rows);
    behindKernel_ = before;
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
KernelChoice::addTiles(ir::FusedOp fused, const GemmMatch &match,
                       const LaunchContext &context,
                       SmallVectorImpl<Attribute> &implementations) {
  targets_ = hopperArchs();
  bool first = implementations.empty();
  std::vector<GemmCandidate> candidates;
  if (gemmTilesTake(fused, match, context)) {
    auto tiles = withResident(fused, match, context);
    if (failed(tiles))
      return failure();
    candidates = std::move(*tiles);
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

/// A gemm that only the tiles run as one launch (passes/Capability.cpp).
LogicalResult
KernelChoice::addFused(ir::FusedOp fused, const GemmMatch &match,
                       const LaunchContext &context,
                       SmallVectorImpl<Attribute> &implementations) {
  Archs hopper = hopperArchs();
  bool tiles = takesTiles(match, context);
  if (tiles && match.outNorm &&
      failed(addTilesRow(fused, match, context, implementations)))
    return failure();
  // A norm inside the tiles is a candidate for tuning.
  if (tiles && (preview_ || !match.outNorm) &&
      failed(addTiles(fused, match, context, implementations)))
    return failure();
  size_t own = implementations.size();
  if (failed(addSplit(fused, match, context, implementations)))
    return failure();
  if (implementations.size() > own ||
      (own > 0 && hopper.size() == archs_.size()))
    return success();
  if (tiles && preview_ && own == 0)
    return fused.emitError("gemm: its rows or weights do not lie on 16 bytes, "
                           "which sm_90a's kernel needs; compile without "
                           "--preview-kernels");
  return matchLibraryEpilogue(fused, match); // says what it lacks
}

Attribute KernelChoice::withRows(Attribute implementation,
                                 ArrayRef<int64_t> rows) {
  NamedAttrList dict(cast<DictionaryAttr>(implementation));
  dict.set("rows", DenseI64ArrayAttr::get(implementation.getContext(), rows));
  return dict.getDictionary(implementation.getContext());
}

/// A gemm that no ring takes alone: what it runs on, best first.
LogicalResult
KernelChoice::addGemm(ir::FusedOp fused, const GemmMatch &match,
                      const LaunchContext &context,
                      SmallVectorImpl<Attribute> &implementations) {
  bool tiles = takesTiles(match, context);
  if (!gemvTakes(match, context) &&
      failed(matchLibraryEpilogue(fused, match, /*report=*/false)))
    return addFused(fused, match, context, implementations);
  bool shortest = tiles && context.prompts() && !preview_;
  if (tiles &&
      ((gemmTilesTake(fused, match, context) && (isSmall(match) || shortest)) ||
       gemmSkinnyTakes(fused, match, context))) {
    if (failed(addTiles(fused, match, context, implementations)) ||
        failed(addDefaults(fused, context, implementations, /*all=*/true)))
      return failure();
    if (shortest) // from the bucket behind the tiles' on (choosePromptShapes)
      implementations.back() = withRows(implementations.back(), {192});
    return success();
  }
  if (failed(addDefaults(fused, context, implementations)))
    return failure();
  return tiles ? addTiles(fused, match, context, implementations) : success();
}

static SmallVector<int64_t> rowsOf(Attribute implementation) {
  auto rows =
      cast<DictionaryAttr>(implementation).getAs<DenseI64ArrayAttr>("rows");
  return rows ? SmallVector<int64_t>(rows.asArrayRef())
              : SmallVector<int64_t>();
}

/// Of a prompt few rows are wanted at the end, whatever its length: on their
/// axis, what runs 1 to 8 tokens, then 9 to 64, and a prompt's kernels for
/// more.
LogicalResult
KernelChoice::addByRows(ir::FusedOp fused, const GemmMatch &match,
                        const LaunchContext &context,
                        SmallVectorImpl<Attribute> &implementations) {
  constexpr int64_t few = 8, some = 64, more = 128;
  auto type = cast<ir::PackedType>(match.input.getType());
  if (!context.prompts() || preview_ || type.getAxis() != "rows" ||
      hopperArchs().empty())
    return addGemm(fused, match, context, implementations);
  LaunchContext upTo = context;
  upTo.maxTokens = some;
  SmallVector<Attribute> middle, many;
  if (failed(addTiles(fused, match, upTo, middle)) ||
      failed(addGemm(fused, match, context, many)))
    return failure();
  upTo.maxTokens = few;
  targets_ = hopperArchs();
  FailureOr<SmallVector<Attribute>> first = hopper(fused, upTo);
  if (failed(first))
    return failure();
  if (middle.empty() || many.empty()) {
    implementations = std::move(many);
    return success();
  }
  // Those of up to 8 are right for no more: the next begins behind them.
  if (first->size() == 1)
    first->front() = withRows(first->front(), {1, few});
  if (!first->empty()) {
    Attribute &next = *llvm::min_element(
        middle, [](Attribute a, Attribute b) { return rowsOf(a) < rowsOf(b); });
    SmallVector<int64_t> rows = rowsOf(next);
    rows.insert(rows.begin(), few + 1);
    next = withRows(next, rows);
  }
  if (llvm::all_of(many, [](Attribute one) { return rowsOf(one).empty(); }))
    many.front() = withRows(many.front(), {more});
  implementations = std::move(*first);
  llvm::append_range(implementations, middle);
  llvm::append_range(implementations, many);
  return success();
}
