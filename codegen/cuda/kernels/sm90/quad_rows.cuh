//===- quad_rows.cuh - rows of sums by the lanes that hold them -*- C++ -*-===//
//
// A thread of a wgmma holds two neighbouring columns of every group of eight.
// Four lanes transpose four groups so that each moves 16 bytes of a row at
// once.
//
//===----------------------------------------------------------------------===//
#ifndef FT_KERNELS_SM90_QUAD_ROWS_CUH
#define FT_KERNELS_SM90_QUAD_ROWS_CUH

#include "common.cuh"

namespace ft {
namespace gemm {

/// Two columns of each of G groups of eight.
template <int G> struct Pairs { float v[G][2]; };

/// In each quad of lanes: v[i] of lane j goes to v[j] of lane i.
__device__ __forceinline__ void transposeQuad(u32 (&v)[4]) {
#pragma unroll
  for (int bit = 1; bit <= 2; bit *= 2)
#pragma unroll
    for (int i = 0; i < 4; ++i)
      if (!(i & bit)) {
        bool upper = threadIdx.x & bit;
        u32 got = __shfl_xor_sync(~0u, upper ? v[i] : v[i | bit], bit);
        v[i] = upper ? got : v[i];
        v[i | bit] = upper ? v[i | bit] : got;
      }
}

/// A row of `limit` elements, or none. `wide`: 16-byte accesses are possible
/// at columns that are multiples of 8.
template <typename T> struct Row {
  T *at;
  int limit;
  bool present, wide;
};

template <int G, typename T>
__device__ __forceinline__ void store(const Pairs<G> &y, const Row<T> &row,
                                      int n) {
  int quad = threadIdx.x % 4;
  bool whole = row.wide && n + 8 * G <= row.limit;
  if constexpr (G == 4 && sizeof(T) == 2) {
    if (whole) {
      Vec16 v;
#pragma unroll
      for (int g = 0; g < G; ++g)
        v.word[g] = packPair<T>(y.v[g][0], y.v[g][1]);
      transposeQuad(v.word);
      if (row.present)
        store16(row.at + n + 8 * quad, v);
      return;
    }
  } else {
    if (whole) {
#pragma unroll
      for (int g = 0; g < G; ++g) {
        T *at = row.at + n + 8 * g + 2 * quad;
        if (!row.present)
          continue;
        if constexpr (sizeof(T) == 2)
          *reinterpret_cast<u32 *>(at) = packPair<T>(y.v[g][0], y.v[g][1]);
        else
          *reinterpret_cast<float2 *>(at) = {y.v[g][0], y.v[g][1]};
      }
      return;
    }
  }
#pragma unroll
  for (int g = 0; g < G; ++g)
#pragma unroll
    for (int i = 0; i < 2; ++i) {
      int column = n + 8 * g + 2 * quad + i;
      if (row.present && column < row.limit)
        row.at[column] = fromFloat<T>(y.v[g][i]);
    }
}

template <typename T>
__device__ __forceinline__ bool wideRows(const T *p, i64 stride) {
  return aligned16(p) && stride % kLanes<T> == 0;
}

} // namespace gemm
} // namespace ft

#endif // FT_KERNELS_SM90_QUAD_ROWS_CUH
