//===- gemm_swapped_norm.cuh - few rows that a cluster normalizes *- C++ -*-===//
//
// gemm_norm.cuh's for swapped tiles: a cluster's CTAs side by side have whole
// rows, 64 outputs a warpgroup. With few rows a tile of 64 would leave most
// multiprocessors idle, and each would wait for 64 rows of the activations; one
// of 16 or 32 does not, and needs no kernel behind it.
//
// A thread has two outputs of a quarter of the rows. Each warp reduces its 16
// outputs of every row, the warps of a CTA join theirs, and CTAs send each
// other what they have, as in gemm_norm.cuh.
//
// REQUIRES: Out has 16 bits; one tile of 64 outputs a warpgroup.
//
//===----------------------------------------------------------------------===//
#ifndef FT_KERNELS_SM90_GEMM_SWAPPED_NORM_CUH
#define FT_KERNELS_SM90_GEMM_SWAPPED_NORM_CUH

#include "sm90/gemm_norm.cuh"
#include "sm90/gemm_swapped.cuh"

namespace ft {
namespace gemm {

template <typename C, typename E> class SwappedNorm {
  static_assert(C::kRows == 64 && C::kNorm && C::kSwapped);
  static constexpr bool kCentred = E::kNorm == Norm::Layer;
  static constexpr int kBarrier = 5; // of all consumers
  static constexpr int kConsumers = 128 * C::kWarpgroups;
  using Sums = float[1][C::kN / 2];

public:
  __device__ __forceinline__ SwappedNorm(const Place &p, const E &e,
                                         const RowNumbers<C> &exchange)
      : p_(p), e_(e), exchange_(exchange) {}

  /// `row`: the warpgroup's first output of the tile; `turn`: tiles of this
  /// cluster before this one.
  __device__ __forceinline__ void run(Sums &d,
                                      const SwappedFinisher<C, E> &finish,
                                      int row, u32 turn) const {
    finish.keep(d);
    reduceWarp(d[0], row + warp() % 4 * 16);
    namedSync(kBarrier, kConsumers);
    send(turn);
    if constexpr (E::kSum) // while the others' numbers come
      finish.put(d, e_.sum, e_.sumStride);
    exchange_.await(turn);
    join(turn);
    namedSync(kBarrier, kConsumers);
    apply(d[0], row + warp() % 4 * 16 + lane() / 4);
    finish.put(d, e_.out, e_.outStride);
  }

private:
  __device__ static int thread() { return int(threadIdx.x) - 128; }
  __device__ static int warp() { return thread() / 32; }
  __device__ static int lane() { return threadIdx.x % 32; }
  __device__ const Stages<C> &stages() const { return exchange_.stages; }

  /// Over the eight lanes that share rows.
  __device__ static float sumOutputs(float x) {
    x += __shfl_xor_sync(~0u, x, 4);
    x += __shfl_xor_sync(~0u, x, 8);
    return x + __shfl_xor_sync(~0u, x, 16);
  }
  /// Of a CTA's `own` outputs, those of warp `w`.
  __device__ static float outputsOf(float own, int w) {
    return fminf(fmaxf(own - float(16 * w), 0.0f), 16.0f);
  }
  /// Of each row {mean, squares} of this warp's 16 outputs, or those of them
  /// that exist; `column`: the first in the tile.
  __device__ __forceinline__ void reduceWarp(const float (&d)[C::kN / 2],
                                             int column) const {
    float own = exchange_.columns(exchange_.cn);
    float share = 1.0f / fmaxf(outputsOf(own, column / 16), 1.0f);
    bool first = column + lane() / 4 < int(own);
    bool second = column + lane() / 4 + 8 < int(own);
#pragma unroll
    for (int g = 0; g < C::kN / 8; ++g)
#pragma unroll
      for (int j = 0; j < 2; ++j) {
        float x = d[4 * g + j], y = d[4 * g + 2 + j], mean = 0;
        if constexpr (kCentred) {
          mean = sumOutputs((first ? x : 0.0f) + (second ? y : 0.0f)) * share;
          x -= mean, y -= mean;
        }
        float squares =
            sumOutputs((first ? x * x : 0.0f) + (second ? y * y : 0.0f));
        if (lane() < 4)
          storeShared2(stages().warpNumbers(warp(), 8 * g + 2 * lane() + j),
                       mean, squares);
      }
  }
  /// This CTA's numbers of each row to all CTAs of the row.
  __device__ __forceinline__ void send(u32 turn) const {
    if (thread() == 0)
      barrierExpect(stages().rowsFull(turn & 1), C::kNumberBytes);
    float own = exchange_.columns(exchange_.cn);
#pragma unroll 1
    for (int i = thread(); i < C::BM * C::CN; i += kConsumers) {
      int row = i % C::BM, to = i / C::BM;
      Moments part[C::kStoring], all{0, 0};
#pragma unroll
      for (int w = 0; w < C::kStoring; ++w) {
        float2 v = loadShared2(stages().warpNumbers(w, row));
        part[w] = {v.x, v.y};
        if constexpr (kCentred)
          all.mean += v.x * outputsOf(own, w);
      }
      all.mean /= fmaxf(own, 1.0f);
#pragma unroll
      for (int w = 0; w < C::kStoring; ++w) {
        float off = part[w].mean - all.mean;
        all.squares += part[w].squares;
        if constexpr (kCentred)
          all.squares += outputsOf(own, w) * off * off;
      }
      storeRemote(remoteAddress(
                      stages().rowNumbers(turn & 1, exchange_.cn, row), to),
                  remoteAddress(stages().rowsFull(turn & 1), to), all.mean,
                  all.squares);
    }
  }
  /// {mean, factor} of each row.
  __device__ __forceinline__ void join(u32 turn) const {
    if (int row = thread(); row < C::BM) {
      Moments all = exchange_.join(row, turn, kCentred);
      storeShared2(stages().warpNumbers(C::kStoring, row), all.mean,
                   rsqrtf(all.squares / float(p_.half) + e_.eps));
    }
  }
  /// `column`: this thread's first output of the tile; its second is 8 behind.
  __device__ __forceinline__ void apply(float (&d)[C::kN / 2],
                                        int column) const {
    float scale[2], shift[2];
#pragma unroll
    for (int half = 0; half < 2; ++half) {
      int at = column + 8 * half;
      scale[half] = loadShared1(stages().columns(at / 2) + at % 2 * 4);
      shift[half] = loadShared1(stages().columns(at / 2) + at % 2 * 4 + 8);
    }
#pragma unroll
    for (int g = 0; g < C::kN / 8; ++g) {
      float4 rows = loadShared4(
          stages().warpNumbers(C::kStoring, 8 * g + lane() % 4 * 2));
#pragma unroll
      for (int i = 0; i < 4; ++i) {
        float mean = i % 2 == 0 ? rows.x : rows.z;
        float factor = i % 2 == 0 ? rows.y : rows.w;
        float x = kCentred ? d[4 * g + i] - mean : d[4 * g + i];
        d[4 * g + i] = x * factor * scale[i / 2] + shift[i / 2];
      }
    }
  }

  const Place &p_;
  const E &e_;
  const RowNumbers<C> &exchange_;
};

} // namespace gemm
} // namespace ft

#endif // FT_KERNELS_SM90_GEMM_SWAPPED_NORM_CUH
