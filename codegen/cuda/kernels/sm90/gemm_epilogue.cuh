//===- gemm_epilogue.cuh - from sums in registers to rows -------*- C++ -*-===//
//
// An epilogue is a struct of pointers and one function:
//     struct Epilogue {
//       using Out = bf16;                       // bf16, f16 or float
//       using Bias = bf16, Residual = bf16;     // any of the three
//       static constexpr bool kGated, kBias, kResidual;
//       const Bias *bias;                       // [n]
//       const Residual *residual;               // [rows, outputs]
//       i64 residualStride;
//       Out *out;
//       i64 outStride;
//       __device__ float operator()(float y, float r) const;           // or
//       __device__ float operator()(float gate, float up, float r) const;
//     };
// y, gate and up have their bias; r is the residual or 0. With kGated, w has
// two halves of n / 2 rows, gate first, and there are n / 2 outputs.
//
// A thread holds two neighbouring columns of every group of eight. Four lanes
// transpose four groups so that each moves 16 bytes of a row at once.
//
//===----------------------------------------------------------------------===//
#ifndef FT_KERNELS_SM90_GEMM_EPILOGUE_CUH
#define FT_KERNELS_SM90_GEMM_EPILOGUE_CUH

#include "common.cuh"

namespace ft {
namespace gemm {

/// Two columns of each of G groups of eight.
template <int G> struct Pairs {
  float v[G][2];
};

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

template <typename T> __device__ __forceinline__ void split(u32 v, float (&x)[2]) {
  x[0] = toFloat(T{u16(v & 0xffffu)});
  x[1] = toFloat(T{u16(v >> 16)});
}

/// Never written while the kernel runs, nor by the kernels before it.
__device__ __forceinline__ float loadConstant(const float *p) {
  float r;
  asm("ld.global.nc.f32 %0, [%1];" : "=f"(r) : "l"(p));
  return r;
}
template <typename T> __device__ __forceinline__ float loadConstant(const T *p) {
  T r;
  asm("ld.global.nc.u16 %0, [%1];" : "=h"(r.bits) : "l"(p));
  return toFloat(r);
}

/// A row of `limit` elements, or none. `wide`: 16-byte accesses are possible
/// at columns that are multiples of 8.
template <typename T> struct Row {
  T *at;
  int limit;
  bool present, wide;
};

template <int G, typename T>
__device__ __forceinline__ void load(Pairs<G> &y, const Row<const T> &row,
                                     int n) {
  int quad = threadIdx.x % 4;
  if constexpr (G == 4 && sizeof(T) == 2)
    if (row.wide && n + 32 <= row.limit) {
      Vec16 v{};
      if (row.present)
        v = load16(row.at + n + 8 * quad);
      transposeQuad(v.word);
#pragma unroll
      for (int g = 0; g < G; ++g)
        split<T>(v.word[g], y.v[g]);
      return;
    }
#pragma unroll
  for (int g = 0; g < G; ++g)
#pragma unroll
    for (int i = 0; i < 2; ++i) {
      int column = n + 8 * g + 2 * quad + i;
      y.v[g][i] =
          row.present && column < row.limit ? toFloat(row.at[column]) : 0.0f;
    }
}

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
        *reinterpret_cast<Vec16 *>(row.at + n + 8 * quad) = v;
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

/// Where a warp's 16 rows of a 64-row tile go.
struct Place {
  int m;     // this thread's first row; its second is m + 8
  int rows;  // true count
  int n;     // first output column of the tile
  int half;  // outputs; row of w where the second half begins
};

/// The bias of G groups from column n, zero past `limit`.
template <int G, typename T>
__device__ __forceinline__ void loadBias(Pairs<G> &y, const T *bias, int n,
                                         int limit) {
#pragma unroll
  for (int g = 0; g < G; ++g)
#pragma unroll
    for (int i = 0; i < 2; ++i) {
      int column = n + 8 * g + threadIdx.x % 4 * 2 + i;
      y.v[g][i] = column < limit ? loadConstant(bias + column) : 0.0f;
    }
}

/// Groups first .. first + G - 1 of the outputs.
template <int G, typename E, int sums>
__device__ __forceinline__ void finishGroups(const float (&d)[sums], int first,
                                             const Place &p, const E &e) {
  // d holds sums / 4 groups of 8 columns; with kGated the second half of
  // them is `up`.
  constexpr int up = sums / 8;
  int n = p.n + 8 * first;
  Pairs<G> bias{}, biasUp{};
  if constexpr (E::kBias) {
    loadBias(bias, e.bias, n, p.half);
    if constexpr (E::kGated)
      loadBias(biasUp, e.bias + p.half, n, p.half);
  }
#pragma unroll
  for (int h = 0; h < 2; ++h) {
    int m = p.m + 8 * h;
    bool present = m < p.rows;
    Pairs<G> residual{}, y;
    if constexpr (E::kResidual) {
      using R = typename E::Residual;
      load(residual,
           Row<const R>{e.residual + m * e.residualStride, p.half, present,
                        wideRows(e.residual, e.residualStride)},
           n);
    }
#pragma unroll
    for (int g = 0; g < G; ++g)
#pragma unroll
      for (int i = 0; i < 2; ++i) {
        int at = 4 * (first + g) + 2 * h + i;
        float value = d[at] + bias.v[g][i];
        if constexpr (E::kGated)
          y.v[g][i] = e(value, d[at + 4 * up] + biasUp.v[g][i],
                        residual.v[g][i]);
        else
          y.v[g][i] = e(value, residual.v[g][i]);
      }
    store(y,
          Row<typename E::Out>{e.out + m * e.outStride, p.half, present,
                               wideRows(e.out, e.outStride)},
          n);
  }
}

/// All columns of this thread's rows of one 64-row tile.
template <typename E, int sums>
__device__ __forceinline__ void finishTile(const float (&d)[sums],
                                           const Place &p, const E &e) {
  constexpr int groups = E::kGated ? sums / 8 : sums / 4;
#pragma unroll
  for (int g = 0; g + 4 <= groups; g += 4)
    finishGroups<4>(d, g, p, e);
  if constexpr (groups % 4 != 0)
    finishGroups<groups % 4>(d, groups / 4 * 4, p, e);
}

} // namespace gemm
} // namespace ft

#endif // FT_KERNELS_SM90_GEMM_EPILOGUE_CUH
