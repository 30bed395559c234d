//===- attention_work.cuh - tiles and their keys ----------------*- C++ -*-===//
//
// What producer and consumers of attention_tiles.cuh agree on: tiles, their
// memory, and which keys their rows see. Which tile comes next:
// attention_schedule.cuh.
//
// Keys are counted in a tile's own coordinate. Paged: the position in the
// sequence, which counts up by one from token to token; a tile belongs to one
// sequence. Packed: the token's place in the batch; a tile takes the tokens as
// they come, of as many sequences as they are of, so that short sequences share
// tiles and long ones waste no rows at their ends.
//
//===----------------------------------------------------------------------===//
#ifndef FT_KERNELS_SM90_ATTENTION_WORK_CUH
#define FT_KERNELS_SM90_ATTENTION_WORK_CUH

#include "attention.cuh"
#include "sm90/async.cuh"

namespace ft {
namespace attention {

/// Compile-time choices. `pack`: query heads of one kv head in a tile;
/// `warpgroups` of 64 rows; `keys` of a block; `boxRows`: keys that one tensor
/// copy brings, a divisor of the page size, or `keys` where packed; `ctas` of a
/// multiprocessor; `brief`: attention_short.cuh's.
template <typename Shape_, int pack, int warpgroups, int keys, int boxRows,
          int ctas = 1, int stages = 2, bool brief = false>
struct Config {
  static constexpr bool kBrief = brief;
  using S = Shape_;
  using T = typename S::T;
  static constexpr int kPack = pack, kWarpgroups = warpgroups;
  static constexpr int BM = 64 * warpgroups, BN = keys, kBoxRows = boxRows;
  static constexpr int kHalf = roundUp(BN / 2, 16);
  static constexpr int kStages = stages, kCtas = ctas;
  /// Whether warpgroups take turns at the tensor cores. Three find their order
  /// by themselves (on an H200 16 x 64 at 2,048: 283 us, by turns 287).
  static constexpr bool kTurns = warpgroups == 2;
  /// The next tile is drawn when so many of a tile's blocks are left to copy.
  /// Drawn with the first one, a tile would go to a CTA whatever its own tile
  /// is still to take: one sequence of 1,024, 32/8 x 128 causal, 26.2 us on an
  /// H200, 21.6 at the last block, 22.7 at the one before; 32/8 x 64 by three
  /// warpgroups 22.9, 17.7 and 17.7. But what tile it is takes some reads to
  /// find out, and three warpgroups are soon done with a tile of two blocks (32
  /// x 197, 12 x 64: 24.1 us, at the last block 24.7).
  static constexpr int kDrawAt = warpgroups == 2 ? 0 : 1;
  /// A warp of copies after the warpgroups; registers move only between whole
  /// warpgroups.
  static constexpr bool kMoveRegisters = warpgroups > 1;
  static constexpr int kThreads = 128 * warpgroups + (brief            ? 0
                                                      : kMoveRegisters ? 128
                                                                       : 32);
  static constexpr int kTokens = BM / pack; // of a tile
  static constexpr int D = roundUp(S::D, 16), DV = roundUp(S::DV, 16);
  static constexpr int kColumnsQK = (D + 63) / 64; // of 64 elements
  static constexpr int kColumnsV = (DV + 63) / 64;
  static constexpr int kRowBytes = 128; // of one such column
  static constexpr int kQBytes = kColumnsQK * BM * kRowBytes;
  static constexpr int kKBytes = kColumnsQK * BN * kRowBytes;
  static constexpr int kVBytes = kColumnsV * BN * kRowBytes;
  static constexpr int kRingBytes = stages * (kKBytes + kVBytes);
  static constexpr int kJobBytes = brief ? 0 : 512; // of eight jobs
  /// Two tiles of q where they fit: the next one's queries then wait ready.
  static constexpr int kQStages =
      !brief && ctas * (kRingBytes + 2 * kQBytes + 2048) < 232448 ? 2 : 1;
  static constexpr int kTileBytes = kQStages * kQBytes + kRingBytes;
  static constexpr int kSharedBytes =
      1024 + kTileBytes + kJobBytes + 8 * (4 + 4 * stages);

