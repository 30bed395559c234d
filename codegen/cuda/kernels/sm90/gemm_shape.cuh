//===- gemm_shape.cuh - tiles, their order and their memory -----*- C++ -*-===//
//
// What gemm.cuh's producer and consumers agree on.
//
//===----------------------------------------------------------------------===//
#ifndef FT_KERNELS_SM90_GEMM_SHAPE_CUH
#define FT_KERNELS_SM90_GEMM_SHAPE_CUH

#include "common.cuh"

namespace ft {
namespace gemm {

constexpr int kBoxDepth = 64; // columns of a box: 128 bytes
constexpr int kRowBytes = 2 * kBoxDepth;

/// Rows of a tile of `rows` that each of `ctas` CTAs brings, or some of them:
/// whole swizzle patterns, and a divisor.
constexpr int boxOf(int rows, int ctas) {
  int box = 8;
  while (box * ctas < rows || rows % box != 0)
    box += 8;
  return box;
}

/// Shared memory that more slots than two may fill.
constexpr int kMostShared = 220 * 1024;
constexpr int slotsOf(int parts, int left) {
  int slots = left < 2 ? 2 : left;
  return slots < parts ? slots : parts;
}

/// Rows of a swapped tile that leave together.
constexpr int partRowsOf(int rows) {
  for (int part : {32, 24, 40, 16})
    if (rows % part == 0)
      return part;
  return 8;
}

/// A tile's columns are rows of w, in their order.
struct Columns {
  static constexpr bool kHeads = false, kInOrder = true;
  static constexpr int kRun = 0;
  __device__ static int of(int n) { return n; }
};
/// The same by heads of `size`, whose elements rope turns in pairs of
/// neighbours (interleaved) or half a head apart. Then tiles take `run` columns
/// of a head's first half and as many of its second in turn: so a thread has
/// both of a pair, and a tile need not hold whole heads.
template <int size, int run, bool interleaved> struct HeadColumns {
  static_assert(size % (2 * run) == 0 && (run == 16 || run == 32));
  static constexpr bool kHeads = true, kInterleaved = interleaved;
  static constexpr int kSize = size, kRun = run;
  static constexpr bool kInOrder = interleaved || 2 * run == size;
  /// The row of w that is column `n`.
  __device__ static int of(int n) {
    if constexpr (kInOrder)
      return n;
    int inHead = n % size / run;
    return n / size * size + inHead / 2 * run + inHead % 2 * (size / 2) +
           n % run;
  }
};

/// BM x BN: a CTA's tile; with a gated epilogue BN counts rows of w, half of
/// them gate and half up. Consumer warpgroups share a tile's rows, or, with
/// pingPong, take whole tiles in turn, one storing while the other multiplies.
/// With splits = 2 to 4, for few tiles, so many CTAs of a cluster make a part
/// of a tile's sums each, over a part of k, and each stores a part of its
/// columns (gemm_split.cuh). With norm the CN CTAs side by side hold whole
/// rows, of at most CN * BN outputs, which the epilogue normalizes
/// (gemm_norm.cuh, swapped gemm_swapped_norm.cuh). With HeadColumns the
/// epilogue is gemm_heads.cuh's. Swapped, a tile's outputs are the 64-row side
/// of wgmma and its rows the other, which may be any multiple of 8; its end is
/// gemm_swapped.cuh's. A stage has `boxes` boxes of 64 columns of each operand:
/// two where a tile is so small that stages of one cost more to hand over than
/// to multiply (64 x 96 of 512 x 768, k 3072: 11.2 us, so 8.6).
template <typename T_, bool gated, int BM_, int BN_, int stages, int warpgroups,
          bool pingPong = false, int CM_ = 1, int CN_ = 1, int ctas = 1,
          int splits = 1, bool norm = false, typename Columns_ = Columns,
          bool swapped = false, int boxes = 1>
struct Config {
  using T = T_;
  using Columns = Columns_;
  static_assert(!pingPong || warpgroups == 2, "two take turns");
  static_assert(splits >= 1 && splits <= 4);
  static_assert(!pingPong || (splits == 1 && !norm));
  static_assert(!norm || (CM_ == 1 && !gated), "a cluster holds whole rows");
  static_assert(!swapped || (!gated && splits == 1 && Columns_::kInOrder &&
                             !Columns_::kHeads));
  static constexpr bool kGated = gated, kPingPong = pingPong, kNorm = norm;
  static constexpr bool kSwapped = swapped;
  static constexpr int BM = BM_, BN = BN_, CM = CM_, CN = CN_;
  static constexpr int kM = swapped ? BN : BM, kN = swapped ? BM : BN; // wgmma's
  static constexpr int kStages = stages, kWarpgroups = warpgroups;
  static constexpr int kBoxes = boxes, kDepth = boxes * kBoxDepth;
  static constexpr int kSplits = splits;
  static constexpr int kPart = CM * CN; // CTAs that share a range of k
  static constexpr int kCtas = ctas, kCluster = kPart * splits;
  static constexpr int kThreads = 128 * (1 + warpgroups);
  /// The threads that __launch_bounds__ names, which sets the registers of a
  /// launch: with few sums some are left to a small kernel that runs beside
  /// this one, which so awaits its end in place (gemm.cuh). Exchanges and
  /// turns need more registers beside the sums.
  static constexpr int kSums = (pingPong ? kM : kM / warpgroups) * kN / 128;
  static constexpr bool kSpare = ctas == 1 && warpgroups <= 2 && !pingPong &&
                                 kSums <= (splits > 1 || norm ? 72 : 96);
  static constexpr int kBound = kSpare ? kThreads + 128 : kThreads;
  static constexpr int kOutputs = gated ? BN / 2 : BN; // columns of a tile
  static constexpr int kOwn = kOutputs / splits; // of them, that a CTA stores
  static constexpr int kRows = pingPong ? kM : kM / warpgroups;
  static constexpr int kBoxA = boxOf(BM, CN);
  static constexpr int kBoxW =
      Columns::kInOrder ? kOutputs / CM : Columns::kRun;
  static constexpr int kBytesA = BM * kRowBytes, kBytesW = BN * kRowBytes;
  static constexpr int kStageBytes = boxes * (kBytesA + kBytesW);
  /// Warps that store; each has 16 rows of a 64-row tile.
  static constexpr int kStoring = 4 * warpgroups;
  /// Of a thread and 64 rows, what it stores.
  static constexpr int kOwnSums = kN / splits / 2;
  /// The sums of the other parts of k, of the columns that a CTA stores.
  static constexpr int kSumBytes = (splits - 1) * kStoring * 64 * kOwn;
  /// What a norm's rows get of their numbers, from all CTAs of the row.
  static constexpr int kNumberBytes = CN * BM * 8;
  /// Two sets of the numbers of each row from each CTA, their barriers, and
  /// scale and shift of the columns; swapped, also numbers of each row from each
  /// warp, and of the whole row.
  static constexpr int kNormBytes =
      norm ? 2 * CN * BM * 8 + 16 + 8 * BN +
                 (swapped ? (4 * warpgroups + 1) * BM * 8 : 0)
           : 0;
  /// Two slots for what the sums begin with, and their barriers.
  static constexpr int kBiasBytes = 2 * 4 * BN + 32;
  /// Rows on their way in and out, of each warp that stores, by parts of 32
  /// columns (gemm_epilogue.cuh): two slots at least, and more where stages
  /// leave room beside a row program that waits for this kernel's end. Where
  /// parts of a row would not lie on their size there is room for whole rows.
  static constexpr int kPartColumns = 32, kPartBytes = 16 * 2 * kPartColumns;
  static constexpr int kBlocks = kRows / 64; // of rows, of a warpgroup
  static constexpr int kBlockParts = (kOwn + kPartColumns - 1) / kPartColumns;
  /// Swapped: parts are so many rows of 64 outputs of a warpgroup's.
  static constexpr int kPartRows = partRowsOf(kN);
  static constexpr int kAllParts = kBlockParts * kBlocks;
  static constexpr int kRowColumns = BN / splits; // gated: twice what is needed
  static constexpr bool kWholeRows =
      kRowColumns % kPartColumns != 0 && kBlocks == 1;
  static constexpr int kOtherBytes = 1024 + stages * (kStageBytes + 16) + 16 +
                                     kSumBytes + kNormBytes + kBiasBytes;
  static constexpr int kSlots =
      swapped      ? slotsOf(kN / kPartRows * kBlocks,
                             (kMostShared / ctas - kOtherBytes) /
                                 (warpgroups * 128 * kPartRows))
      : kWholeRows ? kAllParts
                 : slotsOf((kRowColumns + kPartColumns - 1) / kPartColumns *
                               kBlocks,
                           (kMostShared / ctas - kOtherBytes) /
                               (kStoring * kPartBytes));
  static constexpr int kRowPitch = 2 * kRowColumns + 16; // spreads eight rows
  static constexpr int kSlabBytes = swapped      ? kSlots * 32 * kPartRows
                                    : kWholeRows ? 16 * kRowPitch
                                                 : kSlots * kPartBytes;
  static constexpr int kSharedBytes = kOtherBytes + kStoring * kSlabBytes;
  /// Cluster tiles in m that are taken together, so that their weights and
  /// activations stay in L2.
  static constexpr int kBand = BM * CM < 2048 ? 2048 / (BM * CM) : 1;

