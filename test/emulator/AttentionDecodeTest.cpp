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
         nameOf<E>() + ", " + std::to_string(stages) + ", " + nameOf<Score>() +
         ">";
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
                         attention::Decode<S, E, stages>::shared(
                             attention::kInboxFloats<S, 8>),
                         batch.args(), batch.fresh(), score);
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

} // namespace
