//===- DeviceConformanceAttentionTest.cpp - rope, caches, attention -------===//
#include "test/runtime/device/Conformance.h"

#include <cmath>

namespace ft::test {

using AttentionTest = OpTest;
FT_INSTANTIATE_OP_TESTS(AttentionTest);

//===----------------------------------------------------------------------===//
// rope
//===----------------------------------------------------------------------===//

static Values ropeTable(int64_t positions, int64_t dims, DType dtype) {
  Values table;
  for (int64_t p = 0; p < positions; ++p)
    for (int64_t j = 0; j < dims; ++j) {
      int64_t pair = j % (dims / 2);
      double angle = double(p) / std::pow(100.0, 2.0 * double(pair) / dims);
      table.push_back(
          rounded(j < dims / 2 ? std::cos(angle) : std::sin(angle), dtype));
    }
  return table;
}

static void checkRope(Device &device, DType dtype, int64_t size, int64_t dims,
                      bool interleaved) {
  SCOPED_TRACE(testing::Message() << size << " " << dims << interleaved);
  const TestBatch batch = {{{3, 5}, {1, 0}, {4, 60}}, {}, 3};
  const int64_t positions[] = {5, 6, 7, 0, 60, 61, 62, 63}, heads = 3;
  Values table = ropeTable(64, dims, DType::F32);
  TestProgram program;
  plan::Ref x = program.buffer(dtype, kTokens, {heads, size}, 1);
  plan::Ref y = program.buffer(dtype, kTokens, {heads, size}, 2);
  plan::Ref w = program.weight(DType::F32, {64, dims}, table);
  program.op("rope", {x, program.sequences(), w}, {y},
             {{"interleaved", interleaved}, {"dims", dims}});
  TestRun run(device, program, batch);
  Values values = randomValues(8 * heads * size, dtype, 30), want = values;
  run.write(x, values);
  ASSERT_TRUE(run.run().ok());
  for (int64_t v = 0; v < 8 * heads; ++v)
    for (int64_t j = 0; j < dims / 2; ++j) {
      int64_t a = v * size + (interleaved ? 2 * j : j);
      int64_t b = v * size + (interleaved ? 2 * j + 1 : j + dims / 2);
      const double *row = &table[size_t(positions[v / heads] * dims)];
      want[a] = values[a] * row[j] - values[b] * row[dims / 2 + j];
      want[b] = values[a] * row[dims / 2 + j] + values[b] * row[j];
    }
  expectClose(run.read(y), want, dtype, f32Error(3, 2.0));
}

TEST_P(AttentionTest, RopeRotatesPairs) {
  for (DType dtype : kFloats)
    for (bool interleaved : {false, true}) {
      checkRope(*device, dtype, 32, 32, interleaved);
      checkRope(*device, dtype, 10, 6, interleaved);
      checkRope(*device, dtype, 256, 64, interleaved);
    }
}

TEST_P(AttentionTest, RopeRefusesPositionsBeyondItsTable) {
  TestProgram program;
  plan::Ref x = program.buffer(DType::F32, kTokens, {1, 2});
  plan::Ref w = program.weight(DType::F32, {8, 2}, Values(16, 0.0));
  program.op("rope", {x, program.sequences(), w}, {x});
  EXPECT_TRUE(TestRun(*device, program, {{{2, 6}}, {}, 3}).run().ok());
  Status status = TestRun(*device, program, {{{2, 7}}, {}, 3}).run();
  EXPECT_EQ(status.code(), StatusCode::OutOfRange);
  EXPECT_NE(status.message().find("position 8"), std::string::npos);
}

//===----------------------------------------------------------------------===//
// attention
//===----------------------------------------------------------------------===//

namespace {
using ScoreFunction = double (*)(double score, double head, double query,
                                 double key);
struct AttentionCase {
  int64_t heads = 4, kvHeads = 4, size = 32, valueSize = 32;
  bool causal = true;
  int64_t window = 0;
  DType dtype = DType::F32, cacheType = DType::F32;
  int64_t pageSize = 16; // 0: no cache
  std::vector<plan::ScoreInst> score = {};
  ScoreFunction reference = nullptr;
  Shape tableShape = {}; // weight 0, which the region reads
  Values table = {};
  double magnitude = 0; // of values inside the region
};

/// q, k and v of every sequence, from its first position.
struct Sequence {
  int64_t tokens, past;
  Values q, k, v; // [past + tokens, heads, size]; q of new tokens only
};
} // namespace

static bool visible(const AttentionCase &c, int64_t query, int64_t key) {
  int64_t distance = query - key;
  if (c.causal)
    return distance >= 0 && (c.window == 0 || distance < c.window);
  return c.window == 0 || std::abs(distance) < c.window;
}

/// One head of one query in fp64: values, then the weight-averaged magnitude
/// of the values, which scales the error bound.
static void referenceHead(const AttentionCase &c, const Sequence &s,
                          int64_t token, int64_t head, Values &want,
                          Values &magnitude) {
  int64_t query = s.past + token, kv = head / (c.heads / c.kvHeads);
  double scale = 1 / std::sqrt(double(c.size)), sum = 0;
  Values y(size_t(c.valueSize), 0.0), m = y;
  for (int64_t key = 0; key < s.past + s.tokens; ++key) {
    if (!visible(c, query, key))
      continue;
    double score = 0;
    for (int64_t j = 0; j < c.size; ++j)
      score += s.q[(token * c.heads + head) * c.size + j] *
               s.k[(key * c.kvHeads + kv) * c.size + j];
    score *= scale;
    if (c.reference)
      score = c.reference(score, double(head), double(query), double(key));
    sum += std::exp(score);
    for (int64_t j = 0; j < c.valueSize; ++j) {
      double value = s.v[(key * c.kvHeads + kv) * c.valueSize + j];
      y[size_t(j)] += std::exp(score) * value;
      m[size_t(j)] += std::exp(score) * std::fabs(value);
    }
  }
  for (int64_t j = 0; j < c.valueSize; ++j) {
    want.push_back(sum == 0 ? 0 : y[size_t(j)] / sum);
    magnitude.push_back(sum == 0 ? 0 : m[size_t(j)] / sum);
  }
}

static std::vector<Sequence> makeSequences(const AttentionCase &c,
                                           const TestBatch &batch) {
  std::vector<Sequence> sequences;
  uint64_t key = 100;
  for (const Slice &slice : batch.slices) {
    int64_t all = slice.past + slice.tokens;
    // The batch holds k and v in the activations' dtype, the cache in its own;
    // with values of both, appending rounds nothing.
    DType narrow = c.dtype == DType::F32 ? c.cacheType : c.dtype;
    sequences.push_back(
        {slice.tokens, slice.past,
         randomValues(slice.tokens * c.heads * c.size, c.dtype, key, 2),
         randomValues(all * c.kvHeads * c.size, narrow, key + 1, 2),
         randomValues(all * c.kvHeads * c.valueSize, narrow, key + 2)});
    key += 3;
  }
  return sequences;
}

/// The new tokens' rows of all sequences.
static Values packNew(const std::vector<Sequence> &sequences,
                      Values Sequence::*member, int64_t width) {
  Values packed;
  for (const Sequence &s : sequences) {
    const Values &all = s.*member;
    packed.insert(packed.end(), all.end() - s.tokens * width, all.end());
  }
  return packed;
}

static void checkAttention(Device &device, const AttentionCase &c,
                           const TestBatch &batch) {
  SCOPED_TRACE(testing::Message()
               << c.heads << "/" << c.kvHeads << " heads of " << c.size << ","
               << c.valueSize << " causal " << c.causal << " window "
               << c.window << " page " << c.pageSize << " "
               << dtypeName(c.dtype) << " " << dtypeName(c.cacheType));
  TestProgram program;
  plan::Ref q = program.buffer(c.dtype, kTokens, {c.heads, c.size}, 1);
  plan::Ref k = program.buffer(c.dtype, kTokens, {c.kvHeads, c.size}, 2);
  plan::Ref v = program.buffer(c.dtype, kTokens, {c.kvHeads, c.valueSize});
  plan::Ref y = program.buffer(c.dtype, kTokens, {c.heads, c.valueSize}, 3);
  plan::Ref s = program.sequences();
  std::vector<plan::Ref> in = {q, k, v, s};
  const int64_t layer = 1;
  if (!c.table.empty())
    program.weight(DType::F32, c.tableShape, c.table);
  if (c.pageSize) {
    plan::Ref cache =
        program.cache(3, c.pageSize,
                      {{"k", c.cacheType, {c.kvHeads, c.size}},
                       {"v", c.cacheType, {c.kvHeads, c.valueSize}}});
    program.op("cache_append", {k, v, s, cache}, {}, {{"layer", layer}});
    in = {q, s, cache};
  }
  program
      .op("attention", in, {y},
          {{"scale", 1 / std::sqrt(double(c.size))},
           {"causal", c.causal},
           {"window", c.window},
           {"layer", layer}})
      .score = c.score;
  std::vector<Sequence> sequences = makeSequences(c, batch);
  TestRun run(device, program, batch);
  run.write(q, packNew(sequences, &Sequence::q, c.heads * c.size));
  run.write(k, packNew(sequences, &Sequence::k, c.kvHeads * c.size));
  run.write(v, packNew(sequences, &Sequence::v, c.kvHeads * c.valueSize));
  for (size_t i = 0; c.pageSize && i < sequences.size(); ++i) {
    const Sequence &sequence = sequences[i];
    run.writeCache(0, layer, int64_t(i),
                   {sequence.k.begin(),
                    sequence.k.begin() + sequence.past * c.kvHeads * c.size});
    run.writeCache(
        1, layer, int64_t(i),
        {sequence.v.begin(),
         sequence.v.begin() + sequence.past * c.kvHeads * c.valueSize});
  }
  Status status = run.run();
  ASSERT_TRUE(status.ok()) << status.message();
  Values want, magnitude;
  for (const Sequence &sequence : sequences)
    for (int64_t t = 0; t < sequence.tokens; ++t)
      for (int64_t h = 0; h < c.heads; ++h)
        referenceHead(c, sequence, t, h, want, magnitude);
  // |q|, |k| < 2: a score's fp32 error is at most size + 1 roundings of
  // 4 size / sqrt(size); it moves a weight by e^error, hence the result by
  // twice that times the values' magnitude. A few roundings for exp.
  double scoreError =
      f32Error(double(c.size) + 8, 4 * std::sqrt(double(c.size))) +
      f32Error(4, c.magnitude);
  expectClose(run.read(y), want, c.dtype, [&](size_t i) {
    return (2 * scoreError + f32Error(8, 1)) * magnitude[i];
  });
}

TEST_P(AttentionTest, OwnTokensOfRaggedBatches) {
  const TestBatch batch = {{{1}, {15}, {16}, {17}, {2}}, {}, 3};
  for (DType dtype : kFloats)
    for (bool causal : {true, false})
      for (int64_t window : {0, 1, 5})
        checkAttention(
            *device,
            {.causal = causal, .window = window, .dtype = dtype, .pageSize = 0},
            batch);
}

TEST_P(AttentionTest, CachedLengthsAroundPageEdges) {
  for (int64_t page : {1, 16, 64})
    for (int64_t past : {int64_t(0), int64_t(1), page - 1, page, page + 1}) {
      // Decode beside prefill, with lengths on both sides of the edge.
      TestBatch batch = {
          {{1, past}, {2, past}, {page + 1, past}, {1, 0}}, {}, 3};
      for (DType type : kFloats)
        checkAttention(*device, {.cacheType = type, .pageSize = page}, batch);
    }
}

TEST_P(AttentionTest, CachedWindowsAndDTypes) {
  const TestBatch batch = {{{1, 40}, {5, 13}, {33, 0}, {1, 0}}, {}, 3};
  for (DType dtype : kFloats)
    for (int64_t window : {1, 16, 17, 1000})
      checkAttention(*device,
                     {.window = window, .dtype = dtype, .cacheType = dtype},
                     batch);
}

TEST_P(AttentionTest, HeadCountsAndSizes) {
  const TestBatch batch = {{{3, 20}, {1, 5}}, {}, 3};
  for (int64_t size : {32, 40, 64, 80, 96, 128, 192, 256})
    for (int64_t kvHeads : {1, 2, 6}) // MQA, GQA, MHA
      for (int64_t page : {0, 16}) {
        TestBatch own = batch;
        if (!page)
          own.slices = {{3}, {1}};
        checkAttention(*device,
                       {.heads = 6,
                        .kvHeads = kvHeads,
                        .size = size,
                        .valueSize = size == 64 ? 24 : size,
                        .pageSize = page},
                       own);
      }
}

static const plan::ScoreInst kScore = {"score", {}, 0, -1},
                             kHead = {"head", {}, 0, -1},
                             kQuery = {"query", {}, 0, -1},
                             kKey = {"key", {}, 0, -1};

static plan::ScoreInst constant(double value) {
  return {"const", {}, value, -1};
}
static plan::ScoreInst compute(const char *op, std::vector<int32_t> args) {
  return {op, std::move(args), 0, -1};
}

// softcap: 5 tanh(score / 5)
TEST_P(AttentionTest, SoftcapRegion) {
  AttentionCase c;
  c.score = {kScore, constant(5), compute("div", {0, 1}), compute("tanh", {2}),
             compute("mul", {3, 1})};
  c.magnitude = 5;
  c.reference = [](double score, double, double, double) {
    return 5 * std::tanh(score / 5);
  };
  for (int64_t page : {0, 16}) {
    c.pageSize = page;
    checkAttention(*device, c, {{{80}, {3}}, {}, 3});
  }
}

// ALiBi: score + (key - query) * slope[head]
TEST_P(AttentionTest, AlibiRegion) {
  AttentionCase c;
  c.tableShape = {4};
  c.table = {0.5, 0.25, 0.125, 0.0625};
  c.score = {kScore,
             kHead,
             {"table", {1}, 0, 0},
             kKey,
             kQuery,
             compute("sub", {3, 4}),
             compute("mul", {5, 2}),
             compute("add", {0, 6})};
  c.magnitude = 100;
  c.reference = [](double score, double head, double query, double key) {
    return score + (key - query) * std::exp2(-head - 1);
  };
  checkAttention(*device, c, {{{70, 3}, {1, 90}}, {}, 3});
}

// Relative buckets in a table [head, bucket], the last one for all far keys;
// indices beyond the table are clamped.
TEST_P(AttentionTest, BucketRegion) {
  AttentionCase c;
  c.kvHeads = 2;
  c.tableShape = {4, 8};
  c.table = randomValues(32, DType::F32, 40);
  c.score = {kScore,
             kHead,
             kQuery,
             kKey,
             compute("sub", {2, 3}),
             constant(2),
             compute("div", {4, 5}),
             {"table", {1, 6}, 0, 0},
             compute("add", {0, 7})};
  c.magnitude = 1;
  c.reference = [](double score, double head, double query, double key) {
    static const Values table = randomValues(32, DType::F32, 40);
    double bucket = std::min(std::floor((query - key) / 2), 7.0);
    return score + table[size_t(head * 8 + bucket)];
  };
  checkAttention(*device, c, {{{40, 3}, {1, 9}}, {}, 3});
}

// A region that is a mask: even keys only, but for the first query.
TEST_P(AttentionTest, SelectingRegion) {
  AttentionCase c;
  c.score = {kScore,
             kKey,
             constant(2),
             compute("div", {1, 2}),
             compute("floor", {3}),
             compute("eq", {3, 4}), // key is even
             kQuery,
             constant(1),
             compute("lt", {6, 7}), // first query
             compute("max", {5, 8}),
             constant(0),
             compute("log", {10}),
             compute("select", {9, 0, 11})};
  c.reference = [](double score, double, double query, double key) {
    return query < 1 || std::fmod(key, 2) == 0 ? score : -INFINITY;
  };
  checkAttention(*device, c, {{{20, 3}, {1, 1}, {2, 0}}, {}, 3});
}

TEST_P(AttentionTest, RowsWithoutKeysAreZero) {
  AttentionCase c;
  c.score = {constant(0), compute("log", {0})};
  c.reference = [](double, double, double, double) {
    return double(-INFINITY);
  };
  for (int64_t page : {0, 16}) {
    c.pageSize = page;
    checkAttention(*device, c, {{{3}, {1}}, {}, 3});
  }
}

//===----------------------------------------------------------------------===//
// cache_append
//===----------------------------------------------------------------------===//

TEST_P(AttentionTest, AppendRoundsIntoPages) {
  for (DType type : kFloats) {
    TestProgram program;
    plan::Ref k = program.buffer(DType::F32, kTokens, {2, 3}, 1);
    plan::Ref v = program.buffer(DType::F32, kTokens, {5});
    plan::Ref cache =
        program.cache(2, 4, {{"k", type, {2, 3}}, {"v", type, {5}}});
    program.op("cache_append", {k, v, program.sequences(), cache}, {},
               {{"layer", int64_t(1)}});
    const TestBatch batch = {{{3, 3}, {9, 0}, {1, 8}}, {}, 3};
    TestRun run(*device, program, batch);
    Values keys = randomValues(13 * 6, DType::F32, 50);
    Values values = randomValues(13 * 5, DType::F32, 51);
    run.write(k, keys);
    run.write(v, values);
    ASSERT_TRUE(run.run().ok());
    size_t token = 0;
    for (size_t s = 0; s < 3; ++s) {
      int64_t all = batch.slices[s].past + batch.slices[s].tokens;
      Values gotK = run.readCache(0, 1, int64_t(s), all);
      Values gotV = run.readCache(1, 1, int64_t(s), all);
      for (double untouched : run.readCache(0, 0, int64_t(s), all))
        EXPECT_TRUE(std::isnan(untouched));
      for (int64_t i = 0; i < all; ++i) {
        if (i < batch.slices[s].past) {
          EXPECT_TRUE(std::isnan(gotK[size_t(i * 6)]));
          continue;
        }
        for (size_t j = 0; j < 6; ++j)
          EXPECT_EQ(gotK[size_t(i * 6) + j],
                    rounded(keys[token * 6 + j], type));
        for (size_t j = 0; j < 5; ++j)
          EXPECT_EQ(gotV[size_t(i * 5) + j],
                    rounded(values[token * 5 + j], type));
        ++token;
      }
    }
  }
}

} // namespace ft::test
