//===- gemv_check.cu - gemv and small kernels against fp64 ----------------===//
#include "GemvForms.h"
#include "Patches.h"
#include "SmallBatch.h"

#include <algorithm>

using namespace ft;
using namespace check;

/// Those of ringKinds.
template <typename T, typename Out, typename Norm, bool gated>
static auto kernelOf(const Ring &ring) {
  if constexpr (Norm::kPresent)
    return ringOf<T, Out, Norm, gated, HeldForm<1>, HeldForm<4>,
                  HeldForm<1, 1, 2>, HeldForm<1, 2, 2>, HeldForm<2, 2>>(ring);
  else
    return ringOf<T, Out, Norm, gated, HeldForm<1>, HeldForm<4>,
                  HeldForm<1, 1, 2>, HeldForm<1, 2, 2>, HeldForm<2, 2>,
                  HeldForm<7, 2>>(ring);
}

template <typename T, typename Out, typename Norm, bool gated>
static void checkGemv(const GemvCase &c) {
  using B = GemvBatch<T, Out, Norm, gated>;
  auto run = [&](auto kernel, int threads, const B &b) {
    cuda(cudaFuncSetAttribute(
             kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, b.shared()),
         "shared memory");
    launch(kernel, c.grid * c.ring.cluster, threads, b.shared(), nullptr,
           b.x.device, i64(b.xStride), b.w.device, c.n, c.k, b.counts.device,
           b.norm(), b.epilogue());
  };
  check::checkGemv<T, Out, Norm, gated>(c, [&](const B &b) {
    if constexpr (sizeof(T) == 2)
      if (c.ring.stages)
        return run(kernelOf<T, Out, Norm, gated>(c.ring), gemv::kRingThreads,
                   b);
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
    if (held && c.k > heldValues(kind))
      return;
    c.ring = kind;
    c.ring.stages = stages, c.ring.rows = rows;
    checkGemv<T, T, Norm, gated>(c);
  };
  for (int m : {1, 2, 3, 4, 5, 6, 7, 8})
    for (int stages : {2, 5})
      run({m, std::min(m + 2, 8), 192, 320, 7, 8}, stages, stages == 2 ? 0 : 8);
  for (int grid : {1, 2, 5, 40})
    run({5, 8, 334, 2056, grid, 0}, 3, 4); // turns of the ring
  run({3, 3, 30, 8, 2, 0}, 5);             // less than a unit of k
  run({0, 2, 64, 64, 5, 0}, 4);
  run({3, 8, 6, 4096, 132, 0}, 3, 3); // fewer rows than CTAs
  run({8, 8, 2000, 72, 11, 0}, 3);
  run({7, 8, 20000, 136, 5, 0}, 2);    // many groups
  run({1, 1, 774, 768, 132, 0}, 1, 0); // one stage
  if constexpr (!gated)
    run({2, 8, 333, 1000, 9, 0}, 2);
  if (!held)
    run(kSkewedCase, 3);
  run(kNoBiasCase, 3);
  // As models have them: few stages, and as many as there is room for.
  for (int m : {1, 2, 3, 8})
    for (int k : {768, 1000, 2048, 4096, 4104, 14336}) {
      bool far = kind.where == gemv::XIn::SharedIfRoom && m == 8;
      int bound = k > 8192 ? m : 8, row = (k + 63) / 64 * 128 + 64;
      int rows = held || far ? 0 : kind.where == gemv::XIn::Shared ? bound : m;
      int room = (213 * 1024 - rows * row - besideBytes<Norm>(kind)) /
                 gemv::kStageBytes;
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
  checkAllPatches<T>();
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

int main(int argc, char **argv) {
  std::string mode = argc > 1 ? argv[1] : "";
  cudaDeviceProp properties;
  cuda(cudaGetDeviceProperties(&properties, 0), "properties");
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
