//===- Gemm.h - matrix products of the CPU device ---------------*- C++ -*-===//
#ifndef FT_RUNTIME_DEVICE_CPU_GEMM_H
#define FT_RUNTIME_DEVICE_CPU_GEMM_H

#include "runtime/base/DType.h"
#include "runtime/device/cpu/Blas.h"
#include "runtime/device/cpu/ThreadPool.h"

namespace ft {

/// Sum of a[i] * b[i] in fp32 over eight interleaved partial sums, added in a
/// fixed order.
float dot(const float *a, const float *b, int64_t count);

/// out = x * weight^T + bias.
struct GemmProblem {
  int64_t m = 0, n = 0, k = 0;
  const float *x = nullptr; // [m, k], rows strideX apart
  int64_t strideX = 0;
  const std::byte *weight = nullptr; // [n, k], dense, of `weightType`
  DType weightType = DType::F32;
  const float *bias = nullptr; // [n] or null
  float *out = nullptr;        // [m, n], rows strideOut apart
  int64_t strideOut = 0;
};

/// `blas` may be null. The bits of `out` depend on the problem and on the
/// library, not on the pool's number of threads.
void gemm(ThreadPool &pool, const Blas *blas, const GemmProblem &problem);

} // namespace ft

#endif // FT_RUNTIME_DEVICE_CPU_GEMM_H
