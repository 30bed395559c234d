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
// slot q % Config::kSlots. Outputs and residuals are of 16 bits.
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
  static_assert(!C::kSwapped || sizeof(Out) == 2);
  static_assert(!C::kSwapped || !E::kResidual || sizeof(Residual) == 2);

public:
  __device__ __forceinline__ SwappedFinisher(const Place &p, const E &e,
                                             const Parts<C> &parts)
      : p_(p), e_(e), base_(parts.base) {}
  /// The first residuals, under way.
  __device__ __forceinline__ void begin() {
    if constexpr (E::kResidual) {
#pragma unroll
      for (int q = 0; q < C::kSlots && q < kAll; ++q)
        fetch(q);
    }
  }
  __device__ __forceinline__ void run(const Sums &d) {
    runFrom<0>(d);
    meet(); // slots are used again by the next tile
  }

private:
  /// Of the warpgroup.
  __device__ static void meet() { namedSync(threadIdx.x / 128, 128); }
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
  __device__ __forceinline__ void store(int q) const {
    Out *to = e_.out;
    if (isWide(to, e_.outStride))
      each<8>(q, [&](int m, int n, u32 from) {
        store16(to + m * e_.outStride + n, loadSharedVec(from));
      });
    else
      each<1>(q, [&](int m, int n, u32 from) {
        to[m * e_.outStride + n] = Out{loadShared16(from)};
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
  template <int q> __device__ __forceinline__ void runFrom(const Sums &d) {
    u32 residual[(kGroups + 1) / 2][4] = {};
    if constexpr (E::kResidual) {
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
#pragma unroll
    for (int g = 0; g < kGroups; g += 2) {
      u32 made[2][2];
#pragma unroll
      for (int i = 0; i < 4; ++i)
        if (g + i / 2 < kGroups)
          made[i / 2][i % 2] =
              outputs(d[q / kOfBlock], residual[g / 2][i],
                      4 * (q % kOfBlock * kGroups + g + i / 2) + i % 2 * 2);
      if (g + 1 < kGroups)
        storeMatricesTransposed(
            matrices(q, g), {made[0][0], made[0][1], made[1][0], made[1][1]});
      else
        storeMatricesTransposed(matrices(q, g), {made[0][0], made[0][1]});
    }
    meet();
    store(q);
    if constexpr (q + 1 < kAll)
      runFrom<q + 1>(d);
  }
  /// Of sums `at` and the next.
  __device__ __forceinline__ u32 outputs(const float (&sums)[C::kN / 2],
                                         u32 residual, int at) const {
    float r[2] = {};
    if constexpr (E::kResidual)
      split<Residual>(residual, r);
    return packPair<Out>(e_(sums[at], r[0]), e_(sums[at + 1], r[1]));
  }

  const Place p_;
  const E &e_;
  u32 base_;
};

} // namespace gemm
} // namespace ft

#endif // FT_KERNELS_SM90_GEMM_SWAPPED_CUH
