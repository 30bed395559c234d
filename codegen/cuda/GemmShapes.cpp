//===- GemmShapes.cpp - tile shapes of sm90/gemm.cuh ----------------------===//
#include "codegen/cuda/GemmShapes.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/MathExtras.h"

#include <algorithm>

using namespace ft;
using namespace ft::codegen;

//===----------------------------------------------------------------------===//
// The table
//===----------------------------------------------------------------------===//

// What makes a shape: an H200 has 132 multiprocessors. BERT-base at 1,024
// tokens is 1,024 x {2304, 768, 3072, 768}: 128 x 144, 64 x 96 (or 128 x 192
// for 3072) make 128 tiles of them, where 128 x 128 makes 144 (two waves) and
// 48. A stage of 64 columns of k takes the tensor cores bm * bn / 32 cycles and
// a seventh more, and (bm + bn) * 128 bytes at 56 a cycle to come in, 80 where
// few CTAs ask: tiles smaller than 128 x 128 wait for that. Handing a stage
// over takes 390 cycles, so the stages of small tiles have two boxes (512 x
// 768, k 3072, 64 x 96: 11.2 us, so 8.6). Two CTAs that share rows of x save
// two fifths of those, with two boxes all; sharing weights saves nothing. The
// end of a tile costs some 800 cycles and 0.05 an output, 0.1 with GELU.
// Kernels of at most 66 CTAs begin on the multiprocessors that the one in front
// leaves. Columns that the last tile of a row lacks cost what others do. Stages
// are what 220 KB hold beside two slots of rows for each warp, so that a row
// program fits beside them; 227 KB where three warpgroups or two with whole
// tiles leave it no registers.

/// Fastest somewhere on an H200 (docs/benchmarks, gemm-sm90), then those that
/// the arithmetic above asks for.
static constexpr GemmShape kPlain[] = {
    // One warpgroup: twice the tiles for few rows or few columns.
    {.bm = 64, .bn = 96, .stages = 5, .warpgroups = 1, .boxes = 2},
    {.bm = 64, .bn = 96, .stages = 5, .warpgroups = 1, .cn = 2, .boxes = 2},
    {.bm = 64, .bn = 128, .stages = 8, .warpgroups = 1},
    // Two share a tile; a cluster shares weights.
    {.bm = 128, .bn = 96, .stages = 7, .warpgroups = 2},
    {.bm = 128, .bn = 96, .stages = 7, .warpgroups = 2, .cn = 2},
    {.bm = 128, .bn = 128, .stages = 6, .warpgroups = 2},
    {.bm = 128, .bn = 144, .stages = 5, .warpgroups = 2},
    {.bm = 128, .bn = 160, .stages = 5, .warpgroups = 2},
    {.bm = 128, .bn = 192, .stages = 5, .warpgroups = 2},
    {.bm = 128, .bn = 256, .stages = 4, .warpgroups = 2, .cm = 2},
    // 2,080 rows of 3072 columns are 264 of the first; 6,304 rows (ViT's 32
    // images) of 768 columns are 132 of the second.
    {.bm = 192, .bn = 128, .stages = 5, .warpgroups = 3},
    // As many rows of 768 columns are 66 clusters of two of these (down of
    // 2,065 rows: 2.2 us a layer less than 128 x 128, whose CTAs are 102).
    {.bm = 192, .bn = 64, .stages = 6, .warpgroups = 3, .cn = 2},
    {.bm = 192, .bn = 192, .stages = 4, .warpgroups = 3},
    // Each stores a tile while the other makes one: several tiles a CTA.
    {.bm = 128, .bn = 160, .stages = 5, .warpgroups = 2, .pingPong = true},
    {.bm = 128, .bn = 192, .stages = 5, .warpgroups = 2, .pingPong = true},
    // k is shared: for few tiles. 32 tokens x 768 x 3072 is 24 tiles of 64 x
    // 32; four CTAs each keep 96 multiprocessors reading weights.
    {.bm = 64, .bn = 32, .stages = 6, .warpgroups = 1, .splits = 4, .boxes = 2},
    {.bm = 64, .bn = 64, .stages = 6, .warpgroups = 1, .splits = 4, .boxes = 2},
    {.bm = 64, .bn = 64, .stages = 6, .warpgroups = 1, .splits = 2, .boxes = 2},
    {.bm = 64, .bn = 96, .stages = 5, .warpgroups = 1, .splits = 2, .boxes = 2},
    {.bm = 128, .bn = 96, .stages = 6, .warpgroups = 2, .splits = 2},
    // ViT's images of 197 tokens: 8 and 16 are 11 and 22 times 144 rows, which
    // by 128, 192 and 256 outputs make one, two or four turns of 132 tiles.
    {.bm = 72, .bn = 128, .stages = 8, .warpgroups = 2, .swapped = true},
    {.bm = 112, .bn = 128, .stages = 6, .warpgroups = 2, .swapped = true},
    {.bm = 144, .bn = 128, .stages = 6, .warpgroups = 2, .swapped = true},
    {.bm = 144,
     .bn = 128,
     .stages = 6,
     .warpgroups = 2,
     .cn = 2,
     .swapped = true},
    {.bm = 144,
     .bn = 128,
     .stages = 5,
     .warpgroups = 2,
     .pingPong = true,
     .swapped = true},
    {.bm = 144, .bn = 192, .stages = 4, .warpgroups = 3, .swapped = true},
    {.bm = 144, .bn = 256, .stages = 4, .warpgroups = 2, .swapped = true},
};

