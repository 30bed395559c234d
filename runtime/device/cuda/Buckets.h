//===- Buckets.h - the sizes that programs are captured at ------*- C++ -*-===//
#ifndef FT_RUNTIME_DEVICE_CUDA_BUCKETS_H
#define FT_RUNTIME_DEVICE_CUDA_BUCKETS_H

#include "runtime/plan/Plan.h"

#include <cstdint>
#include <vector>

namespace ft {

/// The bucket of a count: 1, 2, 4 ... 64, then multiples of 64 to 4096, of 128
/// to 8192, of 256 to 16384 and so on; never above `bound`, which is at least
/// `count`.
int64_t bucketOf(int64_t count, int64_t bound);

/// A launch dimension at the bucket's counts; at least 1.
int64_t evaluateExtent(const plan::Extent &extent,
                       const std::vector<int64_t> &bucket);

} // namespace ft

#endif // FT_RUNTIME_DEVICE_CUDA_BUCKETS_H
