//===- gemv_stages.cuh - weights by bulk copies, and their sums -*- C++ -*-===//
//
// The parts of gemv_ring.cuh that do not care where x is: a ring of stages in
// shared memory, the warps that copy into it, the products of a stage with a
// lane's tokens, and the sum of the warps' products.
//
// A stage holds kRingChunk values of k of 16 weight rows (gated: two times 8),
// one bulk copy a row; a warp multiplies kRingChunk / 8 values of k of all 16.
// At the end of a group of 16 rows the warps' sums are added in the order of
// the warps; a CTA takes the chunks of k in an order of its own: sums depend on
// n, k and the grid only.
//
//===----------------------------------------------------------------------===//
#ifndef FT_KERNELS_SM90_GEMV_STAGES_CUH
#define FT_KERNELS_SM90_GEMV_STAGES_CUH

#include "gemv_product.cuh"
#include "sm90/async.cuh"

namespace ft::gemv {

// One thread issues a copy in about 60 cycles: copies of a kilobyte from four
// warps keep ahead of 20 bytes a cycle, what a multiprocessor can have.
constexpr int kRingCopiers = 4; // warps
constexpr int kRingChunk = 512; // values of k in a stage

/// The chunk that comes `i`-th. Every CTA begins elsewhere: rows lie a power of
/// two apart in many models, and one chunk of all of them in few of the
/// memory's channels.
struct ChunkOrder {
  int count, first;
  __device__ __forceinline__ explicit ChunkOrder(int k)
      : count((k + kRingChunk - 1) / kRingChunk), first(blockIdx.x % count) {}
  __device__ __forceinline__ int operator()(int i) const {
    return first + i < count ? first + i : first + i - count;
  }
};

constexpr int kRingThreads = kThreads + 32 * kRingCopiers;
constexpr int kRingUnits = kRingChunk / (32 * kWarps); // of a warp
constexpr int kRingRowPitch = kRingChunk * 2 + 64;     // bytes; 64 mod 128
constexpr int kStageBytes = 16 * kRingRowPitch;
constexpr int kFewStages = 3, kMaxStages = 16;
/// Sums of 16 weight rows by kMaxM tokens, [token][row].
constexpr int kRingSumPitch = 20;

struct RingState {
  u64 full[kMaxStages], empty[kMaxStages];
  float sums[2][kWarps][kMaxM * kRingSumPitch];
};

struct WarpsSync {
  __device__ __forceinline__ void operator()() const {
    asm volatile("bar.sync 1, %0;" ::"n"(kThreads) : "memory");
  }
};

/// A stage of the ring and how often the ring went round.
struct RingPlace {
  int stages, stage = 0;
  u32 turn = 0;
  __device__ __forceinline__ void next() {
    if (++stage == stages) {
      stage = 0;
      turn ^= 1;
    }
  }
};

/// Dynamic shared memory: the stages, then x.
struct RingMemory {
  u32 ring; // address of the first stage
  RingState *state;
  __device__ __forceinline__ u32 full(int s) const {
    return sharedAddress(&state->full[s]);
  }
  __device__ __forceinline__ u32 empty(int s) const {
    return sharedAddress(&state->empty[s]);
  }
};

/// A copying warp's rows of every group's chunks, once for every 8 rows of x.
template <bool gated, typename T>
__device__ __forceinline__ void copyWeights(const Problem<T> &p, const Share &s,
                                            const RingMemory &memory,
                                            RingPlace place) {
  constexpr int per = perGroup<gated>, slots = 16 / kRingCopiers;
  int slot = (threadIdx.x - kThreads) / 32 * slots;
  ChunkOrder order(p.k);
  u64 policy = evictFirst();
  const T *w = p.w + i64(slot >= per ? p.n / 2 : 0) * p.k;
  for (int m0 = 0; m0 < p.rows; m0 += kMaxM)
    for (int g = 0; g < s.groups; ++g) {
      int first = s.begin + g * per + slot % per;
      int rows = min(slots, s.end - first); // of this warp
      for (int i = 0; i < order.count; ++i, place.next()) {
        int k = order(i) * kRingChunk;
        u32 bytes = u32(min(kRingChunk, p.k - k)) * 2;
        const T *from = w + i64(first) * p.k + k;
        barrierWait(memory.empty(place.stage), place.turn ^ 1);
        barrierExpect(memory.full(place.stage), bytes * max(rows, 0));
        u32 to = memory.ring + place.stage * kStageBytes + slot * kRingRowPitch;
#pragma unroll
        for (int r = 0; r < slots; ++r)
          if (r < rows)
            copyBulk(to + r * kRingRowPitch, from + i64(r) * p.k, bytes,
                     memory.full(place.stage), policy);
      }
    }
}

/// The token side of one unit: 8 values of one token, for the two steps.
/// Beyond k and the rows zero.
template <typename T> struct Tokens {
  Vec16 vector;

  __device__ __forceinline__ void load(const char *from, bool real) {
    vector = {};
    if (real)
      vector = load16(from);
  }
  __device__ __forceinline__ void multiply(float (&sums)[4],
                                           const Weights &w) const {
    multiplyAdd(sums, w, 0, vector.word[0], vector.word[1], T{});
    multiplyAdd(sums, w, 1, vector.word[2], vector.word[3], T{});
  }
};

/// Adds the warps' sums of a group and stores its outputs. The threads that do
/// so differ from group to group.
template <typename Epilogue, typename T>
__device__ __forceinline__ void
ringOutputs(const Epilogue &epilogue, const Problem<T> &p, const Share &s,
            int m0, int g, const float (*sums)[kMaxM * kRingSumPitch]) {
  constexpr int per = perGroup<Epilogue::kGated>;
  int count = min(p.rows - m0, kMaxM) * per;
  int o = (threadIdx.x + 32 * g) % kThreads;
  int m = o / per, r = o % per, j = s.begin + g * per + r;
  if (o >= count || j >= s.end)
    return;
  float y = 0, y2 = 0;
#pragma unroll
  for (int w = 0; w < kWarps; ++w) {
    y += sums[w][m * kRingSumPitch + r];
    if constexpr (Epilogue::kGated)
      y2 += sums[w][m * kRingSumPitch + r + 8];
  }
  if constexpr (Epilogue::kGated)
    epilogue(m0 + m, j, epilogue.load(m0 + m, j), y, y2);
  else
    epilogue(m0 + m, j, epilogue.load(m0 + m, j), y);
}

/// A multiplying warp's place in every stage, and its sums of a group.
template <typename T> class RingSums {
public:
  __device__ __forceinline__ RingSums(const Problem<T> &p,
                                      const RingMemory &memory)
      : memory_(memory) {
    at = int(threadIdx.x) / 32 * kRingUnits * 32 + lane() % 4 * 8;
    w_ = lane() / 4 * kRingRowPitch + at * 2;
    limit = p.k - at;
  }
  /// The lane's first value of k in a chunk, and the values from there to k.
  int at, limit;

  /// Chunk `c`, which is in the stage of `place`, by the tokens.
  __device__ __forceinline__ void
  multiply(int c, const RingPlace &place,
           const Tokens<T> (&tokens)[kRingUnits]) {
    barrierWait(memory_.full(place.stage), place.turn);
    const char *stage = dynamicShared<char>() + place.stage * kStageBytes + w_;
#pragma unroll
    for (int u = 0; u < kRingUnits; ++u) {
      Weights w = {};
      if (c * kRingChunk + u * 32 < limit) {
        w.low = load16(stage + u * 64);
        w.high = load16(stage + u * 64 + 8 * kRingRowPitch);
      }
      tokens[u].multiply(sums_, w);
    }
    __syncwarp();
    if (lane() == 0)
      barrierArrive(memory_.empty(place.stage));
  }
  /// To this warp's part of the state's sums, and begins anew; then all warps'
  /// parts are added and stored.
  template <typename Epilogue>
  __device__ __forceinline__ void finish(const Epilogue &epilogue,
                                         const Problem<T> &p, const Share &s,
                                         int m0, int g) {
    float(*parts)[kMaxM * kRingSumPitch] = memory_.state->sums[g % 2];
    float *sums = parts[threadIdx.x / 32];
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      sums[(lane() % 4 * 2 + i % 2) * kRingSumPitch + lane() / 4 + i / 2 * 8] =
          sums_[i];
      sums_[i] = 0;
    }
    WarpsSync()(); // a group later nobody reads the same sums any more
    ringOutputs(epilogue, p, s, m0, g, parts);
  }

private:
  static __device__ __forceinline__ int lane() { return threadIdx.x % 32; }

  const RingMemory &memory_;
  int w_;
  float sums_[4] = {};
};

/// A null pointer is passed over.
__device__ __forceinline__ void prefetchNear(const void *p) {
  if (p)
    asm volatile("prefetch.global.L1 [%0];" ::"l"(p));
}

/// The prologue's weights, before the wait; threads 0 .. kThreads - 1.
template <typename Norm>
__device__ __forceinline__ void touchNorm(const Norm &norm, int k) {
  if constexpr (Norm::kPresent)
    for (int at = threadIdx.x * 32; at < k; at += kThreads * 32) {
      prefetchNear(norm.weight + at);
      if constexpr (Norm::kCentred)
        prefetchNear(norm.bias ? norm.bias + at : nullptr);
    }
}

} // namespace ft::gemv

#endif // FT_KERNELS_SM90_GEMV_STAGES_CUH
