//===- row_cumsum.cuh - running sums of a line ------------------*- C++ -*-===//
//
// Sums run in a fixed order: within a thread's vector, over the vectors of its
// warp, over the warps, over the chunks of the line.
//
//===----------------------------------------------------------------------===//
#ifndef FT_KERNELS_ROW_CUMSUM_CUH
#define FT_KERNELS_ROW_CUMSUM_CUH

#include "row.cuh"

namespace ft::row {

/// The sum of `x` over the team's lanes of this warp up to and with this one.
template <typename L> __device__ __forceinline__ float lanesUpTo(float x) {
  int lane = threadIdx.x % L::kLanes;
#pragma unroll
  for (int offset = 1; offset < L::kLanes; offset *= 2) {
    float left = __shfl_up_sync(L::lanes(), x, offset, L::kLanes);
    x += lane >= offset ? left : 0.0f;
  }
  return x;
}

/// y[e] = the sum of the line's elements up to and with e.
template <int LAST, int V, int TEAM, int CHUNKS>
__device__ __forceinline__ void cumsum(float (&y)[V * CHUNKS],
                                       const Line<LAST, V, TEAM, CHUNKS> &line,
                                       const float (&x)[V * CHUNKS]) {
  using L = Line<LAST, V, TEAM, CHUNKS>;
  float chunks = 0.0f; // the sum of those before
#pragma unroll
  for (int c = 0; c < CHUNKS; ++c) {
    float own = 0.0f;
#pragma unroll
    for (int e = c * V; e < (c + 1) * V; ++e)
      y[e] = own += line.inside(e) ? x[e] : 0.0f;
    float to = lanesUpTo<L>(own);
    float before = __shfl_up_sync(L::lanes(), to, 1, L::kLanes);
    before = threadIdx.x % L::kLanes > 0 ? before : 0.0f;
    float all = __shfl_sync(L::lanes(), to, L::kLanes - 1, L::kLanes);
    if constexpr (TEAM > 32) {
      __shared__ float ofWarp[TEAM / 32];
      __syncthreads(); // the readers of the last chunk are done
      if (threadIdx.x % 32 == 0)
        ofWarp[threadIdx.x / 32] = all;
      __syncthreads();
      all = 0.0f;
#pragma unroll
      for (int w = 0; w < TEAM / 32; ++w) {
        before += w < int(threadIdx.x / 32) ? ofWarp[w] : 0.0f;
        all += ofWarp[w];
      }
    }
#pragma unroll
    for (int e = c * V; e < (c + 1) * V; ++e)
      y[e] += chunks + before;
    chunks += all;
  }
}

} // namespace ft::row

#endif // FT_KERNELS_ROW_CUMSUM_CUH
