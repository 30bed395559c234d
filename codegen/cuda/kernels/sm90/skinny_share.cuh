//===- skinny_share.cuh - gemm_skinny.cuh's tiles and stages ----*- C++ -*-===//
//
// Which outputs and which part of k a CTA has, and how its shared memory is
// divided into stages.
//
//===----------------------------------------------------------------------===//
#ifndef FT_KERNELS_SM90_SKINNY_SHARE_CUH
#define FT_KERNELS_SM90_SKINNY_SHARE_CUH

#include "sm90/async.cuh"

namespace ft {
namespace skinny {

constexpr int kDepth = 64, kRowBytes = 128; // of a box
constexpr int kMaxStages = 32;

/// Rows of `outputs` of 64 tokens on their way, 16 of each warp. Vectors of 16
/// bytes of eight rows lie in all banks.
template <int outputs, int stored> struct AcrossRows {
  static constexpr int kPitch = (outputs / 8 | 1) * 16;
  static constexpr int kBytes = stored == 2 ? 64 * kPitch : 0;
};

/// NT tokens by tiles of at most kReach outputs (gated: of which each has a
/// gate row and an up row), `blocks` blocks of 64 rows of w for each of
/// `groups` warpgroups. `splits` CTAs of a cluster have a part of k each. A
/// stage is `boxes` times 64 columns. `stored`: bytes of an element of y, whose
/// rows are stored whole (skinny_store.cuh), or 0. `across`, with 64 tokens of
/// one block and group and rows stored whole, or none: tokens are the 64-row
/// side and so many rows of w the other (skinny_across.cuh); else 0. `constants`:
/// 8 rows behind the tokens' where two of them are what a LayerNorm multiplies
/// and adds (skinny_norm.cuh), or 0.
template <typename T_, bool gated, int NT_, int blocks, int groups = 1,
          int splits = 1, int boxes = 1, int stored = 0, int across = 0,
          int constants = 0>
struct Skinny {
  using T = T_;
  static constexpr bool kGated = gated;
  static constexpr int NT = NT_, kBlocks = blocks, kGroups = groups;
  static constexpr int kSplits = splits, kBoxes = boxes;
  static constexpr int kHalves = gated ? 2 : 1;
  static constexpr int kAcross = across;
  static constexpr int kStored = blocks / kHalves; // blocks of outputs
  static constexpr int kReach =
      across > 0 ? across / kHalves : 64 * kStored * groups;
  static constexpr int kConsumers = 128 * groups;
  static constexpr int kThreads = kConsumers + 64; // and two that copy
  static constexpr int kSums = (across > 0 ? across : NT) / 2; // of a thread
                                              // and block
  static constexpr int kRun = kSums / splits; // of those, stored by a CTA
  static constexpr int kConstants = constants;
  static constexpr int kRowsOfX = NT + constants; // of a box
  static constexpr int kAllSums = kSums + constants / 2; // kSums first
  /// What a CTA gets from the others of its cluster.
  static constexpr int kSplitBytes =
      (splits - 1) * kConsumers * blocks * kRun * 4;
  static constexpr int kStoredBytes = stored;
  /// Tokens that a warpgroup turns over at a time, and bytes of their rows.
  static constexpr int kMostTokens = stored < 4 ? 64 : splits > 1 ? 16 : 32;
  static constexpr int kStoreTokens = kMostTokens < NT / splits ? kMostTokens
                                                                : NT / splits;
  static constexpr int kStorePitch = 64 * stored + 16;
  static constexpr int kTurnedBytes =
      across > 0 ? AcrossRows<across / kHalves / splits, stored>::kBytes
      : stored > 0 ? groups * kStoreTokens * kStorePitch
                   : 0;
  /// Behind the stages: of one tile first the one, then the other.
  static constexpr int kBehindBytes =
      kSplitBytes > kTurnedBytes ? kSplitBytes : kTurnedBytes;
  static_assert(stored == 0 || kRun % 4 == 0);
  static_assert(NT % 16 == 0 && NT <= 64);
  static_assert(across > 0 ? NT == 64 && blocks == 1 && groups == 1
                           : blocks % kHalves == 0);
  static_assert(splits == 1 || splits == 2 || splits == 4);
  static_assert(constants == 0 || (constants == 8 && across == 0));
};

struct Problem {
  int outputs;       // gated: n / 2
  int size;          // outputs of a tile
  int tiles;         // of the outputs
  int first, stride; // this cluster's tiles
  int begin, end;    // this CTA's stages of k
  int split;         // among the CTAs of its cluster
  int at;            // the stage of k that comes first