/// Decoders' weights, of 2,048 and more both ways, have these, too: 512 rows of
/// 4,096 columns are 128 tiles of 128 x 128, of 2,048 columns with k shared.
static constexpr GemmShape kLarge[] = {
    {.bm = 64, .bn = 128, .stages = 8, .warpgroups = 1, .cn = 2},
    {.bm = 128, .bn = 128, .stages = 6, .warpgroups = 2, .cn = 2},
    {.bm = 128, .bn = 256, .stages = 4, .warpgroups = 2},
    {.bm = 128, .bn = 128, .stages = 6, .warpgroups = 2, .pingPong = true},
    {.bm = 128,
     .bn = 64,
     .stages = 4,
     .warpgroups = 2,
     .splits = 2,
     .boxes = 2},
    {.bm = 128, .bn = 128, .stages = 5, .warpgroups = 2, .splits = 2},
};
static constexpr int64_t kLargeSide = 2048;

/// Gated products, of which a tile has half as many outputs as columns. 14,336
/// outputs of 512 rows are 512 tiles of 2 x 112, and 652 of 2 x 88: just under
/// four and five for each multiprocessor. SiLU makes ends long: where two take
/// turns they cost nothing. At its power limit a device gains by rows that are
/// read once for two (8B, 4,096 rows of 2 x 88: 1,375 us, others 1,424 or
/// more).
static constexpr GemmShape kGated[] = {
    {.bm = 64, .bn = 96, .stages = 10, .warpgroups = 1},
    {.bm = 64, .bn = 128, .stages = 8, .warpgroups = 1},
    {.bm = 128, .bn = 96, .stages = 7, .warpgroups = 2},
    {.bm = 128, .bn = 128, .stages = 6, .warpgroups = 2},
    {.bm = 128, .bn = 160, .stages = 5, .warpgroups = 2},
    {.bm = 128, .bn = 192, .stages = 5, .warpgroups = 2},
    {.bm = 128, .bn = 224, .stages = 4, .warpgroups = 2},
    {.bm = 128, .bn = 256, .stages = 4, .warpgroups = 2},
    {.bm = 128, .bn = 256, .stages = 4, .warpgroups = 2, .cm = 2},
    {.bm = 192, .bn = 128, .stages = 5, .warpgroups = 3},
    {.bm = 192, .bn = 192, .stages = 4, .warpgroups = 3},
    {.bm = 128, .bn = 128, .stages = 6, .warpgroups = 2, .pingPong = true},
    {.bm = 128, .bn = 160, .stages = 5, .warpgroups = 2, .pingPong = true},
    {.bm = 128,
     .bn = 176,
     .stages = 5,
     .warpgroups = 2,
     .cn = 2,
     .pingPong = true},
    {.bm = 128, .bn = 192, .stages = 5, .warpgroups = 2, .pingPong = true},
};

