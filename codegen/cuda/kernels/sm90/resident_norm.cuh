//===- resident_norm.cuh - norms of gemm_resident.cuh ----------*- C++ -*-===//
//
// A norm of x is in the weights and in what follows the sums:
//   sum over k of ((x - mean) * factor * scale + shift)[k] * w[k] =
//   factor * (sum of x[k] * v[k] - mean * sum of v[k]) + sum of shift[k] * w[k]
// with v = scale * w, rounded to the type of w, in its place before the kernel
// in front has ended. (Normalised rows would be rounded instead; a CTA has as
// many values of x as of w, but normalises them behind the wait: 1 to 3 us.)
// Sums and squares of rows are made of the products' operands while they are
// there, v's sums and x's by the tensor cores, of products with ones. A warp's
// squares are those around the first value of its row, so that a mean far from
// zero takes nothing from the variance; warps' are joined around all's mean.
//
//===----------------------------------------------------------------------===//
#ifndef FT_KERNELS_SM90_RESIDENT_NORM_CUH
#define FT_KERNELS_SM90_RESIDENT_NORM_CUH

#include "gemv_norm.cuh"
#include "mma.cuh"
#include "sm90/resident_shape.cuh"

namespace ft {
namespace resident {

/// Two ones.
__device__ __forceinline__ constexpr u32 ones(f16) { return 0x3c003c00; }
__device__ __forceinline__ constexpr u32 ones(bf16) { return 0x3f803f80; }

/// REQUIRES: k is C::kDepth; the norm's weights lie on 16 bytes.
template <typename C, typename Norm> class Fold {
  using T = typename C::T;
  static constexpr bool kCentred = Norm::kCentred;
  static constexpr int kRounds = C::kColumns / 4; // eight lanes a column
  static constexpr int kHalves = C::kRows >= 16 ? 2 : 1;

public:
  /// Sums of rows and the squares around their means, over the warp's values.
  class Rows {
  public:
    /// `first`: of the block's operands.
    __device__ __forceinline__ void add(int block, const u32 (&x)[4],
                                        bool first) {
      if constexpr (kCentred) {
        multiplyAdd(sums_[block], x, ones(T{}), ones(T{}), T{});
        if (first)
#pragma unroll
          for (int h = 0; h < kHalves; ++h) {
            float v[2];
            unpackPair(x[h], v, T{});
            pivots_[block][h] =
                __shfl_sync(~0u, v[0], int(threadIdx.x) % 32 / 4 * 4);
          }
      }
#pragma unroll
      for (int i = 0; i < 4; ++i)
        if (i % 2 < kHalves) {
          float v[2];
          unpackPair(x[i], v, T{});
          if constexpr (kCentred)
            v[0] -= pivots_[block][i % 2], v[1] -= pivots_[block][i % 2];
          squares_[block][i % 2] += v[0] * v[0] + v[1] * v[1];
        }
    }
    /// {mean, squares around it}
    __device__ __forceinline__ void store(const Memory<C> &memory) const {
      int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
#pragma unroll
      for (int b = 0; b < C::kBlocks; ++b)
#pragma unroll
        for (int h = 0; h < kHalves; ++h) {
          float square = squares_[b][h], mean = 0;
          square += __shfl_xor_sync(~0u, square, 1);
          square += __shfl_xor_sync(~0u, square, 2);
          if constexpr (kCentred) {
            mean = sums_[b][2 * h] * (1.0f / kOwn);
            float off = mean - pivots_[b][h];
            square -= float(kOwn) * off * off;
          }
          if (lane % 4 == 0)
            storeShared2(memory.rowNumbers(warp, b * 16 + h * 8 + lane / 4),
                         mean, square);
        }
    }

  private:
    static constexpr int kOwn = C::kBoxes * kBox; // values of a row
    float sums_[C::kBlocks][4] = {}, squares_[C::kBlocks][2] = {};
    float pivots_[C::kBlocks][2] = {};
  };

  /// Scales the CTA's weights. `depth`: the warp's first value of k.
  __device__ __forceinline__ Fold(const Memory<C> &memory, const Norm &norm,
                                  int k, int depth)
      : norm_(norm), inverse_(1.0f / float(k)) {
    float scale[C::kBoxes][8], shift[C::kBoxes][8] = {};
#pragma unroll
    for (int box = 0; box < C::kBoxes; ++box) {
      int from = depth + box * kBox + int(threadIdx.x) % 8 * 8;
      load(norm.weight + from, scale[box]);
      if constexpr (kCentred)
        if (norm.bias)
          load(norm.bias + from, shift[box]);
    }
    barrierWait(memory.wFull(), 0);
    float shifts[kRounds] = {};
#pragma unroll
    for (int box = 0; box < C::kBoxes; ++box)
#pragma unroll
      for (int i = 0; i < kRounds; ++i)
        scaleVector(memory.w(box), i, scale[box], shift[box], shifts[i]);
    __syncwarp();
    if constexpr (kCentred) {
      storeColumns(memory, shifts);
      addColumns(memory);
    }
  }

  /// Each row's mean and factor, by a thread for each. Between barriers of the
  /// CTA.
  __device__ __forceinline__ void addRows(const Memory<C> &memory) const {
    int row = threadIdx.x;
    if (row >= C::kRows)
      return;
    float2 parts[C::kWarps];
    float mean = 0, square = 0;
#pragma unroll
    for (int warp = 0; warp < C::kWarps; ++warp) {
      parts[warp] = loadShared2(memory.rowNumbers(warp, row));
      mean += parts[warp].x * (1.0f / C::kWarps);
    }
#pragma unroll
    for (int warp = 0; warp < C::kWarps; ++warp) {
      float off = parts[warp].x - mean;
      square += parts[warp].y;
      if constexpr (kCentred)
        square += float(C::kBoxes * kBox) * off * off;
    }
    storeShared2(memory.rowNumbers(C::kWarps, row), mean,
                 rsqrtf(fmaxf(square, 0.0f) * inverse_ + norm_.eps));
  }
  /// The linear's output for the CTA's row and column of this `sum`.
  __device__ __forceinline__ float apply(const Memory<C> &memory, int row,
                                         int column, float sum) const {
    float2 of = loadShared2(memory.rowNumbers(C::kWarps, row));
    if constexpr (!kCentred)
      return of.y * sum;
    float2 own = loadShared2(memory.columnNumbers(C::kWarps, column));
    return of.y * (sum - of.x * own.x) + own.y;
  }

private:
  static __device__ __forceinline__ void load(const float *from,
                                              float (&v)[8]) {
#pragma unroll
    for (int i = 0; i < 8; i += 4) {
      float four[4];
      loadFour(from + i, four);
#pragma unroll
      for (int e = 0; e < 4; ++e)
        v[i + e] = four[e];
    }
  }
  /// Eight values of a column.
  static __device__ __forceinline__ void scaleVector(u32 box, int i,
                                                     const float (&scale)[8],
                                                     const float (&shift)[8],
                                                     float &shifts) {
    int lane = threadIdx.x % 32;
    u32 place = at(box, i * 4 + lane / 8, lane % 8);
    float v[8];
    gemv::unpackEight<T>(loadSharedVec(place), v);
#pragma unroll
    for (int e = 0; e < 8; ++e) {
      if constexpr (kCentred)
        shifts += v[e] * shift[e];
      v[e] *= scale[e];
    }
    storeSharedVec(place, gemv::packEight<T>(v));
  }
  /// What the scaled weights and the shifted ones add up to.
  static __device__ __forceinline__ void
  storeColumns(const Memory<C> &memory, float (&shifts)[kRounds]) {
    int lane = threadIdx.x % 32, warp = threadIdx.x / 32;
    const u32 one[4] = {ones(T{}), ones(T{}), ones(T{}), ones(T{})};
#pragma unroll
    for (int g = 0; g < C::kGroups; ++g) {
      float sums[4] = {};
#pragma unroll
      for (int box = 0; box < C::kBoxes; ++box)
#pragma unroll
        for (int half = 0; half < 2; ++half) {
          u32 w[4];
          loadMatrices<false>(
              w, at(memory.w(box), g * 8 + lane % 8, half * 4 + lane / 8));
          multiplyAdd(sums, one, w[0], w[1], T{});
          multiplyAdd(sums, one, w[2], w[3], T{});
        }
      u32 to = memory.columnNumbers(warp, g * 8 + lane * 2);
      if (lane < 4) {
        storeShared(to, __float_as_uint(sums[0]));
        storeShared(to + 8, __float_as_uint(sums[1]));
      }
    }
#pragma unroll
    for (int i = 0; i < kRounds; ++i) {
      float sum = shifts[i];
#pragma unroll
      for (int offset = 1; offset < 8; offset *= 2)
        sum += __shfl_xor_sync(~0u, sum, offset);
      if (lane % 8 == 0)
        storeShared(memory.columnNumbers(warp, i * 4 + lane / 8) + 4,
                    __float_as_uint(sum));
    }
  }

  /// Over the warps.
  static __device__ __forceinline__ void addColumns(const Memory<C> &memory) {
    __syncthreads();
    int column = threadIdx.x;
    if (column >= C::kColumns)
      return;
    float scaled = 0, shifted = 0;
#pragma unroll
    for (int warp = 0; warp < C::kWarps; ++warp) {
      float2 part = loadShared2(memory.columnNumbers(warp, column));
      scaled += part.x, shifted += part.y;
    }
    storeShared2(memory.columnNumbers(C::kWarps, column), scaled, shifted);
  }

  const Norm &norm_;
  float inverse_; // 1 / k
};

/// No norm.
template <typename C> class Fold<C, NoNorm> {
public:
  struct Rows {
    __device__ __forceinline__ void add(int, const u32 (&)[4], bool) {}
    __device__ __forceinline__ void store(const Memory<C> &) const {}
  };
  __device__ __forceinline__ Fold(const Memory<C> &, const NoNorm &, int, int) {
  }
  __device__ __forceinline__ void addRows(const Memory<C> &) const {}
  __device__ __forceinline__ float apply(const Memory<C> &, int, int,
                                         float sum) const {
    return sum;
  }
};

} // namespace resident
} // namespace ft

#endif // FT_KERNELS_SM90_RESIDENT_NORM_CUH
