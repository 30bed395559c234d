//===- SampleKernels.cuh - kernels that the checks run ----------*- C++ -*-===//
#ifndef FT_TEST_GPU_SAMPLEKERNELS_CUH
#define FT_TEST_GPU_SAMPLEKERNELS_CUH

#include "sample.cuh"

namespace check {

using ft::i64;
using ft::u32;

template <typename T>
__global__ void FT_CLUSTER_OF_ROWS __launch_bounds__(512, 2)
    sampleKernel(const T *x, i64 stride, int columns, int *out,
                 const int *counts, const int *rows, const int *positions,
                 const unsigned char *records, unsigned char *slots,
                 i64 slotBytes, int room, u32 *counters, float *partials) {
  ft::sample::run(x, stride, columns, out, counts, 0, rows, positions, records,
                  slots, slotBytes, room, counters, partials);
}

} // namespace check

#endif // FT_TEST_GPU_SAMPLEKERNELS_CUH
