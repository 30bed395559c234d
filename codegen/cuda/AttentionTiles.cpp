//===- AttentionTiles.cpp - instances of sm90's attention templates -------===//
#include "codegen/cuda/AttentionText.h"
#include "codegen/cuda/OpText.h"
#include "codegen/cuda/RowPlan.h"
#include "codegen/cuda/Templates.h"

#include "llvm/Support/MathExtras.h"

#include <algorithm>

using namespace mlir;
using namespace ft;
using namespace ft::codegen;

/// An SM of sm_90 gives a CTA at most this much.
static constexpr int64_t kMaxShared = 227 * 1024;
/// The longest sequences of a model that count as short.
static constexpr int64_t kShort = 512;
/// attention_short.cuh's tiles have at least so many tokens on average.
static constexpr int64_t kTokensOfBriefTile = 48;

namespace {

/// attention::Config.
struct Tile : AttentionShape {
  int64_t pack = 1, warpgroups = 2, keys = 128, boxRows = 128, ctas = 1;
  int64_t stages = 2;
  bool brief = false;               // sm90/attention_short.cuh
  std::string name = {};            // plan::Implementation::name
  std::vector<int64_t> atRows = {}; // plan::Implementation::rows

  int64_t rows() const { return 64 * warpgroups; }
  int64_t tokens() const { return rows() / pack; }
  int64_t threads() const {
    int64_t copying = brief ? 0 : warpgroups > 1 ? 128 : 32;
    return 128 * warpgroups + copying;
  }
  int64_t sharedBytes() const;
};

/// Bytes of a row of `width` elements, in columns of 64.
int64_t rowBytes(int64_t width) {
  return int64_t(llvm::divideCeil(uint64_t(width), 64)) * 128;
}

int64_t Tile::sharedBytes() const {
  int64_t q = rows() * rowBytes(d);
  int64_t ring = stages * keys * (rowBytes(d) + rowBytes(dv));
  int64_t tiles = !brief && ctas * (ring + 2 * q + 2048) < kMaxShared ? 2 : 1;
  int64_t jobs = brief ? 0 : 512;
  return 1024 + tiles * q + ring + jobs + 8 * (4 + 4 * stages);
}

} // namespace

/// Those of `tiles` that some row count of the program is nearest to, as a
/// ratio runs.
static std::vector<Tile> reached(std::vector<Tile> tiles,
                                 const LaunchContext &context) {
  size_t count = 1;
  while (count < tiles.size() &&
         (context.maxTokens <= 0 ||
          context.maxTokens * context.maxTokens >
              tiles[count - 1].atRows[0] * tiles[count].atRows[0]))
    ++count;
  tiles.resize(count);
  if (count == 1)
    tiles[0].name.clear(), tiles[0].atRows.clear();
  return tiles;
}

/// As measured on an H200 (docs/benchmarks), of packed sequences with narrow
/// heads, for few tokens first. Tiles of 64 rows without a queue while they
/// fill the GPU little more than once (b8 s128, 12 heads: 4.4 us, with
/// one 6.0); then tiles of 64 rows with a queue where sequences are short (b32
/// s128: 10.0 us, without one 10.8, large tiles 10.7); then large tiles, which
/// read keys less often (b32 s384: 41.4 us, small ones 46.1). Their blocks are
/// of 128 keys, or of 112 where these leave less of the longest sequence's last
/// one empty (b32 s197: 23.5 us, with 128 keys 25.6, with 96 25.8).
static std::vector<Tile> packedTiles(const Tile &large, bool score,
                                     int64_t longest,
                                     const LaunchContext &context) {
  Tile few = large;
  few.warpgroups = 1;
  few.keys = 64;
  few.stages = 4;
  few.ctas = score ? 2 : 3;
  few.brief = true;
  few.name = "few";
  Tile some = few, many = large;
  some.stages = 2;
  some.brief = false;
  some.name = "some";
  if (!score) {
    many.warpgroups = 3;
    many.stages = 3;
    auto padded = [&](int64_t keys) {
      return (longest + keys - 1) / keys * keys;
    };
    bool shorter =
        longest > 128 && longest <= kShort && padded(112) < padded(128);
    many.keys = shorter ? 112 : 128;
  }
  many.name = "many";
  // Of 64 rows of a head, as many tokens as fill the GPU once.
  int64_t full = std::max<int64_t>(
      1, few.rows() * few.ctas * context.multiprocessors / large.heads);
  few.atRows = {full * 5 / 4}; // b16 s197: 16.5 us, large tiles 18.2
  some.atRows = {2 * full};
  many.atRows = {3 * full};
  bool brief = longest > 0 && longest <= kShort;
  std::vector<Tile> tiles;
  if (large.pack == 1)
    tiles.push_back(few);
  if (brief)
    tiles.push_back(some);
  if (!brief || !score)
    tiles.push_back(many);
  return reached(tiles, context);
}

