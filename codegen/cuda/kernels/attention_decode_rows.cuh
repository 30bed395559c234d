//===- attention_decode_rows.cuh - 16 rows against a block of keys -*- C++
//-*-===//
//
// The arithmetic of attention_decode.cuh: four warps, 16 rows and 32 keys. For
// the scores a warp has 8 of the keys, for the values a quarter of the columns;
// between the two, maxima and exponentials go through shared memory.
//
//===----------------------------------------------------------------------===//
#ifndef FT_KERNELS_ATTENTION_DECODE_ROWS_CUH
#define FT_KERNELS_ATTENTION_DECODE_ROWS_CUH

#include "attention_decode_merge.cuh"
#include "attention_mma.cuh"

namespace ft::attention {

/// One thread's part. Rows lane / 4 and lane / 4 + 8; of every 16 columns that
/// its warp has, two of each 8 from lane % 4 * 2 on.
template <typename S> class DecodeRows {
public:
  using T = typename S::T;
  static constexpr int BN = kDecodeBlock;
  static constexpr int D = roundUp(S::D, 32), DV = roundUp(S::DV, 16);
  static constexpr int kPitchQK = D + 8, kPitchV = DV + 8, kPitchP = BN + 8;
  static constexpr int kPairs = DV / 16;              // 16 columns each
  static constexpr int kWarpPairs = (kPairs + 3) / 4; // of a warp
  /// Bytes of shared memory: exponentials, maxima and sums of each warp.
  static constexpr int kScratch = 2 * 16 * kPitchP + 512;

  __device__ __forceinline__ DecodeRows(const Args<T> &a, T *scratch)
      : a_(a), p_(scratch),
        rows_(reinterpret_cast<float *>(scratch + 16 * kPitchP)) {}

  __device__ __forceinline__ void begin(const Piece &piece) {
#pragma unroll
    for (int i = 0; i < 2; ++i) {
      int r = lane() / 4 + 8 * i;
      top_[i] = __int_as_float(0xff800000);
      sum_[i] = 0;
      position_[i] = rowPosition<S>(a_, piece.work, r);
      head_[i] = piece.work.firstHead + r % piece.work.heads;
    }
#pragma unroll
    for (int w = 0; w < kWarpPairs; ++w)
#pragma unroll
      for (int c = 0; c < 8; ++c)
        o_[w][c / 4][c % 4] = 0;
  }

  /// s = q k^T for this warp's 8 keys; even and odd steps in two chains.
  __device__ __forceinline__ void scores(const T *q, const T *k) {
    q += lane() % 16 * kPitchQK + lane() / 16 * 8;
    k += (warp() * 8 + lane() % 8) * kPitchQK + lane() / 8 * 8;
    float odd[4] = {};
#pragma unroll
    for (int i = 0; i < 4; ++i)
      s_[i] = 0;
#pragma unroll
    for (int d = 0; d < D; d += 32) {
      u32 x[4], y[4], z[4];
      loadMatrices<false>(z, k + d);
      loadMatrices<false>(x, q + d);
      loadMatrices<false>(y, q + d + 16);
      multiplyAdd(s_, x, z[0], z[1], T{});
      multiplyAdd(odd, y, z[2], z[3], T{});
    }
#pragma unroll
    for (int i = 0; i < 4; ++i)
      s_[i] += odd[i];
  }

  /// Scores in base 2, masked; this warp's maxima to shared memory.
  template <typename Score>
  __device__ __forceinline__ void mask(const Piece &p, int b,
                                       const Score &score) {
    int j0 = p.work.begin + b * BN;
    bool masked = blockNeedsMask<S, BN>(p.work, a_.window, j0);
    float factor = Score::kIdentity ? a_.scale * kLog2e : a_.scale;
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      int j = j0 + warp() * 8 + lane() % 4 * 2 + i % 2;
      float x = s_[i] * factor;
      if constexpr (!Score::kIdentity)
        x = kLog2e *
            score(x, float(head_[i / 2]), float(position_[i / 2]), float(j));
      if (masked && !visible<S>(p.work, a_.window, position_[i / 2], j))
        x = __int_as_float(0xff800000);
      s_[i] = x;
    }
#pragma unroll
    for (int i = 0; i < 2; ++i) {
      float most = fmaxf(s_[2 * i], s_[2 * i + 1]);
      most = fmaxf(most, __shfl_xor_sync(~0u, most, 1));
      most = fmaxf(most, __shfl_xor_sync(~0u, most, 2));
      if (lane() % 4 == 0)
        rows_[warp() * 16 + lane() / 4 + 8 * i] = most;
    }
  }

