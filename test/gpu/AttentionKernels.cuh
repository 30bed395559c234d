//===- AttentionKernels.cuh - kernels that the checks run -------*- C++ -*-===//
#ifndef FT_TEST_GPU_ATTENTIONKERNELS_CUH
#define FT_TEST_GPU_ATTENTIONKERNELS_CUH

#include "attention_f32.cuh"
#include "attention_mma.cuh"

namespace check {

using namespace ft;
using attention::Args;
using attention::NoScore;

/// A soft cap and a slope per head: both kinds of region.
struct CapAndSlope {
  static constexpr bool kIdentity = false;
  __host__ __device__ float operator()(float s, float head, float query,
                                       float key) const {
    return 5 * tanhf(s / 5) - 0.05f * (head + 1) * (query - key);
  }
};

template <typename S>
constexpr int kAttentionThreads = sizeof(typename S::T) == 4 ? 256 : 128;

template <typename S, int BM, typename Score>
__global__ void __launch_bounds__(kAttentionThreads<S>, 1)
    attentionKernel(const Args<typename S::T> args, const Score score) {
  if constexpr (sizeof(typename S::T) == 4)
    attention::runF32<S, BM>(args, score);
  else
    attention::runMma<S, BM>(args, score);
}

template <typename S, int BM> constexpr int sharedBytes() {
  if constexpr (sizeof(typename S::T) == 4)
    return attention::F32<S, BM>::kShared;
  else
    return attention::Mma<S, BM>::kShared;
}

} // namespace check

#endif // FT_TEST_GPU_ATTENTIONKERNELS_CUH
