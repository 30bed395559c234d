//===- Dense.cpp - the evaluator's products -------------------------------===//
#include "tools/verify/Dense.h"

#include <algorithm>
#include <thread>

using namespace ft;
using namespace ft::verify;

void verify::parallelFor(int64_t count,
                         const std::function<void(int64_t, int64_t)> &body) {
  // A thread costs more than a few small parts.
  constexpr int64_t kFewest = 8;
  int64_t parts = std::clamp<int64_t>(count / kFewest, 1,
                                      std::thread::hardware_concurrency());
  std::vector<std::thread> threads;
  for (int64_t part = 1; part < parts; ++part)
    threads.emplace_back(body, count * part / parts,
                         count * (part + 1) / parts);
  body(0, count / parts);
  for (std::thread &thread : threads)
    thread.join();
}

namespace {
// Columns of the result at a time: their sums stay in registers, and each
// keeps the order of k.
constexpr int64_t kLanes = 8;
} // namespace

namespace {
/// b[n, k] at n * column + k * step.
template <typename B> struct Right {
  const B *data;
  int64_t column, step;
};
} // namespace

/// Columns first .. first+lanes-1 of the product; `packed` is [k, kLanes].
template <typename B>
static void multiplyLanes(const double *a, Right<B> b,
                          const std::vector<bool> *wanted, int64_t rows,
                          int64_t n, int64_t k, int64_t first,
                          std::vector<double> &packed, double *out) {
  int64_t lanes = std::min(kLanes, n - first);
  std::fill(packed.begin(), packed.end(), 0.0);
  for (int64_t lane = 0; lane < lanes; ++lane)
    for (int64_t i = 0; i < k; ++i)
      packed[size_t(i * kLanes + lane)] =
          b.data[(first + lane) * b.column + i * b.step];
  for (int64_t row = 0; row < rows; ++row) {
    if (wanted && !(*wanted)[size_t(row)])
      continue;
    double sums[kLanes] = {};
    const double *line = a + row * k;
    for (int64_t i = 0; i < k; ++i)
      for (int64_t lane = 0; lane < kLanes; ++lane)
        sums[lane] += line[i] * packed[size_t(i * kLanes + lane)];
    for (int64_t lane = 0; lane < lanes; ++lane)
      out[row * n + first + lane] = sums[lane];
  }
}

/// All columns, on all cores.
template <typename B>
static void multiplyAll(const double *a, Right<B> b,
                        const std::vector<bool> *wanted, int64_t rows,
                        int64_t n, int64_t k, double *out) {
  parallelFor((n + kLanes - 1) / kLanes, [&](int64_t begin, int64_t end) {
    std::vector<double> packed(size_t(k * kLanes));
    for (int64_t block = begin; block < end; ++block)
      multiplyLanes(a, b, wanted, rows, n, k, block * kLanes, packed, out);
  });
}

void verify::multiply(const double *a, const double *b, int64_t rows, int64_t n,
                      int64_t k, double *out) {
  multiplyAll(a, Right<double>{b, 1, n}, nullptr, rows, n, k, out);
}

void verify::multiplyWeight(const double *a, const float *weight,
                            const float *bias, const std::vector<bool> &wanted,
                            int64_t n, int64_t k, double *out) {
  auto rows = int64_t(wanted.size());
  std::fill(out, out + rows * n, 0.0);
  multiplyAll(a, Right<float>{weight, k, 1}, &wanted, rows, n, k, out);
  for (int64_t row = 0; bias && row < rows; ++row)
    for (int64_t i = 0; wanted[size_t(row)] && i < n; ++i)
      out[row * n + i] += bias[i];
}
