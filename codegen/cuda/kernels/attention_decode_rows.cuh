//===- attention_decode_rows.cuh - 16 rows by a block of keys ---*- C++ -*-===//
//
// The arithmetic of attention_decode.cuh: one warp, 16 rows and 16 keys at a
// time, an online softmax of its own; and the sum of the four warps' parts.
//
//===----------------------------------------------------------------------===//
#ifndef FT_KERNELS_ATTENTION_DECODE_ROWS_CUH
#define FT_KERNELS_ATTENTION_DECODE_ROWS_CUH

#include "attention_decode_merge.cuh"
#include "attention_mma.cuh"

namespace ft::attention {

/// A warp's part. A lane has rows lane / 4 and lane / 4 + 8 of every fragment,
/// and of each 8 columns the two from lane % 4 * 2 on.
template <typename S> class DecodeRows {
public:
  using T = typename S::T;
  static constexpr int BN = kDecodeBlock;
  static constexpr int D = roundUp(S::D, 16), DV = roundUp(S::DV, 16);
  static constexpr int kPitchQK = D + 8, kPitchV = DV + 8;

  __device__ __forceinline__ explicit DecodeRows(const Args<T> &a) : a_(a) {}

  /// `q`: the tile's rows in shared memory.
  __device__ __forceinline__ void begin(const Piece &piece, const T *q) {
    q_ = q + lane() % 16 * kPitchQK + lane() / 16 * 8;
    if constexpr (kKeeps)
#pragma unroll
      for (int d = 0; d < D; d += 16)
        loadMatrices<false>(kept_[d / 16], q_ + d);
#pragma unroll
    for (int i = 0; i < 2; ++i) {
      int r = lane() / 4 + 8 * i;
      top_[i] = __int_as_float(0xff800000);
      sum_[i] = 0;
      const Work &w = piece.work;
      int token = r / w.heads;
      position_[i] = w.firstPosition + min(token, w.tokens - 1);
      head_[i] = w.firstHead + r - token * w.heads;
    }
#pragma unroll
    for (int t = 0; t < DV / 8; ++t)
#pragma unroll
      for (int c = 0; c < 4; ++c)
        o_[t][c] = 0;
  }

  /// The block whose keys and values are in shared memory.
  template <typename Score>
  __device__ __forceinline__ void attend(const Piece &p, int b, const T *k,
                                         const T *v, const Score &score) {
    multiplyKeys(k);
    mask(p, b, score);
#pragma unroll
    for (int i = 0; i < 2; ++i)
      rescale(i);
    multiplyValues(v);
  }

  /// To [16][kPartRow] floats: a row's sums, maximum, sum of exponentials.
  __device__ __forceinline__ void put(float *part) {
#pragma unroll
    for (int i = 0; i < 2; ++i) {
      float *to = part + (lane() / 4 + 8 * i) * kPartRow<S>;
      sum_[i] += __shfl_xor_sync(~0u, sum_[i], 1);
      sum_[i] += __shfl_xor_sync(~0u, sum_[i], 2);
      if (lane() % 4 == 0) {
        to[S::DV] = top_[i];
        to[S::DV + 1] = sum_[i];
      }
#pragma unroll
      for (int t = 0; t < DV / 8; ++t)
#pragma unroll
        for (int c = 0; c < 2; ++c)
          if (int column = t * 8 + lane() % 4 * 2 + c; column < S::DV)
            to[column] = o_[t][2 * i + c];
    }
  }

private:
  static constexpr bool kKeeps = D <= 128; // q in registers

  static __device__ __forceinline__ int lane() { return threadIdx.x % 32; }

  __device__ __forceinline__ void multiplyKeys(const T *k) {
    k += (lane() / 16 * 8 + lane() % 8) * kPitchQK + lane() / 8 % 2 * 8;
#pragma unroll
    for (int t = 0; t < 2; ++t)
#pragma unroll
      for (int i = 0; i < 4; ++i)
        s_[t][i] = 0;
#pragma unroll
    for (int d = 0; d < D; d += 16) {
      u32 x[4], y[4];
      loadMatrices<false>(y, k + d);
      if constexpr (!kKeeps)
        loadMatrices<false>(x, q_ + d);
      const u32(&rows)[4] = kKeeps ? kept_[kKeeps ? d / 16 : 0] : x;
      multiplyAdd(s_[0], rows, y[0], y[1], T{});
      multiplyAdd(s_[1], rows, y[2], y[3], T{});
    }
  }

  /// Scores in base 2.
  template <typename Score>
  __device__ __forceinline__ void mask(const Piece &p, int b,
                                       const Score &score) {
    int j0 = p.work.begin + b * BN;
    bool masked = blockNeedsMask<S, BN>(p.work, a_.window, j0);
    float factor = Score::kIdentity ? a_.scale * kLog2e : a_.scale;
#pragma unroll
    for (int t = 0; t < 2; ++t)
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        int j = j0 + t * 8 + lane() % 4 * 2 + i % 2;
        float x = s_[t][i] * factor;
        if constexpr (!Score::kIdentity)
          x = kLog2e *
              score(x, float(head_[i / 2]), float(position_[i / 2]), float(j));
        if (masked && !visible<S>(p.work, a_.window, position_[i / 2], j))
          x = __int_as_float(0xff800000);
        s_[t][i] = x;
      }
  }

