//===- SkinnyJoinedKernels.cuh - linears that do more than store -*- C++
//-*-===//
#ifndef FT_TEST_GPU_SKINNYJOINEDKERNELS_CUH
#define FT_TEST_GPU_SKINNYJOINEDKERNELS_CUH

#include "GemvKernels.cuh"
#include "SkinnyKernels.cuh"
#include "likeliest.cuh"

namespace check {

/// Keeps the largest of a row.
template <typename T, int most> struct LikeliestEpilogue {
  static constexpr bool kGated = false;
  static constexpr int kMostRows = most;
  using Stored = float;
  struct Operands {};
  __device__ Operands load(int, int) const { return {}; }
  __device__ float value(const Operands &, float y) const { return y; }
  __device__ void operator()(int m, int n, const Operands &o, float y) const {
    likeliest::offer<most>(m, n, value(o, y));
  }
};

template <typename C>
__global__ void __launch_bounds__(C::kThreads, 1)
    skinnyLikeliest(const __grid_constant__ TensorMap x,
                    const __grid_constant__ TensorMap w, int n, int k, int size,
                    const int *counts, int *tokens, u32 *counters) {
  likeliest::begin<64>();
  skinny::run<C>(x, w, n, k, size, counts, 0,
                 LikeliestEpilogue<typename C::T, 64>{});
  likeliest::finish<64>(counts[0], tokens, counters);
}

template <typename T, gemv::XIn where, int chunks, int cluster>
__global__ void __cluster_dims__(cluster)
    __launch_bounds__(gemv::kRingThreads, 1)
        gemvLikeliest(const T *x, i64 xStride, const T *w, int n, int k,
                      const int *counts, int *tokens, u32 *counters) {
#if !defined(__CUDA_ARCH__) || __CUDA_ARCH__ >= 900
  likeliest::begin<8>();
  gemv::runRing<where, 1, chunks, cluster>(x, xStride, w, n, k, counts, 0,
                                           NoNorm{}, LikeliestEpilogue<T, 8>{});
  likeliest::finish<8>(counts[0], tokens, counters);
#endif
}

/// Begins a norm, of `slots` sums a row: an RMS norm, or a LayerNorm.
template <typename T, int slots, bool layer = false>
struct BeginEpilogue : Epilogue<T, T, false> {
  static constexpr int kBegunSlots = slots;
  float *squares;
  const float *gain;
  T *scaled;
  i64 scaledStride;
};
template <typename T, int slots>
struct BeginEpilogue<T, slots, true> : BeginEpilogue<T, slots> {
  static constexpr bool kBeginsMean = true;
  const float *shift;
  T *constants;
};
template <typename T, bool gated, int slots>
struct EndEpilogue : Epilogue<T, T, gated> {
  static constexpr int kEndedSlots = slots;
  const float *squares;
  float inner, eps;
  const T *constants; // of a LayerNorm
};

template <typename C, typename E>
__global__ void __cluster_dims__(C::kSplits)
    __launch_bounds__(skinny::kThreadsOf<C, E>, 1)
        skinnyHalf(const __grid_constant__ TensorMap x,
                   const __grid_constant__ TensorMap w, int n, int k, int size,
                   const int *counts, const E epilogue) {
  skinny::run<C>(x, w, n, k, size, counts, 0, epilogue);
}

} // namespace check

#endif // FT_TEST_GPU_SKINNYJOINEDKERNELS_CUH
