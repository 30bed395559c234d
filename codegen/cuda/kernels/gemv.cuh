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
// Launch: block kThreads = 256, __launch_bounds__(kThreads, 1); grid =
// multiprocessors of the target (any size is right). Dynamic shared: 0 for
// NoNorm, else min(bound of rows, 8) * roundUp(k, 8) * 4 bytes, which bounds k:
// with 2 KB static it must fit the target's shared memory (227 KB on sm_90a,
// 163 KB on sm_80).
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

constexpr int kThreads = 256;
constexpr int kWarps = kThreads / 32;
constexpr int kRows = 4;   // weight rows of a warp's group
constexpr int kMaxM = 8;
/// A lane loads kRows * kUnroll vectors at a time and, with kAhead, the next
/// ones before it multiplies; less where the sums need the registers.
template <int M> constexpr int kUnroll = M == 1 ? 2 : 1;
template <int M> constexpr bool kAhead = M < kMaxM;

template <typename T> struct Problem {
  const T *x;
  i64 xStride;
  const T *w;
  int n, k;
  int rows; // true count of x's rows
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
  while (s.groups > 0 && s.splits * 2 * s.groups <= kWarps)
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

/// Rows m0 .. of x, at most kMaxM and to the true count, normalised, to `xs`.
/// The warps share the rows; a thread rescales the elements that it stored.
template <typename T, typename Norm>
__device__ __forceinline__ void normalise(const Problem<T> &p, int m0,
                                          const Norm &norm, float *xs) {
  __shared__ float scratch[2][kWarps];
  int rows = min(p.rows - m0, kMaxM), warps = kWarps; // warps of a row
  while (warps * rows > kWarps)
    warps /= 2;
  int warp = threadIdx.x / 32, m = warp / warps;
  int start = threadIdx.x % (32 * warps), step = 32 * warps;
  int width = paddedWidth(p.k), end = m < rows ? p.k : 0;
  const T *x = p.x + (m0 + m) * p.xStride;
  xs += m * width;
  auto total = [&](float v, float *of) {
    v = warpSum(v);
    if (threadIdx.x % 32 == 0)
      of[warp] = v;
    __syncthreads();
    v = 0;
    for (int w = 0; w < warps; ++w)
      v += of[m * warps + w];
    return v / p.k;
  };
  float sum = 0, mean = 0;
#pragma unroll 4
  for (int k = start; k < end; k += step) {
    float v = toFloat(x[k]);
    xs[place<T>(k, width)] = v;
    sum += Norm::kCentred ? v : v * v;
  }
  float square = total(sum, scratch[0]);
  if constexpr (Norm::kCentred) {
    mean = square;
    sum = 0;
#pragma unroll 2
    for (int k = start; k < end; k += step) {
      float d = xs[place<T>(k, width)] - mean;
      sum += d * d;
    }
    square = total(sum, scratch[1]);
  }
  float factor = 1.0f / sqrtf(square + norm.eps);
#pragma unroll 2
  for (int k = start; k < end; k += step) {
    float &v = xs[place<T>(k, width)];
    v = (v - mean) * factor * norm.weight[k];
    if constexpr (Norm::kCentred)
      v += norm.bias ? norm.bias[k] : 0.0f;
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

/// Four values from number `h` * 4 of vector `vec` of x's row m: fp32 from
/// shared memory, or T from global.
template <typename T, bool shared>
__device__ __forceinline__ void loadX(float (&x)[4], const Problem<T> &p,
                                      const float *xs, int m0, int m, int vec,
                                      int h) {
  if constexpr (shared) {
    int width = paddedWidth(p.k);
    m = min(m, p.rows - m0 - 1);
    loadFour(xs + m * width + h * (width / 2) + vec * 4, x);
  } else {
    const T *row = p.x + min(m0 + m, p.rows - 1) * int(p.xStride);
    loadFour(row + vec * kLanes<T> + h * 4, x);
  }
}

template <int M, bool shared, int U, typename T>
__device__ __forceinline__ void
multiply(float (&acc)[kRows * M], const Tile<U> &t, const Problem<T> &p,
         const float *xs, int m0, int vec, int end) {
#pragma unroll
  for (int u = 0; u < U; ++u) {
    if (vec + 32 * u >= end)
      continue;
#pragma unroll
    for (int h = 0; h < kLanes<T> / 4; ++h) {
      float w[kRows][4];
#pragma unroll
      for (int r = 0; r < kRows; ++r)
        unpackFour(t.v[u][r], h, w[r], T{});
#pragma unroll
      for (int m = 0; m < M; ++m) {
        float x[4];
        loadX<T, shared>(x, p, xs, m0, m, vec + 32 * u, h);
#pragma unroll
        for (int r = 0; r < kRows; ++r)
#pragma unroll
          for (int i = 0; i < 4; ++i)
            acc[r * M + m] += w[r][i] * x[i];
      }
    }
  }
}

/// Any alignment: one element a lane.
template <int M, bool shared, typename T>
__device__ __forceinline__ void multiplyScalar(float (&acc)[kRows * M],
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
      int row = min(m, p.rows - m0 - 1);
      float x = shared ? xs[row * width + place<T>(k, width)]
                       : toFloat(p.x[(m0 + row) * p.xStride + k]);
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

/// The first unit of k, and the end, of this warp's split.
struct Span {
  int begin, end;
};
__device__ __forceinline__ Span spanOf(const Share &s, int units) {
  int chunk = ((units + s.splits - 1) / s.splits + 31) / 32 * 32;
  int begin = min(int(threadIdx.x) / 32 % s.splits * chunk, units);
  return {begin, min(begin + chunk, units)};
}

/// Rows m0 .. m0 + M - 1 of x against this CTA's share of the weights.
template <int M, bool wide, typename T, typename Norm, typename Epilogue>
__device__ __forceinline__ void block(Problem<T> p, int m0, Share s,
                                      const Norm &, const Epilogue &epilogue,
                                      const float *xs, float (*partial)[32]) {
  // Keeps the compiler from computing this branch's addresses, and those of
  // the branches beside it, ahead of them all: that spills registers.
  asm volatile("" : "+r"(p.n), "+r"(p.k), "+r"(p.rows), "+r"(s.begin));
  asm volatile("" : "+l"(p.x), "+l"(p.w), "+l"(xs), "+r"(m0));
  constexpr bool gated = Epilogue::kGated, shared = Norm::kPresent;
  constexpr int U = kUnroll<M>, per = gated ? kRows / 2 : kRows, P = kRows * M;
  int warp = threadIdx.x / 32, lane = threadIdx.x % 32;
  int first = warp / s.splits, step = kWarps / s.splits;
  Span span = spanOf(s, wide ? p.k / kLanes<T> : p.k);
  const T *rows[kRows];
  Tile<U> current, next;
  rowsOf<gated>(rows, p, s, first);
  if (wide && kAhead<M> && first < s.groups)
    loadTile(current, rows, span.begin + lane, span.end);
#pragma unroll 1
  for (int g = first; g < s.groups; g += step) {
    float acc[P] = {};
    if (!wide || !kAhead<M>)
      rowsOf<gated>(rows, p, s, g);
    if constexpr (!wide) {
      multiplyScalar<M, shared>(acc, rows, p, xs, m0, span.begin, span.end);
    } else {
#pragma unroll 1
      for (int vec = span.begin; vec < span.end; vec += 32 * U) {
        if constexpr (!kAhead<M>) {
          loadTile(current, rows, vec + lane, span.end);
          multiply<M, shared>(acc, current, p, xs, m0, vec + lane, span.end);
          continue;
        }
        int following = vec + 32 * U;
        if (following >= span.end && g + step < s.groups) {
          rowsOf<gated>(rows, p, s, g + step);
          following = span.begin;
        }
        loadTile(next, rows, following + lane, span.end);
        multiply<M, shared>(acc, current, p, xs, m0, vec + lane, span.end);
        current = next;
      }
    }
    float y = scatterSum<P>(acc);
    float y2 = gated ? __shfl_xor_sync(~0u, y, 16) : 0.0f;
    int value = lane / (32 / P), j = s.begin + g * per + value / M;
    if (lane % (32 / P) != 0)
      continue;
    if (s.splits > 1)
      partial[warp][value] = y;
    else if (value < per * M)
      emit(epilogue, p, s, m0 + value % M, j, y, y2);
  }
  if (s.splits > 1)
    mergeSplits<M>(epilogue, p, s, m0, partial);
}

/// Asks L2 for the first weights of the share; they do not depend on x.
template <bool gated, typename T>
__device__ __forceinline__ void prefetch(const Problem<T> &p, const Share &s) {
  constexpr int kLine = 128, kBytes = 64 << 10; // a CTA
  i64 first = i64(s.begin) * p.k * int(sizeof(T));
  i64 bytes = min(i64(s.end - s.begin) * p.k * int(sizeof(T)), i64(kBytes));
  for (i64 i = threadIdx.x * kLine; i < bytes; i += kThreads * kLine)
    asm volatile("prefetch.global.L2 [%0];" ::"l"(
        reinterpret_cast<const char *>(p.w) + first + i));
}

/// counts[axis] is the true number of x's rows. `w` is not written by any
/// kernel of the program; x may be the work of the kernel before.
template <typename T, typename Norm, typename Epilogue>
__device__ __forceinline__ void run(const T *x, i64 xStride, const T *w, int n,
                                    int k, const int *counts, int axis,
                                    const Norm &norm,
                                    const Epilogue &epilogue) {
  __shared__ float partial[kWarps][32];
  launchDependents();
  Problem<T> p{x, xStride, w, n, k, counts[axis]};
  Share s = makeShare<Epilogue::kGated>(n);
  prefetch<Epilogue::kGated>(p, s);
  dependencyWait();
  bool wide = k % kLanes<T> == 0 && aligned16(w) &&
              (Norm::kPresent || (aligned16(x) && xStride % kLanes<T> == 0));
  float *xs = dynamicShared<float>();
#pragma unroll 1
  for (int m0 = 0; m0 < p.rows; m0 += kMaxM) {
    if (m0 > 0)
      __syncthreads(); // shared memory is free again
    if constexpr (Norm::kPresent)
      normalise(p, m0, norm, xs);
    if (!wide)
      block<kMaxM, false>(p, m0, s, norm, epilogue, xs, partial);
    else if (p.rows - m0 == 1)
      block<1, true>(p, m0, s, norm, epilogue, xs, partial);
    else if (p.rows - m0 <= 4)
      block<4, true>(p, m0, s, norm, epilogue, xs, partial);
    else
      block<kMaxM, true>(p, m0, s, norm, epilogue, xs, partial);
  }
}

} // namespace gemv
} // namespace ft

#endif // FT_KERNELS_GEMV_CUH
