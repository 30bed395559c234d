//===- MatmulCalls.cpp - the stand-in cuBLASLt's matmuls ------------------===//
#include "test/emulator/driver/Matmul.h"

#include <array>
#include <cstdio>
#include <cstring>
#include <string>

using namespace ft::emulator;
using namespace ft::emulator::driver;

static cublasStatus_t refuseMatmul(cublasStatus_t status,
                                   const std::string &why) {
  std::fprintf(stderr, "emulated GPU: a matmul: %s: %s\n",
               cublasLtGetStatusName(status), why.c_str());
  return status;
}

/// The problem behind the handles, checked.
static cublasStatus_t describe(Matmul &p, cublasLtMatmulDesc_t desc,
                               cublasLtMatrixLayout_t a,
                               cublasLtMatrixLayout_t b,
                               cublasLtMatrixLayout_t c,
                               cublasLtMatrixLayout_t d) {
  if (!desc || !a || !b || !c || !d)
    return refuseMatmul(CUBLAS_STATUS_INVALID_VALUE,
                        "a description is missing");
  p.desc = *reinterpret_cast<const MatmulDesc *>(desc);
  p.a = *reinterpret_cast<const MatrixLayout *>(a);
  p.b = *reinterpret_cast<const MatrixLayout *>(b);
  p.c = *reinterpret_cast<const MatrixLayout *>(c);
  p.d = *reinterpret_cast<const MatrixLayout *>(d);
  bool aTurned = p.desc.transA != CUBLAS_OP_N;
  bool bTurned = p.desc.transB != CUBLAS_OP_N;
  p.m = int64_t(aTurned ? p.a.columns : p.a.rows);
  p.k = int64_t(aTurned ? p.a.rows : p.a.columns);
  p.n = int64_t(bTurned ? p.b.rows : p.b.columns);
  if (p.k != int64_t(bTurned ? p.b.columns : p.b.rows))
    return refuseMatmul(CUBLAS_STATUS_INVALID_VALUE,
                        "A and B differ along the dimension of the sum");
  for (const MatrixLayout &layout : {p.c, p.d})
    if (int64_t(layout.rows) != p.m || int64_t(layout.columns) != p.n)
      return refuseMatmul(CUBLAS_STATUS_INVALID_VALUE,
                          "C or D is not of the product's shape");
  if (p.a.type != p.b.type || p.c.type != p.d.type ||
      (p.d.type != p.a.type && p.d.type != CUDA_R_32F))
    return refuseMatmul(CUBLAS_STATUS_NOT_SUPPORTED,
                        "these types do not go together");
  constexpr uint32_t kKnown = CUBLASLT_EPILOGUE_DEFAULT |
                              CUBLASLT_EPILOGUE_RELU | CUBLASLT_EPILOGUE_BIAS |
                              CUBLASLT_EPILOGUE_GELU;
  uint32_t both = CUBLASLT_EPILOGUE_RELU | CUBLASLT_EPILOGUE_GELU;
  if ((p.desc.epilogue & ~kKnown) || (p.desc.epilogue & both) == both ||
      p.desc.epilogue == 0)
    return refuseMatmul(CUBLAS_STATUS_NOT_SUPPORTED, "an unknown epilogue");
  if ((p.desc.epilogue & CUBLASLT_EPILOGUE_BIAS) && !p.desc.bias)
    return refuseMatmul(CUBLAS_STATUS_INVALID_VALUE, "the bias is missing");
  if ((p.desc.epilogue & CUBLASLT_EPILOGUE_BIAS) && p.desc.biasType >= 0 &&
      p.desc.biasType != p.d.type)
    return refuseMatmul(CUBLAS_STATUS_INVALID_VALUE,
                        "the bias is of another type than D");
  return CUBLAS_STATUS_SUCCESS;
}

//===----------------------------------------------------------------------===//
// Algorithms
//===----------------------------------------------------------------------===//

