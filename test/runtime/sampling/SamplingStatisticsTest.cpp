//===- SamplingStatisticsTest.cpp - draws have their probabilities --------===//
//
// Draws are compared with probabilities computed here in long double by
// sorting, for a vocabulary above 32768. Seeds are fixed: a right sampler
// passes always, a wrong one fails with overwhelming probability.
//
//===----------------------------------------------------------------------===//
#include "runtime/sampling/Sampler.h"
#include "runtime/sampling/SamplingParams.h"
#include "test/runtime/sampling/Logits.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numeric>

using namespace ft;
using namespace ft::sampling;

namespace {

constexpr int64_t kColumns = 32771;
constexpr int64_t kDraws = 100000;

/// Probabilities after temperature and truncation, by definition.
std::vector<double> exactProbabilities(const std::vector<float> &logits,
                                       const SamplingParams &params) {
  std::vector<long double> share;
  long double max = *std::max_element(logits.begin(), logits.end());
  for (float logit : logits)
    share.push_back(std::exp((logit - max) / (long double)params.temperature));
  std::vector<size_t> order(logits.size());
  std::iota(order.begin(), order.end(), size_t(0));
  std::sort(order.begin(), order.end(),
            [&](size_t a, size_t b) { return share[a] > share[b]; });
  if (params.topK > 0)
    order.resize(std::min(order.size(), size_t(params.topK)));
  long double sum = 0, before = 0;
  for (size_t token : order)
    sum += share[token];
  size_t kept = 0;
  while (kept < order.size() && before < params.topP * sum)
    before += share[order[kept++]];
  order.resize(kept);
  while (share[order.back()] < params.minP)
    order.pop_back();
  std::vector<double> result(logits.size(), 0);
  sum = 0;
  for (size_t token : order)
    sum += share[token];
  for (size_t token : order)
    result[token] = double(share[token] / sum);
  return result;
}

/// The chance that chi squared of `freedom` exceeds `value`, by Wilson and
/// Hilferty's cube root: right to 1e-4 from 10 degrees on.
double chiSquaredTail(double value, double freedom) {
  double spread = 2 / (9 * freedom);
  double z = (std::cbrt(value / freedom) - (1 - spread)) / std::sqrt(spread);
  return 0.5 * std::erfc(z / std::sqrt(2.0));
}

/// Pearson's test of `counts` against `probabilities`; neighbouring tokens
/// share a cell until it expects at least ten draws.
double pValue(const std::vector<int64_t> &counts,
              const std::vector<double> &probabilities) {
  double statistic = 0, cells = 0, expected = 0, found = 0, last = 0;
  auto close = [&] {
    statistic += (found - expected) * (found - expected) / expected;
    ++cells;
    last = expected;
    expected = found = 0;
  };
  for (size_t token = 0; token < counts.size(); ++token) {
    if (probabilities[token] == 0 && counts[token])
      return 0;
    expected += probabilities[token] * double(kDraws);
    found += double(counts[token]);
    if (expected >= 10)
      close();
  }
  // What is left over joins nothing: fewer than ten draws of 100000.
  EXPECT_LT(expected, 10);
  EXPECT_GT(last, 0);
  return chiSquaredTail(statistic, cells - 1);
}

struct StatisticsCase {
  const char *name;
  SamplingParams params;
};

/// 100000 tokens: one seed at many positions, or many seeds at one.
std::vector<int64_t> countDraws(const std::vector<float> &logits,
                                const SamplingParams &params, bool manySeeds) {
  plan::SamplingRecord record = makeSamplingRecord(params, 0, 0, 0);
  Row row{logits, &record, nullptr, 0};
  Distribution distribution(editedLogits(row), record);
  std::vector<int64_t> counts(logits.size(), 0);
  for (int64_t i = 0; i < kDraws; ++i)
    ++counts[size_t(distribution.draw(manySeeds ? randomBits(uint64_t(i), 100)
                                                : randomBits(2026, i)))];
  return counts;
}

class SamplingStatisticsTest : public testing::TestWithParam<StatisticsCase> {};

} // namespace

TEST_P(SamplingStatisticsTest, DrawsFollowTheExactProbabilities) {
  std::vector<float> logits = test::bellLogits(kColumns, 2.5, 11);
  std::vector<double> exact = exactProbabilities(logits, GetParam().params);
  for (bool manySeeds : {false, true}) {
    double p = pValue(countDraws(logits, GetParam().params, manySeeds), exact);
    EXPECT_GE(p, 0.001) << (manySeeds ? "many seeds" : "many positions");
    EXPECT_LE(p, 0.999) << "too even to be random";
  }
}

TEST_P(SamplingStatisticsTest, ProbabilitiesAreExact) {
  std::vector<float> logits = test::bellLogits(kColumns, 2.5, 12);
  plan::SamplingRecord record = makeSamplingRecord(GetParam().params, 0, 0, 0);
  Row row{logits, &record, nullptr, 0};
  Distribution distribution(editedLogits(row), record);
  std::vector<double> exact = exactProbabilities(logits, GetParam().params);
  for (int32_t token = 0; token < kColumns; ++token)
    // A key is off by 2^-27 and a rounding of the division, 2^-24 of at most
    // 2 * 32; a weight by 2^-27; each of the sum's by 2^-40 more.
    ASSERT_NEAR(distribution.probability(token), exact[size_t(token)],
                exact[size_t(token)] * 0x1p-17 + double(kColumns) * 0x1p-40)
        << token;
}

INSTANTIATE_TEST_SUITE_P(
    Truncations, SamplingStatisticsTest,
    testing::Values(
        StatisticsCase{"Temperature", {.temperature = 1}},
        StatisticsCase{"Cold", {.temperature = 0.6}},
        StatisticsCase{"Hot", {.temperature = 1.7}},
        StatisticsCase{"TopK", {.temperature = 1, .topK = 200}},
        StatisticsCase{"TopP", {.temperature = 1, .topP = 0.8}},
        StatisticsCase{"MinP", {.temperature = 1.2, .minP = 0.01}},
        StatisticsCase{
            "All",
            {.temperature = 1.3, .topK = 1000, .topP = 0.9, .minP = 0.002}}),
    [](const auto &info) { return std::string(info.param.name); });

// The test sees a temperature that is off by 5 %, and a cut one token short.
TEST(SamplingStatisticsTest, WrongDrawsFail) {
  std::vector<float> logits = test::bellLogits(kColumns, 2.5, 11);
  std::vector<double> exact = exactProbabilities(logits, {.temperature = 1});
  EXPECT_LT(pValue(countDraws(logits, {.temperature = 1.05}, false), exact),
            0.001);
  exact = exactProbabilities(logits, {.temperature = 1, .topK = 200});
  EXPECT_LT(
      pValue(countDraws(logits, {.temperature = 1, .topK = 199}, false), exact),
      0.001);
}
