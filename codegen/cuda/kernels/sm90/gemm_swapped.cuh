//===- gemm_swapped.cuh - the end of a swapped tile -------------*- C++ -*-===//
//
// Swapped, a tile's outputs are the 64-row side of wgmma and its rows the
// other: a thread holds two neighbouring rows of one output. So the count of a
// tile's rows is any multiple of 8: 1,576 rows of 768 outputs are 132 tiles of
// 72 x 128 (rows x outputs), where tiles of 128 rows are 104 or 156.
//
// The sums of a warpgroup leave by parts of some rows (Config::kPartRows) and
// 64 outputs: matrices of 8 x 8 are transposed on their way to shared memory,
// and 16 bytes a lane, 128 a row, go from there. Residuals come the same way.
// Parts are numbered by blocks of 64 outputs and, in each, by rows; part q has
// slot q % Config::kSlots. Outputs and residuals of 32 bits go to and from where
// they lie.
//
//===----------------------------------------------------------------------===//
#ifndef FT_KERNELS_SM90_GEMM_SWAPPED_CUH
#define FT_KERNELS_SM90_GEMM_SWAPPED_CUH

#include "mma.cuh"
#include "sm90/gemm_epilogue.cuh"

namespace ft {
namespace gemm {

/// Finishes a warpgroup's outputs of a tile. Place::m is the tile's first row,
/// Place::n the warpgroup's first output; slots begin at Parts::base.
template <typename C, typename E> class SwappedFinisher {
  static constexpr int kRows = C::kPartRows, kGroups = kRows / 8;
  static constexpr int kOfBlock = C::kN / kRows, kAll = C::kBlocks * kOfBlock;
  static constexpr int kBytes = kRows * 128; // of a part
  using Out = typename E::Out;
  using Residual = typename E::Residual;
  using Sums = float[C::kBlocks][C::kN / 2];
  static constexpr bool kPacked = sizeof(Out) == 2;
  static constexpr bool kEarly = E::kResidual && sizeof(Residual) == 2;

public:
  __device__ __forceinline__ SwappedFinisher(const Place &p, const E &e,
                                             const Parts<C> &parts)
      : p_(p), e_(e), base_(parts.base) {}
  /// The first residuals, under way.
  __device__ __forceinline__ void begin() {
    if constexpr (kEarly) {
#pragma unroll
      for (int q = 0; q < C::kSlots && q < kAll; ++q)
        fetch(q);
    }
  }
  __device__ __forceinline__ void run(const Sums &d) {
    runFrom<0>(d);
    meet(); // slots are used again by the next tile
  }
  /// d = what `run` would store, unrounded.
  __device__ __forceinline__ void keep(Sums &d) const { keepFrom<0>(d); }
  /// d, as `keep` leaves it or later, to the rows of `to`.
  __device__ __forceinline__ void put(const Sums &d, Out *to,
                                      i64 stride) const {
    static_assert(kPacked, "rows of 32 bits do not go through slots");
#pragma unroll
    for (int q = 0; q < kAll; ++q) {
#pragma unroll
      for (int g = 0; g < kGroups; g += 2) {
        float2 y[2][2];
#pragma unroll
        for (int i = 0; i < 4 && g + i / 2 < kGroups; ++i) {
          int at = sumOf(q, g + i / 2, i % 2);
          y[i / 2][i % 2] = {d[q / kOfBlock][at], d[q / kOfBlock][at + 1]};
        }
        pack(q, g, y);
      }
      meet();
      store(q, to, stride);
    }
    meet(); // slots are used again
  }

private:
  /// Of the warpgroup.
  __device__ static void meet() { namedSync(threadIdx.x / 128, 128); }
  /// Where a thread's sums of two rows of group g of part q are.
  __device__ static constexpr int sumOf(int q, int g, int half) {
    return 4 * (q % kOfBlock * kGroups + g) + 2 * half;
  }
  __device__ static int lane() { return threadIdx.x % 32; }

  __device__ u32 slot(int q) const { return base_ + q % C::kSlots * kBytes; }
  __device__ static u32 swizzled(int row, int chunk) {
    return row * 128 + (chunk ^ row % 8) * 16;
  }
  __device__ int rowOf(int q) const { return p_.m + q % kOfBlock * kRows; }
  __device__ int columnOf(int q) const { return p_.n + q / kOfBlock * 64; }
  template <typename T>
  __device__ bool isWide(const T *at, i64 stride) const {
    return E::kWide || (wideRows(at, stride) && p_.half % 8 == 0);
  }

  /// f(row, column, place in part q) of this thread's chunks of 8 outputs, or
  /// of its outputs one by one, that exist.
  template <int width, typename F>
  __device__ __forceinline__ void each(int q, F &&f) const {
    constexpr int count = 64 / width;
    int first = rowOf(q), column = columnOf(q);
#pragma unroll(width == 8 ? 5 : 1)
    for (int i = threadIdx.x % 128; i < kRows * count; i += 128) {
      int row = i / count, at = i % count * width;
      if (first + row < p_.rows && column + at < p_.half)
        f(first + row, column + at,
          slot(q) + swizzled(row, at / 8) + at % 8 * 2);
    }
  }
  __device__ __forceinline__ void fetch(int q) const {
    const Residual *from = e_.residual;
    if (isWide(from, e_.residualStride))
      each<8>(q, [&](int m, int n, u32 to) {
        copyAsync16(to, from + m * e_.residualStride + n);
      });
    else
      each<1>(q, [&](int m, int n, u32 to) {
        storeShared(to, from[m * e_.residualStride + n].bits);
      });
    copyAsyncCommit();
  }
  __device__ __forceinline__ void store(int q, Out *to, i64 stride) const {
    if (isWide(to, stride))
      each<8>(q, [&](int m, int n, u32 from) {
        store16(to + m * stride + n, loadSharedVec(from));
      });
    else
      each<1>(q, [&](int m, int n, u32 from) {
        to[m * stride + n] = Out{loadShared16(from)};
      });
  }

  /// Where this lane's row of the matrices of groups g and g + 1 of part q lies:
  /// the warp's first 8 outputs, its second, of each group. Behind an odd last
  /// group is none, and its row is asked for twice.
  __device__ u32 matrices(int q, int g) const {
    int group = g + (g + 1 < kGroups ? lane() / 16 : 0);
    int chunk = threadIdx.x % 128 / 32 * 2 + lane() / 8 % 2;
    return slot(q) + swizzled(group * 8 + lane() % 8, chunk);
  }
  using Residuals = u32[(kGroups + 1) / 2][4];
  /// Those of part q, when they have come.
  template <int q>
  __device__ __forceinline__ void await(Residuals &residual) const {
    if constexpr (kEarly) {
      // Of parts, as many are under way as have come into slots since.
      constexpr int more = q < 2 ? 0 : q - 1;
      constexpr int asked = C::kSlots + more < kAll ? C::kSlots + more : kAll;
      copyAsyncWaitGroups<asked - 1 - q>();
      meet(); // others' copies have come, and part q - 1 has left
      if constexpr (q > 0 && q - 1 + C::kSlots < kAll)
        fetch(q - 1 + C::kSlots);
#pragma unroll
      for (int g = 0; g < kGroups; g += 2)
        loadMatrices<true>(residual[g / 2], matrices(q, g));
      __syncwarp(); // a lane stores what others have read
    }
  }
  template <int q> __device__ __forceinline__ void runFrom(const Sums &d) {
    Residuals residual = {};
    await<q>(residual);
#pragma unroll
    for (int g = 0; g < kGroups; g += 2) {
      float2 y[2][2]; // of a group and 8 outputs: this thread's two rows
#pragma unroll
      for (int i = 0; i < 4; ++i)
        if (g + i / 2 < kGroups)
          y[i / 2][i % 2] =
              results(q, g + i / 2, i % 2, d[q / kOfBlock], residual[g / 2][i]);
      if constexpr (kPacked)
        pack(q, g, y);
    }
    if constexpr (kPacked) {
      meet();
      store(q, e_.out, e_.outStride);
    }
    if constexpr (q + 1 < kAll)
      runFrom<q + 1>(d);
  }
  template <int q> __device__ __forceinline__ void keepFrom(Sums &d) const {
    Residuals residual = {};
    await<q>(residual);
#pragma unroll
    for (int g = 0; g < kGroups; ++g)
#pragma unroll
      for (int half = 0; half < 2; ++half) {
        float2 y = results(q, g, half, d[q / kOfBlock],
                           residual[g / 2][g % 2 * 2 + half]);
        d[q / kOfBlock][sumOf(q, g, half)] = y.x;
        d[q / kOfBlock][sumOf(q, g, half) + 1] = y.y;
      }
    if constexpr (q + 1 < kAll)
      keepFrom<q + 1>(d);
  }
  /// Of group g of part q, the warp's first 8 outputs or its second: stored, if
  /// they are not packed.
  __device__ __forceinline__ float2 results(int q, int g, int half,
                                            const float (&sums)[C::kN / 2],
                                            u32 residual) const {
    int m = rowOf(q) + 8 * g + lane() % 4 * 2;
    int n = columnOf(q) + int(threadIdx.x) % 128 / 32 * 16 + lane() / 4 +
            8 * half;
    int at = sumOf(q, g, half);
    float r[2] = {};
    if constexpr (kEarly)
      split<Residual>(residual, r);
    float2 y;
#pragma unroll
    for (int j = 0; j < 2; ++j) {
      bool there = m + j < p_.rows && n < p_.half;
      if constexpr (E::kResidual && !kEarly)
        if (there)
          r[j] = toFloat(e_.residual[(m + j) * e_.residualStride + n]);
      (j == 0 ? y.x : y.y) = e_(sums[at + j], r[j]);
      if constexpr (!kPacked)
        if (there)
          e_.out[(m + j) * e_.outStride + n] =
              fromFloat<Out>(j == 0 ? y.x : y.y);
    }
    return y;
  }
  /// Packed, as matrices, to where they leave from.
  __device__ __forceinline__ void pack(int q, int g,
                                       const float2 (&y)[2][2]) const {
    auto pair = [&](int group, int half) {
      return packPair<Out>(y[group][half].x, y[group][half].y);
    };
    if (g + 1 < kGroups)
      storeMatricesTransposed(matrices(q, g),
                              {pair(0, 0), pair(0, 1), pair(1, 0), pair(1, 1)});
    else
      storeMatricesTransposed(matrices(q, g), {pair(0, 0), pair(0, 1)});
  }

  const Place p_;
  const E &e_;
  u32 base_;
};

} // namespace gemm
} // namespace ft

#endif // FT_KERNELS_SM90_GEMM_SWAPPED_CUH
