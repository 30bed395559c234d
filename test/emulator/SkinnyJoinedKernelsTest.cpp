//===- SkinnyJoinedKernelsTest.cpp - largest outputs, norms, emulated -----===//
//
// The kernels, cases and references of test/gpu/skinny_joined_check.cu.
//
//===----------------------------------------------------------------------===//
#include "test/emulator/Array.h"

#include "test/gpu/SkinnyJoinedBatch.h"

using namespace check;

namespace {

constexpr char kHeader[] = "SkinnyJoinedKernels.cuh";

bool opens(Kernels &kernels) {
  auto status = kernels.open();
  if (!status.ok())
    EXPECT_EQ(status.code(), ft::StatusCode::NotFound) << status.message();
  return status.ok();
}
#define OPEN(kernels)                                                          \
  if (!opens(kernels))                                                         \
  GTEST_SKIP() << "no NVRTC"

template <typename C> void runLikeliest(const std::string &config) {
  using T = typename C::T;
  std::string instance =
      "check::skinnyLikeliest<skinny::Skinny<" + config + ">>";
  Kernels kernels(kHeader, {instance});
  OPEN(kernels);
  int before = failures;
  likeliestCases([&](int m, int bound, int n, int k, int clusters, int size) {
    checkLikeliest<T>(m, bound, n, k, [&](auto &b) {
      TensorMap x, w;
      encodeRows(&x, b.x.device, k, bound, C::NT);
      encodeRows(&w, b.w.device, k, n, size);
      kernels.launch(instance, {uint32_t(clusters), 1, 1},
                     {uint32_t(C::kThreads), 1, 1}, kSkinnyShared<C>, x, w, n,
                     k, size, b.counts.device, b.tokens.device,
                     b.counters.device);
      ++kernels.options.seed;
    });
  });
  EXPECT_EQ(failures, before) << "printed above";
}
#define RUN_LIKELIEST(...)                                                     \
  runLikeliest<skinny::Skinny<__VA_ARGS__>>(#__VA_ARGS__)

TEST(SkinnyJoinedKernelsTest, Likeliest16) {
  RUN_LIKELIEST(bf16, false, 16, 2, 2);
}
TEST(SkinnyJoinedKernelsTest, Likeliest32) { RUN_LIKELIEST(f16, false, 32, 2); }
TEST(SkinnyJoinedKernelsTest, LikeliestAcross) {
  RUN_LIKELIEST(bf16, false, 64, 1, 1, 1, 1, 0, 96);
}

/// One or two short rows in shared memory, several in registers, k shared.
template <typename T>
void runGemv(const std::string &form, int chunks, int cluster, int shared) {
  std::string instance =
      "check::gemvLikeliest<" + nameOf<T>() + ", ft::gemv::XIn::" + form +
      ", " + std::to_string(chunks) + ", " + std::to_string(cluster) + ">";
  Kernels kernels(kHeader, {instance});
  OPEN(kernels);
  int before = failures;
  for (int m : {0, 1, 2, 5, 8}) {
    if (chunks == 0 && m > 2)
      continue;
    // Of few values the largest is there several times; each CTA has some.
    int k = m == 2 || m == 8 ? 64 * cluster - 56 : 328;
    checkLikeliest<T>(m, 8, 200, k, [&](auto &b) {
      kernels.launch(instance, {uint32_t(3 * cluster), 1, 1},
                     {uint32_t(gemv::kRingThreads), 1, 1}, shared, b.x.device,
                     i64(b.k), b.w.device, b.n, b.k, b.counts.device,
                     b.tokens.device, b.counters.device);
      ++kernels.options.seed;
    });
  }
  EXPECT_EQ(failures, before) << "printed above";
}
TEST(SkinnyJoinedKernelsTest, LikeliestGemv) {
  runGemv<bf16>("SharedIfRoom", 0, 1, 2 * gemv::kStageBytes);
}
TEST(SkinnyJoinedKernelsTest, LikeliestGemvHeld) {
  runGemv<bf16>("Registers", 1, 1, 2 * gemv::kStageBytes);
}
TEST(SkinnyJoinedKernelsTest, LikeliestGemvPairs) {
  runGemv<f16>("Registers", 1, 2, 2 * gemv::kStageBytes);
}

constexpr int kHidden = 336;

template <typename Begin, typename End, int slots, bool layer = false>
void runHalves(const std::string &begin, const std::string &end, int size) {
  using T = typename Begin::T;
  using B = BeginEpilogue<T, slots, layer>;
  using E = EndEpilogue<T, End::kGated, slots>;
  std::string first = "check::skinnyHalf<skinny::Skinny<" + begin +
                      ">, check::BeginEpilogue<" + nameOf<T>() + ", " +
                      std::to_string(slots) + (layer ? ", true>>" : ">>");
  std::string second = "check::skinnyHalf<skinny::Skinny<" + end +
                       ">, check::EndEpilogue<" + nameOf<T>() +
                       (End::kGated ? ", true, " : ", false, ") +
                       std::to_string(slots) + ">>";
  Kernels kernels(kHeader, {first, second});
  OPEN(kernels);
  int before = failures;
  halvesCases(size, 176, [&](const HalvesCase &c) {
    checkHalves<T, End::kGated, kHidden, slots, layer>(
        c,
        [&](auto &b) {
          TensorMap x, w;
          encodeRows(&x, b.x.device, c.k, c.bound, Begin::NT);
          encodeRows(&w, b.w.device, c.k, kHidden, c.size);
          kernels.launch(first, {uint32_t(c.clusters * Begin::kSplits), 1, 1},
                         {uint32_t(skinny::kThreadsOf<Begin, B>), 1, 1},
                         kSkinnyShared<Begin>, x, w, kHidden, c.k, c.size,
                         b.counts.device, b.begin());
          ++kernels.options.seed;
        },
        [&](auto &b) {
          TensorMap x, w;
          encodeRows(&x, b.scaled.device, kHidden, c.bound, End::NT);
          encodeRows(&w, b.v.device, kHidden, c.outputs, c.endSize);
          kernels.launch(second, {uint32_t(c.endClusters * End::kSplits), 1, 1},
                         {uint32_t(skinny::kThreadsOf<End, E>), 1, 1},
                         kSkinnyShared<End>, x, w, c.outputs, kHidden,
                         c.endSize, b.counts.device, b.end());
          ++kernels.options.seed;
        });
  });
  EXPECT_EQ(failures, before) << "printed above";
}

using skinny::Skinny;
TEST(SkinnyJoinedKernelsTest, NormSplitThenAcross) {
  runHalves<Skinny<bf16, false, 64, 1, 1, 2, 1, 2>,
            Skinny<bf16, true, 64, 1, 1, 1, 1, 2, 80>, 6>(
      "bf16, false, 64, 1, 1, 2, 1, 2", "bf16, true, 64, 1, 1, 1, 1, 2, 80",
      64);
}
TEST(SkinnyJoinedKernelsTest, NormOfTwoBlocksF16) {
  runHalves<Skinny<f16, false, 16, 2, 1, 1, 1, 2>, Skinny<f16, false, 16, 1>,
            8>("f16, false, 16, 2, 1, 1, 1, 2", "f16, false, 16, 1", 96);
}
TEST(SkinnyJoinedKernelsTest, NormThenSplit) {
  runHalves<Skinny<bf16, false, 32, 1, 1, 2, 2, 2>,
            Skinny<bf16, false, 32, 2, 1, 2, 2>, 6>(
      "bf16, false, 32, 1, 1, 2, 2, 2", "bf16, false, 32, 2, 1, 2, 2", 64);
}
TEST(SkinnyJoinedKernelsTest, LayerNorm64) {
  runHalves<Skinny<bf16, false, 64, 1, 1, 2, 1, 2>,
            Skinny<bf16, false, 64, 1, 1, 2, 2, 2, 0, 8>, 6, true>(
      "bf16, false, 64, 1, 1, 2, 1, 2", "bf16, false, 64, 1, 1, 2, 2, 2, 0, 8",
      64);
}
TEST(SkinnyJoinedKernelsTest, LayerNorm16F16) {
  runHalves<Skinny<f16, false, 16, 2, 1, 1, 1, 2>,
            Skinny<f16, false, 16, 1, 1, 1, 4, 0, 0, 8>, 8, true>(
      "f16, false, 16, 2, 1, 1, 1, 2", "f16, false, 16, 1, 1, 1, 4, 0, 0, 8",
      96);
}

} // namespace
