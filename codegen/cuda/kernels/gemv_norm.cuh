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

/// V values of x as fp32; 2 may be one before an odd row's end, 8 are a vector.
template <int V, typename T>
__device__ __forceinline__ void loadValues(const T *x, int k, int end,
                                           float (&v)[V]) {
  if constexpr (V == 8) {
    Vec16 vector = load16(x + k);
#pragma unroll
    for (int i = 0; i < 4; ++i)
      unpackPair(vector.word[i], *reinterpret_cast<float(*)[2]>(v + 2 * i),
                 T{});
  } else {
    v[0] = toFloat(x[k]);
    v[1] = k + 1 < end ? toFloat(x[k + 1]) : 0.0f;
  }
}

/// Rows m0 .. of x normalised, by V values at a time; see normalise.
template <int V, typename T, typename Norm, typename Sync>
__device__ __forceinline__ void normaliseBy(const Problem<T> &p, int m0,
                                            const Norm &norm, float *xs,
                                            const Sync &sync) {
  __shared__ float scratch[2][kWarps];
  int rows = min(p.rows - m0, kMaxM), warps = kWarps; // warps of a row
  while (warps * rows > kWarps)
    warps /= 2;
  int warp = threadIdx.x / 32, m = warp / warps;
  int start = threadIdx.x % (32 * warps) * V, step = 32 * V * warps;
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
    float v[V];
    loadValues(x, k, end, v);
#pragma unroll
    for (int i = 0; i < V; ++i) {
      xs[k + i] = v[i];
      sum += Norm::kCentred ? v[i] : v[i] * v[i];
    }
  }
  float square = total(sum, scratch[0]);
  if constexpr (Norm::kCentred) {
    mean = square;
    sum = 0;
#pragma unroll 2
    for (int k = start; k < end; k += step)
#pragma unroll
      for (int i = 0; i < V; ++i) {
        float d = k + i < end ? xs[k + i] - mean : 0.0f;
        sum += d * d;
      }
    square = total(sum, scratch[1]);
  }
  float factor = 1.0f / sqrtf(square + norm.eps);
#pragma unroll 2
  for (int k = start; k < end; k += step)
#pragma unroll
    for (int i = 0; i < V; i += 2) {
      float pair[2];
#pragma unroll
      for (int j = 0; j < 2; ++j) {
        int at = min(k + i + j, end - 1); // an odd row's last pair has a spare
        pair[j] = (xs[k + i + j] - mean) * factor * norm.weight[at];
        if constexpr (Norm::kCentred)
          pair[j] += norm.bias ? norm.bias[at] : 0.0f;
      }
      storePair<T>(pair);
      xs[k + i] = pair[0];
      xs[k + i + 1] = pair[1];
    }
  sync();
}

/// Rows m0 .. of x, at most kMaxM and to the true count, normalised, to `xs`.
/// The warps share the rows; a thread has the same values throughout.
/// Threads 0 .. kThreads - 1 call, and `sync` lets just them meet. `vectors`:
/// rows of x are on 16 bytes and k is a multiple of 8.
template <bool vectors = false, typename T, typename Norm,
          typename Sync = CtaSync>
__device__ __forceinline__ void normalise(const Problem<T> &p, int m0,
                                          const Norm &norm, float *xs,
                                          const Sync &sync = {}) {
  normaliseBy<vectors ? 8 : 2>(p, m0, norm, xs, sync);
}

} // namespace gemv
} // namespace ft

#endif // FT_KERNELS_GEMV_NORM_CUH
