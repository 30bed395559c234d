//===- TestGpu.cpp - the stand-in driver, ready to be called --------------===//
#include "test/emulator/driver/TestGpu.h"

namespace ft::test {

void GpuTest::SetUp() {
  ASSERT_EQ(cuInit(0), CUDA_SUCCESS);
  ASSERT_EQ(cuDevicePrimaryCtxRetain(&context, 0), CUDA_SUCCESS);
  ASSERT_EQ(cuCtxSetCurrent(context), CUDA_SUCCESS);
  ASSERT_EQ(cuStreamCreate(&stream, CU_STREAM_NON_BLOCKING), CUDA_SUCCESS);
  ASSERT_EQ(cuLibraryLoadData(&library, kPtx, nullptr, nullptr, 0, nullptr,
                              nullptr, 0),
            CUDA_SUCCESS);
}

void GpuTest::TearDown() {
  cuStreamDestroy(stream);
  for (CUdeviceptr address : owned)
    cuMemFree(address);
  cuLibraryUnload(library);
  cuDevicePrimaryCtxRelease(0);
}

CUfunction GpuTest::function(const char *name) {
  CUkernel kernel = nullptr;
  CUfunction &found = functions[name];
  if (found)
    return found;
  EXPECT_EQ(cuLibraryGetKernel(&kernel, library, name), CUDA_SUCCESS);
  EXPECT_EQ(cuKernelGetFunction(&found, kernel), CUDA_SUCCESS);
  return found;
}

CUdeviceptr GpuTest::memory(const std::vector<float> &values) {
  CUdeviceptr address = 0;
  EXPECT_EQ(cuMemAlloc(&address, values.size() * 4), CUDA_SUCCESS);
  EXPECT_EQ(
      cuMemcpyHtoDAsync(address, values.data(), values.size() * 4, stream),
      CUDA_SUCCESS);
  EXPECT_EQ(cuStreamSynchronize(stream), CUDA_SUCCESS);
  owned.push_back(address);
  return address;
}

std::vector<float> GpuTest::values(CUdeviceptr from, size_t count) {
  std::vector<float> found(count);
  EXPECT_EQ(cuMemcpyDtoHAsync(found.data(), from, count * 4, stream),
            CUDA_SUCCESS);
  EXPECT_EQ(cuStreamSynchronize(stream), CUDA_SUCCESS);
  return found;
}

CUlaunchConfig GpuTest::config(unsigned threads) const {
  CUlaunchConfig config{};
  config.gridDimX = config.gridDimY = config.gridDimZ = 1;
  config.blockDimX = threads;
  config.blockDimY = config.blockDimZ = 1;
  config.hStream = stream;
  return config;
}

CUresult GpuTest::add(CUdeviceptr to, CUdeviceptr from, float addend,
                      unsigned threads) {
  void *arguments[] = {&to, &from, &addend};
  CUlaunchConfig asked = config(threads);
  return cuLaunchKernelEx(&asked, function("add"), arguments, nullptr);
}

} // namespace ft::test
