//===- gemv_check.cu - gemv and small kernels against fp64 ----------------===//
#include "GemvBatch.h"
#include "Patches.h"
#include "SmallBatch.h"

#include <algorithm>

using namespace ft;
using namespace check;

template <typename T, typename Out, typename Norm, bool gated>
static auto ringOf(const Ring &ring) {
  using gemv::XIn;
  if constexpr (!Norm::kCentred)
    if (ring.where == XIn::Registers)
      return ringKernel<T, Out, Norm, gated, XIn::Registers, 1>;
  if constexpr (!Norm::kPresent)
    if (ring.where == XIn::SharedIfRoom)
      return ringKernel<T, Out, Norm, gated, XIn::SharedIfRoom, 1>;
  return ring.ctas > 1 ? ringKernel<T, Out, Norm, gated, XIn::Shared, 2>
                       : ringKernel<T, Out, Norm, gated, XIn::Shared, 1>;
}

template <typename T, typename Out, typename Norm, bool gated>
static void checkGemv(const GemvCase &c) {
  using B = GemvBatch<T, Out, Norm, gated>;
  auto run = [&](auto kernel, int threads, const B &b) {
    cuda(cudaFuncSetAttribute(
             kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, b.shared()),
         "shared memory");
    launch(kernel, c.grid, threads, b.shared(), nullptr, b.x.device,
           i64(b.xStride), b.w.device, c.n, c.k, b.counts.device, b.norm(),
           b.epilogue());
  };
  check::checkGemv<T, Out, Norm, gated>(c, [&](const B &b) {
    if constexpr (sizeof(T) == 2)
      if (c.ring.stages)
        return run(ringOf<T, Out, Norm, gated>(c.ring), gemv::kRingThreads, b);
    run(gemvKernel<T, Out, Norm, gated>, gemv::kThreads, b);
  });
}

template <typename T, typename Norm, bool gated> static void checkShapes() {
  for (int m : {1, 2, 3, 4, 5, 6, 7, 8, 9, 15, 16, 17})
    checkGemv<T, T, Norm, gated>({m, m + 2, 192, 320, 7, 8});
  for (int grid : {1, 2, 5, 40}) // one warp's groups, groups of several warps
    checkGemv<T, T, Norm, gated>({5, 8, 334, 1048, grid, 0});
  checkGemv<T, T, Norm, gated>({3, 3, 30, 8, 2, 0}); // less than a unit of k
  checkGemv<T, T, Norm, gated>({0, 2, 64, 64, 5, 0});
  checkGemv<T, T, Norm, gated>({1, 1, 1000, 2048, 132, 0});
  checkGemv<T, T, Norm, gated>({3, 8, 6, 4096, 132, 0}); // fewer rows than CTAs
  checkGemv<T, T, Norm, gated>({2, 4, 66, 77, 3, 0});    // odd k: element by
  checkGemv<T, T, Norm, gated>({7, 8, 66, 77, 3, 1});    // element
  checkGemv<T, T, Norm, gated>({6, 8, 500, 128, 3, 3});  // odd x stride
  checkGemv<T, T, Norm, gated>({8, 8, 2000, 72, 11, 0});
}
/// `kind`: its stages and rows differ from case to case.
template <typename T, typename Norm, bool gated>
static void checkRing(const Ring &kind) {
  bool held = kind.where == gemv::XIn::Registers;
  auto run = [&](GemvCase c, int stages, int rows = 8) {
    c.ring = {stages, rows, kind.where, kind.ctas};
    checkGemv<T, T, Norm, gated>(c);
  };
  for (int m : {1, 2, 3, 4, 5, 6, 7, 8})
    for (int stages : {2, 5})
      run({m, std::min(m + 2, 8), 192, 320, 7, 8}, stages, stages == 2 ? 0 : 8);
  for (int grid : {1, 2, 5, 40})
    run({5, 8, 334, 2056, grid, 0}, 3, 4); // turns of the ring
  run({3, 3, 30, 8, 2, 0}, 6);             // less than a unit of k
  run({0, 2, 64, 64, 5, 0}, 4);
  run({3, 8, 6, 4096, 132, 0}, 3, 3); // fewer rows than CTAs
  run({8, 8, 2000, 72, 11, 0}, 3);
  run({1, 1, 774, 768, 132, 0}, 1, 0); // one stage
  if constexpr (!gated)
    run({2, 8, 333, 1000, 9, 0}, 2);
  if (!held)
    run(kSkewedCase, 3);
  // As models have them: few stages, and as many as there is room for.
  for (int m : {1, 2, 3, 8})
    for (int k : {768, 1000, 2048, 4096, 4104, 14336}) {
      if (held && k > gemv::kHeldValues)
        continue;
      bool far = kind.where == gemv::XIn::SharedIfRoom && m == 8;
      int bound = k > 8192 ? m : 8, row = (k + 63) / 64 * 128 + 64;
      int rows = held || far ? 0 : kind.where == gemv::XIn::Shared ? bound : m;
      int room = (216 * 1024 - rows * row) / gemv::kStageBytes;
      if (room < gemv::kFewStages)
        continue;
      run({m, bound, 270, k, 132, 0}, gemv::kFewStages, rows);
      run({m, bound, 270, k, 23, 8}, std::min(room, gemv::kMaxStages), rows);
    }
}
template <typename T, typename Norm, bool gated> static void checkRings() {
  for (const Ring &kind : ringKinds<Norm>())
    checkRing<T, Norm, gated>(kind);
}
template <typename T> static void checkAllRings() {
  checkRings<T, NoNorm, false>();
  checkRings<T, NoNorm, true>();
  checkRings<T, RmsNorm, false>();
  checkRings<T, RmsNorm, true>();
  checkRings<T, LayerNorm, false>();
}

