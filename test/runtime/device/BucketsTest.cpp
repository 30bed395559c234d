//===- BucketsTest.cpp - the sizes that programs are captured at ----------===//
#include "runtime/device/cuda/Buckets.h"

#include <gtest/gtest.h>

using namespace ft;

TEST(BucketsTest, PowersOfTwoThenMultiples) {
  const std::pair<int64_t, int64_t> expected[] = {
      {0, 1},       {1, 1},       {2, 2},       {3, 4},
      {33, 64},     {64, 64},     {65, 128},    {1023, 1024},
      {1024, 1024}, {1025, 1088}, {2080, 2112}, {4096, 4096},
      {4097, 4224}, {8192, 8192}, {8193, 8448}, {16385, 16896}};
  for (auto [count, bucket] : expected)
    EXPECT_EQ(bucketOf(count, 1 << 20), bucket) << count;
}

TEST(BucketsTest, NeverAboveTheBoundNorBelowTheCount) {
  for (int64_t bound : {1, 16, 48, 1000, 1040})
    for (int64_t count = 0; count <= bound; ++count) {
      EXPECT_LE(bucketOf(count, bound), bound);
      EXPECT_GE(bucketOf(count, bound), count);
    }
}

TEST(BucketsTest, ExtentsCoverTheBucket) {
  std::vector<int64_t> bucket{65, 3};
  EXPECT_EQ(evaluateExtent({.constant = 7}, bucket), 7);
  EXPECT_EQ(evaluateExtent({.constant = 2, .axis = 0, .divisor = 16}, bucket),
            10);
  EXPECT_EQ(evaluateExtent({.axis = 0, .divisor = 64, .plusAxis = 1}, bucket),
            5);
  EXPECT_EQ(evaluateExtent({.axis = 0, .divisor = 1}, {0, 0}), 1);
}
