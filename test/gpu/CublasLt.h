//===- CublasLt.h - the library's products, opened at run time --*- C++ -*-===//
#ifndef FT_TEST_GPU_CUBLASLT_H
#define FT_TEST_GPU_CUBLASLT_H

#include "Check.h"

#include <cublasLt.h>

namespace check {

/// The functions of libcublasLt that a product needs.
struct CublasLt {
  void *library = nullptr;
  cublasLtHandle_t handle = nullptr;
  Array<char> workspace{size_t(32) << 20};
#define FT_FUNCTION(name) decltype(&::cublasLt##name) name = nullptr
  FT_FUNCTION(Create);
  FT_FUNCTION(Matmul);
  FT_FUNCTION(MatmulAlgoGetHeuristic);
  FT_FUNCTION(MatmulDescCreate);
  FT_FUNCTION(MatmulDescSetAttribute);
  FT_FUNCTION(MatrixLayoutCreate);
  FT_FUNCTION(MatmulPreferenceCreate);
  FT_FUNCTION(MatmulPreferenceSetAttribute);
#undef FT_FUNCTION

  CublasLt() {
    for (const char *name : {"libcublasLt.so.13", "libcublasLt.so.12"})
      if (!library)
        library = dlopen(name, RTLD_NOW);
    if (!library)
      return;
#define FT_LOAD(name)                                                          \
  name = reinterpret_cast<decltype(name)>(dlsym(library, "cublasLt" #name))
    FT_LOAD(Create);
    FT_LOAD(Matmul);
    FT_LOAD(MatmulAlgoGetHeuristic);
    FT_LOAD(MatmulDescCreate);
    FT_LOAD(MatmulDescSetAttribute);
    FT_LOAD(MatrixLayoutCreate);
    FT_LOAD(MatmulPreferenceCreate);
    FT_LOAD(MatmulPreferenceSetAttribute);
#undef FT_LOAD
    ok(Create(&handle), "cublasLtCreate");
  }
  static void ok(cublasStatus_t status, const char *what) {
    if (status == CUBLAS_STATUS_SUCCESS)
      return;
    std::printf("FAILED %s: cuBLASLt status %d\n", what, int(status));
    std::exit(1);
  }
};

/// out[rows, n] = x[rows, k] w[n, k]^T (+ residual), bf16, by one of the
/// library's algorithms.
class LibraryProduct {
public:
  LibraryProduct(CublasLt &l, int rows, int n, int k, i64 xStride)
      : l_(l) {
    cublasOperation_t transposed = CUBLAS_OP_T;
    l.ok(l.MatmulDescCreate(&desc_, CUBLAS_COMPUTE_32F, CUDA_R_32F), "desc");
    l.ok(l.MatmulDescSetAttribute(desc_, CUBLASLT_MATMUL_DESC_TRANSA,
                                  &transposed, sizeof transposed),
         "transposed");
    l.ok(l.MatrixLayoutCreate(&w_, CUDA_R_16BF, k, n, k), "w");
    l.ok(l.MatrixLayoutCreate(&x_, CUDA_R_16BF, k, rows, xStride), "x");
    l.ok(l.MatrixLayoutCreate(&out_, CUDA_R_16BF, n, rows, n), "out");
    cublasLtMatmulPreference_t preference;
    size_t bytes = l.workspace.host.size();
    l.ok(l.MatmulPreferenceCreate(&preference), "preference");
    l.ok(l.MatmulPreferenceSetAttribute(
             preference, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, &bytes,
             sizeof bytes),
         "workspace");
    found_.resize(8);
    int count = 0;
    l.ok(l.MatmulAlgoGetHeuristic(l.handle, desc_, w_, x_, out_, out_,
                                  preference, int(found_.size()),
                                  found_.data(), &count),
         "heuristic");
    found_.resize(count);
  }
  int algorithms() const { return int(found_.size()); }
  int chosen = 0;

  void run(const bf16 *x, const bf16 *w, const bf16 *residual, bf16 *out,
           cudaStream_t stream) const {
    float one = 1, beta = residual ? 1 : 0;
    l_.ok(l_.Matmul(l_.handle, desc_, &one, w, w_, x, x_, &beta,
                    residual ? residual : out, out_, out, out_,
                    &found_[chosen].algo, l_.workspace.device,
                    l_.workspace.host.size(), stream),
          "cublasLtMatmul");
  }

private:
  CublasLt &l_;
  cublasLtMatmulDesc_t desc_;
  cublasLtMatrixLayout_t w_, x_, out_;
  std::vector<cublasLtMatmulHeuristicResult_t> found_;
};

} // namespace check

#endif // FT_TEST_GPU_CUBLASLT_H