/// Of shapes that normalize, `cn` is what the row needs, at most eight CTAs.
/// Swapped they are for few rows.
static constexpr GemmShape kNorm[] = {
    {.bm = 64, .bn = 48, .stages = 8, .warpgroups = 1, .norm = true},
    {.bm = 64, .bn = 64, .stages = 8, .warpgroups = 1, .norm = true},
    {.bm = 64, .bn = 96, .stages = 9, .warpgroups = 1, .norm = true},
    {.bm = 64, .bn = 128, .stages = 8, .warpgroups = 1, .norm = true},
    {.bm = 64, .bn = 192, .stages = 6, .warpgroups = 1, .norm = true},
    {.bm = 128, .bn = 96, .stages = 6, .warpgroups = 2, .norm = true},
    {.bm = 128, .bn = 128, .stages = 5, .warpgroups = 2, .norm = true},
    {.bm = 128, .bn = 192, .stages = 4, .warpgroups = 2, .norm = true},
    {.bm = 16,
     .bn = 128,
     .stages = 11,
     .warpgroups = 2,
     .norm = true,
     .swapped = true},
    {.bm = 32,
     .bn = 128,
     .stages = 10,
     .warpgroups = 2,
     .norm = true,
     .swapped = true},
    {.bm = 64,
     .bn = 128,
     .stages = 8,
     .warpgroups = 2,
     .norm = true,
     .swapped = true},
};
static constexpr int64_t kMaxCluster = 8; // that every device runs
static constexpr int64_t kSharedRowsK = 2048;

//===----------------------------------------------------------------------===//
// Geometry, as Config has it
//===----------------------------------------------------------------------===//

static constexpr int64_t kMostShared = 220 * 1024, kPartBytes = 1024;

static int64_t ceilDiv(int64_t a, int64_t b) {
  return int64_t(llvm::divideCeil(uint64_t(a), uint64_t(b)));
}

int64_t GemmShape::boxRows() const {
  int64_t box = 8;
  while (box * cn < bm || bm % box != 0)
    box += 8;
  return box;
}

/// partRowsOf of gemm_shape.cuh.
static int64_t partRowsOf(int64_t rows) {
  for (int64_t part : {32, 24, 40, 16})
    if (rows % part == 0)
      return part;
  return 8;
}

int64_t GemmShape::sharedBytes() const {
  int64_t storing = 4 * warpgroups; // warps
  int64_t columns = bn / splits;    // that a CTA stores
  int64_t sums = (splits - 1) * storing * 64 * columns;
  int64_t numbers = norm ? 2 * cn * bm * 8 + 16 + 8 * bn : 0;
  if (norm && swapped)
    numbers += (storing + 1) * bm * 8;
  int64_t bias = 8 * bn + 32;
  int64_t other = 1024 + stages * (boxes * (bm + bn) * 128 + 16) + 16 + sums +
                  numbers + bias;
  // Of rows on their way out: whole, or slots for parts of 32 columns. Swapped,
  // for parts of some rows of 64 outputs.
  int64_t side = swapped ? bn : bm; // the 64-row side
  int64_t blocks = (pingPong ? side : side / warpgroups) / 64;
  if (swapped) {
    int64_t part = partRowsOf(bm), slot = warpgroups * 128 * part;
    return other + slot * std::min(bm / part * blocks,
                                   std::max<int64_t>(
                                       (kMostShared / ctas - other) / slot, 2));
  }
  if (columns % 32 != 0 && blocks == 1)
    return other + storing * 16 * (2 * columns + 16);
  int64_t left = (kMostShared / ctas - other) / (storing * kPartBytes);
  return other + storing * kPartBytes *
                     std::min(ceilDiv(columns, 32) * blocks,
                              std::max<int64_t>(left, 2));
}

GemmShape GemmShape::withResidual() const {
  GemmShape shape = *this;
  if (bm == 128 && bn == 192 && warpgroups == 2 && splits == 1 && !pingPong &&
      !norm && !swapped)
    shape.stages = 4;
  return shape;
}

