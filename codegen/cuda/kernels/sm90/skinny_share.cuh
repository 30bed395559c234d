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

/// NT tokens by tiles of at most kReach outputs (gated: of which each has a
/// gate row and an up row), `blocks` blocks of 64 rows of w for each of
/// `groups` warpgroups. `splits` CTAs of a cluster have a part of k each. A
/// stage is `boxes` times 64 columns.
template <typename T_, bool gated, int NT_, int blocks, int groups = 1,
          int splits = 1, int boxes = 1>
struct Skinny {
  using T = T_;
  static constexpr bool kGated = gated;
  static constexpr int NT = NT_, kBlocks = blocks, kGroups = groups;
  static constexpr int kSplits = splits, kBoxes = boxes;
  static constexpr int kHalves = gated ? 2 : 1;
  static constexpr int kStored = blocks / kHalves; // blocks of outputs
  static constexpr int kReach = 64 * kStored * groups;
  static constexpr int kConsumers = 128 * groups;
  static constexpr int kThreads = kConsumers + 64; // and two that copy
  static constexpr int kSums = NT / 2;             // of a thread and block
  static constexpr int kRun = kSums / splits;      // of those, stored by a CTA
  /// What a CTA gets from the others of its cluster.
  static constexpr int kSplitBytes =
      (splits - 1) * kConsumers * blocks * kRun * 4;
  static_assert(NT % 16 == 0 && NT <= 64 && blocks % kHalves == 0);
  static_assert(splits == 1 || splits == 2 || splits == 4);
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
    p.at = p.begin + p.first % 32 * (p.end - p.begin) / 32;
    return p;
  }
  /// The stage of k that follows. Every cluster begins elsewhere: rows lie a
  /// power of two apart in many models, and one stage of all of them in few of
  /// the memory's channels; all want the same x.
  __device__ __forceinline__ int next(int step) const {
    return step + 1 == end ? begin : step + 1;
  }
};

/// Barriers, in static shared memory.
struct State {
  u64 weights[kMaxStages], tokens[kMaxStages], empty[kMaxStages];
  u64 sumsFull, sumsFree;
};

/// Dynamic shared memory: stages, then what other CTAs send. A stage is boxes
/// of w, the up rows of each behind its gate rows, then boxes of x.
template <typename C> struct Ring {
  u32 base;
  u32 half;  // bytes of a tile's gate rows, or of all
  u32 box;   // bytes of a box of w, or two
  u32 stage; // bytes
  int stages;
  State *state;

  __device__ __forceinline__ Ring(State *s, int size) : state(s) {
    u32 dynamic = sharedAddress(dynamicShared<char>()), bytes;
    asm("mov.u32 %0, %%dynamic_smem_size;" : "=r"(bytes));
    base = (dynamic + 1023) & ~1023u;
    half = u32(size + 7) / 8 * 8 * kRowBytes;
    // Rows beyond a tile's last, which a block may have, are x's: a stage's
    // products read nothing of the next one.
    constexpr int room = (C::kReach - C::NT) * kRowBytes;
    box = (C::kHalves - 1) * half + max(int(half), room);
    stage = C::kBoxes * (box + C::NT * kRowBytes);
    bytes -= base - dynamic + C::kSplitBytes;
    stages = min(kMaxStages, int(bytes / stage));
  }
  __device__ u32 w(u32 at, int i) const { return base + at * stage + i * box; }
  __device__ u32 x(u32 at, int i) const {
    return w(at, C::kBoxes) + i * (C::NT * kRowBytes);
  }
  __device__ u32 sums() const { return base + stages * stage; }
  __device__ u32 weightsFull(u32 at) const {
    return sharedAddress(&state->weights[at]);
  }
  __device__ u32 tokensFull(u32 at) const {
    return sharedAddress(&state->tokens[at]);
  }
  __device__ u32 empty(u32 at) const {
    return sharedAddress(&state->empty[at]);
  }
  __device__ u32 sumsFull() const { return sharedAddress(&state->sumsFull); }
  __device__ u32 sumsFree() const { return sharedAddress(&state->sumsFree); }

  /// Each warp makes a few barriers: an instruction makes one, so that 32 in
  /// one warp take a microsecond.
  __device__ __forceinline__ void init() const {
    constexpr int warps = C::kThreads / 32, consumers = C::kConsumers / 32;
    int warp = threadIdx.x / 32;
    if (!electOne())
      return;
#pragma unroll 1
    for (int s = warp; s < stages; s += warps) {
      barrierInit(weightsFull(s), 1);
      barrierInit(tokensFull(s), 1);
      barrierInit(empty(s), consumers);
    }
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
