//===- Conformance.h - fixtures shared by the device suite ------*- C++ -*-===//
#ifndef FT_TEST_RUNTIME_DEVICE_CONFORMANCE_H
#define FT_TEST_RUNTIME_DEVICE_CONFORMANCE_H

#include "runtime/device/Device.h"
#include "runtime/device/cpu/CpuDevice.h"
#include "test/runtime/device/TestProgram.h"

#include <gtest/gtest.h>

namespace ft::test {

/// Where the suite looks for compiled plans (--plans DIR); empty without.
inline std::string plansDirectory;
/// Tokens drawn on a GPU (--draws N), fewer where it is slow; a multiple of 6.
inline int64_t draws = 100002;

/// Every kind of device; one that does not open here is skipped with its
/// sentence.
class DeviceTest : public testing::TestWithParam<const char *> {
protected:
  void SetUp() override {
    auto opened = openDevice(GetParam());
    if (!opened.ok())
      GTEST_SKIP() << opened.status().message();
    device = *std::move(opened);
  }
  std::unique_ptr<Device> device;
};

/// Ops run by meaning alone, hence on CPU devices: other devices run steps by
/// kernels, which only compiled plans carry.
struct CpuVariant {
  const char *name;
  CpuOptions options;
};
class OpTest : public testing::TestWithParam<CpuVariant> {
protected:
  void SetUp() override {
    auto opened = openCpuDevice(GetParam().options);
    ASSERT_TRUE(opened.ok()) << opened.status().message();
    device = *std::move(opened);
  }
  std::unique_ptr<Device> device;
};

inline const CpuVariant kCpuVariants[] = {
    {"OneThreadLibrary", {.threads = 1, .library = true}},
    {"ThreeThreadsOwn", {.threads = 3, .library = false}}};

#define FT_INSTANTIATE_OP_TESTS(suite)                                         \
  INSTANTIATE_TEST_SUITE_P(                                                    \
      Cpu, suite, testing::ValuesIn(kCpuVariants),                             \
      [](const testing::TestParamInfo<CpuVariant> &info) {                     \
        return std::string(info.param.name);                                   \
      })

inline constexpr DType kFloats[] = {DType::F32, DType::F16, DType::BF16};

/// The error of `operations` fp32 roundings on a magnitude.
inline double f32Error(double operations, double magnitude) {
  return operations * 0x1p-24 * magnitude;
}

} // namespace ft::test

#endif // FT_TEST_RUNTIME_DEVICE_CONFORMANCE_H
