//===- CudaArray.h - device arrays, launches, timings -----------*- C++ -*-===//
#ifndef FT_TEST_GPU_CUDAARRAY_H
#define FT_TEST_GPU_CUDAARRAY_H

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <cuda.h>
#include <dlfcn.h>
#include <vector>

namespace check {

inline void cuda(cudaError_t code, const char *what) {
  if (code == cudaSuccess)
    return;
  std::printf("FAILED %s: %s\n", what, cudaGetErrorString(code));
  std::fflush(stdout);
  std::_Exit(1); // after a fault the driver's own end can lose the line
}

inline void synchronize(const char *what) {
  cuda(cudaDeviceSynchronize(), what);
}

/// An array in managed-by-hand device memory with its host image.
template <typename T> struct Array {
  explicit Array(size_t size) : host(size) {
    cuda(cudaMalloc(&device, std::max<size_t>(size, 1) * sizeof(T)), "malloc");
  }
  Array(const Array &) = delete;
  ~Array() { cudaFree(device); }
  void up() {
    cuda(cudaMemcpy(device, host.data(), host.size() * sizeof(T),
                    cudaMemcpyHostToDevice),
         "copy in");
  }
  void down() {
    cuda(cudaMemcpy(host.data(), device, host.size() * sizeof(T),
                    cudaMemcpyDeviceToHost),
         "copy out");
  }
  std::vector<T> host;
  T *device = nullptr;
};

template <typename... P, typename... A>
void launch(void (*kernel)(P...), dim3 grid, dim3 block, int shared,
            cudaStream_t stream, A... arguments) {
  kernel<<<grid, block, shared, stream>>>(arguments...);
  cuda(cudaGetLastError(), "launch");
}

/// How to launch a kernel that may start before the one in front has ended, if
/// it is `dependent` on one.
struct DependentLaunch {
  DependentLaunch(dim3 grid, int threads, int shared, cudaStream_t stream,
                  bool dependent) {
    attribute.id = cudaLaunchAttributeProgrammaticStreamSerialization;
    attribute.val.programmaticStreamSerializationAllowed = 1;
    config.gridDim = grid;
    config.blockDim = threads;
    config.dynamicSmemBytes = shared;
    config.stream = stream;
    config.attrs = &attribute;
    config.numAttrs = dependent;
  }
  DependentLaunch(const DependentLaunch &) = delete; // config points at this
  cudaLaunchAttribute attribute{};
  cudaLaunchConfig_t config{};
};

/// So much dynamic shared memory, and a multiprocessor split for the most of
/// it, as kernels around it have.
template <typename Kernel> void preferShared(Kernel *kernel, int shared) {
  cuda(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize,
                            shared),
       "shared memory");
  cuda(cudaFuncSetAttribute(kernel,
                            cudaFuncAttributePreferredSharedMemoryCarveout,
                            cudaSharedmemCarveoutMaxShared),
       "carveout");
}

/// A dimension of a tensor map, from the contiguous one on; stride in bytes.
struct MapDimension {
  long long size, stride;
  int box;
};
/// Encodes the map of 16-bit elements, with the 128-byte swizzle.
inline void encodeMap(void *map, bool isBf16, const void *data,
                      const std::vector<MapDimension> &dimensions) {
  using Encode = decltype(&cuTensorMapEncodeTiled);
  static Encode encode = reinterpret_cast<Encode>(
      dlsym(dlopen("libcuda.so.1", RTLD_NOW), "cuTensorMapEncodeTiled"));
  cuuint64_t size[5], strides[5];
  cuuint32_t box[5], steps[5];
  for (size_t d = 0; d < dimensions.size(); ++d) {
    size[d] = cuuint64_t(dimensions[d].size);
    strides[d] = cuuint64_t(dimensions[d].stride);
    box[d] = cuuint32_t(dimensions[d].box);
    steps[d] = 1;
  }
  alignas(64) CUtensorMap encoded;
  CUresult code =
      encode(&encoded,
             isBf16 ? CU_TENSOR_MAP_DATA_TYPE_BFLOAT16
                    : CU_TENSOR_MAP_DATA_TYPE_FLOAT16,
             cuuint32_t(dimensions.size()), const_cast<void *>(data), size,
             strides + 1, box, steps, CU_TENSOR_MAP_INTERLEAVE_NONE,
             CU_TENSOR_MAP_SWIZZLE_128B, CU_TENSOR_MAP_L2_PROMOTION_L2_256B,
             CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE);
  if (code != CUDA_SUCCESS) {
    std::printf("FAILED cuTensorMapEncodeTiled: %d, address %p", int(code),
                data);
    for (const MapDimension &d : dimensions)
      std::printf(", %lld by %lld in boxes of %d", d.size, d.stride, d.box);
    std::printf("\n");
    std::exit(1);
  }
  std::memcpy(map, &encoded, sizeof encoded);
}

/// Microseconds of one call of `run(i)`, from a graph of `count` calls: the
/// median of the replays.
template <typename Run> double time(int count, const Run &run) {
  cudaStream_t stream;
  cudaGraph_t graph;
  cudaGraphExec_t executable;
  cudaEvent_t start, stop;
  cuda(cudaStreamCreate(&stream), "stream");
  cuda(cudaStreamBeginCapture(stream, cudaStreamCaptureModeRelaxed), "capture");
  for (int i = 0; i < count; ++i)
    run(i, stream);
  cuda(cudaStreamEndCapture(stream, &graph), "capture");
  cuda(cudaGraphInstantiate(&executable, graph, 0), "instantiate");
  cudaEventCreate(&start);
  cudaEventCreate(&stop);
  std::vector<double> times;
  for (int i = 0; i < 13; ++i) {
    cudaEventRecord(start, stream);
    cuda(cudaGraphLaunch(executable, stream), "launch");
    cudaEventRecord(stop, stream);
    cuda(cudaEventSynchronize(stop), "timing");
    float milliseconds;
    cudaEventElapsedTime(&milliseconds, start, stop);
    if (i >= 2)
      times.push_back(1e3 * milliseconds / count);
  }
  cudaGraphExecDestroy(executable);
  cudaGraphDestroy(graph);
  cudaStreamDestroy(stream);
  std::sort(times.begin(), times.end());
  return times[times.size() / 2];
}

} // namespace check

#endif // FT_TEST_GPU_CUDAARRAY_H
