//===- gemv_held.cuh - ring GEMVs that hold x in registers -----*- C++ -*-===//
//
// A lane multiplies the same values of k of every weight row: of each chunk
// four times 8, of one token. Up to kHeldValues they fit its registers, loaded
// once, all at the same time, and a norm is made of them where they are: the
// only thing that warps tell each other are sums. (8 rows of 4096 in shared
// memory left a third less ring, and their norm took about 8 us of a GEMV of 8B
// that reads for 11: a step of 8 tokens 5.19 ms, so 4.84, on an H200.) For one
// and two rows x is better off there: most lanes would work for tokens that are
// not there, in code eight times as long, which a short kernel waits for
// (GPT-2, one token: 0.40 ms against 0.33). So it is where the norm is a
// LayerNorm, whose kernel took NVRTC a second.
//
//===----------------------------------------------------------------------===//
#ifndef FT_KERNELS_SM90_GEMV_HELD_CUH
#define FT_KERNELS_SM90_GEMV_HELD_CUH

#include "sm90/gemv_sums.cuh"

namespace ft::gemv {

constexpr int kHeldChunks = 4, kHeldValues = kHeldChunks * kRingChunk;

template <typename T> using HeldSums = RingSums<T, kRingUnits>;

/// This lane's values of x, in the order of the CTA's chunks.
template <typename T> struct Held {
  Tokens<T> tokens[kHeldChunks][kRingUnits];

  /// done(vector, first value of k) for what lies within k.
  template <typename Done>
  __device__ __forceinline__ void
  each(const ChunkOrder &order, const HeldSums<T> &sums, const Done &done) {
#pragma unroll
    for (int i = 0; i < kHeldChunks; ++i)
#pragma unroll
      for (int u = 0; u < kRingUnits; ++u)
        if (int k = order(i) * kRingChunk + u * kUnitStep;
            i < order.count && k < sums.limit)
          done(tokens[i][u].vector, sums.at + k);
  }
};

/// A sum over the lanes of a token and all warps, divided by k.
template <typename T>
__device__ __forceinline__ float meanOfRow(float v, const Problem<T> &p,
                                           float (&parts)[kWarps][kMaxM]) {
  v += __shfl_xor_sync(~0u, v, 1);
  v += __shfl_xor_sync(~0u, v, 2);
  int lane = threadIdx.x % 32;
  if (lane % 4 == 0)
    parts[threadIdx.x / 32][lane / 4] = v;
  WarpsSync()();
  v = 0;
#pragma unroll
  for (int w = 0; w < kWarps; ++w)
    v += parts[w][lane / 4];
  return v / p.k;
}

/// RMS norms of the rows; the weights lie on 16 bytes.
template <typename T>
__device__ __forceinline__ void
normaliseHeld(Held<T> &x, const ChunkOrder &order, const HeldSums<T> &sums,
              const Problem<T> &p, const RmsNorm &norm) {
  __shared__ float parts[kWarps][kMaxM];
  float square = 0;
  x.each(order, sums, [&](Vec16 &vector, int) {
    float v[8];
    unpackEight<T>(vector, v);
#pragma unroll
    for (int i = 0; i < 8; ++i)
      square += v[i] * v[i];
  });
  float factor = 1.0f / sqrtf(meanOfRow(square, p, parts) + norm.eps);
  x.each(order, sums, [&](Vec16 &vector, int k) {
    float v[8], scale[8];
    unpackEight<T>(vector, v);
#pragma unroll
    for (int h = 0; h < 8; h += 4)
      loadFour(norm.weight + k + h, *reinterpret_cast<float(*)[4]>(scale + h));
#pragma unroll
    for (int i = 0; i < 8; ++i)
      v[i] = v[i] * factor * scale[i];
    vector = packEight<T>(v);
  });
}

/// The multiplying warps.
template <typename T, typename Norm, typename Epilogue>
__device__ __forceinline__ void
ringHeld(const Problem<T> &p, const Share &s, const RingMemory &memory,
         const Norm &norm, const Epilogue &epilogue, RingPlace place) {
  ChunkOrder order(p.k);
  HeldSums<T> sums(p, memory);
  int m = int(threadIdx.x) % 32 / 4; // this lane's token
  const T *row = p.x + m * p.xStride;
  Held<T> x = {};
  if (m < p.rows)
    x.each(order, sums,
           [&](Vec16 &vector, int k) { vector = load16(row + k); });
  if constexpr (Norm::kPresent)
    normaliseHeld(x, order, sums, p, norm);
#pragma unroll 1
  for (int j = s.begin; j < s.end; j += perGroup<Epilogue::kGated>) {
    auto operands = loadOperands(epilogue, p, s, j);
#pragma unroll
    for (int i = 0; i < kHeldChunks; ++i)
      if (i < order.count) {
        sums.multiply(order(i), place, x.tokens[i]);
        place.next();
      }
    sums.finish(epilogue, p, s, j, operands);
  }
}

} // namespace ft::gemv

#endif // FT_KERNELS_SM90_GEMV_HELD_CUH
