//===- skinny_check.cu - gemm_skinny.cuh against fp64, and how fast -------===//
#include "CudaArray.h"
#include "SkinnyBatch.h"

using namespace ft;
using namespace check;

template <typename C> static auto prepared(int shared) {
  auto kernel = skinnyKernel<C>;
  cuda(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize,
                            shared),
       "shared memory");
  return kernel;
}

template <typename C> static void checkTokens() {
  using T = typename C::T;
  auto kernel = prepared<C>(kSkinnyShared<C>);
  skinnyCases<C>([&](const SkinnyCase &c) {
    checkGemv<T, SkinnyOut<C>, NoNorm, C::kGated>(c.gemv, [&](auto &b) {
      SkinnyMaps<C> maps(b, c.size);
      launch(kernel, c.gemv.grid, C::kThreads, kSkinnyShared<C>, nullptr,
             maps.x, maps.w, c.gemv.n, c.gemv.k, c.size, b.counts.device,
             b.epilogue());
    });
  });
}

/// Weights rotated through at least 256 MB, so that L2 holds none of them.
template <typename C>
static void timeShape(int m, int n, int k, int processors) {
  constexpr int shared = 220 * 1024;
  auto kernel = prepared<C>(shared);
  int clusters = processors / C::kSplits;
  int turns = (n + clusters * C::kReach - 1) / (clusters * C::kReach);
  int size = (n + clusters * turns - 1) / (clusters * turns);
  size_t bytes = size_t(n) * k * 2;
  int copies = int((size_t(256) << 20) / bytes) + 2;
  Array<bf16> x(size_t(m) * k), out(size_t(m) * n);
  bf16 *w; // no host image of so many
  cuda(cudaMalloc(&w, bytes * copies), "weights");
  Array<int> counts(1);
  randomise(x);
  cuda(cudaMemset(w, 0x3c, bytes * copies), "weights");
  counts.host[0] = m;
  counts.up();
  TensorMap mapX;
  encodeMap(&mapX, true, x.device, {{k, 0, 64}, {m, k * 2, C::NT}});
  std::vector<TensorMap> maps(copies);
  for (int i = 0; i < copies; ++i)
    encodeMap(&maps[i], true, w + size_t(i) * n * k,
              {{k, 0, 64}, {n, k * 2, size}});
  double us = time(std::max(copies, 20), [&](int i, cudaStream_t stream) {
    launch(kernel, clusters * C::kSplits, C::kThreads, shared, stream, mapX,
           maps[i % copies], n, k, size, counts.device,
           Epilogue<bf16, bf16, false>{nullptr, out.device, n});
  });
  std::printf("skinny bf16 m %d tokens %d [%d, %d], tiles of %d by %d CTAs: "
              "%.2f us, %.2f TB/s, %.0f %% of 4.55 TB/s\n",
              m, C::NT, n, k, size, C::kSplits, us, bytes / us * 1e-6,
              bytes / us * 1e-6 / 4.55 * 100);
  cudaFree(w);
}

int main(int argc, char **argv) {
  using skinny::Skinny;
  cudaDeviceProp properties;
  cuda(cudaGetDeviceProperties(&properties, 0), "properties");
  int processors = properties.multiProcessorCount;
  checkTokens<Skinny<bf16, false, 16, 1>>();
  checkTokens<Skinny<bf16, false, 64, 2, 2>>();
  checkTokens<Skinny<f16, true, 32, 4>>();
  checkTokens<Skinny<bf16, true, 16, 2, 2>>();
  checkTokens<Skinny<bf16, false, 32, 2, 1, 2, 2>>();
  checkTokens<Skinny<bf16, false, 32, 1, 1, 2, 4>>();
  checkTokens<Skinny<bf16, false, 16, 2, 1, 4, 2>>();
  checkTokens<Skinny<bf16, false, 64, 1, 2, 4>>();
  checkTokens<Skinny<f16, true, 64, 2, 1, 4, 2>>();
  // Rows stored whole.
  checkTokens<Skinny<bf16, false, 64, 1, 1, 1, 1, 2>>();
  checkTokens<Skinny<f16, false, 32, 2, 2, 1, 1, 2>>();
  checkTokens<Skinny<bf16, false, 16, 2, 1, 1, 1, 2>>();
  checkTokens<Skinny<bf16, true, 64, 2, 2, 1, 1, 2>>();
  checkTokens<Skinny<bf16, false, 64, 2, 1, 2, 1, 2>>();
  checkTokens<Skinny<bf16, false, 32, 1, 2, 4, 2, 2>>();
  checkTokens<Skinny<bf16, false, 64, 2, 2, 1, 1, 4>>();
  checkTokens<Skinny<bf16, false, 16, 2, 2, 1, 1, 4>>();
  checkTokens<Skinny<f16, false, 64, 1, 1, 2, 1, 4>>();
  // Tokens on the 64-row side.
  checkTokens<Skinny<bf16, false, 64, 1, 1, 1, 1, 2, 96>>();
  checkTokens<Skinny<bf16, true, 64, 1, 1, 1, 1, 2, 224>>();
  checkTokens<Skinny<f16, false, 64, 1, 1, 2, 2, 2, 96>>();
  checkTokens<Skinny<f16, false, 64, 1, 1, 4, 1, 2, 128>>();
  checkTokens<Skinny<f16, true, 64, 1, 1, 1, 2, 2, 112>>();
  checkTokens<Skinny<bf16, false, 64, 1, 1, 1, 1, 4, 256>>();
  checkTokens<Skinny<bf16, false, 64, 1, 1, 2, 1, 4, 64>>();
  if (argc > 1 && std::string(argv[1]) == "--time") {
    timeShape<Skinny<bf16, false, 16, 2, 2>>(16, 128256, 4096, processors);
    timeShape<Skinny<bf16, false, 32, 2, 2>>(32, 128256, 4096, processors);
    timeShape<Skinny<bf16, false, 64, 2, 2>>(64, 128256, 4096, processors);
  }
  return finish();
}