HeadRuns GemmShape::runsOf(const GemmMatch &match) const {
  ir::RopeOp rope = match.rope;
  HeadRuns runs{rope.getType().getLastDim(), 16, rope.getInterleaved()};
  int64_t columns = bn / splits; // that a CTA stores
  // Rows leave by parts of 32 columns: runs as long are stored as whole parts.
  if (!runs.interleaved && columns % 64 == 0 && runs.size % 64 == 0)
    runs.run = 32;
  if (columns % (2 * runs.run) != 0 || (cm > 1 && !runs.inOrder()))
    runs.run = 0;
  return runs;
}

std::string GemmShape::name() const {
  auto text = [](int64_t value) { return std::to_string(value); };
  std::string name = (norm ? "n" : "") + text(bm) + "x" + text(bn) +
                     (swapped ? "s" : "") + (pingPong ? "p" : "");
  if (cm * cn > 1)
    name += "_" + text(cm) + "x" + text(cn);
  return splits > 1 ? name + "_k" + text(splits) : name;
}

//===----------------------------------------------------------------------===//
// What a shape takes
//===----------------------------------------------------------------------===//

int64_t ft::codegen::clustersAtOnce(const GemmShape &shape) {
  int64_t size = shape.cluster();
  bool even = (size & (size - 1)) == 0;
  return (size <= 2 ? 132 : even ? 120 : 102) / size * shape.ctas;
}

namespace {
/// What cyclesOf adds up, in cycles.
struct Costs {
  double start = 3000, end = 800; // of a kernel, of a tile
  double port = 56, few = 25;     // bytes a cycle; more where few CTAs ask
  double meet = 150;              // at a cluster's start
  double crowd = 800;             // where two kernels do not fit side by side
  double first = 2;               // a row of a stage's second box
  double wait = 1.155;            // of the tensor cores, for a stage
  double hand[2] = {390, 100};    // a step, of one box a stage or two
  double sums[2] = {380, 0.15};   // exchanged, and for each of them
  double saved[2] = {0.4, 1};     // of the bytes of rows that CTAs share
  double shared = 0.99;           // of steps, where they do
  double turned = 0.06;           // an output of a swapped tile
  double numbers = 4000;          // of rows, exchanged in a cluster
};
} // namespace

/// Fitted to products and layers of BERT-base, 32 to 6,304 rows, that were
/// timed when stages came to have two boxes (docs/benchmarks, encoder-chain):
/// what they would choose of all is 0.5 % behind the fastest on average, the
/// worst 8.
static constexpr Costs kCosts;
/// Those that the choices of prompts were timed with.
static constexpr Costs kPromptCosts = {.end = 500,
                                       .few = 0,
                                       .meet = 300,
                                       .crowd = 0,
                                       .first = 0,
                                       .wait = 1.1,
                                       .hand = {0, 0},
                                       .sums = {400, 0.4},
                                       .saved = {0.5, 1},
                                       .shared = 1};

/// Of a tile's end, what does not depend on what is stored.
static double end(const Costs &c, const GemmShape &shape) {
  double tile = double(shape.bm * shape.bn);
  return c.end + (shape.splits > 1 ? c.sums[0] + c.sums[1] * tile : 0) +
         (shape.swapped ? c.turned * tile : 0) + (shape.norm ? c.numbers : 0);
}

/// Of a product of 64 rows and 16 columns of k, against the tensor cores':
/// narrow tiles wait for shared memory (64 outputs 35 cycles, 32 27).
static double narrowness(const GemmShape &shape) {
  double side = double(shape.swapped ? shape.bm : shape.bn);
  return std::max(1.0, (19 + side / 4) / (side / 2));
}

