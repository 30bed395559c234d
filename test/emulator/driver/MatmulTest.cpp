//===- MatmulTest.cpp - the stand-in cuBLASLt against plain sums ----------===//
#include "test/emulator/driver/TestGpu.h"

#include <cublasLt.h>

#include <cmath>

namespace ft::test {

namespace {

/// out[m, n] = epilogue(a[m, k] weight[n, k]^T + bias[n] + residual[m, n]),
/// row-major, as the runtime asks for it.
class MatmulTest : public GpuTest {
protected:
  static constexpr int64_t kM = 3, kN = 5, kK = 37, kStride = 40;

  void SetUp() override;
  void TearDown() override;
  void setEpilogue(uint32_t epilogue, CUdeviceptr bias);
  void setBiasType(int32_t type);
  std::vector<cublasLtMatmulAlgo_t> algorithms(uint64_t workspace);
  cublasStatus_t run(const cublasLtMatmulAlgo_t &algorithm, float beta,
                     CUdeviceptr to);
  double expected(int64_t row, int64_t column, bool withBias, float beta) const;

  cublasLtHandle_t handle = nullptr;
  cublasLtMatmulDesc_t desc = nullptr;
  cublasLtMatrixLayout_t weightLayout, aLayout, outLayout;
  std::vector<float> a, weight, bias, residual;
  CUdeviceptr aAt, weightAt, biasAt, residualAt, workspaceAt;
};

std::vector<float> numbers(int64_t count, int seed) {
  std::vector<float> made;
  for (int64_t i = 0; i < count; ++i)
    made.push_back(float((i * 37 + seed * 11) % 64 - 32) / 32);
  return made;
}

void MatmulTest::SetUp() {
  GpuTest::SetUp();
  a = numbers(kM * kStride, 1), weight = numbers(kN * kK, 2);
  bias = numbers(kN, 3), residual = numbers(kM * kN, 4);
  aAt = memory(a), weightAt = memory(weight), biasAt = memory(bias);
  residualAt = memory(residual);
  workspaceAt = memory(std::vector<float>(2 * kM * kN));
  ASSERT_EQ(cublasLtCreate(&handle), CUBLAS_STATUS_SUCCESS);
  ASSERT_EQ(cublasLtMatmulDescCreate(&desc, CUBLAS_COMPUTE_32F, CUDA_R_32F),
            CUBLAS_STATUS_SUCCESS);
  cublasOperation_t transposed = CUBLAS_OP_T;
  ASSERT_EQ(cublasLtMatmulDescSetAttribute(desc, CUBLASLT_MATMUL_DESC_TRANSA,
                                           &transposed, sizeof(transposed)),
            CUBLAS_STATUS_SUCCESS);
  cublasLtMatrixLayoutCreate(&weightLayout, CUDA_R_32F, kK, kN, kK);
  cublasLtMatrixLayoutCreate(&aLayout, CUDA_R_32F, kK, kM, kStride);
  cublasLtMatrixLayoutCreate(&outLayout, CUDA_R_32F, kN, kM, kN);
}

void MatmulTest::TearDown() {
  for (cublasLtMatrixLayout_t layout : {weightLayout, aLayout, outLayout})
    cublasLtMatrixLayoutDestroy(layout);
  cublasLtMatmulDescDestroy(desc);
  cublasLtDestroy(handle);
  GpuTest::TearDown();
}

void MatmulTest::setEpilogue(uint32_t epilogue, CUdeviceptr bias) {
  cublasLtMatmulDescSetAttribute(desc, CUBLASLT_MATMUL_DESC_EPILOGUE, &epilogue,
                                 sizeof(epilogue));
  cublasLtMatmulDescSetAttribute(desc, CUBLASLT_MATMUL_DESC_BIAS_POINTER, &bias,
                                 sizeof(bias));
}

void MatmulTest::setBiasType(int32_t type) {
  cublasLtMatmulDescSetAttribute(desc, CUBLASLT_MATMUL_DESC_BIAS_DATA_TYPE,
                                 &type, sizeof(type));
}

std::vector<cublasLtMatmulAlgo_t> MatmulTest::algorithms(uint64_t workspace) {
  cublasLtMatmulPreference_t preference = nullptr;
  cublasLtMatmulPreferenceCreate(&preference);
  cublasLtMatmulPreferenceSetAttribute(preference,
                                       CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES,
                                       &workspace, sizeof(workspace));
  cublasLtMatmulHeuristicResult_t results[4];
  int found = 0;
  EXPECT_EQ(cublasLtMatmulAlgoGetHeuristic(handle, desc, weightLayout, aLayout,
                                           outLayout, outLayout, preference, 4,
                                           results, &found),
            CUBLAS_STATUS_SUCCESS);
  cublasLtMatmulPreferenceDestroy(preference);
  std::vector<cublasLtMatmulAlgo_t> algorithms;
  for (int i = 0; i < found; ++i)
    algorithms.push_back(results[i].algo);
  return algorithms;
}

cublasStatus_t MatmulTest::run(const cublasLtMatmulAlgo_t &algorithm,
                               float beta, CUdeviceptr to) {
  auto at = [](CUdeviceptr address) {
    return reinterpret_cast<void *>(address);
  };
  float alpha = 1;
  return cublasLtMatmul(
      handle, desc, &alpha, at(weightAt), weightLayout, at(aAt), aLayout, &beta,
      at(beta != 0 ? residualAt : to), outLayout, at(to), outLayout, &algorithm,
      at(workspaceAt), 2 * kM * kN * 4, stream);
}

double MatmulTest::expected(int64_t row, int64_t column, bool withBias,
                            float beta) const {
  double sum = withBias ? bias[size_t(column)] : 0;
  sum += double(beta) * residual[size_t(row * kN + column)];
  for (int64_t i = 0; i < kK; ++i)
    sum +=
        double(a[size_t(row * kStride + i)]) * weight[size_t(column * kK + i)];
  return sum;
}

double gelu(double x) {
  return 0.5 * x *
         (1 + std::tanh(std::sqrt(2 / M_PI) * (x + 0.044715 * x * x * x)));
}

TEST_F(MatmulTest, EqualsPlainSums) {
  // Sums of multiples of 2^-10 below 2^6 are exact in fp32; activations are
  // rounded a few times.
  for (uint32_t activation : {CUBLASLT_EPILOGUE_DEFAULT, CUBLASLT_EPILOGUE_RELU,
                              CUBLASLT_EPILOGUE_GELU})
    for (bool withBias : {false, true}) {
      uint32_t epilogue = activation;
      if (withBias)
        epilogue = activation == CUBLASLT_EPILOGUE_DEFAULT
                       ? uint32_t(CUBLASLT_EPILOGUE_BIAS)
                       : activation | CUBLASLT_EPILOGUE_BIAS;
      setEpilogue(epilogue, withBias ? biasAt : 0);
      auto found = algorithms(1 << 20);
      ASSERT_EQ(found.size(), 2u);
      for (const auto &algorithm : found)
        for (float beta : {0.0f, 1.0f}) {
          CUdeviceptr to = memory(std::vector<float>(kM * kN, NAN));
          ASSERT_EQ(run(algorithm, beta, to), CUBLAS_STATUS_SUCCESS);
          std::vector<float> out = values(to, kM * kN);
          for (int64_t i = 0; i < kM * kN; ++i) {
            double want = expected(i / kN, i % kN, withBias, beta);
            if (activation == CUBLASLT_EPILOGUE_RELU)
              want = std::max(want, 0.0);
            if (activation == CUBLASLT_EPILOGUE_GELU)
              want = gelu(want);
            EXPECT_NEAR(out[size_t(i)], want,
                        8 * 0x1p-24 * (1 + std::abs(want)));
          }
        }
    }
}

TEST_F(MatmulTest, AlgorithmsNeedTheirWorkspace) {
  auto found = algorithms(2 * kM * kN * 4 - 1);
  EXPECT_EQ(found.size(), 1u);
}

TEST_F(MatmulTest, MemoryIsLookedAtWhenItRuns) {
  auto found = algorithms(0);
  CUdeviceptr to = memory(std::vector<float>(kM * kN - 1));
  ASSERT_EQ(run(found[0], 0, to), CUBLAS_STATUS_SUCCESS);
  EXPECT_EQ(cuStreamSynchronize(stream), CUDA_ERROR_ILLEGAL_ADDRESS);
}

TEST_F(MatmulTest, WhatDoesNotFitIsRefused) {
  cublasLtMatrixLayout_t layout = nullptr;
  EXPECT_EQ(cublasLtMatrixLayoutCreate(&layout, CUDA_R_32F, 8, 4, 7),
            CUBLAS_STATUS_INVALID_VALUE);
  cublasLtMatmulAlgo_t algorithm{};
  cublasLtMatmulHeuristicResult_t result;
  EXPECT_NE(cublasLtMatmulAlgoCheck(handle, desc, weightLayout, aLayout,
                                    outLayout, outLayout, &algorithm, &result),
            CUBLAS_STATUS_SUCCESS);
  EXPECT_EQ(run(algorithm, 0, residualAt), CUBLAS_STATUS_INVALID_VALUE);
  algorithm = algorithms(0)[0];
  setEpilogue(CUBLASLT_EPILOGUE_BIAS, 0);
  EXPECT_EQ(run(algorithm, 0, residualAt), CUBLAS_STATUS_INVALID_VALUE);
  setEpilogue(CUBLASLT_EPILOGUE_BIAS, biasAt);
  setBiasType(CUDA_R_16F); // D is of fp32
  EXPECT_EQ(run(algorithm, 0, residualAt), CUBLAS_STATUS_INVALID_VALUE);
  setBiasType(CUDA_R_32F);
  EXPECT_EQ(run(algorithm, 0, residualAt), CUBLAS_STATUS_SUCCESS);
  setEpilogue(CUBLASLT_EPILOGUE_DEFAULT, 0);
  std::swap(aLayout, outLayout);
  EXPECT_EQ(run(algorithm, 0, residualAt), CUBLAS_STATUS_INVALID_VALUE);
  std::swap(aLayout, outLayout);
}

} // namespace

} // namespace ft::test
