//===- gemv_norm.cuh - the prologues of gemv.cuh ----------------*- C++ -*-===//
//
// Normalised rows in shared memory as T, pitch<T>(k) elements apart: fp32
// arithmetic and one rounding, as a norm that is a kernel of its own stores
// them. What is half the size of fp32 leaves a ring of weights more room, and
// one product instead of two of a value and its rest (8 tokens of 8B, gate and
// up: 80 us with the rest, of 52 that the weights take).
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

/// Elements from row to row: two rows' vectors lie in different banks.
template <typename T> __device__ __forceinline__ int pitch(int k) {
  return sizeof(T) == 4 ? (k + 31) / 32 * 32 + 4 : (k + 63) / 64 * 64 + 32;
}

/// All threads of the CTA meet.
struct CtaSync {
  __device__ __forceinline__ void operator()() const { __syncthreads(); }
};

/// Eight values of a vector, and back with one rounding.
template <typename T>
__device__ __forceinline__ void unpackEight(const Vec16 &vector,
                                            float (&v)[8]) {
#pragma unroll
  for (int i = 0; i < 4; ++i)
    unpackPair(vector.word[i], v + 2 * i, T{});
}
template <typename T>
__device__ __forceinline__ Vec16 packEight(const float (&v)[8]) {
  Vec16 vector;
#pragma unroll
  for (int i = 0; i < 4; ++i)
    vector.word[i] = packPair<T>(v[2 * i], v[2 * i + 1]);
  return vector;
}

/// V values of x as fp32; 2 may be one before an odd row's end, 8 are a vector.
template <int V, typename T>
__device__ __forceinline__ void loadValues(const T *x, int k, int end,
                                           float (&v)[V]) {
  if constexpr (V == 8) {
    unpackEight<T>(load16(x + k), v);
  } else {
    v[0] = toFloat(x[k]);
    v[1] = k + 1 < end ? toFloat(x[k + 1]) : 0.0f;
  }
}

/// V values, as loadValues reads them, to shared memory.
template <int V, typename T>
__device__ __forceinline__ void storeValues(T *to, const float (&v)[V]) {
  if constexpr (V == 8) {
    *reinterpret_cast<Vec16 *>(to) = packEight<T>(v);
  } else {
    to[0] = fromFloat<T>(v[0]);
    to[1] = fromFloat<T>(v[1]);
  }
}

/// The sum over warps `first` .. of `warps` that wrote `parts`.
__device__ __forceinline__ float sumOfWarps(const float (&parts)[kWarps],
                                            int first, int warps) {
  float sum = 0;
#pragma unroll
  for (int w = 0; w < kWarps; ++w)
    sum += w >= first && w < first + warps ? parts[w] : 0.0f;
  return sum;
}

/// Rows m0 .. of x normalised, by V values at a time; see normalise.
template <int V, typename T, typename Norm, typename Sync>
__device__ __forceinline__ void normaliseBy(const Problem<T> &p, int m0,
                                            const Norm &norm, T *xs,
                                            const Sync &sync) {
  __shared__ float scratch[2][kWarps];
  int rows = min(p.rows - m0, kMaxM), warps = kWarps; // warps of a row
  while (warps * rows > kWarps)
    warps /= 2;
  int warp = threadIdx.x / 32, m = warp / warps;
  int start = threadIdx.x % (32 * warps) * V, step = 32 * V * warps;
  int end = m < rows ? p.k : 0;
  const T *x = p.x + (m0 + m) * p.xStride;
  xs += m * pitch<T>(p.k);
  auto mean = [&](float v, float (&of)[kWarps]) {
    v = warpSum(v);
    if (threadIdx.x % 32 == 0)
      of[warp] = v;
    sync();
    return sumOfWarps(of, m * warps, warps) / p.k;
  };
  float sum = 0, centre = 0;
#pragma unroll 2
  for (int k = start; k < end; k += step) {
    float v[V];
    loadValues(x, k, end, v);
    storeValues(xs + k, v); // as it was: T holds it
#pragma unroll
    for (int i = 0; i < V; ++i)
      sum += Norm::kCentred ? v[i] : v[i] * v[i];
  }
  float square = mean(sum, scratch[0]);
  if constexpr (Norm::kCentred) {
    centre = square;
    sum = 0;
#pragma unroll 1
    for (int k = start; k < end; k += step) {
      float v[V];
      loadValues(xs, k, end, v);
#pragma unroll
      for (int i = 0; i < V; ++i) {
        float d = k + i < end ? v[i] - centre : 0.0f;
        sum += d * d;
      }
    }
    square = mean(sum, scratch[1]);
  }
  float factor = rsqrtf(square + norm.eps);
#pragma unroll 2
  for (int k = start; k < end; k += step) {
    float v[V];
    loadValues(xs, k, end, v);
#pragma unroll
    for (int i = 0; i < V; ++i) {
      int at = min(k + i, end - 1); // an odd row's last pair has a spare
      v[i] = (v[i] - centre) * factor * norm.weight[at];
      if constexpr (Norm::kCentred)
        v[i] += norm.bias ? norm.bias[at] : 0.0f;
    }
    storeValues(xs + k, v);
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
                                          const Norm &norm, T *xs,
                                          const Sync &sync = {}) {
  normaliseBy<vectors ? 8 : 2>(p, m0, norm, xs, sync);
}

} // namespace gemv
} // namespace ft

#endif // FT_KERNELS_GEMV_NORM_CUH
