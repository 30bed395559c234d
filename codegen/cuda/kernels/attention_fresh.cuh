//===- attention_fresh.cuh - q, and the batch's own keys and values -*- C++
//-*-===//
//
// The prologue of attention_decode.cuh. What the linears left is normalised
// (rms_norm of each head) and rotated (rope) on its way to shared memory, in
// fp32 with one rounding, and new keys and values go on to their cache pages.
// No CTA reads those from the cache: each makes what its tile sees for itself,
// so that nothing waits for another CTA's store.
//
//===----------------------------------------------------------------------===//
#ifndef FT_KERNELS_ATTENTION_FRESH_CUH
#define FT_KERNELS_ATTENTION_FRESH_CUH

#include "attention_share.cuh"

namespace ft::attention {

/// How q and k enter. `half`: pairs that rope turns, 0 without one; elements
/// from 2 * half on pass through. Pairs are (j, j + half), or neighbours.
template <int half, bool interleaved, bool norm> struct Entry {
  static constexpr int kHalf = half;
  static constexpr bool kInterleaved = interleaved, kNorm = norm;
};

/// Run-time arguments beside Args, whose k and v are the same pages.
template <typename T> struct Fresh {
  const T *k; // [tokens, kvHeads, D], rows kStride elements apart
  i64 kStride;
  const T *v;
  i64 vStride;
  T *kPlane; // the layer's pages
  T *vPlane;
  const float *table; // of a position: half cosines, then half sines
  const float *qNorm; // [D], with kNorm only
  float qEps;
  const float *kNorm;
  float kEps;
};

__device__ __forceinline__ void prefetchLine(const void *p) {
  asm volatile("prefetch.global.L1 [%0];" ::"l"(p));
}

/// One head by a whole warp: D elements to `to`, zeros up to `padded`; also to
/// `page` where it is not null.
template <typename E, int D, int padded, typename T>
__device__ __forceinline__ void enter(const T *from, const float *table,
                                      const float *weight, float eps, T *to,
                                      T *page) {
  int lane = threadIdx.x % 32;
  float factor = 1;
  if constexpr (E::kNorm) {
    float sum = 0;
#pragma unroll
    for (int e = 0; e < D; e += 32)
      if (float x = e + lane < D ? toFloat(from[e + lane]) : 0; true)
        sum += x * x;
    factor = 1.0f / sqrtf(warpSum(sum) / D + eps);
  }
  auto value = [&](int e) {
    float x = toFloat(from[e]);
    return E::kNorm ? x * factor * weight[e] : x;
  };
  auto put = [&](int e, float x) {
    T rounded = fromFloat<T>(x);
    to[e] = rounded;
    if (page)
      page[e] = rounded;
  };
#pragma unroll
  for (int i0 = 0; i0 < E::kHalf; i0 += 32)
    if (int i = i0 + lane; i < E::kHalf) {
      int first = E::kInterleaved ? 2 * i : i;
      int second = E::kInterleaved ? 2 * i + 1 : i + E::kHalf;
      float x = value(first), y = value(second);
      float cosine = table[i], sine = table[E::kHalf + i];
      put(first, x * cosine - y * sine);
      put(second, y * cosine + x * sine);
    }
#pragma unroll
  for (int e0 = 2 * E::kHalf; e0 < D; e0 += 32)
    if (int e = e0 + lane; e < D)
      put(e, value(e));
  for (int e = D + lane; e < padded; e += 32)
    to[e] = T{};
}

/// The prologue of one CTA of kThreads threads.
template <typename S, typename E, int threads> struct Entrance {
  using T = typename S::T;
  const Args<T> &a;
  const Fresh<T> &fresh;

  __device__ __forceinline__ const float *tableRow(int token) const {
    return fresh.table + i64(a.positions[token]) * (2 * E::kHalf);
  }
  /// Before the wait: what the prologue reads and no kernel of the step writes.
  __device__ __forceinline__ void prefetch(const Piece &p) const {
    int at = int(threadIdx.x) * 32; // floats of a line
    if (at < 2 * E::kHalf)
      prefetchLine(tableRow(p.work.firstToken) + at);
    if (E::kNorm && at < S::D) {
      prefetchLine(fresh.qNorm + at);
      prefetchLine(fresh.kNorm + at);
    }
  }
  /// The tile's 16 rows, `pitch` elements apart; those it has not are zero.
  template <int padded, int pitch>
  __device__ __forceinline__ void queries(const Work &w, T *to) const {
#pragma unroll 1
    for (int r = threadIdx.x / 32; r < 16; r += threads / 32) {
      if (r >= w.tokens * w.heads) {
        for (int e = threadIdx.x % 32; e < padded; e += 32)
          to[r * pitch + e] = T{};
        continue;
      }
      int token = w.firstToken + r / w.heads;
      enter<E, S::D, padded, T>(
          a.q + token * a.qStride + (w.firstHead + r % w.heads) * S::D,
          tableRow(token), fresh.qNorm, fresh.qEps, to + r * pitch, nullptr);
    }
  }
  /// The row of `plane` where the token's key or value is kept; null where
  /// another tile stores it: each token's are stored by the tile with its
  /// queries, of a kv head's tiles by the one with its first heads.
  template <int width>
  __device__ __forceinline__ T *page(const Piece &p, T *plane,
                                     int token) const {
    const Work &w = p.work;
    bool mine = token >= w.firstToken && token < w.firstToken + w.tokens &&
                w.firstHead == w.kvHead * (a.heads / a.kvHeads);
    if (!mine)
      return nullptr;
    int position = a.positions[token];
    i64 cell =
        a.pageTable[i64(w.sequence) * a.pageColumns + position / a.pageSize] *
            i64(a.pageSize) +
        position % a.pageSize;
    return plane + (cell * a.kvHeads + w.kvHead) * width;
  }
  /// The new keys among keys j0 .. j0 + BN - 1, to their rows of `to`; by one
  /// warp.
  template <int BN, int padded, int pitch>
  __device__ __forceinline__ void keys(const Piece &p, int j0, T *to) const {
    int end = min(p.work.end, j0 + BN);
#pragma unroll 1
    for (int j = max(p.oldEnd, j0); j < end; ++j) {
      int token = p.token0 + j - p.oldEnd;
      enter<E, S::D, padded, T>(
          fresh.k + token * fresh.kStride + p.work.kvHead * S::D,
          tableRow(token), fresh.kNorm, fresh.kEps, to + (j - j0) * pitch,
          page<S::D>(p, fresh.kPlane, token));
    }
  }
  template <int BN, int pitch>
  __device__ __forceinline__ void values(const Piece &p, int j0, T *to) const {
    int end = min(p.work.end, j0 + BN);
#pragma unroll 1
    for (int j = max(p.oldEnd, j0); j < end; ++j) {
      int token = p.token0 + j - p.oldEnd;
      const T *from = fresh.v + token * fresh.vStride + p.work.kvHead * S::DV;
      T *kept = page<S::DV>(p, fresh.vPlane, token);
#pragma unroll
      for (int e0 = 0; e0 < S::DV; e0 += 32)
        if (int e = e0 + int(threadIdx.x % 32); e < S::DV) {
          T x = from[e];
          to[(j - j0) * pitch + e] = x;
          if (kept)
            kept[e] = x;
        }
    }
  }
};

} // namespace ft::attention

#endif // FT_KERNELS_ATTENTION_FRESH_CUH