  /// Heads whose products take twice as long as their exponentials.
  static constexpr bool kWide = DV > 64;
  /// Kv heads are taken in groups of no more keys and values than this
  /// (Schedule). On an H200, whose L2 has 60 MB, 32/8 x 128 in one group and in
  /// two: full, 32 MiB in all 1,682 and 1,611 us, 64 MiB 6,724 and 6,498, 8 MiB
  /// 110.9 and 110.3; causal, 64 MiB 3,917 and 3,819, but 32 MiB 961 and 969,
  /// and 8 MiB 71.5 and 81.6.
  static constexpr i64 kKeptBytes = i64(S::kCausal ? 40 : 20) << 20;
  static constexpr int kRegisters = warpgroups == 3   ? 160
                                    : warpgroups == 2 ? 232
                                                      : 128;
  /// Groups of 16 keys for which there are registers besides scores, weights,
  /// sums and what else a consumer needs.
  static constexpr int kSpare =
      (kRegisters - 40 - BN / 2 - BN / 4 - DV / 2) / 4;
  /// So many groups' exponentials are made while the values of the block before
  /// are still multiplied (on an H200 32/8 x 128 at 2,048: 101.5 us with 4,
  /// 103.6 with 6, 105.8 with 8, 107.6 with none).
  static constexpr int kAhead = kSpare < 8 ? 0 : BN < 64 ? BN / 16 : 4;
  /// Then two blocks a time, which leave their weights in each other's place.
  static constexpr bool kPairs = kAhead > 0;

  static_assert(warpgroups >= 1 && warpgroups <= (brief ? 1 : 3) && pack <= BM);
  static_assert(kTokens <= 256 && BN <= 256 && BN % 16 == 0);
  static_assert(BN % boxRows == 0 && boxRows % 8 == 0, "whole swizzles");
  static_assert(S::kPaged || boxRows == keys, "packed keys need no pages");
  static_assert(S::D % 8 == 0 && S::DV % 8 == 0, "16-byte strides");
  static_assert(ctas * (kSharedBytes + 1024) <= 233472);
};

/// A tile: tokens [firstToken, firstToken + tokens) of the batch, `heads` heads
/// from firstHead on, keys [begin, end) in `blocks` blocks. No tokens: the end.
/// Packed: its first sequence has keys [start, stop). Paged: its first token
/// has position `start`. Packed and of two sequences: blocks from number
/// `split` on are counted from `second`, the second one's first key, so that
/// neither has more blocks than alone.
struct Job {
  int firstToken, tokens;
  int sequence, lastSequence;
  int kvHead, firstHead, heads;
  int begin, end, blocks;
  int start, stop;
  int split, second;

