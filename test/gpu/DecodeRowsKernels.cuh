//===- DecodeRowsKernels.cuh - kernels for a decoder's linears --*- C++ -*-===//
#ifndef FT_TEST_GPU_DECODEROWSKERNELS_CUH
#define FT_TEST_GPU_DECODEROWSKERNELS_CUH

#include "Check.h"
#include "SkinnyKernels.cuh"
#include "gemm/GemmKernels.cuh"

#include <functional>

namespace check {

/// A linear, and what a kernel is asked for.
struct Shape {
  int rows, n, k, xStride;
  bool gated, gelu;
  int processors;
  int outputs() const { return gated ? n / 2 : n; }
};
struct Call {
  const bf16 *x, *w, *residual;
  bf16 *out;
  const int *count;
  cudaStream_t stream;
  bool early;
};
struct Variant {
  std::string name;
  std::function<void(const Shape &, const Call &)> launch;
};

template <bool gated> struct ChainEpilogue : Epilogue<bf16, bf16, gated> {
  using Base = Epilogue<bf16, bf16, gated>;
  bool gelu;
  __device__ float value(const typename Base::Operands &o, float y,
                         float y2 = 0) const {
    if (gated)
      return silu16(y) * y2;
    return Base::value(o, gelu ? geluTanh16(y) : y);
  }
  __device__ void operator()(int m, int n, const typename Base::Operands &o,
                             float y, float y2 = 0) const {
    this->out[m * this->outStride + n] = fromFloat<bf16>(value(o, y, y2));
  }
};
template <bool gated>
ChainEpilogue<gated> epilogueOf(const Shape &s, const Call &c) {
  return {{c.residual, c.out, s.outputs()}, s.gelu};
}

/// Most clusters of a kernel that run at once.
inline int clustersOf(const void *kernel, int cluster, int threads,
                      int shared) {
  cudaLaunchConfig_t config{};
  cudaLaunchAttribute attribute{};
  config.gridDim = cluster;
  config.blockDim = threads;
  config.dynamicSmemBytes = shared;
  attribute.id = cudaLaunchAttributeClusterDimension;
  attribute.val.clusterDim.x = cluster;
  attribute.val.clusterDim.y = attribute.val.clusterDim.z = 1;
  config.attrs = &attribute;
  config.numAttrs = 1;
  int found = 0;
  preferShared(kernel, shared);
  cuda(cudaOccupancyMaxActiveClusters(&found, kernel, &config), "occupancy");
  return found;
}

constexpr int kSkinnyRing = 220 * 1024;

/// What a ring needs that holds all that a CTA copies, if that is less.
template <typename C> int ringOf(const Shape &s, int size, int turns) {
  int half = C::kAcross > 0 ? C::kReach : (size + 7) / 8 * 8;
  int last = C::kAcross > 0 ? half : std::max(half, 64);
  int rows = (C::kHalves - 1) * half + last + C::NT;
  int steps = (s.k + 64 * C::kBoxes - 1) / (64 * C::kBoxes);
  steps = (steps + C::kSplits - 1) / C::kSplits * turns;
  return std::min(kSkinnyRing, 1024 + C::kBehindBytes +
                                   std::max(2, steps) * C::kBoxes * rows * 128);
}

/// Tiles as many as clusters, or a multiple of that.
template <typename C>
void addSkinny(std::vector<Variant> &to, const Shape &s,
               const std::string &name, int mostClusters = 1 << 20) {
  if (s.gated != C::kGated)
    return;
  auto kernel = skinnyKernel<C, ChainEpilogue<C::kGated>>;
  int clusters = std::min({s.processors / C::kSplits, mostClusters,
                           clustersOf(reinterpret_cast<const void *>(kernel),
                                      C::kSplits, C::kThreads, kSkinnyRing)});
  int turns = (s.outputs() + clusters * C::kReach - 1) / (clusters * C::kReach);
  int size = (s.outputs() + clusters * turns - 1) / (clusters * turns);
  if (size <= C::kReach - (C::kAcross > 0 ? 16 : 64))
    return; // fewer blocks do
  if (C::kStoredBytes > 0)
    size = (size + 7) / 8 * 8;
  int tiles = (s.outputs() + size - 1) / size;
  int grid = std::min(tiles, clusters) * C::kSplits;
  int shared = ringOf<C>(s, size, turns);
  to.push_back(
      {name, [=](const Shape &s, const Call &c) {
         TensorMap x, w;
         encodeMap(&x, true, c.x,
                   {{s.k, 0, 64}, {s.rows, s.xStride * 2, C::NT}});
         encodeMap(&w, true, c.w, {{s.k, 0, 64}, {s.n, s.k * 2, size}});
         DependentLaunch launch(grid, C::kThreads, shared, c.stream, c.early);
         cuda(cudaLaunchKernelEx(&launch.config, kernel, x, w, s.n, s.k, size,
                                 c.count, epilogueOf<C::kGated>(s, c)),
              "skinny");
       }});
  std::printf("%s for [%d, %d] of %d rows: tiles of %d outputs, %d CTAs, "
              "%d KB\n",
              name.c_str(), s.n, s.k, s.rows, size, grid, shared / 1024);
}

/// A tile of gemm.cuh, stages of two boxes.
template <bool gated, int BM, int BN, int stages, int splits>
void addTile(std::vector<Variant> &to, const Shape &s,
             const std::string &name) {
  if (s.gated != gated)
    return;
  using C = gemm::Config<bf16, gated, BM, BN, stages, 1, false, 1, 1, 1, splits,
                         false, gemm::Columns, false, 2>;
  using gemmtest::Epilogue;
  const void *kernel = reinterpret_cast<const void *>(
      &gemmtest::kernel < C, gated ? Epilogue::Gated : Epilogue::Residual >);
  if constexpr (!gated)
    if (s.gelu)
      kernel = reinterpret_cast<const void *>(
          &gemmtest::kernel<C, Epilogue::GeluTanh>);
  int grid = splits * clustersOf(kernel, splits, C::kThreads, C::kSharedBytes);
  to.push_back(
      {name, [=](const Shape &s, const Call &c) {
         static Array<bf16> *zero = nullptr; // a bias and a residual
         if (!zero) {
           zero = new Array<bf16>(64 * 65536);
           cudaMemset(zero->device, 0, zero->host.size() * 2);
         }
         TensorMap a, w;
         encodeMap(&a, true, c.x,
                   {{s.k, 0, 64}, {s.rows, s.xStride * 2, C::kBoxA}});
         encodeMap(&w, true, c.w, {{s.k, 0, 64}, {s.n, s.k * 2, C::kBoxW}});
         int n = s.n, k = s.k, axis = 0;
         const int *count = c.count;
         const void *bias = zero->device,
                    *residual = c.residual ? c.residual : zero->device;
         void *out = c.out, *sum = nullptr;
         i64 stride = s.outputs();
         float eps = 0;
         void *arguments[] = {&a,      &w,    &n,        &k,      &count,
                              &axis,   &bias, &residual, &stride, &out,
                              &stride, &bias, &bias,     &eps,    &sum};
         DependentLaunch launch(grid, C::kThreads, C::kSharedBytes, c.stream,
                                c.early);
         cuda(cudaLaunchKernelExC(&launch.config, kernel, arguments),
              name.c_str());
       }});
}

/// Tokens on the 64-row side, "a" and the number of rows of w on the other.
inline void addAcross(std::vector<Variant> &to, const Shape &s) {
  using namespace skinny;
  addSkinny<Skinny<bf16, true, 64, 1, 1, 1, 1, 2, 224>>(to, s, "a224"); // 8B
  addSkinny<Skinny<bf16, true, 64, 1, 1, 1, 1, 2, 128>>(to, s, "a128"); // 1B
  addSkinny<Skinny<bf16, false, 64, 1, 1, 2, 1, 2, 96>>(to, s, "a96k2");
  addSkinny<Skinny<bf16, false, 64, 1, 1, 2, 2, 2, 96>>(to, s, "a96k2w2");
  addSkinny<Skinny<bf16, false, 64, 1, 1, 2, 2, 2, 64>>(to, s, "a64k2w2");
  addSkinny<Skinny<bf16, false, 64, 1, 1, 4, 1, 2, 128>>(to, s, "a128k4");
  addSkinny<Skinny<bf16, false, 64, 1, 1, 4, 2, 2, 96>>(to, s, "a96k4w2");
  addSkinny<Skinny<bf16, false, 64, 1, 1, 2, 2, 2, 48>>(to, s, "a48k2w2");
}

/// What codegen/cuda/GemmSkinny.cpp chooses from: b1 one block of 64 rows of
/// the weights, x2 two warpgroups, k4 a cluster of four that shares k, w2 two
/// boxes of k a stage; rows stored whole, and, behind "e-", by elements.
template <int NT, int stored>
void addTokens(std::vector<Variant> &to, const Shape &s) {
  using namespace skinny;
  std::string by = stored ? "" : "e-";
  addSkinny<Skinny<bf16, true, NT, 2, 2, 1, 1, stored>>(to, s, by + "g2x2");
  addSkinny<Skinny<bf16, true, NT, 2, 1, 1, 1, stored>>(to, s, by + "g2");
  addSkinny<Skinny<bf16, false, NT, 1, 1, 2, 2, stored>>(to, s, by + "b1k2w2");
  if constexpr (NT < 64) {
    addSkinny<Skinny<bf16, false, NT, 2, 1, 2, 2, stored>>(to, s,
                                                           by + "b2k2w2");
    addSkinny<Skinny<bf16, false, NT, 2, 1, 4, 2, NT == 16 ? 0 : stored>>(
        to, s, by + "b2k4w2");
  } else {
    addSkinny<Skinny<bf16, false, NT, 2, 1, 2, 1, stored>>(to, s, by + "b2k2");
    addSkinny<Skinny<bf16, false, NT, 1, 2, 4, 1, stored>>(to, s,
                                                           by + "b1x2k4");
    addSkinny<Skinny<bf16, false, NT, 1, 2, 4, 2, stored>>(to, s,
                                                           by + "b1x2k4w2");
    if constexpr (stored > 0)
      addAcross(to, s);
  }
}

template <int stored> void addBy(std::vector<Variant> &to, const Shape &s) {
  if (s.rows <= 16)
    addTokens<16, stored>(to, s);
  else if (s.rows <= 32)
    addTokens<32, stored>(to, s);
  else
    addTokens<64, stored>(to, s);
}

inline void addVariants(std::vector<Variant> &to, const Shape &s) {
  addBy<2>(to, s);
  addBy<0>(to, s);
  if (s.n * i64(s.k) > 8 << 20)
    return;
  addTile<false, 64, 64, 6, 4>(to, s, "64x64_k4");
  addTile<false, 64, 64, 6, 2>(to, s, "64x64_k2");
}

} // namespace check

#endif // FT_TEST_GPU_DECODEROWSKERNELS_CUH
