//===- Product.cpp - the stand-in cuBLASLt's arithmetic -------------------===//
#include "test/emulator/driver/Matmul.h"

#include "runtime/base/DType.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <vector>

namespace ft::emulator::driver {

uint32_t elementBytes(cudaDataType_t type) {
  return type == CUDA_R_32F ? 4 : 2;
}

size_t matrixBytes(const MatrixLayout &layout) {
  if (layout.rows == 0 || layout.columns == 0)
    return 0;
  return ((layout.columns - 1) * size_t(layout.stride) + layout.rows) *
         elementBytes(layout.type);
}

size_t workspaceBytes(const Matmul &matmul, Algorithm algorithm) {
  return algorithm == Algorithm::Split
             ? size_t(2 * matmul.m * matmul.n) * sizeof(float)
             : 0;
}

static float load(const void *base, cudaDataType_t type, int64_t index) {
  if (type == CUDA_R_32F)
    return static_cast<const float *>(base)[index];
  if (type == CUDA_R_16F)
    return float(static_cast<const _Float16 *>(base)[index]);
  return bf16ToF32(static_cast<const uint16_t *>(base)[index]);
}

static void store(void *base, cudaDataType_t type, int64_t index, float value) {
  if (type == CUDA_R_32F)
    static_cast<float *>(base)[index] = value;
  else if (type == CUDA_R_16F)
    static_cast<_Float16 *>(base)[index] = _Float16(value);
  else
    static_cast<uint16_t *>(base)[index] = f32ToBf16(value);
}

/// Vector `which` of op(A)'s rows or op(B)'s columns, of elements `first` to
/// `last` along k, in fp32.
static void gather(std::vector<float> &to, const void *base,
                   const MatrixLayout &layout, bool alongColumn, int64_t which,
                   int64_t first, int64_t last) {
  to.resize(size_t(last - first));
  for (int64_t i = first; i < last; ++i)
    to[size_t(i - first)] = load(base, layout.type,
                                 alongColumn ? which * layout.stride + i
                                             : i * layout.stride + which);
}

static float dot(const float *x, const float *y, size_t count) {
  constexpr size_t kLanes = 16;
  float lanes[kLanes] = {};
  size_t i = 0;
  for (; i + kLanes <= count; i += kLanes)
    for (size_t lane = 0; lane < kLanes; ++lane)
      lanes[lane] += x[i + lane] * y[i + lane];
  for (; i < count; ++i)
    lanes[i % kLanes] += x[i] * y[i];
  for (size_t step = kLanes / 2; step > 0; step /= 2)
    for (size_t lane = 0; lane < step; ++lane)
      lanes[lane] += lanes[lane + step];
  return lanes[0];
}

/// Calls put(row, column, sum) for every element of op(A) op(B), the sum over
/// k from `first` to `last`.
template <typename Put>
static void multiply(const Matmul &p, const MatmulPointers &at, int64_t first,
                     int64_t last, Put put) {
  bool aAlong = p.desc.transA == CUBLAS_OP_T;
  bool bAlong = p.desc.transB == CUBLAS_OP_N;
  std::vector<std::vector<float>> columns{size_t(p.n)};
  for (int64_t j = 0; j < p.n; ++j)
    gather(columns[size_t(j)], at.b, p.b, bAlong, j, first, last);
  std::vector<float> row;
  for (int64_t i = 0; i < p.m; ++i) {
    gather(row, at.a, p.a, aAlong, i, first, last);
    for (int64_t j = 0; j < p.n; ++j)
      put(i, j, dot(row.data(), columns[size_t(j)].data(), row.size()));
  }
}

static float activate(uint32_t epilogue, float x) {
  if (epilogue & CUBLASLT_EPILOGUE_RELU)
    return std::max(x, 0.0f);
  if (epilogue & CUBLASLT_EPILOGUE_GELU) // the tanh form
    return 0.5f * x *
           (1 + std::tanh(0.7978845608f * (x + 0.044715f * x * x * x)));
  return x;
}

static void finish(const Matmul &p, const MatmulPointers &at, int64_t row,
                   int64_t column, float sum) {
  float value = at.alpha * sum;
  if (at.beta != 0)
    value += at.beta * load(at.c, p.c.type, column * p.c.stride + row);
  auto biasType =
      p.desc.biasType < 0 ? p.d.type : cudaDataType_t(p.desc.biasType);
  if (p.desc.epilogue & CUBLASLT_EPILOGUE_BIAS)
    value += load(p.desc.bias, biasType, row);
  store(at.d, p.d.type, column * p.d.stride + row,
        activate(p.desc.epilogue, value));
}

void runPlain(const Matmul &p, const MatmulPointers &at) {
  multiply(p, at, 0, p.k, [&](int64_t row, int64_t column, float sum) {
    finish(p, at, row, column, sum);
  });
}

void sumHalf(const Matmul &p, const MatmulPointers &at, int half) {
  float *sums = static_cast<float *>(at.workspace) + half * p.m * p.n;
  int64_t middle = p.k / 2;
  multiply(p, at, half ? middle : 0, half ? p.k : middle,
           [&](int64_t row, int64_t column, float sum) {
             sums[column * p.m + row] = sum;
           });
}

void finishSplit(const Matmul &p, const MatmulPointers &at) {
  const float *sums = static_cast<const float *>(at.workspace);
  for (int64_t column = 0; column < p.n; ++column)
    for (int64_t row = 0; row < p.m; ++row) {
      int64_t i = column * p.m + row;
      finish(p, at, row, column, sums[i] + sums[p.m * p.n + i]);
    }
}

} // namespace ft::emulator::driver
