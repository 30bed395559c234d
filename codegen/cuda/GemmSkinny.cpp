//===- GemmSkinny.cpp - instances of sm90/gemm_skinny.cuh -----------------===//
#include "codegen/cuda/EpilogueFunctor.h"
#include "codegen/cuda/OpText.h"
#include "codegen/cuda/RowPlan.h"
#include "codegen/cuda/Templates.h"

#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace ft;
using namespace ft::codegen;

static ir::PackedType inputType(const GemmMatch &match) {
  return cast<ir::PackedType>(match.input.getType());
}

bool codegen::gemmSkinnyTakes(ir::FusedOp fused, const GemmMatch &match,
                              const LaunchContext &context) {
  if (context.maxTokens <= 8 || context.maxTokens > 64 || match.norm ||
      match.outNorm)
    return false;
  Placement x = placementOf(fused.getInputs()[match.input.getArgNumber()]);
  ir::ParamOp weight = ir::lookupParam(fused, match.weight);
  Type element = inputType(match).getElementType();
  return (element.isBF16() || element.isF16()) && match.k % 8 == 0 &&
         x.rowStride % 8 == 0 && x.alignment >= 16 &&
         alignmentOf(weight) >= 16 &&
         weight.getTensorType().getNumElements() == match.n * match.k &&
         (!match.gated || match.n % 2 == 0);
}

//===----------------------------------------------------------------------===//
// Tiles
//===----------------------------------------------------------------------===//

namespace {

/// skinny::Skinny, without the types, and the outputs of a tile.
struct Tile {
  int64_t tokens, halves, blocks, groups, splits, boxes, size, turns;
  int64_t stored; // bytes of a result's element, if rows are stored whole
  int64_t across; // rows of w beside 64 tokens (sm90/skinny_across.cuh), or 0
  bool likeliest; // of a row the largest is kept, nothing stored
  int64_t constants = 0; // rows of x behind the tokens': a LayerNorm ends

  int64_t threads() const { return 128 * groups + 64; }
  int64_t rowsOfX() const { return tokens + constants; }
  int64_t rows() const { // of w, as a stage has room for them
    if (across > 0)
      return across;
    int64_t half = llvm::alignTo(size, 8);
    return (halves - 1) * half + std::max<int64_t>(half, 64);
  }
  int64_t stageBytes() const { return boxes * (rows() + rowsOfX()) * 128; }
  int64_t splitBytes() const {
    int64_t sums = (across > 0 ? across : tokens) / 2;
    return (splits - 1) * 128 * groups * blocks * (sums / splits) * 4;
  }
  int64_t behindBytes() const {
    if (across > 0) {
      int64_t pitch = (across / halves / splits / 8 | 1) * 16;
      return std::max(splitBytes(), stored == 2 ? 64 * pitch : 0);
    }
    int64_t most = stored < 4 ? 64 : splits > 1 ? 16 : 32;
    int64_t turned = stored > 0 ? groups * std::min(most, tokens / splits) *
                                      (64 * stored + 16)
                                : 0;
    return std::max(splitBytes(), turned);
  }
  int64_t steps(int64_t k) const { // of a CTA
    return turns *
           int64_t(llvm::divideCeil(llvm::divideCeil(k, 64 * boxes), splits));
  }
  /// No more than the CTA fills: what is left holds the kernels in front and
  /// behind.
  int64_t sharedBytes(int64_t k, int64_t most) const {
    return std::min(most, 1024 + behindBytes() +
                              std::max<int64_t>(2, steps(k)) * stageBytes());
  }
  std::string name() const {
    std::string text =
        "skinny_" + std::to_string(tokens) + "x" + std::to_string(size);
    return splits > 1 ? text + "_k" + std::to_string(splits) : text;
  }
};

} // namespace

/// Bytes that leave room for the kernel behind: a row program beside all of
/// them, and of q-k-v with many rows an attention's CTA, whose ring then fills
/// as soon as the products are made (8B on an H200, a layer: 1.1 us less with
/// 64 rows, with 32 0.6 more).
static int64_t mostShared(ir::FusedOp fused, int64_t tokens) {
  bool attends = llvm::any_of(fused->getUsers(), [](Operation *user) {
    auto other = dyn_cast<ir::FusedOp>(user);
    return other && !other.getBody().getOps<ir::AttentionOp>().empty();
  });
  return (attends && tokens > 32 ? 150 : 220) * 1024;
}

