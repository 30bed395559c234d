//===- gemv_ring.cuh - linear layers of a few rows, by bulk copies -*- C++ -*-//
//
// The same function, prologues and epilogues as gemv.cuh, for f16 and bf16 with
// k a multiple of 8, x and w on 16 bytes and x's stride a multiple of 8. One
// CTA a multiprocessor: warps that only copy keep a ring of weights full in
// shared memory, eight warps multiply. What is under way does not pass through
// registers or L1, and the first weights come in before the kernel in front has
// ended.
//
// A stage holds kChunk values of k of 16 weight rows (gated: two times 8), one
// bulk copy a row; a warp multiplies kChunk / 8 values of k of all 16. At the
// end of a group of 16 rows the warps' sums are added in the order of the
// warps; a CTA takes the chunks of k in an order of its own: sums depend on n,
// k and the grid only.
//
// Launch: block kRingThreads = 384, __launch_bounds__(384, 1); grid = at most
// the multiprocessors (any size is right). Dynamic shared memory: the more the
// faster (H200, one token: 8 stages take 5 % less time than 6), at least
// kFewStages * kStageBytes, and with a norm min(bound of rows, 8) * ringRowBytes(k)
// on top. It should be so much that no second CTA fits a multiprocessor: two of
// these beside each other read slower (4 stages: 128 us a layer of 8B started
// early, 119 not; 8 stages: 113 and 120).
//
//===----------------------------------------------------------------------===//
#ifndef FT_KERNELS_SM90_GEMV_RING_CUH
#define FT_KERNELS_SM90_GEMV_RING_CUH

#include "gemv_product.cuh"
#include "sm90/async.cuh"
#include "sm90/gemv_next.cuh"