  /// To shared memory as T; rescales what came before.
  __device__ __forceinline__ void exponentials() {
#pragma unroll
    for (int i = 0; i < 2; ++i) {
      int r = lane() / 4 + 8 * i;
      float next = top_[i];
#pragma unroll
      for (int w = 0; w < 4; ++w)
        next = fmaxf(next, rows_[w * 16 + r]);
      float pivot = next == __int_as_float(0xff800000) ? 0.0f : next;
      float keep = exponential2(top_[i] - pivot);
      top_[i] = next;
      float x = exponential2(s_[2 * i] - pivot);
      float y = exponential2(s_[2 * i + 1] - pivot);
      sum_[i] = sum_[i] * keep + x + y;
      *reinterpret_cast<u32 *>(p_ + r * kPitchP + warp() * 8 + lane() % 4 * 2) =
          packPair<T>(x, y);
#pragma unroll
      for (int w = 0; w < kWarpPairs; ++w)
#pragma unroll
        for (int t = 0; t < 2; ++t) {
          o_[w][t][2 * i] *= keep;
          o_[w][t][2 * i + 1] *= keep;
        }
    }
  }

  /// o += exponentials * v for this warp's columns.
  __device__ __forceinline__ void values(const T *v) {
    const T *p = p_ + lane() % 16 * kPitchP + lane() / 16 * 8;
    v += lane() % 16 * kPitchV + lane() / 16 * 8 + warp() * 16;
#pragma unroll
    for (int j = 0; j < BN; j += 16) {
      u32 x[4], y[4];
      loadMatrices<false>(x, p + j);
#pragma unroll
      for (int w = 0; w < kWarpPairs; ++w)
        if (w * 4 + warp() < kPairs) {
          loadMatrices<true>(y, v + j * kPitchV + w * 64);
          multiplyAdd(o_[w][0], x, y[0], y[1], T{});
          multiplyAdd(o_[w][1], x, y[2], y[3], T{});
        }
    }
  }

  /// The warps' sums of exponentials, in order. Shared memory is free after.
  __device__ __forceinline__ void total() {
#pragma unroll
    for (int i = 0; i < 2; ++i) {
      sum_[i] += __shfl_xor_sync(~0u, sum_[i], 1);
      sum_[i] += __shfl_xor_sync(~0u, sum_[i], 2);
      if (lane() % 4 == 0)
        rows_[64 + warp() * 16 + lane() / 4 + 8 * i] = sum_[i];
    }
    __syncthreads();
#pragma unroll
    for (int i = 0; i < 2; ++i) {
      sum_[i] = 0;
#pragma unroll
      for (int w = 0; w < 4; ++w)
        sum_[i] += rows_[64 + w * 16 + lane() / 4 + 8 * i];
    }
  }

  /// done(row, column, value, maximum, sum) for this thread's part of rows.
  template <typename Done>
  __device__ __forceinline__ void each(const Done &done) const {
    int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
#pragma unroll
    for (int w = 0; w < kWarpPairs; ++w)
#pragma unroll
      for (int c = 0; c < 8; ++c) {
        int half = c % 4 / 2, pair = w * 4 + warp;
        int column = pair * 16 + c / 4 * 8 + lane % 4 * 2 + c % 2;
        if (pair < kPairs && column < S::DV)
          done(lane / 4 + 8 * half, column, o_[w][c / 4][c % 4], top_[half],
               sum_[half]);
      }
  }

private:
  static __device__ __forceinline__ int lane() { return threadIdx.x % 32; }
  static __device__ __forceinline__ int warp() { return threadIdx.x / 32; }

  const Args<T> &a_;
  T *p_;
  float *rows_; // of each warp: 16 maxima; then 16 sums
  float s_[4], top_[2], sum_[2];
  float o_[kWarpPairs][2][4];
  int position_[2], head_[2];
};

} // namespace ft::attention

#endif // FT_KERNELS_ATTENTION_DECODE_ROWS_CUH
