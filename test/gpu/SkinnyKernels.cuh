//===- SkinnyKernels.cuh - linear layers of some rows -----------*- C++ -*-===//
#ifndef FT_TEST_GPU_SKINNYKERNELS_CUH
#define FT_TEST_GPU_SKINNYKERNELS_CUH

#include "GemvKernels.cuh"
#include "sm90/gemm_skinny.cuh"

namespace check {

template <typename T, bool gated, int NT>
__global__ void __launch_bounds__(skinny::kThreads, 1)
    skinnyKernel(const __grid_constant__ TensorMap x,
                 const __grid_constant__ TensorMap w, int n, int k,
                 const int *counts, u32 *counters, float *partials,
                 const Epilogue<T, T, gated> epilogue) {
  skinny::run<skinny::Skinny<T, gated, NT>>(x, w, n, k, counts, 0, counters,
                                            partials, epilogue);
}

} // namespace check

#endif // FT_TEST_GPU_SKINNYKERNELS_CUH
