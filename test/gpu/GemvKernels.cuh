//===- GemvKernels.cuh - kernels that the GEMV checks run -------*- C++ -*-===//
#ifndef FT_TEST_GPU_GEMVKERNELS_CUH
#define FT_TEST_GPU_GEMVKERNELS_CUH

#include "argmax.cuh"
#include "gemv.cuh"
#include "segment_reduce.cuh"
#include "sm90/gemv_ring.cuh"

namespace check {

using namespace ft;

template <typename T, typename Out, bool gated> struct Epilogue {
  static constexpr bool kGated = gated;
  using Stored = Out;
  const T *residual; // or null
  Out *out;
  i64 outStride;
  struct Operands {
    T residual;
  };
  __device__ Operands load(int m, int n) const {
    Operands o = {};
    if (residual)
      o.residual = residual[m * outStride + n];
    return o;
  }
  __device__ float value(const Operands &o, float y, float y2 = 0) const {
    if (gated)
      y = y / (1 + expf(-y)) * y2;
    return y + toFloat(o.residual);
  }
  __device__ void operator()(int m, int n, const Operands &o, float y,
                             float y2 = 0) const {
    out[m * outStride + n] = fromFloat<Out>(value(o, y, y2));
  }
};

template <typename T, typename Out, typename Norm, bool gated>
__global__ void __launch_bounds__(gemv::kThreads, sizeof(T) == 4 ? 1 : 2)
    gemvKernel(const T *x, i64 xStride, const T *w, int n, int k,
               const int *counts, Norm norm, Epilogue<T, Out, gated> epilogue) {
  gemv::run(x, xStride, w, n, k, counts, 0, norm, epilogue);
}

/// `ctas`: so many fit a multiprocessor. `chunks`: for XIn::Registers.
template <typename T, typename Out, typename Norm, bool gated, gemv::XIn where,
          int ctas, int chunks>
__global__ void __launch_bounds__(gemv::kRingThreads, ctas)
    ringKernel(const T *x, i64 xStride, const T *w, int n, int k,
               const int *counts, Norm norm, Epilogue<T, Out, gated> epilogue) {
#if __CUDA_ARCH__ >= 900
  gemv::runRing<where, ctas, chunks>(x, xStride, w, n, k, counts, 0, norm,
                                     epilogue);
#endif
}
#if !defined(__CUDA_ARCH__) || __CUDA_ARCH__ >= 900
/// x in registers; `cluster` CTAs share k.
template <typename T, typename Out, typename Norm, bool gated, int ctas,
          int chunks, int cluster>
__global__ void __cluster_dims__(cluster)
    __launch_bounds__(gemv::kRingThreads, ctas)
        ringClusters(const T *x, i64 xStride, const T *w, int n, int k,
                     const int *counts, Norm norm,
                     Epilogue<T, Out, gated> epilogue) {
#ifdef __CUDA_ARCH__
  gemv::runRing<gemv::XIn::Registers, ctas, chunks, cluster>(
      x, xStride, w, n, k, counts, 0, norm, epilogue);
#endif
}
#endif

template <typename T>
__global__ void argmaxKernel(const T *x, i64 stride, int columns, int *out,
                             const int *counts, u32 *counters, float *scratch) {
  argmax::run(x, stride, columns, argmax::Index{out}, counts, 0, counters,
              scratch);
}

template <segment_reduce::Kind kind, typename T>
__global__ void segmentKernel(const T *x, i64 stride, T *out, i64 outStride,
                              int width, const int *cu, const int *counts) {
  segment_reduce::run<kind>(x, stride, out, outStride, width, cu, counts, 0);
}

} // namespace check

#endif // FT_TEST_GPU_GEMVKERNELS_CUH