/// As measured on an H200, of a paged cache with narrow heads: three warpgroups
/// where each multiprocessor has several tiles (32/8 x 64 causal, 4,096 tokens:
/// 143 us, by two 182; 8 x 512 37 and 42), two where it has one or two
/// (512: 9.6 us, by three 11.5; 1,024: 20.7 and 22.5).
static std::vector<Tile> pagedTiles(const Tile &large,
                                    const LaunchContext &context) {
  Tile some = large, many = large;
  some.name = "some";
  many.name = "many";
  many.warpgroups = 3;
  many.stages = 3;
  int64_t full =
      std::max<int64_t>(1, some.rows() * context.multiprocessors / large.heads);
  some.atRows = {2 * full};
  many.atRows = {4 * full};
  return reached({some, many}, context);
}

/// As measured on an H200 (docs/benchmarks): large tiles, with shorter blocks
/// of keys where wide heads or a score region need the registers.
static std::vector<Tile> chooseTiles(const AttentionShape &shape, bool score,
                                     int64_t longest, int64_t pageSize,
                                     const LaunchContext &context) {
  Tile tile{shape};
  int64_t width = std::max(shape.d, shape.dv);
  tile.pack = std::min<int64_t>(shape.heads / shape.kvHeads, 16);
  tile.keys = width > 128 || (score && width > 64) ? 64 : 128;
  if (score && width > 128)
    tile.keys = 32;
  if (!shape.paged && width <= 64)
    return packedTiles(tile, score, longest, context);
  if (shape.paged) // a box lies in one page
    tile.boxRows = std::min(tile.keys, pageSize & -pageSize);
  if (shape.paged && width <= 64 && !score)
    return pagedTiles(tile, context);
  return {tile};
}

static std::vector<Tile> tilesOf(ir::FusedOp fused, ir::AttentionOp op,
                                 const AttentionShape &shape,
                                 const LaunchContext &context) {
  int64_t pageSize = 0;
  if (shape.paged)
    pageSize = ir::lookupCache(fused, op.getCacheAttr()).getPageSize();
  std::vector<Tile> tiles = chooseTiles(
      shape, !op.getScore().empty(), longestSequence(fused), pageSize, context);
  for (Tile &tile : tiles)
    if (!shape.paged)
      tile.boxRows = tile.keys;
  return tiles;
}

static ir::AttentionOp attentionOf(ir::FusedOp fused) {
  return *fused.getBody().front().getOps<ir::AttentionOp>().begin();
}

/// What q, k and v are outside: operands whose rows the copy engine can fetch.
static bool rowsFit(ir::FusedOp fused, ir::AttentionOp op, bool paged) {
  SmallVector<Value> values{op.getQuery()};
  if (!paged)
    values.append({op.getKey(), op.getValue()});
  return llvm::all_of(values, [&](Value value) {
    unsigned number = cast<BlockArgument>(value).getArgNumber();
    return placementOf(fused.getInputs()[number]).alignment >= 16;
  });
}

bool codegen::attentionTilesTake(ir::FusedOp fused,
                                 const LaunchContext &context) {
  ir::AttentionOp op = attentionOf(fused);
  FailureOr<AttentionShape> shape = attentionShape(fused, op);
  if (failed(shape))
    return false;
  // attention_mma.cuh splits a long cache's keys, which tiles do not.
  if (shape->paged && context.maxTokens > 0 && context.maxTokens <= 64)
    return false;
  if (shape->element.isF32() || shape->d % 8 != 0 || shape->dv % 8 != 0 ||
      !(op.getScale().convertToDouble() > 0))
    return false;
  return rowsFit(fused, op, shape->paged) &&
         llvm::all_of(
             tilesOf(fused, op, *shape, context), [](const Tile &tile) {
               return tile.boxRows % 8 == 0 && tile.sharedBytes() <= kMaxShared;
             });
}

