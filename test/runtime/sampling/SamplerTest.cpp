//===- SamplerTest.cpp - each rule of choosing a token --------------------===//
#include "runtime/sampling/Sampler.h"

#include "runtime/sampling/SamplingParams.h"
#include "test/runtime/sampling/Logits.h"

#include <gtest/gtest.h>

#include <cfloat>
#include <cmath>
#include <cstring>
#include <limits>

using namespace ft;
using namespace ft::sampling;

namespace {

constexpr float kInf = std::numeric_limits<float>::infinity();

/// A row with its slot, as the engine would make them.
struct TestRow {
  std::vector<float> logits;
  SamplingParams params;
  std::vector<int32_t> history; // prompt, then what was generated
  size_t prompt = 0;
  std::vector<int32_t> stops = {};

  Row row() {
    columns = int64_t(logits.size());
    record =
        makeSamplingRecord(params, params.seed.value_or(0), int64_t(prompt), 0);
    state = makeSamplingState(params, stops, std::span(history).first(prompt),
                              columns);
    state.resize(size_t(plan::sampling::stateBytes(columns)));
    for (size_t i = prompt; i < history.size(); ++i)
      appendToken(state.data(), record, int64_t(i), history[i]);
    return {logits, &record, state.data(), int64_t(history.size())};
  }
  std::vector<float> edited() { return editedLogits(row()); }
  int32_t token() { return chooseToken(row()); }

  int64_t columns = 0;
  plan::SamplingRecord record = {};
  std::vector<std::byte> state = {};
};

/// Tokens that some draw of 4096 gives.
std::vector<int32_t> survivors(TestRow test) {
  Row row = test.row();
  Distribution distribution(editedLogits(row), *row.record);
  std::vector<int32_t> list;
  for (int32_t token = 0; token < int32_t(test.logits.size()); ++token)
    if (distribution.probability(token) > 0)
      list.push_back(token);
  return list;
}

using Tokens = std::vector<int32_t>;

} // namespace

//===----------------------------------------------------------------------===//
// Keys, weights, random bits
//===----------------------------------------------------------------------===//

TEST(SamplerTest, WeightsAreExponentials) {
  for (uint64_t key = 0; key < kFar; key += 40503) {
    double want = std::ldexp(std::exp(-std::ldexp(double(key), -27)), 40);
    EXPECT_NEAR(double(weightOf(uint32_t(key))), want, want * 0x1p-27 + 1);
  }
  EXPECT_EQ(weightOf(kFar), 0u);
}

TEST(SamplerTest, KeysAreDistances) {
  EXPECT_EQ(keyOf(3, 3), 0u);
  EXPECT_EQ(keyOf(3, 2), 1u << 27);
  EXPECT_EQ(keyOf(3, -28.75f), uint32_t(31.75 * 0x1p27));
  EXPECT_EQ(keyOf(3, -29), kFar);
  EXPECT_EQ(keyOf(3, -kInf), kFar);
  EXPECT_EQ(keyOf(FLT_MAX, -FLT_MAX), kFar);
}

// The numbers of docs/sampling.md, which another implementation must give.
TEST(SamplerTest, RandomBitsAreThose) {
  EXPECT_EQ(randomBits(0, 0), 0xa706dd2f4d197e6fu);
  EXPECT_EQ(randomBits(42, 7), 0xbc16a3d4cc48678eu);
  EXPECT_EQ(multiplyHigh(~0ull, 10), 9u);
  EXPECT_EQ(multiplyHigh(1ull << 63, 10), 5u);
}

//===----------------------------------------------------------------------===//
// The largest
//===----------------------------------------------------------------------===//

TEST(SamplerTest, GreedyTakesTheLowestOfTheLargest) {
  EXPECT_EQ((TestRow{{1, 5, 5, 2}, {}, {}}.token()), 1);
  EXPECT_EQ((TestRow{{-kInf, -kInf}, {}, {}}.token()), 0);
}

TEST(SamplerTest, NotANumberIsNeverChosen) {
  float nan = std::numeric_limits<float>::quiet_NaN();
  EXPECT_EQ((TestRow{{nan, -3, nan}, {}, {}}.token()), 1);
  EXPECT_EQ((TestRow{{nan, -3, nan}, {.temperature = 2}, {}}.token()), 1);
  EXPECT_EQ((TestRow{{nan, nan}, {.temperature = 2}, {}}.token()), 0);
}

TEST(SamplerTest, InfiniteLogitsAreTheLargestFiniteOnes) {
  EXPECT_EQ(survivors({{1, kInf, FLT_MAX}, {.temperature = 0.5}, {}}),
            (Tokens{1, 2}));
}

