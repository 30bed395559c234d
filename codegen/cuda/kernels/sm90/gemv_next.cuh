//===- gemv_next.cuh - what a ring GEMV does for the next one ---*- C++ -*-===//
//
// Between two GEMVs a multiprocessor has nothing to read: the ring of one is
// busy to its end, and the next needs its shared memory. On a layer of 8B that
// is about 3 us of 24 a GEMV (H200, dependent launches: 3.68 ms a step where
// the bytes take 3.30). So copying warps that have nothing left to copy bring
// the next GEMV's first weights to L2, which the ring then fills from while
// memory goes on; where an attention stands between, it has those weights to
// wait for, too. Loads that the prologue and the end of the kernel wait for -
// the norm's weights, biases, residuals - are brought near likewise.
//
// Two GEMVs beside each other do not do that: where two CTAs of one kernel come
// to share a multiprocessor another has none (4 stages: 128 us a layer of 8B
// started early, 119 not).
//
//===----------------------------------------------------------------------===//
#ifndef FT_KERNELS_SM90_GEMV_NEXT_CUH
#define FT_KERNELS_SM90_GEMV_NEXT_CUH

#include "gemv_product.cuh"

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

/// Nothing is known of the kernel behind.
struct NoNext {
  static constexpr bool kPresent = false;
  __device__ __forceinline__ void prefetch() const {}
};

/// A null pointer is passed over.
__device__ __forceinline__ void prefetchNear(const void *p) {
  if (p)
    asm volatile("prefetch.global.L1 [%0];" ::"l"(p));
}

/// The GEMV behind, of the same grid, which reads w first; `stages` of its ring
/// in each CTA are worth it (0: none). The layout is that of copyWeights.
template <typename T> struct NextWeights {
  static constexpr bool kPresent = true;
  const T *w;
  int n, k;
  int gated; // 0 or 1
  int stages;

  /// One thread of each copying warp.
  __device__ __forceinline__ void prefetch() const {
    if (stages == 0)
      return;
    constexpr int slots = 16 / kRingCopiers;
    int slot = (int(threadIdx.x) - kThreads) / 32 * slots;
    int per = gated ? 8 : 16;
    Share s = gated ? makeShare<true>(n) : makeShare<false>(n);
    ChunkOrder order(k);
    const T *from = w + i64(slot >= per ? n / 2 : 0) * k;
#pragma unroll 1
    for (int i = 0; i < min(stages, s.groups * order.count); ++i) {
      int first = s.begin + i / order.count * per + slot % per;
      int at = order(i % order.count) * kRingChunk;
      u32 bytes = u32(min(kRingChunk, k - at)) * 2;
      for (int r = 0; r < min(slots, s.end - first); ++r)
        asm volatile("cp.async.bulk.prefetch.L2.global [%0], %1;" ::"l"(
                         from + i64(first + r) * k + at),
                     "r"(bytes)
                     : "memory");
    }
  }
};

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

/// What the epilogue reads of the share, after the wait: its method `touch`
/// prefetches the lines of output (m, n).
template <typename Epilogue, typename T>
__device__ __forceinline__ void
touchOutputs(const Epilogue &epilogue, const Problem<T> &p, const Share &s) {
  int lines = (s.end - s.begin + 63) / 64;
  for (int i = threadIdx.x; i < lines * min(p.rows, kMaxM); i += kThreads)
    epilogue.touch(i / lines, min(s.begin + i % lines * 64, s.end - 1));
}

} // namespace ft::gemv

#endif // FT_KERNELS_SM90_GEMV_NEXT_CUH
