//===- CublasLt.h - the library's products, opened at run time --*- C++ -*-===//
#ifndef FT_TEST_GPU_CUBLASLT_H
#define FT_TEST_GPU_CUBLASLT_H

#include "Check.h"

#include <cublasLt.h>

namespace check {

#define FT_EACH(f)                                                             \
  f(Create) f(Matmul) f(MatmulAlgoGetHeuristic) f(MatmulDescCreate)            \
      f(MatmulDescSetAttribute) f(MatrixLayoutCreate)                          \
          f(MatmulPreferenceCreate) f(MatmulPreferenceSetAttribute)

#define FT_TYPE(name) using name##Type = decltype(&cublasLt##name);
FT_EACH(FT_TYPE)
#undef FT_TYPE

/// The functions of libcublasLt that a product needs.
struct CublasLt {
  void *library = nullptr;
  cublasLtHandle_t handle = nullptr;
  Array<char> workspace;
#define FT_MEMBER(name) name##Type name = nullptr;
  FT_EACH(FT_MEMBER)
#undef FT_MEMBER

  CublasLt() : workspace(size_t(32) << 20) {
    for (const char *name : {"libcublasLt.so.13", "libcublasLt.so.12"})
      if (!library)
        library = dlopen(name, RTLD_NOW);
    if (!library)
      return;
#define FT_LOAD(name)                                                          \
  name = reinterpret_cast<name##Type>(dlsym(library, "cublasLt" #name));
    FT_EACH(FT_LOAD)
#undef FT_LOAD
#undef FT_EACH
    ok(Create(&handle), "cublasLtCreate");
  }
  static void ok(cublasStatus_t status, const char *what) {
    if (status == CUBLAS_STATUS_SUCCESS)
      return;
    std::printf("FAILED %s: cuBLASLt status %d\n", what, int(status));
    std::exit(1);
  }
};

/// out[rows, n] = x[rows, k] w[n, k]^T (+ residual, or its GELU), bf16, by one
/// of the library's algorithms.
class LibraryProduct {
public:
  LibraryProduct(CublasLt &l, int rows, int n, int k, ft::i64 xStride,
                 bool gelu)
      : l_(l) {
    cublasOperation_t transposed = CUBLAS_OP_T;
    l.ok(l.MatmulDescCreate(&desc_, CUBLAS_COMPUTE_32F, CUDA_R_32F), "desc");
    l.ok(l.MatmulDescSetAttribute(desc_, CUBLASLT_MATMUL_DESC_TRANSA,
                                  &transposed, sizeof transposed),
         "transposed");
    cublasLtEpilogue_t epilogue =
        gelu ? CUBLASLT_EPILOGUE_GELU : CUBLASLT_EPILOGUE_DEFAULT;
    l.ok(l.MatmulDescSetAttribute(desc_, CUBLASLT_MATMUL_DESC_EPILOGUE,
                                  &epilogue, sizeof epilogue),
         "epilogue");
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
    l.ok(l.MatmulAlgoGetHeuristic(l.handle, desc_, w_, x_, out_, out_,
                                  preference, kAlgorithms, found_, &count_),
         "heuristic");
  }
  int algorithms() const { return count_; }
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
  static constexpr int kAlgorithms = 8;
  cublasLtMatmulHeuristicResult_t found_[kAlgorithms];
  int count_ = 0;
};

} // namespace check

#endif // FT_TEST_GPU_CUBLASLT_H
