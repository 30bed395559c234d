//===- skinny_store.cuh - gemm_skinny.cuh's results by whole rows -*- C++ -*-===//
//
// A thread has sums of two outputs for many tokens: stored as they are, an
// instruction reaches four rows of y, 16 bytes in each. So a warpgroup turns its
// block over in shared memory, some tokens at a time, and stores 16 bytes a
// thread, 64 outputs of a token side by side (H200, 8B, 64 rows, before
// skinny_across.cuh: q-k-v takes 1.4 us less, o 0.6, gate-up 0.9, down 0.7; of
// f32, the output matrix, nothing).
//
// REQUIRES: rows of y, its first element and tiles begin on 16 bytes, and the
// outputs end there.
//
//===----------------------------------------------------------------------===//
#ifndef FT_KERNELS_SM90_SKINNY_STORE_CUH
#define FT_KERNELS_SM90_SKINNY_STORE_CUH

#include "mma.cuh"
#include "sm90/skinny_norm.cuh"

namespace ft {
namespace skinny {

/// Block `b` of a warpgroup's sums, `value(b, i)` what sum i becomes.
template <typename C, typename E> struct WholeRows {
  using Out = typename E::Stored;
  static_assert(sizeof(Out) == C::kStoredBytes);
  static constexpr int kElements = 16 / sizeof(Out); // of a vector
  static constexpr int kVectors = 64 / kElements;    // of a token
  static constexpr int kRounds = C::kRun / 4 * 8 / C::kStoreTokens;
  static constexpr int kPairs = C::kStoreTokens / 8; // groups of tokens

  const Problem &p;
  const Ring<C> &ring;
  const E &e;
  int rows;

  __device__ __forceinline__ u32 base() const {
    return ring.sums +
           threadIdx.x / 128 * (C::kStoreTokens * C::kStorePitch);
  }

  /// Everyone who may still read what was there.
  __device__ __forceinline__ void begin() const {
    if (C::kSplits > 1) // others' sums
      namedSync(1, C::kConsumers);
    else
      meet();
  }
  __device__ __forceinline__ void meet() const {
    namedSync(2 + threadIdx.x / 128, 128);
  }

  /// Outputs from `n` on and tokens from `token` on; `start`: the first row of
  /// w in the block, `own`: the first that no block in front has.
  template <typename F>
  __device__ __forceinline__ void store(int tile, int start, int own, int token,
                                        F &&value, const Gain &gain) const {
#pragma unroll
    for (int round = 0; round < kRounds; ++round) {
      turn(round, value);
      meet();
      int first = token + round * C::kStoreTokens;
      if constexpr (kBegun<E> > 0)
        leaveBegun(tile, start, own, first, gain);
      else
        leave(tile, start, own, first);
      meet();
    }
  }
  /// g of this thread's vector of the block.
  __device__ __forceinline__ Gain gainOf(int tile, int start) const {
    Gain gain;
    if constexpr (kBegun<E> > 0) {
      int n = tile * p.size + start + threadIdx.x % kVectors * kElements;
      if (n < p.outputs)
        gain.load(e.gain + n);
    }
    return gain;
  }

private:
  /// As leave(), and what else begins a norm.
  __device__ __forceinline__ void leaveBegun(int tile, int start, int own,
                                             int token,
                                             const Gain &gain) const {
    static_assert(sizeof(Out) == 2);
    int thread = threadIdx.x % 128, vector = thread % kVectors;
    int at = start + vector * kElements, n = tile * p.size + at;
    bool there = at >= own && at < p.size && n < p.outputs;
    u32 from = base() + vector * 16;
#pragma unroll
    for (int i = 0; i < C::kStoreTokens; i += 128 / kVectors) {
      int t = i + thread / kVectors, m = token + t;
      bool row = t < C::kStoreTokens && m < rows;
      float squares = 0, sum = 0;
      if (row && there) {
        float4 raw = loadShared4(from + t * C::kStorePitch);
        *reinterpret_cast<float4 *>(e.out + m * e.outStride + n) = raw;
        Vec16 h{{__float_as_uint(raw.x), __float_as_uint(raw.y),
                 __float_as_uint(raw.z), __float_as_uint(raw.w)}};
        squares = gain.scale(h, e.scaled + m * e.scaledStride + n);
        if constexpr (kBeginsMean<E>)
          sum = sumOf<Out>(h);
      }
#pragma unroll
      for (int lane = 1; lane < kVectors; lane *= 2) {
        squares += __shfl_xor_sync(~0u, squares, lane);
        if constexpr (kBeginsMean<E>)
          sum += __shfl_xor_sync(~0u, sum, lane);
      }
      int slot = tile * (C::kStored * C::kGroups) + own / 64;
      if (row && vector == 0) {
        e.squares[slot * kMostRows + m] = squares;
        if constexpr (kBeginsMean<E>)
          e.squares[(kBegun<E> + slot) * kMostRows + m] = sum;
      }
    }
  }
  template <typename F>
  __device__ __forceinline__ void turn(int round, F &&value) const {
    int warp = threadIdx.x % 128 / 32, lane = threadIdx.x % 32;
    if constexpr (sizeof(Out) == 2) {
      u32 to = base() + (lane / 16 * 8 + lane % 8) * C::kStorePitch +
               warp * 32 + lane / 8 % 2 * 16;
#pragma unroll
      for (int g = 0; g < kPairs; g += 2) {
        auto pair = [&](int i) {
          int at = (round * kPairs + g) * 4 + i;
          return packPair<Out>(value(at), value(at + 1));
        };
        u32 at = to + g * 8 * C::kStorePitch;
        if (g + 1 < kPairs)
          storeMatricesTransposed(at, {pair(0), pair(2), pair(4), pair(6)});
        else
          storeMatricesTransposed(at, {pair(0), pair(2)});
      }
    } else {
      u32 to = base() + lane % 4 * 2 * C::kStorePitch +
               (warp * 16 + lane / 4) * 4;
#pragma unroll
      for (int g = 0; g < kPairs; ++g)
#pragma unroll
        for (int i = 0; i < 4; ++i)
          storeShared(to + (g * 8 + i % 2) * C::kStorePitch + i / 2 * 32,
                      __float_as_uint(value((round * kPairs + g) * 4 + i)));
    }
  }
  __device__ __forceinline__ void leave(int tile, int start, int own,
                                        int token) const {
    int thread = threadIdx.x % 128;
    int at = start + thread % kVectors * kElements;
    int n = tile * p.size + at;
    if (at < own || at >= p.size || n >= p.outputs)
      return;
    u32 from = base() + thread % kVectors * 16;
#pragma unroll
    for (int i = 0; i < C::kStoreTokens; i += 128 / kVectors) {
      int t = i + thread / kVectors;
      if (t < C::kStoreTokens && token + t < rows)
        *reinterpret_cast<float4 *>(e.out + (token + t) * e.outStride + n) =
            loadShared4(from + t * C::kStorePitch);
    }
  }
};

} // namespace skinny
} // namespace ft

#endif // FT_KERNELS_SM90_SKINNY_STORE_CUH
