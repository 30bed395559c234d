//===- AddressingTest.cpp - offsets, layouts and bindings -----------------===//
#include "runtime/device/Addressing.h"

#include "runtime/plan/Batch.h"
#include "test/runtime/device/TestProgram.h"

#include <gtest/gtest.h>

namespace ft::test {

namespace batch = plan::batch;

TEST(AddressingTest, ProgramBoundsClipTokensAndRoundUp) {
  plan::Plan plan;
  plan.axes = {{"tokens", 0}, {"sequences", 0}, {"rows", 0}};
  plan::Program program;
  Bounds bounds{{2048, 17, 0}, 4};
  EXPECT_EQ(programBounds(plan, program, bounds),
            (std::vector<int64_t>{2048, 32, 0}));
  program.maxTokens = 8;
  EXPECT_EQ(programBounds(plan, program, bounds),
            (std::vector<int64_t>{16, 32, 0}));
  program.maxTokens = 4096; // beyond the bound
  EXPECT_EQ(programBounds(plan, program, bounds),
            (std::vector<int64_t>{2048, 32, 0}));
}

TEST(AddressingTest, ProgramBoundsOfManyTokensAreWholeTiles) {
  plan::Plan plan;
  plan.axes = {{"tokens", 0}, {"sequences", 0}, {"rows", 0}};
  plan::Program program;
  auto bounds = [&](int64_t tokens) {
    return programBounds(plan, program, Bounds{{tokens, 100, 100}, 4});
  };
  EXPECT_EQ(bounds(64), (std::vector<int64_t>{64, 112, 112}));
  EXPECT_EQ(bounds(65), (std::vector<int64_t>{128, 112, 112}));
  EXPECT_EQ(bounds(1576), (std::vector<int64_t>{1664, 112, 112}));
  program.maxTokens = 64; // a program of few takes no more room
  EXPECT_EQ(bounds(1576), (std::vector<int64_t>{64, 112, 112}));
}

TEST(AddressingTest, EvaluateSumsAndRefusesOverflow) {
  EXPECT_EQ(evaluate({100, {4, 0, 2}}, {16, 32, 48}), 100 + 64 + 96);
  EXPECT_EQ(evaluate({7, {}}, {16}), 7);
  EXPECT_EQ(evaluate({0, {INT64_MAX / 16 + 1}}, {16}), std::nullopt);
  EXPECT_EQ(evaluate({INT64_MAX, {1}}, {16}), std::nullopt);
  EXPECT_EQ(evaluate({0, {1, 1}}, {16}), std::nullopt);
}

// 3 axes; 5 tokens, 3 sequences, 2 rows, 4 page columns: every field is on a
// line of 128 bytes; ids and data follow, a mask has no place.
TEST(AddressingTest, BatchFieldsFollowEachOther) {
  TestProgram program;
  program.input(DType::I32, kTokens, {});
  program.input(DType::I32, kTokens, {});
  program.input(DType::F16, kTokens, {33});
  plan::Entry &entry = program.plan.entries[0];
  entry.inputs[1].role = plan::InputRole::Mask;
  BatchLayout layout = makeBatchLayout(program.plan, entry, {{5, 3, 2}, 4});
  ASSERT_EQ(layout.sequences.size(), 1u);
  EXPECT_EQ(layout.counts, 0);
  EXPECT_EQ(layout.sequences[0].positions, 128);
  EXPECT_EQ(layout.sequences[0].sequenceIds, 256);
  EXPECT_EQ(layout.sequences[0].cuTokens, 384);
  EXPECT_EQ(layout.sequences[0].kvLengths, 512);
  EXPECT_EQ(layout.sequences[0].pageTable, 640);
  EXPECT_EQ(layout.rows, 768);
  EXPECT_EQ(layout.inputs, (std::vector<int64_t>{896, -1, 1024}));
  EXPECT_EQ(layout.bytes, 1024 + 384); // 5 * 33 * 2 = 330 bytes
}

TEST(AddressingTest, BatchFieldsByName) {
  TestProgram program;
  Binding binding;
  binding.layout = makeBatchLayout(program.plan, program.plan.entries[0],
                                   {{300, 300, 300}, 1});
  std::byte block[1];
  binding.batch = block;
  const BatchLayout::Sequences &at = binding.layout.sequences[0];
  auto offset = [&](const char *name) {
    return batchField(binding, name, 0) - block;
  };
  EXPECT_EQ(offset(batch::kCounts), binding.layout.counts);
  EXPECT_EQ(offset(batch::kPositions), at.positions);
  EXPECT_EQ(offset(batch::kSequenceIds), at.sequenceIds);
  EXPECT_EQ(offset(batch::kCuTokens), at.cuTokens);
  EXPECT_EQ(offset(batch::kKvLengths), at.kvLengths);
  EXPECT_EQ(offset(batch::kPageTable), at.pageTable);
  EXPECT_EQ(offset(batch::kRows), binding.layout.rows);
  EXPECT_EQ(batchField(binding, "padding", 0), nullptr);
  EXPECT_EQ(batchField(binding, batch::kPositions, 1), nullptr);
}

/// `packs` of sequences of these lengths, where there was nothing before.
static std::vector<int32_t> packsOf(const std::vector<int32_t> &lengths) {
  std::vector<int32_t> cu{0}, packs(lengths.size() + 2, -1);
  for (int32_t length : lengths)
    cu.push_back(cu.back() + length);
  int64_t tiles = packTiles(cu.data(), int64_t(lengths.size()), packs.data());
  EXPECT_EQ(tiles, packs[0]);
  packs.resize(size_t(tiles) + 2);
  return packs;
}

TEST(AddressingTest, TilesOfWholeSequences) {
  using Packs = std::vector<int32_t>;
  EXPECT_EQ(packsOf({}), (Packs{0, 0}));
  EXPECT_EQ(packsOf({128}), (Packs{1, 0, 1}));
  EXPECT_EQ(packsOf({64, 64, 1}), (Packs{2, 0, 2, 3}));
  // Greedy: the third would fit the first tile, but order is kept.
  EXPECT_EQ(packsOf({100, 60, 20, 48, 1}), (Packs{3, 0, 1, 4, 5}));
  // Empty sequences take no room, and a full tile takes them.
  EXPECT_EQ(packsOf({0, 128, 0, 1, 0}), (Packs{2, 0, 3, 5}));
  EXPECT_EQ(packsOf({0, 0}), (Packs{1, 0, 2}));
  // One of 129 tokens, wherever it lies.
  EXPECT_EQ(packsOf({129}), (Packs{0, 1}));
  EXPECT_EQ(packsOf({3, 3, 129, 3}), (Packs{0, 4}));
}

TEST(AddressingTest, TilesThatAreFullEnough) {
  EXPECT_FALSE(batch::isPackedWell(0, 1000, 0, 132));
  EXPECT_TRUE(batch::isPackedWell(1, 86, 0, 132)); // 128 / 86 = 1.49
  EXPECT_FALSE(batch::isPackedWell(1, 85, 0, 132));
  EXPECT_TRUE(batch::isPackedWell(30, 2560, 0, 132));
  EXPECT_FALSE(batch::isPackedWell(30, 2559, 0, 132));
}

// Twelve CTAs a tile: one turn half empty, two, and the third begun.
TEST(AddressingTest, TilesThatFillTheDevice) {
  auto taken = [](int64_t tiles) {
    return batch::isPackedWell(tiles, 128 * tiles, 12, 132);
  };
  EXPECT_FALSE(taken(1));
  EXPECT_FALSE(taken(4)); // 48 of 132
  EXPECT_TRUE(taken(5));
  EXPECT_TRUE(taken(11));
  EXPECT_FALSE(taken(12)); // 144 of 264
  EXPECT_TRUE(taken(14));
  EXPECT_TRUE(taken(23)); // 276 of 396
}

// Only an entry that has a use for it has the field.
TEST(AddressingTest, PacksWhereAnImplementationReadsThem) {
  TestProgram program;
  const Bounds bounds{{300, 300, 300}, 1};
  plan::Entry &entry = program.plan.entries[0];
  Binding binding;
  std::byte block[1];
  binding.batch = block;
  binding.layout = makeBatchLayout(program.plan, entry, bounds);
  EXPECT_EQ(batchField(binding, batch::kPacks, 0), nullptr);
  int64_t before = binding.layout.bytes;
  program.step().implementations.emplace_back().packed = 128;
  binding.layout = makeBatchLayout(program.plan, entry, bounds);
  EXPECT_EQ(batchField(binding, batch::kPacks, 0) - block,
            binding.layout.sequences[0].packs);
  EXPECT_EQ(binding.layout.bytes - before, 1280); // 302 * 4 on 128 bytes
}

// Two planes, 3 pages of 4 tokens of 2 x 5 halves: 240 bytes a layer.
TEST(AddressingTest, CacheLayersFollowEachOther) {
  TestProgram program;
  program.cache(7, 4, {{"k", DType::F16, {2, 5}}, {"v", DType::F32, {3}}});
  Binding binding;
  std::byte memory[2];
  binding.caches = {{memory, memory + 1}};
  binding.cachePages = 3;
  EXPECT_EQ(cacheLayerAddress(program.plan, binding, 0, 0, 2) - memory, 480);
  EXPECT_EQ(cacheLayerAddress(program.plan, binding, 0, 1, 2) - memory,
            1 + 2 * 3 * 4 * 12);
  EXPECT_EQ(*cachePlaneBytes(program.plan.caches[0], 0, 3), 7 * 240);
  EXPECT_FALSE(cachePlaneBytes(program.plan.caches[0], 0, INT64_MAX / 8).ok());
  EXPECT_FALSE(cachePlaneBytes(program.plan.caches[0], 0, -1).ok());
}

namespace {
/// A binding of one token buffer of 8 floats, 48 tokens at most.
struct BindingTest : testing::Test {
  BindingTest() {
    program.buffer(DType::F32, kTokens, {8});
    program.weight(DType::F32, {1}, {0});
    binding.bounds = {{48, 1, 1}, 0};
    binding.weights = {nullptr};
    binding.layout =
        makeBatchLayout(program.plan, program.plan.entries[0], binding.bounds);
  }
  Status check() {
    return checkBinding(program.plan, program.plan.entries[0],
                        program.program(), binding);
  }
  TestProgram program;
  Binding binding;
};
} // namespace

TEST_F(BindingTest, AcceptsWhatFits) {
  EXPECT_TRUE(check().ok()) << check().message();
  EXPECT_EQ(*arenaBytes(program.plan, program.program(), binding.bounds),
            48 * 32);
}

TEST_F(BindingTest, RefusesBuffersBeyondTheArena) {
  using Change = void (*)(plan::Buffer &);
  const Change changes[] = {
      [](plan::Buffer &b) { b.offset.constant = 4; },
      [](plan::Buffer &b) { b.offset.constant = -4; },
      [](plan::Buffer &b) { b.offset.perAxis[0] = 1; },
      [](plan::Buffer &b) { b.offset.constant = INT64_MAX; },
      [](plan::Buffer &b) { b.shape = {9}; },
      [](plan::Buffer &b) { b.rowStride = 9; },
      [](plan::Buffer &b) { b.rowStride = 7; },
      [](plan::Buffer &b) { b.rowStride = INT64_MAX / 2; }};
  for (Change change : changes) {
    plan::Buffer &buffer = program.program().buffers[0];
    plan::Buffer before = buffer;
    change(buffer);
    Status status = check();
    EXPECT_EQ(status.code(), StatusCode::Corrupt);
    EXPECT_NE(status.message().find("'b0'"), std::string::npos);
    buffer = before;
  }
  EXPECT_TRUE(check().ok());
}

TEST_F(BindingTest, RefusesWrongCountsAndBounds) {
  binding.weights.clear();
  EXPECT_EQ(check().code(), StatusCode::InvalidArgument);
  binding.weights = {nullptr};
  binding.bounds.axes.pop_back();
  EXPECT_EQ(check().code(), StatusCode::InvalidArgument);
  binding.bounds.axes = {INT64_MAX, 1, 1};
  EXPECT_EQ(check().code(), StatusCode::OutOfRange);
  binding.bounds.axes = {-1, 1, 1};
  EXPECT_EQ(check().code(), StatusCode::OutOfRange);
  binding.bounds.axes = {48, 1, 1};
  EXPECT_TRUE(check().ok());
}

} // namespace ft::test
