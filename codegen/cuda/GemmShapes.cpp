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
// a tenth more, and (bm + bn) * 128 bytes at 56 a cycle to come in: tiles
// smaller than 128 x 128 wait for that. Two CTAs that share rows of x save half
// of those (1,576 x 768, k 3072, 128 x 96: 18.9 us, so 14.1); sharing weights
// saves nothing. The end of a tile costs some 500 cycles and 0.05 an output,
// 0.1 with GELU. Columns that the last tile of a row lacks cost what others do.
// Stages are what 220 KB hold beside two slots of rows for each warp, so that a
// row program fits beside them; 227 KB where three warpgroups or two with whole
// tiles leave it no registers.

/// Fastest somewhere on an H200 (docs/benchmarks, gemm-sm90), then those that
/// the arithmetic above asks for.
static constexpr GemmShape kPlain[] = {
    // One warpgroup: twice the tiles for few rows or few columns.
    {.bm = 64, .bn = 96, .stages = 10, .warpgroups = 1},
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
    {.bm = 64, .bn = 32, .stages = 12, .warpgroups = 1, .splits = 4},
    {.bm = 64, .bn = 64, .stages = 12, .warpgroups = 1, .splits = 4},
    {.bm = 64, .bn = 64, .stages = 12, .warpgroups = 1, .splits = 2},
    {.bm = 64, .bn = 96, .stages = 10, .warpgroups = 1, .splits = 2},
    {.bm = 128, .bn = 96, .stages = 6, .warpgroups = 2, .splits = 2},
};

/// Decoders' weights, of 2,048 and more both ways, have these, too: 512 rows of
/// 4,096 columns are 128 tiles of 128 x 128, of 2,048 columns with k shared.
static constexpr GemmShape kLarge[] = {
    {.bm = 64, .bn = 128, .stages = 8, .warpgroups = 1, .cn = 2},
    {.bm = 128, .bn = 128, .stages = 6, .warpgroups = 2, .cn = 2},
    {.bm = 128, .bn = 256, .stages = 4, .warpgroups = 2},
    {.bm = 128, .bn = 128, .stages = 6, .warpgroups = 2, .pingPong = true},
    {.bm = 128, .bn = 64, .stages = 8, .warpgroups = 2, .splits = 2},
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
static constexpr GemmShape kNorm[] = {
    {.bm = 64, .bn = 48, .stages = 8, .warpgroups = 1, .norm = true},
    {.bm = 64, .bn = 64, .stages = 8, .warpgroups = 1, .norm = true},
    {.bm = 64, .bn = 96, .stages = 9, .warpgroups = 1, .norm = true},
    {.bm = 64, .bn = 128, .stages = 8, .warpgroups = 1, .norm = true},
    {.bm = 64, .bn = 192, .stages = 6, .warpgroups = 1, .norm = true},
    {.bm = 128, .bn = 96, .stages = 6, .warpgroups = 2, .norm = true},
    {.bm = 128, .bn = 128, .stages = 5, .warpgroups = 2, .norm = true},
    {.bm = 128, .bn = 192, .stages = 4, .warpgroups = 2, .norm = true},
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

int64_t GemmShape::sharedBytes() const {
  int64_t storing = 4 * warpgroups; // warps
  int64_t columns = bn / splits;    // that a CTA stores
  int64_t sums = (splits - 1) * storing * 64 * columns;
  int64_t numbers = norm ? 2 * cn * bm * 8 + 16 + 8 * bn : 0;
  int64_t bias = 8 * bn + 32;
  int64_t other =
      1024 + stages * ((bm + bn) * 128 + 16) + 16 + sums + numbers + bias;
  // Of rows on their way out: whole, or slots for parts of 32 columns.
  int64_t blocks = (pingPong ? bm : bm / warpgroups) / 64;
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
      !norm)
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
  std::string name =
      (norm ? "n" : "") + text(bm) + "x" + text(bn) + (pingPong ? "p" : "");
  if (cm * cn > 1)
    name += "_" + text(cm) + "x" + text(cn);
  return splits > 1 ? name + "_k" + text(splits) : name;
}

//===----------------------------------------------------------------------===//
// What a shape takes
//===----------------------------------------------------------------------===//

/// Clusters that run at once, as an H200's driver counts them: none spans two
/// of the device's parts, some of which lack multiprocessors.
static int64_t clustersAtOnce(const GemmShape &shape) {
  int64_t size = shape.cluster();
  bool even = (size & (size - 1)) == 0;
  return (size <= 2 ? 132 : even ? 120 : 102) / size * shape.ctas;
}

double ft::codegen::cyclesOf(const GemmShape &shape, const GemmMatch &match,
                             int64_t rows, double fromMemory) {
  constexpr double start = 3000, end = 500, port = 56;
  constexpr double meet = 300;          // at a cluster's start
  constexpr double wait = 1.1;          // of the tensor cores, for a stage
  constexpr double numbers = 4000;      // of rows, exchanged in a cluster
  constexpr double sums[] = {400, 0.4}; // exchanged, and for each of them
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
  double tile = double(shape.bm * shape.bn);
  // Sharing rows of x saves half of what it might.
  double rowsRead = double(shape.bm) * (1 + 1 / double(shape.cn)) / 2;
  double bytes = (rowsRead + double(shape.bn)) * 128;
  double weights = double(shape.bn) * 128;
  double readers = double(ceilDiv(rows, shape.bm)); // of the same weights
  double step = std::max(
      {tile / 32 * wait, bytes / port, weights / (fromMemory * readers)});
  double stored = end + store * tile / double(shape.splits) +
                  (shape.splits > 1 ? sums[0] + sums[1] * tile : 0) +
                  (shape.norm ? numbers : 0);
  int64_t steps = ceilDiv(ceilDiv(match.k, 64), shape.splits);
  double made = double(waves) * double(steps) * step;
  return start + (shape.cm * shape.cn > 1 ? meet : 0) + made +
         (shape.pingPong ? 2 : double(waves)) * stored;
}

std::vector<GemmShape> ft::codegen::shapesFor(const GemmMatch &match) {
  std::vector<GemmShape> shapes;
  if (match.outNorm) {
    for (GemmShape shape : kNorm) {
      shape.cn = ceilDiv(match.n, shape.bn);
      // Of a short row most of a cluster's columns would be idle.
      bool full =
          shape.bn * shape.cn - match.n <= std::max<int64_t>(16, match.n / 8);
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
  // As measured (H200, 1B, rope and append in the tiles): 512 rows by 128 x 128
  // 14.7 us, by 128 x 96, whose boxes are 16 rows of weights twice, 15.4 (in a
  // whole prompt 2.00 ms for 1.97), by library and row program 14.5; 4,096 by
  // 128 x 192 82.5, by turns 97.8 (96.3). By CTAs that share k it was not
  // timed.
  auto slow = [&](const GemmShape &s) {
    HeadRuns runs = s.runsOf(match);
    bool whole = runs.interleaved || runs.size % 64 != 0;
    return runs.run == 0 || s.pingPong || s.splits > 1 ||
           (!whole && runs.run < 32);
  };
  if (match.append)
    llvm::erase_if(shapes, slow);
  return shapes;
}
