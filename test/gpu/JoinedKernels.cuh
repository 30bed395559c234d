//===- JoinedKernels.cuh - attention with its linears -----------*- C++ -*-===//
#ifndef FT_TEST_GPU_JOINEDKERNELS_CUH
#define FT_TEST_GPU_JOINEDKERNELS_CUH

#include "sm90/gemm_attention.cuh"
#include "sm90/gemm_attention_cluster.cuh"

namespace check {

using ft::bf16;
using ft::f16;
using ft::TensorMap;
namespace joined = ft::joined;

template <typename C>
__global__ void __launch_bounds__(C::kThreads, 1)
    joinedKernel(const __grid_constant__ TensorMap x,
                 const __grid_constant__ TensorMap w,
                 const joined::Args<typename C::T, typename C::T> args) {
  joined::run<C>(x, w, args);
}

template <typename C>
__global__ void __cluster_dims__(C::kCluster) __launch_bounds__(C::kThreads, 1)
    clusterKernel(
        const __grid_constant__ TensorMap x,
        const __grid_constant__ TensorMap w,
        const joined::ClusterArgs<typename C::T, typename C::T> args) {
  joined::runCluster<C>(x, w, args);
}

} // namespace check

#endif // FT_TEST_GPU_JOINEDKERNELS_CUH
