//===- gemv.cuh - linear layers of a few rows -------------------*- C++ -*-===//
//
// y[m, n] = epilogue(sum over k of prologue(x[m])[k] * w[n, k]); x: [rows, k]
// with `xStride` elements between rows, w: [n, k] row-major, fp32 sums.
// Meant for 1 .. 8 rows (any count is right; w is read once per 8 rows).
//
// Prologue: NoNorm, RmsNorm or LayerNorm (fp32 weights, result kept in fp32;
// every CTA normalises for itself).
// Epilogue: a functor, called once for every output element:
//     struct Epilogue {
//       static constexpr bool kGated = false;
//       ...pointers...
//       __device__ void operator()(int m, int n, float y) const; // stores
//     };
// With kGated, w has two halves of n / 2 rows and the call is (m, j, y of row
// j, y of row n / 2 + j) for j < n / 2.
//
// Launch: block kThreads = 512; grid = multiprocessors of the target (any size
// is right). Dynamic shared: 0 for NoNorm, else min(bound of rows, 8) *
// roundUp(k, 8) * 4 bytes, which bounds k: with 4 KB static it must fit the
// target's shared memory (227 KB on sm_90a, 163 KB on sm_80).
//
// Each CTA owns a balanced run of output rows; its warps take kRows of them at
// a time, and split k where there are more warps than such groups. Sums are
// made in an order that depends on n, k and the grid only.
//
//===----------------------------------------------------------------------===//
#ifndef FT_KERNELS_GEMV_CUH
#define FT_KERNELS_GEMV_CUH

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

constexpr int kThreads = 512;
constexpr int kWarps = kThreads / 32;
constexpr int kRows = 4;   // weight rows of a warp's group
/// 16-byte loads a lane has in flight: 2 * kRows * this; fewer where the sums
/// need the registers.
template <int M> constexpr int kUnroll = M <= 2 ? 2 : 1;
constexpr int kMaxM = 8;

template <typename T> struct Problem {
  const T *x;
  i64 xStride;
  const T *w;
  int n, k;
  int rows;   // true count of x's rows
  bool wide;  // 16-byte loads are possible
};

/// The output rows [begin, end) of this CTA and how its warps share them.
struct Share {
  int begin, end; // gated: of n / 2
  int groups;     // of kRows weight rows (gated: kRows / 2 outputs)
  int splits;     // warps that share one group along k
};

template <bool gated> __device__ __forceinline__ Share makeShare(int n) {
  constexpr int per = gated ? kRows / 2 : kRows;
  int outputs = gated ? n / 2 : n;
  Share s;
  s.begin = int(i64(outputs) * blockIdx.x / gridDim.x);
  s.end = int(i64(outputs) * (blockIdx.x + 1) / gridDim.x);
  s.groups = (s.end - s.begin + per - 1) / per;
  s.splits = 1;
  while (s.splits * 2 * s.groups <= kWarps)
    s.splits *= 2;
  return s;
}

//===----------------------------------------------------------------------===//
// The normalised x in shared memory
//===----------------------------------------------------------------------===//

/// Where element k of a row lies: both halves of a lane's 8 values apart, so
/// that a warp's 16-byte reads touch every bank once.
template <typename T> __device__ __forceinline__ int place(int k, int width) {
  if constexpr (sizeof(T) == 4)
    return k;
  return (k % 8 / 4) * (width / 2) + k / 8 * 4 + k % 4;
}
__device__ __forceinline__ int paddedWidth(int k) { return (k + 7) / 8 * 8; }

/// Sums of one value a row over the CTA, in fixed order, in every thread.
template <int M>
__device__ __forceinline__ void ctaSum(float (&v)[M],
                                       float (*scratch)[kWarps]) {
#pragma unroll
  for (int m = 0; m < M; ++m) {
    float s = warpSum(v[m]);
    if (threadIdx.x % 32 == 0)
      scratch[m][threadIdx.x / 32] = s;
  }
  __syncthreads();
#pragma unroll
  for (int m = 0; m < M; ++m) {
    v[m] = 0;
    for (int w = 0; w < kWarps; ++w)
      v[m] += scratch[m][w];
  }
  __syncthreads();
}

