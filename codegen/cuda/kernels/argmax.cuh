//===- argmax.cuh - index of the largest element of each row ----*- C++ -*-===//
//
// out[r, p] = lowest i with x[r, p, i] = max over the part's numbers; a NaN
// never wins, NaNs alone give 0. x: [rows, parts, columns] with `stride`
// elements between rows; out: int[rows, parts].
//
// Launch: block 256; grid (bound of the rows axis, chunks, parts), any chunks
// >= 1 (about 132 / expected rows, at most columns / 1024), 1 for several
// parts. Dynamic shared: 0.
// `counters`: workspace + 0, one u32 a row of the grid. `partials`: workspace
// + kCounterBytes or later, 8 bytes x grid.x x grid.y. Both unused (may be
// null) for one chunk.
//
// The result does not depend on the number of chunks.
//
// Where a rank holds some of the columns, `Pair` stores (value, index in the
// whole row) and merge() finds the best of all ranks' pairs.
//
//===----------------------------------------------------------------------===//
#ifndef FT_KERNELS_ARGMAX_CUH
#define FT_KERNELS_ARGMAX_CUH

#include "common.cuh"

namespace ft::argmax {

constexpr int kThreads = 256;

struct Best {
  float value;
  int index;
};

__device__ __forceinline__ Best better(Best a, Best b) {
  bool second = b.value > a.value || (b.value == a.value && b.index < a.index);
  return second ? b : a;
}

constexpr int kNone = 0x7fffffff;
__device__ __forceinline__ Best nothing() {
  return {__int_as_float(0xff800000), kNone};
}

/// A value and its index so that the larger is the larger value, or the lower
/// index of equals.
__device__ __forceinline__ u64 packed(float value, int index) {
  u32 bits = __float_as_uint(__fadd_rn(value, 0.0f)); // no negative zero
  bits = bits & 0x80000000u ? ~bits : bits | 0x80000000u;
  return u64(bits) << 32 | ~u32(index);
}
__device__ __forceinline__ float valueOf(u64 pack) {
  u32 bits = u32(pack >> 32);
  return __uint_as_float(bits & 0x80000000u ? bits & 0x7fffffffu : ~bits);
}
__device__ __forceinline__ int indexOf(u64 pack) { return int(~u32(pack)); }

/// Best of the warp.
__device__ __forceinline__ Best reduceWarp(Best best) {
#pragma unroll
  for (int offset = 16; offset > 0; offset >>= 1)
    best = better(best, {__shfl_xor_sync(~0u, best.value, offset),
                         __shfl_xor_sync(~0u, best.index, offset)});
  return best;
}

/// Best of the CTA, valid in thread 0.
template <int Threads = kThreads>
__device__ __forceinline__ Best reduce(Best best) {
  __shared__ Best ofWarp[Threads / 32];
  best = reduceWarp(best);
  if (threadIdx.x % 32 == 0)
    ofWarp[threadIdx.x / 32] = best;
  __syncthreads();
  if (threadIdx.x == 0)
    for (int w = 1; w < Threads / 32; ++w)
      best = better(best, ofWarp[w]);
  return best;
}

/// Elements [begin, end) of a row; a NaN compares false and is passed over.
/// Whatever a thread has of eight vectors is under way together.
template <typename T, int Threads = kThreads>
__device__ __forceinline__ Best scan(const T *row, int begin, int end) {
  constexpr int V = kLanes<T>, kAhead = 8;
  Best best = nothing();
  int vectors = aligned16(row + begin) ? (end - begin) / V : 0;
#pragma unroll 1
  for (int v = threadIdx.x; v < vectors; v += kAhead * Threads) {
    Vec16 raw[kAhead];
#pragma unroll
    for (int a = 0; a < kAhead; ++a)
      if (v + a * Threads < vectors)
        raw[a] = load16(row + begin + (v + a * Threads) * V);
#pragma unroll
    for (int a = 0; a < kAhead; ++a) {
      if (v + a * Threads >= vectors)
        break;
#pragma unroll
      for (int h = 0; h < V / 4; ++h) {
        float x[4];
        unpackFour(raw[a], h, x, T{});
#pragma unroll
        for (int i = 0; i < 4; ++i)
          best = better(best,
                        {x[i], begin + (v + a * Threads) * V + h * 4 + i});
      }
    }
  }
#pragma unroll 4
  for (int i = begin + vectors * V + threadIdx.x; i < end; i += Threads)
    best = better(best, {toFloat(row[i]), i});
  return best;
}

/// The index alone, of a row that this device holds in whole.
struct Index {
  int *out;