static constexpr uint64_t kMagic = 0x656d756c61746564; // "emulated"

static cublasLtMatmulAlgo_t encode(Algorithm algorithm) {
  cublasLtMatmulAlgo_t made{};
  made.data[0] = kMagic;
  made.data[1] = uint64_t(algorithm);
  return made;
}

static bool decode(const cublasLtMatmulAlgo_t &from, Algorithm &algorithm) {
  algorithm = Algorithm(from.data[1]);
  return from.data[0] == kMagic &&
         (algorithm == Algorithm::Plain || algorithm == Algorithm::Split);
}

cublasStatus_t cublasLtMatmulAlgoGetHeuristic(
    cublasLtHandle_t handle, cublasLtMatmulDesc_t desc,
    cublasLtMatrixLayout_t a, cublasLtMatrixLayout_t b,
    cublasLtMatrixLayout_t c, cublasLtMatrixLayout_t d,
    cublasLtMatmulPreference_t handleOfPreference, int asked,
    cublasLtMatmulHeuristicResult_t *results, int *found) {
  Matmul p;
  if (!handle || !handleOfPreference || !results || !found || asked < 1)
    return CUBLAS_STATUS_INVALID_VALUE;
  *found = 0;
  if (cublasStatus_t status = describe(p, desc, a, b, c, d))
    return status;
  auto &preference =
      *reinterpret_cast<const MatmulPreference *>(handleOfPreference);
  for (Algorithm algorithm : {Algorithm::Plain, Algorithm::Split}) {
    size_t workspace = workspaceBytes(p, algorithm);
    bool allowed =
        algorithm == Algorithm::Plain ||
        ((preference.reductions & CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE) &&
         preference.alignment >= 16 && p.k >= 2);
    if (!allowed || workspace > preference.workspaceBytes || *found == asked)
      continue;
    results[*found] = {
        encode(algorithm), workspace, CUBLAS_STATUS_SUCCESS, 1, {}};
    ++*found;
  }
  return CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t
cublasLtMatmulAlgoCheck(cublasLtHandle_t handle, cublasLtMatmulDesc_t desc,
                        cublasLtMatrixLayout_t a, cublasLtMatrixLayout_t b,
                        cublasLtMatrixLayout_t c, cublasLtMatrixLayout_t d,
                        const cublasLtMatmulAlgo_t *algorithm,
                        cublasLtMatmulHeuristicResult_t *result) {
  Matmul p;
  if (!handle || !algorithm || !result)
    return CUBLAS_STATUS_INVALID_VALUE;
  if (cublasStatus_t status = describe(p, desc, a, b, c, d))
    return status;
  Algorithm decoded;
  if (!decode(*algorithm, decoded))
    return CUBLAS_STATUS_INVALID_VALUE; // what a tuning may hold: no sentence
  *result = {
      *algorithm, workspaceBytes(p, decoded), CUBLAS_STATUS_SUCCESS, 1, {}};
  return CUBLAS_STATUS_SUCCESS;
}

//===----------------------------------------------------------------------===//
// The matmul
//===----------------------------------------------------------------------===//

static std::string shapeOf(const Matmul &p) {
  return "cublasLtMatmul [" + std::to_string(p.m) + ", " + std::to_string(p.k) +
         "] x [" + std::to_string(p.k) + ", " + std::to_string(p.n) + "]";
}

/// A part of the matmul as a kernel: its memory is looked at when it runs.
static Operation kernel(const Matmul &p, const MatmulPointers &at,
                        size_t workspace, std::function<void()> compute) {
  auto type = p.desc.biasType < 0 ? p.d.type : cudaDataType_t(p.desc.biasType);
  std::array<Touched, 6> touched = {
      Touched{at.a, matrixBytes(p.a), "A"},
      {at.b, matrixBytes(p.b), "B"},
      {at.c, at.beta != 0 ? matrixBytes(p.c) : 0, "C"},
      {at.d, matrixBytes(p.d), "D"},
      {at.workspace, workspace, "the workspace"},
      {p.desc.bias,
       p.desc.epilogue & CUBLASLT_EPILOGUE_BIAS
           ? size_t(p.m) * elementBytes(type)
           : 0,
       "the bias"}};
  std::string what = shapeOf(p);
  auto run = [=](CUctx_st &context, const Before &) {
    for (const Touched &part : touched)
      if (CUresult code = ftEmulatedCheck(context, part, what))
        return code;
    compute();
    return CUDA_SUCCESS;
  };
  return {CU_GRAPH_NODE_TYPE_KERNEL, what, run};
}

static cublasStatus_t enqueue(CUstream stream, const Matmul &p,
                              const MatmulPointers &at, Algorithm algorithm) {
  size_t workspace = workspaceBytes(p, algorithm);
  CUresult code = CUDA_SUCCESS;
  if (algorithm == Algorithm::Plain) {
    code =
        ftEmulatedEnqueue(stream, kernel(p, at, 0, [=] { runPlain(p, at); }));
  } else {
    code = ftEmulatedEnqueue(stream, kernel(p, at, workspace, [=] {
                               sumHalf(p, at, 0);
                               sumHalf(p, at, 1);
                             }));
    if (code == CUDA_SUCCESS)
      code = ftEmulatedEnqueue(
          stream, kernel(p, at, workspace, [=] { finishSplit(p, at); }));
  }
  return code ? CUBLAS_STATUS_EXECUTION_FAILED : CUBLAS_STATUS_SUCCESS;
}

cublasStatus_t
cublasLtMatmul(cublasLtHandle_t handle, cublasLtMatmulDesc_t desc,
               const void *alpha, const void *a, cublasLtMatrixLayout_t aLayout,
               const void *b, cublasLtMatrixLayout_t bLayout, const void *beta,
               const void *c, cublasLtMatrixLayout_t cLayout, void *d,
               cublasLtMatrixLayout_t dLayout,
               const cublasLtMatmulAlgo_t *algorithm, void *workspace,
               size_t bytes, cudaStream_t stream) {
  Matmul p;
  if (!handle || !alpha || !beta || !a || !b || !d)
    return refuseMatmul(CUBLAS_STATUS_INVALID_VALUE, "an operand is missing");
  if (cublasStatus_t status =
          describe(p, desc, aLayout, bLayout, cLayout, dLayout))
    return status;
  MatmulPointers at{a, b, c, d, workspace};
  std::memcpy(&at.alpha, alpha, sizeof(float));
  std::memcpy(&at.beta, beta, sizeof(float));
  if (at.beta != 0 && !c)
    return refuseMatmul(CUBLAS_STATUS_INVALID_VALUE, "C is missing");
  if (c == d && p.c.stride != p.d.stride)
    return refuseMatmul(CUBLAS_STATUS_INVALID_VALUE,
                        "C and D are the same memory in two layouts");
  for (auto [address, type] : {std::pair{a, p.a.type},
                               {b, p.b.type},
                               {c, p.c.type},
                               {(const void *)d, p.d.type}})
    if (reinterpret_cast<uintptr_t>(address) % elementBytes(type))
      return refuseMatmul(CUBLAS_STATUS_NOT_SUPPORTED,
                          "an operand is not aligned for its elements");
  Algorithm decoded = Algorithm::Plain;
  if (algorithm && !decode(*algorithm, decoded))
    return refuseMatmul(CUBLAS_STATUS_INVALID_VALUE, "an unknown algorithm");
  if (workspaceBytes(p, decoded) > bytes ||
      reinterpret_cast<uintptr_t>(workspace) % 16)
    return refuseMatmul(CUBLAS_STATUS_INVALID_VALUE,
                        "the workspace is too small, or not on 16 bytes");
  return enqueue(stream, p, at, decoded);
}
