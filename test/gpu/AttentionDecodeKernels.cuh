//===- AttentionDecodeKernels.cuh - kernels that the checks run -*- C++ -*-===//
#ifndef FT_TEST_GPU_ATTENTIONDECODEKERNELS_CUH
#define FT_TEST_GPU_ATTENTIONDECODEKERNELS_CUH

#include "AttentionKernels.cuh"
#include "attention_decode.cuh"
#if __CUDA_ARCH__ >= 900 || !defined(__CUDA_ARCH__)
#include "sm90/attention_ring.cuh"
#endif

namespace check {

using attention::Fresh;

/// `merge`: bytes that merging is worth; 0: all that can be shared is.
template <typename S, typename E, int stages, int rows, typename Score,
          int merge = 0>
__global__ void __launch_bounds__(128, 2)
    decodeKernel(const __grid_constant__ Args<typename S::T> args,
                 const __grid_constant__ Fresh<typename S::T> fresh,
                 const __grid_constant__ Score score) {
  attention::runDecode<S, E, stages, rows, 1, merge>(args, fresh, score);
}

#if __CUDA_ARCH__ >= 900 || !defined(__CUDA_ARCH__)
template <typename S, typename E, int stages, int rows, typename Score,
          int merge = 0>
__global__ void __cluster_dims__(8, 1, 1)
    __launch_bounds__(128, S::DV > 128 || rows > 8 ? 2 : 3)
        decodeClusters(const __grid_constant__ Args<typename S::T> args,
                       const __grid_constant__ Fresh<typename S::T> fresh,
                       const __grid_constant__ Score score) {
  attention::runDecode<S, E, stages, rows, 8, merge>(args, fresh, score);
}

/// CTAs of a multiprocessor, as plans have them.
template <typename S, typename F>
constexpr int kRingCtas = F::kThreads > 192 || F::kRows > 8 ? 1
                          : S::D <= 64 && S::DV <= 64 && F::kLoaders == 1 &&
                                  F::kCluster == 1
                              ? 3
                          : S::D <= 128 && S::DV <= 128 ? 2
                                                        : 1;

/// F::kCluster is 1.
template <typename S, typename E, typename F, typename Score>
__global__ void __launch_bounds__(F::kThreads, kRingCtas<S, F>)
    ringKernel(const __grid_constant__ Args<typename S::T> args,
               const __grid_constant__ Fresh<typename S::T> fresh,
               const __grid_constant__ TensorMap k,
               const __grid_constant__ TensorMap v,
               const __grid_constant__ Score score) {
  attention::runRing<S, E, F>(args, fresh, k, v, score);
}
template <typename S, typename E, typename F, typename Score>
__global__ void __cluster_dims__(F::kCluster, 1, 1)
    __launch_bounds__(F::kThreads, kRingCtas<S, F>)
        ringClusters(const __grid_constant__ Args<typename S::T> args,
                     const __grid_constant__ Fresh<typename S::T> fresh,
                     const __grid_constant__ TensorMap k,
                     const __grid_constant__ TensorMap v,
                     const __grid_constant__ Score score) {
  attention::runRing<S, E, F>(args, fresh, k, v, score);
}
#endif

} // namespace check

#endif // FT_TEST_GPU_ATTENTIONDECODEKERNELS_CUH