namespace ft::gemv {

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

/// Bytes of a row of x in shared memory.
__device__ __forceinline__ int ringRowBytes(int k) { return pitch<u16>(k) * 2; }

struct WarpsSync {
  __device__ __forceinline__ void operator()() const {
    asm volatile("bar.sync 1, %0;" ::"n"(kThreads) : "memory");
  }
};

/// `bytes`, a multiple of 16, to shared memory; read once, so first to leave
/// L2. Counts on `barrier`.
__device__ __forceinline__ void copyBulk(u32 to, const void *from, u32 bytes,
                                         u32 barrier, u64 policy) {
  asm volatile("cp.async.bulk.shared::cluster.global.mbarrier::complete_tx"
               "::bytes.L2::cache_hint [%0], [%1], %2, [%3], %4;" ::"r"(to),
               "l"(from), "r"(bytes), "r"(barrier), "l"(policy)
               : "memory");
}
__device__ __forceinline__ u64 evictFirst() {
  u64 policy;
  asm volatile("createpolicy.fractional.L2::evict_first.b64 %0, 1.0;"
               : "=l"(policy));
  return policy;
}

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

/// Rows m0 .. of x, as stored, to shared memory.
template <typename T>
__device__ __forceinline__ void stageTokens(const Problem<T> &p, int m0,
                                            u16 *xs) {
  int vectors = p.k / 8, rows = min(p.rows - m0, kMaxM);
  int rowVectors = ringRowBytes(p.k) / 16;
  Vec16 *to = reinterpret_cast<Vec16 *>(xs);
#pragma unroll 4
  for (int i = threadIdx.x; i < rows * vectors; i += kThreads) {
    int m = i / vectors, v = i % vectors;
    to[m * rowVectors + v] = load16(p.x + (m0 + m) * p.xStride + v * 8);
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

/// One multiplying warp's share of every stage.
template <typename T> class RingWarp {
public:
  /// x of this lane's token: row `lane / 4` at `rows`, `rowBytes` apart.
  __device__ __forceinline__ RingWarp(const Problem<T> &p,
                                      const RingMemory &memory, int m0,
                                      const char *rows, i64 rowBytes)
      : memory_(memory) {
    int lane = threadIdx.x % 32, warp = threadIdx.x / 32, m = lane / 4;
    at_ = warp * kRingUnits * 32 + lane % 4 * 8;
    limit_ = p.k - at_;
    token_ = m0 + m < p.rows;
    x_ = rows + m * rowBytes + at_ * 2;
    w_ = lane / 4 * kRingRowPitch + at_ * 2;
  }
  /// The tokens of chunk `c`; early, where they are far.
  __device__ __forceinline__ void load(int c) {
#pragma unroll
    for (int u = 0; u < kRingUnits; ++u) {
      int k = c * kRingChunk + u * 32;
      tokens_[u].load(x_ + k * 2, token_ && k < limit_);
    }
  }
  __device__ __forceinline__ void multiply(int c, const RingPlace &place) {
    barrierWait(memory_.full(place.stage), place.turn);
    const char *stage = dynamicShared<char>() + place.stage * kStageBytes + w_;
#pragma unroll
    for (int u = 0; u < kRingUnits; ++u) {
      Weights w = {};
      if (c * kRingChunk + u * 32 < limit_) {
        w.low = load16(stage + u * 64);
        w.high = load16(stage + u * 64 + 8 * kRingRowPitch);
      }
      tokens_[u].multiply(sums_, w);
    }
    __syncwarp();
    if (threadIdx.x % 32 == 0)
      barrierArrive(memory_.empty(place.stage));
  }
  /// To this warp's part of `sums`, and begins anew.
  __device__ __forceinline__ void flush(float *sums) {
    int lane = threadIdx.x % 32;
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      sums[(lane % 4 * 2 + i % 2) * kRingSumPitch + lane / 4 + i / 2 * 8] =
          sums_[i];
      sums_[i] = 0;
    }
  }

private:
  const RingMemory &memory_;
  int at_, limit_;
  bool token_;
  const char *x_;
  int w_;
  Tokens<T> tokens_[kRingUnits];
  float sums_[4] = {};
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
    epilogue(m0 + m, j, y, y2);
  else
    epilogue(m0 + m, j, y);
}

/// The multiplying warps, rows m0 .. of x; `place` goes on.
template <typename Epilogue, typename T>
__device__ __forceinline__ void
ringRows(const Problem<T> &p, const Share &s, const RingMemory &memory, int m0,
         const char *rows, i64 rowBytes, const Epilogue &epilogue,
         RingPlace &place) {
  int warp = threadIdx.x / 32;
  ChunkOrder order(p.k);
  RingWarp<T> mine(p, memory, m0, rows, rowBytes);
  mine.load(order(0));
#pragma unroll 1
  for (int g = 0; g < s.groups; ++g) {
#pragma unroll 1
    for (int i = 0; i < order.count; ++i, place.next()) {
      mine.multiply(order(i), place);
      mine.load(order(i + 1 == order.count ? 0 : i + 1));
    }
    mine.flush(memory.state->sums[g % 2][warp]);
    WarpsSync()(); // a group later nobody reads the same sums any more
    ringOutputs(epilogue, p, s, m0, g, memory.state->sums[g % 2]);
  }
}

/// How dynamic shared memory is divided: rows of x where they must or can be
/// near, beside kFewStages, all else is ring.
struct RingLayout {
  int rowBytes, stages;
  bool near; // rows of x are in shared memory

  __device__ __forceinline__ RingLayout(bool normed, int rows, int k)
      : rowBytes(ringRowBytes(k)) {
    u32 shared;
    asm("mov.u32 %0, %%dynamic_smem_size;" : "=r"(shared));
    int needed = min(rows, kMaxM) * rowBytes;
    near = normed || needed + kFewStages * kStageBytes <= int(shared);
    stages = min((int(shared) - near * needed) / kStageBytes, kMaxStages);
  }
};

/// As gemv::run; `next`: gemv_next.cuh.
template <typename T, typename Norm, typename Epilogue, typename Next = NoNext>
__device__ __forceinline__ void
runRing(const T *x, i64 xStride, const T *w, int n, int k, const int *counts,
        int axis, const Norm &norm, const Epilogue &epilogue,
        const Next &next = {}) {
  constexpr bool normed = Norm::kPresent;
  __shared__ RingState state;
  launchDependents();
  Problem<T> p{x, xStride, w, n, k, counts[axis]};
  Share s = makeShare<Epilogue::kGated>(n);
  RingLayout layout(normed, p.rows, k);
  RingMemory memory{sharedAddress(dynamicShared<char>()), &state};
  if (threadIdx.x < layout.stages) {
    barrierInit(memory.full(threadIdx.x), kRingCopiers);
    barrierInit(memory.empty(threadIdx.x), kWarps);
    barrierInitFence();
  }
  __syncthreads();
  RingPlace place{layout.stages};
  if (threadIdx.x >= kThreads) {
    if (electOne()) {
      copyWeights<Epilogue::kGated>(p, s, memory, place);
      next.prefetch();
    }
    return;
  }
  touchNorm(norm, k);
  dependencyWait();
  if constexpr (Next::kPresent)
    touchOutputs(epilogue, p, s);
  char *rows = dynamicShared<char>() + layout.stages * kStageBytes;
#pragma unroll 1
  for (int m0 = 0; m0 < p.rows; m0 += kMaxM) {
    WarpsSync()(); // shared memory is free
    if constexpr (normed)
      normalise<true>(p, m0, norm, reinterpret_cast<T *>(rows),
                      WarpsSync());
    else if (layout.near)
      stageTokens(p, m0, reinterpret_cast<u16 *>(rows));
    WarpsSync()();
    bool near = layout.near;
    ringRows(p, s, memory, m0,
             near ? rows : reinterpret_cast<const char *>(x + m0 * xStride),
             near ? layout.rowBytes : xStride * 2, epilogue, place);
  }
}

} // namespace ft::gemv

#endif // FT_KERNELS_SM90_GEMV_RING_CUH