/// Clusters that run at once on an H200, none of which spans two of its parts.
static int64_t clustersAtOnce(int64_t splits, const LaunchContext &context) {
  return (splits <= 2 ? context.multiprocessors
                      : context.multiprocessors - 12) /
         splits;
}

/// Bytes of a result's element where its rows can be stored whole
/// (sm90/skinny_store.cuh), else 0.
static int64_t storedWhole(ir::FusedOp fused, const GemmMatch &match,
                           const Tile &tile) {
  auto type = cast<ir::PackedType>(fused.getResult(0).getType());
  int64_t bytes = type.getElementType().getIntOrFloatBitWidth() / 8;
  int64_t vector = 16 / bytes;
  bool quads = tile.tokens / 2 / tile.splits % 4 == 0; // sums of a thread
  bool fits = quads && placementOf(fused.getResult(0)).alignment >= 16 &&
              match.n / tile.halves % vector == 0 && tile.size % vector == 0;
  return fits ? bytes : 0;
}

/// Rows of w beside 64 tokens, where blocks of 64 rows would be more than one
/// and results are stored whole, or 0. Of a cluster each CTA stores whole
/// groups of 8 outputs; one of gate and up rows would store a part of either:
/// not offered.
static int64_t acrossOf(const Tile &tile) {
  bool stores = tile.stored > 0 || tile.likeliest;
  if (tile.tokens != 64 || tile.halves * tile.size <= 64 || !stores)
    return 0;
  if (tile.halves == 2)
    return tile.splits == 1 ? 2 * tile.size : 0; // sizes are multiples of 8
  return llvm::alignTo(tile.size, std::max<int64_t>(16, 8 * tile.splits));
}

/// The largest tiles that divide the outputs evenly and begin on 16 bytes of
/// their rows, so that these are stored whole; turns stay as many, as larger
/// tiles are fewer. Of four blocks of sums two warpgroups have a half each;
/// clusters exchange no more than two blocks. (H200, as
/// docs/rationale/decode.md.)
static Tile tileOf(ir::FusedOp fused, const GemmMatch &match, int64_t tokens,
                   int64_t splits, const LaunchContext &context,
                   const NormHalf &norm = {}) {
  constexpr int64_t stage = 35 * 1024;    // from more on one box of k is faster
  constexpr int64_t longRows = 48 * 1024; // of four, which read 512 bytes a row
  Tile tile{tokens, match.gated ? 2 : 1, 0, 1, splits, 1, 0, 0, 0,
            0,      context.likeliest};
  bool endsMean = norm.hasMean() && !norm.begins;
  tile.constants = endsMean ? 8 : 0;
  int64_t outputs = match.n / tile.halves;
  int64_t clusters = clustersAtOnce(splits, context);
  int64_t reach = 64 * (splits > 1 ? 2 : 4) / tile.halves;
  tile.turns = llvm::divideCeil(outputs, clusters * reach);
  tile.size = llvm::divideCeil(outputs, clusters * tile.turns);
  if (!context.likeliest) // rows are stored whole
    tile.size = llvm::alignTo(tile.size, 8);
  tile.blocks = llvm::divideCeil(tile.size, 64) * tile.halves;
  bool wide = tile.blocks * tokens > 64 && splits != 2;
  if (tile.size > 64 && (tile.blocks > 2 || wide)) {
    tile.blocks = llvm::divideCeil(tile.blocks, 2 * tile.halves) * tile.halves;
    tile.groups = 2;
  }
  tile.stored = context.likeliest ? 0 : storedWhole(fused, match, tile);
  tile.across = norm.begins || endsMean ? 0 : acrossOf(tile);
  if (tile.across > 0)
    tile.blocks = tile.groups = 1;
  int64_t box = tile.stageBytes();
  if (4 * box <= longRows)
    tile.boxes = 4;
  else if (2 * box <= stage)
    tile.boxes = 2;
  return tile;
}

