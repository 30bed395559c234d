//===- RanksTest.cpp - a model over several ranks, and their deaths -------===//
#include "runtime/engine/Engine.h"

#include "runtime/device/cpu/CpuDevice.h"
#include "test/runtime/engine/RankedModel.h"
#include "test/runtime/engine/SmallModel.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cmath>
#include <random>
#include <thread>

namespace ft::test {

using namespace std::chrono_literals;
using Tokens = std::vector<int32_t>;

namespace {

constexpr int64_t kRankCounts[] = {2, 3, 4, 8};

/// The tokens that two prompts are continued with, or the first error.
StatusOr<std::vector<Tokens>> generate(Model &model, int64_t count) {
  FT_ASSIGN_OR_RETURN(auto engine, Engine::create(model, {.stepsAhead = 3}));
  std::vector<RequestId> ids;
  for (Tokens prompt : {Tokens{1, 2, 3, 4, 5, 6, 7}, Tokens{9}}) {
    FT_ASSIGN_OR_RETURN(RequestId id,
                        engine->submit({.tokens = prompt,
                                        .maxNewTokens = count,
                                        .stopAtEndTokens = false}));
    ids.push_back(id);
  }
  std::vector<Tokens> tokens(ids.size());
  while (!engine->idle()) {
    FT_ASSIGN_OR_RETURN(std::vector<Event> events, engine->step());
    for (const Event &event : events)
      for (size_t i = 0; i < ids.size(); ++i)
        if (event.request == ids[i] && event.token >= 0)
          tokens[i].push_back(event.token);
  }
  return tokens;
}

std::unique_ptr<Model> loaded(int64_t ranks, const ModelOptions &options) {
  auto model = loadRanked(ranks, options);
  EXPECT_TRUE(model.ok()) << model.status().message();
  return model.ok() ? std::move(*model) : nullptr;
}

/// Logits of every token of one sequence.
std::vector<float> logits(Model &model, const Tokens &tokens) {
  Tokens pages{0, 1, 2, 3};
  SequenceSlice slice{
      .tokens = tokens, .pages = pages, .wanted = WantedRows::All};
  Status ran = model.run(0, std::span(&slice, 1));
  EXPECT_TRUE(ran.ok()) << ran.message();
  std::vector<float> values(tokens.size() * size_t(kVocabulary));
  EXPECT_TRUE(
      model.readOutput(0, 0, 0, int64_t(tokens.size()), values.data()).ok());
  return values;
}

} // namespace

TEST(RanksTest, AnyNumberOfRanksGivesTheSameLogits) {
  Tokens tokens{3, 1, 4, 1, 5, 9, 2, 6, 5, 3};
  ModelOptions options{.maxRows = 16, .context = 16, .poison = true};
  std::vector<float> alone = logits(*loaded(1, options), tokens);
  double largest = 0;
  for (float value : alone)
    largest = std::max(largest, double(std::fabs(value)));
  for (int64_t ranks : kRankCounts) {
    std::vector<float> split = logits(*loaded(ranks, options), tokens);
    for (size_t i = 0; i < alone.size(); ++i)
      // Sums of 24 products are taken in another order: 24 roundings of
      // values of the logits' size, weighted by 8 numbers up to 1.
      ASSERT_NEAR(split[i], alone[i], 8 * 24 * 0x1p-24 * largest)
          << ranks << " ranks, element " << i;
  }
}

TEST(RanksTest, AnyNumberOfRanksGivesTheSameTokens) {
  ModelOptions options{.maxSequences = 4, .context = 32, .poison = true};
  auto alone = generate(*loaded(1, options), 8);
  ASSERT_TRUE(alone.ok()) << alone.status().message();
  for (int64_t ranks : kRankCounts) {
    auto split = generate(*loaded(ranks, options), 8);
    ASSERT_TRUE(split.ok()) << split.status().message();
    EXPECT_EQ(*split, *alone) << ranks;
  }
}

TEST(RanksTest, ProfilesEveryRank) {
  auto model = loaded(3, {.context = 16});
  Tokens tokens{1, 2}, pages{0};
  SequenceSlice slice{
      .tokens = tokens, .pages = pages, .wanted = WantedRows::Last};
  auto times = model->profile(0, std::span(&slice, 1));
  ASSERT_TRUE(times.ok()) << times.status().message();
  ASSERT_EQ(times->size(), 3u);
  for (const auto &rank : *times)
    EXPECT_EQ(rank.size(), model->entry(0).programs[0].steps.size());
}

TEST(RanksTest, WantsOneDeviceForEachRank) {
  auto device = openCpuDevice({.threads = 1});
  auto model = Model::load(plan::PlanFile::fromPlan(rankedPlan(4)),
                           std::move(*device), {});
  EXPECT_EQ(model.status().message(),
            "the plan 'ranked' is for 4 ranks, found 1 devices");
}

TEST(RanksTest, AMeshOfTwoAxesIsNotRunHere) {
  plan::Plan plan = rankedPlan(2);
  plan.mesh.push_back({"pp", 1});
  std::vector<std::unique_ptr<Device>> devices;
  for (int i = 0; i < 2; ++i)
    devices.push_back(*openCpuDevice({.threads = 1}));
  auto model = Model::load(plan::PlanFile::fromPlan(std::move(plan)),
                           std::move(devices), {});
  EXPECT_EQ(model.status().code(), StatusCode::Unsupported);
}

TEST(RanksTest, AnErrorOfTheBatchLeavesTheRanksAlive) {
  auto model = loaded(2, {.context = 16});
  Tokens bad{kVocabulary}, pages{0};
  SequenceSlice slice{.tokens = bad, .pages = pages};
  EXPECT_EQ(model->run(0, std::span(&slice, 1)).code(), StatusCode::OutOfRange);
  EXPECT_TRUE(generate(*model, 2).ok());
}

TEST(RanksTest, WeightsThatOneRankCannotMakeAreAnErrorOfTheGroup) {
  // The directory is missing on every rank; one of them says so first.
  plan::Plan plan = rankedPlan(2);
  plan::Recipe &leaf = plan.weights[1].recipe.of[0].of[0];
  leaf.op = plan::Recipe::Op::Tensor;
  leaf.data.clear();
  leaf.text = "w";
  leaf.file = 0;
  plan.files.push_back({"absent.safetensors", 0});
  std::vector<std::unique_ptr<Device>> devices;
  for (int i = 0; i < 2; ++i)
    devices.push_back(*openCpuDevice({.threads = 1}));
  auto model = Model::load(plan::PlanFile::fromPlan(std::move(plan)),
                           std::move(devices), {});
  ASSERT_FALSE(model.ok());
  EXPECT_EQ(model.status().message().rfind("rank ", 0), 0u)
      << model.status().message();
}

//===----------------------------------------------------------------------===//
// Ranks that die
//===----------------------------------------------------------------------===//

namespace {

enum class Death { Before, After, Silent };

struct Fate {
  int victim = 0;
  int call = 0; // of the victim's collectives
  Death death = Death::Before;
  std::atomic<bool> over{false}; // lets a silent rank go
  std::atomic<int> told{0};      // ranks that heard of it
  std::vector<Status> heard;     // by rank: what its collective returned
};

/// Ends its rank at one call: by an error before or after the exchange, or by
/// not coming back.
class MortalCommunicator : public Communicator {
public:
  MortalCommunicator(std::unique_ptr<Communicator> inner,
                     std::shared_ptr<Fate> fate)
      : inner_(std::move(inner)), fate_(std::move(fate)) {}
  int rank() const override { return inner_->rank(); }
  int size() const override { return inner_->size(); }
  void abort(const Status &reason) override { inner_->abort(reason); }