//===----------------------------------------------------------------------===//
// Truncation
//===----------------------------------------------------------------------===//

static const float kHalf = -0.6931472f; // ln(1/2)

TEST(SamplerTest, TopKKeepsTheLargestAndTheirTies) {
  std::vector<float> row = {1, 4, 3, 3, 2};
  EXPECT_EQ(survivors({row, {.temperature = 1, .topK = 1}, {}}), Tokens{1});
  EXPECT_EQ(survivors({row, {.temperature = 1, .topK = 2}, {}}),
            (Tokens{1, 2, 3}));
  EXPECT_EQ(survivors({row, {.temperature = 1, .topK = 4}, {}}),
            (Tokens{1, 2, 3, 4}));
  EXPECT_EQ(survivors({row, {.temperature = 1, .topK = 9}, {}}),
            (Tokens{0, 1, 2, 3, 4}));
}

// Shares 1/2, 1/4, 1/8, 1/8.
TEST(SamplerTest, TopPKeepsTheFewestThatReachIt) {
  std::vector<float> row = {3 * kHalf, kHalf, 3 * kHalf, 2 * kHalf};
  EXPECT_EQ(survivors({row, {.temperature = 1, .topP = 0.49}, {}}), Tokens{1});
  EXPECT_EQ(survivors({row, {.temperature = 1, .topP = 0.51}, {}}),
            (Tokens{1, 3}));
  EXPECT_EQ(survivors({row, {.temperature = 1, .topP = 0.76}, {}}),
            (Tokens{0, 1, 2, 3}));
}

// Of the two that top-k leaves, 2/3 and 1/3.
TEST(SamplerTest, TopPIsOfWhatTopKLeaves) {
  std::vector<float> row = {3 * kHalf, kHalf, 3 * kHalf, 2 * kHalf};
  SamplingParams params{.temperature = 1, .topK = 2, .topP = 0.66};
  EXPECT_EQ(survivors({row, params, {}}), Tokens{1});
  params.topP = 0.67;
  EXPECT_EQ(survivors({row, params, {}}), (Tokens{1, 3}));
}

TEST(SamplerTest, MinPIsAShareOfTheLikeliest) {
  std::vector<float> row = {3 * kHalf, kHalf, 3 * kHalf, 2 * kHalf};
  EXPECT_EQ(survivors({row, {.temperature = 1, .minP = 0.51}, {}}), Tokens{1});
  EXPECT_EQ(survivors({row, {.temperature = 1, .minP = 0.26}, {}}),
            (Tokens{1, 3}));
  EXPECT_EQ(survivors({row, {.temperature = 1, .minP = 0.24}, {}}),
            (Tokens{0, 1, 2, 3}));
  EXPECT_EQ(survivors({row, {.temperature = 1, .minP = 1}, {}}), Tokens{1});
}

TEST(SamplerTest, TemperatureComesBeforeTruncation) {
  std::vector<float> row = {3 * kHalf, kHalf, 3 * kHalf, 2 * kHalf};
  // Shares 0.77, 0.19, 0.02, 0.02 at temperature 1/2.
  EXPECT_EQ(survivors({row, {.temperature = 0.5, .topP = 0.7}, {}}), Tokens{1});
}

//===----------------------------------------------------------------------===//
// Edits
//===----------------------------------------------------------------------===//

TEST(SamplerTest, RepetitionCountsThePromptTheOthersDoNot) {
  TestRow test{{2, 2, -2, 2},
               {.repetitionPenalty = 2,
                .presencePenalty = 0.25,
                .frequencyPenalty = 0.5},
               {0, 2, 1, 1, 2},
               2};
  // 0: prompt. 1: generated twice. 2: prompt, generated once. 3: never.
  EXPECT_EQ(test.edited(),
            (std::vector<float>{1, 1 - 1 - 0.25f, -4 - 0.5f - 0.25f, 2}));
}

TEST(SamplerTest, BiasComesBeforePenaltiesAndTemperature) {
  TestRow test{{-1, 4},
               {.temperature = 2,
                .repetitionPenalty = 2,
                .logitBias = {{1, -kInf}, {0, 3}}},
               {0},
               1};
  EXPECT_EQ(test.edited(), (std::vector<float>{(-1 + 3) / 2.0f / 2, -kInf}));
}

