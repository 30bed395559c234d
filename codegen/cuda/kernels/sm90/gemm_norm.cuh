//===- gemm_norm.cuh - rows that a cluster normalizes -----------*- C++ -*-===//
//
// An epilogue with kNorm = Layer or Rms has these members besides those of
// gemm_epilogue.cuh:
//     using Scale = bf16;                 // any of the three
//     static constexpr bool kShift;       // Layer only
//     static constexpr bool kSum;         // the sums are stored, too
//     const Scale *scale, *shift;         // [n]
//     float eps;
//     Out *sum; i64 sumStride;            // kSum
// `out` is the norm of what its function returns, `sum` that itself.
//
// The CTAs side by side in a cluster have whole rows in registers, a range of
// columns each. Each reduces its range of a row to a mean and the sum of
// squares around that mean, and writes both to all others' shared memory; then
// all join the ranges in the same order: means by weight, squares shifted to
// the mean of the row. So variances come from centred values, at one exchange
// a tile, and every CTA has the same bits.
//
// Two sets of numbers, each with a barrier, are used in turn: who writes a set
// for the second time has seen all send the tile's between, and so be done with
// the first.
//
//===----------------------------------------------------------------------===//
#ifndef FT_KERNELS_SM90_GEMM_NORM_CUH
#define FT_KERNELS_SM90_GEMM_NORM_CUH

#include "sm90/async.cuh"
#include "sm90/gemm_epilogue.cuh"
#include "sm90/gemm_shape.cuh"

