//===- row.cuh - lines of generated row programs ----------------*- C++ -*-===//
//
// A row program works on lines of `last` contiguous elements, one line for each
// (row, group) of its domain. A team of threads holds a line in registers,
// `kElements` of it a thread: vectors of V elements, TEAM * V apart. Without a
// reduction a line may be cut into pieces that do not know of each other.
//
// Sums run in a fixed order: the elements of a thread ascending, then a
// butterfly over the lanes, then the warps ascending.
//
//===----------------------------------------------------------------------===//
#ifndef FT_KERNELS_ROW_CUH
#define FT_KERNELS_ROW_CUH

#include "common.cuh"
#include "math.cuh"

namespace ft::row {

/// V elements in one go where V * sizeof(T) <= 16, else in 16-byte parts.
template <typename T, int V>
struct alignas(V * sizeof(T) < 16 ? V * sizeof(T) : 16) Pack {
  T element[V];
};

template <int V, typename T>
__device__ __forceinline__ void loadPack(float *x, const T *p) {
  Pack<T, V> pack = *reinterpret_cast<const Pack<T, V> *>(p);
#pragma unroll
  for (int v = 0; v < V; ++v)
    x[v] = toFloat(pack.element[v]);
}

template <int V, typename T>
__device__ __forceinline__ void storePack(T *p, const float *x) {
  Pack<T, V> pack;
#pragma unroll
  for (int v = 0; v < V; ++v)
    pack.element[v] = fromFloat<T>(x[v]);
  *reinterpret_cast<Pack<T, V> *>(p) = pack;
}

/// A weight of N elements in shared memory.
template <typename T, int N> struct alignas(16) Staged {
  T element[N];
  /// By all threads of the CTA, which meet before they read it. V divides N.
  template <int V> __device__ __forceinline__ void fill(const T *from) {
#pragma unroll 1
    for (int i = threadIdx.x * V; i < N; i += blockDim.x * V)
      *reinterpret_cast<Pack<T, V> *>(element + i) =
          *reinterpret_cast<const Pack<T, V> *>(from + i);
  }
};

struct Sum {
  static __device__ __forceinline__ float identity() { return 0.0f; }
  static __device__ __forceinline__ float join(float a, float b) {
    return a + b;
  }
};
struct Max {
  // -infinity
  static __device__ __forceinline__ float identity() {
    return __int_as_float(0xff800000);
  }
  static __device__ __forceinline__ float join(float a, float b) {
    return maximum(a, b);
  }
};

/// One thread's part of a line of LAST elements, from element `first` on.
template <int LAST, int V, int TEAM, int CHUNKS> struct Line {
  static constexpr int kElements = V * CHUNKS;
  static constexpr bool kWhole = LAST % (V * TEAM * CHUNKS) == 0;
  int first;

  __device__ __forceinline__ int index(int e) const {
    return first + e / V * (TEAM * V) + e % V;
  }
  __device__ __forceinline__ bool inside(int e) const {
    return kWhole || index(e) < LAST;
  }

  template <typename T>
  __device__ __forceinline__ void load(float (&x)[kElements],
                                       const T *p) const {
#pragma unroll
    for (int c = 0; c < CHUNKS; ++c) {
      if (inside(c * V)) {
        loadPack<V>(x + c * V, p + index(c * V));
      } else {
#pragma unroll
        for (int v = 0; v < V; ++v)
          x[c * V + v] = 0.0f;
      }
    }
  }

  template <typename T>
  __device__ __forceinline__ void store(T *p,
                                        const float (&x)[kElements]) const {
#pragma unroll
    for (int c = 0; c < CHUNKS; ++c)
      if (inside(c * V))
        storePack<V>(p + index(c * V), x + c * V);
  }

  /// Threads of the team in one warp, and which lanes they are.
  static constexpr int kLanes = TEAM < 32 ? TEAM : 32;
  static __device__ __forceinline__ unsigned lanes() {
    return kLanes == 32 ? ~0u
                        : ((1u << kLanes % 32) - 1)
                              << (threadIdx.x % 32 & ~(unsigned(kLanes) - 1));
  }

  template <typename Fold>
  __device__ __forceinline__ float reduce(const float (&x)[kElements]) const {
    float r = Fold::identity();
#pragma unroll
    for (int e = 0; e < kElements; ++e)
      r = inside(e) ? Fold::join(r, x[e]) : r;
    unsigned lane = threadIdx.x % 32;
#pragma unroll
    for (int offset = kLanes / 2; offset > 0; offset >>= 1)
      r = Fold::join(r, __shfl_xor_sync(lanes(), r, offset));
    if constexpr (TEAM > 32) {
      __shared__ float ofWarp[TEAM / 32];
      __syncthreads(); // the readers of the last reduction are done
      if (lane == 0)
        ofWarp[threadIdx.x / 32] = r;
      __syncthreads();
      r = ofWarp[0];
#pragma unroll
      for (int w = 1; w < TEAM / 32; ++w)
        r = Fold::join(r, ofWarp[w]);
    }
    return r;
  }
  __device__ __forceinline__ float sum(const float (&x)[kElements]) const {
    return reduce<Sum>(x);
  }
  __device__ __forceinline__ float max(const float (&x)[kElements]) const {
    return reduce<Max>(x);
  }
};

/// The elements that rope pairs with those of a Line: j and j + HALF below
/// 2 * HALF, or neighbours where INTERLEAVED; an element beyond is its own.
template <typename L, int HALF, bool INTERLEAVED, int V> struct Partner {
  static constexpr int kElements = L::kElements;
  L line;

  __device__ __forceinline__ int index(int e) const {
    int j = line.index(e);
    if (j >= 2 * HALF)
      return j;
    if constexpr (INTERLEAVED)
      return j ^ 1;
    return j < HALF ? j + HALF : j - HALF;
  }
  template <typename T>
  __device__ __forceinline__ void load(float (&x)[kElements],
                                       const T *p) const {
    constexpr int step = INTERLEAVED ? 1 : V;
#pragma unroll
    for (int e = 0; e < kElements; e += step) {
      if (line.inside(e)) {
        loadPack<step>(x + e, p + index(e));
      } else {
#pragma unroll
        for (int v = 0; v < step; ++v)
          x[e + v] = 0.0f;
      }
    }
  }
};

//===----------------------------------------------------------------------===//
// Numbers of a line that norms and softmax are made of
//===----------------------------------------------------------------------===//

template <int LAST, int V, int TEAM, int CHUNKS>
__device__ __forceinline__ float
mean(const Line<LAST, V, TEAM, CHUNKS> &line, const float (&x)[V * CHUNKS]) {
  return line.sum(x) * (1.0f / LAST);
}

/// sum((x - centre)^2)
template <typename L>
__device__ __forceinline__ float squares(const L &line,
                                         const float (&x)[L::kElements],
                                         float centre) {
  float y[L::kElements];
#pragma unroll
  for (int e = 0; e < L::kElements; ++e)
    y[e] = (x[e] - centre) * (x[e] - centre);
  return line.sum(y);
}

/// 1 / sqrt(mean((x - centre)^2) + eps)
template <int LAST, int V, int TEAM, int CHUNKS>
__device__ __forceinline__ float
inverseDeviation(const Line<LAST, V, TEAM, CHUNKS> &line,
                 const float (&x)[V * CHUNKS], float centre, float eps) {
  return rsqrtf(squares(line, x, centre) * (1.0f / LAST) + eps);
}

/// sum(e^(x - top))
template <typename L>
__device__ __forceinline__ float sumExp(const L &line,
                                        const float (&x)[L::kElements],
                                        float top) {
  float y[L::kElements];
#pragma unroll
  for (int e = 0; e < L::kElements; ++e)
    y[e] = expf(x[e] - top);
  return line.sum(y);
}

/// x cos -+ pair sin; `table` is the row of the token's position: HALF cosines,
/// then HALF sines.
template <int HALF, bool INTERLEAVED, typename L>
__device__ __forceinline__ void rope(float (&y)[L::kElements], const L &line,
                                     const float (&x)[L::kElements],
                                     const float (&pair)[L::kElements],
                                     const float *table) {
#pragma unroll
  for (int e = 0; e < L::kElements; ++e) {
    int j = line.index(e);
    y[e] = x[e];
    if (j < 2 * HALF) {
      int angle = INTERLEAVED ? j / 2 : j < HALF ? j : j - HALF;
      bool second = INTERLEAVED ? j & 1 : j >= HALF;
      float c = table[angle], s = table[HALF + angle];
      y[e] = second ? x[e] * c + pair[e] * s : x[e] * c - pair[e] * s;
    }
  }
}

} // namespace ft::row

#endif // FT_KERNELS_ROW_CUH