template <typename T> static void checkGemvs() {
  checkShapes<T, NoNorm, false>();
  checkShapes<T, RmsNorm, true>();
  checkShapes<T, LayerNorm, false>();
  checkGemv<T, float, NoNorm, false>({4, 4, 777, 512, 20, 0});
}

template <typename T>
static void checkArgmax(int rows, int columns, int chunks) {
  check::checkArgmax<T>(rows, columns, chunks,
                        [](unsigned x, unsigned y, auto... arguments) {
                          launch(argmaxKernel<T>, dim3(x, y), argmax::kThreads,
                                 0, nullptr, arguments...);
                        });
}
template <segment_reduce::Kind kind, typename T> static void checkSegments() {
  check::checkSegments<kind, T>([](unsigned x, unsigned y, auto... arguments) {
    launch(segmentKernel<kind, T>, dim3(x, y), dim3(32, 8), 0, nullptr,
           arguments...);
  });
}

template <typename T> static void checkSmall() {
  for (int columns : {1, 5, 1000, 50257})
    for (int chunks : {1, 4, 33})
      checkArgmax<T>(5, columns, chunks);
  using segment_reduce::Kind;
  checkSegments<Kind::Mean, T>();
  checkSegments<Kind::Sum, T>();
  checkSegments<Kind::Max, T>();
  checkSegments<Kind::First, T>();
  checkSegments<Kind::Last, T>();
  checkAllPatches<T>();
}

/// A chain of a Llama layer's linears, `layers` times, as one graph: x a row,
/// [6144, 4096] with a norm, [4096, 4096], [28672, 4096] gated with a norm,
/// [4096, 14336]. Plain or by dependent launches.
static void timeChain(int m, int processors, int stages, bool dependent) {
  constexpr int layers = 12, h = 4096, qkv = 6144, mlp = 14336;
  using gemv::XIn;
  XIn where = m > 2 ? XIn::Registers : XIn::Shared; // of normed x
  if (stages && sharedBytes<bf16>(true, h, m, {stages, m, where}) > 216 * 1024)
    return; // does not fit
  Array<bf16> x(size_t(m) * mlp), y(size_t(m) * mlp);
  Array<float> weight(h);
  Array<int> counts(1);
  counts.host[0] = m;
  counts.up();
  randomise(x);
  randomise(weight);
  bf16 *w;
  size_t layer = size_t(h) * (qkv + h + 3 * mlp);
  cuda(cudaMalloc(&w, layer * layers * 2), "weights");
  cuda(cudaMemset(w, 0x11, layer * layers * 2), "weights");
  auto run = [&](auto kernel, auto ring, cudaStream_t stream, int n, int k,
                 const bf16 *from, auto norm, auto epilogue, bool first) {
    bool normed = decltype(norm)::kPresent;
    int rows =
        std::min(m, std::max(0, (216 * 1024 - stages * gemv::kStageBytes) /
                                    (k * 2 + 192)));
    int shared = sharedBytes<bf16>(
        normed, k, m, {stages, rows, normed ? where : XIn::SharedIfRoom});
    DependentLaunch launch(stages ? processors
                                  : processors * (shared < 90000 ? 2 : 1),
                           stages ? gemv::kRingThreads : gemv::kThreads, shared,
                           stream, dependent && !first);
    const bf16 *in = x.device;
    const int *count = counts.device;
    if (stages) {
      cuda(cudaFuncSetAttribute(
               ring, cudaFuncAttributeMaxDynamicSharedMemorySize, shared),
           "shared memory");
      cuda(cudaLaunchKernelEx(&launch.config, ring, in, i64(mlp), from, n, k,
                              count, norm, epilogue),
           "launch");
      return;
    }
    cuda(cudaFuncSetAttribute(
             kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, shared),
         "shared memory");
    cuda(cudaLaunchKernelEx(&launch.config, kernel, in, i64(mlp), from, n, k,
                            count, norm, epilogue),
         "launch");
  };
  double us = time(layers, [&](int i, cudaStream_t stream) {
    const bf16 *from = w + layer * i;
    RmsNorm norm{weight.device, 1e-5f};
    Epilogue<bf16, bf16, false> plain{nullptr, y.device, mlp};
    Epilogue<bf16, bf16, true> gated{nullptr, y.device, mlp};
    auto k1 = gemvKernel<bf16, bf16, RmsNorm, false>;
    auto r1 = where == XIn::Shared
                  ? ringKernel<bf16, bf16, RmsNorm, false, XIn::Shared, 1>
                  : ringKernel<bf16, bf16, RmsNorm, false, XIn::Registers, 1>;
    auto k2 = gemvKernel<bf16, bf16, NoNorm, false>;
    auto r2 = ringKernel<bf16, bf16, NoNorm, false, XIn::SharedIfRoom, 1>;
    auto k3 = gemvKernel<bf16, bf16, RmsNorm, true>;
    auto r3 = where == XIn::Shared
                  ? ringKernel<bf16, bf16, RmsNorm, true, XIn::Shared, 1>
                  : ringKernel<bf16, bf16, RmsNorm, true, XIn::Registers, 1>;
    run(k1, r1, stream, qkv, h, from, norm, plain, i == 0);
    from += size_t(qkv) * h;
    run(k2, r2, stream, h, h, from, NoNorm{}, plain, false);
    from += size_t(h) * h;
    run(k3, r3, stream, 2 * mlp, h, from, norm, gated, false);
    from += size_t(2) * mlp * h;
    run(k2, r2, stream, h, mlp, from, NoNorm{}, plain, false);
  });
  std::printf("chain of a layer's linears, m %d, %s %d, %s: %.1f us a layer, "
              "%.0f %% of 4.55 TB/s\n",
              m, stages ? "ring" : "registers", stages,
              dependent ? "dependent" : "plain", us,
              layer * 2 / us * 1e-6 / 4.55 * 100);
  cudaFree(w);
}

