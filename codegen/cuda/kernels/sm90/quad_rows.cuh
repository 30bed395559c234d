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

/// In each quad of lanes, of each of the vectors: word i of lane j goes to word
/// j of lane i. All vectors' first words change places before any second ones
/// do, so that shuffles do not wait for each other.
template <int count>
__device__ __forceinline__ void transposeQuads(Vec16 (&vectors)[count]) {
#pragma unroll
  for (int bit = 1; bit <= 2; bit *= 2)
#pragma unroll
    for (int j = 0; j < count; ++j)
#pragma unroll
      for (int i = 0; i < 4; ++i)
        if (!(i & bit)) {
          u32(&v)[4] = vectors[j].word;
          bool upper = threadIdx.x & bit;
          u32 got = __shfl_xor_sync(~0u, upper ? v[i] : v[i | bit], bit);
          v[i] = upper ? got : v[i];
          v[i | bit] = upper ? v[i | bit] : got;
        }
}

/// A row of `limit` elements, or none. `wide`: it consists of whole chunks of
/// 16 bytes, on addresses that are multiples of that.
template <typename T> struct Row {
  T *at;
  int limit;
  bool present, wide;
};

/// y to the row's first columns, any alignment.
template <int G, typename T>
__device__ __forceinline__ void storeNarrow(const Pairs<G> &y,
                                            const Row<T> &row) {
  int quad = threadIdx.x % 4;
#pragma unroll
  for (int g = 0; g < G; ++g)
#pragma unroll
    for (int i = 0; i < 2; ++i) {
      int column = 8 * g + 2 * quad + i;
      if (row.present && column < row.limit)
        row.at[column] = fromFloat<T>(y.v[g][i]);
    }
}
/// y to the row's first columns. By fours of groups and in one piece: put group
/// by group, each behind a look at the row, 128 columns of an attention tile
/// took 2,600 cycles on an H200.
template <int G, typename T>
__device__ __forceinline__ void store(const Pairs<G> &y, const Row<T> &row) {
  static_assert(sizeof(T) == 2);
  constexpr int fours = G / 4;
  int quad = threadIdx.x % 4;
  if (!row.wide)
    return storeNarrow(y, row);
  if constexpr (fours > 0) {
    Vec16 v[fours];
#pragma unroll
    for (int j = 0; j < fours; ++j)
#pragma unroll
      for (int g = 0; g < 4; ++g)
        v[j].word[g] = packPair<T>(y.v[4 * j + g][0], y.v[4 * j + g][1]);
    transposeQuads(v);
#pragma unroll
    for (int j = 0; j < fours; ++j)
      if (int column = 32 * j + 8 * quad; row.present && column < row.limit)
        store16(row.at + column, v[j]);
  }
#pragma unroll
  for (int g = 4 * fours; g < G; ++g)
    if (row.present && 8 * g < row.limit)
      *reinterpret_cast<u32 *>(row.at + 8 * g + 2 * quad) =
          packPair<T>(y.v[g][0], y.v[g][1]);
}

template <typename T>
__device__ __forceinline__ bool wideRows(const T *p, i64 stride) {
  return aligned16(p) && stride % kLanes<T> == 0;
}

} // namespace gemm
} // namespace ft

#endif // FT_KERNELS_SM90_QUAD_ROWS_CUH