  /// The first key of block n.
  template <typename C> __device__ int firstKey(int n) const {
    if (!C::S::kPaged && n >= split)
      return second + (n - split) * C::BN;
    return begin + n * C::BN;
  }
  /// Where keys are another block's.
  template <typename C> __device__ int endOfKeys(int n) const {
    return !C::S::kPaged && n < split ? second : 0x7fffffff;
  }
  /// The block that key j is in.
  template <typename C> __device__ int blockOf(int j) const {
    if (!C::S::kPaged && j >= second)
      return split + (j - second) / C::BN;
    return (j - begin) / C::BN;
  }
};

/// Shared memory: tiles of q, rings of k and v, eight jobs, the barriers. While
/// the producer prepares a job, four others are still needed: the one it loads,
/// two whose queries wait or are in use, and one that consumers may still be
/// storing.
template <typename C> struct Stages {
  u32 base;
  char *memory; // the same place
  __device__ explicit Stages(char *dynamic)
      : base((sharedAddress(dynamic) + 1023) & ~1023u),
        memory(dynamic + (base - sharedAddress(dynamic))) {}
  __device__ u32 q(u32 stage) const { return base + stage * C::kQBytes; }
  __device__ u32 k(u32 stage) const {
    return q(C::kQStages) + stage * C::kKBytes;
  }
  __device__ u32 v(u32 stage) const {
    return k(C::kStages) + stage * C::kVBytes;
  }
  __device__ Job &job(u32 number) const {
    return reinterpret_cast<Job *>(memory + C::kTileBytes)[number];
  }
  __device__ u32 barrier(u32 number) const {
    return base + C::kTileBytes + C::kJobBytes + 8 * number;
  }
  __device__ u32 qFull(u32 stage) const { return barrier(stage); }
  __device__ u32 qEmpty(u32 stage) const { return barrier(2 + stage); }
  __device__ u32 kFull(u32 stage) const { return barrier(4 + stage); }
  __device__ u32 kEmpty(u32 stage) const {
    return barrier(4 + C::kStages + stage);
  }
  __device__ u32 vFull(u32 stage) const {
    return barrier(4 + 2 * C::kStages + stage);
  }
  __device__ u32 vEmpty(u32 stage) const {
    return barrier(4 + 3 * C::kStages + stage);
  }
  /// By the warps that multiply: an instruction makes one barrier, so they
  /// share them.
  __device__ void init() const {
    if (!electOne())
      return;
    constexpr u32 warps = 4 * C::kWarpgroups;
    u32 warp = threadIdx.x / 32;
    for (u32 s = warp; s < C::kStages; s += warps) {
      for (u32 full : {kFull(s), vFull(s)})
        barrierInit(full, 1);
      for (u32 empty : {kEmpty(s), vEmpty(s)})
        barrierInit(empty, warps * kWarpArrivals);
    }
    for (u32 s = warps - 1 - warp; s < C::kQStages; s += warps) {
      barrierInit(qFull(s), 1);
      barrierInit(qEmpty(s), warps * kWarpArrivals);
    }
    barrierInitFence();
  }
};
constexpr int kJobs = 8;
static_assert(kJobs * sizeof(Job) <= 512, "Config::kJobBytes");

//===----------------------------------------------------------------------===//
// Which keys a token sees
//===----------------------------------------------------------------------===//

/// The last of sequences first .. last that starts at or before `token`.
__device__ __forceinline__ int sequenceOf(const int *cuTokens, int first,
                                          int last, int token) {
  while (first < last) {
    int middle = (first + last + 1) / 2;
    if (cuTokens[middle] <= token)
      first = middle;
    else
      last = middle - 1;
  }
  return first;
}
/// The same of all sequences, found by a whole warp.
__device__ __forceinline__ int sequenceOf(const int *cuTokens, int sequences,
                                          int token) {
  int last = -1;
#pragma unroll 1
  for (int base = 0; base < sequences; base += 32) {
    int s = base + int(threadIdx.x % 32);
    u32 begun = __ballot_sync(~0u, s < sequences && cuTokens[s] <= token);
    last += __popc(begun);
    if (begun != ~0u)
      break;
  }
  return last;
}

/// Keys [low, high) seen from `at`; positions count from `origin`.
struct Sight {
  int at, origin, low, high;
};

/// To what causality and a window leave of it.
template <typename C>
__device__ __forceinline__ void narrowSight(const Args<typename C::T> &a,
                                            Sight &s) {
  if (C::S::kCausal)
    s.high = min(s.high, s.at + 1);
  if (a.window > 0) {
    s.low = max(s.low, s.at - a.window + 1);
    if (!C::S::kCausal)
      s.high = min(s.high, s.at + a.window);
  }
}

template <typename C>
__device__ __forceinline__ Sight sightOf(const Args<typename C::T> &a,
                                         const Job &job, int token) {
  Sight s{job.start + token, 0, 0, job.end};
  if constexpr (!C::S::kPaged) {
    s.at = token += job.firstToken;
    s.origin = s.low = job.start;
    s.high = job.stop;
    if (token >= job.stop) {
      int owner = sequenceOf(a.cuTokens, job.sequence, job.lastSequence, token);
      s.origin = s.low = a.cuTokens[owner];
      s.high = a.cuTokens[owner + 1];
    }
  }
  narrowSight<C>(a, s);
  return s;
}

//===----------------------------------------------------------------------===//
// What a consumer holds of a tile
//===----------------------------------------------------------------------===//

__device__ __forceinline__ float minusInfinity() {
  return __int_as_float(0xff800000);
}

/// A row's sums are rescaled only where its maximum grew by more than this, in
/// base-2 logarithms; until then exponentials stay below 2^8.
constexpr float kGrowth = 8;
/// Sums of a thread's exponentials of a block, of two rows and two by two.
struct Sums {
  float part[2][2] = {};

  __device__ float of(int r) const { return part[r][0] + part[r][1]; }
  /// All of the warp's are so small that no maximum grew by that much.
  __device__ bool small() const {
    constexpr float limit = 1 << int(kGrowth);
    return __all_sync(~0u, of(0) <= limit && of(1) <= limit);
  }
  __device__ void addTo(float (&sum)[2]) const {
    sum[0] += of(0);
    sum[1] += of(1);
  }
};

/// Exponentials of a block as operands of the product with values.
template <typename C> struct Weights { u32 of[C::BN / 16][4]; };

/// A thread's part of 64 rows: rows lane / 4 and lane / 4 + 8 of its warp's 16;
/// of every 8 columns the two from lane % 4 * 2 on.
template <typename C> struct Tile {
  float o[C::DV / 2] = {}; // sums of values
  float top[2] = {minusInfinity(), minusInfinity()}, sum[2] = {};
  Sight sight[2];
  float head[2];
  int allLow = -0x7fffffff, allHigh = 0x7fffffff; // what all of a warp sees
  bool open = true; // whether a row of the warp has seen no key so far
};

} // namespace attention
} // namespace ft

#endif // FT_KERNELS_SM90_ATTENTION_WORK_CUH
