//===- skinny_across.cuh - gemm_skinny.cuh's 64 tokens as rows ---*- C++ -*-===//
//
// 64 tokens fill wgmma's 64-row side: then the rows of w, as many as a tile has,
// are the other one. A stage's tokens are read from shared memory once, not once
// for every 64 rows of w, and no block of 64 rows is part empty. Steps of 64
// sequences run at the power limit, where the clock is 2 % higher so
// (docs/rationale/decode.md).
//
// A thread has sums of two tokens, of each pairs of neighbouring outputs. Those of
// 16 bits are turned over by a warp in its own shared memory and leave by rows;
// those of 32 bits leave as they are, four lanes' 32 bytes side by side.
//
// REQUIRES: as skinny_store.cuh.
//
//===----------------------------------------------------------------------===//
#ifndef FT_KERNELS_SM90_SKINNY_ACROSS_CUH
#define FT_KERNELS_SM90_SKINNY_ACROSS_CUH

#include "mma.cuh"
#include "sm90/skinny_share.cuh"

namespace ft {
namespace skinny {

template <typename C, typename E> struct AcrossStore {
  using Operands = typename E::Operands;
  using Out = typename E::Stored;
  static_assert(sizeof(Out) == C::kStoredBytes || C::kStoredBytes == 0);
  /// Outputs that this CTA stores, and a thread's sums of them.
  static constexpr int kOutputs = C::kAcross / C::kHalves / C::kSplits;
  static constexpr int kValues = kOutputs / 2;
  static_assert(kOutputs % 8 == 0);
  using Rows = AcrossRows<kOutputs, C::kStoredBytes>;

  const Problem &p;
  const Ring<C> &ring;
  const E &e;
  int rows;

  /// f(i, token, output) of each value i that there is to store.
  template <typename F>
  __device__ __forceinline__ void each(int tile, int pass, F &&f) const {
    int lane = threadIdx.x % 32;
    int token = pass * 64 + threadIdx.x / 32 * 16 + lane / 4;
    int at = p.split * kOutputs + lane % 4 * 2;
    int n = tile * p.size + at;
#pragma unroll
    for (int i = 0; i < kValues; ++i) {
      int m = token + i / 2 % 2 * 8, more = i / 4 * 8 + i % 2;
      if (m < rows && at + more < p.size && n + more < p.outputs)
        f(i, m, n + more);
    }
  }

  __device__ __forceinline__ void load(int tile, int pass,
                                       Operands (&operands)[kValues]) const {
    each(tile, pass, [&](int i, int m, int n) { operands[i] = e.load(m, n); });
  }

  /// Of this CTA's sums; gated: the up rows' behind the gate rows'.
  __device__ __forceinline__ void
  store(int tile, int pass, const float (&sums)[C::kRun],
        const Operands (&operands)[kValues]) const {
    auto value = [&](int i) {
      if constexpr (C::kGated)
        return e.value(operands[i], sums[i], sums[i + kValues]);
      else
        return e.value(operands[i], sums[i]);
    };
    if constexpr (sizeof(Out) == 2) {
      if (C::kSplits > 1) // who may still read others' sums
        namedSync(1, C::kConsumers);
      turn(value);
      __syncwarp();
      leave(tile, pass);
      __syncwarp();
    } else {
      each(tile, pass, [&](int i, int m, int n) {
        if (i % 2 == 0)
          *reinterpret_cast<float2 *>(e.out + m * e.outStride + n) =
              make_float2(value(i), value(i + 1));
      });
    }
  }

private:
  __device__ __forceinline__ u32 base() const {
    return ring.sums + threadIdx.x / 32 * (16 * Rows::kPitch);
  }
  template <typename F> __device__ __forceinline__ void turn(F &&value) const {
    int lane = threadIdx.x % 32;
    u32 to = base() + lane % 16 * Rows::kPitch + lane / 16 * 16;
    auto pair = [&](int i) { return packPair<Out>(value(i), value(i + 1)); };
#pragma unroll
    for (int i = 0; i < kValues; i += 8) {
      if (i + 4 < kValues)
        storeMatrices(to + i * 4, {pair(i), pair(i + 2), pair(i + 4),
                                   pair(i + 6)});
      else
        storeMatrices(to + i * 4, {pair(i), pair(i + 2)});
    }
  }
  __device__ __forceinline__ void leave(int tile, int pass) const {
    constexpr int vectors = kOutputs / 8; // of a row
    int token = pass * 64 + threadIdx.x / 32 * 16;
#pragma unroll
    for (int i = 0; i < 16 * vectors; i += 32) {
      int v = i + threadIdx.x % 32;
      int m = token + v / vectors, at = p.split * kOutputs + v % vectors * 8;
      int n = tile * p.size + at;
      if (v < 16 * vectors && m < rows && at < p.size && n < p.outputs)
        *reinterpret_cast<float4 *>(e.out + m * e.outStride + n) =
            loadShared4(base() + v / vectors * Rows::kPitch +
                        v % vectors * 16);
    }
  }
};

} // namespace skinny
} // namespace ft

#endif // FT_KERNELS_SM90_SKINNY_ACROSS_CUH
