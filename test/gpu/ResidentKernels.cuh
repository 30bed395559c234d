//===- ResidentKernels.cuh - linear layers of small weights -----*- C++ -*-===//
#ifndef FT_TEST_GPU_RESIDENTKERNELS_CUH
#define FT_TEST_GPU_RESIDENTKERNELS_CUH

#include "GemvKernels.cuh"
#include "sm90/gemm_resident.cuh"

namespace check {

template <typename C, typename Norm,
          typename E = Epilogue<typename C::T, typename C::T, false>>
__global__ void __cluster_dims__(C::kSplits) __launch_bounds__(C::kThreads, 2)
    residentKernel(const __grid_constant__ TensorMap x,
                   const __grid_constant__ TensorMap w, int n, int k,
                   const int *counts, const Norm norm, const E epilogue) {
  resident::run<C>(x, w, n, k, counts, 0, norm, epilogue);
}

} // namespace check

#endif // FT_TEST_GPU_RESIDENTKERNELS_CUH
