//===- Library.cpp - cuBLASLt's algorithms for one product ---------------===//
#include "Library.h"

#include <cublasLt.h>

using namespace gemmtest;

static constexpr size_t kWorkspaceBytes = 64 << 20;
static constexpr int kAlgorithms = 24;

struct Library::Impl {
  cublasLtHandle_t handle;
  cublasLtMatmulDesc_t operation;
  cublasLtMatrixLayout_t w, a, out;
  std::vector<cublasLtMatmulHeuristicResult_t> found;
  Memory workspace{kWorkspaceBytes};
};

Library::Library(int rows, int n, int k, bool bf16, const void *anyBias)
    : impl_(new Impl) {
  Impl &i = *impl_;
  cudaDataType_t type = bf16 ? CUDA_R_16BF : CUDA_R_16F;
  FT_CHECK(cublasLtCreate(&i.handle));
  FT_CHECK(
      cublasLtMatmulDescCreate(&i.operation, CUBLAS_COMPUTE_32F, CUDA_R_32F));
  // Column-major: out^T [n, rows] = w [n, k] * a^T [k, rows].
  cublasOperation_t transposed = CUBLAS_OP_T;
  cublasLtEpilogue_t epilogue = CUBLASLT_EPILOGUE_BIAS;
  FT_CHECK(cublasLtMatmulDescSetAttribute(i.operation,
                                          CUBLASLT_MATMUL_DESC_TRANSA,
                                          &transposed, sizeof transposed));
  FT_CHECK(cublasLtMatmulDescSetAttribute(
      i.operation, CUBLASLT_MATMUL_DESC_EPILOGUE, &epilogue, sizeof epilogue));
  FT_CHECK(cublasLtMatmulDescSetAttribute(i.operation,
                                          CUBLASLT_MATMUL_DESC_BIAS_POINTER,
                                          &anyBias, sizeof anyBias));
  FT_CHECK(cublasLtMatrixLayoutCreate(&i.w, type, k, n, k));
  FT_CHECK(cublasLtMatrixLayoutCreate(&i.a, type, k, rows, k));
  FT_CHECK(cublasLtMatrixLayoutCreate(&i.out, type, n, rows, n));
  cublasLtMatmulPreference_t preference;
  FT_CHECK(cublasLtMatmulPreferenceCreate(&preference));
  FT_CHECK(cublasLtMatmulPreferenceSetAttribute(
      preference, CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, &kWorkspaceBytes,
      sizeof kWorkspaceBytes));
  i.found.resize(kAlgorithms);
  int count = 0;
  FT_CHECK(cublasLtMatmulAlgoGetHeuristic(i.handle, i.operation, i.w, i.a,
                                          i.out, i.out, preference, kAlgorithms,
                                          i.found.data(), &count));
  i.found.resize(count);
  cublasLtMatmulPreferenceDestroy(preference);
}

Library::~Library() {
  cublasLtMatrixLayoutDestroy(impl_->w);
  cublasLtMatrixLayoutDestroy(impl_->a);
  cublasLtMatrixLayoutDestroy(impl_->out);
  cublasLtMatmulDescDestroy(impl_->operation);
  cublasLtDestroy(impl_->handle);
}

int Library::algorithms() const { return int(impl_->found.size()); }

bool Library::run(int algorithm, const void *a, const void *w, const void *bias,
                  void *out, cudaStream_t stream) {
  Impl &i = *impl_;
  float one = 1, zero = 0;
  FT_CHECK(cublasLtMatmulDescSetAttribute(
      i.operation, CUBLASLT_MATMUL_DESC_BIAS_POINTER, &bias, sizeof bias));
  return cublasLtMatmul(i.handle, i.operation, &one, w, i.w, a, i.a, &zero, out,
                        i.out, out, i.out, &i.found[algorithm].algo,
                        i.workspace.as<void>(), kWorkspaceBytes,
                        stream) == CUBLAS_STATUS_SUCCESS;
}
