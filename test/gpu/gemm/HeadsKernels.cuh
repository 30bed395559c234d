//===- HeadsKernels.cuh - q-k-v with rope and append ------------*- C++ -*-===//
#ifndef FT_TEST_GPU_GEMM_HEADSKERNELS_CUH
#define FT_TEST_GPU_GEMM_HEADSKERNELS_CUH

#include "math.cuh"
#include "sm90/gemm.cuh"

namespace headstest {

using namespace ft;

/// gemm_heads.cuh's epilogue, for heads of `size`: `heads` of q, `kvHeads` of k
/// and of v.
template <typename T, int heads, int kvHeads, int size, int page, bool bias_>
struct Epilogue {
  using Out = T;
  using Bias = T;
  static constexpr bool kGated = false, kResidual = false, kBias = bias_;
  static constexpr gemm::Norm kNorm = gemm::Norm::None;
  static constexpr int kQueries = heads * size, kKeys = kvHeads * size,
                       kPageSize = page;
  const Bias *bias;
  Out *out;
  i64 outStride;
  Out *keys, *values;
  const float *table;
  const int *positions, *sequences, *pageTable;
  int pageColumns;
#ifdef FT_GEMM_MARKS
  __device__ void mark(int) const {}
#endif
};

template <typename C, typename E>
__global__ void __cluster_dims__(C::kCluster)
    __launch_bounds__(C::kBound, C::kCtas)
        kernel(const __grid_constant__ TensorMap a,
               const __grid_constant__ TensorMap w, int n, int k,
               const int *counts, int axis, const E e) {
  gemm::run<C>(a, w, n, k, counts, axis, e);
}

} // namespace headstest

#endif // FT_TEST_GPU_GEMM_HEADSKERNELS_CUH