/// Weights rotated through at least 256 MB, so that L2 holds none of them.
static void timeGemv(int m, int n, int k, int processors) {
  size_t bytes = size_t(n) * k * 2;
  int copies = int((size_t(256) << 20) / bytes) + 2;
  Array<bf16> x(size_t(m) * k), out(size_t(m) * n);
  bf16 *w;
  cuda(cudaMalloc(&w, bytes * copies), "weights");
  cuda(cudaMemset(w, 0x3c, bytes * copies), "weights");
  randomise(x);
  Array<int> counts(1);
  counts.host[0] = m;
  counts.up();
  for (int perSm : {1, 2}) {
    double us = time(std::max(copies, 20), [&](int i, cudaStream_t stream) {
      launch(gemvKernel<bf16, bf16, NoNorm, false>, processors * perSm,
             gemv::kThreads, 0, stream, x.device, k,
             w + size_t(i % copies) * n * k, n, k, counts.device, NoNorm{},
             Epilogue<bf16, bf16, false>{nullptr, out.device, n});
    });
    std::printf("gemv bf16 m %d [%d, %d] grid %d x SMs: %.2f us, %.2f TB/s, "
                "%.0f %% of 4.55 TB/s\n",
                m, n, k, perSm, us, bytes / us * 1e-6,
                bytes / us * 1e-6 / 4.55 * 100);
  }
  cudaFree(w);
}

static void timeChains(int processors) {
  for (int m : {1, 8})
    for (int stages : {0, 2, 3, 4, 6})
      for (bool dependent : {false, true})
        timeChain(m, processors, stages, dependent);
}

int main(int argc, char **argv) {
  std::string mode = argc > 1 ? argv[1] : "";
  cudaDeviceProp properties;
  cuda(cudaGetDeviceProperties(&properties, 0), "properties");
  if (mode == "--chain") {
    timeChains(properties.multiProcessorCount);
    return 0;
  }
  checkGemvs<float>();
  checkGemvs<f16>();
  checkGemvs<bf16>();
  checkSmall<float>();
  checkSmall<bf16>();
  if (properties.major >= 9) {
    checkAllRings<f16>();
    checkAllRings<bf16>();
  }
  if (mode == "--time") {
    timeChains(properties.multiProcessorCount);
    for (int m : {1, 4, 8})
      for (auto [n, k] : {std::pair{4096, 4096},
                          {6144, 4096},
                          {28672, 4096},
                          {4096, 14336},
                          {2304, 768},
                          {128256, 2048}})
        timeGemv(m, n, k, properties.multiProcessorCount);
  }
  return finish();
}
