//===- Gemm.cpp - matrix products of the CPU device -----------------------===//
#include "runtime/device/cpu/Gemm.h"

#include "runtime/device/cpu/Convert.h"

#include <algorithm>
#include <cstring>
#include <memory>

namespace ft {

// A tile of the output is one task. Fixed sizes keep results independent of
// the number of threads; 128 rows of a weight amortise packing x in the
// library, 256 rows of x amortise widening the weight.
static constexpr int64_t kTileRows = 256, kTileColumns = 128;
// Up to this many rows the library's packing costs more than it saves.
static constexpr int64_t kVectorRows = 4;
// Rows of x that stay in the first-level cache while a weight row is used.
static constexpr int64_t kRowBlock = 8;

namespace {
/// Eight lanes; the compiler maps them to whatever registers there are.
typedef float Lanes __attribute__((vector_size(32)));
} // namespace

static void accumulate(Lanes &sum, const float *a, const float *b) {
  Lanes x, y;
  std::memcpy(&x, a, sizeof(Lanes));
  std::memcpy(&y, b, sizeof(Lanes));
  sum += x * y;
}

float dot(const float *a, const float *b, int64_t count) {
  Lanes even = {}, odd = {};
  int64_t i = 0;
  for (; i + 16 <= count; i += 16) {
    accumulate(even, a + i, b + i);
    accumulate(odd, a + i + 8, b + i + 8);
  }
  for (; i + 8 <= count; i += 8)
    accumulate(even, a + i, b + i);
  even += odd;
  float sum = ((even[0] + even[4]) + (even[2] + even[6])) +
              ((even[1] + even[5]) + (even[3] + even[7]));
  for (; i < count; ++i)
    sum += a[i] * b[i];
  return sum;
}

/// One tile by dot products: `rows` of x against `columns` of w (fp32, dense).
static void dotTile(const GemmProblem &p, const float *x, const float *w,
                    float *out, int64_t rows, int64_t columns) {
  for (int64_t block = 0; block < rows; block += kRowBlock)
    for (int64_t column = 0; column < columns; ++column)
      for (int64_t row = block; row < std::min(block + kRowBlock, rows); ++row)
        out[row * p.strideOut + column] =
            dot(x + row * p.strideX, w + column * p.k, p.k);
}

static void gemmTile(const Blas *blas, const GemmProblem &p, int64_t row,
                     int64_t column) {
  int64_t rows = std::min(kTileRows, p.m - row);
  int64_t columns = std::min(kTileColumns, p.n - column);
  const float *w = reinterpret_cast<const float *>(p.weight) + column * p.k;
  std::unique_ptr<float[]> widened;
  if (p.weightType != DType::F32) {
    widened.reset(new float[columns * p.k]);
    widen(widened.get(), p.weight + column * p.k * dtypeSize(p.weightType),
          p.weightType, columns * p.k);
    w = widened.get();
  }
  const float *x = p.x + row * p.strideX;
  float *out = p.out + row * p.strideOut + column;
  if (blas && rows > kVectorRows)
    blas->gemm(int(rows), int(columns), int(p.k), x, int(p.strideX), w,
               int(p.k), out, int(p.strideOut));
  else
    dotTile(p, x, w, out, rows, columns);
  if (!p.bias)
    return;
  for (int64_t i = 0; i < rows; ++i)
    for (int64_t j = 0; j < columns; ++j)
      out[i * p.strideOut + j] += p.bias[column + j];
}

void gemm(ThreadPool &pool, const Blas *blas, const GemmProblem &problem) {
  int64_t across = (problem.n + kTileColumns - 1) / kTileColumns;
  int64_t down = (problem.m + kTileRows - 1) / kTileRows;
  pool.forEach(across * down, 1, [&](int64_t begin, int64_t end) {
    for (int64_t tile = begin; tile < end; ++tile)
      gemmTile(blas, problem, tile / across * kTileRows,
               tile % across * kTileColumns);
  });
}

} // namespace ft