  __device__ int limit(int columns) const { return columns; }
  __device__ void store(int row, Best best, int) const {
    out[row] = best.index == kNone ? 0 : best.index;
  }
};

/// Columns first .. of a row of `total`, which the ranks hold together; those
/// from `total` on are padding. Indices are exact in fp32 up to 2^24.
struct Pair {
  float *out;
  i64 stride;
  int first;
  int total;

  __device__ int limit(int columns) const {
    return max(0, min(columns, total - first));
  }
  __device__ void store(int row, Best best, int columns) const {
    int index = best.index == kNone ? 0 : best.index;
    out[row * stride] = best.value;
    out[row * stride + 1] = float(columns == 0 ? total : first + index);
  }
};

/// Elements of a chunk: chunks start on multiples of 8 elements, so that
/// alignment carries over.
__device__ __forceinline__ int chunkSize(int columns, int chunks) {
  return ((columns + chunks - 1) / chunks + 7) / 8 * 8;
}

/// The last of a row's chunks to come stores the best of all; `best` is its
/// chunk's, in thread 0. Every thread must call it.
template <typename Store>
__device__ void finish(Best best, int row, int chunk, int chunks, int columns,
                       Store out, u32 *counters, float *partials) {
  if (chunks > 1) {
    Best *mine = reinterpret_cast<Best *>(partials) + row * chunks;
    if (threadIdx.x == 0)
      mine[chunk] = best;
    if (!arriveLast(counters + row, chunks))
      return;
    if (threadIdx.x >= 32)
      return;
    best = nothing();
    for (int c = threadIdx.x; c < chunks; c += 32) {
      const float *p = reinterpret_cast<const float *>(mine + c);
      best = better(best, {loadL2(p), __float_as_int(loadL2(p + 1))});
    }
    best = reduceWarp(best);
  }
  if (threadIdx.x == 0)
    out.store(row, best, columns);
}

template <typename T, typename Store>
__device__ void run(const T *x, i64 stride, int columns, Store out,
                    const int *counts, int axis, u32 *counters,
                    float *partials) {
  launchDependents();
  columns = out.limit(columns);
  dependencyWait();
  int row = blockIdx.x, chunk = blockIdx.y, chunks = gridDim.y;
  if (row >= counts[axis])
    return;
  x += row * stride + blockIdx.z * columns;
  row = row * gridDim.z + blockIdx.z;
  int size = chunkSize(columns, chunks);
  int begin = min(chunk * size, columns), end = min(begin + size, columns);
  finish(reduce(scan(x, begin, end)), row, chunk, chunks, columns, out,
         counters, partials);
}

/// One thread a row.
__device__ void merge(const float *pairs, i64 stride, int count, int *out,
                      const int *counts, int axis) {
  launchDependents();
  dependencyWait();
  int row = blockIdx.x * blockDim.x + threadIdx.x;
  if (row >= counts[axis])
    return;
  const float *pair = pairs + row * stride;
  Best best{pair[0], int(pair[1])};
  for (int i = 1; i < count; ++i)
    best = better(best, {pair[2 * i], int(pair[2 * i + 1])});
  out[row] = best.index;
}

} // namespace ft::argmax

#endif // FT_KERNELS_ARGMAX_CUH
