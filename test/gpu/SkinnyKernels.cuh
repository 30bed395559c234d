//===- SkinnyKernels.cuh - linear layers of some rows -----------*- C++ -*-===//
#ifndef FT_TEST_GPU_SKINNYKERNELS_CUH
#define FT_TEST_GPU_SKINNYKERNELS_CUH

#include "GemvKernels.cuh"
#include "sm90/gemm_skinny.cuh"

namespace check {

/// What comes out: rows that are stored whole may be f32.
template <typename T, int stored> struct SkinnyResult {
  using Type = T;
};
template <typename T> struct SkinnyResult<T, 4> {
  using Type = float;
};
template <typename C>
using SkinnyOut = typename SkinnyResult<typename C::T, C::kStoredBytes>::Type;

template <typename C,
          typename E = Epilogue<typename C::T, SkinnyOut<C>, C::kGated>>
__global__ void __cluster_dims__(C::kSplits) __launch_bounds__(C::kThreads, 1)
    skinnyKernel(const __grid_constant__ TensorMap x,
                 const __grid_constant__ TensorMap w, int n, int k, int size,
                 const int *counts, const E epilogue) {
  skinny::run<C>(x, w, n, k, size, counts, 0, epilogue);
}

} // namespace check

#endif // FT_TEST_GPU_SKINNYKERNELS_CUH
