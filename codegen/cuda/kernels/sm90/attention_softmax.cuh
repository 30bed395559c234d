//===- attention_softmax.cuh - weights of a block of keys -------*- C++ -*-===//
//
// What a thread of attention_tiles.cuh or attention_short.cuh makes of its part
// of a block's scores.
//
// Beside products everything takes longer: 64 maxima of a warp 254 cycles for
// 143 on an H200, 64 exponentials 654 for 519. So weights are first made with
// the maxima so far. Where the sum of a thread's weights says that none of its
// scores exceeds them by kGrowth, they are what they would have been; where
// not, maxima are looked for, taken however little they grew, and weights made
// once more. (A row that saw few keys of its first block may have a maximum
// that is low by less than kGrowth: its sums are then large in every block.)
//
//===----------------------------------------------------------------------===//
#ifndef FT_KERNELS_SM90_ATTENTION_SOFTMAX_CUH
#define FT_KERNELS_SM90_ATTENTION_SOFTMAX_CUH

#include "sm90/attention_work.cuh"

namespace ft {
namespace attention {

template <typename C> struct Softmax {
  using T = typename C::T;
  const Args<T> &a;

  /// Score region, then masks, for 2 * count keys from j0 on, of which those
  /// before `end` are the block's.
  template <int count, typename Score>
  __device__ __forceinline__ void adjust(const Tile<C> &t, float (&s)[count],
                                         const Score &score, int j0,
                                         int end) const {
    bool masked = j0 < t.allLow || j0 + 2 * count > min(t.allHigh, end);
    j0 += threadIdx.x % 4 * 2;
    if constexpr (!Score::kIdentity) {
#pragma unroll
      for (int i = 0; i < count; ++i) {
        const Sight &x = t.sight[i / 2 % 2];
        int j = j0 + i / 4 * 8 + i % 2;
        s[i] = kLog2e * score(s[i] * a.scale, t.head[i / 2 % 2],
                              float(x.at - x.origin), float(j - x.origin));
      }
    }
    // One bit a score: tests of constant bits are cheaper than comparisons.
    if (!masked)
      return;
#pragma unroll
    for (int r = 0; r < 2; ++r) {
      int low = t.sight[r].low - j0, high = min(t.sight[r].high, end) - j0;
#pragma unroll
      for (int from = 0; from < 2 * count; from += 128) {
        u32 seen = before(high - from) & ~before(low - from);
#pragma unroll
        for (int i = 0; i < 32; ++i) {
          int at = from / 2 + i / 2 * 4 + 2 * r + i % 2;
          if (at < count)
            s[at] = seen >> i & 1 ? s[at] : minusInfinity();
        }
      }
    }
  }
  /// Of a thread's columns in 16 groups of 8, a bit each: those that come
  /// before its first one plus n.
  __device__ static u32 before(int n) {
    n = min(max(n, 0), 128);
    int bits = n / 8 * 2 + min(n % 8, 2);
    return bits == 0 ? 0 : ~0u >> (32 - bits);
  }

  /// The rows' maxima with those of the scores, where they grow by more than
  /// `growth`; by what to multiply what was summed so far, true where that is
  /// not 1 for every row of the warp.
  template <int count>
  __device__ __forceinline__ bool maxima(Tile<C> &t, const float (&s)[count],
                                         float factor, float (&keep)[2],
                                         float growth = kGrowth) const {
    bool grew = false, open = false;
#pragma unroll
    for (int r = 0; r < 2; ++r) {
      float next[2] = {t.top[r], t.top[r]};
#pragma unroll
      for (int i = 2 * r; i < count; i += 4) {
        next[0] = fmaxf(next[0], s[i]);
        next[1] = fmaxf(next[1], s[i + 1]);
      }
      next[0] = fmaxf(next[0], next[1]);
      next[0] = fmaxf(next[0], __shfl_xor_sync(~0u, next[0], 1));
      next[0] = fmaxf(next[0], __shfl_xor_sync(~0u, next[0], 2));
      bool grows = (next[0] - t.top[r]) * factor > growth;
      keep[r] = exponential2(grows ? (t.top[r] - next[0]) * factor : 0.0f);
      t.top[r] = grows ? next[0] : t.top[r];
      t.sum[r] *= keep[r];
      grew |= grows;
      open |= t.top[r] == minusInfinity();
    }
    t.open = __any_sync(~0u, open);
    return __any_sync(~0u, grew);
  }
  __device__ __forceinline__ static float pivotOf(const Tile<C> &t, int r,
                                                  float factor) {
    return t.top[r] == minusInfinity() ? 0.0f : t.top[r] * factor;
  }
  /// Exponentials of groups [from, to) of 16 keys, as operands, and their sums.
  template <int from, int to, int count, int groups>
  __device__ __forceinline__ void
  exponentials(const Tile<C> &t, const float (&s)[count], float factor,
               u32 (&p)[groups][4], Sums &sums) const {
    float pivot[2] = {pivotOf(t, 0, factor), pivotOf(t, 1, factor)};
#pragma unroll
    for (int i = 8 * from; i < 8 * to; i += 2) {
      int r = i / 2 % 2;
      float x = exponential2(fmaf(s[i], factor, -pivot[r]));
      float y = exponential2(fmaf(s[i + 1], factor, -pivot[r]));
      sums.part[r][0] += x;
      sums.part[r][1] += y;
      p[i / 8][i / 2 % 4] = packPair<T>(x, y);
    }
  }
  /// All of them in place.
  template <int count>
  __device__ __forceinline__ void exponentials(const Tile<C> &t,
                                               float (&s)[count], float factor,
                                               Sums &sums) const {
    float pivot[2] = {pivotOf(t, 0, factor), pivotOf(t, 1, factor)};
#pragma unroll
    for (int i = 0; i < count; ++i) {
      int r = i / 2 % 2;
      s[i] = exponential2(fmaf(s[i], factor, -pivot[r]));
      sums.part[r][i % 2] += s[i];
    }
  }
  template <int count>
  __device__ __forceinline__ void pack(Weights<C> &p,
                                       const float (&s)[count]) const {
#pragma unroll
    for (int i = 0; i < count; i += 2)
      p.of[i / 8][i / 2 % 4] = packPair<T>(s[i], s[i + 1]);
  }
  __device__ __forceinline__ void rescale(Tile<C> &t,
                                          const float (&keep)[2]) const {
#pragma unroll
    for (int i = 0; i < C::DV / 2; ++i)
      t.o[i] *= keep[i / 2 % 2];
  }
};

} // namespace attention
} // namespace ft

#endif // FT_KERNELS_SM90_ATTENTION_SOFTMAX_CUH
