//===- attention_mma.cuh - attention on mma.m16n8k16 ------------*- C++ -*-===//
//
// f16 and bf16, sm_80 and later; arguments and grid: attention.cuh.
//
//     attention::runMma<attention::Shape<bf16, 128, 128, true, true>, BM>(
//         args, score);
//
// BM = 64: four warps, 16 rows each, share the keys of a block; BM = 16: every
// warp has the same 16 rows and a quarter of the block's keys.
//
// Launch: block kThreads = 128, __launch_bounds__(128, 1); dynamic shared,
// Mma<Shape, BM>::kShared bytes:
//   pad(x) = roundUp(x, 16), pitch(x) = pad(x) + 8
//   BN = BM == 64 && max(D, DV) > 128 ? 32 : 64
//   2 * BM * pitch(D) +
//     max(4 * BN * (pitch(D) + pitch(DV)), 256 * (pad(DV) + 2))
//
//===----------------------------------------------------------------------===//
#ifndef FT_KERNELS_ATTENTION_MMA_CUH
#define FT_KERNELS_ATTENTION_MMA_CUH

#include "attention.cuh"
#include "mma.cuh"

namespace ft::attention {

constexpr int kThreads = 128;

template <typename S, int BM> struct Mma {
  static constexpr int kAlong = BM / 16;    // warps along rows
  static constexpr int kParts = 4 / kAlong; // warps along keys
  static constexpr int kBlock =
      BM == 64 && larger(S::D, S::DV) > 128 ? 32 : 64; // keys
  static constexpr int kKeys = kBlock / kParts;        // of a warp
  static constexpr int D = roundUp(S::D, 16), DV = roundUp(S::DV, 16);
  static constexpr int kDepth = larger(D, DV) > 128 ? 1 : 4; // unrolled steps
  static constexpr int kPitchQK = D + 8, kPitchV = DV + 8;
  static constexpr int kStage = kBlock * (kPitchQK + kPitchV); // elements
  static constexpr int kPartPitch = DV + 2;                    // floats
  static constexpr int kQ = BM * kPitchQK;
  static constexpr int kShared =
      2 * kQ + larger(4 * kStage, 4 * kParts * BM * kPartPitch);
};

/// One warp's 16 rows. A lane holds rows lane / 4 and lane / 4 + 8 of every
/// fragment, and of each 8 columns the two from lane % 4 * 2 on.
template <typename S, int BM> struct Rows {
  using T = typename S::T;
  using M = Mma<S, BM>;
  static constexpr int kTiles = M::kKeys / 8;
  float s[kTiles][4];
  float o[M::DV / 8][4] = {};
  float top[2], sum[2] = {};
  int position[2], head[2];

  __device__ Rows(const Args<T> &a, const Work &w) {
    int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
#pragma unroll
    for (int i = 0; i < 2; ++i) {
      int r = warp / M::kParts * 16 + lane / 4 + 8 * i;
      top[i] = __int_as_float(0xff800000);
      position[i] = rowPosition<S>(a, w, r);
      head[i] = w.firstHead + r % w.heads;
    }
  }

  /// s = q k^T for this warp's keys.
  __device__ void scores(const T *q, const T *k) {
    int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
    q += (warp / M::kParts * 16 + lane % 16) * M::kPitchQK + lane / 16 * 8;
    k +=
        (warp % M::kParts * M::kKeys + lane / 16 * 8 + lane % 8) * M::kPitchQK +
        lane / 8 % 2 * 8;
#pragma unroll
    for (int t = 0; t < kTiles; ++t)
#pragma unroll
      for (int i = 0; i < 4; ++i)
        s[t][i] = 0;
#pragma unroll M::kDepth
    for (int d = 0; d < M::D; d += 16) {
      u32 a[4], b[4];
      loadMatrices<false>(a, q + d);
#pragma unroll
      for (int t = 0; t < kTiles; t += 2) {
        loadMatrices<false>(b, k + t * 8 * M::kPitchQK + d);
        multiplyAdd(s[t], a, b[0], b[1], T{});
        multiplyAdd(s[t + 1], a, b[2], b[3], T{});
      }
    }
  }

  /// Scores to exponentials, in base 2; rescales what came before.
  template <typename Score>
  __device__ void softmax(const Args<T> &a, const Work &w, const Score &score,
                          int j0) {
    bool masked = blockNeedsMask<S, M::kBlock>(w, a.window, j0);
    float factor = Score::kIdentity ? a.scale * kLog2e : a.scale;
    j0 += threadIdx.x / 32 % M::kParts * M::kKeys + threadIdx.x % 4 * 2;
#pragma unroll
    for (int t = 0; t < kTiles; ++t)
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        float x = s[t][i] * factor;
        int j = j0 + t * 8 + i % 2;
        if constexpr (!Score::kIdentity)
          x = kLog2e *
              score(x, float(head[i / 2]), float(position[i / 2]), float(j));
        if (masked && !visible<S>(w, a.window, position[i / 2], j))
          x = __int_as_float(0xff800000);
        s[t][i] = x;
      }
#pragma unroll
    for (int i = 0; i < 2; ++i)
      rescale(i);
  }

