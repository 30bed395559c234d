//===- DeviceConformanceIndexOpsTest.cpp - linear, look-ups, pooling ------===//
#include "test/runtime/device/Conformance.h"

#include <algorithm>
#include <cmath>

namespace ft::test {

using IndexOpTest = OpTest;
FT_INSTANTIATE_OP_TESTS(IndexOpTest);

static const TestBatch kRagged = {
    {{1}, {7}, {16}, {17}, {3}}, {0, 7, 23, 40, 43, 5}, 3};

//===----------------------------------------------------------------------===//
// linear
//===----------------------------------------------------------------------===//

namespace {
struct LinearCase {
  int64_t m, n, k;
  bool bias;
};
} // namespace

// Around the tile edges 256 x 128, the row threshold 4, and lanes of 16.
static const LinearCase kLinearCases[] = {
    {1, 1, 1, false},     {4, 129, 17, true},   {5, 128, 16, true},
    {9, 127, 31, false},  {255, 3, 64, true},   {257, 130, 33, true},
    {44, 257, 768, true}, {3, 50, 1000, false}, {31, 6, 8, true}};

static void checkLinear(Device &device, const LinearCase &c, DType dtype,
                        DType weightType) {
  SCOPED_TRACE(testing::Message()
               << "m " << c.m << " n " << c.n << " k " << c.k << " "
               << dtypeName(dtype) << " " << dtypeName(weightType));
  TestProgram program;
  plan::Ref x = program.buffer(dtype, kTokens, {c.k}, 2);
  plan::Ref y = program.buffer(dtype, kTokens, {c.n, 1}, 1);
  Values a = randomValues(c.m * c.k, dtype, 11);
  Values w = randomValues(c.n * c.k, weightType, 12);
  Values b = randomValues(c.n, weightType, 13);
  std::vector<plan::Ref> in = {x, program.weight(weightType, {c.n, c.k}, w)};
  if (c.bias)
    in.push_back(program.weight(weightType, {c.n}, b));
  program.op("linear", in, {y});
  TestRun run(device, program, {{{c.m}}, {}, 3});
  run.write(x, a);
  ASSERT_TRUE(run.run().ok());
  Values want, slack;
  for (int64_t i = 0; i < c.m; ++i)
    for (int64_t j = 0; j < c.n; ++j) {
      double sum = c.bias ? b[j] : 0, magnitude = std::fabs(sum);
      for (int64_t l = 0; l < c.k; ++l) {
        sum += a[i * c.k + l] * w[j * c.k + l];
        magnitude += std::fabs(a[i * c.k + l] * w[j * c.k + l]);
      }
      want.push_back(sum);
      // Any order of k products and sums in fp32.
      slack.push_back(f32Error(double(c.k) + 2, magnitude));
    }
  expectClose(run.read(y), want, dtype, [&](size_t i) { return slack[i]; });
}

TEST_P(IndexOpTest, LinearMultiplies) {
  for (const LinearCase &c : kLinearCases)
    for (DType dtype : kFloats)
      checkLinear(*device, c, dtype, dtype);
  checkLinear(*device, kLinearCases[5], DType::F32, DType::BF16);
  checkLinear(*device, kLinearCases[5], DType::BF16, DType::F32);
}

// Fused q|k|v: one product, three column ranges read as values of their own.
TEST_P(IndexOpTest, LinearReadsAndWritesColumnRanges) {
  TestProgram program;
  plan::Ref x = program.buffer(DType::F32, kTokens, {12});
  plan::Ref left = program.view(x, 0, {4});
  plan::Ref right = program.view(x, 7, {5});
  plan::Ref y = program.buffer(DType::F32, kTokens, {3, 4});
  plan::Ref middle = program.view(y, 4, {4});
  Values identity(20, 0.0);
  for (int i = 0; i < 4; ++i)
    identity[size_t(i * 5 + i + 1)] = 1; // row i picks element i + 1
  plan::Ref w = program.weight(DType::F32, {4, 5}, identity);
  program.op("linear", {right, w}, {middle});
  program.op("neg", {left}, {left});
  TestRun run(*device, program, kRagged);
  Values values = randomValues(44 * 12, DType::F32, 14);
  run.write(x, values);
  Status status = run.run();
  ASSERT_TRUE(status.ok()) << status.message();
  Values got = run.read(middle), negated = run.read(x);
  for (size_t t = 0; t < 44; ++t)
    for (size_t j = 0; j < 12; ++j) {
      if (j < 4) {
        EXPECT_EQ(got[t * 4 + j], values[t * 12 + 8 + j]);
      }
      EXPECT_EQ(negated[t * 12 + j],
                j < 4 ? -values[t * 12 + j] : values[t * 12 + j]);
    }
}

TEST_P(IndexOpTest, InfinitiesOfSurplusRowsReachNoOther) {
  TestProgram program;
  plan::Ref x = program.buffer(DType::F32, kTokens, {8});
  plan::Ref y = program.buffer(DType::F32, kTokens, {3});
  plan::Ref w =
      program.weight(DType::F32, {3, 8}, randomValues(24, DType::F32, 15));
  program.op("linear", {x, w}, {y});
  // 44 true rows; the arena holds NaN beyond them.
  TestRun run(*device, program, kRagged);
  run.write(x, randomValues(44 * 8, DType::F32, 16));
  ASSERT_TRUE(run.run().ok());
  for (double value : run.read(y))
    EXPECT_TRUE(std::isfinite(value));
}

//===----------------------------------------------------------------------===//
// Look-ups
//===----------------------------------------------------------------------===//

TEST_P(IndexOpTest, EmbeddingPicksRows) {
  for (DType dtype : kFloats) {
    TestProgram program;
    plan::Ref ids = program.input(DType::I32, kTokens, {});
    Values table = randomValues(50 * 7, dtype, 20);
    plan::Ref w = program.weight(dtype, {50, 7}, table);
    plan::Ref y = program.buffer(dtype, kTokens, {7}, 2);
    program.op("embedding", {ids, w}, {y});
    TestRun run(*device, program, kRagged);
    Values indices, want;
    for (int i = 0; i < 44; ++i) {
      indices.push_back(i * 13 % 50);
      for (int j = 0; j < 7; ++j)
        want.push_back(table[size_t(i * 13 % 50 * 7 + j)]);
    }
    run.write(ids, indices);
    ASSERT_TRUE(run.run().ok());
    EXPECT_EQ(run.read(y), want);
  }
}

TEST_P(IndexOpTest, EmbeddingRefusesRowsBeyondTheTable) {
  for (int bad : {-1, 50}) {
    TestProgram program;
    plan::Ref ids = program.input(DType::I32, kTokens, {});
    plan::Ref w = program.weight(DType::F32, {50, 1}, Values(50, 0.0));
    plan::Ref y = program.buffer(DType::F32, kTokens, {1});
    program.op("embedding", {ids, w}, {y});
    TestRun run(*device, program, kRagged);
    Values indices(44, 49.0);
    run.write(ids, indices);
    EXPECT_TRUE(run.run().ok());
    indices[43] = bad;
    run.write(ids, indices);
    Status status = run.run();
    EXPECT_EQ(status.code(), StatusCode::OutOfRange);
    EXPECT_NE(status.message().find("row " + std::to_string(bad) + " "),
              std::string::npos);
  }
}

// Rows 20 .. 49 of a table; what lies before and after is another rank's.
TEST_P(IndexOpTest, EmbeddingOfARangeGivesZerosOutside) {
  for (DType dtype : kFloats) {
    TestProgram program;
    plan::Ref ids = program.input(DType::I32, kTokens, {});
    Values table = randomValues(30 * 3, dtype, 23);
    plan::Ref w = program.weight(dtype, {30, 3}, table);
    plan::Ref first = program.weight(DType::F32, {1}, {20});
    plan::Ref y = program.buffer(dtype, kTokens, {3}, 2);
    program.op("embedding", {ids, w, first}, {y});
    TestRun run(*device, program, {{{5}}, {}, 3});
    run.write(ids, {19, 20, 49, 50, 0});
    ASSERT_TRUE(run.run().ok());
    EXPECT_EQ(run.read(y),
              (Values{0, 0, 0, table[0], table[1], table[2], table[87],
                      table[88], table[89], 0, 0, 0, 0, 0, 0}));
  }
}

TEST_P(IndexOpTest, PositionsCountFromTheCache) {
  TestProgram program;
  plan::Ref p = program.temp(DType::I32, kTokens, {});
  Values table;
  for (int i = 0; i < 100; ++i)
    table.push_back(i);
  plan::Ref w = program.weight(DType::F32, {100, 1}, table);
  plan::Ref y = program.buffer(DType::F32, kTokens, {1});
  program.op("positions", {program.sequences()}, {p}, {{"offset", int64_t(2)}});
  program.op("embedding", {p, w}, {y});
  TestRun run(*device, program, {{{2, 40}, {3, 0}, {1, 97}}, {}, 0});
  ASSERT_TRUE(run.run().ok());
  EXPECT_EQ(run.read(y), (Values{42, 43, 2, 3, 4, 99}));
}

TEST_P(IndexOpTest, PositionsStopAtMost) {
  TestProgram program;
  plan::Ref p = program.buffer(DType::I32, kTokens, {});
  program.op("positions", {program.sequences()}, {p},
             {{"offset", int64_t(1)}, {"most", int64_t(3)}});
  TestRun run(*device, program, {{{5, 0}, {2, 1}, {1, 97}}, {}, 0});
  ASSERT_TRUE(run.run().ok());
  EXPECT_EQ(run.read(p), (Values{1, 2, 3, 3, 3, 2, 3, 3}));
}

TEST_P(IndexOpTest, RowsPicksWantedOnes) {
  for (DType dtype : kFloats) {
    TestProgram program;
    plan::Ref x = program.buffer(dtype, kTokens, {2, 3}, 1);
    plan::Ref y = program.buffer(dtype, kRows, {2, 3}, 2);
    program.op("rows", {x, program.rows()}, {y});
    TestRun run(*device, program, kRagged);
    Values values = randomValues(44 * 6, dtype, 21), want;
    run.write(x, values);
    ASSERT_TRUE(run.run().ok());
    for (int32_t row : kRagged.wanted)
      want.insert(want.end(), values.begin() + row * 6,
                  values.begin() + row * 6 + 6);
    EXPECT_EQ(run.read(y), want);
  }
}

TEST_P(IndexOpTest, NoWantedRowsIsFine) {
  TestProgram program;
  plan::Ref x = program.buffer(DType::F32, kTokens, {3});
  plan::Ref y = program.buffer(DType::F32, kRows, {3});
  plan::Ref z = program.buffer(DType::F32, kRows, {2});
  plan::Ref w = program.weight(DType::F32, {2, 3}, Values(6, 1.0));
  program.op("rows", {x, program.rows()}, {y});
  program.op("linear", {y, w}, {z});
  TestRun run(*device, program, {{{4}}, {}, 3});
  EXPECT_TRUE(run.run().ok());
}

TEST_P(IndexOpTest, ArgmaxTakesTheLowestOnATie) {
  TestProgram program;
  plan::Ref x = program.buffer(DType::F16, kTokens, {5}, 3);
  plan::Ref y = program.buffer(DType::I32, kTokens, {});
  program.op("argmax", {x}, {y});
  TestRun run(*device, program, {{{4}}, {}, 3});
  const double inf = INFINITY;
  run.write(x, {1,    3,    3,    2,    3,    -1, -2, -3, -4, -0.5,
                -inf, -inf, -inf, -inf, -inf, 0,  0,  0,  0,  1});
  ASSERT_TRUE(run.run().ok());
  EXPECT_EQ(run.read(y), (Values{1, 4, 0, 4}));
}

TEST_P(IndexOpTest, ArgmaxOfEachPart) {
  TestProgram program;
  plan::Ref x = program.buffer(DType::F32, kTokens, {2, 3}, 1);
  plan::Ref y = program.buffer(DType::I32, kTokens, {2});
  program.op("argmax", {x}, {y});
  TestRun run(*device, program, {{{3}}, {}, 2});
  run.write(x, {1, 3, 2, 9, 9, 8, -1, -2, -3, 0, 5, 6, 4, 4, 4, 1, 1, 2});
  ASSERT_TRUE(run.run().ok());
  EXPECT_EQ(run.read(y), (Values{1, 0, 0, 2, 0, 2}));
}

// Columns 10 .. 14 of a row of 13: the last two are padding, however large.
TEST_P(IndexOpTest, LocalArgmaxSkipsThePadding) {
  TestProgram program;
  plan::Ref x = program.buffer(DType::BF16, kTokens, {5}, 3);
  plan::Ref first = program.weight(DType::F32, {1}, {10});
  plan::Ref y = program.buffer(DType::F32, kTokens, {2}, 1);
  program.op("local_argmax", {x, first}, {y}, {{"limit", int64_t(13)}});
  TestRun run(*device, program, {{{3}}, {}, 3});
  run.write(x, {1, 3, 3, 9, 9, -4, -3, -2, 0, 0, 2, 1, 0, 0, 0});
  ASSERT_TRUE(run.run().ok());
  EXPECT_EQ(run.read(y), (Values{3, 11, -2, 12, 2, 10}));
}

TEST_P(IndexOpTest, LocalArgmaxOfNoColumnLosesToAny) {
  TestProgram program;
  plan::Ref x = program.buffer(DType::F32, kTokens, {2});
  plan::Ref first = program.weight(DType::F32, {1}, {14});
  plan::Ref y = program.buffer(DType::F32, kTokens, {2});
  program.op("local_argmax", {x, first}, {y}, {{"limit", int64_t(13)}});
  TestRun run(*device, program, {{{1}}, {}, 3});
  run.write(x, {5, 6});
  ASSERT_TRUE(run.run().ok());
  EXPECT_EQ(run.read(y), (Values{-INFINITY, 13}));
}

TEST_P(IndexOpTest, MergeArgmaxTakesTheLowestOnATie) {
  TestProgram program;
  plan::Ref x = program.buffer(DType::F32, kTokens, {6}, 2);
  plan::Ref y = program.buffer(DType::I32, kTokens, {});
  program.op("merge_argmax", {x}, {y});
  TestRun run(*device, program, {{{4}}, {}, 3});
  const double inf = INFINITY;
  run.write(x, {1, 3,  2, 7, 2, 12, // the middle one
                5, 12, 5, 3, 5, 7,  // equal: the lowest index, not place
                4, 2,  3, 7, 3, 9,  -inf, 0, -inf, 13, -inf, 13});
  ASSERT_TRUE(run.run().ok());
  EXPECT_EQ(run.read(y), (Values{7, 3, 2, 0}));
}

//===----------------------------------------------------------------------===//
// segment_reduce
//===----------------------------------------------------------------------===//

static double reduceSegment(const std::string &kind, const Values &segment) {
  double sum = 0;
  for (double value : segment)
    sum += value;
  return kind == "mean"    ? sum / double(segment.size())
         : kind == "sum"   ? sum
         : kind == "first" ? segment.front()
         : kind == "last"  ? segment.back()
                           : *std::max_element(segment.begin(), segment.end());
}

TEST_P(IndexOpTest, SegmentReducePoolsEachSequence) {
  for (std::string kind : {"mean", "sum", "max", "first", "last"})
    for (DType dtype : kFloats) {
      SCOPED_TRACE(kind);
      TestProgram program;
      plan::Ref x = program.buffer(dtype, kTokens, {5}, 1);
      plan::Ref y = program.buffer(dtype, kSequences, {5}, 3);
      program.op("segment_reduce", {x, program.sequences()}, {y},
                 {{"kind", kind}});
      TestRun run(*device, program, kRagged);
      Values values = randomValues(44 * 5, dtype, 22), want;
      run.write(x, values);
      ASSERT_TRUE(run.run().ok());
      size_t begin = 0;
      for (const Slice &slice : kRagged.slices) {
        for (size_t j = 0; j < 5; ++j) {
          Values segment;
          for (size_t t = begin; t < begin + size_t(slice.tokens); ++t)
            segment.push_back(values[t * 5 + j]);
          want.push_back(reduceSegment(kind, segment));
        }
        begin += size_t(slice.tokens);
      }
      expectClose(run.read(y), want, dtype,
                  [&](size_t i) { return f32Error(1.01, std::fabs(want[i])); });
    }
}

TEST_P(IndexOpTest, SegmentReduceCountsRowsFromEitherEnd) {
  for (std::string kind : {"first", "last"})
    for (int64_t index : {1, 2, 40}) {
      SCOPED_TRACE(kind + std::to_string(index));
      TestProgram program;
      plan::Ref x = program.buffer(DType::F16, kTokens, {3}, 1);
      plan::Ref y = program.buffer(DType::F16, kSequences, {3});
      program.op("segment_reduce", {x, program.sequences()}, {y},
                 {{"kind", kind}, {"index", index}});
      TestRun run(*device, program, kRagged);
      Values values = randomValues(44 * 3, DType::F16, 23), want;
      run.write(x, values);
      ASSERT_TRUE(run.run().ok());
      int64_t begin = 0;
      for (const Slice &slice : kRagged.slices) {
        int64_t row = kind == "first" ? index : slice.tokens - 1 - index;
        for (int64_t j = 0; j < 3; ++j)
          want.push_back(row >= 0 && row < slice.tokens
                             ? values[size_t((begin + row) * 3 + j)]
                             : 0.0);
        begin += slice.tokens;
      }
      EXPECT_EQ(run.read(y), want);
    }
}

//===----------------------------------------------------------------------===//
// patches
//===----------------------------------------------------------------------===//

// Images of 2 x 5 x 7 in patches of 2 x 3: two rows of two, a border left
// over; two tokens in front, and one behind in the longest sequence.
TEST_P(IndexOpTest, PatchesAreThoseOfTheSequencesImage) {
  constexpr int64_t kImage = 2 * 5 * 7;
  const TestBatch batch{{{7, 0}, {3, 0}, {2, 4}}, {}, 3};
  for (DType dtype : kFloats) {
    TestProgram program;
    plan::Ref image = program.input(dtype, kSequences, {2, 5, 7});
    plan::Ref y = program.buffer(dtype, kTokens, {12}, 5);
    program.op("patches", {image, program.sequences()}, {y},
               {{"patch_height", int64_t(2)},
                {"patch_width", int64_t(3)},
                {"prefix", int64_t(2)}});
    TestRun run(*device, program, batch);
    Values pixels = randomValues(3 * kImage, dtype, 24), want;
    run.write(image, pixels);
    ASSERT_TRUE(run.run().ok());
    for (size_t s = 0; s < batch.slices.size(); ++s)
      for (int64_t t = 0; t < batch.slices[s].tokens; ++t) {
        int64_t patch = batch.slices[s].past + t - 2;
        for (int64_t j = 0; j < 12; ++j) {
          int64_t c = j / 6, row = patch / 2 * 2 + j / 3 % 2;
          int64_t column = patch % 2 * 3 + j % 3;
          want.push_back(
              patch < 0 || patch > 3
                  ? 0.0
                  : pixels[s * kImage + size_t((c * 5 + row) * 7 + column)]);
        }
      }
    EXPECT_EQ(run.read(y), want);
  }
}

} // namespace ft::test
