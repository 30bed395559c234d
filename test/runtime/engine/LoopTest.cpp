//===- LoopTest.cpp - steps enqueued ahead of the host --------------------===//
#include "runtime/device/Addressing.h"
#include "runtime/engine/Engine.h"
#include "test/runtime/engine/SmallModel.h"
#include "test/runtime/weights/FakeDevice.h"

#include <cstring>
#include <gtest/gtest.h>

#include <map>

namespace ft::test {

using Tokens = std::vector<int32_t>;

namespace {
struct Answer {
  Tokens tokens;
  std::vector<std::vector<TokenLogprob>> logprobs;
  FinishReason reason = FinishReason::Cancelled;
  bool operator==(const Answer &other) const {
    if (tokens != other.tokens || reason != other.reason ||
        logprobs.size() != other.logprobs.size())
      return false;
    for (size_t i = 0; i < logprobs.size(); ++i)
      for (size_t j = 0; j < logprobs[i].size(); ++j)
        if (logprobs[i][j].token != other.logprobs[i][j].token ||
            logprobs[i][j].logprob != other.logprobs[i][j].logprob)
          return false;
    return true;
  }
};

/// Counts copies to the device.
class CountingDevice : public FakeDevice {
public:
  Status copyIn(std::byte *to, const void *source, int64_t bytes) override {
    ++copies;
    return FakeDevice::copyIn(to, source, bytes);
  }
  int64_t copies = 0;
};
} // namespace

/// Requests of all kinds, ended by their length or by a token that is likely.
static std::vector<Request> requests() {
  std::vector<Request> list;
  for (int32_t i = 0; i < 9; ++i) {
    Request request;
    for (int32_t j = 0; j <= i % 4 * 3; ++j)
      request.tokens.push_back((i * 7 + j) % 31);
    request.maxNewTokens = 1 + i * 3;
    if (i % 3)
      request.sampling.temperature = 2;
    if (i % 4 == 1)
      request.sampling.frequencyPenalty = 0.5;
    if (i % 2)
      request.sampling.logprobs = 2;
    for (int32_t stop = 0; i % 3 == 2 && stop < 5; ++stop)
      request.sampling.stopTokens.push_back(stop * 6);
    list.push_back(request);
  }
  return list;
}

static std::map<RequestId, Answer> drain(Engine &engine) {
  std::map<RequestId, Answer> answers;
  for (int steps = 0; !engine.idle(); ++steps) {
    auto events = engine.step();
    if (!events.ok() || steps > 1000) {
      ADD_FAILURE() << "step " << steps << ": " << events.status().message();
      break;
    }
    for (const Event &event : *events) {
      Answer &answer = answers[event.request];
      answer.reason = event.reason;
      if (event.token < 0)
        continue;
      answer.tokens.push_back(event.token);
      answer.logprobs.push_back(event.logprobs);
    }
  }
  return answers;
}

static std::unique_ptr<Engine> makeEngine(Model &model, int64_t ahead) {
  auto engine = Engine::create(model, {.stepsAhead = ahead});
  EXPECT_TRUE(engine.ok()) << engine.status().message();
  return std::move(*engine);
}

static std::map<RequestId, Answer> answers(const ModelOptions &options,
                                           int64_t ahead, int64_t *dropped) {
  auto model = loadSmall(options);
  auto engine = makeEngine(*model, ahead);
  for (Request &request : requests())
    EXPECT_TRUE(engine->submit(request).ok());
  auto result = drain(*engine);
  *dropped = engine->times().dropped;
  return result;
}

TEST(LoopTest, StepsAheadChangeNoAnswer) {
  const ModelOptions kSizes[] = {
      {.maxSequences = 16, .context = 48, .poison = true},
      // Members come and go; prompts in chunks; a cache that is soon full.
      {.maxTokens = 4, .maxSequences = 3, .context = 48, .poison = true},
      {.maxSequences = 4, .context = 48, .cacheTokens = 64, .poison = true},
      {.maxSequences = 1, .context = 48}};
  for (const ModelOptions &sizes : kSizes) {
    int64_t dropped = 0;
    auto expected = answers(sizes, 1, &dropped);
    EXPECT_EQ(expected.size(), 9u);
    EXPECT_EQ(dropped, 0);
    for (int64_t ahead = 2; ahead <= EngineOptions::kMostAhead; ++ahead) {
      EXPECT_EQ(answers(sizes, ahead, &dropped), expected) << ahead;
      // Stop tokens were seen late.
      EXPECT_GT(dropped, 0) << ahead;
    }
  }
}

TEST(LoopTest, NoStepIsEnqueuedBeyondTheLastToken) {
  // The whole cache: a step too many would have no page to write to.
  auto model = loadSmall(
      {.maxSequences = 1, .context = 16, .cacheTokens = 16, .poison = true});
  auto engine = makeEngine(*model, EngineOptions::kMostAhead);
  auto id = engine->submit(
      {.tokens = {1, 2, 3, 4}, .maxNewTokens = 12, .stopAtEndTokens = false});
  ASSERT_TRUE(id.ok());
  EXPECT_EQ(drain(*engine)[*id].tokens.size(), 12u);
  EXPECT_EQ(engine->times().steps, 12);
  EXPECT_EQ(engine->times().dropped, 0);
}

TEST(LoopTest, CancelledRequestsLeaveNothingBehind) {
  auto model = loadSmall({.maxSequences = 1, .context = 32, .poison = true});
  auto engine = makeEngine(*model, 4);
  Request request{
      .tokens = {1, 2, 3}, .maxNewTokens = 20, .stopAtEndTokens = false};
  auto first = engine->submit(request);
  ASSERT_TRUE(first.ok());
  ASSERT_TRUE(engine->step().ok());
  engine->cancel(*first);
  auto second = engine->submit(request);
  ASSERT_TRUE(second.ok());
  auto found = drain(*engine);
  EXPECT_EQ(found[*first].reason, FinishReason::Cancelled);
  EXPECT_TRUE(found[*first].tokens.empty());
  auto fresh = loadSmall({.maxSequences = 1, .context = 32, .poison = true});
  auto other = makeEngine(*fresh, 1);
  auto alone = other->submit(request);
  ASSERT_TRUE(alone.ok());
  EXPECT_EQ(found[*second], drain(*other)[*alone]);
}

TEST(LoopTest, ASteadyBatchIsNotSentAgain) {
  plan::Plan plan = smallPlan();
  const plan::Entry &entry = plan.entries[0];
  Bounds bounds;
  bounds.axes.assign(plan.axes.size(), 8);
  bounds.pageColumns = 4;
  BatchLayout layout = makeBatchLayout(plan, entry, bounds);
  HostBatch batch(plan, entry, bounds, layout);
  CountingDevice device;
  std::vector<std::byte> block(size_t(layout.bytes));
  Tokens any{5}, pages{0, 1};
  auto send = [&](int64_t position, int64_t place) {
    SequenceSlice slice{.tokens = any, .place = place, .position = position};
    slice.pages = pages;
    slice.wanted = WantedRows::Last;
    device.copies = 0;
    EXPECT_TRUE(batch.build(std::span(&slice, 1)).ok());
    EXPECT_TRUE(batch.upload(device, block.data()).ok());
    return device.copies;
  };
  EXPECT_GT(send(3, -1), 0);
  batch.markRun(6);
  EXPECT_EQ(send(4, feedPlace(6, 0, 8)), 0);
  EXPECT_FALSE(batch.sendsPlaces());
  batch.markRun(7);
  EXPECT_EQ(send(5, feedPlace(7, 0, 8)), 0);
  batch.markRun(8);
  // Neither another position nor another step's token is what is there.
  EXPECT_GT(send(7, feedPlace(8, 0, 8)), 0);
  batch.markRun(9);
  EXPECT_GT(send(8, feedPlace(8, 0, 8)), 0);
  EXPECT_TRUE(batch.sendsPlaces());
  batch.markRun(10);
  batch.forget();
  EXPECT_GT(send(9, feedPlace(10, 0, 8)), 0);
}

// In an entry that asks for it, and of the batch that was built last.
TEST(LoopTest, ABatchSaysHowItsSequencesArePacked) {
  plan::Plan plan = smallPlan();
  Bounds bounds;
  bounds.axes.assign(plan.axes.size(), 400);
  bounds.pageColumns = 100;
  auto packed = [&](plan::Plan &from, const std::vector<size_t> &lengths) {
    const plan::Entry &entry = from.entries[0];
    BatchLayout layout = makeBatchLayout(from, entry, bounds);
    HostBatch batch(from, entry, bounds, layout);
    std::vector<Tokens> tokens;
    std::vector<SequenceSlice> slices;
    for (size_t length : lengths)
      tokens.emplace_back(length, 1);
    for (const Tokens &list : tokens)
      slices.push_back({.tokens = list});
    EXPECT_TRUE(batch.build(slices).ok());
    EXPECT_EQ(batch.batchCounts().axes, batch.counts());
    EXPECT_EQ(batch.batchCounts().longest,
              int64_t(*std::max_element(lengths.begin(), lengths.end())));
    std::vector<std::byte> block(size_t(layout.bytes));
    CountingDevice device;
    EXPECT_TRUE(batch.upload(device, block.data()).ok());
    std::vector<int32_t> field;
    if (layout.sequences[0].packs >= 0)
      field.resize(size_t(batch.batchCounts().packs) + 2);
    if (!field.empty())
      std::memcpy(field.data(), block.data() + layout.sequences[0].packs,
                  field.size() * sizeof(int32_t));
    return field;
  };
  using Field = std::vector<int32_t>;
  EXPECT_EQ(packed(plan, {100, 28}), Field());
  plan.entries[0].programs[0].steps[0].implementations.emplace_back().packed =
      128;
  EXPECT_EQ(packed(plan, {100, 28, 0, 3}), (Field{2, 0, 3, 4}));
  EXPECT_EQ(packed(plan, {1, 129}), (Field{0, 2}));
}

TEST(LoopTest, ABatchSaysWhetherLikeliestTokensAloneAreRead) {
  plan::Plan plan = smallPlan();
  Bounds bounds;
  bounds.axes.assign(plan.axes.size(), 8);
  bounds.pageColumns = 8;
  const plan::Entry &entry = plan.entries[0];
  BatchLayout layout = makeBatchLayout(plan, entry, bounds);
  HostBatch batch(plan, entry, bounds, layout);
  Tokens tokens(2, 1);
  auto likeliest = [&](plan::SamplingRecord record, WantedRows wanted,
                       Results results) {
    std::vector<SequenceSlice> slices{
        {.tokens = tokens, .wanted = WantedRows::Last},
        {.tokens = tokens, .wanted = wanted, .sampling = record}};
    EXPECT_TRUE(batch.build(slices, results).ok());
    return batch.batchCounts().likeliest;
  };
  plan::SamplingRecord drawn{.temperature = 1};
  plan::SamplingRecord kept{.flags = plan::SamplingRecord::kState};
  plan::SamplingRecord seeded{.seed = 7};
  EXPECT_TRUE(likeliest({}, WantedRows::Last, Results::Tokens));
  EXPECT_TRUE(likeliest(seeded, WantedRows::Last, Results::Tokens));
  EXPECT_FALSE(likeliest({}, WantedRows::Last, Results::All));
  EXPECT_FALSE(likeliest(drawn, WantedRows::Last, Results::Tokens));
  EXPECT_FALSE(likeliest(kept, WantedRows::Last, Results::Tokens));
  // Rows that are no generated token have no record.
  EXPECT_TRUE(likeliest(drawn, WantedRows::All, Results::Tokens));
  EXPECT_TRUE(likeliest(drawn, WantedRows::None, Results::Tokens));
}

} // namespace ft::test