/// Bytes that tell tiles apart, as measured with 8B's and 1B's linears on
/// an H200: what the busiest CTA copies, of which the multiprocessors that no
/// cluster of four finds leave it more of the memory's bandwidth, and the sums'
/// way to the others.
static double costOf(const Tile &tile, int64_t k,
                     const LaunchContext &context) {
  constexpr double tokens = 0.5; // from L2
  constexpr double send = 2.7, wait = 5e3;
  double ctas = double(clustersAtOnce(tile.splits, context) * tile.splits);
  double row = double(tile.steps(k) * tile.boxes) * 128;
  double copied =
      row * (double(tile.rows()) * ctas / double(context.multiprocessors) +
             tokens * double(tile.rowsOfX()));
  double exchanged =
      tile.splits > 1 ? double(tile.turns) * (double(tile.splits) * wait +
                                              send * double(tile.splitBytes()))
                      : 0;
  return copied + exchanged;
}

static Tile chooseTile(ir::FusedOp fused, const GemmMatch &match,
                       int64_t tokens, const LaunchContext &context,
                       const NormHalf &norm = {}) {
  Tile best = tileOf(fused, match, tokens, 1, context, norm);
  if (context.likeliest)
    return best;
  for (int64_t splits : {2, 4})
    if (Tile tile = tileOf(fused, match, tokens, splits, context, norm);
        costOf(tile, match.k, context) < costOf(best, match.k, context))
      best = tile;
  return best;
}

//===----------------------------------------------------------------------===//
// Text
//===----------------------------------------------------------------------===//

static FailureOr<GemmCandidate> emitTile(ir::FusedOp fused,
                                         const GemmMatch &match,
                                         const LaunchContext &context,
                                         const Tile &tile,
                                         const NormHalf &norm = {}) {
  KernelParams params(fused.getContext());
  CudaPrinter out;
  int64_t mostRows = tile.likeliest ? context.maxTokens : 0;
  openKernel(out, "Linear layers of some rows.", {"sm90/gemm_skinny.cuh"});
  // Their shapes tell q-k-v, o and gate-up apart, so little would be shared.
  FailureOr<std::string> epilogue =
      printEpilogue(fused, match, params, out,
                    {.exact = true, .mostRows = mostRows, .norm = norm});
  if (failed(epilogue))
    return failure();
  const char *map = "const __grid_constant__ TensorMap";
  unsigned input = match.input.getArgNumber();
  params.add(map, "x",
             params.tensorMap(params.in(input), match.k, 0, 1, tile.tokens));
  params.add(
      map, "w",
      params.tensorMap(params.weight(match.weight), match.k, 0, 1, tile.size));
  params.add("int", "columns", params.i32(match.n));
  params.add("int", "inner", params.i32(match.k));
  params.add("int", "size", params.i32(tile.size));
  params.add("const int *", "counts", params.batch("counts"));
  params.add("int", "axis",
             params.i32(axisNumber(fused, inputType(match).getAxis())));
  std::string finish =
      tile.likeliest ? LikeliestText::finish(mostRows, params) : "";

  GemmCandidate made;
  made.name = tile.name();
  made.cluster = tile.splits;
  made.rows = {tile.tokens};
  KernelText &text = made.kernel.text;
  std::string numbers = std::to_string(tile.tokens);
  for (int64_t number : {tile.blocks, tile.groups, tile.splits, tile.boxes,
                         tile.stored, tile.across})
    numbers += ", " + std::to_string(number);
  if (tile.constants > 0)
    numbers += ", " + std::to_string(tile.constants);
  text.function = "gemm_skinny_" + std::to_string(tile.tokens) +
                  (match.gated ? "_gated" : "") +
                  (tile.likeliest ? "_likeliest" : "") +
                  (!norm.norm    ? ""
                   : norm.begins ? "_begins"
                                 : "_ends");
  out.line("using Tile = skinny::Skinny<" +
           typeText(inputType(match).getElementType()) +
           (match.gated ? ", true, " : ", false, ") + numbers + ">;");
  out.line("");
  out.line("extern \"C\" __global__ void __cluster_dims__(Tile::kSplits)");
  bool ends = norm.norm && !norm.begins;
  bool another = ends || norm.hasMean(); // warp
  out.line(another ? "__launch_bounds__(skinny::kThreadsOf<Tile, Epilogue>, 1)"
                   : "__launch_bounds__(Tile::kThreads, 1)");
  out.open(text.function + "(" + params.declaration() + ")");
  out.line("static_assert(Tile::kBehindBytes == " +
           std::to_string(tile.behindBytes()) + ");");
  if (tile.likeliest)
    out.line(LikeliestText::begin(mostRows));
  out.line("skinny::run<Tile>(x, w, columns, inner, size, counts, axis,");
  out.line("                  " + *epilogue + ");");
  if (tile.likeliest) {
    out.line(finish);
    made.kernel.workspaceBytes = kCounterBytes;
  }
  if (norm.norm)
    made.kernel.workspaceBytes = norm.workspaceBytes();
  out.close();
  text.source = out.take();
  text.grid = {params.builder().getI64IntegerAttr(
      clustersAtOnce(tile.splits, context) * tile.splits)};
  text.block = {tile.threads() + (another ? 32 : 0), 1, 1};
  text.sharedBytes = tile.sharedBytes(match.k, mostShared(fused, tile.tokens));
  text.residentGrid = true;
  text.args.assign(params.args().begin(), params.args().end());
  return made;
}