double ft::codegen::cyclesOf(const GemmShape &shape, const GemmMatch &match,
                             int64_t rows, double fromMemory) {
  bool prompt = match.gated || match.append, deep = shape.boxes > 1;
  const Costs &c = prompt ? kPromptCosts : kCosts;
  // An output, and one with a function.
  double store =
      llvm::isa_and_nonnull<ft::ir::GeluOp>(match.result.getDefiningOp())
          ? 0.1
          : 0.05;
  int64_t outputs = match.gated ? shape.bn / 2 : shape.bn;
  int64_t columns = match.gated ? match.n / 2 : match.n;
  int64_t tiles =
      ceilDiv(rows, shape.bm * shape.cm) * ceilDiv(columns, outputs * shape.cn);
  int64_t waves = ceilDiv(tiles, clustersAtOnce(shape));
  int64_t ctas = tiles * shape.cluster();
  double idle = 1 - double(std::min<int64_t>(ctas, 132)) / 132;
  double tile = double(shape.bm * shape.bn);
  double saved = (1 - 1 / double(shape.cn)) * c.saved[deep];
  double bytes = (double(shape.bm) * (1 - saved) + double(shape.bn)) * 128;
  double weights = double(shape.bn) * 128;
  double readers = double(ceilDiv(rows, shape.bm)); // of the same weights
  double made = tile / 32 * c.wait * (prompt ? 1 : narrowness(shape));
  double step = std::max({made, bytes / (c.port + c.few * idle),
                          weights / (fromMemory * readers), c.hand[deep]});
  double stored = end(c, shape) + store * tile / double(shape.splits);
  int64_t steps =
      ceilDiv(ceilDiv(match.k, 64 * shape.boxes), shape.splits) * shape.boxes;
  return c.start + (ctas > 66 ? c.crowd : 0) +
         (deep ? c.first * double(shape.bm + shape.bn) : 0) +
         (shape.cm * shape.cn > 1 ? c.meet : 0) +
         double(waves) * double(steps) * step *
             (shape.cn > 1 ? c.shared : 1.0) +
         (shape.pingPong ? 2 : double(waves)) * stored;
}

/// Whether all that a norm's step stores has 16 bits.
static bool storesHalf(const GemmMatch &match) {
  auto half = [](mlir::Value value) {
    mlir::Type type =
        llvm::cast<ft::ir::PackedType>(value.getType()).getElementType();
    return type.isBF16() || type.isF16();
  };
  return half(match.outNorm->getResult(0)) &&
         (!match.storesSum || half(match.result));
}

std::vector<GemmShape> ft::codegen::shapesFor(const GemmMatch &match) {
  std::vector<GemmShape> shapes;
  if (match.outNorm) {
    for (GemmShape shape : kNorm) {
      shape.cn = ceilDiv(match.n, shape.bn);
      // Of a short row most of a cluster's columns would be idle.
      bool full =
          shape.bn * shape.cn - match.n <= std::max<int64_t>(16, match.n / 8);
      if (shape.swapped && !storesHalf(match))
        continue;
      if (shape.cluster() <= kMaxCluster && shape.sharedBytes() <= 227 * 1024 &&
          (full || shape.cn == 1))
        shapes.push_back(shape);
    }
    return shapes;
  }
  if (match.gated)
    return {std::begin(kGated), std::end(kGated)};
  // Rows are shared where there is much of them to wait for: in BERT-base down,
  // not q-k-v, o and up.
  for (const GemmShape &shape : kPlain)
    if (shape.cn == 1 || match.k >= kSharedRowsK)
      shapes.push_back(shape);
  if (std::min(match.n, match.k) >= kLargeSide)
    llvm::append_range(shapes, kLarge);
  // Beside the sums of two whole tiles residuals and GELU find no registers.
  if (llvm::isa_and_nonnull<ft::ir::AddOp, ft::ir::GeluOp>(
          match.result.getDefiningOp()))
    llvm::erase_if(shapes, [](const GemmShape &s) {
      return s.pingPong && s.bm * s.bn > 128 * 160;
    });
  // As measured (H200, 1B, rope and append in the tiles): 4,096 rows by 128 x
  // 192 82.5 us, by turns 97.8, by library and row program 96.3. By CTAs that
  // share k it was not timed.
  auto slow = [&](const GemmShape &s) {
    return s.runsOf(match).run == 0 || s.pingPong || s.splits > 1 || s.swapped;
  };
  if (match.append)
    llvm::erase_if(shapes, slow);
  return shapes;
}
