//===- CopyThreadsTest.cpp - memcpy by several threads --------------------===//
#include "runtime/base/CopyThreads.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <random>
#include <thread>

using ft::CopyThreads;

static std::vector<std::byte> randomBytes(size_t size) {
  std::vector<std::byte> bytes(size);
  std::mt19937 random(1);
  for (std::byte &byte : bytes)
    byte = std::byte(random());
  return bytes;
}

/// Through a ring of `slots` places, as StagingRing does.
static std::vector<std::byte> copied(CopyThreads &threads,
                                     const std::vector<std::byte> &source,
                                     int64_t block, size_t slots) {
  std::vector<std::vector<std::byte>> ring(
      slots, std::vector<std::byte>(size_t(block)));
  std::vector<std::byte> result;
  CopyThreads::Job job(threads, source.data(), int64_t(source.size()), block);
  size_t count = (source.size() + size_t(block) - 1) / size_t(block);
  size_t admitted = 0;
  for (size_t i = 0; i < count; ++i) {
    for (; admitted < std::min(count, i + slots); ++admitted)
      job.admit(ring[admitted % slots].data());
    job.await(int64_t(i));
    size_t size = std::min(size_t(block), source.size() - result.size());
    const std::vector<std::byte> &slot = ring[i % slots];
    result.insert(result.end(), slot.begin(), slot.begin() + ptrdiff_t(size));
  }
  return result;
}

TEST(CopyThreadsTest, CopiesEverySizeInOrder) {
  CopyThreads threads(3);
  for (size_t size : {size_t(1), size_t(1) << 20, (size_t(1) << 20) + 1,
                      (size_t(5) << 20) + 12345}) {
    std::vector<std::byte> source = randomBytes(size);
    for (int64_t block : {int64_t(1) << 20, int64_t(3) << 20, int64_t(777777)})
      for (size_t slots : {1, 4})
        EXPECT_TRUE(copied(threads, source, block, slots) == source)
            << size << " bytes in blocks of " << block << ", " << slots
            << " slots";
  }
}

TEST(CopyThreadsTest, AnUnfinishedJobWritesNothingAfterItsEnd) {
  CopyThreads threads(16);
  std::vector<std::byte> source = randomBytes(size_t(32) << 20);
  for (int round = 0; round < 10; ++round) {
    std::vector<std::byte> to(source.size());
    // Sparse, so that it is faster than what may still be under way.
    auto sample = [&] {
      std::vector<std::byte> bytes;
      for (size_t at = 0; at < to.size(); at += 4096)
        bytes.push_back(to[at]);
      return bytes;
    };
    {
      CopyThreads::Job job(threads, source.data(), int64_t(source.size()),
                           int64_t(to.size()));
      job.admit(to.data());
      std::this_thread::sleep_for(std::chrono::milliseconds(1));
    }
    std::vector<std::byte> ended = sample();
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    EXPECT_TRUE(sample() == ended);
    std::vector<std::byte> small(source.begin(), source.begin() + 100);
    EXPECT_TRUE(copied(threads, small, 1 << 20, 1) == small);
  }
}

TEST(CopyThreadsTest, EndsWithoutAJob) { CopyThreads threads(2); }
