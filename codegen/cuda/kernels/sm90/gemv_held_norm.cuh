//===- gemv_held_norm.cuh - norms of rows in registers ----------*- C++ -*-===//
//
// Warps of all CTAs that share k tell each other what their values of a row
// amount to, once: the sum of squares or, for a LayerNorm, a mean and the sum
// of squares about it, which are merged by Chan's formula. CTAs send it to the
// others (st.async) and add in one order. The norm's weights are in shared
// memory before the kernel in front has ended, each warp's of its own values,
// and what lies beyond k is zero, so that no vector is a branch.
//
//===----------------------------------------------------------------------===//
#ifndef FT_KERNELS_SM90_GEMV_HELD_NORM_CUH
#define FT_KERNELS_SM90_GEMV_HELD_NORM_CUH

#include "sm90/gemv_sums.cuh"

namespace ft::gemv {

/// This lane's values of x, in the order of the CTA's chunks; zero beyond k.
template <typename T, int chunks> struct Held {
  Tokens<T> tokens[chunks][kRingUnits];

  /// done(vector, number of the chunk, unit)
  template <typename Done>
  __device__ __forceinline__ void each(const ChunkOrder &order,
                                       const Done &done) {
#pragma unroll
    for (int i = 0; i < chunks; ++i)
      // The branch keeps compilers from holding values unpacked between passes.
      if (i < order.count)
#pragma unroll
        for (int u = 0; u < kRingUnits; ++u)
          done(tokens[i][u].vector, i, u);
  }
};

/// Bytes of a norm's weights in shared memory.
template <typename Norm, int chunks>
constexpr int
    kHeldNormBytes = Norm::kPresent *(1 + Norm::kCentred) * chunks *kRingChunk *
                     4;

/// Over the four lanes of a token.
__device__ __forceinline__ float sumOfToken(float v) {
  v += __shfl_xor_sync(~0u, v, 1);
  return v + __shfl_xor_sync(~0u, v, 2);
}

/// REQUIRES: the weights lie on 16 bytes.
template <typename T, typename Norm, int chunks, int cluster> class HeldNorm {
public:
  /// Has the weights fetched. `inner`: k of all CTAs.
  __device__ __forceinline__ HeldNorm(const ChunkOrder &order, int inner,
                                      const RingMemory<cluster> &memory,
                                      const Norm &norm, int stages)
      : norm_(norm), inbox_(memory.inbox(kSumSlots<cluster>)),
        inverse_(1.0f / float(inner)) {
    if (cluster > 1 && threadIdx.x == 0)
      barrierExpect(inbox_, (cluster - 1) * sizeof(parts()[0]));
    KPart<cluster> part(inner, int(rankIn<cluster>()));
    u32 first = memory.ring + stages * kStageBytes + threadIdx.x * 16;
    weights_ = first - lane() * 16 + lane() % 4 * 32;
    // A warp's values of a chunk are its unit's, unit after unit.
    int at = lane() / 8 * kUnitStep + warp() * 32 + lane() % 8 * 4;
#pragma unroll
    for (int i = 0; i < chunks; ++i) {
      int k = order(i) * kRingChunk + at;
      bool inside = i < order.count && k < part.count;
      fetch(first + i * kStep, norm.weight + part.begin + k, inside);
      if constexpr (Norm::kCentred)
        fetch(first + (chunks + i) * kStep, norm.bias + part.begin + k,
              inside && norm.bias);
    }
    if constexpr (Norm::kCentred) {
      float own = valuesOf(inner, int(rankIn<cluster>()), warp());
      own_ = own > 0 ? 1.0f / own : 0.0f;
#pragma unroll
      for (int j = 0; j < kMine; ++j)
        counts_[j] = valuesOf(inner, j / 2, j % 2 * 4 + lane() % 4);
    }
  }

  /// Normalises. `limit`: of RingSums.
  __device__ __forceinline__ void
  apply(Held<T, chunks> &x, const ChunkOrder &order, int limit) const {
    float mean = 0;
    if constexpr (Norm::kCentred)
      mean = sum(x, order, [](float v, int, int) { return v; }) * own_;
    float square = sum(x, order, [&](float v, int i, int u) {
      if (order(i) * kRingChunk + u * kUnitStep < limit) // or it is zero
        v -= mean;
      return v * v;
    });
    tell(mean, square);
    total(mean, square);
    float factor = rsqrtf(square * inverse_ + norm_.eps);
    copyAsyncWait();
    __syncwarp();
    x.each(order, [&](Vec16 &vector, int i, int u) {
      float v[8], scale[8], bias[8] = {};
      unpackEight<T>(vector, v);
      loadWeights(weights_ + i * kStep + u * 128, scale);
      if constexpr (Norm::kCentred)
        loadWeights(weights_ + (chunks + i) * kStep + u * 128, bias);
#pragma unroll
      for (int e = 0; e < 8; ++e)
        v[e] = (v[e] - mean) * factor * scale[e] + bias[e];
      vector = packEight<T>(v);
    });
  }

private:
  static constexpr int kStep = kRingChunk * 4; // bytes of a chunk's weights
  static constexpr int kMine = 2 * cluster;    // parts that a lane adds

  static __device__ __forceinline__ int lane() { return threadIdx.x % 32; }
  static __device__ __forceinline__ int warp() { return threadIdx.x / 32; }

  /// A row's mean and square of every warp, in shared memory.
  using Parts = float2[kMaxM][kWarps];
  static __device__ __forceinline__ Parts *parts() {
    __shared__ Parts all[cluster];
    return all;
  }
  /// Values of a row that a warp of CTA `rank` has.
  static __device__ __forceinline__ float valuesOf(int inner, int rank,
                                                   int warp) {
    int count = KPart<cluster>(inner, rank).count;
    return float(count / kUnitStep * 32 +
                 min(max(count % kUnitStep - warp * 32, 0), 32));
  }
  static __device__ __forceinline__ void fetch(u32 to, const float *from,
                                               bool inside) {
    if (inside)
      copyAsync16(to, from);
    else
      storeShared4(to, {0, 0, 0, 0});
  }
  static __device__ __forceinline__ void loadWeights(u32 from, float (&v)[8]) {
    float4 low = loadShared4(from), high = loadShared4(from + 16);
    v[0] = low.x, v[1] = low.y, v[2] = low.z, v[3] = low.w;
    v[4] = high.x, v[5] = high.y, v[6] = high.z, v[7] = high.w;
  }
  /// Of term(value, chunk, unit), over the warp's values of the row.
  template <typename Term>
  static __device__ __forceinline__ float
  sum(Held<T, chunks> &x, const ChunkOrder &order, const Term &term) {
    float sums[4] = {}; // additions that do not wait for each other
    x.each(order, [&](const Vec16 &vector, int i, int u) {
      float v[8];
      unpackEight<T>(vector, v);
#pragma unroll
      for (int e = 0; e < 8; ++e)
        sums[e % 4] += term(v[e], i, u);
    });
    return sumOfToken((sums[0] + sums[1]) + (sums[2] + sums[3]));
  }
  /// This warp's part of every row, to all CTAs.
  __device__ __forceinline__ void tell(float mean, float square) const {
    if (lane() % 4 != 0)
      return;
    u32 rank = rankIn<cluster>();
    float2 *to = &parts()[rank][lane() / 4][warp()];
    *to = {mean, square};
#pragma unroll
    for (u32 i = 1; i < cluster; ++i) {
      u32 other = (rank + i) % cluster;
      storeRemote(remoteAddress(sharedAddress(to), other),
                  remoteAddress(inbox_, other), mean, square);
    }
  }
  /// The row's mean and its sum of squares about it.
  __device__ __forceinline__ void total(float &mean, float &square) const {
    WarpsSync()();
    if constexpr (cluster > 1)
      barrierWait(inbox_, 0);
    float2 mine[kMine];
#pragma unroll
    for (int j = 0; j < kMine; ++j)
      mine[j] = parts()[j / 2][lane() / 4][j % 2 * 4 + lane() % 4];
    if constexpr (Norm::kCentred) {
      mean = 0;
#pragma unroll
      for (int j = 0; j < kMine; ++j)
        mean += mine[j].x * counts_[j];
      mean = sumOfToken(mean) * inverse_;
    }
    square = 0;
#pragma unroll
    for (int j = 0; j < kMine; ++j) {
      square += mine[j].y;
      if constexpr (Norm::kCentred)
        square += (mine[j].x - mean) * (mine[j].x - mean) * counts_[j];
    }
    square = sumOfToken(square);
  }

  const Norm &norm_;
  u32 inbox_, weights_;
  float inverse_;             // 1 / k
  float own_, counts_[kMine]; // LayerNorm: 1 / this warp's values; parts'
};

/// No norm.
template <typename T, int chunks, int cluster>
class HeldNorm<T, NoNorm, chunks, cluster> {
public:
  __device__ __forceinline__ HeldNorm(const ChunkOrder &, int,
                                      const RingMemory<cluster> &,
                                      const NoNorm &, int) {}
  __device__ __forceinline__ void apply(Held<T, chunks> &, const ChunkOrder &,
                                        int) const {}
};

} // namespace ft::gemv

#endif // FT_KERNELS_SM90_GEMV_HELD_NORM_CUH