/// Rows m0 .. m0+M-1 of x, clamped to the true count, normalised, to `xs`.
/// Every thread rescales the elements that it stored itself.
template <int M, typename T, typename Norm>
__device__ void normalise(const Problem<T> &p, int m0, const Norm &norm,
                          float *xs, float (*scratch)[kWarps]) {
  int width = paddedWidth(p.k);
  float sum[M];
#pragma unroll
  for (int m = 0; m < M; ++m) {
    const T *x = p.x + min(m0 + m, p.rows - 1) * p.xStride;
    sum[m] = 0;
#pragma unroll 4
    for (int k = threadIdx.x; k < p.k; k += kThreads) {
      float v = toFloat(x[k]);
      xs[m * width + place<T>(k, width)] = v;
      sum[m] += Norm::kCentred ? v : v * v;
    }
  }
  ctaSum<M>(sum, scratch);
  float mean[M];
#pragma unroll
  for (int m = 0; m < M; ++m)
    mean[m] = Norm::kCentred ? sum[m] / p.k : 0.0f;
  if constexpr (Norm::kCentred) {
#pragma unroll
    for (int m = 0; m < M; ++m) {
      sum[m] = 0;
      for (int k = threadIdx.x; k < p.k; k += kThreads) {
        float d = xs[m * width + place<T>(k, width)] - mean[m];
        sum[m] += d * d;
      }
    }
    ctaSum<M>(sum, scratch);
  }
#pragma unroll
  for (int m = 0; m < M; ++m)
    sum[m] = 1.0f / sqrtf(sum[m] / p.k + norm.eps);
  for (int k = threadIdx.x; k < p.k; k += kThreads) {
    float weight = norm.weight[k], bias = 0;
    if constexpr (Norm::kCentred)
      bias = norm.bias ? norm.bias[k] : 0.0f;
#pragma unroll
    for (int m = 0; m < M; ++m) {
      float &v = xs[m * width + place<T>(k, width)];
      v = (v - mean[m]) * sum[m] * weight + bias;
    }
  }
  __syncthreads();
}

//===----------------------------------------------------------------------===//
// Dot products of one warp
//===----------------------------------------------------------------------===//

/// U * 32 vectors of each of kRows weight rows; lanes past `end` skip.
template <int U> struct Tile {
  Vec16 v[U][kRows];
};
template <int U, typename T>
__device__ __forceinline__ void loadTile(Tile<U> &t,
                                         const T *const (&rows)[kRows], int vec,
                                         int end) {
#pragma unroll
  for (int u = 0; u < U; ++u)
    if (vec + 32 * u < end) {
#pragma unroll
      for (int r = 0; r < kRows; ++r)
        t.v[u][r] = loadStream16(rows[r] + (vec + 32 * u) * kLanes<T>);
    }
}

/// Vector `vec` of x's row m: fp32 from shared memory, or T from global.
template <typename T, bool shared>
__device__ __forceinline__ void loadX(float (&x)[kLanes<T>],
                                      const Problem<T> &p, const float *xs,
                                      int m0, int m, int vec) {
  if constexpr (shared) {
    int width = paddedWidth(p.k);
#pragma unroll
    for (int h = 0; h < kLanes<T> / 4; ++h) {
      Vec16 v = load16(xs + m * width + h * (width / 2) + vec * 4);
#pragma unroll
      for (int i = 0; i < 4; ++i)
        x[4 * h + i] = __uint_as_float(v.word[i]);
    }
  } else {
    const T *row = p.x + min(m0 + m, p.rows - 1) * p.xStride;
    unpack(load16(row + vec * kLanes<T>), x, T{});
  }
}