namespace ft {
namespace gemm {

/// A range of a row: its mean and the squares around it.
struct Moments {
  float mean, squares;
};

/// Sums over the four lanes that share a row.
__device__ __forceinline__ float quadSum(float x) {
  x += __shfl_xor_sync(~0u, x, 1);
  return x + __shfl_xor_sync(~0u, x, 2);
}

template <typename C> struct RowNumbers {
  Stages<C> stages;
  int cn, outputs;

  /// Columns of CTA `cn`.
  __device__ float columns(int cn) const {
    return float(min(max(outputs - cn * C::kOutputs, 0), C::kOutputs));
  }
  /// To every CTA of the row: rows `row` and `row` + 8 of the tile.
  __device__ __forceinline__ void send(const Moments (&mine)[2], int row,
                                       u32 turn) const {
    if (threadIdx.x % 4 == 0 && row == 0)
      barrierExpect(stages.rowsFull(turn & 1), C::kNumberBytes);
#pragma unroll
    for (int to = 0; to < (C::CN + 3) / 4; ++to)
      if (u32 other = threadIdx.x % 4 + 4 * to; other < C::CN) {
        u32 full = remoteAddress(stages.rowsFull(turn & 1), other);
#pragma unroll
        for (int h = 0; h < 2; ++h)
          storeRemote(
              remoteAddress(stages.rowNumbers(turn & 1, cn, row + 8 * h),
                            other),
              full, mine[h].mean, mine[h].squares);
      }
  }
  __device__ void await(u32 turn) const {
    barrierWait(stages.rowsFull(turn & 1), turn >> 1 & 1);
  }
  /// Of the whole row, after `await`.
  __device__ __forceinline__ Moments join(int row, u32 turn,
                                          bool centred) const {
    Moments part[C::CN], all{0, 0};
#pragma unroll
    for (int i = 0; i < C::CN; ++i) {
      float2 v = loadShared2(stages.rowNumbers(turn & 1, i, row));
      part[i] = {v.x, v.y};
      if (centred)
        all.mean += v.x * columns(i);
    }
    all.mean /= float(outputs);
#pragma unroll
    for (int i = 0; i < C::CN; ++i) {
      float off = centred ? part[i].mean - all.mean : 0.0f;
      all.squares += part[i].squares + columns(i) * off * off;
    }
    return all;
  }
};

/// Scale and shift of this CTA's columns, the same in all of its tiles, kept in
/// shared memory: in registers they would need half as many as the sums.
template <typename C, typename E> struct NormColumns {
  Stages<C> stages;

  /// By all threads of the consumers: columns n .. n + BN - 1, zeros from
  /// `limit` on.
  __device__ __forceinline__ void fill(const E &e, int n, int limit) const {
    int thread = int(threadIdx.x) - 128;
    for (int pair = thread; pair < C::BN / 2; pair += 128 * C::kWarpgroups) {
      float v[4] = {};
#pragma unroll
      for (int i = 0; i < 2; ++i)
        if (int column = n + 2 * pair + i; column < limit) {
          v[i] = toFloat(e.scale[column]);
          if constexpr (E::kShift)
            v[2 + i] = toFloat(e.shift[column]);
        }
      storeShared4(stages.columns(pair), {v[0], v[1], v[2], v[3]});
    }
    namedSync(1, 128 * C::kWarpgroups);
  }
  /// Of this thread's two columns of group `group`.
  __device__ __forceinline__ float4 of(int group) const {
    return loadShared4(stages.columns(4 * group + threadIdx.x % 4));
  }
};

/// Two rows of one 64-row tile: from sums, as Finisher::keep leaves them, to
/// normalized rows.
template <typename C, typename E> class NormFinisher {
  static constexpr int kSums = C::BN / 2, kGroups = C::BN / 8;
  static constexpr bool kCentred = E::kNorm == Norm::Layer;
  using Out = typename E::Out;

public:
  __device__ __forceinline__ NormFinisher(const Place &p, const E &e,
                                          const RowNumbers<C> &exchange)
      : p_(p), e_(e), exchange_(exchange) {}

  /// `row`: of the tile; `turn`: tiles of this cluster before this one.
  __device__ __forceinline__ void run(const float (&d)[kSums], int row,
                                      u32 turn, const Parts<C> &parts) {
    Moments mine[2] = {momentsOf(d, 0), momentsOf(d, 1)};
    exchange_.send(mine, row, turn);
    // While the others' numbers come.
    if constexpr (E::kSum)
      put(parts, e_.sum, e_.sumStride, [&](int g, int h) {
        return float2{d[4 * g + 2 * h], d[4 * g + 2 * h + 1]};
      });
    exchange_.await(turn);
    float mean[2], factor[2];
#pragma unroll
    for (int h = 0; h < 2; ++h) {
      Moments all = exchange_.join(row + 8 * h, turn, kCentred);
      mean[h] = all.mean;
      factor[h] = rsqrtf(all.squares / float(p_.half) + e_.eps);
    }
    NormColumns<C, E> columns{exchange_.stages};
    put(parts, e_.out, e_.outStride, [&](int g, int h) {
      float4 c = columns.of(g);
      float x = d[4 * g + 2 * h], y = d[4 * g + 2 * h + 1];
      if constexpr (kCentred)
        x -= mean[h], y -= mean[h];
      return float2{x * factor[h] * c.x + c.z, y * factor[h] * c.y + c.w};
    });
  }

private:
  /// This CTA's columns of row h.
  __device__ __forceinline__ Moments momentsOf(const float (&d)[kSums],
                                               int h) const {
    // What lies past the last column is no number of the row.
    int limit = p_.half - p_.n - int(threadIdx.x % 4 * 2);
    bool whole = p_.half - p_.n >= C::BN;
    auto sumOf = [&](auto &&value) {
      float part[2] = {};
#pragma unroll
      for (int g = 0; g < kGroups; ++g)
#pragma unroll
        for (int i = 0; i < 2; ++i)
          part[i] +=
              whole || 8 * g + i < limit ? value(d[4 * g + 2 * h + i]) : 0.0f;
      return quadSum(part[0] + part[1]);
    };
    float mean = 0;
    if constexpr (kCentred)
      mean = sumOf([](float x) { return x; }) /
             fmaxf(exchange_.columns(exchange_.cn), 1.0f);
    return {mean, sumOf([=](float x) { return (x - mean) * (x - mean); })};
  }

  /// value(group, h), two columns, of every group, to the rows of `to`.
  template <typename F>
  __device__ __forceinline__ void put(const Parts<C> &parts, Out *to,
                                      i64 stride, F &&value) const {
    constexpr int ofPart = C::kPartColumns / 8;
#pragma unroll
    for (int q = 0; q < C::kAllParts; ++q) {
#pragma unroll
      for (int g = q * ofPart; g < kGroups && g < (q + 1) * ofPart; ++g)
#pragma unroll
        for (int h = 0; h < 2; ++h) {
          float2 v = value(g, h);
          if constexpr (sizeof(Out) == 2)
            storeShared(parts.pair(q, g % ofPart, h), packPair<Out>(v.x, v.y));
          else
            storePair(p_, to, stride, p_.m + 8 * h, g, v.x, v.y);
        }
      if constexpr (sizeof(Out) == 2 && !C::kWholeRows)
        parts.template store<E::kWide>(q, p_, to, stride);
    }
    if constexpr (sizeof(Out) == 2 && C::kWholeRows)
      parts.template storeAll<E::kWide>(p_, to, stride);
    __syncwarp(); // before slots are used again
  }

  const Place &p_;
  const E &e_;
  const RowNumbers<C> &exchange_;
};

} // namespace gemm
} // namespace ft

#endif // FT_KERNELS_SM90_GEMM_NORM_CUH
