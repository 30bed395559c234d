//===- skinny_check.cu - gemm_skinny.cuh against fp64, and how fast -------===//
#include "CudaArray.h"
#include "SkinnyBatch.h"

#include <memory>

using namespace ft;
using namespace check;

template <typename T, bool gated, int NT> static auto prepared() {
  auto kernel = skinnyKernel<T, gated, NT>;
  cuda(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize,
                            skinny::Skinny<T, gated, NT>::kSharedBytes),
       "shared memory");
  return kernel;
}

template <typename T, bool gated, int NT> static void checkTokens() {
  auto kernel = prepared<T, gated, NT>();
  skinnyCases([&](const GemvCase &c) {
    std::unique_ptr<SkinnyScratch<T, gated, NT>> scratch;
    checkGemv<T, T, NoNorm, gated>(c, [&](auto &b) {
      if (!scratch)
        scratch = std::make_unique<SkinnyScratch<T, gated, NT>>(b);
      launch(kernel, c.grid, skinny::kThreads,
             skinny::Skinny<T, gated, NT>::kSharedBytes, nullptr, scratch->x,
             scratch->w, c.n, c.k, b.counts.device, scratch->counters.device,
             scratch->partials.device, b.epilogue());
    });
  });
}

/// Weights rotated through at least 256 MB, so that L2 holds none of them.
template <int NT> static void timeShape(int m, int n, int k, int processors) {
  auto kernel = prepared<bf16, false, NT>();
  size_t bytes = size_t(n) * k * 2;
  int copies = int((size_t(256) << 20) / bytes) + 2;
  Array<bf16> x(size_t(m) * k), out(size_t(m) * n), w(size_t(n) * k * copies);
  Array<int> counts(1);
  Array<u32> counters(4096);
  Array<float> partials(size_t(processors) * 2 * 128 * NT);
  randomise(x);
  cuda(cudaMemset(w.device, 0x3c, bytes * copies), "weights");
  cuda(cudaMemset(counters.device, 0, 4096 * 4), "counters");
  counts.host[0] = m;
  counts.up();
  TensorMap mapX;
  encodeMap(&mapX, true, x.device, {{k, 0, 64}, {m, k * 2, NT}});
  std::vector<TensorMap> maps(copies);
  for (int i = 0; i < copies; ++i)
    encodeMap(&maps[i], true, w.device + size_t(i) * n * k,
              {{k, 0, 64}, {n, k * 2, 64}});
  double us = time(std::max(copies, 20), [&](int i, cudaStream_t stream) {
    launch(kernel, processors, skinny::kThreads,
           skinny::Skinny<bf16, false, NT>::kSharedBytes, stream, mapX,
           maps[i % copies], n, k, counts.device, counters.device,
           partials.device,
           Epilogue<bf16, bf16, false>{nullptr, out.device, n});
  });
  std::printf(
      "skinny bf16 m %d tokens %d [%d, %d]: %.2f us, %.2f TB/s, %.0f %% "
      "of 4.55 TB/s\n",
      m, NT, n, k, us, bytes / us * 1e-6, bytes / us * 1e-6 / 4.55 * 100);
}

int main(int argc, char **argv) {
  cudaDeviceProp properties;
  cuda(cudaGetDeviceProperties(&properties, 0), "properties");
  checkTokens<bf16, false, 16>();
  checkTokens<bf16, false, 64>();
  checkTokens<f16, true, 32>();
  if (argc > 1 && std::string(argv[1]) == "--time")
    for (auto [n, k] : {std::pair{4096, 4096},
                        {6144, 4096},
                        {28672, 4096},
                        {4096, 14336},
                        {128256, 4096}}) {
      timeShape<16>(16, n, k, properties.multiProcessorCount);
      timeShape<32>(32, n, k, properties.multiProcessorCount);
      timeShape<64>(64, n, k, properties.multiProcessorCount);
    }
  return finish();
}