template <int M, bool shared, int U, typename T>
__device__ __forceinline__ void
multiply(float (&acc)[kRows * M], const Tile<U> &t, const Problem<T> &p,
         const float *xs, int m0, int vec, int end) {
  constexpr int V = kLanes<T>;
#pragma unroll
  for (int u = 0; u < U; ++u) {
    if (vec + 32 * u >= end)
      continue;
    float w[kRows][V];
#pragma unroll
    for (int r = 0; r < kRows; ++r)
      unpack(t.v[u][r], w[r], T{});
#pragma unroll
    for (int m = 0; m < M; ++m) {
      float x[V];
      loadX<T, shared>(x, p, xs, m0, m, vec + 32 * u);
#pragma unroll
      for (int r = 0; r < kRows; ++r)
#pragma unroll
        for (int i = 0; i < V; ++i)
          acc[r * M + m] += w[r][i] * x[i];
    }
  }
}

/// Any alignment: one element a lane.
template <int M, bool shared, typename T>
__device__ void multiplyScalar(float (&acc)[kRows * M],
                               const T *const (&rows)[kRows],
                               const Problem<T> &p, const float *xs, int m0,
                               int begin, int end) {
  int width = paddedWidth(p.k);
#pragma unroll 2
  for (int k = begin + threadIdx.x % 32; k < end; k += 32) {
    float w[kRows];
#pragma unroll
    for (int r = 0; r < kRows; ++r)
      w[r] = toFloat(rows[r][k]);
#pragma unroll
    for (int m = 0; m < M; ++m) {
      float x = shared ? xs[m * width + place<T>(k, width)]
                       : toFloat(p.x[min(m0 + m, p.rows - 1) * p.xStride + k]);
#pragma unroll
      for (int r = 0; r < kRows; ++r)
        acc[r * M + m] += w[r] * x;
    }
  }
}

/// Sums P values over the warp, P a power of two: lane l gets number
/// l / (32 / P), by halving what it holds while exchanging the other half.
template <int P, int offset = 16>
__device__ __forceinline__ float scatterSum(const float (&v)[P]) {
  if constexpr (offset == 0) {
    return v[0];
  } else if constexpr (P == 1) {
    float sum[1] = {v[0] + __shfl_xor_sync(~0u, v[0], offset)};
    return scatterSum<1, offset / 2>(sum);
  } else {
    bool upper = threadIdx.x & offset;
    float half[P / 2];
#pragma unroll
    for (int i = 0; i < P / 2; ++i) {
      float give = upper ? v[i] : v[i + P / 2];
      half[i] = (upper ? v[i + P / 2] : v[i]) +
                __shfl_xor_sync(~0u, give, offset);
    }
    return scatterSum<P / 2, offset / 2>(half);
  }
}

//===----------------------------------------------------------------------===//
// One CTA
//===----------------------------------------------------------------------===//

/// The weight rows of group `g`, clamped to the share.
template <bool gated, typename T>
__device__ __forceinline__ void rowsOf(const T *(&rows)[kRows],
                                       const Problem<T> &p, const Share &s,
                                       int g) {
  constexpr int per = gated ? kRows / 2 : kRows;
#pragma unroll
  for (int r = 0; r < kRows; ++r) {
    int j = min(s.begin + g * per + r % per, s.end - 1);
    rows[r] = p.w + i64(j + r / per * (p.n / 2)) * p.k;
  }
}

template <typename Epilogue, typename T>
__device__ __forceinline__ void emit(const Epilogue &epilogue,
                                     const Problem<T> &p, const Share &s,
                                     int m, int j, float y, float y2) {
  if (j >= s.end || m >= p.rows)
    return;
  if constexpr (Epilogue::kGated)
    epilogue(m, j, y, y2);
  else
    epilogue(m, j, y);
}

/// Adds the splits of every sum in order and stores.
template <int M, typename Epilogue, typename T>
__device__ void mergeSplits(const Epilogue &epilogue, const Problem<T> &p,
                            const Share &s, int m0, float (*partial)[32]) {
  constexpr int per = Epilogue::kGated ? kRows / 2 : kRows;
  __syncthreads();
  for (int o = threadIdx.x; o < s.groups * per * M; o += kThreads) {
    int g = o / (per * M), value = o % (per * M);
    float y = 0, y2 = 0;
    for (int split = 0; split < s.splits; ++split) {
      y += partial[g * s.splits + split][value];
      if constexpr (Epilogue::kGated)
        y2 += partial[g * s.splits + split][value + per * M];
    }
    emit(epilogue, p, s, m0 + value % M, s.begin + g * per + value / M, y, y2);
  }
}

