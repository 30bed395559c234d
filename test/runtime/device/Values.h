//===- Values.h - numbers of device tests -----------------------*- C++ -*-===//
#ifndef FT_TEST_RUNTIME_DEVICE_VALUES_H
#define FT_TEST_RUNTIME_DEVICE_VALUES_H

#include "runtime/base/DType.h"

#include <cstddef>
#include <functional>
#include <vector>

namespace ft::test {

using Values = std::vector<double>;
using Shape = std::vector<int64_t>;

/// `count` values uniform in [-scale, scale), each representable in `dtype`.
Values randomValues(int64_t count, DType dtype, uint64_t key,
                    double scale = 1.0);
/// The nearest value of `dtype`.
double rounded(double value, DType dtype);
/// Half the distance between neighbours at 1: 2^-24, 2^-11 or 2^-8.
double unitRoundoff(DType dtype);
/// Stored elements from and to doubles.
void encode(std::byte *to, DType dtype, const Values &values);
Values decode(const std::byte *from, DType dtype, int64_t count);

/// got[i] within unitRoundoff(dtype) * |want[i]| + slack(i), the rounding of
/// the store and what fp32 arithmetic before it may lose.
void expectClose(const Values &got, const Values &want, DType dtype,
                 const std::function<double(size_t)> &slack);
void expectClose(const Values &got, const Values &want, DType dtype,
                 double slack = 0);

} // namespace ft::test

#endif // FT_TEST_RUNTIME_DEVICE_VALUES_H
