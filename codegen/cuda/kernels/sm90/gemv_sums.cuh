//===- gemv_sums.cuh - the products of a ring's stages ----------*- C++ -*-===//
//
// A stage's products with a lane's tokens and, at the end of a group of 16
// rows, the sum of the warps' parts, in the order of the warps. What the
// epilogue needs is on its way since the group began.
//
//===----------------------------------------------------------------------===//
#ifndef FT_KERNELS_SM90_GEMV_SUMS_CUH
#define FT_KERNELS_SM90_GEMV_SUMS_CUH

#include "sm90/gemv_stages.cuh"

namespace ft::gemv {

/// The token side of one unit: 8 values of one token, for the two steps.
/// Beyond k and the rows zero.
template <typename T> struct Tokens {
  Vec16 vector;

  __device__ __forceinline__ void load(const char *from, bool real) {
    vector = {};
    if (real)
      vector = load16(from);
  }
  __device__ __forceinline__ void multiply(float (&sums)[4],
                                           const Weights &w) const {
    multiplyAdd(sums, w, 0, vector.word[0], vector.word[1], T{});
    multiplyAdd(sums, w, 1, vector.word[2], vector.word[3], T{});
  }
};

/// An output of the group that begins with output `first`, if this thread
/// stores one: from group to group they are others.
template <typename Epilogue> struct RingOutput {
  static constexpr int kPer = perGroup<Epilogue::kGated>;
  int m, r, j; // row of x; output of the group, of all
  bool real;
  template <typename T>
  __device__ __forceinline__ RingOutput(const Problem<T> &p, const Share &s,
                                        int first) {
    u32 o = (threadIdx.x + u32(first) / kPer * 32) % kThreads;
    m = int(o / kPer), r = int(o % kPer), j = first + r;
    real = m < p.rows && j < s.end;
  }
};

/// What the epilogue needs for this thread's output of a group.
template <typename Epilogue, typename T>
__device__ __forceinline__ typename Epilogue::Operands
loadOperands(const Epilogue &epilogue, const Problem<T> &p, const Share &s,
             int first) {
  typename Epilogue::Operands operands = {};
  RingOutput<Epilogue> output(p, s, first);
  if (output.real)
    operands = epilogue.load(output.m, output.j);
  return operands;
}

/// A multiplying warp's place in every stage, and its sums of a group. `apart`:
/// so many, for products that do not wait for each other.
template <typename T, int apart> class RingSums {
public:
  __device__ __forceinline__ RingSums(const Problem<T> &p,
                                      const RingMemory &memory)
      : memory_(memory) {
    at = int(threadIdx.x) / 32 * 32 + lane() % 4 * 8;
    w_ = lane() / 4 * kRingRowPitch + at * 2;
    limit = p.k - at;
  }
  /// The lane's first value of k in a chunk, and the values from there to k.
  int at, limit;

  /// Chunk `c`, which is in the stage of `place`, by the tokens.
  __device__ __forceinline__ void
  multiply(int c, const RingPlace &place,
           const Tokens<T> (&tokens)[kRingUnits]) {
    barrierWait(memory_.full(place.stage), place.turn);
    const char *stage = dynamicShared<char>() + place.stage * kStageBytes + w_;
#pragma unroll
    for (int u = 0; u < kRingUnits; ++u) {
      Weights w = {};
      if (c * kRingChunk + u * kUnitStep < limit) {
        w.low = load16(stage + u * kUnitStep * 2);
        w.high = load16(stage + u * kUnitStep * 2 + 8 * kRingRowPitch);
      }
      tokens[u].multiply(sums_[u % apart], w);
    }
    __syncwarp();
    if (lane() == 0)
      barrierArrive(memory_.empty(place.stage));
  }
  /// To this warp's part of the state's sums, and begins anew; then all warps'
  /// parts are added and stored.
  template <typename Epilogue>
  __device__ __forceinline__ void
  finish(const Epilogue &epilogue, const Problem<T> &p, const Share &s,
         int first, const typename Epilogue::Operands &operands) {
    float(*parts)[kMaxM * kRingSumPitch] =
        memory_.state->sums[u32(first) / RingOutput<Epilogue>::kPer % 2];
    float *sums = parts[threadIdx.x / 32];
#pragma unroll
    for (int i = 0; i < 4; ++i) {
      float sum = 0;
#pragma unroll
      for (int u = 0; u < apart; ++u) {
        sum += sums_[u][i];
        sums_[u][i] = 0;
      }
      sums[(lane() % 4 * 2 + i % 2) * kRingSumPitch + lane() / 4 + i / 2 * 8] =
          sum;
    }
    WarpsSync()(); // a group later nobody reads the same sums any more
    RingOutput<Epilogue> output(p, s, first);
    if (!output.real)
      return;
    const float *part = parts[0] + output.m * kRingSumPitch + output.r;
    float y = 0, y2 = 0;
#pragma unroll
    for (int w = 0; w < kWarps; ++w) {
      y += part[w * kMaxM * kRingSumPitch];
      if constexpr (Epilogue::kGated)
        y2 += part[w * kMaxM * kRingSumPitch + 8];
    }
    if constexpr (Epilogue::kGated)
      epilogue(output.m, output.j, operands, y, y2);
    else
      epilogue(output.m, output.j, operands, y);
  }

private:
  static __device__ __forceinline__ int lane() { return threadIdx.x % 32; }

  const RingMemory &memory_;
  int w_;
  float sums_[apart][4] = {};
};

} // namespace ft::gemv

#endif // FT_KERNELS_SM90_GEMV_SUMS_CUH
