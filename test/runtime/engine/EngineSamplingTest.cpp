//===- EngineSamplingTest.cpp - settings of each request ------------------===//
#include "runtime/engine/Engine.h"
#include "test/runtime/engine/SmallModel.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>

namespace ft::test {

using Tokens = std::vector<int32_t>;

namespace {
struct Answer {
  Tokens tokens;
  std::vector<std::vector<TokenLogprob>> logprobs;
  FinishReason reason = FinishReason::Cancelled;
};

struct Asked {
  Tokens prompt;
  SamplingParams sampling;
  int64_t count = 12;
};
} // namespace

/// The answers to requests that are all submitted at once.
static std::vector<Answer> answers(const std::vector<Asked> &requests,
                                   ModelOptions options = {}) {
  options.context = 48;
  options.poison = true;
  auto model = loadSmall(options);
  auto engine = *Engine::create(*model);
  std::map<RequestId, size_t> index;
  std::vector<Answer> list(requests.size());
  for (size_t i = 0; i < requests.size(); ++i) {
    auto id = engine->submit({.tokens = requests[i].prompt,
                              .maxNewTokens = requests[i].count,
                              .stopAtEndTokens = false,
                              .sampling = requests[i].sampling});
    EXPECT_TRUE(id.ok()) << id.status().message();
    if (id.ok())
      index[*id] = i;
  }
  for (int steps = 0; !engine->idle() && steps < 1000; ++steps) {
    auto events = engine->step();
    EXPECT_TRUE(events.ok()) << events.status().message();
    if (!events.ok())
      break;
    for (const Event &event : *events) {
      Answer &answer = list[index[event.request]];
      answer.tokens.push_back(event.token);
      if (!event.logprobs.empty())
        answer.logprobs.push_back(event.logprobs);
      answer.reason = event.reason;
    }
  }
  return list;
}

static Tokens answer(const Asked &request) {
  return answers({request})[0].tokens;
}

static const Asked kRequests[] = {
    {{1, 2, 3}, {}},
    {{1, 2, 3}, {.temperature = 1.5, .seed = 1}},
    {{4}, {.temperature = 2, .topK = 5, .seed = 2}},
    {{5, 6}, {.temperature = 1, .topP = 0.7, .minP = 0.01, .seed = 3}},
    {{5, 6},
     {.temperature = 1, .repetitionPenalty = 1.5, .seed = 3, .logprobs = 2}},
    {{7, 7, 7}, {.presencePenalty = 2, .frequencyPenalty = 1}},
    {{8, 9},
     {.temperature = 3,
      .seed = 4,
      .logitBias = {{3, 4.0}, {5, -INFINITY}},
      .badWords = {{3, 3}, {1}}}},
};

TEST(EngineSamplingTest, SettingsOfABatchAreThoseOfItsMembers) {
  std::vector<Asked> all(std::begin(kRequests), std::end(kRequests));
  std::vector<Answer> together = answers(all);
  // Few places: members come and go, slots and rows are used again.
  std::vector<Answer> crowded = answers(all, {.maxSequences = 2});
  // Prompts in chunks.
  std::vector<Answer> chunked =
      answers(all, {.maxTokens = 8, .maxSequences = 8});
  for (size_t i = 0; i < all.size(); ++i) {
    SCOPED_TRACE(i);
    EXPECT_EQ(together[i].tokens.size(), 12u);
    EXPECT_EQ(together[i].tokens, answer(all[i]));
    EXPECT_EQ(together[i].tokens, crowded[i].tokens);
    EXPECT_EQ(together[i].tokens, chunked[i].tokens);
  }
}

TEST(EngineSamplingTest, ASeedGivesTheSameTokensAnotherOthers) {
  Asked asked{{1, 2}, {.temperature = 2, .seed = 7}};
  Tokens first = answer(asked);
  EXPECT_EQ(first, answer(asked));
  asked.sampling.seed = 8;
  EXPECT_NE(first, answer(asked));
}

TEST(EngineSamplingTest, WithoutASeedRequestsDiffer) {
  Asked asked{{1, 2}, {.temperature = 2}};
  std::vector<Answer> found = answers({asked, asked});
  EXPECT_NE(found[0].tokens, found[1].tokens);
  EXPECT_EQ(found[0].tokens, answer(asked));
}

TEST(EngineSamplingTest, PresencePenaltiesForbidWhatWasSaid) {
  Tokens found = answer({{3}, {.presencePenalty = 1000}, 20});
  std::sort(found.begin(), found.end());
  EXPECT_EQ(std::unique(found.begin(), found.end()), found.end());
}

TEST(EngineSamplingTest, BadWordsAreNeverSaid) {
  Asked asked{{1}, {.temperature = 4, .seed = 5}, 40};
  Tokens free = answer(asked);
  asked.sampling.badWords = {{free[0]}, {free[1], free[2]}};
  Tokens found = answer(asked);
  EXPECT_EQ(std::count(found.begin(), found.end(), free[0]), 0);
  Tokens pair = {free[1], free[2]};
  EXPECT_EQ(std::search(found.begin(), found.end(), pair.begin(), pair.end()),
            found.end());
}

TEST(EngineSamplingTest, StopTokensEndAndAreHeldBack) {
  Asked asked{{1}, {.temperature = 4, .seed = 5}, 20};
  int32_t third = answer(asked)[2];
  asked.sampling.stopTokens = {third};
  Answer stopped = answers({asked})[0];
  EXPECT_EQ(stopped.tokens.back(), third);
  EXPECT_LE(stopped.tokens.size(), 3u);
  EXPECT_EQ(stopped.reason, FinishReason::EndToken);
  asked.sampling.minNewTokens = 10;
  Tokens later = answer(asked);
  EXPECT_GE(later.size(), 10u);
  EXPECT_EQ(std::count(later.begin(), later.begin() + 10, third), 0);
}

TEST(EngineSamplingTest, LogprobsComeWithTheirTokens) {
  Answer found =
      answers({{{1, 2}, {.temperature = 1, .seed = 1, .logprobs = 3}}})[0];
  ASSERT_EQ(found.logprobs.size(), found.tokens.size());
  for (size_t i = 0; i < found.tokens.size(); ++i) {
    const std::vector<TokenLogprob> &list = found.logprobs[i];
    ASSERT_EQ(list.size(), 4u);
    EXPECT_EQ(list[0].token, found.tokens[i]);
    EXPECT_LE(list[0].logprob, list[1].logprob);
    EXPECT_LE(list[2].logprob, list[1].logprob);
    double share = 0;
    for (size_t top = 1; top < 4; ++top)
      share += std::exp(list[top].logprob);
    EXPECT_LE(share, 1);
  }
}

TEST(EngineSamplingTest, RefusesWhatItCannotDo) {
  auto model = loadSmall({});
  auto engine = *Engine::create(*model);
  auto refused = engine->submit(
      {.tokens = {1}, .maxNewTokens = 4, .sampling = {.temperature = -1}});
  EXPECT_EQ(refused.status().message(),
            "temperature is -1, expected 0.0001 to 10000");
  plan::Plan plan = smallPlan();
  for (plan::MeaningOp &op : plan.entries[0].programs[0].steps[0].meaning)
    if (op.op == "sample") {
      op.op = "argmax";
      op.in.resize(1);
    }
  auto argmax = loadSmall({}, plan);
  EXPECT_EQ(argmax->memory().sampling, 0);
  auto plain = *Engine::create(*argmax);
  EXPECT_TRUE(plain->submit({.tokens = {1}, .maxNewTokens = 4}).ok());
  refused = plain->submit(
      {.tokens = {1}, .maxNewTokens = 4, .sampling = {.temperature = 1}});
  EXPECT_EQ(refused.status().code(), StatusCode::Unsupported);
}

TEST(EngineSamplingTest, MemoryOfTheStateIsCounted) {
  auto model = loadSmall({.maxSequences = 3});
  EXPECT_EQ(model->memory().sampling,
            3 * plan::sampling::stateBytes(kVocabulary));
}

} // namespace ft::test
