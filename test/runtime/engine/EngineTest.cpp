//===- EngineTest.cpp - admission, pages, stop rules ----------------------===//
#include "runtime/engine/Engine.h"

#include "test/runtime/engine/SmallModel.h"

#include <gtest/gtest.h>

#include <map>

namespace ft::test {

using Tokens = std::vector<int32_t>;

static const Tokens kPrompts[] = {{1, 2, 3, 4, 5, 6, 7}, {9}, {11, 12, 13}};

static std::unique_ptr<Engine> makeEngine(Model &model) {
  auto engine = Engine::create(model);
  EXPECT_TRUE(engine.ok()) << engine.status().message();
  return std::move(*engine);
}

static RequestId submit(Engine &engine, Tokens prompt, int64_t count) {
  auto id = engine.submit(
      {.tokens = prompt, .maxNewTokens = count, .stopAtEndTokens = false});
  EXPECT_TRUE(id.ok()) << id.status().message();
  return id.ok() ? *id : 0;
}

/// Steps until idle; new tokens by request.
static std::map<RequestId, Tokens> drain(Engine &engine) {
  std::map<RequestId, Tokens> tokens;
  for (int steps = 0; !engine.idle(); ++steps) {
    auto events = engine.step();
    if (!events.ok() || steps > 1000) {
      ADD_FAILURE() << "step " << steps << ": " << events.status().message();
      break;
    }
    for (const Event &event : *events)
      if (event.token >= 0)
        tokens[event.request].push_back(event.token);
  }
  return tokens;
}

static Tokens alone(const Tokens &prompt, int64_t count) {
  auto model = loadSmall({.maxSequences = 1, .context = 32});
  auto engine = makeEngine(*model);
  RequestId id = submit(*engine, prompt, count);
  return drain(*engine)[id];
}

TEST(EngineTest, RaggedBatchEqualsItsMembersAlone) {
  auto model = loadSmall({.maxSequences = 4, .context = 32, .poison = true});
  auto engine = makeEngine(*model);
  std::vector<RequestId> ids;
  for (const Tokens &prompt : kPrompts)
    ids.push_back(submit(*engine, prompt, 6));
  auto found = drain(*engine);
  for (size_t i = 0; i < ids.size(); ++i) {
    EXPECT_EQ(found[ids[i]].size(), 6u);
    EXPECT_EQ(found[ids[i]], alone(kPrompts[i], 6));
  }
}

TEST(EngineTest, CachedStepsEqualOneForward) {
  for (const Tokens &prompt : kPrompts) {
    Tokens whole = prompt, found = alone(prompt, 8);
    whole.insert(whole.end(), found.begin(), found.end() - 1);
    auto model = loadSmall({.maxRows = 32, .context = 32, .poison = true});
    Tokens pages{0, 1, 2, 3};
    SequenceSlice slice{
        .tokens = whole, .pages = pages, .wanted = WantedRows::All};
    ASSERT_TRUE(model->run(0, std::span(&slice, 1)).ok());
    Tokens next(8);
    ASSERT_TRUE(
        model->readOutput(0, 2, int64_t(prompt.size()) - 1, 8, next.data())
            .ok());
    EXPECT_EQ(next, found);
  }
}

TEST(EngineTest, ChunksOfAPromptEqualTheWhole) {
  auto model = loadSmall(
      {.maxTokens = 3, .maxSequences = 2, .context = 32, .poison = true});
  auto engine = makeEngine(*model);
  RequestId first = submit(*engine, kPrompts[0], 6);
  RequestId second = submit(*engine, kPrompts[2], 6);
  auto found = drain(*engine);
  EXPECT_EQ(found[first], alone(kPrompts[0], 6));
  EXPECT_EQ(found[second], alone(kPrompts[2], 6));
}

TEST(EngineTest, RequestsWaitWhileTheCacheIsFull) {
  // Four pages of four tokens: one answer of 7 + 6 tokens takes all of them.
  auto model = loadSmall(
      {.maxSequences = 4, .context = 16, .cacheTokens = 16, .poison = true});
  auto engine = makeEngine(*model);
  RequestId first = submit(*engine, kPrompts[0], 6);
  RequestId second = submit(*engine, kPrompts[2], 4);
  for (int i = 0; i < 6; ++i) {
    auto events = engine->step();
    ASSERT_TRUE(events.ok());
    ASSERT_EQ(events->size(), 1u);
    EXPECT_EQ((*events)[0].request, first);
    EXPECT_EQ((*events)[0].finished, i == 5);
  }
  EXPECT_EQ(drain(*engine)[second], alone(kPrompts[2], 4));
}

TEST(EngineTest, CancelledRequestsEndAndFreeTheirPages) {
  auto model = loadSmall({.maxSequences = 4, .context = 16, .cacheTokens = 16});
  auto engine = makeEngine(*model);
  RequestId first = submit(*engine, kPrompts[0], 6);
  RequestId second = submit(*engine, kPrompts[0], 6);
  RequestId third = submit(*engine, kPrompts[2], 4);
  ASSERT_TRUE(engine->step().ok());
  engine->cancel(first);  // active
  engine->cancel(second); // still waiting
  engine->cancel(12345);
  auto events = engine->step();
  ASSERT_TRUE(events.ok());
  ASSERT_EQ(events->size(), 3u);
  for (int i : {0, 1}) {
    EXPECT_EQ((*events)[i].request, i ? second : first);
    EXPECT_EQ((*events)[i].token, -1);
    EXPECT_TRUE((*events)[i].finished);
    EXPECT_EQ((*events)[i].reason, FinishReason::Cancelled);
  }
  EXPECT_EQ((*events)[2].request, third);
  drain(*engine);
  EXPECT_TRUE(engine->idle());
}

TEST(EngineTest, EndTokensEndASequenceUnlessIgnored) {
  // The model's own first answer, declared an end token.
  int32_t answer = alone(kPrompts[1], 1)[0];
  plan::Plan plan = smallPlan();
  plan.text.endTokens = {answer};
  auto model = loadSmall({.maxSequences = 1, .context = 32}, plan);
  auto engine = makeEngine(*model);
  ASSERT_TRUE(engine->submit({.tokens = kPrompts[1], .maxNewTokens = 5}).ok());
  auto events = engine->step();
  ASSERT_TRUE(events.ok());
  ASSERT_EQ(events->size(), 1u);
  EXPECT_EQ((*events)[0].reason, FinishReason::EndToken);
  EXPECT_TRUE((*events)[0].finished);
  RequestId id = submit(*engine, kPrompts[1], 5);
  EXPECT_EQ(drain(*engine)[id].size(), 5u);
}

TEST(EngineTest, RequestsThatCannotFitAreRefused) {
  auto model = loadSmall({.maxSequences = 2, .context = 16, .cacheTokens = 12});
  auto engine = makeEngine(*model);
  auto refusal = [&](Tokens tokens, int64_t count) {
    auto id = engine->submit({.tokens = tokens, .maxNewTokens = count});
    return id.ok() ? std::string("accepted") : id.status().message();
  };
  EXPECT_NE(refusal({}, 4).find("empty prompt"), std::string::npos);
  EXPECT_NE(refusal({1}, 0).find("found 0"), std::string::npos);
  EXPECT_NE(
      refusal({1, 32}, 4).find("token 32 is outside the vocabulary of 32"),
      std::string::npos);
  EXPECT_NE(refusal({-1}, 4).find("token -1"), std::string::npos);
  EXPECT_NE(refusal({1, 2, 3}, 10)
                .find("3 tokens and 10 new ones exceed the "
                      "cache of 12"),
            std::string::npos);
  EXPECT_EQ(refusal({1, 2, 3}, 9), "accepted");
}

TEST(HostBatchTest, CountsBeyondTheBoundsAreNamed) {
  auto model = loadSmall({.maxTokens = 4, .maxSequences = 2, .context = 16});
  Tokens five{1, 2, 3, 4, 5}, page{0, 1};
  SequenceSlice slice{.tokens = five, .pages = page};
  Status status = model->run(0, std::span(&slice, 1));
  EXPECT_EQ(status.message(), "a batch of 5 tokens exceeds the bound of 4 that "
                              "was fixed at load");
  Tokens bad{99};
  SequenceSlice outside{.tokens = bad, .pages = page};
  EXPECT_EQ(model->run(0, std::span(&outside, 1)).message(),
            "token 99 is outside the vocabulary of 32");
}

} // namespace ft::test
