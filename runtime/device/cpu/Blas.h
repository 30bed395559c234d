//===- Blas.h - the CPU's GEMM library, opened at run time ------*- C++ -*-===//
#ifndef FT_RUNTIME_DEVICE_CPU_BLAS_H
#define FT_RUNTIME_DEVICE_CPU_BLAS_H

#include <memory>
#include <string>

namespace ft {

/// OpenBLAS restricted to the calling thread: the ThreadPool divides the work,
/// so that results do not depend on the number of cores.
class Blas {
public:
  /// Null where the library is absent or lacks a symbol.
  /// Once opened, the library stays for the life of the process.
  static std::unique_ptr<Blas> open();

  const std::string &version() const { return version_; }

  /// out[m, n] = x[m, k] * w[n, k]^T, row-major with the given row strides.
  /// May be called from several threads at once.
  void gemm(int m, int n, int k, const float *x, int strideX, const float *w,
            int strideW, float *out, int strideOut) const;

private:
  Blas() = default;
  using Sgemm = void (*)(int order, int transA, int transB, int m, int n, int k,
                         float alpha, const float *a, int lda, const float *b,
                         int ldb, float beta, float *c, int ldc);
  Sgemm sgemm_ = nullptr;
  std::string version_;
};

} // namespace ft

#endif // FT_RUNTIME_DEVICE_CPU_BLAS_H
