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

namespace {

/// attention::Config.
struct Tile : AttentionShape {
  int64_t pack = 1, warpgroups = 2, keys = 128, boxRows = 128, ctas = 1;
  int64_t stages = 2;
  bool brief = false;          // sm90/attention_short.cuh
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
  int64_t tiles = ctas * (ring + 2 * q + 2048) < kMaxShared ? 2 : 1;
  int64_t queue = brief ? 0 : tiles * q + 256;
  return 1024 + queue + ring + 8 * (4 + 4 * stages);
}

} // namespace

/// Short sequences' tiles, for few tokens first. While the GPU is not full, 64
/// rows a CTA, of which there are twice as many; beyond that 128, whose keys
/// are brought to a multiprocessor half as often. Neither is measured yet.
static std::vector<Tile> shortTiles(Tile tile, const LaunchContext &context) {
  constexpr int64_t ctas = 2; // of 128 rows, of a multiprocessor
  int64_t full = 128 * ctas * context.multiprocessors / tile.heads;
  tile.brief = true;
  tile.keys = 64;
  std::vector<Tile> tiles(2, tile);
  tiles[0].warpgroups = 1;
  tiles[0].ctas = 4;
  tiles[0].stages = 3;
  tiles[1].warpgroups = 2;
  tiles[1].ctas = ctas;
  tiles[1].stages = 6;
  if (context.maxTokens > 0 && context.maxTokens <= full)
    tiles.resize(1);
  else // the nearer one as a ratio runs
    tiles[0].atRows = {std::max<int64_t>(1, full / 2)},
    tiles[1].atRows = {2 * full};
  return tiles;
}

/// As measured on an H200 (docs/benchmarks). Encoders of short sequences: small
/// tiles, of which three share a multiprocessor. Else large ones, with shorter
/// blocks of keys where wide heads or a score region need the registers.
static std::vector<Tile> chooseTiles(const AttentionShape &shape, bool score,
                                     int64_t longest, int64_t pageSize,
                                     const LaunchContext &context) {
  Tile tile{shape};
  int64_t width = std::max(shape.d, shape.dv);
  tile.pack = std::min<int64_t>(shape.heads / shape.kvHeads, 16);
  tile.keys = width > 128 || (score && width > 64) ? 64 : 128;
  if (score && width > 128)
    tile.keys = 32;
  if (!shape.paged && width <= 64 && longest > 0 && longest <= kShort) {
    if (context.preview && tile.pack == 1 && !score)
      return shortTiles(tile, context);
    tile.warpgroups = 1;
    tile.keys = 64;
    tile.ctas = score ? 2 : 3;
  } else if (!shape.paged && width <= 64 && !score) {
    tile.warpgroups = 3;
    tile.keys = 96;
  }
  if (shape.paged) // a box lies in one page
    tile.boxRows = std::min(tile.keys, pageSize & -pageSize);
  return {tile};
}

static std::vector<Tile> tilesOf(ir::FusedOp fused, ir::AttentionOp op,
                                 const AttentionShape &shape,
                                 const LaunchContext &context) {
  int64_t pageSize = 0, longest = 0;
  if (shape.paged)
    pageSize = ir::lookupCache(fused, op.getCacheAttr()).getPageSize();
  auto module = fused->getParentOfType<ModuleOp>();
  if (auto model = module->getAttrOfType<DictionaryAttr>("ft.model"))
    if (auto positions = model.getAs<IntegerAttr>("max_positions"))
      longest = positions.getInt();
  std::vector<Tile> tiles =
      chooseTiles(shape, !op.getScore().empty(), longest, pageSize, context);
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
  if (context.maxTokens > 0 && context.maxTokens <= 64)
    return false;
  ir::AttentionOp op = attentionOf(fused);
  FailureOr<AttentionShape> shape = attentionShape(fused, op);
  if (failed(shape) || shape->element.isF32() || shape->d % 8 != 0 ||
      shape->dv % 8 != 0 || !(op.getScale().convertToDouble() > 0))
    return false;
  Tile tile = tilesOf(fused, op, *shape, context).front();
  return tile.boxRows % 8 == 0 && tile.sharedBytes() <= kMaxShared &&
         rowsFit(fused, op, shape->paged);
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
  add("queries", params.tensorMap(operand(op.getQuery()), tile.d, tile.heads,
                                  tile.pack, tile.tokens()));
  for (int plane : {0, 1}) {
    DictionaryAttr keys =
        tile.paged ? params.cache(op.getCacheAttr(), op.getLayer(), plane)
                   : operand(plane == 0 ? op.getKey() : op.getValue());
    add(plane == 0 ? "keys" : "values",
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
  return text + (tile.brief ? ", true, 0, true" : "");
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
                      .pointers = tile.brief,
                      .keys = false,
                      .counters = !tile.brief},
                     params, body);
  body.line("using Tile = attention::Config<Shape" + configText(tile) + ">;");
  body.line("attention::" + llvm::Twine(tile.brief ? "runShort" : "runTiles") +
            "<Tile>(queries, keys, values, args, " + *score + ");");

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
    text.grid[1] =
        gridOver(builder, op.getQuery().getType().getAxis(), tile.tokens());
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
    std::string name;
    if (!tile.atRows.empty())
      name = "rows" + std::to_string(tile.rows());
    made.push_back({name, std::move(*kernel), tile.atRows});
  }
  return made;
}
