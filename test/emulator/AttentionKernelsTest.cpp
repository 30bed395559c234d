//===- AttentionKernelsTest.cpp - attention, emulated ---------------------===//
//
// The kernels and references of test/gpu/attention_check.cu, on smaller
// batches.
//
//===----------------------------------------------------------------------===//
#include "test/emulator/Array.h"

#include "test/gpu/AttentionBatch.h"

using namespace check;

namespace {

constexpr char kHeader[] = "AttentionKernels.cuh";

template <typename S, int BM, typename Score> std::string instance() {
  return "check::attentionKernel<" + nameOf<S>() + ", " + std::to_string(BM) +
         ", " + nameOf<Score>() + ">";
}

template <typename S, int BM, typename Score>
void runCase(Kernels &kernels, const Case &c, const Score &score) {
  Batch<S> batch(c);
  int packs = (c.heads / c.kvHeads + c.pack - 1) / c.pack;
  int perTile = BM / c.pack;
  ft::emulator::Dim3 grid{
      uint32_t((batch.total + perTile - 1) / perTile + batch.sequences + 1),
      uint32_t(c.kvHeads * packs), uint32_t(c.splits)};
  for (int again = 0; again < 2; ++again) // the counters are left at zero
    kernels.launch(instance<S, BM, Score>(), grid,
                   {uint32_t(kAttentionThreads<S>), 1, 1}, sharedBytes<S, BM>(),
                   batch.args(), score);
  ++kernels.options.seed;
  int before = failures;
  compare(instance<S, BM, Score>(), batch.out, batch.outStride,
          size_t(c.heads) * S::DV, batch.reference(score),
          2 * kTolerance<typename S::T>);
  EXPECT_EQ(failures, before) << "printed above";
}

template <typename T, int D, int DV>
void runHeadSize(const char *architecture) {
  using Causal = attention::Shape<T, D, DV, true, true>;
  using Packed = attention::Shape<T, D, DV, false, false>;
  Kernels kernels(
      kHeader,
      {instance<Causal, 16, NoScore>(), instance<Causal, 16, CapAndSlope>(),
       instance<Causal, 64, NoScore>(), instance<Packed, 64, NoScore>(),
       instance<Packed, 16, NoScore>()},
      architecture);
  if (auto status = kernels.open(); !status.ok()) {
    ASSERT_EQ(status.code(), ft::StatusCode::NotFound) << status.message();
    GTEST_SKIP() << status.message();
  }
  Case decode{{1, 1, 1, 2}, {0, 300, 63, 64}, 8, 2, 4, 0, 64, 4};
  runCase<Causal, 16>(kernels, decode, NoScore{});
  Case odd{{1, 3, 1}, {200, 5, 130}, 6, 2, 3, 100, 16, 3};
  runCase<Causal, 16>(kernels, odd, CapAndSlope{});
  Case prefill{{65, 1, 30, 7}, {0, 100, 65, 15}, 4, 1, 4, 0, 48, 1};
  prefill.scale = 20;
  runCase<Causal, 64>(kernels, prefill, NoScore{});
  prefill.window = 40;
  prefill.splits = 2;
  runCase<Causal, 64>(kernels, prefill, NoScore{});
  Case encoder{{1, 64, 33, 80}, {}, 3, 3, 1, 0, 1, 1};
  runCase<Packed, 64>(kernels, encoder, NoScore{});
  Case many{{2, 40}, {}, 20, 1, 16, 0, 1, 2}; // 20 = 16 + 4 heads
  runCase<Packed, 16>(kernels, many, NoScore{});
}

TEST(AttentionKernelsTest, Bf16) { runHeadSize<bf16, 64, 64>("compute_90a"); }
TEST(AttentionKernelsTest, F16OddHeads) {
  runHeadSize<f16, 80, 96>("compute_80");
}
TEST(AttentionKernelsTest, Bf16Unaligned) { // rows not on 16 bytes
  runHeadSize<bf16, 36, 36>("compute_80");
}
TEST(AttentionKernelsTest, Float) { runHeadSize<float, 64, 64>("compute_90a"); }

} // namespace