TEST(SamplerTest, BadWordsBanTheirLastToken) {
  SamplingParams params{.badWords = {{3}, {1, 2}, {5, 1, 0}}};
  auto banned = [&](Tokens history) {
    Tokens list;
    std::vector<float> values =
        TestRow{std::vector<float>(6, 1.0f), params, history, 1}.edited();
    for (int32_t i = 0; i < 6; ++i)
      if (values[size_t(i)] == -kInf)
        list.push_back(i);
    return list;
  };
  EXPECT_EQ(banned({4}), Tokens{3});
  EXPECT_EQ(banned({4, 1}), (Tokens{2, 3}));
  EXPECT_EQ(banned({4, 5, 1}), (Tokens{0, 2, 3}));
  EXPECT_EQ(banned({5, 1}), (Tokens{0, 2, 3}));
  EXPECT_EQ(banned({1, 5}), Tokens{3});
  EXPECT_EQ(banned({1}), (Tokens{2, 3})) << "words may begin in the prompt";
}

TEST(SamplerTest, BadWordsSpanTheWholeTail) {
  Tokens word;
  for (int32_t i = 0; i < plan::sampling::kTail; ++i)
    word.push_back(i % 7);
  Tokens history(200, 8);
  history.insert(history.end(), word.begin(), word.end() - 1);
  TestRow test{std::vector<float>(9, 1.0f), {.badWords = {word}}, history, 150};
  EXPECT_EQ(test.edited()[size_t(word.back())], -kInf);
  test.history[200] = 1;
  EXPECT_EQ(test.edited()[size_t(word.back())], 1);
}

TEST(SamplerTest, NoStopTokenBeforeTheShortestAnswer) {
  TestRow test{{1, 5, 2}, {.minNewTokens = 2}, {0, 0}, 2, {1}};
  EXPECT_EQ(test.token(), 2);
  test.history = {0, 0, 2};
  EXPECT_EQ(test.token(), 2);
  test.history = {0, 0, 2, 2};
  EXPECT_EQ(test.token(), 1);
}

TEST(SamplerTest, CountsStayBelowTheirBound) {
  SamplingParams params{.frequencyPenalty = 1};
  TestRow test{{0, 0}, params, Tokens(40000, 1), 1};
  EXPECT_EQ(test.edited()[1], -float(plan::sampling::kMostCounted));
}

//===----------------------------------------------------------------------===//
// Draws and log-probabilities
//===----------------------------------------------------------------------===//

TEST(SamplerTest, DrawsWalkTheTokensInOrder) {
  plan::SamplingRecord record;
  record.temperature = 1;
  // A quarter, a half, a quarter; a token between them is banned.
  std::vector<float> row = {kHalf, -kInf, 0, kHalf};
  Distribution distribution(row, record);
  EXPECT_EQ(distribution.draw(0), 0);
  EXPECT_EQ(distribution.draw(0x3f00000000000000u), 0);
  EXPECT_EQ(distribution.draw(0x4100000000000000u), 2);
  EXPECT_EQ(distribution.draw(0xbf00000000000000u), 2);
  EXPECT_EQ(distribution.draw(0xc100000000000000u), 3);
  EXPECT_EQ(distribution.draw(~0ull), 3);
}

TEST(SamplerTest, SeedAndPositionMakeTheToken) {
  std::vector<float> row = test::bellLogits(1000, 1, 3);
  SamplingParams params{.temperature = 1, .seed = 5};
  TestRow a{row, params, {1, 2, 3}}, b{row, params, {7, 8, 9}};
  EXPECT_EQ(a.token(), b.token());
  int differ = 0;
  for (size_t length = 0; length < 16; ++length) {
    TestRow c{row, params, Tokens(length, 1)};
    differ += c.token() != a.token();
  }
  EXPECT_GT(differ, 10);
}

TEST(SamplerTest, LogprobsAreTheModelsOwn) {
  std::vector<float> row = test::bellLogits(500, 3, 9);
  row[7] = row[400]; // a tie
  TestRow test{
      row, {.temperature = 0.1, .logitBias = {{3, 50}}, .logprobs = 20}, {}};
  Row input = test.row();
  int32_t token = chooseToken(input);
  EXPECT_EQ(token, 3);
  std::vector<TokenLogprob> list =
      readLogprobs(describeToken(input, token), token, 20);
  double sum = 0;
  for (float logit : row)
    sum += std::exp(double(logit));
  ASSERT_EQ(list.size(), 21u);
  EXPECT_EQ(list[0].token, 3);
  for (const TokenLogprob &entry : list)
    // Each of 500 weights is off by at most 2^-27 of itself or 2^-40.
    EXPECT_NEAR(entry.logprob, double(row[size_t(entry.token)]) - std::log(sum),
                0x1p-26);
  for (size_t i = 2; i < list.size(); ++i)
    EXPECT_TRUE(list[i - 1].logprob > list[i].logprob ||
                (list[i - 1].logprob == list[i].logprob &&
                 list[i - 1].token < list[i].token));
}
