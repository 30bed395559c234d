//===- SamplingParamsTest.cpp - what a request may ask --------------------===//
#include "runtime/sampling/SamplingParams.h"

#include <gtest/gtest.h>

#include <cmath>

using namespace ft;

static std::string refusal(const SamplingParams &params) {
  return checkSampling(params, 100).message();
}

TEST(SamplingParamsTest, AcceptsTheEndsOfEachRange) {
  EXPECT_EQ(refusal({}), "");
  EXPECT_EQ(refusal({.temperature = 1e-4,
                     .topK = INT32_MAX,
                     .topP = 1e-6,
                     .minP = 1,
                     .repetitionPenalty = 100,
                     .presencePenalty = -1000,
                     .frequencyPenalty = 1000,
                     .logitBias = {{99, -INFINITY}},
                     .badWords = {{0}, std::vector<int32_t>(64, 99)},
                     .stopTokens = {99},
                     .logprobs = 20}),
            "");
}

TEST(SamplingParamsTest, RefusesWhatIsOutside) {
  EXPECT_EQ(refusal({.temperature = -1}),
            "temperature is -1, expected 0.0001 to 10000");
  EXPECT_EQ(refusal({.temperature = NAN}),
            "temperature is nan, expected 0.0001 to 10000");
  EXPECT_EQ(refusal({.topK = -1}), "top_k is -1, expected 0 to 2.14748e+09");
  EXPECT_EQ(refusal({.topP = 0}), "top_p is 0, expected 1e-06 to 1");
  EXPECT_EQ(refusal({.minP = 1.5}), "min_p is 1.5, expected 0 to 1");
  EXPECT_EQ(refusal({.repetitionPenalty = 0}),
            "repetition_penalty is 0, expected 0.01 to 100");
  EXPECT_EQ(refusal({.presencePenalty = INFINITY}),
            "presence_penalty is inf, expected -1000 to 1000");
  EXPECT_EQ(refusal({.logprobs = 21}), "logprobs is 21, expected -1 to 20");
  EXPECT_EQ(refusal({.logitBias = {{100, 1}}}),
            "logit_bias: token 100 is outside the vocabulary of 100");
  EXPECT_EQ(refusal({.logitBias = {{1, 1}, {1, 2}}}),
            "logit_bias: token 1 is given twice");
  EXPECT_EQ(refusal({.badWords = {{}}}), "bad_words: a word has no tokens");
  EXPECT_EQ(refusal({.badWords = {{1, -1}}}),
            "bad_words: token -1 is outside the vocabulary of 100");
  EXPECT_EQ(refusal({.badWords = {std::vector<int32_t>(65, 1)}}),
            "65 tokens of a bad word are given, at most 64 are possible");
  EXPECT_EQ(refusal({.stopTokens = {100}}),
            "stop_tokens: token 100 is outside the vocabulary of 100");
}

TEST(SamplingParamsTest, StateIsOnlyAskedForWhereItIsUsed) {
  EXPECT_TRUE(SamplingParams{}.isGreedy());
  EXPECT_FALSE(SamplingParams{.temperature = 1}.usesState());
  EXPECT_FALSE((SamplingParams{.temperature = 1, .topK = 5}.usesState()));
  EXPECT_TRUE(SamplingParams{.logprobs = 0}.usesState());
  EXPECT_TRUE(SamplingParams{.presencePenalty = 1}.usesState());
  EXPECT_FALSE(SamplingParams{.minNewTokens = 1}.isGreedy());
}

TEST(SamplingParamsTest, RecordsAreWhatDevicesRead) {
  plan::SamplingRecord greedy = makeSamplingRecord({}, 7, 3, 0);
  EXPECT_EQ(greedy, plan::SamplingRecord());
  plan::SamplingRecord record = makeSamplingRecord({.temperature = 0.5,
                                                    .topK = 40,
                                                    .topP = 0.75,
                                                    .minP = 0.5,
                                                    .presencePenalty = 2,
                                                    .minNewTokens = 10,
                                                    .logprobs = 0},
                                                   7, 3, 9);
  EXPECT_EQ(record.seed, 7u);
  EXPECT_EQ(record.temperature, 0.5f);
  EXPECT_EQ(record.topK, 40);
  EXPECT_EQ(record.topP, 0xc0000000u);
  EXPECT_EQ(record.minP, 1 + uint32_t(std::log(2.0) * 0x1p27));
  EXPECT_EQ(record.repetition, 1.0f);
  EXPECT_EQ(record.presence, 2.0f);
  EXPECT_EQ(record.flags, 7u);
  EXPECT_EQ(record.slot, 9);
  EXPECT_EQ(record.minLength, 13);
  EXPECT_EQ(record.logprobs, 1);
}