  static_assert((kRows == 64 || kRows == 128) && kN % 8 == 0 && kN <= 256);
  static_assert(kRows == 64 || (splits == 1 && !norm));
  static_assert(splits == 1 || (!gated && !norm && kOwn % 8 == 0));
  static_assert(kCluster <= 16);
  static_assert(!Columns::kHeads ||
                (!gated && !norm && kOwn % (2 * Columns::kRun) == 0));
  static_assert(Columns::kInOrder || CM == 1, "a box is a run");
  static_assert(kBoxW % 8 == 0, "whole swizzle patterns");
  static_assert(kBoxA <= 256 && kBoxW <= 256 && kSharedBytes <= 232448);
};

/// The tiles of a problem, in the order in which clusters take them.
template <typename C> struct Tiles {
  int down, across; // in cluster tiles
  __device__ Tiles(int rows, int outputs)
      : down((rows + C::BM * C::CM - 1) / (C::BM * C::CM)),
        across((outputs + C::kOutputs * C::CN - 1) / (C::kOutputs * C::CN)) {}
  __device__ int count() const { return down * across; }
  /// First row and output of cluster tile `t`.
  __device__ void find(int t, int &m, int &n) const {
    int band = t / (C::kBand * across), inBand = t % (C::kBand * across);
    int height = min(C::kBand, down - band * C::kBand);
    m = (band * C::kBand + inBand % height) * C::BM * C::CM;
    n = inBand / height * C::kOutputs * C::CN;
  }
};

/// The stages of shared memory and their barriers. Of a stage first all boxes
/// of `a`, then those of `w`.
template <typename C> struct Stages {
  u32 base;
  __device__ u32 a(u32 stage) const { return base + stage * C::kStageBytes; }
  __device__ u32 w(u32 stage) const {
    return a(stage) + C::kBoxes * C::kBytesA;
  }
  /// Of storing warp `warp`, at a multiple of 256.
  __device__ u32 slab(u32 warp) const {
    return a(C::kStages) + warp * C::kSlabBytes;
  }
  __device__ u32 full(u32 stage) const { return slab(C::kStoring) + 8 * stage; }
  __device__ u32 empty(u32 stage) const { return full(C::kStages + stage); }
  /// Ping-pong: complete once for each tile before warpgroup `w`'s next one
  /// whose sums are made.
  __device__ u32 turn(u32 w) const { return full(2 * C::kStages + w); }
  /// Splits: the other CTAs' sums, complete when `sumsFull` is, and read when
  /// `sumsFree` of the CTA that sent them is.
  __device__ u32 sums() const { return turn(2); }
  __device__ u32 sumsFull() const { return turn(0); }
  __device__ u32 sumsFree() const { return turn(1); }
  /// Norm: {mean, squares} of row `row` from CTA `cn` of its cluster row.
  __device__ u32 rowNumbers(u32 set, u32 cn, u32 row) const {
    return sums() + C::kSumBytes + ((set * C::CN + cn) * C::BM + row) * 8;
  }
  __device__ u32 rowsFull(u32 set) const {
    return rowNumbers(2, 0, 0) + 8 * set;
  }
  /// {scale, scale, shift, shift} of columns 2 * pair and the next.
  __device__ u32 columns(u32 pair) const { return rowsFull(2) + 16 * pair; }
  /// Swapped: {mean, squares} of row `row` from warp `warp`; behind the last
  /// warp's {mean, factor} of the whole row.
  __device__ u32 warpNumbers(u32 warp, u32 row) const {
    return columns(C::BN / 2) + (warp * C::BM + row) * 8;
  }
  __device__ u32 bias(u32 slot) const {
    return sums() + C::kSumBytes + C::kNormBytes + 4 * C::BN * slot;
  }
  __device__ u32 biasFull(u32 slot) const { return bias(2) + 8 * slot; }
  __device__ u32 biasEmpty(u32 slot) const { return bias(2) + 16 + 8 * slot; }
};

} // namespace gemm
} // namespace ft

#endif // FT_KERNELS_SM90_GEMM_SHAPE_CUH
