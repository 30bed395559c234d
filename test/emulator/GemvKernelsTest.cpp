//===- GemvKernelsTest.cpp - linear layers of a few rows, emulated --------===//
//
// The kernels and references of test/gpu/gemv_check.cu, on smaller shapes.
//
//===----------------------------------------------------------------------===//
#include "test/emulator/Array.h"

#include "test/gpu/GemvBatch.h"

using namespace check;

namespace {

constexpr char kHeader[] = "GemvKernels.cuh";

template <typename T, typename Out, typename Norm, bool gated>
std::string instance(bool ring, bool held = false) {
  return std::string("check::") + (ring ? "ringKernel<" : "gemvKernel<") +
         nameOf<T>() + ", " + nameOf<Out>() + ", " + nameOf<Norm>() + ", " +
         (gated ? "true" : "false") +
         (ring ? held ? ", true>" : ", false>" : ">");
}

template <typename T, typename Out, typename Norm, bool gated>
void runCase(Kernels &kernels, const GemvCase &c) {
  int before = failures;
  using B = GemvBatch<T, Out, Norm, gated>;
  checkGemv<T, Out, Norm, gated>(c, [&](const B &b) {
    bool ring = c.ring.stages > 0;
    kernels.launch(instance<T, Out, Norm, gated>(ring, c.ring.held),
                   {uint32_t(c.grid), 1, 1},
                   {uint32_t(ring ? gemv::kRingThreads : gemv::kThreads), 1, 1},
                   b.shared(), b.x.device, i64(b.xStride), b.w.device, c.n, c.k,
                   b.counts.device, b.norm(), b.epilogue());
    ++kernels.options.seed;
  });
  EXPECT_EQ(failures, before) << "printed above";
}

template <typename T, typename Norm, bool gated> void runRing() {
  Kernels kernels(kHeader, {instance<T, T, Norm, gated>(true),
                            instance<T, T, Norm, gated>(true, true)});
  if (auto status = kernels.open(); !status.ok()) {
    ASSERT_EQ(status.code(), ft::StatusCode::NotFound) << status.message();
    GTEST_SKIP() << status.message();
  }
  auto run = [&](GemvCase c) {
    for (bool held : {false, true}) {
      c.ring.held = held;
      runCase<T, T, Norm, gated>(kernels, c);
    }
  };
  for (int m : {1, 2, 3, 4, 5, 6, 7, 8, 9})
    run({m, m + 2, 34, 328, 3, 8, m % 2 ? Ring{3, 8} : Ring{5, 0}});
  run({3, 3, 30, 8, 2, 0, {12, 8}});    // less than a unit of k
  run({0, 2, 64, 64, 5, 0, {4, 8}});    // no rows
  run({1, 1, 90, 1048, 40, 0, {4, 1}}); // fewer rows than CTAs
  run({17, 17, 64, 520, 2, 0, {3, 8}});
  run({5, 8, 160, 1096, 2, 0, {3, 4}}); // several turns of the ring
}

TEST(GemvKernelsTest, RingBf16) { runRing<bf16, NoNorm, false>(); }
TEST(GemvKernelsTest, RingBf16RmsNormGated) { runRing<bf16, RmsNorm, true>(); }
TEST(GemvKernelsTest, RingF16LayerNorm) { runRing<f16, LayerNorm, false>(); }

template <typename T, typename Norm, bool gated> void runPlain() {
  Kernels kernels(kHeader, {instance<T, T, Norm, gated>(false)}, "compute_80");
  if (auto status = kernels.open(); !status.ok()) {
    ASSERT_EQ(status.code(), ft::StatusCode::NotFound) << status.message();
    GTEST_SKIP() << status.message();
  }
  auto run = [&](const GemvCase &c) { runCase<T, T, Norm, gated>(kernels, c); };
  for (int m : {1, 2, 3, 4, 5, 8, 9})
    run({m, m + 2, 48, 320, 3, 8});
  run({3, 3, 30, 8, 2, 0});
  run({0, 2, 64, 64, 5, 0});
  run({2, 4, 66, 77, 3, 0}); // odd k
  run({7, 8, 66, 77, 3, 1});
  run({6, 8, 50, 128, 3, 3}); // odd stride of x
}

TEST(GemvKernelsTest, Bf16) { runPlain<bf16, NoNorm, false>(); }
TEST(GemvKernelsTest, F16LayerNormGated) { runPlain<f16, LayerNorm, true>(); }
TEST(GemvKernelsTest, FloatRmsNorm) { runPlain<float, RmsNorm, false>(); }

} // namespace