/// Rows m0 .. m0 + M - 1 of x against this CTA's share of the weights.
template <int M, typename T, typename Norm, typename Epilogue>
__device__ void block(const Problem<T> &p, int m0, const Norm &norm,
                      const Epilogue &epilogue) {
  constexpr bool gated = Epilogue::kGated, shared = Norm::kPresent;
  constexpr int U = kUnroll<M>, per = gated ? kRows / 2 : kRows;
  __shared__ float scratch[kMaxM][kWarps];
  __shared__ float partial[kWarps][32];
  Share s = makeShare<gated>(p.n);
  int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
  int first = warp / s.splits, step = kWarps / s.splits;
  int units = p.wide ? p.k / kLanes<T> : p.k; // of one weight row
  int chunk = ((units + s.splits - 1) / s.splits + 31) / 32 * 32;
  int begin = min(warp % s.splits * chunk, units);
  int end = min(begin + chunk, units);

  // The first weights are on their way before x exists.
  const T *rows[kRows];
  Tile<U> current, next;
  if (first < s.groups) {
    rowsOf<gated>(rows, p, s, first);
    if (p.wide)
      loadTile(current, rows, begin + lane, end);
  }
  dependencyWait();
  float *xs = dynamicShared<float>();
  if constexpr (shared)
    normalise<M>(p, m0, norm, xs, scratch);

  for (int g = first; g < s.groups; g += step) {
    float acc[kRows * M] = {};
    if (p.wide) {
      for (int vec = begin; vec < end; vec += 32 * U) {
        int following = vec + 32 * U;
        if (following >= end && g + step < s.groups) {
          rowsOf<gated>(rows, p, s, g + step);
          following = begin;
        }
        loadTile(next, rows, following + lane, end);
        multiply<M, shared>(acc, current, p, xs, m0, vec + lane, end);
        current = next;
      }
    } else if constexpr (M == kMaxM) {
      rowsOf<gated>(rows, p, s, g);
      multiplyScalar<M, shared>(acc, rows, p, xs, m0, begin, end);
    }
    constexpr int P = kRows * M;
    float y = scatterSum<P>(acc);
    float y2 = gated ? __shfl_xor_sync(~0u, y, 16) : 0.0f;
    int value = lane / (32 / P);
    if (lane % (32 / P) != 0)
      continue;
    if (s.splits > 1)
      partial[warp][value] = y;
    else if (value < per * M)
      emit(epilogue, p, s, m0 + value % M, s.begin + g * per + value / M, y,
           y2);
  }
  if (s.splits > 1)
    mergeSplits<M>(epilogue, p, s, m0, partial);
}

/// counts[axis] is the true number of x's rows. `w` is not written by any
/// kernel of the program; x may be the work of the kernel before.
template <typename T, typename Norm, typename Epilogue>
__device__ __forceinline__ void run(const T *x, i64 xStride, const T *w, int n,
                                    int k, const int *counts, int axis,
                                    const Norm &norm,
                                    const Epilogue &epilogue) {
  launchDependents();
  Problem<T> p{x, xStride, w, n, k, counts[axis], false};
  p.wide = k % kLanes<T> == 0 && aligned16(w) &&
           (Norm::kPresent || (aligned16(x) && xStride % kLanes<T> == 0));
  if (p.rows <= 0)
    dependencyWait();
  for (int m0 = 0; m0 < p.rows; m0 += kMaxM) {
    int m = p.wide ? p.rows - m0 : kMaxM;
    if (m0 > 0)
      __syncthreads(); // the last block's shared memory is free again
    if (m == 1)
      block<1>(p, m0, norm, epilogue);
    else if (m == 2)
      block<2>(p, m0, norm, epilogue);
    else if (m <= 4)
      block<4>(p, m0, norm, epilogue);
    else
      block<kMaxM>(p, m0, norm, epilogue);
  }
}

} // namespace gemv
} // namespace ft

#endif // FT_KERNELS_GEMV_CUH