  Status run(const Collective &collective, int64_t rows) override {
    bool now = rank() == fate_->victim && calls_++ == fate_->call;
    if (now && fate_->death == Death::Before)
      return internalError("it died");
    while (now && fate_->death == Death::Silent && !fate_->over)
      std::this_thread::sleep_for(1ms);
    Status result = inner_->run(collective, rows);
    if (now && fate_->death == Death::After)
      return internalError("it died");
    if (!result.ok() && rank() != fate_->victim) {
      fate_->heard[size_t(rank())] = result;
      ++fate_->told;
    }
    return result;
  }

private:
  std::unique_ptr<Communicator> inner_;
  std::shared_ptr<Fate> fate_;
  int calls_ = 0;
};

bool contains(const std::string &text, const std::string &part) {
  return text.find(part) != std::string::npos;
}

/// Every rank but the victim was told which rank failed, and where.
void expectHeard(const Fate &fate) {
  // After the second and last exchange of a step the others are already done:
  // nobody waits, and the caller hears of it.
  if (fate.death == Death::After && fate.call % 2 == 1)
    return;
  std::string victim = "rank " + std::to_string(fate.victim);
  for (size_t rank = 0; rank < fate.heard.size(); ++rank) {
    if (int(rank) == fate.victim)
      continue;
    const std::string &text = fate.heard[rank].message();
    EXPECT_TRUE(contains(text, victim)) << "rank " << rank << ": " << text;
    EXPECT_TRUE(contains(text, "all_reduce 'mlp.sum'") ||
                contains(text, "all_gather 'logits.gather'"))
        << "rank " << rank << ": " << text;
  }
}

void runWithDeath(int64_t ranks, std::shared_ptr<Fate> fate) {
  SCOPED_TRACE("rank " + std::to_string(fate->victim) + " of " +
               std::to_string(ranks) + ", call " + std::to_string(fate->call) +
               ", death " + std::to_string(int(fate->death)));
  fate->heard.resize(size_t(ranks));
  ModelOptions options{.maxSequences = 2, .context = 32};
  // A busy machine may hold a healthy rank up, but not for this long.
  options.rankDeadline = fate->death == Death::Silent ? 1500ms : 60s;
  options.wrapCommunicator = [fate](std::unique_ptr<Communicator> inner) {
    return std::make_unique<MortalCommunicator>(std::move(inner), fate);
  };
  auto model = loaded(ranks, options);
  auto tokens = generate(*model, 16);
  ASSERT_FALSE(tokens.ok());
  EXPECT_TRUE(contains(tokens.status().message(),
                       "rank " + std::to_string(fate->victim)))
      << tokens.status().message();
  // The group stays dead, and says why again.
  auto again = generate(*model, 1);
  EXPECT_EQ(again.status().message(), tokens.status().message());
  model.reset();
  expectHeard(*fate);
  fate->over = true;
}

} // namespace

// 16 steps of two collectives: a death anywhere in them ends every rank.
TEST(RanksTest, DeathsAtRandomMomentsEndEveryRank) {
  std::mt19937 random(7);
  auto upTo = [&](int bound) { return int(random() % unsigned(bound)); };
  for (int i = 0; i < 50; ++i) {
    int64_t ranks = kRankCounts[upTo(3)];
    auto fate = std::make_shared<Fate>();
    // Rank 0 is the caller's thread: it can fail, but not be left behind.
    fate->death = i % 7 == 0 ? Death::Silent : Death(upTo(2));
    fate->victim = fate->death == Death::Silent ? 1 + upTo(int(ranks) - 1)
                                                : upTo(int(ranks));
    fate->call = upTo(30);
    runWithDeath(ranks, fate);
  }
}

// The first rank to wait ends the group when rank 0, which is the caller's own
// thread, is the late one; the caller hears of it when it comes.
TEST(RanksTest, TheCallersOwnRankCanBeLate) {
  auto fate = std::make_shared<Fate>();
  fate->death = Death::Silent;
  fate->call = 3;
  std::thread later([fate] {
    while (fate->told == 0)
      std::this_thread::sleep_for(1ms);
    fate->over = true;
  });
  runWithDeath(2, fate);
  later.join();
}

} // namespace ft::test
