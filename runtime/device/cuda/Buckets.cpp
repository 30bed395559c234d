//===- Buckets.cpp - the sizes that programs are captured at --------------===//
#include "runtime/device/cuda/Buckets.h"

#include <algorithm>
#include <bit>

namespace ft {

int64_t bucketOf(int64_t count, int64_t bound) {
  int64_t bucket = 1;
  if (count <= 64) {
    bucket = int64_t(std::bit_ceil(uint64_t(std::max<int64_t>(count, 1))));
  } else {
    int64_t step =
        std::max<int64_t>(64, int64_t(std::bit_ceil(uint64_t(count))) / 64);
    bucket = (count + step - 1) / step * step;
  }
  return std::max<int64_t>(std::min(bucket, bound), 1);
}

int64_t evaluateExtent(const plan::Extent &extent,
                       const std::vector<int64_t> &bucket) {
  int64_t value = extent.constant;
  if (extent.axis >= 0)
    value *= (bucket[extent.axis] + extent.divisor - 1) / extent.divisor;
  if (extent.plusAxis >= 0)
    value += bucket[extent.plusAxis];
  return std::max<int64_t>(value, 1);
}

} // namespace ft
