//===- Matmul.h - what a matmul of the stand-in cuBLASLt is -----*- C++ -*-===//
#ifndef FT_TEST_EMULATOR_DRIVER_MATMUL_H
#define FT_TEST_EMULATOR_DRIVER_MATMUL_H

#include "test/emulator/driver/Enqueue.h"

#include <cublasLt.h>

#include <cstdint>

namespace ft::emulator::driver {

// Behind cuBLASLt's opaque handles; copied when a matmul is enqueued.

struct MatmulDesc {
  cublasOperation_t transA = CUBLAS_OP_N, transB = CUBLAS_OP_N;
  uint32_t epilogue = CUBLASLT_EPILOGUE_DEFAULT;
  const void *bias = nullptr;
  int32_t biasType = -1; // of D
};

/// Column-major.
struct MatrixLayout {
  cudaDataType_t type = CUDA_R_32F;
  uint64_t rows = 0, columns = 0;
  int64_t stride = 0; // elements between columns
};

struct MatmulPreference {
  uint64_t workspaceBytes = 0;
  uint32_t reductions = CUBLASLT_REDUCTION_SCHEME_MASK;
  uint32_t alignment = 256; // of all operands
};

/// D = epilogue(alpha op(A) op(B) + beta C + bias).
struct Matmul {
  MatmulDesc desc;
  MatrixLayout a, b, c, d;
  int64_t m = 0, n = 0, k = 0;
};

/// Ways to run it; kSplit adds two halves of k, from the workspace.
enum class Algorithm : uint64_t { Plain = 1, Split = 2 };

struct MatmulPointers {
  const void *a = nullptr, *b = nullptr, *c = nullptr;
  void *d = nullptr, *workspace = nullptr;
  float alpha = 1, beta = 0;
};

uint32_t elementBytes(cudaDataType_t type);

/// Bytes from the first element of a matrix behind its last.
size_t matrixBytes(const MatrixLayout &layout);
size_t workspaceBytes(const Matmul &matmul, Algorithm algorithm);

/// Runs it on memory that was checked; half 0 and 1 of a Split write sums into
/// the workspace, `finish` stores them.
void runPlain(const Matmul &matmul, const MatmulPointers &pointers);
void sumHalf(const Matmul &matmul, const MatmulPointers &pointers, int half);
void finishSplit(const Matmul &matmul, const MatmulPointers &pointers);

} // namespace ft::emulator::driver

#endif // FT_TEST_EMULATOR_DRIVER_MATMUL_H
