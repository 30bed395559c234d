//===- gemv_norm.cuh - the prologues of gemv.cuh -----------------*- C++
//-*-===//
//
// Normalised rows in shared memory, pitch(k) floats apart: fp32 for float; for
// f16 and bf16 every two values as four of T, hi hi lo lo, value = hi + lo.
//
//===----------------------------------------------------------------------===//
#ifndef FT_KERNELS_GEMV_NORM_CUH
#define FT_KERNELS_GEMV_NORM_CUH

#include "common.cuh"

namespace ft {

struct NoNorm {
  static constexpr bool kPresent = false, kCentred = false;
};
struct RmsNorm {
  static constexpr bool kPresent = true, kCentred = false;
  const float *weight;
  float eps;
};
struct LayerNorm {
  static constexpr bool kPresent = true, kCentred = true;
  const float *weight;
  const float *bias; // or null
  float eps;
};

namespace gemv {

constexpr int kThreads = 256;
constexpr int kWarps = kThreads / 32;
constexpr int kMaxM = 8;

template <typename T> struct Problem {
  const T *x;
  i64 xStride;
  const T *w;
  int n, k;
  int rows; // true count of x's rows
};

/// 4 more than a multiple of 32: two rows' vectors are in different banks.
__device__ __forceinline__ int pitch(int k) { return (k + 31) / 32 * 32 + 4; }

/// Replaces two fp32 values by what the products read.
template <typename T> __device__ __forceinline__ void storePair(float *at) {
  if constexpr (sizeof(T) == 2) {
    float high[2], rest[2];
    u32 word = packPair<T>(at[0], at[1]);
    unpackPair(word, high, T{});
#pragma unroll
    for (int i = 0; i < 2; ++i) // nothing is left of an infinite value
      rest[i] = fabsf(high[i]) <= 3.4e38f ? at[i] - high[i] : 0.0f;
    at[0] = __uint_as_float(word);
    at[1] = __uint_as_float(packPair<T>(rest[0], rest[1]));
  }
}
template <typename T>
__device__ __forceinline__ float storedValue(const float *row, int k) {
  if constexpr (sizeof(T) == 4)
    return row[k];
  float high[2], rest[2];
  unpackPair(__float_as_uint(row[k / 2 * 2]), high, T{});
  unpackPair(__float_as_uint(row[k / 2 * 2 + 1]), rest, T{});
  return k % 2 ? high[1] + rest[1] : high[0] + rest[0];
}
template <>
__device__ __forceinline__ float storedValue<float>(const float *row, int k) {
  return row[k];
}

/// All threads of the CTA meet.
struct CtaSync {
  __device__ __forceinline__ void operator()() const { __syncthreads(); }
};

/// Rows m0 .. of x, at most kMaxM and to the true count, normalised, to `xs`.
/// The warps share the rows; a thread has the same pairs of values throughout.
/// Threads 0 .. kThreads - 1 call, and `sync` lets just them meet.
template <typename T, typename Norm, typename Sync = CtaSync>
__device__ __forceinline__ void normalise(const Problem<T> &p, int m0,
                                          const Norm &norm, float *xs,
                                          const Sync &sync = {}) {
  __shared__ float scratch[2][kWarps];
  int rows = min(p.rows - m0, kMaxM), warps = kWarps; // warps of a row
  while (warps * rows > kWarps)
    warps /= 2;
  int warp = threadIdx.x / 32, m = warp / warps;
  int start = threadIdx.x % (32 * warps) * 2, step = 64 * warps;
  int end = m < rows ? p.k : 0;
  const T *x = p.x + (m0 + m) * p.xStride;
  xs += m * pitch(p.k);
  auto total = [&](float v, float *of) {
    v = warpSum(v);
    if (threadIdx.x % 32 == 0)
      of[warp] = v;
    sync();
    v = 0;
    for (int w = 0; w < warps; ++w)
      v += of[m * warps + w];
    return v / p.k;
  };
  float sum = 0, mean = 0;
#pragma unroll 4
  for (int k = start; k < end; k += step) {
    bool both = k + 1 < end;
    float v = toFloat(x[k]), v2 = both ? toFloat(x[k + 1]) : 0.0f;
    xs[k] = v;
    xs[k + 1] = v2;
    sum += Norm::kCentred ? v + v2 : v * v + v2 * v2;
  }
  float square = total(sum, scratch[0]);
  if constexpr (Norm::kCentred) {
    mean = square;
    sum = 0;
#pragma unroll 2
    for (int k = start; k < end; k += step) {
      float d = xs[k] - mean, d2 = k + 1 < end ? xs[k + 1] - mean : 0.0f;
      sum += d * d + d2 * d2;
    }
    square = total(sum, scratch[1]);
  }
  float factor = 1.0f / sqrtf(square + norm.eps);
#pragma unroll 2
  for (int k = start; k < end; k += step) {
#pragma unroll
    for (int i = 0; i < 2; ++i) {
      int at = min(k + i, end - 1); // an odd row's last pair has a spare value
      float v = (xs[k + i] - mean) * factor * norm.weight[at];
      if constexpr (Norm::kCentred)
        v += norm.bias ? norm.bias[at] : 0.0f;
      xs[k + i] = v;
    }
    storePair<T>(xs + k);
  }
  sync();
}

} // namespace gemv
} // namespace ft

#endif // FT_KERNELS_GEMV_NORM_CUH