  /// Row i's scores to exponentials; what came before on the same scale.
  __device__ __forceinline__ void rescale(int i) {
    float next = fmaxf(fmaxf(s_[0][2 * i], s_[0][2 * i + 1]),
                       fmaxf(s_[1][2 * i], s_[1][2 * i + 1]));
    next = fmaxf(next, __shfl_xor_sync(~0u, next, 1));
    next = fmaxf(top_[i], fmaxf(next, __shfl_xor_sync(~0u, next, 2)));
    float pivot = next == __int_as_float(0xff800000) ? 0.0f : next;
    float keep = exponential2(top_[i] - pivot);
    top_[i] = next;
    sum_[i] *= keep;
#pragma unroll
    for (int t = 0; t < 2; ++t)
#pragma unroll
      for (int c = 2 * i; c < 2 * i + 2; ++c) {
        s_[t][c] = exponential2(s_[t][c] - pivot);
        sum_[i] += s_[t][c];
      }
#pragma unroll
    for (int t = 0; t < DV / 8; ++t) {
      o_[t][2 * i] *= keep;
      o_[t][2 * i + 1] *= keep;
    }
  }

  __device__ __forceinline__ void multiplyValues(const T *v) {
    v += lane() % 16 * kPitchV + lane() / 16 * 8;
    u32 x[4] = {
        packPair<T>(s_[0][0], s_[0][1]), packPair<T>(s_[0][2], s_[0][3]),
        packPair<T>(s_[1][0], s_[1][1]), packPair<T>(s_[1][2], s_[1][3])};
#pragma unroll
    for (int d = 0; d < DV; d += 16) {
      u32 y[4];
      loadMatrices<true>(y, v + d);
      multiplyAdd(o_[d / 8], x, y[0], y[1], T{});
      multiplyAdd(o_[d / 8 + 1], x, y[2], y[3], T{});
    }
  }

  const Args<T> &a_;
  const T *q_;
  u32 kept_[kKeeps ? D / 16 : 1][4];
  float s_[2][4], top_[2], sum_[2];
  float o_[DV / 8][4];
  int position_[2], head_[2];
};

/// done(vector, four values, maximum, sum) for every four neighbours of the sum
/// of a CTA's parts; thread t has vectors t, t + 128, ... part(w): what
/// DecodeRows::put left of warp w.
template <typename S, typename Part, typename Done>
__device__ __forceinline__ void eachFour(int vectors, const Part &part,
                                         const Done &done) {
  constexpr int kWarps = kDecodeThreads / 32, kRowVectors = S::DV / 4;
#pragma unroll 1
  for (int v = threadIdx.x; v < vectors; v += kDecodeThreads) {
    int r = v / kRowVectors, c = (v - r * kRowVectors) * 4;
    float tops[kWarps], sums[kWarps], values[kWarps][4];
#pragma unroll
    for (int w = 0; w < kWarps; ++w) {
      const float *row = part(w) + r * kPartRow<S>;
      tops[w] = row[S::DV];
      sums[w] = row[S::DV + 1];
      loadFour(row + c, values[w]);
    }
    Merged<4> merged;
    merged.add(tops, sums, values);
    done(v, merged.value, merged.top, merged.sum);
  }
}

} // namespace ft::attention

#endif // FT_KERNELS_ATTENTION_DECODE_ROWS_CUH
