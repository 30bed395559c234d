//===- Check.h - numbers, comparisons, reports ------------------*- C++ -*-===//
//
// Shared by the kernel checks: programs of their own, built by run.sh with nvcc
// on a machine with a GPU, and tests of test/emulator.
//
//===----------------------------------------------------------------------===//
#ifndef FT_TEST_GPU_CHECK_H
#define FT_TEST_GPU_CHECK_H

#ifdef __CUDACC__
#include "CudaArray.h"
#else
#include "test/emulator/Array.h"
#endif
#include "Share.h"
#include "common.cuh"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <random>
#include <string>
#include <vector>

namespace check {

using ft::bf16;
using ft::f16;

inline int failures = 0, passes = 0;

inline float hostFloat(float x) { return x; }
inline float hostFloat(bf16 x) {
  unsigned bits = unsigned(x.bits) << 16;
  float value;
  std::memcpy(&value, &bits, 4);
  return value;
}
inline float hostFloat(f16 x) {
  _Float16 half;
  std::memcpy(&half, &x.bits, 2);
  return float(half);
}
inline void store(float &to, float x) { to = x; }
inline void store(bf16 &to, float x) {
  unsigned bits;
  std::memcpy(&bits, &x, 4);
  to.bits = (x != x)
                ? 0x7fff
                : (unsigned short)((bits + 0x7fff + ((bits >> 16) & 1)) >> 16);
}
inline void store(f16 &to, float x) {
  _Float16 half = _Float16(x);
  std::memcpy(&to.bits, &half, 2);
}

/// The relative L2 a kernel may show against fp64 on the same inputs: fp32
/// sums; one rounding of the output (half an ulp: 2^-11, 2^-9, times sqrt(1/3)
/// on average); attention rounds the probabilities once more.
template <typename T> constexpr double kTolerance = 1e-5;
template <> inline constexpr double kTolerance<f16> = 1e-3;
template <> inline constexpr double kTolerance<bf16> = 4e-3;

inline std::mt19937 generator(1);
/// Drawn from a table: large operands are made on the host.
inline float normal() {
  static const std::vector<float> table = [] {
    std::normal_distribution<float> distribution;
    std::vector<float> values(1 << 16);
    for (float &x : values)
      x = distribution(generator);
    return values;
  }();
  static unsigned long long state = 1;
  state = state * 6364136223846793005ull + 1442695040888963407ull;
  return table[state >> 48];
}
template <typename T> void randomise(Array<T> &array, float scale = 1) {
  for (T &x : array.host)
    store(x, normal() * scale);
  array.up();
}
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
template <typename T> void poison(Array<T> &array) {
  for (T &x : array.host)
    store(x, kNan);
  array.up();
}

inline void report(bool good, const std::string &name, double error,
                   double limit) {
  good ? ++passes : ++failures;
  if (!good)
    std::printf("FAILED %s: error %.3g, limit %.3g\n", name.c_str(), error,
                limit);
}

/// Compares rows x columns of `got` (row stride `stride`) with `want`;
/// everything else of `got` must still be NaN.
template <typename T>
void compare(const std::string &name, Array<T> &got, size_t stride,
             size_t columns, const std::vector<double> &want, double limit) {
  synchronize(name.c_str());
  got.down();
  double difference = 0, norm = 0;
  size_t rows = columns ? want.size() / columns : 0;
  bool clean = true;
  for (size_t i = 0; i < got.host.size(); ++i) {
    size_t row = i / stride, column = i % stride;
    double value = hostFloat(got.host[i]);
    if (row >= rows || column >= columns) {
      clean &= value != value;
      continue;
    }
    double reference = want[row * columns + column];
    difference += (value - reference) * (value - reference);
    norm += reference * reference;
  }
  double error = std::sqrt(difference / (norm > 0 ? norm : 1));
  report(error <= limit, name, error, limit); // a NaN fails
  report(clean, name + ": wrote outside its rows", 0, 0);
}

/// Nothing that ran is a failure, too.
inline int finish() {
  std::printf("%d passed, %d failed\n", passes, failures);
  return failures || !passes ? 1 : 0;
}

} // namespace check

#endif // FT_TEST_GPU_CHECK_H
