//===- Harness.h - device memory, tensor maps and launches ------*- C++ -*-===//
#ifndef FT_TEST_GPU_GEMM_HARNESS_H
#define FT_TEST_GPU_GEMM_HARNESS_H

#include "Variant.h"

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cuda.h>
#include <cuda_runtime.h>
#include <string>
#include <vector>

namespace gemmtest {

#define FT_CHECK(call)                                                         \
  do {                                                                         \
    auto status_ = (call);                                                     \
    if (int(status_) != 0) {                                                   \
      std::printf("  %s:%d: %s: error %d\n", __FILE__, __LINE__, #call,        \
                  int(status_));                                               \
      std::fflush(stdout);                                                     \
      std::_Exit(3);                                                           \
    }                                                                          \
  } while (0)

/// Device memory, owned.
class Memory {
public:
  explicit Memory(size_t bytes) : bytes_(bytes) {
    FT_CHECK(cudaMalloc(&data_, bytes + 256));
  }
  ~Memory() { cudaFree(data_); }
  Memory(const Memory &) = delete;
  Memory &operator=(const Memory &) = delete;
  void fill(int byte) { FT_CHECK(cudaMemset(data_, byte, bytes_ + 256)); }
  template <typename T> T *as() const { return static_cast<T *>(data_); }
  size_t bytes() const { return bytes_; }

private:
  void *data_ = nullptr;
  size_t bytes_;
};

/// Random values of about `scale`, different for every seed.
void fillRandom(void *data, int64_t count, bool bf16, float scale,
                uint32_t seed);
/// The same at rows [0, rows) x columns [0, columns) of a strided matrix.
void fillRandomRows(void *data, int64_t rows, int64_t columns, int64_t stride,
                    bool bf16, float scale, uint32_t seed);

/// The map of a row-major [rows, columns] matrix of 16-bit elements: exactly
/// what a device has to encode for gemm.cuh.
CUtensorMap makeMap(const void *data, bool bf16, int64_t rows, int64_t columns,
                    int64_t stride, int boxRows);

struct Call {
  CUtensorMap a, w;
  int n = 0, k = 0;
  const int *counts = nullptr;
  const void *bias = nullptr;
  const void *residual = nullptr;
  long long residualStride = 0;
  void *out = nullptr;
  long long outStride = 0;
  // Norms only; `sum` has the stride of `out`.
  const void *scale = nullptr;
  const void *shift = nullptr;
  float eps = 1e-5f;
  void *sum = nullptr;
};

/// Allows the shared memory; the CTAs that run at once.
int prepare(const Variant &v);
void launch(const Variant &v, const Call &call, cudaStream_t stream,
            bool dependent);

/// True where the kernel is right on all cases; prints what is wrong.
bool checkVariant(const Variant &v);
enum class Shapes { None, All, Quick, Encoders, Decoders };
/// Times `fit` (those that are right) on the model shapes; a table to stdout.
void timeAll(const std::vector<const Variant *> &fit, bool bf16, Shapes which,
             const std::string &jsonPath);

} // namespace gemmtest

#endif // FT_TEST_GPU_GEMM_HARNESS_H
