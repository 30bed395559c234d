//===- ring_time.cu - how fast bulk copies read weights -------------------===//
//
// The copying half of the ring GEMVs alone: one matrix after the other, its
// rows in equal shares to a CTA a multiprocessor, each stage freed as soon as
// it is full. What stages, their shape and the warps that copy are worth;
// beside it a read of the same bytes by plain loads. Medians of graphs of plain
// launches.
//
//===----------------------------------------------------------------------===//
#include "CudaArray.h"
#include "GemvKernels.cuh"

#include <string>

using namespace ft;
using namespace check;
using gemv::RingPlace;

namespace {

constexpr int kShared = 214 * 1024, kPad = 64;

/// Stages of R rows by C values of k.
template <int R, int C, int copiers>
__global__ void __launch_bounds__(32 * (copiers + 1), 1)
    ring(const bf16 *w, int n, int k, int stages) {
#if __CUDA_ARCH__ >= 900
  constexpr int pitch = C * 2 + kPad, slots = R / copiers;
  __shared__ u64 full[64], empty[64];
  if (threadIdx.x < stages) {
    barrierInit(sharedAddress(&full[threadIdx.x]), copiers);
    barrierInit(sharedAddress(&empty[threadIdx.x]), 1);
    barrierInitFence();
  }
  __syncthreads();
  u32 memory = sharedAddress(dynamicShared<char>());
  int begin = int(i64(n) * blockIdx.x / gridDim.x);
  int end = int(i64(n) * (blockIdx.x + 1) / gridDim.x);
  int groups = (end - begin + R - 1) / R, chunks = (k + C - 1) / C;
  RingPlace place{stages};
  int warp = threadIdx.x / 32;
  if (warp == copiers) {
    for (int i = 0; i < groups * chunks; ++i, place.next()) {
      barrierWait(sharedAddress(&full[place.stage]), place.turn);
      __syncwarp();
      if (threadIdx.x % 32 == 0)
        barrierArrive(sharedAddress(&empty[place.stage]));
    }
    return;
  }
  if (!electOne())
    return;
  CachePolicy policy = evictFirst();
  for (int g = 0; g < groups; ++g) {
    int first = begin + g * R + warp * slots, rows = min(slots, end - first);
    for (int c = 0; c < chunks; ++c, place.next()) {
      int at = (c + int(blockIdx.x)) % chunks * C;
      u32 bytes = u32(min(C, k - at)) * 2;
      u32 barrier = sharedAddress(&full[place.stage]);
      barrierWait(sharedAddress(&empty[place.stage]), place.turn ^ 1);
      barrierExpect(barrier, bytes * max(rows, 0));
      for (int r = 0; r < rows; ++r)
        copyBulk(memory + (place.stage * R + warp * slots + r) * pitch,
                 w + i64(first + r) * k + at, bytes, barrier, policy);
    }
  }
#endif
}

__global__ void plain(const Vec16 *w, size_t n, int *out) {
  u32 all = 0;
  size_t stride = size_t(gridDim.x) * blockDim.x;
  for (size_t i = size_t(blockIdx.x) * blockDim.x + threadIdx.x; i < n;
       i += 8 * stride)
#pragma unroll
    for (int j = 0; j < 8; ++j)
      if (i + j * stride < n)
        all ^= loadStream16(w + i + j * stride).word[0];
  if (all == 0x12345)
    *out = 1;
}

__global__ void fill(u32 *p, size_t n) {
  for (size_t i = blockIdx.x * size_t(blockDim.x) + threadIdx.x; i < n;
       i += size_t(gridDim.x) * blockDim.x)
    p[i] = u32(i * 2654435761u) ^ u32(i >> 7) * 40503u;
}

struct Weights {
  bf16 *at = nullptr;
  size_t bytes = size_t(6) << 30;
  int processors;

  template <typename Launch>
  void time(const char *what, int n, int k, const Launch &launch) const {
    size_t one = size_t(n) * k;
    int count = int(std::min<size_t>(bytes / (2 * one), 24));
    double us = check::time(count, [&](int i, cudaStream_t stream) {
      launch(at + one * i, stream);
      cuda(cudaGetLastError(), "launch");
    });
    std::printf("[%d, %d] %s: %.2f us, %.2f TB/s\n", n, k, what, us,
                one * 2 / us / 1e6);
  }
  template <int R, int C, int copiers>
  void timeRing(int n, int k, int most = 64) const {
    auto kernel = ring<R, C, copiers>;
    int stages = std::min(kShared / (R * (C * 2 + kPad)), most);
    cuda(cudaFuncSetAttribute(
             kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, kShared),
         "shared memory");
    std::string what = std::to_string(stages) + " stages of " +
                       std::to_string(R) + " x " + std::to_string(C) + ", " +
                       std::to_string(copiers) + " copiers";
    time(what.c_str(), n, k, [&](const bf16 *w, cudaStream_t stream) {
      kernel<<<processors, 32 * (copiers + 1), kShared, stream>>>(w, n, k,
                                                                  stages);
    });
  }
};

} // namespace

int main() {
  Weights w;
  cudaDeviceProp properties;
  cuda(cudaGetDeviceProperties(&properties, 0), "properties");
  w.processors = properties.multiProcessorCount;
  cuda(cudaMalloc(&w.at, w.bytes), "weights");
  fill<<<1024, 256>>>(reinterpret_cast<u32 *>(w.at), w.bytes / 4);
  synchronize("fill");
  Array<int> out(1);
  for (auto [n, k] : {std::pair(128256, 4096), std::pair(28672, 4096),
                      std::pair(4096, 14336), std::pair(4096, 4096)}) {
    w.time("plain loads", n, k, [&](const bf16 *at, cudaStream_t stream) {
      plain<<<w.processors * 8, 256, 0, stream>>>(
          reinterpret_cast<const Vec16 *>(at), size_t(n) * k / 8, out.device);
    });
    for (int stages : {64, 10, 6, 4})
      w.timeRing<16, 512, 4>(n, k, stages);
    w.timeRing<16, 512, 8>(n, k);
    w.timeRing<16, 512, 2>(n, k);
    w.timeRing<16, 256, 4>(n, k);
    w.timeRing<16, 1024, 4>(n, k);
    w.timeRing<8, 1024, 4>(n, k);
    w.timeRing<4, 4096, 4>(n, k);
  }
  return 0;
}
