//===- gemv_held.cuh - ring GEMVs that hold x in registers -----*- C++ -*-===//
//
// A lane multiplies the same values of k of every weight row: of each chunk two
// times 8, of one token. Up to kHeldValues they fit its registers, loaded once,
// all at the same time, and a norm is made of them where they are: the only
// thing that warps tell each other are sums. (Beside 8 rows of 4096 in shared
// memory a ring had 8 stages instead of 12, and their norm took about 8 us of a
// GEMV of 8B that reads for 11: a step of 8 tokens 5.19 ms, so 4.84, on an
// H200.) For few rows most lanes would work for tokens that are not there, in
// code eight times as long, which a short kernel waits for (GPT-2, one token:
// 0.40 ms against 0.33): up to kFewRows x goes through shared memory. So it
// does where the norm is a LayerNorm, whose kernel took NVRTC a second.
//
//===----------------------------------------------------------------------===//
#ifndef FT_KERNELS_SM90_GEMV_HELD_CUH
#define FT_KERNELS_SM90_GEMV_HELD_CUH

#include "sm90/gemv_stages.cuh"

namespace ft::gemv {

constexpr int kHeldChunks = 8, kHeldValues = kHeldChunks * kRingChunk;
constexpr int kFewRows = 2;

/// This lane's values of rows m0 .. of x, in the order of the CTA's chunks.
template <typename T> struct Held {
  Tokens<T> tokens[kHeldChunks][kRingUnits];

  /// done(vector, first value of k) for what lies within k.
  template <typename Done>
  __device__ __forceinline__ void
  each(const ChunkOrder &order, const RingSums<T> &sums, const Done &done) {
#pragma unroll
    for (int i = 0; i < kHeldChunks; ++i)
#pragma unroll
      for (int u = 0; u < kRingUnits; ++u)
        if (int k = order(i) * kRingChunk + u * 32;
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

/// Eight values of a vector, and back with one rounding.
template <typename T>
__device__ __forceinline__ void unpackEight(const Vec16 &vector,
                                            float (&v)[8]) {
#pragma unroll
  for (int i = 0; i < 4; ++i)
    unpackPair(vector.word[i], v + 2 * i, T{});
}
template <typename T>
__device__ __forceinline__ void packEight(const float (&v)[8], Vec16 &vector) {
#pragma unroll
  for (int i = 0; i < 4; ++i)
    vector.word[i] = packPair<T>(v[2 * i], v[2 * i + 1]);
}

/// RMS norms of the rows; the weights lie on 16 bytes.
template <typename T>
__device__ __forceinline__ void
normaliseHeld(Held<T> &x, const ChunkOrder &order, const RingSums<T> &sums,
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
    packEight<T>(v, vector);
  });
}

/// The multiplying warps, rows m0 .. of x; `place` goes on.
template <typename T, typename Norm, typename Epilogue>
__device__ __forceinline__ void
ringHeld(const Problem<T> &p, const Share &s, const RingMemory &memory, int m0,
         const Norm &norm, const Epilogue &epilogue, RingPlace &place) {
  ChunkOrder order(p.k);
  RingSums<T> sums(p, memory);
  int m = m0 + int(threadIdx.x) % 32 / 4; // this lane's token
  const T *row = p.x + m * p.xStride;
  Held<T> x = {};
  if (m < p.rows)
    x.each(order, sums,
           [&](Vec16 &vector, int k) { vector = load16(row + k); });
  if constexpr (Norm::kPresent)
    normaliseHeld(x, order, sums, p, norm);
#pragma unroll 1
  for (int g = 0; g < s.groups; ++g) {
#pragma unroll
    for (int i = 0; i < kHeldChunks; ++i)
      if (i < order.count) {
        sums.multiply(order(i), place, x.tokens[i]);
        place.next();
      }
    sums.finish(epilogue, p, s, m0, g);
  }
}

} // namespace ft::gemv

#endif // FT_KERNELS_SM90_GEMV_HELD_CUH
