//===- StreamTest.cpp - order, faults and captures of the stand-in --------===//
#include "test/emulator/driver/TestGpu.h"

#include <cmath>
#include <cstring>

namespace ft::test {

using StreamTest = GpuTest;
using Floats = std::vector<float>;

// A buffer that is reused before its copy is done shows.
TEST_F(StreamTest, HostMemoryIsReadWhenTheCopyRuns) {
  CUdeviceptr to = memory({0, 0});
  Floats source{1, 2};
  ASSERT_EQ(cuMemcpyHtoDAsync(to, source.data(), 8, stream), CUDA_SUCCESS);
  source = {3, 4};
  EXPECT_EQ(values(to, 2), (Floats{3, 4}));
}

TEST_F(StreamTest, WorkIsDoneInOrder) {
  CUdeviceptr a = memory({1, 2, 3, 4}), b = memory({0, 0, 0, 0});
  ASSERT_EQ(add(b, a, 10), CUDA_SUCCESS);
  ASSERT_EQ(add(a, b, 100), CUDA_SUCCESS);
  ASSERT_EQ(cuMemsetD8Async(b, 0, 8, stream), CUDA_SUCCESS);
  EXPECT_EQ(cuStreamQuery(stream), CUDA_ERROR_NOT_READY);
  EXPECT_EQ(values(a, 4), (Floats{111, 112, 113, 114}));
  EXPECT_EQ(values(b, 4), (Floats{0, 0, 13, 14}));
  EXPECT_EQ(cuStreamQuery(stream), CUDA_SUCCESS);
}

TEST_F(StreamTest, AnEventIsAPlaceInTheStream) {
  CUdeviceptr a = memory({1, 2, 3, 4}), b = memory({0, 0, 0, 0});
  CUevent events[2] = {};
  for (CUevent &event : events)
    ASSERT_EQ(cuEventCreate(&event, CU_EVENT_DEFAULT), CUDA_SUCCESS);
  EXPECT_EQ(cuEventQuery(events[0]), CUDA_SUCCESS); // never recorded
  float time = 0;
  EXPECT_EQ(cuEventElapsedTime(&time, events[0], events[1]),
            CUDA_ERROR_INVALID_HANDLE);
  ASSERT_EQ(cuEventRecord(events[0], stream), CUDA_SUCCESS);
  ASSERT_EQ(add(b, a, 1), CUDA_SUCCESS);
  ASSERT_EQ(cuEventRecord(events[1], stream), CUDA_SUCCESS);
  ASSERT_EQ(add(b, a, 5), CUDA_SUCCESS);
  EXPECT_EQ(cuEventElapsedTime(&time, events[0], events[1]),
            CUDA_ERROR_NOT_READY);
  EXPECT_EQ(cuEventQuery(events[1]), CUDA_ERROR_NOT_READY);
  EXPECT_EQ(cuEventSynchronize(events[1]), CUDA_SUCCESS);
  EXPECT_EQ(cuEventElapsedTime(&time, events[0], events[1]), CUDA_SUCCESS);
  EXPECT_GE(time, 0);
  EXPECT_EQ(cuStreamQuery(stream), CUDA_ERROR_NOT_READY);
  EXPECT_EQ(values(b, 1), Floats{6});
  for (CUevent event : events)
    EXPECT_EQ(cuEventDestroy(event), CUDA_SUCCESS);
  EXPECT_EQ(cuEventDestroy(events[0]), CUDA_ERROR_INVALID_HANDLE);
}

TEST_F(StreamTest, NewMemoryIsNaN) {
  CUdeviceptr address = 0;
  ASSERT_EQ(cuMemAlloc(&address, 4), CUDA_SUCCESS);
  EXPECT_EQ(address % 512, 256u); // as little as is promised
  EXPECT_TRUE(std::isnan(values(address, 1)[0]));
  EXPECT_EQ(cuMemFree(address), CUDA_SUCCESS);
  EXPECT_EQ(cuMemFree(address), CUDA_ERROR_INVALID_VALUE);
}

TEST_F(StreamTest, CopiesEndWithTheirMemory) {
  CUdeviceptr to = memory({1, 2});
  Floats host(4);
  EXPECT_EQ(cuMemcpyHtoDAsync(to, host.data(), 12, stream),
            CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(cuMemcpyDtoHAsync(host.data(), to + 4, 8, stream),
            CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(cuMemsetD8Async(to - 1, 0, 1, stream), CUDA_ERROR_INVALID_VALUE);
  EXPECT_EQ(cuMemcpyDtoHAsync(host.data(), to + 4, 4, stream), CUDA_SUCCESS);
  EXPECT_EQ(cuStreamSynchronize(stream), CUDA_SUCCESS);
}

// Pinned memory that a copy still needs is not freed in silence.
TEST_F(StreamTest, FreedPinnedMemoryIsAFault) {
  void *pinned = nullptr;
  ASSERT_EQ(cuMemAllocHost(&pinned, 64), CUDA_SUCCESS);
  CUdeviceptr to = reinterpret_cast<CUdeviceptr>(pinned), a = memory(Floats(4));
  ASSERT_EQ(add(to, a, 1), CUDA_SUCCESS);
  ASSERT_EQ(cuMemFreeHost(pinned), CUDA_SUCCESS);
  EXPECT_EQ(cuStreamSynchronize(stream), CUDA_ERROR_ILLEGAL_ADDRESS);
}

TEST_F(StreamTest, FaultsStay) {
  CUdeviceptr a = memory({1, 2, 3, 4});
  // Its fifth thread loads from beyond the memory.
  EXPECT_EQ(add(a, a, 1, 5), CUDA_SUCCESS);
  EXPECT_EQ(cuStreamSynchronize(stream), CUDA_ERROR_ILLEGAL_ADDRESS);
  EXPECT_EQ(cuStreamSynchronize(stream), CUDA_ERROR_ILLEGAL_ADDRESS);
  EXPECT_EQ(add(a, a, 1), CUDA_ERROR_ILLEGAL_ADDRESS);
  CUdeviceptr b = 0;
  EXPECT_EQ(cuMemAlloc(&b, 4), CUDA_ERROR_ILLEGAL_ADDRESS);
}

TEST_F(StreamTest, MisalignedAccessesAreFaults) {
  CUdeviceptr a = memory(Floats(8));
  unsigned stride = 6;
  void *arguments[] = {&a, &stride};
  CUlaunchConfig asked = config(4);
  ASSERT_EQ(cuLaunchKernelEx(&asked, function("spread"), arguments, nullptr),
            CUDA_SUCCESS);
  EXPECT_EQ(cuStreamSynchronize(stream), CUDA_ERROR_MISALIGNED_ADDRESS);
}

// The host cannot read what is the device's.
TEST_F(StreamTest, DeviceMemoryIsNotTheHosts) {
  CUdeviceptr a = memory({1});
  testing::FLAGS_gtest_death_test_style = "threadsafe";
  EXPECT_DEATH(*reinterpret_cast<volatile float *>(a) = 2, "");
}

//===----------------------------------------------------------------------===//
// Captures and graphs
//===----------------------------------------------------------------------===//

TEST_F(StreamTest, GraphsDoAgainWhatWasCaptured) {
  CUdeviceptr a = memory({1, 2, 3, 4});
  ASSERT_EQ(cuStreamBeginCapture(stream, CU_STREAM_CAPTURE_MODE_RELAXED),
            CUDA_SUCCESS);
  ASSERT_EQ(add(a, a, 1), CUDA_SUCCESS);
  ASSERT_EQ(cuMemsetD8Async(a, 0, 4, stream), CUDA_SUCCESS);
  CUgraph graph = nullptr;
  ASSERT_EQ(cuStreamEndCapture(stream, &graph), CUDA_SUCCESS);
  size_t count = 0;
  ASSERT_EQ(cuGraphGetNodes(graph, nullptr, &count), CUDA_SUCCESS);
  ASSERT_EQ(count, 2u);
  CUgraphNode nodes[2];
  ASSERT_EQ(cuGraphGetNodes(graph, nodes, &count), CUDA_SUCCESS);
  CUgraphNodeType type;
  EXPECT_EQ(cuGraphNodeGetType(nodes[0], &type), CUDA_SUCCESS);
  EXPECT_EQ(type, CU_GRAPH_NODE_TYPE_KERNEL);
  EXPECT_EQ(cuGraphNodeGetType(nodes[1], &type), CUDA_SUCCESS);
  EXPECT_EQ(type, CU_GRAPH_NODE_TYPE_MEMSET);
  CUgraphExec executable = nullptr;
  ASSERT_EQ(cuGraphInstantiate(&executable, graph, 0), CUDA_SUCCESS);
  EXPECT_EQ(cuGraphDestroy(graph), CUDA_SUCCESS);
  EXPECT_EQ(values(a, 4), (Floats{1, 2, 3, 4})); // nothing ran
  ASSERT_EQ(cuGraphLaunch(executable, stream), CUDA_SUCCESS);
  ASSERT_EQ(cuGraphLaunch(executable, stream), CUDA_SUCCESS);
  EXPECT_EQ(cuGraphExecDestroy(executable), CUDA_SUCCESS); // work goes on
  EXPECT_EQ(values(a, 4), (Floats{0, 4, 5, 6}));
  EXPECT_EQ(cuGraphLaunch(executable, stream), CUDA_ERROR_INVALID_VALUE);
}

TEST_F(StreamTest, NobodyWaitsForACapture) {
  CUevent event = nullptr;
  ASSERT_EQ(cuEventCreate(&event, CU_EVENT_DEFAULT), CUDA_SUCCESS);
  ASSERT_EQ(cuStreamBeginCapture(stream, CU_STREAM_CAPTURE_MODE_RELAXED),
            CUDA_SUCCESS);
  EXPECT_EQ(cuStreamBeginCapture(stream, CU_STREAM_CAPTURE_MODE_RELAXED),
            CUDA_ERROR_ILLEGAL_STATE);
  ASSERT_EQ(cuEventRecord(event, stream), CUDA_SUCCESS);
  EXPECT_EQ(cuEventSynchronize(event), CUDA_ERROR_CAPTURED_EVENT);
  EXPECT_EQ(cuStreamSynchronize(stream), CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED);
  CUgraph graph = nullptr;
  EXPECT_EQ(cuStreamEndCapture(stream, &graph),
            CUDA_ERROR_STREAM_CAPTURE_INVALIDATED);
  EXPECT_EQ(graph, nullptr);
  EXPECT_EQ(cuStreamEndCapture(stream, &graph), CUDA_ERROR_ILLEGAL_STATE);
  EXPECT_EQ(cuEventDestroy(event), CUDA_SUCCESS);
}

// Memory is not allocated in a capture, unless in relaxed mode.
TEST_F(StreamTest, StrictCapturesForbidAllocations) {
  CUdeviceptr address = 0;
  CUgraph graph = nullptr;
  ASSERT_EQ(cuStreamBeginCapture(stream, CU_STREAM_CAPTURE_MODE_GLOBAL),
            CUDA_SUCCESS);
  EXPECT_EQ(cuMemAlloc(&address, 4), CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED);
  EXPECT_EQ(cuStreamEndCapture(stream, &graph),
            CUDA_ERROR_STREAM_CAPTURE_INVALIDATED);
  ASSERT_EQ(cuStreamBeginCapture(stream, CU_STREAM_CAPTURE_MODE_RELAXED),
            CUDA_SUCCESS);
  EXPECT_EQ(cuMemAlloc(&address, 4), CUDA_SUCCESS);
  EXPECT_EQ(cuStreamEndCapture(stream, &graph), CUDA_SUCCESS);
  EXPECT_EQ(cuGraphDestroy(graph), CUDA_SUCCESS);
  EXPECT_EQ(cuMemFree(address), CUDA_SUCCESS);
}

// A launch that may start early does: what it reads in front of its wait is
// what was there before the launch in front of it.
TEST_F(StreamTest, DependentLaunchesStartEarly) {
  CUdeviceptr a = memory({1, 2, 3, 4}), seen = memory({0, 0});
  CUlaunchAttribute attribute{};
  attribute.id = CU_LAUNCH_ATTRIBUTE_PROGRAMMATIC_STREAM_SERIALIZATION;
  attribute.value.programmaticStreamSerializationAllowed = 1;
  void *arguments[] = {&seen, &a};
  CUlaunchConfig plain = config(1), early = plain;
  early.attrs = &attribute;
  early.numAttrs = 1;
  ASSERT_EQ(add(a, a, 10), CUDA_SUCCESS);
  ASSERT_EQ(cuLaunchKernelEx(&plain, function("late"), arguments, nullptr),
            CUDA_SUCCESS);
  EXPECT_EQ(values(seen, 2), (Floats{11, 11}));
  bool any = false; // not each time: see runFront
  for (float start = 11; start < 41; start += 10) {
    ASSERT_EQ(add(a, a, 10), CUDA_SUCCESS);
    ASSERT_EQ(cuLaunchKernelEx(&early, function("late"), arguments, nullptr),
              CUDA_SUCCESS);
    Floats found = values(seen, 2);
    EXPECT_EQ(found[1], start + 10);
    any |= found[0] == start;
  }
  EXPECT_TRUE(any);
}

} // namespace ft::test
