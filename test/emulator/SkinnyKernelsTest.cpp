//===- SkinnyKernelsTest.cpp - linear layers of some rows, emulated -------===//
//
// The kernels, cases and references of test/gpu/skinny_check.cu.
//
//===----------------------------------------------------------------------===//
#include "test/emulator/Array.h"

#include "test/gpu/SkinnyBatch.h"

#include <memory>

using namespace check;

namespace {

template <typename T, bool gated, int NT> void runTokens() {
  std::string instance = std::string("check::skinnyKernel<") + nameOf<T>() +
                         ", " + (gated ? "true" : "false") + ", " +
                         std::to_string(NT) + ">";
  Kernels kernels("SkinnyKernels.cuh", {instance});
  if (auto status = kernels.open(); !status.ok()) {
    ASSERT_EQ(status.code(), ft::StatusCode::NotFound) << status.message();
    GTEST_SKIP() << status.message();
  }
  int before = failures;
  skinnyCases([&](const GemvCase &c) {
    std::unique_ptr<SkinnyScratch<T, gated, NT>> scratch;
    checkGemv<T, T, NoNorm, gated>(c, [&](auto &b) {
      if (!scratch)
        scratch = std::make_unique<SkinnyScratch<T, gated, NT>>(b);
      kernels.launch(instance, {uint32_t(c.grid), 1, 1},
                     {uint32_t(skinny::kThreads), 1, 1},
                     skinny::Skinny<T, gated, NT>::kSharedBytes, scratch->x,
                     scratch->w, c.n, c.k, b.counts.device,
                     scratch->counters.device, scratch->partials.device,
                     b.epilogue());
      ++kernels.options.seed;
    });
  });
  EXPECT_EQ(failures, before) << "printed above";
}

TEST(SkinnyKernelsTest, Bf16Tokens16) { runTokens<bf16, false, 16>(); }
TEST(SkinnyKernelsTest, Bf16Tokens64) { runTokens<bf16, false, 64>(); }
TEST(SkinnyKernelsTest, F16GatedTokens32) { runTokens<f16, true, 32>(); }

} // namespace
