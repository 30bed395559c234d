//===- AttentionTilesKernels.cuh - kernels that the checks run --*- C++ -*-===//
#ifndef FT_TEST_GPU_ATTENTIONTILESKERNELS_CUH
#define FT_TEST_GPU_ATTENTIONTILESKERNELS_CUH

#include "AttentionKernels.cuh"
#include "sm90/attention_short.cuh"

namespace check {

/// Kv heads one after the other: otherwise only long sequences have groups.
template <typename C> struct Grouped : C {
  static constexpr ft::i64 kKeptBytes = 1;
};

template <typename C, typename Score>
__global__ void __launch_bounds__(C::kThreads, C::kCtas)
    tilesKernel(const __grid_constant__ TensorMap q,
                const __grid_constant__ TensorMap k,
                const __grid_constant__ TensorMap v,
                const __grid_constant__ Args<typename C::T> args,
                const __grid_constant__ Score score) {
  attention::runTiles<C>(q, k, v, args, score);
}

template <typename C, typename Score>
__global__ void __launch_bounds__(C::kThreads, C::kCtas)
    shortKernel(const __grid_constant__ TensorMap q,
                const __grid_constant__ TensorMap k,
                const __grid_constant__ TensorMap v,
                const __grid_constant__ Args<typename C::T> args,
                const __grid_constant__ Score score) {
  attention::runShort<C>(q, k, v, args, score);
}

} // namespace check

#endif // FT_TEST_GPU_ATTENTIONTILESKERNELS_CUH
