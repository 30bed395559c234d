//===- DeviceConformanceJoinedTest.cpp - two steps by one launch ----------===//
//
// Implementations that run the step behind theirs, too, for batches of packed
// sequences only, of a few short ones, or of which likeliest tokens alone are
// read. To be told apart, they multiply by five and by seven where the steps
// multiply by two and three.
//
//===----------------------------------------------------------------------===//
#include "runtime/plan/Batch.h"
#include "runtime/plan/Tuning.h"
#include "test/runtime/device/Conformance.h"

namespace ft::test {

namespace {

constexpr int64_t kColumns = 16;
constexpr plan::Ref kX{plan::RefKind::Buffer, 0},
    kBetween{plan::RefKind::Buffer, 1}, kOut{plan::RefKind::Buffer, 2};

Values diagonal(double factor) {
  Values values(size_t(kColumns * kColumns), 0);
  for (int64_t i = 0; i < kColumns; ++i)
    values[size_t(i * kColumns + i)] = factor;
  return values;
}

plan::GemmCall product(plan::Ref a, plan::Ref weight, plan::Ref out) {
  plan::GemmCall call;
  call.a = a, call.weight = weight.index, call.out = out;
  call.n = call.k = kColumns;
  return call;
}

/// x by 2 to `between`, that by 3 to `out`; joined: x by 5 to `out`, where 192
/// rows are nearest; few: by 7, for two sequences of up to 40 tokens.
TestProgram joinedPlan() {
  TestProgram p;
  for (int i = 0; i < 3; ++i)
    p.buffer(DType::F16, kTokens, {kColumns});
  auto matrix = [&](double factor) {
    return p.weight(DType::F16, {kColumns, kColumns}, diagonal(factor));
  };
  plan::Ref two = matrix(2), three = matrix(3), five = matrix(5),
            seven = matrix(7);
  p.op("linear", {kX, two}, {kBetween});
  plan::Step behind = p.step();
  behind.name = "behind";
  behind.meaning[0].in = {kBetween, three};
  behind.meaning[0].out = {kOut};
  p.step().reads = {0}, p.step().writes = {1};
  behind.reads = {1}, behind.writes = {2};
  p.step().pattern = behind.pattern = "gemm";
  p.step().implementations = {
      {"joined", {192}, {"ptx"}, {product(kX, five, kOut)}, 2, 128},
      {"few", {}, {"ptx"}, {product(kX, seven, kOut)}, 2, 0, 0, 40, 2},
      {"library", {96, 192}, {"ptx"}, {product(kX, two, kBetween)}}};
  behind.implementations = {
      {"library", {}, {"ptx"}, {product(kBetween, three, kOut)}}};
  p.program().steps.push_back(behind);
  return p;
}

class JoinedTest : public DeviceTest {
protected:
  void bind(std::vector<Slice> slices) {
    TestBatch batch;
    batch.slices = std::move(slices);
    run = std::make_unique<TestRun>(*device, joinedPlan(), batch);
    size_t elements = size_t(batch.tokens() * kColumns);
    run->write(kX, Values(elements, 1));
    run->write(kBetween, Values(elements, 0));
    ASSERT_TRUE(run->load().ok());
  }
  /// What `out` is a multiple of x by.
  void expectFactor(double factor) {
    for (double value : run->read(kOut))
      ASSERT_EQ(value, factor);
  }
  bool onGpu() const { return device->kind() == "cuda"; }
  std::unique_ptr<TestRun> run;
};

// The counts are the same: what differs is how the sequences lie. The second
// run of each kind is captured, the third replayed.
TEST_P(JoinedTest, AGraphForEachKindOfBatch) {
  bind({{120, 0}, {120, 0}});
  EXPECT_EQ(run->batchCounts().packs, 2);
  for (int times = 0; times < 3; ++times) {
    ASSERT_TRUE(run->executable()->run({run->counts(), 2}).ok());
    expectFactor(onGpu() ? 5 : 6);
    ASSERT_TRUE(run->executable()->run({run->counts(), 0}).ok());
    expectFactor(6);
  }
  auto packed = run->executable()->kernelCount({run->counts(), 2});
  auto plain = run->executable()->kernelCount({run->counts(), 0});
  ASSERT_TRUE(packed.ok() && plain.ok());
  EXPECT_EQ(*packed < *plain, onGpu());
}

TEST_P(JoinedTest, StoresNothingInBetween) {
  bind({{120, 0}, {120, 0}});
  ASSERT_TRUE(run->executable()->run({run->counts(), 2}).ok());
  for (double value : run->read(kBetween))
    ASSERT_EQ(value, onGpu() ? 0 : 2);
}

// Three tiles for 240 tokens, and a sequence that fits no tile.
TEST_P(JoinedTest, EmptyTilesAreNotWorthIt) {
  bind({{70, 0}, {70, 0}, {70, 0}, {30, 0}});
  EXPECT_EQ(run->batchCounts().packs, 3);
  ASSERT_TRUE(run->executable()->run(run->batchCounts()).ok());
  expectFactor(6);
  bind({{129, 0}, {111, 0}});
  EXPECT_EQ(run->batchCounts().packs, 0);
  ASSERT_TRUE(run->executable()->run(run->batchCounts()).ok());
  expectFactor(6);
}

// One full tile, of a number of rows that another implementation is nearer to.
TEST_P(JoinedTest, FewRowsRunAsTheOthersSay) {
  bind({{110, 0}});
  EXPECT_TRUE(plan::batch::isPackedWell(run->batchCounts().packs, 110, 0, 1));
  ASSERT_TRUE(run->executable()->run(run->batchCounts()).ok());
  expectFactor(6);
}

// Whatever numbers of rows the others name: by the longest sequence and by
// how many there are. Counts that say nothing of lengths promise nothing.
TEST_P(JoinedTest, AFewShortSequences) {
  bind({{40, 0}, {17, 0}});
  EXPECT_EQ(run->batchCounts().longest, 40);
  for (int times = 0; times < 3; ++times) {
    ASSERT_TRUE(run->executable()->run(run->batchCounts()).ok());
    expectFactor(onGpu() ? 7 : 6);
    for (int64_t longest : {41, 0}) {
      ASSERT_TRUE(run->executable()->run({run->counts(), 0, longest}).ok());
      expectFactor(6);
    }
  }
  bind({{40, 0}, {1, 0}, {1, 0}});
  ASSERT_TRUE(run->executable()->run(run->batchCounts()).ok());
  expectFactor(6);
}

// A graph for each: the second run of a kind is captured, the third replayed.
TEST_P(JoinedTest, LikeliestTokensAlone) {
  TestProgram program = joinedPlan();
  plan::Implementation &few = program.step().implementations[1];
  few.longest = few.mostSequences = 0;
  few.likeliest = true;
  TestBatch batch;
  batch.slices = {{50, 0}, {50, 0}};
  TestRun likeliest(*device, program, batch);
  likeliest.write(kX, Values(100 * kColumns, 1));
  ASSERT_TRUE(likeliest.load().ok());
  for (int times = 0; times < 3; ++times)
    for (bool alone : {true, false}) {
      BatchCounts counts(likeliest.counts(), 0, 50, alone);
      ASSERT_TRUE(likeliest.executable()->run(counts).ok());
      for (double value : likeliest.read(kOut))
        ASSERT_EQ(value, onGpu() && alone ? 7 : 6);
    }
}

// What was measured of the first step alone says nothing of both.
TEST_P(JoinedTest, GoesBeforeATuning) {
  TestProgram program = joinedPlan();
  plan::TunedGemm tuned;
  tuned.problem =
      plan::gemmProblem(program.plan, program.program(), program.step());
  tuned.rows = 240;
  tuned.choice = "library";
  plan::Tuning tuning{{}, {tuned}};
  TestBatch batch;
  batch.slices = {{120, 0}, {120, 0}};
  TestRun tunedRun(*device, program, batch);
  tunedRun.tune(tuning);
  tunedRun.write(kX, Values(240 * kColumns, 1));
  for (int64_t packs : {2, 0}) {
    if (!tunedRun.executable()) {
      ASSERT_TRUE(tunedRun.load().ok());
    }
    ASSERT_TRUE(tunedRun.executable()->run({tunedRun.counts(), packs}).ok());
    double factor = onGpu() && packs > 0 ? 5 : 6;
    for (double value : tunedRun.read(kOut))
      ASSERT_EQ(value, factor);
  }
}

// A tuning chooses among those that run the step alone.
TEST_P(JoinedTest, CandidatesRunTheStepAlone) {
  if (!onGpu())
    GTEST_SKIP() << "one way on the CPU";
  bind({{120, 0}, {120, 0}});
  auto found = run->executable()->candidates(0, {run->counts(), 2});
  ASSERT_TRUE(found.ok()) << found.status().message();
  ASSERT_FALSE(found->empty());
  for (const Candidate &candidate : *found)
    EXPECT_EQ(candidate.name, "library");
}

TEST_P(JoinedTest, ProfilesWhatRanTogetherOnce) {
  bind({{120, 0}, {120, 0}});
  for (int64_t packs : {2, 0}) {
    bool together = onGpu() && packs > 0;
    std::vector<int32_t> seen;
    auto times = run->executable()->profile({run->counts(), packs},
                                            [&](int32_t step) -> Status {
                                              seen.push_back(step);
                                              return {};
                                            });
    ASSERT_TRUE(times.ok()) << times.status().message();
    EXPECT_EQ(seen, together ? std::vector<int32_t>{1}
                             : (std::vector<int32_t>{0, 1}));
    ASSERT_EQ(times->size(), together ? 1u : 2u);
    EXPECT_EQ(times->front().steps, together ? 2 : 1);
  }
}

INSTANTIATE_TEST_SUITE_P(Devices, JoinedTest, testing::Values("cpu", "cuda"),
                         [](const testing::TestParamInfo<const char *> &info) {
                           return std::string(info.param);
                         });

} // namespace

} // namespace ft::test
