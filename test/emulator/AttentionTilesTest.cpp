//===- AttentionTilesTest.cpp - attention of many queries, emulated -------===//
//
// The kernel and references of test/gpu/attention_tiles_check.cu, on smaller
// batches.
//
//===----------------------------------------------------------------------===//
#include "test/emulator/Array.h"

#include "test/gpu/AttentionTiles.h"

using namespace check;

namespace {

/// attention_short's grid covers the batch and, the second time, a tile more.
template <typename C, typename Score>
void runCase(const Case &c, const Score &score) {
  std::string instance = std::string("check::") +
                         (C::kBrief ? "shortKernel<" : "tilesKernel<") +
                         nameOf<C>() + ", " + nameOf<Score>() + ">";
  Kernels kernels("AttentionTilesKernels.cuh", {instance});
  if (auto status = kernels.open(); !status.ok()) {
    ASSERT_EQ(status.code(), ft::StatusCode::NotFound) << status.message();
    GTEST_SKIP() << status.message();
  }
  using T = typename C::T;
  Batch<typename C::S> batch(c);
  TileMaps<C> maps(batch);
  auto run = [&](uint32_t grid) {
    kernels.options.residentClusters = 3; // who draw tiles by turns
    kernels.options.seed = grid;
    ft::emulator::Dim3 ctas{grid, 1, 1}, threads{uint32_t(C::kThreads), 1, 1};
    if constexpr (C::kBrief) {
      ctas = {uint32_t(c.heads),
              uint32_t((batch.total + attention::kTokensOfTile - 1) /
                           attention::kTokensOfTile +
                       grid % 2),
              1};
    }
    kernels.launch(instance, ctas, threads, C::kSharedBytes, maps.q, maps.k,
                   maps.v, batch.args(), score);
  };
  run(5);
  int before = failures;
  compare(instance, batch.out, batch.outStride, size_t(c.heads) * C::S::DV,
          batch.reference(score), 2 * kTolerance<T>);
  EXPECT_EQ(failures, before) << "printed above";
  // The counters are left at zero, and the grid changes nothing.
  std::vector<T> first = batch.out.host;
  poison(batch.out);
  run(2);
  batch.out.down();
  EXPECT_EQ(std::memcmp(first.data(), batch.out.host.data(),
                        first.size() * sizeof(T)),
            0)
      << "another grid, other bits";
}

TEST(AttentionTilesTest, PagedWindowScore) {
  using Wide =
      attention::Config<Shape<bf16, 64, 64, true, true>, 4, 2, 128, 64>;
  runCase<Wide>({{65, 1, 70, 7}, {0, 200, 65, 15}, 8, 2, 4, 100, 64, 1},
                CapAndSlope{});
}
TEST(AttentionTilesTest, PagedPacksOfManyHeads) {
  using Small =
      attention::Config<Shape<f16, 64, 64, true, true>, 16, 2, 128, 16>;
  runCase<Small>({{35, 1, 30, 7}, {0, 200, 65, 16}, 20, 1, 16, 40, 48, 1},
                 NoScore{});
}
TEST(AttentionTilesTest, PagedThreeWarpgroups) {
  using Prompts =
      attention::Config<Shape<bf16, 64, 64, true, true>, 5, 3, 128, 64, 1, 3>;
  Case prompts{{130, 1, 70}, {0, 200, 65}, 10, 2, 5, 0, 64, 1};
  runCase<Prompts>(prompts, NoScore{});
  prompts.window = 50;
  runCase<Prompts>(prompts, NoScore{});
}
TEST(AttentionTilesTest, PackedThreeWarpgroups) {
  using Bert =
      attention::Config<Shape<f16, 64, 64, false, false>, 1, 3, 128, 128>;
  runCase<Bert>({{1, 64, 33, 129, 200}, {}, 3, 3, 1, 0, 1, 1}, NoScore{});
}
/// Blocks counted from the second sequence's first key, or not; with maxima
/// that grow from block to block.
TEST(AttentionTilesTest, PackedTwoSequences) {
  using Images =
      attention::Config<Shape<f16, 64, 64, false, false>, 1, 3, 112, 112, 1, 3>;
  runCase<Images>({{197, 197, 197}, {}, 2, 2, 1, 0, 1, 1}, NoScore{});
  runCase<Images>({{130, 30, 1, 290}, {}, 2, 1, 1, 0, 1, 1, 40}, NoScore{});
}
TEST(AttentionTilesTest, PackedGrowth) {
  using Narrow =
      attention::Config<Shape<bf16, 64, 64, true, false>, 1, 3, 128, 128, 1, 3>;
  runCase<Narrow>({{300, 84}, {}, 2, 1, 1, 0, 1, 1, 40}, NoScore{});
}
TEST(AttentionTilesTest, PackedOddHeads) {
  using Odd =
      attention::Config<Shape<bf16, 80, 96, false, false>, 2, 2, 128, 128>;
  runCase<Odd>({{150, 0, 77, 5}, {}, 4, 2, 2, 0, 1, 1}, NoScore{});
}
TEST(AttentionTilesTest, PackedCausal) {
  using Tiny =
      attention::Config<Shape<bf16, 32, 72, true, false>, 7, 2, 128, 128>;
  runCase<Tiny>({{100, 3, 77, 29}, {}, 14, 2, 7, 0, 1, 1}, NoScore{});
}
TEST(AttentionTilesTest, PackedOneWarpgroup) {
  using One =
      attention::Config<Shape<f16, 64, 64, false, false>, 1, 1, 64, 64, 3>;
  runCase<One>({ragged(12, 1, 90), {}, 2, 2, 1, 17, 1, 1}, CapAndSlope{});
}

//===----------------------------------------------------------------------===//
// Wide heads: blocks that all rows see have a loop of their own
//===----------------------------------------------------------------------===//

using Cached =
    attention::Config<Shape<bf16, 128, 128, true, true>, 4, 2, 128, 64>;
template <bool causal, int pack>
using Dense =
    attention::Config<Shape<bf16, 128, 128, causal, false>, pack, 2, 128, 128>;

/// Behind 0 .. 5 blocks, odd numbers and even ones of which all rows see. The
/// second and third begin at the last key of a block, so that of the block that
/// comes first some rows see nothing, and of the next one all.
const Case chunks{{40, 33, 20, 1}, {0, 511, 383, 700}, 8, 2, 4, 0, 64, 1};
/// Blocks of which some rows see the end, none, or the beginning.
Case windowed(int window) {
  return {{40, 9, 20}, {640, 700, 0}, 4, 1, 4, window, 64, 1};
}
Case sharp(Case c) { // maxima that grow
  c.scale = 40;
  return c;
}
/// Long sequences on either side of a short one share tiles with it.
const Case neighbours{{200, 9, 350}, {}, 4, 1, 4, 0, 1, 1};

TEST(AttentionTilesTest, WidePaged) {
  runCase<Cached>(chunks, NoScore{});
  runCase<Cached>(sharp(chunks), NoScore{});
}
TEST(AttentionTilesTest, WidePagedWindows) {
  runCase<Cached>(sharp(windowed(500)), NoScore{});
  runCase<Cached>(windowed(300), NoScore{}); // none or one
  runCase<Cached>(windowed(20), NoScore{});
}
TEST(AttentionTilesTest, WidePacked) {
  runCase<Dense<false, 4>>(neighbours, NoScore{});
  runCase<Dense<true, 4>>(sharp(neighbours), NoScore{});
  Case seen{{450, 30}, {}, 4, 1, 4, 330, 1, 1};
  runCase<Dense<false, 4>>(sharp(seen), NoScore{});
}
/// Blocks counted from the second one's first key.
TEST(AttentionTilesTest, WidePackedTwoSequences) {
  runCase<Dense<false, 1>>({{300, 330, 60}, {}, 1, 1, 1, 0, 1, 1, 40},
                           NoScore{});
}
TEST(AttentionTilesTest, WideInPlace) { // no registers for pairs
  using Large =
      attention::Config<Shape<bf16, 256, 256, true, true>, 3, 2, 64, 64>;
  runCase<Large>({{45, 2}, {200, 129}, 3, 1, 3, 0, 64, 1}, NoScore{});
}
TEST(AttentionTilesTest, WideScore) { // has masks in every block
  using Scored =
      attention::Config<Shape<bf16, 128, 128, true, true>, 4, 2, 64, 64>;
  runCase<Scored>({{40, 9}, {200, 0}, 8, 2, 4, 100, 64, 1}, CapAndSlope{});
}
TEST(AttentionTilesTest, GroupsOfHeads) { // two or three tiles each
  using Paged =
      attention::Config<Shape<bf16, 64, 64, true, true>, 2, 2, 128, 64>;
  runCase<Grouped<Paged>>({{100, 7}, {0, 90}, 8, 4, 2, 0, 64, 1}, NoScore{});
  using Packed =
      attention::Config<Shape<bf16, 64, 64, false, false>, 1, 2, 128, 128>;
  runCase<Grouped<Packed>>({{140, 20}, {}, 6, 6, 1, 0, 1, 1}, NoScore{});
}

//===----------------------------------------------------------------------===//
// attention_short
//===----------------------------------------------------------------------===//

template <typename S, int keys, int ctas, int stages>
using Short = attention::Config<S, 1, 1, keys, keys, ctas, stages, true>;
using Bert = Shape<f16, 64, 64, false, false>;

TEST(AttentionTilesTest, ShortRagged) { // more blocks than stages
  runCase<Short<Bert, 128, 3, 2>>({{1, 64, 33, 129, 600}, {}, 2, 2, 1, 0, 1, 1},
                                  NoScore{});
}
TEST(AttentionTilesTest, ShortLastBlocks) { // of each width, 1 .. 4 blocks
  runCase<Short<Bert, 128, 3, 2>>(
      {{16, 17, 32, 33, 64, 197, 230, 255, 500}, {}, 2, 1, 1, 0, 1, 1},
      NoScore{});
}
TEST(AttentionTilesTest, ShortMoreThanAWarpOfSequences) {
  runCase<Short<Bert, 128, 2, 2>>({ragged(70, 1, 40), {}, 2, 1, 1, 17, 1, 1},
                                  CapAndSlope{});
}
TEST(AttentionTilesTest, ShortTilesOfOneSequenceEach) {
  std::vector<int> lengths(40, 100); // 50 tokens a tile
  lengths[7] = 0;
  runCase<Short<Bert, 64, 3, 4>>({lengths, {}, 1, 1, 1, 0, 1, 1}, NoScore{});
}
TEST(AttentionTilesTest, ShortEmptySequences) {
  runCase<Short<Shape<bf16, 64, 64, false, false>, 128, 3, 2>>(
      {{0, 0, 63, 0, 66, 0, 300, 0}, {}, 2, 1, 1, 0, 1, 1}, NoScore{});
}
TEST(AttentionTilesTest, ShortOneToken) {
  runCase<Short<Bert, 128, 3, 2>>({{1}, {}, 2, 2, 1, 0, 1, 1}, NoScore{});
}
TEST(AttentionTilesTest, ShortThousandSequences) {
  runCase<Short<Bert, 128, 3, 2>>({ragged(1100, 0, 2), {}, 1, 1, 1, 0, 1, 1},
                                  NoScore{});
}
TEST(AttentionTilesTest, ShortCausalOddHeads) {
  runCase<Short<Shape<bf16, 40, 72, true, false>, 64, 2, 3>>(
      {{200, 3, 77, 29}, {}, 2, 2, 1, 0, 1, 1}, NoScore{});
}
TEST(AttentionTilesTest, ShortCausalWindow) {
  runCase<Short<Shape<bf16, 64, 64, true, false>, 128, 3, 2>>(
      {{300, 3, 77}, {}, 4, 2, 1, 100, 1, 1}, NoScore{});
}
TEST(AttentionTilesTest, ShortWindowScore) { // of a block, a part of the rows
  runCase<Short<Bert, 128, 2, 2>>({{384, 5, 197, 1}, {}, 2, 2, 1, 50, 1, 1},
                                  CapAndSlope{});
}

} // namespace
