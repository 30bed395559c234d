//===- TestGpu.h - the stand-in driver, ready to be called ------*- C++ -*-===//
#ifndef FT_TEST_EMULATOR_DRIVER_TESTGPU_H
#define FT_TEST_EMULATOR_DRIVER_TESTGPU_H

#include <cuda.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace ft::test {

/// to[i] = from[i] + addend in one block; `spread` stores to to[i * stride];
/// `late` reads one float in front of its wait and one behind.
inline constexpr char kPtx[] = R"PTX(
.version 7.8
.target sm_90
.address_size 64
.visible .entry add(.param .u64 to, .param .u64 from, .param .f32 addend)
{
  .reg .b32 %r<4>;
  .reg .f32 %f<4>;
  .reg .b64 %rd<8>;
  ld.param.u64 %rd1, [to];
  ld.param.u64 %rd2, [from];
  ld.param.f32 %f1, [addend];
  mov.u32 %r1, %tid.x;
  mul.wide.u32 %rd3, %r1, 4;
  add.s64 %rd4, %rd1, %rd3;
  add.s64 %rd5, %rd2, %rd3;
  ld.global.f32 %f2, [%rd5];
  add.f32 %f3, %f2, %f1;
  st.global.f32 [%rd4], %f3;
  ret;
}
.visible .entry spread(.param .u64 to, .param .u32 stride)
{
  .reg .b32 %r<4>;
  .reg .b64 %rd<4>;
  ld.param.u64 %rd1, [to];
  ld.param.u32 %r1, [stride];
  mov.u32 %r2, %tid.x;
  mul.wide.u32 %rd2, %r2, %r1;
  add.s64 %rd3, %rd1, %rd2;
  st.global.u32 [%rd3], %r2;
  ret;
}
.visible .entry late(.param .u64 to, .param .u64 from)
{
  .reg .f32 %f<3>;
  .reg .b64 %rd<3>;
  ld.param.u64 %rd1, [to];
  ld.param.u64 %rd2, [from];
  ld.global.f32 %f1, [%rd2];
  st.global.f32 [%rd1], %f1;
  griddepcontrol.wait;
  ld.global.f32 %f2, [%rd2];
  st.global.f32 [%rd1+4], %f2;
  ret;
}
)PTX";

/// A context, a stream and the functions of kPtx.
class GpuTest : public testing::Test {
protected:
  void SetUp() override;
  void TearDown() override;

  /// Looked up once: it is still known after a fault.
  CUfunction function(const char *name);
  /// Device memory that holds `values`; freed with the test.
  CUdeviceptr memory(const std::vector<float> &values);
  std::vector<float> values(CUdeviceptr from, size_t count);
  /// `add` over `threads` elements.
  CUresult add(CUdeviceptr to, CUdeviceptr from, float addend,
               unsigned threads = 4);
  CUlaunchConfig config(unsigned threads) const;

  CUcontext context = nullptr;
  CUstream stream = nullptr;
  CUlibrary library = nullptr;
  std::vector<CUdeviceptr> owned;
  std::map<std::string, CUfunction> functions;
};

} // namespace ft::test

#endif // FT_TEST_EMULATOR_DRIVER_TESTGPU_H
