//===- CublasLt.cpp - the stand-in cuBLASLt's calls -----------------------===//
#include "test/emulator/driver/Matmul.h"

#include <cstdio>
#include <cstring>
#include <string>

using namespace ft::emulator;
using namespace ft::emulator::driver;

static cublasStatus_t refuseMatmul(const char *call, cublasStatus_t status,
                                   const std::string &why) {
  std::fprintf(stderr, "emulated GPU: %s: %s: %s\n", call,
               cublasLtGetStatusName(status), why.c_str());
  return status;
}

size_t cublasLtGetVersion() { return CUBLAS_VERSION; }

const char *cublasLtGetStatusName(cublasStatus_t status) {
  switch (status) {
  case CUBLAS_STATUS_SUCCESS:
    return "CUBLAS_STATUS_SUCCESS";
  case CUBLAS_STATUS_INVALID_VALUE:
    return "CUBLAS_STATUS_INVALID_VALUE";
  case CUBLAS_STATUS_NOT_SUPPORTED:
    return "CUBLAS_STATUS_NOT_SUPPORTED";
  case CUBLAS_STATUS_EXECUTION_FAILED:
    return "CUBLAS_STATUS_EXECUTION_FAILED";
  default:
    return "CUBLAS_STATUS_INTERNAL_ERROR";
  }
}

struct cublasLtContext {};

cublasStatus_t cublasLtCreate(cublasLtHandle_t *handle) {
  if (!handle)
    return CUBLAS_STATUS_INVALID_VALUE;
  *handle = new cublasLtContext;
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtDestroy(cublasLtHandle_t handle) {
  delete handle;
  return CUBLAS_STATUS_SUCCESS;
}

//===----------------------------------------------------------------------===//
// Descriptions. cuBLASLt's structures are opaque: ours lie behind the handles.
//===----------------------------------------------------------------------===//

template <typename Ours, typename Handle> static Ours *ours(Handle handle) {
  return reinterpret_cast<Ours *>(handle);
}

/// Copies an attribute whose size has to be that of `to`.
template <typename T>
static cublasStatus_t take(T &to, const void *from, size_t bytes) {
  if (!from || bytes != sizeof(T))
    return refuseMatmul("cuBLASLt", CUBLAS_STATUS_INVALID_VALUE,
                        "an attribute of " + std::to_string(bytes) +
                            " bytes has " + std::to_string(sizeof(T)));
  std::memcpy(&to, from, bytes);
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmulDescCreate(cublasLtMatmulDesc_t *desc,
                                        cublasComputeType_t compute,
                                        cudaDataType_t scale) {
  if (!desc)
    return CUBLAS_STATUS_INVALID_VALUE;
  if (compute != CUBLAS_COMPUTE_32F || scale != CUDA_R_32F)
    return refuseMatmul("cublasLtMatmulDescCreate", CUBLAS_STATUS_NOT_SUPPORTED,
                        "the stand-in computes in fp32");
  *desc = reinterpret_cast<cublasLtMatmulDesc_t>(new MatmulDesc);
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatmulDescDestroy(cublasLtMatmulDesc_t desc) {
  delete ours<MatmulDesc>(desc);
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t
cublasLtMatmulDescSetAttribute(cublasLtMatmulDesc_t handle,
                               cublasLtMatmulDescAttributes_t name,
                               const void *value, size_t bytes) {
  if (!handle)
    return CUBLAS_STATUS_INVALID_VALUE;
  MatmulDesc &desc = *ours<MatmulDesc>(handle);
  switch (name) {
  case CUBLASLT_MATMUL_DESC_TRANSA:
    return take(desc.transA, value, bytes);
  case CUBLASLT_MATMUL_DESC_TRANSB:
    return take(desc.transB, value, bytes);
  case CUBLASLT_MATMUL_DESC_EPILOGUE:
    return take(desc.epilogue, value, bytes);
  case CUBLASLT_MATMUL_DESC_BIAS_POINTER:
    return take(desc.bias, value, bytes);
  case CUBLASLT_MATMUL_DESC_BIAS_DATA_TYPE:
    return take(desc.biasType, value, bytes);
  default:
    return refuseMatmul("cublasLtMatmulDescSetAttribute",
                        CUBLAS_STATUS_NOT_SUPPORTED,
                        "attribute " + std::to_string(int(name)) +
                            " is not known to the stand-in");
  }
}

cublasStatus_t cublasLtMatrixLayoutCreate(cublasLtMatrixLayout_t *layout,
                                          cudaDataType type, uint64_t rows,
                                          uint64_t columns, int64_t stride) {
  const char *call = "cublasLtMatrixLayoutCreate";
  if (!layout)
    return CUBLAS_STATUS_INVALID_VALUE;
  if (type != CUDA_R_32F && type != CUDA_R_16F && type != CUDA_R_16BF)
    return refuseMatmul(call, CUBLAS_STATUS_NOT_SUPPORTED,
                        "the stand-in knows fp32, fp16 and bf16");
  if (rows == 0 || columns == 0 || stride < int64_t(rows))
    return refuseMatmul(call, CUBLAS_STATUS_INVALID_VALUE,
                        std::to_string(rows) + " rows, " +
                            std::to_string(columns) + " columns " +
                            std::to_string(stride) + " apart");
  *layout = reinterpret_cast<cublasLtMatrixLayout_t>(
      new MatrixLayout{type, rows, columns, stride});
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t cublasLtMatrixLayoutDestroy(cublasLtMatrixLayout_t layout) {
  delete ours<MatrixLayout>(layout);
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t
cublasLtMatmulPreferenceCreate(cublasLtMatmulPreference_t *preference) {
  if (!preference)
    return CUBLAS_STATUS_INVALID_VALUE;
  *preference =
      reinterpret_cast<cublasLtMatmulPreference_t>(new MatmulPreference);
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t
cublasLtMatmulPreferenceDestroy(cublasLtMatmulPreference_t preference) {
  delete ours<MatmulPreference>(preference);
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t
cublasLtMatmulPreferenceSetAttribute(cublasLtMatmulPreference_t handle,
                                     cublasLtMatmulPreferenceAttributes_t name,
                                     const void *value, size_t bytes) {
  if (!handle)
    return CUBLAS_STATUS_INVALID_VALUE;
  MatmulPreference &preference = *ours<MatmulPreference>(handle);
  switch (name) {
  case CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES:
    return take(preference.workspaceBytes, value, bytes);
  case CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK:
    return take(preference.reductions, value, bytes);
  case CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES:
  case CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES:
  case CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES:
  case CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES: {
    uint32_t alignment = 0;
    cublasStatus_t status = take(alignment, value, bytes);
    if (status == CUBLAS_STATUS_SUCCESS)
      preference.alignment = std::min(preference.alignment, alignment);
    return status;
  }
  default:
    return refuseMatmul("cublasLtMatmulPreferenceSetAttribute",
                        CUBLAS_STATUS_NOT_SUPPORTED,
                        "attribute " + std::to_string(int(name)) +
                            " is not known to the stand-in");
  }
}
