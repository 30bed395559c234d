//===- ResidentKernelsTest.cpp - linears of small weights, emulated -------===//
//
// The kernels, cases and references of test/gpu/resident_check.cu.
//
//===----------------------------------------------------------------------===//
#include "test/emulator/Array.h"

#include "test/gpu/ResidentBatch.h"

using namespace check;

namespace {

template <typename C, typename Norm> void runRows(const std::string &config) {
  using T = typename C::T;
  std::string instance = "check::residentKernel<resident::Resident<" + config +
                         ">, " + nameOf<Norm>() + ">";
  Kernels kernels("ResidentKernels.cuh", {instance});
  if (auto status = kernels.open(); !status.ok()) {
    ASSERT_EQ(status.code(), ft::StatusCode::NotFound) << status.message();
    GTEST_SKIP() << status.message();
  }
  int before = failures;
  residentCases<C, Norm>([&](const GemvCase &c) {
    checkGemv<T, T, Norm, false>(c, [&](auto &b) {
      ResidentMaps<C> maps(b);
      kernels.launch(instance, {uint32_t(c.grid), 1, 1},
                     {uint32_t(C::kThreads), 1, 1},
                     C::sharedBytes(Norm::kPresent), maps.x, maps.w, c.n, c.k,
                     b.counts.device, b.norm(), b.epilogue());
      ++kernels.options.seed;
    });
  });
  EXPECT_EQ(failures, before) << "printed above";
}
#define RUN_ROWS(Norm, ...)                                                    \
  runRows<resident::Resident<__VA_ARGS__>, Norm>(#__VA_ARGS__)

TEST(ResidentKernelsTest, Rows8) { RUN_ROWS(NoNorm, bf16, 8, 1, 4, 1); }
TEST(ResidentKernelsTest, Rows16) { RUN_ROWS(NoNorm, f16, 16, 2, 3, 2); }
TEST(ResidentKernelsTest, Rows32) { RUN_ROWS(NoNorm, bf16, 32, 3, 6, 2); }
TEST(ResidentKernelsTest, Split4) { RUN_ROWS(NoNorm, bf16, 32, 4, 3, 2, 4); }
TEST(ResidentKernelsTest, Split2) { RUN_ROWS(NoNorm, f16, 8, 4, 2, 2, 2); }
TEST(ResidentKernelsTest, RmsNorm) { RUN_ROWS(RmsNorm, bf16, 16, 3, 4, 2); }
TEST(ResidentKernelsTest, LayerNorm) { RUN_ROWS(LayerNorm, f16, 32, 3, 3, 2); }
TEST(ResidentKernelsTest, LayerNorm8) { RUN_ROWS(LayerNorm, bf16, 8, 2, 6, 1); }

} // namespace
