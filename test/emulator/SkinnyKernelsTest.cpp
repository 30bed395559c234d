//===- SkinnyKernelsTest.cpp - linear layers of some rows, emulated -------===//
//
// The kernels, cases and references of test/gpu/skinny_check.cu.
//
//===----------------------------------------------------------------------===//
#include "test/emulator/Array.h"

#include "test/gpu/SkinnyBatch.h"

using namespace check;

namespace {

template <typename C> void runTokens(const std::string &config) {
  using T = typename C::T;
  std::string instance = "check::skinnyKernel<skinny::Skinny<" + config + ">>";
  Kernels kernels("SkinnyKernels.cuh", {instance});
  if (auto status = kernels.open(); !status.ok()) {
    ASSERT_EQ(status.code(), ft::StatusCode::NotFound) << status.message();
    GTEST_SKIP() << status.message();
  }
  int before = failures;
  skinnyCases<C>([&](const SkinnyCase &c) {
    checkGemv<T, SkinnyOut<C>, NoNorm, C::kGated>(c.gemv, [&](auto &b) {
      SkinnyMaps<C> maps(b, c.size);
      kernels.launch(instance, {uint32_t(c.gemv.grid), 1, 1},
                     {uint32_t(C::kThreads), 1, 1}, kSkinnyShared<C>, maps.x,
                     maps.w, c.gemv.n, c.gemv.k, c.size, b.counts.device,
                     b.epilogue());
      ++kernels.options.seed;
    });
  });
  EXPECT_EQ(failures, before) << "printed above";
}
#define RUN_TOKENS(...) runTokens<skinny::Skinny<__VA_ARGS__>>(#__VA_ARGS__)

TEST(SkinnyKernelsTest, Tokens16) { RUN_TOKENS(bf16, false, 16, 1); }
TEST(SkinnyKernelsTest, Tokens64) { RUN_TOKENS(bf16, false, 64, 2, 2); }
TEST(SkinnyKernelsTest, Gated) { RUN_TOKENS(f16, true, 32, 4); }
TEST(SkinnyKernelsTest, GatedGroups) { RUN_TOKENS(bf16, true, 16, 2, 2); }
TEST(SkinnyKernelsTest, Split2) { RUN_TOKENS(bf16, false, 32, 2, 1, 2, 2); }
TEST(SkinnyKernelsTest, LongRows) { RUN_TOKENS(bf16, false, 32, 1, 1, 2, 4); }
TEST(SkinnyKernelsTest, Split4) { RUN_TOKENS(bf16, false, 16, 2, 1, 4, 2); }
TEST(SkinnyKernelsTest, Split4Groups) { RUN_TOKENS(bf16, false, 64, 1, 2, 4); }
TEST(SkinnyKernelsTest, Split4Gated) { RUN_TOKENS(f16, true, 64, 2, 1, 4, 2); }
// Rows stored whole.
TEST(SkinnyKernelsTest, Whole) { RUN_TOKENS(bf16, false, 64, 1, 1, 1, 1, 2); }
TEST(SkinnyKernelsTest, WholeGroups) {
  RUN_TOKENS(f16, false, 32, 2, 2, 1, 1, 2);
}
TEST(SkinnyKernelsTest, WholeGated) {
  RUN_TOKENS(bf16, true, 64, 2, 2, 1, 1, 2);
}
TEST(SkinnyKernelsTest, WholeSplit) {
  RUN_TOKENS(bf16, false, 64, 2, 1, 2, 1, 2);
}
TEST(SkinnyKernelsTest, WholeSplit4) {
  RUN_TOKENS(bf16, false, 32, 1, 2, 4, 2, 2);
}
TEST(SkinnyKernelsTest, WholeF32) {
  RUN_TOKENS(bf16, false, 64, 2, 2, 1, 1, 4);
}
TEST(SkinnyKernelsTest, WholeF32Split) {
  RUN_TOKENS(f16, false, 64, 1, 1, 2, 1, 4);
}
// Tokens on the 64-row side.
TEST(SkinnyKernelsTest, Across) {
  RUN_TOKENS(bf16, false, 64, 1, 1, 1, 1, 2, 96);
}
TEST(SkinnyKernelsTest, AcrossGated) {
  RUN_TOKENS(f16, true, 64, 1, 1, 1, 2, 2, 112);
}
TEST(SkinnyKernelsTest, AcrossSplit) {
  RUN_TOKENS(bf16, false, 64, 1, 1, 2, 2, 2, 96);
}
TEST(SkinnyKernelsTest, AcrossSplit4) {
  RUN_TOKENS(f16, false, 64, 1, 1, 4, 1, 2, 128);
}
TEST(SkinnyKernelsTest, AcrossF32) {
  RUN_TOKENS(bf16, false, 64, 1, 1, 1, 1, 4, 256);
}

} // namespace