FailureOr<std::vector<GemmCandidate>>
codegen::emitGemmSkinny(ir::FusedOp fused, const GemmMatch &match,
                        const LaunchContext &context) {
  std::vector<GemmCandidate> candidates;
  for (int64_t tokens : {64, 32, 16}) {
    FailureOr<GemmCandidate> made = emitTile(
        fused, match, context, chooseTile(fused, match, tokens, context));
    if (failed(made))
      return failure();
    candidates.push_back(std::move(*made));
  }
  return candidates;
}

//===----------------------------------------------------------------------===//
// A norm in halves
//===----------------------------------------------------------------------===//

/// The tile of a linear that begins a norm; none where no tile stores its rows
/// whole.
static std::optional<Tile>
chooseBeginning(ir::FusedOp fused, const GemmMatch &match, int64_t tokens,
                const LaunchContext &context, const NormHalf &norm) {
  std::optional<Tile> best;
  for (int64_t splits : {1, 2, 4}) {
    Tile tile = tileOf(fused, match, tokens, splits, context, norm);
    if (tile.stored == 2 && (!best || costOf(tile, match.k, context) <
                                          costOf(*best, match.k, context)))
      best = tile;
  }
  return best;
}

/// Sums of a row, one a block of each tile.
static int64_t slotsOf(const Tile &tile, const GemmMatch &match) {
  return int64_t(llvm::divideCeil(match.n, tile.size)) * tile.blocks *
         tile.groups;
}

FailureOr<std::vector<NormHalves>>
codegen::emitSkinnyNorm(ir::FusedOp first, ir::FusedOp norm, ir::FusedOp second,
                        const LaunchContext &context) {
  std::vector<NormHalves> made;
  FailureOr<GemmMatch> before = matchGemm(first), behind = matchGemm(second);
  if (failed(before) || failed(behind))
    return failure();
  NormHalf half{norm, true};
  auto isAligned = [&](FlatSymbolRefAttr weight) {
    return !weight || alignmentOf(ir::lookupParam(norm, weight)) >= 16;
  };
  Placement scaled = placementOf(norm.getResult(0));
  if (!gemmSkinnyTakes(first, *before, context) ||
      !gemmSkinnyTakes(second, *behind, context) || scaled.alignment < 16 ||
      scaled.rowStride % 8 != 0 || !isAligned(half.weight()) ||
      !isAligned(half.bias()))
    return made;
  for (int64_t tokens : {64, 32, 16}) {
    half.begins = true;
    std::optional<Tile> tile =
        chooseBeginning(first, *before, tokens, context, half);
    if (!tile)
      return std::vector<NormHalves>();
    half.slots = slotsOf(*tile, *before);
    FailureOr<GemmCandidate> begin =
        emitTile(first, *before, context, *tile, half);
    half.begins = false;
    FailureOr<GemmCandidate> end =
        emitTile(second, *behind, context,
                 chooseTile(second, *behind, tokens, context, half), half);
    if (failed(begin) || failed(end))
      return failure();
    made.push_back({std::move(*begin), std::move(*end)});
  }
  return made;
}