/// The tensor maps of q, k and v.
static void printMaps(ir::FusedOp fused, ir::AttentionOp op, const Tile &tile,
                      KernelParams &params) {
  auto operand = [&](Value value) {
    return params.in(cast<BlockArgument>(value).getArgNumber());
  };
  auto add = [&](const char *name, DictionaryAttr map) {
    params.add("const __grid_constant__ TensorMap", name, map);
  };
  add("q", params.tensorMap(operand(op.getQuery()), tile.d, tile.heads,
                            tile.pack, tile.tokens()));
  for (int plane : {0, 1}) {
    DictionaryAttr keys =
        tile.paged ? params.cache(op.getCacheAttr(), op.getLayer(), plane)
                   : operand(plane == 0 ? op.getKey() : op.getValue());
    add(plane == 0 ? "k" : "v",
        params.tensorMap(keys, plane == 0 ? tile.d : tile.dv, tile.kvHeads, 1,
                         tile.boxRows));
  }
}

/// Of attention::Config, after the shape.
static std::string configText(const Tile &tile) {
  std::string text;
  for (int64_t number : {tile.pack, tile.warpgroups, tile.keys, tile.boxRows,
                         tile.ctas, tile.stages})
    text += ", " + std::to_string(number);
  return text + (tile.brief ? ", true" : "");
}

static FailureOr<TemplateKernel> emitTile(ir::FusedOp fused, ir::AttentionOp op,
                                          const Tile &tile,
                                          const LaunchContext &context) {
  KernelParams params(fused.getContext());
  CudaPrinter out, body;
  openKernel(
      out, "Attention.",
      {tile.brief ? "sm90/attention_short.cuh" : "sm90/attention_tiles.cuh"});
  FailureOr<std::string> score = printScore(op, params, out);
  if (failed(score))
    return failure();
  printMaps(fused, op, tile, params);
  printAttentionArgs(fused, op, tile,
                     {.pack = tile.pack,
                      .pointers = false,
                      .counters = !tile.brief,
                      .literals = true},
                     params, body);
  body.line("using Tile = attention::Config<Shape" + configText(tile) + ">;");
  body.line("attention::" + llvm::Twine(tile.brief ? "runShort" : "runTiles") +
            "<Tile>(q, k, v, args, " + *score + ");");

  TemplateKernel kernel;
  KernelText &text = kernel.text;
  text.function = (tile.brief ? "attention_short_" : "attention_tiles_") +
                  typeText(tile.element).str();
  out.line("extern \"C\" __global__ void __launch_bounds__(" +
           std::to_string(tile.threads()) + ", " + std::to_string(tile.ctas) +
           ")");
  out.open(text.function + "(" + params.declaration() + ")");
  out.splice(body);
  out.close();
  text.source = out.take();
  Builder &builder = params.builder();
  text.grid = {builder.getI64IntegerAttr(context.multiprocessors * tile.ctas),
               builder.getI64IntegerAttr(1), builder.getI64IntegerAttr(1)};
  if (tile.brief) {
    text.grid[0] = builder.getI64IntegerAttr(tile.heads);
    text.grid[1] = gridOver(builder, op.getQuery().getType().getAxis(),
                            kTokensOfBriefTile);
  }
  text.block = {tile.threads(), 1, 1};
  text.sharedBytes = tile.sharedBytes();
  text.args.assign(params.args().begin(), params.args().end());
  kernel.workspaceBytes = tile.brief ? 0 : kCounterBytes;
  return kernel;
}

FailureOr<std::vector<AttentionCandidate>>
codegen::emitAttentionTiles(ir::FusedOp fused, const LaunchContext &context) {
  ir::AttentionOp op = attentionOf(fused);
  FailureOr<AttentionShape> shape = attentionShape(fused, op);
  if (failed(shape))
    return failure();
  std::vector<AttentionCandidate> made;
  for (const Tile &tile : tilesOf(fused, op, *shape, context)) {
    FailureOr<TemplateKernel> kernel = emitTile(fused, op, tile, context);
    if (failed(kernel))
      return failure();
    made.push_back({tile.name, std::move(*kernel), tile.atRows});
  }
  return made;
}
