//===- DeviceConformanceMemoryTest.cpp - memory of every device -----------===//
#include "runtime/base/Random.h"
#include "test/runtime/device/Conformance.h"

#include <cmath>
#include <cstring>
#include <numeric>

namespace ft::test {

using MemoryTest = DeviceTest;
INSTANTIATE_TEST_SUITE_P(Devices, MemoryTest, testing::Values("cpu", "cuda"),
                         [](auto &info) { return std::string(info.param); });

TEST_P(MemoryTest, CopiesThereAndBack) {
  std::vector<uint8_t> data(100003), back(data.size());
  std::iota(data.begin(), data.end(), 0);
  auto memory = device->allocate(int64_t(data.size()), "test");
  ASSERT_TRUE(memory.ok()) << memory.status().message();
  EXPECT_EQ(reinterpret_cast<uintptr_t>(*memory) % 256, 0u);
  int64_t bytes = int64_t(data.size());
  ASSERT_TRUE(device->copyIn(*memory, data.data(), bytes).ok());
  std::vector<uint8_t> source = data;
  std::fill(data.begin(), data.end(), 0); // the source may be reused at once
  ASSERT_TRUE(device->copyOut(back.data(), *memory, bytes).ok());
  EXPECT_EQ(back, source);
  device->release(*memory);
}

TEST_P(MemoryTest, CopiesPartsAndNothing) {
  auto memory = device->allocate(64, "test");
  ASSERT_TRUE(memory.ok());
  ASSERT_TRUE(device->fill(*memory, 0x11, 64).ok());
  ASSERT_TRUE(device->fill(*memory + 3, 0xab, 5).ok());
  ASSERT_TRUE(device->fill(*memory + 20, 0xcd, 0).ok());
  ASSERT_TRUE(device->copyIn(*memory + 30, nullptr, 0).ok());
  std::vector<uint8_t> want(64, 0x11), got(64);
  std::fill(want.begin() + 3, want.begin() + 8, 0xab);
  ASSERT_TRUE(device->copyOut(got.data(), *memory, 64).ok());
  EXPECT_EQ(got, want);
  device->release(*memory);
}

TEST_P(MemoryTest, AllocatesNothing) {
  auto memory = device->allocate(0, "test");
  ASSERT_TRUE(memory.ok()) << memory.status().message();
  device->release(*memory);
}

TEST_P(MemoryTest, RefusesWhatDoesNotFit) {
  auto info = device->memory();
  ASSERT_TRUE(info.ok());
  EXPECT_GT(info->free, 0);
  EXPECT_LE(info->free, info->total);
  for (int64_t bytes : {info->total + (int64_t(1) << 30), int64_t(1) << 60}) {
    auto memory = device->allocate(bytes, "the cache");
    ASSERT_FALSE(memory.ok());
    EXPECT_EQ(memory.status().code(), StatusCode::ResourceExhausted);
    EXPECT_NE(memory.status().message().find("the cache"), std::string::npos);
    EXPECT_NE(memory.status().message().find(std::to_string(bytes)),
              std::string::npos);
  }
}

TEST_P(MemoryTest, SaysWhatItIs) {
  EXPECT_EQ(device->kind(), GetParam());
  EXPECT_FALSE(device->describe().empty());
  EXPECT_EQ(device->describe().find('\n'), std::string::npos);
  EXPECT_TRUE(device->synchronize().ok());
}

// The generator is a contract: these bits may never change.
TEST_P(MemoryTest, RandomBitsAreGolden) {
  const uint32_t golden[] = {0xbd95fc80u, 0xbe5569f4u, 0x3c869f40u,
                             0xbecf7034u};
  auto memory = device->allocate(16, "test");
  ASSERT_TRUE(memory.ok());
  uint64_t key = randomKey(7, "layers.0.q");
  EXPECT_EQ(key, 0x55435e1ee1212216u);
  ASSERT_TRUE(device->fillRandom(*memory, DType::F32, key, 0, 4, 0.5f).ok());
  uint32_t got[4];
  ASSERT_TRUE(device->copyOut(got, *memory, 16).ok());
  for (int i = 0; i < 4; ++i)
    EXPECT_EQ(got[i], golden[i]) << std::hex << got[i];
  device->release(*memory);
}

TEST_P(MemoryTest, RandomPartsEqualTheWhole) {
  const int64_t count = 200001;
  for (DType dtype : kFloats) {
    int64_t size = dtypeSize(dtype), first = 123457;
    auto whole = device->allocate(count * size, "test");
    auto part = device->allocate(1000 * size, "test");
    ASSERT_TRUE(whole.ok() && part.ok());
    uint64_t key = randomKey(1, "w");
    ASSERT_TRUE(device->fillRandom(*whole, dtype, key, 0, count, 0.02f).ok());
    ASSERT_TRUE(device->fillRandom(*part, dtype, key, first, 1000, 0.02f).ok());
    std::vector<std::byte> wholeBytes(size_t(count * size)),
        partBytes(size_t(1000 * size));
    ASSERT_TRUE(
        device->copyOut(wholeBytes.data(), *whole, int64_t(wholeBytes.size()))
            .ok());
    ASSERT_TRUE(
        device->copyOut(partBytes.data(), *part, int64_t(partBytes.size()))
            .ok());
    EXPECT_EQ(0, std::memcmp(partBytes.data(), wholeBytes.data() + first * size,
                             partBytes.size()));
    Values got = decode(wholeBytes.data(), dtype, count);
    for (int64_t i = 0; i < count; i += 997)
      ASSERT_EQ(got[i], rounded(randomWeight(key, uint64_t(i)) * 0.02f, dtype))
          << i;
    device->release(*whole);
    device->release(*part);
  }
}

TEST_P(MemoryTest, RandomIntegersAreRefused) {
  std::byte memory[4];
  EXPECT_FALSE(device->fillRandom(memory, DType::I32, 0, 0, 1, 1.0f).ok());
}

// Uniform in [-1, 1): the mean of n is within 5 sigma = 5 / sqrt(3 n).
TEST(RandomTest, IsCenteredAndCoversItsRange) {
  double sum = 0, least = 1, most = -1;
  const int n = 100000;
  for (int i = 0; i < n; ++i) {
    double value = randomWeight(randomKey(0, "x"), uint64_t(i));
    sum += value;
    least = std::min(least, value);
    most = std::max(most, value);
  }
  EXPECT_LT(std::abs(sum / n), 5 / std::sqrt(3.0 * n));
  EXPECT_GE(least, -1.0);
  EXPECT_LT(least, -0.999);
  EXPECT_LT(most, 1.0);
  EXPECT_GT(most, 0.999);
  EXPECT_NE(randomKey(0, "x"), randomKey(1, "x"));
  EXPECT_NE(randomKey(0, "x"), randomKey(0, "y"));
}

TEST(OpenDeviceTest, NamesWhatItKnows) {
  auto device = openDevice("tpu");
  ASSERT_FALSE(device.ok());
  EXPECT_EQ(device.status().message(),
            "device 'tpu': expected 'cpu' or 'cuda'");
}

TEST(OpenDeviceTest, EmptyKindAlwaysOpens) {
  auto device = openDevice("");
  ASSERT_TRUE(device.ok()) << device.status().message();
  EXPECT_EQ((*device)->kind(), openDevice("cuda").ok() ? "cuda" : "cpu");
}

} // namespace ft::test
