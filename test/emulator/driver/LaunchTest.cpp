//===- LaunchTest.cpp - code, launches and maps that are refused ----------===//
#include "test/emulator/driver/TestGpu.h"

#include "test/emulator/TensorMap.h"

#include <cstring>
#include <functional>

namespace ft::test {

using LaunchTest = GpuTest;

TEST_F(LaunchTest, OnlyPtxCanBeLoaded) {
  CUlibrary loaded = nullptr;
  auto load = [&](const char *image) {
    return cuLibraryLoadData(&loaded, image, nullptr, nullptr, 0, nullptr,
                             nullptr, 0);
  };
  EXPECT_EQ(load("\177ELF\2\1\1"), CUDA_ERROR_NO_BINARY_FOR_GPU);
  EXPECT_EQ(load("not PTX at all"), CUDA_ERROR_INVALID_PTX);
  EXPECT_EQ(load(".version 8.6\n.target sm_100a\n.address_size 64\n"),
            CUDA_ERROR_NO_BINARY_FOR_GPU);
  CUkernel kernel = nullptr;
  EXPECT_EQ(cuLibraryGetKernel(&kernel, library, "subtract"),
            CUDA_ERROR_NOT_FOUND);
}

TEST_F(LaunchTest, SharedMemoryIsAskedFor) {
  CUdeviceptr a = memory({1, 2, 3, 4});
  float addend = 1;
  void *arguments[] = {&a, &a, &addend};
  CUlaunchConfig asked = config(4);
  CUfunction add = function("add");
  auto launch = [&](unsigned bytes) {
    asked.sharedMemBytes = bytes;
    return cuLaunchKernelEx(&asked, add, arguments, nullptr);
  };
  auto allow = [&](int bytes) {
    return cuFuncSetAttribute(
        add, CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, bytes);
  };
  EXPECT_EQ(launch(48 * 1024), CUDA_SUCCESS);
  EXPECT_EQ(launch(48 * 1024 + 1), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(allow(227 * 1024 + 1), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(allow(-1), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(allow(227 * 1024), CUDA_SUCCESS);
  EXPECT_EQ(launch(227 * 1024), CUDA_SUCCESS);
  int blocks = 0;
  EXPECT_EQ(
      cuOccupancyMaxActiveBlocksPerMultiprocessor(&blocks, add, 256, 100 << 10),
      CUDA_SUCCESS);
  EXPECT_EQ(blocks, 2);
}

TEST_F(LaunchTest, ShapesAreWithinTheDevices) {
  CUdeviceptr a = memory({1, 2, 3, 4});
  float addend = 1;
  void *arguments[] = {&a, &a, &addend};
  CUlaunchAttribute cluster{};
  cluster.id = CU_LAUNCH_ATTRIBUTE_CLUSTER_DIMENSION;
  cluster.value.clusterDim.x = 2;
  cluster.value.clusterDim.y = cluster.value.clusterDim.z = 1;
  auto launch = [&](const std::function<void(CUlaunchConfig &)> &change) {
    CUlaunchConfig asked = config(4);
    change(asked);
    return cuLaunchKernelEx(&asked, function("add"), arguments, nullptr);
  };
  EXPECT_EQ(launch([](auto &c) { c.gridDimX = 0; }), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(launch([](auto &c) { c.gridDimY = 65536; }),
            CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(launch([](auto &c) { c.blockDimX = 1025; }),
            CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(launch([](auto &c) { c.blockDimX = c.blockDimY = 33; }),
            CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(launch([](auto &c) { c.hStream = nullptr; }),
            CUDA_ERROR_INVALID_HANDLE);
  auto inClusters = [&](unsigned grid) {
    return launch([&](auto &c) {
      c.gridDimX = grid;
      c.attrs = &cluster;
      c.numAttrs = 1;
    });
  };
  EXPECT_EQ(inClusters(3), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(inClusters(4), CUDA_SUCCESS);
  cluster.value.clusterDim.x = 16;
  EXPECT_EQ(inClusters(16), CUDA_ERROR_INVALID_CLUSTER_SIZE);
  EXPECT_EQ(cuStreamSynchronize(stream), CUDA_SUCCESS);
}

TEST_F(LaunchTest, CodeOutlivesItsLaunches) {
  CUdeviceptr a = memory({1, 2, 3, 4});
  ASSERT_EQ(add(a, a, 1), CUDA_SUCCESS);
  ASSERT_EQ(cuLibraryUnload(library), CUDA_SUCCESS);
  EXPECT_EQ(cuStreamSynchronize(stream), CUDA_ERROR_LAUNCH_FAILED);
}

//===----------------------------------------------------------------------===//
// Tensor maps
//===----------------------------------------------------------------------===//

namespace {
/// Arguments that are right, to be spoilt one at a time.
struct MapArguments {
  CUtensorMapDataType type = CU_TENSOR_MAP_DATA_TYPE_BFLOAT16;
  uint32_t rank = 3;
  uint64_t address = 0;
  cuuint64_t dims[3] = {128, 4, 1000}, strides[2] = {256, 1040};
  cuuint32_t box[3] = {64, 2, 128}, steps[3] = {1, 1, 1};
  CUtensorMapSwizzle swizzle = CU_TENSOR_MAP_SWIZZLE_128B;
  CUtensorMapFloatOOBfill fill = CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE;

  CUresult encode(CUtensorMap *map) const {
    return cuTensorMapEncodeTiled(
        map, type, rank, reinterpret_cast<void *>(address), dims, strides, box,
        steps, CU_TENSOR_MAP_INTERLEAVE_NONE, swizzle,
        CU_TENSOR_MAP_L2_PROMOTION_L2_256B, fill);
  }
};
} // namespace

TEST_F(LaunchTest, TensorMapsHoldTheirArguments) {
  MapArguments right;
  right.address = 0x123450;
  CUtensorMap map;
  ASSERT_EQ(right.encode(&map), CUDA_SUCCESS);
  emulator::TensorMap read;
  std::memcpy(static_cast<void *>(&read), &map, sizeof(read));
  EXPECT_EQ(read.magic, emulator::kTensorMapMagic);
  EXPECT_EQ(read.type, emulator::TensorType::BFloat16);
  EXPECT_EQ(read.swizzle, emulator::Swizzle::Bytes128);
  EXPECT_EQ(read.base, 0x123450u);
  EXPECT_EQ(read.rank, 3);
  EXPECT_EQ(read.dims[2], 1000u);
  EXPECT_EQ(read.strides[1], 1040u);
  EXPECT_EQ(read.box[2], 128);
}

TEST_F(LaunchTest, TensorMapsFollowTheRules) {
  auto refused = [&](const std::function<void(MapArguments &)> &spoil) {
    MapArguments arguments;
    spoil(arguments);
    CUtensorMap map;
    return arguments.encode(&map) == CUDA_ERROR_INVALID_VALUE;
  };
  EXPECT_FALSE(refused([](auto &) {}));
  EXPECT_TRUE(refused([](auto &m) { m.address = 8; }));
  EXPECT_TRUE(refused([](auto &m) { m.rank = 0; }));
  EXPECT_TRUE(refused([](auto &m) { m.dims[1] = 0; }));
  EXPECT_TRUE(refused([](auto &m) { m.dims[1] = (1ull << 32) + 1; }));
  EXPECT_TRUE(refused([](auto &m) { m.strides[0] = 264; }));
  EXPECT_TRUE(refused([](auto &m) { m.strides[1] = 1ull << 40; }));
  EXPECT_TRUE(refused([](auto &m) { m.box[2] = 257; }));
  EXPECT_TRUE(refused([](auto &m) { m.box[2] = 0; }));
  EXPECT_TRUE(refused([](auto &m) { m.box[0] = 60; }));
  EXPECT_TRUE(refused([](auto &m) { m.box[0] = 72; }));
  EXPECT_TRUE(refused([](auto &m) { m.steps[1] = 9; }));
  EXPECT_TRUE(refused([](auto &m) {
    m.type = CU_TENSOR_MAP_DATA_TYPE_INT32;
    m.box[0] = 32;
    m.fill = CU_TENSOR_MAP_FLOAT_OOB_FILL_NAN_REQUEST_ZERO_FMA;
  }));
  EXPECT_FALSE(refused([](auto &m) {
    m.swizzle = CU_TENSOR_MAP_SWIZZLE_NONE;
    m.box[0] = 72;
  }));
}

} // namespace ft::test
