//===- TileKernel.h - a compiled tile shape of sm90/gemm.cuh ----*- C++ -*-===//
//
// What the timing programs share: a kernel, the CTAs that it may have, and one
// launch of it in a chain.
//
//===----------------------------------------------------------------------===//
#ifndef FT_TEST_GPU_TILEKERNEL_H
#define FT_TEST_GPU_TILEKERNEL_H

#include "CudaArray.h"
#include "gemm/GemmKernels.cuh"

#include <string>

namespace check {

struct TileKernel {
  std::string name;
  const void *function;
  int boxA, boxW, cluster, threads, shared;
  int grid; // CTAs that run at once
};

/// As plans have it where rows lie in whole chunks of 16 bytes.
template <typename C, gemmtest::Epilogue e>
TileKernel tileKernel(const std::string &name) {
  constexpr bool wide = true;
  TileKernel t{name,
               reinterpret_cast<const void *>(&gemmtest::kernel<C, e, wide>),
               C::kBoxA,
               C::kBoxW,
               C::kCluster,
               C::kThreads,
               C::kSharedBytes,
               0};
  cuda(cudaFuncSetAttribute(
           t.function, cudaFuncAttributeMaxDynamicSharedMemorySize, t.shared),
       "shared memory");
  cudaLaunchConfig_t config{};
  cudaLaunchAttribute attribute{};
  config.gridDim = t.cluster;
  config.blockDim = t.threads;
  config.dynamicSmemBytes = t.shared;
  attribute.id = cudaLaunchAttributeClusterDimension;
  attribute.val.clusterDim.x = t.cluster;
  attribute.val.clusterDim.y = attribute.val.clusterDim.z = 1;
  config.attrs = &attribute;
  config.numAttrs = 1;
  cuda(cudaOccupancyMaxActiveClusters(&t.grid, t.function, &config),
       "occupancy");
  t.grid *= t.cluster;
  return t;
}

/// The operands of one product, all of one 16-bit type; `rows` of x exist.
struct TileCall {
  const void *x;
  ft::i64 xStride;
  int rows, n, k;
  const void *w;
  const int *counts;
  const void *vector; // bias, scale and shift
  const void *residual;
  void *out;
  ft::i64 outStride; // of the residual, too
};

/// `dependent`: may start before the kernel in front has ended.
inline void launchTile(const TileKernel &t, const TileCall &call, bool isBf16,
                       cudaStream_t stream, bool dependent,
                       [[maybe_unused]] ft::u64 *marks = nullptr) {
  ft::TensorMap a, w;
  encodeMap(&a, isBf16, call.x,
            {{call.k, 0, 64}, {call.rows, call.xStride * 2, t.boxA}});
  encodeMap(&w, isBf16, call.w,
            {{call.k, 0, 64}, {call.n, ft::i64(call.k) * 2, t.boxW}});
  TileCall c = call;
  int axis = 0;
  float eps = 1e-5f;
  void *sum = nullptr;
  void *arguments[] = {&a,           &w,     &c.n,         &c.k,
                       &c.counts,    &axis,  &c.vector,    &c.residual,
                       &c.outStride, &c.out, &c.outStride, &c.vector,
                       &c.vector,    &eps,   &sum,
#ifdef FT_GEMM_MARKS
                       &marks
#endif
  };
  DependentLaunch launch(t.grid, t.threads, t.shared, stream, dependent);
  cuda(cudaLaunchKernelExC(&launch.config, t.function, arguments), "launch");
}

} // namespace check

#endif // FT_TEST_GPU_TILEKERNEL_H
