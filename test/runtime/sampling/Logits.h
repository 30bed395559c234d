//===- Logits.h - rows for the sampling tests -------------------*- C++ -*-===//
#ifndef FT_TEST_RUNTIME_SAMPLING_LOGITS_H
#define FT_TEST_RUNTIME_SAMPLING_LOGITS_H

#include "runtime/base/Random.h"

#include <cstdint>
#include <vector>

namespace ft::test {

/// About normal, of standard deviation `deviation`: sums of 12 uniforms.
inline std::vector<float> bellLogits(int64_t columns, float deviation,
                                     uint64_t key) {
  std::vector<float> row;
  for (int64_t i = 0; i < columns; ++i) {
    float sum = 0;
    for (int64_t j = 0; j < 12; ++j)
      sum += randomWeight(key, uint64_t(i * 12 + j));
    row.push_back(sum * 0.5f * deviation);
  }
  return row;
}

} // namespace ft::test

#endif // FT_TEST_RUNTIME_SAMPLING_LOGITS_H