  template <typename C>
  static __device__ __forceinline__ Problem make(int n, int k, int size) {
    constexpr int depth = kDepth * C::kBoxes;
    Problem p;
    p.outputs = C::kGated ? n / 2 : n;
    p.size = size;
    p.tiles = u32(p.outputs + size - 1) / u32(size);
    p.split = C::kSplits > 1 ? int(clusterRank()) : 0;
    p.first = blockIdx.x / C::kSplits;
    p.stride = gridDim.x / C::kSplits;
    int stages = (k + depth - 1) / depth;
    p.begin = stages * p.split / C::kSplits;
    p.end = stages * (p.split + 1) / C::kSplits;
    // Every cluster begins elsewhere: rows lie a power of two apart in many
    // models, and one stage of all of them in few of the memory's channels; all
    // want the same x. With NT of 64 x is so much that reads of the same stage
    // had better go together (8B, 64 sequences 5.05 ms for 5.07).
    p.at = p.begin;
    if constexpr (C::NT < 64)
      p.at += p.first % 32 * (p.end - p.begin) / 32;
    return p;
  }
  /// The stage of k that follows.
  __device__ __forceinline__ int next(int step) const {
    return step + 1 == end ? begin : step + 1;
  }
};

/// Stages of a ring, and the barriers of each in static shared memory.
struct Stages {
  u32 base, bytes; // of a stage
  int count;
  u64 *filled, *read;
  __device__ u32 at(u32 stage) const { return base + stage * bytes; }
  __device__ u32 full(u32 stage) const { return sharedAddress(filled + stage); }
  __device__ u32 empty(u32 stage) const { return sharedAddress(read + stage); }
};
struct State {
  u64 weights[2][kMaxStages], tokens[2][kMaxStages];
  u64 sumsFull, sumsFree;
};

/// Dynamic shared memory: stages of w, the up rows of each box behind its gate
/// rows, stages of x, what other CTAs send and then rows of y. x comes from L2,
/// in a part of the time that weights take: its ring is as long as 72 or 144 KB
/// of weights.
/// (H200: 144 KB take 1 to 4 % less at 16 and 32 rows, and more at 64, where
/// they leave too few stages to weights, but for CTAs with tiles in turn: 8B's
/// output matrix takes 2 % less.)
template <typename C> struct Ring {
  u32 half; // bytes of a tile's gate rows, or of all
  u32 box;  // bytes of a box of w, or two
  u32 sums; // what other CTAs send, or rows of y
  Stages w, x;
  State *state;

  /// `turns`: CTAs have several tiles.
  __device__ __forceinline__ Ring(State *s, int size, bool turns) : state(s) {
    u32 ahead = (C::NT <= 32 || turns ? 144 : 72) * 1024;
    u32 dynamic = sharedAddress(dynamicShared<char>()), bytes;
    asm("mov.u32 %0, %%dynamic_smem_size;" : "=r"(bytes));
    half = (C::kAcross > 0 ? C::kReach : u32(size + 7) / 8 * 8) * kRowBytes;
    u32 last = C::kAcross > 0 ? half : max(half, 64u * kRowBytes); // as read
    box = (C::kHalves - 1) * half + last;
    w.base = (dynamic + 1023) & ~1023u;
    w.bytes = C::kBoxes * box;
    x.bytes = C::kBoxes * C::kRowsOfX * kRowBytes;
    bytes -= w.base - dynamic + C::kBehindBytes;
    x.count = min(kMaxStages, int((ahead + w.bytes - 1) / w.bytes));
    x.count = max(2, min(x.count, int(bytes / 3 / x.bytes)));
    x.count = min(x.count, int((bytes - 2 * w.bytes) / x.bytes));
    w.count = min(kMaxStages, int((bytes - x.count * x.bytes) / w.bytes));
    x.base = w.at(w.count);
    sums = x.at(x.count);
    w.filled = s->weights[0], w.read = s->weights[1];
    x.filled = s->tokens[0], x.read = s->tokens[1];
  }
  /// Rows from which on block `g` has a tile's: the last block ends with the
  /// tile, and has some of the one before it, too.
  __device__ int blockStart(int g) const {
    return max(0, min(64 * g, int(half / kRowBytes) - 64));
  }
  __device__ u32 sumsFull() const { return sharedAddress(&state->sumsFull); }
  __device__ u32 sumsFree() const { return sharedAddress(&state->sumsFree); }

  /// Each warp makes a few barriers: an instruction makes one, so that 32 in
  /// one warp take a microsecond.
  __device__ __forceinline__ void init() const {
    constexpr int warps = C::kThreads / 32, consumers = C::kConsumers / 32;
    int warp = threadIdx.x / 32;
    if (warp >= warps || !electOne()) // beyond them: skinny_norm.cuh
      return;
    auto make = [&](const Stages &s, int first) {
#pragma unroll 1
      for (int stage = first; stage < s.count; stage += warps) {
        barrierInit(s.full(stage), 1);
        barrierInit(s.empty(stage), consumers);
      }
    };
    make(w, warp);
    make(x, warps - 1 - warp);
    if (C::kSplits > 1 && warp == warps - 1) {
      barrierInit(sumsFull(), 1);
      barrierInit(sumsFree(), (C::kSplits - 1) * consumers);
    }
    barrierInitFence();
  }
};

/// A stage of the ring; `phase` flips at each turn.
struct RingPlace {
  int stages, stage = 0;
  u32 phase = 0;
  bool first = true; // turn
  __device__ explicit RingPlace(const Stages &s) : stages(s.count) {}
  __device__ __forceinline__ void next() {
    if (++stage == stages) {
      stage = 0;
      phase ^= 1;
      first = false;
    }
  }
};

} // namespace skinny
} // namespace ft

#endif // FT_KERNELS_SM90_SKINNY_SHARE_CUH
