//===- GemmKernels.cuh - the GEMM template with its epilogues ---*- C++ -*-===//
#ifndef FT_TEST_GPU_GEMM_GEMMKERNELS_CUH
#define FT_TEST_GPU_GEMM_GEMMKERNELS_CUH

#include "Epilogue.h"
#include "math.cuh"
#include "sm90/gemm.cuh"

namespace gemmtest {

using namespace ft;

#ifdef FT_GEMM_MARKS
constexpr int kMarks = 8; // of a CTA: {ns, clocks}
#endif

template <typename T, bool f32> struct OutOf { using Type = T; };
template <typename T> struct OutOf<T, true> { using Type = float; };

/// wide: rows are known to lie in whole chunks, as plans know of most.
template <typename T, Epilogue kind, bool wide = false> struct Finish {
  using Out = typename OutOf<T, kind == Epilogue::F32>::Type;
  using Bias = T;
  using Residual = T;
  static constexpr bool kGated = isGated(kind), kBias = hasBias(kind);
  static constexpr bool kResidual =
      kind == Epilogue::Residual || kind == Epilogue::Added || isNorm(kind);
  static constexpr gemm::Norm kNorm =
      kind == Epilogue::NormLayer ? gemm::Norm::Layer
      : kind == Epilogue::NormRms ? gemm::Norm::Rms
                                  : gemm::Norm::None;
  static constexpr bool kWide = wide; // else looked at when it runs
  static constexpr bool kShift = kind == Epilogue::NormLayer;
  static constexpr bool kSum = kind == Epilogue::NormRms;
  using Scale = T;
  const Bias *bias;
  const Residual *residual;
  i64 residualStride;
  Out *out;
  i64 outStride;
  const Scale *scale, *shift;
  float eps;
  Out *sum;
  i64 sumStride;
#ifdef FT_GEMM_MARKS
  u64 *marks;
  /// By the first thread of the consumers; of a CTA's tiles the last stays.
  __device__ void mark(int number) const {
    if (threadIdx.x != 128)
      return;
    u64 time;
    asm volatile("mov.u64 %0, %%globaltimer;" : "=l"(time)::"memory");
    u64 *to = marks + (blockIdx.x * kMarks + number) * 2;
    to[0] = time;
    to[1] = u64(clock64());
  }
#endif

  __device__ float operator()(float y, float r) const {
    if constexpr (kResidual)
      return y + r;
    if constexpr (kind == Epilogue::GeluErf)
      return geluErf16(y);
    if constexpr (kind == Epilogue::GeluTanh)
      return geluTanh16(y);
    return y;
  }
  __device__ float operator()(float gate, float up, float) const {
    if constexpr (kind == Epilogue::SiluMul)
      return silu16(gate) * up;
    return gate / (1.0f + expf(-gate)) * up;
  }
};

template <typename C, Epilogue kind, bool wide = false>
__global__ void __cluster_dims__(C::kCluster) __launch_bounds__(C::kBound,
                                                                C::kCtas)
    kernel(const __grid_constant__ TensorMap a,
           const __grid_constant__ TensorMap w, int n, int k, const int *counts,
           int axis, const void *bias, const void *residual, i64 residualStride,
           void *out, i64 outStride, const void *scale, const void *shift,
           float eps, void *sum
#ifdef FT_GEMM_MARKS
           ,
           u64 *marks
#endif
    ) {
  using F = Finish<typename C::T, kind, wide>;
  F finish{
      static_cast<const typename F::Bias *>(bias),
      static_cast<const typename F::Residual *>(residual),
      residualStride,
      static_cast<typename F::Out *>(out),
      outStride,
      static_cast<const typename F::Scale *>(scale),
      static_cast<const typename F::Scale *>(shift),
      eps,
      static_cast<typename F::Out *>(sum),
      outStride,
#ifdef FT_GEMM_MARKS
      marks,
#endif
  };
  gemm::run<C>(a, w, n, k, counts, axis, finish);
}

} // namespace gemmtest

#endif // FT_TEST_GPU_GEMM_GEMMKERNELS_CUH
