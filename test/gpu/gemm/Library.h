//===- Library.h - cuBLASLt's algorithms for one product --------*- C++ -*-===//
#ifndef FT_TEST_GPU_GEMM_LIBRARY_H
#define FT_TEST_GPU_GEMM_LIBRARY_H

#include "Harness.h"

#include <memory>

namespace gemmtest {

/// out = a * w^T + bias for one shape, by every algorithm that the library's
/// heuristics offer.
class Library {
public:
  Library(int rows, int n, int k, bool bf16, const void *anyBias);
  ~Library();
  int algorithms() const;
  bool run(int algorithm, const void *a, const void *w, const void *bias,
           void *out, cudaStream_t stream);

private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

} // namespace gemmtest

#endif // FT_TEST_GPU_GEMM_LIBRARY_H
