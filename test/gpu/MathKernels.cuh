//===- MathKernels.cuh - the functions of math.cuh, one by one --*- C++ -*-===//
#ifndef FT_TEST_GPU_MATHKERNELS_CUH
#define FT_TEST_GPU_MATHKERNELS_CUH

#include "common.cuh"
#include "math.cuh"

namespace check {

/// geluErf16, geluTanh16, sigmoid16, silu16 of x[i] to out[4 * i] on.
__global__ void roundedKernel(const float *x, float *out, int count) {
  int i = int(blockIdx.x * blockDim.x + threadIdx.x);
  if (i >= count)
    return;
  out[4 * i] = ft::geluErf16(x[i]);
  out[4 * i + 1] = ft::geluTanh16(x[i]);
  out[4 * i + 2] = ft::sigmoid16(x[i]);
  out[4 * i + 3] = ft::silu16(x[i]);
}

} // namespace check

#endif // FT_TEST_GPU_MATHKERNELS_CUH
