//===- AttentionDecodeTest.cpp - append and attention, emulated -----------===//
//
// The kernels and references of test/gpu/attention_decode_check.cu, on smaller
// batches.
//
//===----------------------------------------------------------------------===//
#include "test/emulator/Array.h"

#include "test/gpu/AttentionDecodeBatch.h"

using namespace check;

namespace {

using attention::Entry;
using attention::Shape;

template <typename S, typename E, typename Score>
std::string instance(bool clusters, int stages) {
  return std::string("check::") +
         (clusters ? "decodeClusters<" : "decodeKernel<") + nameOf<S>() + ", " +
         nameOf<E>() + ", " + std::to_string(stages) + ", 16, " +
         nameOf<Score>() + ">";
}

/// Every case with one CTA, with several, and with clusters where there are.
template <typename S, typename E, int stages, typename Score>
void runCases(const std::vector<Case> &cases, const Score &score,
              const std::string &architecture = "compute_90a") {
  bool hopper = architecture == "compute_90a";
  std::vector<std::string> names{instance<S, E, Score>(false, stages)};
  if (hopper)
    names.push_back(instance<S, E, Score>(true, stages));
  Kernels kernels("AttentionDecodeKernels.cuh", names, architecture);
  if (auto status = kernels.open(); !status.ok()) {
    ASSERT_EQ(status.code(), ft::StatusCode::NotFound) << status.message();
    GTEST_SKIP() << status.message();
  }
  int before = failures;
  for (const Case &c : cases)
    for (bool clusters : {false, true})
      for (int grid : {clusters ? 8 : 1, clusters ? 32 : 13}) {
        if (clusters && !hopper)
          continue;
        checkDecode<S, E>({c, grid, clusters}, stages, score, [&](auto &batch) {
          kernels.launch(instance<S, E, Score>(clusters, stages),
                         {uint32_t(grid), 1, 1}, {128, 1, 1},
                         attention::Decode<S, E, stages, 16>::shared(
                             attention::kInboxFloats<S, 16, 8>),
                         batch.args(), batch.fresh(), score);
          ++kernels.options.seed;
        });
      }
  EXPECT_EQ(failures, before) << "printed above";
}

/// attention_ring.cuh: the ring without clusters and with them.
template <typename S, typename E, typename F, typename Score>
std::string ring() {
  return std::string("check::") +
         (F::kCluster > 1 ? "ringClusters<" : "ringKernel<") + nameOf<S>() +
         ", " + nameOf<E>() + ", " + nameOf<F>() + ", " + nameOf<Score>() + ">";
}
template <typename S, typename E, typename F, typename Score>
void runRing(const std::vector<Case> &cases, const Score &score) {
  std::string name = ring<S, E, F, Score>();
  Kernels kernels("AttentionDecodeKernels.cuh", {name});
  if (auto status = kernels.open(); !status.ok()) {
    ASSERT_EQ(status.code(), ft::StatusCode::NotFound) << status.message();
    GTEST_SKIP() << status.message();
  }
  int before = failures;
  for (const Case &c : cases)
    for (int grid : {F::kCluster, F::kCluster > 1 ? 16 : 13, 32}) {
      DecodeCase d{c, grid, F::kCluster > 1, " ring"};
      checkDecode<S, E>(d, F::kStages, score, [&](auto &batch) {
        kernels.launch(
            name, {uint32_t(grid), 1, 1}, {uint32_t(F::kThreads), 1, 1},
            attention::RingMemory<S, F>::kShared, batch.args(), batch.fresh(),
            batch.keyMap(F::kKeys), batch.valueMap(F::kKeys), score);
        ++kernels.options.seed;
      });
    }
  EXPECT_EQ(failures, before) << "printed above";
}

// With four clusters these two have a cluster for each tile.
const Case kOne{{1}, {300}, 8, 2, 4, 0, 64, 1};
const Case kTwo{{1, 2}, {190, 20}, 4, 1, 4, 0, 24, 1};
const Case kDecode{{1, 1, 1, 2}, {0, 230, 63, 31}, 8, 2, 4, 0, 64, 1};
const Case kChunk{{8, 21, 1}, {95, 20, 0}, 4, 1, 4, 0, 48, 1};
const Case kSingle{{1, 4}, {97, 31}, 3, 3, 1, 17, 1, 1}; // pages of one token
const Case kNone{{}, {}, 4, 2, 2, 0, 16, 1};

TEST(AttentionDecodeTest, Bf16Rope) {
  using S = Shape<bf16, 64, 64, true, true>;
  runCases<S, Entry<32, false, false>, 2>(
      {kOne, kTwo, kDecode, kChunk, kSingle, kNone}, NoScore{});
}
TEST(AttentionDecodeTest, Bf16NormAndNeighbours) {
  using S = Shape<bf16, 64, 64, true, true>;
  runCases<S, Entry<32, true, true>, 3>({kDecode}, NoScore{});
}
TEST(AttentionDecodeTest, F16PartialRotation) {
  using S = Shape<f16, 80, 96, true, true>;
  runCases<S, Entry<16, false, true>, 2>({kDecode}, NoScore{}, "compute_80");
}
TEST(AttentionDecodeTest, Bf16WideHeads) {
  using S = Shape<bf16, 256, 32, true, true>;
  runCases<S, Entry<128, false, false>, 2>({kDecode}, NoScore{});
}
TEST(AttentionDecodeTest, ScoresWindowsManyHeads) {
  using S = Shape<bf16, 64, 64, true, true>;
  using Open = Shape<bf16, 64, 64, false, true>;
  Case odd{{1, 3, 1}, {140, 5, 70}, 6, 2, 3, 100, 24, 1};
  runCases<S, Entry<0, false, false>, 2>({odd}, CapAndSlope{});
  runCases<Open, Entry<32, false, false>, 2>({odd}, CapAndSlope{});
  Case heads{{1, 2}, {40, 69}, 20, 1, 16, 0, 16, 1}; // 20 = 16 + 4 heads
  runCases<S, Entry<24, false, true>, 2>({heads}, NoScore{});
}

const Case kLong{{1, 1, 1}, {610, 15, 300}, 8, 2, 4, 0, 64, 1};
const Case kPrompt{{8, 21, 70}, {95, 20, 0}, 4, 1, 4, 0, 48, 1};
const Case kFour{{1, 1, 1, 1}, {100, 99, 90, 96}, 4, 2, 2, 0, 32, 1}; // teams
const Case kEven{
    std::vector<int>(13, 1), std::vector<int>(13, 50), 4, 2, 2, 0, 32, 1};

TEST(AttentionDecodeTest, RingBf16) {
  using S = Shape<bf16, 64, 64, true, true>;
  using E = Entry<32, false, false>;
  runRing<S, E, attention::RingForm<4, 2, 8, 1, 8, 16, 0>>(
      {kOne, kDecode, kLong, kPrompt, kEven, kNone}, NoScore{});
}
TEST(AttentionDecodeTest, RingOfThirtyTwoKeys) {
  using S = Shape<bf16, 64, 64, true, true>;
  using E = Entry<32, false, false>;
  Case prompt{{8, 21, 70}, {95, 20, 0}, 4, 1, 4, 0, 32, 1};
  runRing<S, E, attention::RingForm<4, 1, 4, 1, 8, 32, 0>>(
      {kOne, kDecode, kLong, prompt}, NoScore{});
  Case whole{{1, 1, 1, 1}, {31, 32, 95, 150}, 3, 3, 1, 0, 64, 1};
  runRing<S, E, attention::RingForm<8, 1, 8, 1, 8, 32>>({whole, kEven, kNone},
                                                        NoScore{});
  runRing<S, E, attention::RingForm<4, 1, 4, 8, 8, 32>>({whole, kFour},
                                                        NoScore{});
  Case odd{{1, 3, 1}, {140, 5, 70}, 6, 2, 3, 100, 32, 1};
  runRing<S, Entry<0, false, false>, attention::RingForm<4, 1, 8, 1, 8, 32, 0>>(
      {odd}, CapAndSlope{});
}
TEST(AttentionDecodeTest, RingClusters) {
  using S = Shape<bf16, 128, 128, true, true>;
  using E = Entry<64, false, false>;
  runRing<S, E, attention::RingForm<2, 1, 4, 8, 8, 16, 0>>(
      {kOne, kDecode, kLong, kFour, kNone}, NoScore{});
}
TEST(AttentionDecodeTest, RingF16SixteenRows) {
  using S = Shape<f16, 80, 96, true, true>;
  using E = Entry<16, true, true>;
  runRing<S, E, attention::RingForm<8, 4, 8, 1, 16, 16, 0>>({kDecode, kPrompt},
                                                            NoScore{});
}
TEST(AttentionDecodeTest, RingScoresWindowsManyHeads) {
  using S = Shape<bf16, 64, 64, true, true>;
  using Open = Shape<bf16, 64, 32, false, true>;
  using F = attention::RingForm<4, 2, 4, 1, 16, 16, 0>;
  Case odd{{1, 3, 1}, {140, 5, 70}, 6, 2, 3, 100, 16, 1};
  runRing<S, Entry<0, false, false>, F>({odd}, CapAndSlope{});
  runRing<Open, Entry<32, false, false>, F>({odd}, CapAndSlope{});
  Case heads{{1, 2}, {40, 69}, 20, 1, 16, 0, 16, 1}; // 20 = 16 + 4 heads
  runRing<S, Entry<24, false, true>, F>({heads}, NoScore{});
}

} // namespace
