//===- Values.cpp - numbers of device tests -------------------------------===//
#include "test/runtime/device/Values.h"

#include "runtime/base/Random.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>

namespace ft::test {

void encode(std::byte *to, DType dtype, const Values &values) {
  for (size_t i = 0; i < values.size(); ++i) {
    float single = float(values[i]);
    int32_t whole = dtype == DType::I32 ? int32_t(values[i]) : 0;
    uint16_t half = dtype == DType::F16 ? f32ToF16(single) : f32ToBf16(single);
    if (dtype == DType::F32)
      std::memcpy(to + 4 * i, &single, 4);
    else if (dtype == DType::I32)
      std::memcpy(to + 4 * i, &whole, 4);
    else
      std::memcpy(to + 2 * i, &half, 2);
  }
}

Values decode(const std::byte *from, DType dtype, int64_t count) {
  Values values(size_t(count), 0.0);
  for (size_t i = 0; i < values.size(); ++i) {
    float single;
    int32_t whole;
    uint16_t half;
    if (dtype == DType::F32) {
      std::memcpy(&single, from + 4 * i, 4);
      values[i] = single;
    } else if (dtype == DType::I32) {
      std::memcpy(&whole, from + 4 * i, 4);
      values[i] = whole;
    } else {
      std::memcpy(&half, from + 2 * i, 2);
      values[i] = dtype == DType::F16 ? f16ToF32(half) : bf16ToF32(half);
    }
  }
  return values;
}

double rounded(double value, DType dtype) {
  std::byte bytes[4];
  encode(bytes, dtype, {value});
  return decode(bytes, dtype, 1)[0];
}

double unitRoundoff(DType dtype) {
  return dtype == DType::F16    ? 0x1p-11
         : dtype == DType::BF16 ? 0x1p-8
                                : 0x1p-24;
}

Values randomValues(int64_t count, DType dtype, uint64_t key, double scale) {
  Values values;
  for (int64_t i = 0; i < count; ++i)
    values.push_back(
        rounded(scale * randomWeight(mixBits(key), uint64_t(i)), dtype));
  return values;
}

void expectClose(const Values &got, const Values &want, DType dtype,
                 const std::function<double(size_t)> &slack) {
  ASSERT_EQ(got.size(), want.size());
  // Below the normal range the store's error is absolute.
  double tiny = dtype == DType::F16 ? 0x1p-25 : 0x1p-126;
  for (size_t i = 0; i < got.size(); ++i) {
    double tolerance =
        unitRoundoff(dtype) * std::fabs(want[i]) + slack(i) + tiny;
    ASSERT_LE(std::fabs(got[i] - want[i]), tolerance)
        << "element " << i << ": got " << got[i] << ", want " << want[i];
  }
}

void expectClose(const Values &got, const Values &want, DType dtype,
                 double slack) {
  expectClose(got, want, dtype, [slack](size_t) { return slack; });
}

} // namespace ft::test