  __device__ void rescale(int i) {
    float next = top[i];
#pragma unroll
    for (int t = 0; t < kTiles; ++t)
      next = fmaxf(next, fmaxf(s[t][2 * i], s[t][2 * i + 1]));
    next = fmaxf(next, __shfl_xor_sync(~0u, next, 1));
    next = fmaxf(next, __shfl_xor_sync(~0u, next, 2));
    float pivot = next == __int_as_float(0xff800000) ? 0.0f : next;
    float keep = exponential2(top[i] - pivot);
    top[i] = next;
    sum[i] *= keep;
#pragma unroll
    for (int t = 0; t < kTiles; ++t)
#pragma unroll
      for (int c = 2 * i; c < 2 * i + 2; ++c) {
        s[t][c] = exponential2(s[t][c] - pivot);
        sum[i] += s[t][c];
      }
#pragma unroll
    for (int t = 0; t < M::DV / 8; ++t) {
      o[t][2 * i] *= keep;
      o[t][2 * i + 1] *= keep;
    }
  }

  /// o += exponentials * v.
  __device__ void values(const T *v) {
    int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
    v += (warp % M::kParts * M::kKeys + lane % 16) * M::kPitchV + lane / 16 * 8;
#pragma unroll
    for (int t = 0; t < kTiles; t += 2) {
      u32 a[4] = {packPair<T>(s[t][0], s[t][1]), packPair<T>(s[t][2], s[t][3]),
                  packPair<T>(s[t + 1][0], s[t + 1][1]),
                  packPair<T>(s[t + 1][2], s[t + 1][3])};
#pragma unroll
      for (int d = 0; d < M::DV / 8; d += 2) {
        u32 b[4];
        loadMatrices<true>(b, v + t * 8 * M::kPitchV + d * 8);
        multiplyAdd(o[d], a, b[0], b[1], T{});
        multiplyAdd(o[d + 1], a, b[2], b[3], T{});
      }
    }
  }

  /// To [parts][BM][kPartPitch] in shared memory.
  __device__ void put(float *parts) {
    int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
#pragma unroll
    for (int i = 0; i < 2; ++i) {
      int r = warp / M::kParts * 16 + lane / 4 + 8 * i;
      float *to = parts + (warp % M::kParts * BM + r) * M::kPartPitch;
      sum[i] += __shfl_xor_sync(~0u, sum[i], 1);
      sum[i] += __shfl_xor_sync(~0u, sum[i], 2);
      if (lane % 4 == 0) {
        to[S::DV] = top[i];
        to[S::DV + 1] = sum[i];
      }
#pragma unroll
      for (int t = 0; t < M::DV / 8; ++t)
#pragma unroll
        for (int c = 0; c < 2; ++c)
          if (int column = t * 8 + lane % 4 * 2 + c; column < S::DV)
            to[column] = o[t][2 * i + c];
    }
  }
};

template <typename S, int BM>
__device__ __forceinline__ void stageKeys(const Args<typename S::T> &a,
                                          const Work &w, bool wide,
                                          typename S::T *to, int j0) {
  using M = Mma<S, BM>;
  stage<M::kBlock, S::D, M::D, M::kPitchQK, kThreads>(
      to, a.k, wide, KeyRows<S, M::kBlock, S::D>(a, w, a.k, a.kStride, j0));
  stage<M::kBlock, S::DV, M::DV, M::kPitchV, kThreads>(
      to + M::kBlock * M::kPitchQK, a.v, wide,
      KeyRows<S, M::kBlock, S::DV>(a, w, a.v, a.vStride, j0));
}

template <typename S, int BM, typename Score>
__device__ __forceinline__ void runMma(const Args<typename S::T> &a,
                                       const Score &score) {
  using T = typename S::T;
  using M = Mma<S, BM>;
  launchDependents();
  T *q = dynamicShared<T>(), *stages = q + M::kQ;
  bool wide = rowsAligned<S>(a);
  Work w; // from the batch's fields, which no kernel of the program writes
  bool some = makeWork<S, BM, M::kBlock>(a, w);
  bool early = some && keysAreOld<S>(a, w, w.begin + M::kBlock);
  if (early)
    stageKeys<S, BM>(a, w, wide, stages, w.begin);
  dependencyWait(); // in every CTA: the kernel after relies on it
  if (!some)
    return;
  stage<BM, S::D, M::D, M::kPitchQK, kThreads>(q, a.q, wide, [&](int r) {
    return r < w.tokens * w.heads
               ? a.q + (w.firstToken + r / w.heads) * a.qStride +
                     (w.firstHead + r % w.heads) * S::D
               : nullptr;
  });
  Rows<S, BM> rows(a, w);
  // Each turn fetches the block after the one it works on; the first, at
  // begin - kBlock, only fetches.
  int turn = 1;
#pragma unroll 1
  for (int j0 = w.begin - M::kBlock; j0 < w.end; j0 += M::kBlock, turn ^= 1) {
    if (j0 + M::kBlock < w.end && (j0 >= w.begin || !early))
      stageKeys<S, BM>(a, w, wide, stages + (turn ^ 1) * M::kStage,
                       j0 + M::kBlock);
    commitCopies();
    if (j0 < w.begin)
      continue;
    waitCopies<1>();
    __syncthreads();
    const T *k = stages + turn * M::kStage;
    rows.scores(q, k);
    rows.softmax(a, w, score, j0);
    rows.values(k + M::kBlock * M::kPitchQK);
    __syncthreads();
  }
  waitCopies<0>();
  __syncthreads();
  float *parts = reinterpret_cast<float *>(stages);
  rows.put(parts);
  __syncthreads();
  finish<S, BM, M::kParts, M::kPartPitch, kThreads, true>(a, w, parts);
}

} // namespace ft::attention

#endif // FT_KERNELS_ATTENTION_MMA_CUH
