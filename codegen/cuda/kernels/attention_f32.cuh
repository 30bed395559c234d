//===- attention_f32.cuh - attention in exact fp32 --------------*- C++ -*-===//
//
// float only, on CUDA cores (no TF32); arguments and grid: attention.cuh.
//
//     attention::runF32<attention::Shape<float, 64, 64, true, true>, BM>(
//         args, score);
//
// A thread has rows ty + 16 i and, of scores and outputs, columns tx + 16 j.
//
// Launch: block kThreadsF32 = 256, __launch_bounds__(256, 1); dynamic shared,
// F32<Shape, BM>::kShared bytes:
//   pitch(x) = roundUp(x, 4) + 4, BN = 32
//   4 * (BM * pitch(D) + max(BN * (pitch(D) + pitch(DV)) + BM * (BN + 1),
//                            BM * (DV + 2)))
//
//===----------------------------------------------------------------------===//
#ifndef FT_KERNELS_ATTENTION_F32_CUH
#define FT_KERNELS_ATTENTION_F32_CUH

#include "attention.cuh"

namespace ft::attention {

constexpr int kThreadsF32 = 256;

template <typename S, int BM> struct F32 {
  static constexpr int kBlock = 32;                          // keys
  static constexpr int kRows = BM / 16, kKeys = kBlock / 16; // of a thread
  static constexpr int kColumns = (S::DV + 15) / 16;         // of a thread
  static constexpr int D = roundUp(S::D, 4), DV = roundUp(S::DV, 4);
  static constexpr int kPitchQK = D + 4, kPitchV = DV + 4;
  static constexpr int kPitchP = kBlock + 1, kPartPitch = S::DV + 2;
  static constexpr int kStages = kBlock * (kPitchQK + kPitchV) + BM * kPitchP;
  static constexpr int kShared =
      4 * (BM * kPitchQK + larger(kStages, BM *kPartPitch));
};

template <typename S, int BM> struct RowsF32 {
  using M = F32<S, BM>;
  float o[M::kRows][M::kColumns] = {};
  float top[M::kRows], sum[M::kRows] = {};
  int position[M::kRows];
  int ty = threadIdx.x / 16, tx = threadIdx.x % 16;

  __device__ RowsF32(const Args<float> &a, const Work &w) {
#pragma unroll
    for (int i = 0; i < M::kRows; ++i) {
      top[i] = __int_as_float(0xff800000);
      position[i] = rowPosition<S>(a, w, ty + 16 * i);
    }
  }

  /// The exponentials of the block at j0, to `p`.
  template <typename Score>
  __device__ void probabilities(const Args<float> &a, const Work &w,
                                const Score &score, const float *q,
                                const float *k, float *p, int j0) {
    float s[M::kRows][M::kKeys] = {};
#pragma unroll 2
    for (int d = 0; d < M::D; d += 4) {
      float x[M::kRows][4], y[M::kKeys][4];
#pragma unroll
      for (int i = 0; i < M::kRows; ++i)
        loadFour(q + (ty + 16 * i) * M::kPitchQK + d, x[i]);
#pragma unroll
      for (int j = 0; j < M::kKeys; ++j)
        loadFour(k + (tx + 16 * j) * M::kPitchQK + d, y[j]);
#pragma unroll
      for (int i = 0; i < M::kRows; ++i)
#pragma unroll
        for (int j = 0; j < M::kKeys; ++j)
#pragma unroll
          for (int e = 0; e < 4; ++e)
            s[i][j] += x[i][e] * y[j][e];
    }
#pragma unroll
    for (int i = 0; i < M::kRows; ++i) {
      int head = w.firstHead + (ty + 16 * i) % w.heads;
#pragma unroll
      for (int j = 0; j < M::kKeys; ++j) {
        int key = j0 + tx + 16 * j;
        float x = score(s[i][j] * a.scale, float(head), float(position[i]),
                        float(key));
        s[i][j] = visible<S>(w, a.window, position[i], key)
                      ? x
                      : __int_as_float(0xff800000);
      }
      rescale(i, s[i], p + (ty + 16 * i) * M::kPitchP);
    }
  }

  /// A row's sixteen threads are one half of a warp.
  __device__ void rescale(int i, float (&s)[M::kKeys], float *p) {
    float next = top[i];
#pragma unroll
    for (int j = 0; j < M::kKeys; ++j)
      next = fmaxf(next, s[j]);
#pragma unroll
    for (int offset = 1; offset < 16; offset *= 2)
      next = fmaxf(next, __shfl_xor_sync(~0u, next, offset));
    float pivot = next == __int_as_float(0xff800000) ? 0.0f : next;
    float keep = expf(top[i] - pivot);
    top[i] = next;
    sum[i] *= keep;
#pragma unroll
    for (int j = 0; j < M::kKeys; ++j) {
      float e = expf(s[j] - pivot);
      sum[i] += e;
      p[tx + 16 * j] = e;
    }
#pragma unroll
    for (int c = 0; c < M::kColumns; ++c)
      o[i][c] *= keep;
  }

  __device__ void values(const float *p, const float *v) {
#pragma unroll 2
    for (int j = 0; j < M::kBlock; ++j) {
      float x[M::kRows];
#pragma unroll
      for (int i = 0; i < M::kRows; ++i)
        x[i] = p[(ty + 16 * i) * M::kPitchP + j];
#pragma unroll
      for (int c = 0; c < M::kColumns; ++c) {
        // The last columns may lie in the padding or beyond: not stored.
        float y = v[j * M::kPitchV + min(tx + 16 * c, S::DV - 1)];
#pragma unroll
        for (int i = 0; i < M::kRows; ++i)
          o[i][c] += x[i] * y;
      }
    }
  }

  /// To [BM][kPartPitch] in shared memory.
  __device__ void put(float *to) {
#pragma unroll
    for (int i = 0; i < M::kRows; ++i) {
      float *row = to + (ty + 16 * i) * M::kPartPitch;
#pragma unroll
      for (int offset = 1; offset < 16; offset *= 2)
        sum[i] += __shfl_xor_sync(~0u, sum[i], offset);
      if (tx == 0) {
        row[S::DV] = top[i];
        row[S::DV + 1] = sum[i];
      }
#pragma unroll
      for (int c = 0; c < M::kColumns; ++c)
        if (tx + 16 * c < S::DV)
          row[tx + 16 * c] = o[i][c];
    }
  }
};

template <typename S, int BM, typename Score>
__device__ __forceinline__ void runF32(const Args<float> &a,
                                       const Score &score) {
  using M = F32<S, BM>;
  launchDependents();
  dependencyWait();
  Work w;
  if (!makeWork<S, BM, M::kBlock>(a, w))
    return;
  float *q = dynamicShared<float>(), *k = q + BM * M::kPitchQK;
  float *v = k + M::kBlock * M::kPitchQK, *p = v + M::kBlock * M::kPitchV;
  bool wide = rowsAligned<S>(a);
  stage<BM, S::D, M::D, M::kPitchQK, kThreadsF32>(q, a.q, wide, [&](int r) {
    return r < w.tokens * w.heads
               ? a.q + (w.firstToken + r / w.heads) * a.qStride +
                     (w.firstHead + r % w.heads) * S::D
               : nullptr;
  });
  RowsF32<S, BM> rows(a, w);
#pragma unroll 1
  for (int j0 = w.begin; j0 < w.end; j0 += M::kBlock) {
    stage<M::kBlock, S::D, M::D, M::kPitchQK, kThreadsF32>(
        k, a.k, wide, KeyRows<S, M::kBlock, S::D>(a, w, a.k, a.kStride, j0));
    stage<M::kBlock, S::DV, M::DV, M::kPitchV, kThreadsF32>(
        v, a.v, wide, KeyRows<S, M::kBlock, S::DV>(a, w, a.v, a.vStride, j0));
    commitCopies();
    waitCopies<0>();
    __syncthreads();
    rows.probabilities(a, w, score, q, k, p, j0);
    __syncwarp(); // a row of p is written and read by one warp
    rows.values(p, v);
    __syncthreads();
  }
  waitCopies<0>();
  __syncthreads();
  rows.put(k);
  __syncthreads();
  finish<S, BM, 1, M::kPartPitch, kThreadsF32, false>(a, w, k);
}

} // namespace ft::attention

#endif // FT_KERNELS_ATTENTION_F32_CUH
