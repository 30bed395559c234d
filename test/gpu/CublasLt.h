//===- CublasLt.h - the library's products, opened at run time --*- C++ -*-===//
#ifndef FT_TEST_GPU_CUBLASLT_H
#define FT_TEST_GPU_CUBLASLT_H

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cublasLt.h>
#include <cuda_runtime.h>
#include <dlfcn.h>
#include <vector>

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
  static constexpr size_t kWorkspaceBytes = size_t(32) << 20;
  void *workspace = nullptr;
#define FT_MEMBER(name) name##Type name = nullptr;
  FT_EACH(FT_MEMBER)
#undef FT_MEMBER

  CublasLt() {
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
    if (cudaMalloc(&workspace, kWorkspaceBytes) != cudaSuccess)
      ok(CUBLAS_STATUS_ALLOC_FAILED, "workspace");
  }
  CublasLt(const CublasLt &) = delete;
  ~CublasLt() { cudaFree(workspace); }
  static void ok(cublasStatus_t status, const char *what) {
    if (status == CUBLAS_STATUS_SUCCESS)
      return;
    std::printf("FAILED %s: cuBLASLt status %d\n", what, int(status));
    std::exit(1);
  }
};

/// What the library's product is asked for beside a sum of products.
struct LibraryForm {
  bool gelu = false; // the tanh form, the only one it has
  bool f16 = false;  // types; bf16 otherwise
  bool bias = false;
  int algorithms = 8; // at most so many of its heuristics' choices
};

/// out[rows, n] = x[rows, k] w[n, k]^T (+ bias[n]) (+ residual, or its GELU),
/// by one of the library's algorithms.
class LibraryProduct {
public:
  LibraryProduct(CublasLt &l, int rows, int n, int k, int64_t xStride,
                 LibraryForm form = {})
      : l_(l) {
    l.ok(l.MatmulDescCreate(&desc_, CUBLAS_COMPUTE_32F, CUDA_R_32F), "desc");
    set(CUBLASLT_MATMUL_DESC_TRANSA, CUBLAS_OP_T, "transposed");
    set(CUBLASLT_MATMUL_DESC_EPILOGUE, epilogueOf(form), "epilogue");
    cudaDataType_t type = form.f16 ? CUDA_R_16F : CUDA_R_16BF;
    // Column-major: out^T [n, rows] = w [n, k] x^T [k, rows].
    l.ok(l.MatrixLayoutCreate(&w_, type, k, n, k), "w");
    l.ok(l.MatrixLayoutCreate(&x_, type, k, rows, xStride), "x");
    l.ok(l.MatrixLayoutCreate(&out_, type, n, rows, n), "out");
    cublasLtMatmulPreference_t preference;
    size_t bytes = CublasLt::kWorkspaceBytes;
    l.ok(l.MatmulPreferenceCreate(&preference), "preference");
    l.ok(l.MatmulPreferenceSetAttribute(
             preference, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, &bytes,
             sizeof bytes),
         "workspace");
    found_.resize(form.algorithms);
    int count = 0;
    l.ok(l.MatmulAlgoGetHeuristic(l.handle, desc_, w_, x_, out_, out_,
                                  preference, form.algorithms,
                                  &found_.data()->result, &count),
         "heuristic");
    found_.resize(count);
  }
  int algorithms() const { return int(found_.size()); }
  int chosen = 0;

  cublasStatus_t tryRun(const void *x, const void *w, const void *bias,
                        const void *residual, void *out,
                        cudaStream_t stream) const {
    float one = 1, beta = residual ? 1 : 0;
    if (bias)
      set(CUBLASLT_MATMUL_DESC_BIAS_POINTER, bias, "bias");
    return l_.Matmul(l_.handle, desc_, &one, w, w_, x, x_, &beta,
                     residual ? residual : out, out_, out, out_,
                     &found_[chosen].result.algo, l_.workspace,
                     CublasLt::kWorkspaceBytes, stream);
  }
  void run(const void *x, const void *w, const void *residual, void *out,
           cudaStream_t stream) const {
    l_.ok(tryRun(x, w, nullptr, residual, out, stream), "cublasLtMatmul");
  }

private:
  static cublasLtEpilogue_t epilogueOf(const LibraryForm &form) {
    if (form.gelu)
      return form.bias ? CUBLASLT_EPILOGUE_GELU_BIAS : CUBLASLT_EPILOGUE_GELU;
    return form.bias ? CUBLASLT_EPILOGUE_BIAS : CUBLASLT_EPILOGUE_DEFAULT;
  }
  template <typename T>
  void set(cublasLtMatmulDescAttributes_t attribute, T value,
           const char *what) const {
    l_.ok(l_.MatmulDescSetAttribute(desc_, attribute, &value, sizeof value),
          what);
  }

  CublasLt &l_;
  cublasLtMatmulDesc_t desc_;
  cublasLtMatrixLayout_t w_, x_, out_;
  /// nvcc 13.0 fails on a vector of the nameless struct itself.
  struct Found {
    cublasLtMatmulHeuristicResult_t result;
  };
  std::vector<Found> found_;
};

} // namespace check

#endif // FT_TEST_GPU_CUBLASLT_H
