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

#include "sm90/gemv_ring_norm.cuh"
#include "sm90/gemv_sums.cuh"

namespace ft::gemv {

/// More chunks than these need registers that the copying warps give up.
constexpr int kFewHeld = 6;
/// Products that do not wait for each other, as registers allow.
template <int chunks, int ctas>
constexpr int kHeldApart = ctas == 1 ? kRingUnits : chunks > 2 ? 1 : 2;

/// This lane's values of x, in the order of the CTA's chunks.
template <typename T, int chunks> struct Held {
  Tokens<T> tokens[chunks][kRingUnits];

  /// done(vector, first value of k) for what lies within k.
  template <typename Sums, typename Done>
  __device__ __forceinline__ void each(const ChunkOrder &order,
                                       const Sums &sums, const Done &done) {
#pragma unroll
    for (int i = 0; i < chunks; ++i)
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

/// Norms of the rows; the weights lie on 16 bytes.
template <typename T, int chunks, typename Sums, typename Norm>
__device__ __forceinline__ void
normaliseHeld(Held<T, chunks> &x, const ChunkOrder &order, const Sums &sums,
              const Problem<T> &p, const Norm &norm) {
  __shared__ float parts[2][kWarps][kMaxM];
  float centre = 0, square = 0;
  if constexpr (Norm::kCentred) {
    float sum = 0;
    x.each(order, sums, [&](Vec16 &vector, int) {
      float v[8];
      unpackEight<T>(vector, v);
#pragma unroll
      for (int i = 0; i < 8; ++i)
        sum += v[i];
    });
    centre = meanOfRow(sum, p, parts[0]);
  }
  x.each(order, sums, [&](Vec16 &vector, int) {
    float v[8];
    unpackEight<T>(vector, v);
#pragma unroll
    for (int i = 0; i < 8; ++i)
      square += (v[i] - centre) * (v[i] - centre);
  });
  float factor = 1.0f / sqrtf(meanOfRow(square, p, parts[1]) + norm.eps);
  x.each(order, sums, [&](Vec16 &vector, int k) {
    float v[8], scale[8], bias[8] = {};
    unpackEight<T>(vector, v);
    loadEight(norm.weight + k, scale);
    if constexpr (Norm::kCentred)
      if (norm.bias)
        loadEight(norm.bias + k, bias);
#pragma unroll
    for (int i = 0; i < 8; ++i)
      v[i] = (v[i] - centre) * factor * scale[i] + bias[i];
    vector = packEight<T>(v);
  });
}

/// The multiplying warps. `apart`: of RingSums. REQUIRES: k is at most `chunks`
/// chunks.
template <int chunks, int apart, int cluster, typename T, typename Norm,
          typename Epilogue>
__device__ __forceinline__ void
ringHeld(const Problem<T> &p, const Share &s, const RingMemory<cluster> &memory,
         const Norm &norm, const Epilogue &epilogue, RingPlace place) {
  ChunkOrder order(p.k);
  RingSums<T, apart, cluster> sums(p, memory);
  int m = int(threadIdx.x) % 32 / 4; // this lane's token
  const T *row = p.x + m * p.xStride;
  Held<T, chunks> x = {};
  if (m < p.rows)
    x.each(order, sums,
           [&](Vec16 &vector, int k) { vector = loadOnce16(row + k); });
  if constexpr (Norm::kPresent)
    normaliseHeld(x, order, sums, p, norm);
#pragma unroll 1
  for (int j = s.begin; j < s.end; j += perGroup<Epilogue::kGated>) {
    auto operands = loadOperands<cluster>(epilogue, p, s, j);
#pragma unroll
    for (int i = 0; i < chunks; ++i)
      if (i < order.count) {
        sums.multiply(order(i), place, x.tokens[i]);
        place.next();
      }
    sums.finish(epilogue, p, s, j, operands);
  }
}

} // namespace ft::gemv

#endif // FT_KERNELS_SM90_GEMV_HELD_CUH
