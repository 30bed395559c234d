//===- segment_reduce.cuh - one row a sequence ------------------*- C++ -*-===//
//
// out[s, j] = mean, sum or max over the tokens t of sequence s of x[t, j], in
// fp32. x: [tokens, width], out: [sequences, width], row strides in elements. A
// sequence without rows gives 0. max passes NaN on. (The first row, or the last,
// is a row program's.)
//
// Launch: block (32, 8); grid (ceil(width / 32), bound of the sequences axis).
// Dynamic shared: 0.
//
// Order: token i of the sequence goes to partial i % 8, ascending; partials
// are added 0 .. 7. It does not depend on the rest of the batch.
//
//===----------------------------------------------------------------------===//
#ifndef FT_KERNELS_SEGMENT_REDUCE_CUH
#define FT_KERNELS_SEGMENT_REDUCE_CUH

#include "common.cuh"

namespace ft::segment_reduce {

enum class Kind { Mean, Sum, Max };

constexpr int kColumns = 32;
constexpr int kPartials = 8;

template <Kind kind>
__device__ __forceinline__ float combine(float a, float b) {
  if constexpr (kind == Kind::Max)
    return a != a || a > b ? a : b;
  return a + b;
}

template <Kind kind, typename T, typename Out>
__device__ void run(const T *x, i64 xStride, Out *out, i64 outStride,
                    int width, const int *cuTokens, const int *counts,
                    int sequencesAxis) {
  __shared__ float partial[kPartials][kColumns];
  launchDependents();
  dependencyWait();
  int s = blockIdx.y;
  if (s >= counts[sequencesAxis])
    return;
  int begin = cuTokens[s], end = cuTokens[s + 1];
  int column = blockIdx.x * kColumns + threadIdx.x;
  float identity = kind == Kind::Max ? __int_as_float(0xff800000) : 0.0f;
  float acc = identity;
  if (column < width) {
#pragma unroll 4
    for (int t = begin + threadIdx.y; t < end; t += kPartials)
      acc = combine<kind>(acc, toFloat(x[t * xStride + column]));
  }
  partial[threadIdx.y][threadIdx.x] = acc;
  __syncthreads();
  if (threadIdx.y != 0 || column >= width)
    return;
  float total = partial[0][threadIdx.x];
#pragma unroll
  for (int p = 1; p < kPartials; ++p)
    total = combine<kind>(total, partial[p][threadIdx.x]);
  if (begin >= end)
    total = 0.0f;
  else if (kind == Kind::Mean)
    total /= float(end - begin);
  out[s * outStride + column] = fromFloat<Out>(total);
}

} // namespace ft::segment_reduce

#endif // FT_KERNELS_SEGMENT_REDUCE_CUH
