//===- DeviceConformanceSamplingTest.cpp - tokens, exactly ----------------===//
//
// The step `sample` alone, on logits made here: the token, the slot and the
// log-probabilities equal the reference bit for bit, whatever the settings. On
// a GPU the kernels come from a compiled plan (--plans DIR, that of the largest
// vocabulary); on the CPU a plan is made here.
//
//===----------------------------------------------------------------------===//
#include "runtime/sampling/Sampler.h"
#include "runtime/sampling/SamplingParams.h"
#include "test/runtime/device/Conformance.h"
#include "test/runtime/sampling/Logits.h"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <filesystem>

namespace ft::test {

namespace {

constexpr int64_t kRowCount = 6, kVocabularyHere = 4099;

/// A program of one step, and where its logits and tokens lie.
struct SampleStep {
  std::unique_ptr<plan::PlanFile> file;
  plan::Entry entry;
  plan::Program program;
  plan::Ref logits, tokens;
  int64_t columns = 0;

  bool find(std::unique_ptr<plan::PlanFile> from, int programIndex);
};

bool SampleStep::find(std::unique_ptr<plan::PlanFile> from, int programIndex) {
  for (const plan::Entry &candidate : from->plan().entries)
    if (sampledColumns(candidate) &&
        size_t(programIndex) < candidate.programs.size()) {
      entry = candidate;
      program = candidate.programs[size_t(programIndex)];
      std::erase_if(program.steps, [](const plan::Step &step) {
        return step.meaning.empty() || step.meaning[0].op != "sample";
      });
      logits = program.steps[0].meaning[0].in[0];
      tokens = program.steps[0].meaning[0].out[0];
      columns = sampledColumns(entry);
      file = std::move(from);
      return true;
    }
  return false;
}

plan::Plan sampleOnly(int64_t columns) {
  TestProgram p;
  plan::Ref logits = p.buffer(DType::F32, kRows, {columns}, 3);
  plan::Ref next = p.buffer(DType::I32, kRows, {});
  p.op("sample", {logits, p.sequences(), p.rows()}, {next});
  return p.plan;
}

using SamplingTest = DeviceTest;
INSTANTIATE_TEST_SUITE_P(Devices, SamplingTest, testing::Values("cpu", "cuda"),
                         [](auto &info) { return std::string(info.param); });

/// Whether there is a step for a device of this kind; of all plans that of the
/// largest vocabulary, and of its programs number `programIndex`.
bool findStep(const std::string &kind, int programIndex, SampleStep &step) {
  if (plansDirectory.empty())
    return kind == "cpu" && programIndex == 0 &&
           step.find(plan::PlanFile::fromPlan(sampleOnly(kVocabularyHere)), 0);
  for (const auto &path : std::filesystem::directory_iterator(plansDirectory)) {
    if (path.path().extension() != ".plan")
      continue;
    auto file = plan::PlanFile::open(path.path().string());
    SampleStep found;
    if (file.ok() && found.find(std::move(*file), programIndex) &&
        found.columns > step.columns)
      step = std::move(found);
  }
  return step.columns > 0;
}

/// One sequence a row, each of another length.
TestBatch rowsBatch(int64_t rows) {
  TestBatch batch;
  for (int64_t row = 0; row < rows; ++row) {
    batch.slices.push_back({1, 3 + 2 * row});
    batch.wanted.push_back(int32_t(row));
  }
  return batch;
}

/// Settings of all kinds; logits are wide enough for each to matter.
std::vector<SamplingParams> manySettings() {
  SamplingParams all{.temperature = 0.9,
                     .topK = 100,
                     .topP = 0.9,
                     .minP = 0.02,
                     .repetitionPenalty = 1.3,
                     .presencePenalty = 0.5,
                     .frequencyPenalty = 0.25,
                     .seed = 9,
                     .logitBias = {{0, -INFINITY}, {2, 5}, {7, 7.5}},
                     .badWords = {{4}, {5, 6}},
                     .minNewTokens = 3,
                     .stopTokens = {7},
                     .logprobs = 20};
  SamplingParams greedy = all;
  greedy.temperature = 0;
  return {{},
          {.temperature = 1, .seed = 1},
          {.temperature = 0.01, .seed = 2},
          {.temperature = 1000, .seed = 3},
          {.temperature = 1, .topK = 1, .seed = 4},
          {.temperature = 1, .topK = 50, .seed = 5},
          {.temperature = 2, .topP = 0.3, .seed = 6},
          {.temperature = 1, .topP = 0.999999, .seed = 7},
          {.temperature = 1.5, .minP = 0.1, .seed = 8},
          {.temperature = 1, .topK = INT32_MAX, .topP = 1e-6, .seed = 8},
          {.logprobs = 0},
          greedy,
          all};
}

/// Runs one batch and holds every row against the reference.
void checkBatch(BoundProgram &run, const SampleStep &step,
                const std::vector<SamplingParams> &settings,
                const std::vector<std::vector<float>> &logits) {
  Values values;
  std::vector<plan::SamplingRecord> records;
  std::vector<std::vector<std::byte>> states;
  for (size_t row = 0; row < settings.size(); ++row) {
    values.insert(values.end(), logits[row].begin(), logits[row].end());
    std::vector<int32_t> prompt(4 + 2 * row, int32_t(row) + 2);
    records.push_back(makeSamplingRecord(settings[row],
                                         settings[row].seed.value_or(0),
                                         int64_t(prompt.size()), int32_t(row)));
    states.push_back(makeSamplingState(settings[row], settings[row].stopTokens,
                                       prompt, step.columns));
    states.back().resize(size_t(plan::sampling::stateBytes(step.columns)));
    run.writeRecord(int64_t(row), records.back());
    run.writeSlot(int32_t(row), states.back());
  }
  run.write(step.logits, values);
  Status status = run.run();
  ASSERT_TRUE(status.ok()) << status.message();
  Values tokens = run.read(step.tokens);
  for (size_t row = 0; row < settings.size(); ++row) {
    SCOPED_TRACE(testing::Message() << "row " << row);
    sampling::Row input{logits[row], &records[row], states[row].data(),
                        int64_t(4 + 2 * row)};
    int32_t token = sampling::chooseToken(input);
    EXPECT_EQ(tokens[row], token);
    if (!settings[row].usesState())
      continue;
    if (settings[row].logprobs >= 0) {
      plan::SamplingResult result = sampling::describeToken(input, token);
      // What is not asked for stays as it was.
      std::memcpy(states[row].data() + plan::sampling::kResult, &result,
                  offsetof(plan::SamplingResult, topLogits) +
                      size_t(settings[row].logprobs) * 4);
    }
    sampling::appendToken(states[row].data(), records[row], input.position,
                          token);
    EXPECT_TRUE(run.readSlot(int32_t(row)) == states[row]);
  }
}

void checkSettings(Device &device, const SampleStep &step) {
  std::vector<SamplingParams> settings = manySettings();
  for (size_t first = 0; first < settings.size(); ++first)
    for (float deviation : {0.0f, 0.3f, 4.0f}) {
      SCOPED_TRACE(testing::Message()
                   << "settings from " << first << ", logits " << deviation);
      std::vector<SamplingParams> ofRows;
      std::vector<std::vector<float>> logits;
      for (size_t row = 0; row < size_t(kRowCount); ++row) {
        ofRows.push_back(settings[(first + row) % settings.size()]);
        logits.push_back(
            bellLogits(step.columns, deviation, first * 100 + row));
      }
      float nan = std::numeric_limits<float>::quiet_NaN();
      logits[1][size_t(step.columns) - 1] = nan;
      std::fill(logits[2].begin() + 9, logits[2].end(), -INFINITY);
      std::fill(logits[3].begin(), logits[3].end(), nan);
      BoundProgram run(device, *step.file, step.entry, step.program,
                       rowsBatch(kRowCount));
      checkBatch(run, step, ofRows, logits);
    }
}

} // namespace

TEST_P(SamplingTest, TokensEqualTheReference) {
  bool any = false;
  for (int programIndex = 0; programIndex < 3; ++programIndex) {
    SampleStep step;
    if (!findStep(GetParam(), programIndex, step))
      continue;
    any = true;
    checkSettings(*device, step);
  }
  if (!any)
    GTEST_SKIP() << "no compiled plan that samples (--plans DIR)";
}

// Exact counts: the reference's own draws follow the exact probabilities
// (SamplingStatisticsTest), so a device that makes the same ones does, too.
TEST_P(SamplingTest, ManyDrawsEqualTheReference) {
  SampleStep step;
  if (!findStep(GetParam(), 0, step))
    GTEST_SKIP() << "no compiled plan that samples (--plans DIR)";
  // The CPU device runs the reference itself: a few runs show the plumbing.
  int64_t count = std::string(GetParam()) == "cpu" ? 60 : draws;
  SamplingParams params{
      .temperature = 1.3, .topK = 1000, .topP = 0.9, .minP = 0.002};
  std::vector<float> logits = bellLogits(step.columns, 2.5, 11);
  plan::SamplingRecord record = makeSamplingRecord(params, 0, 0, 0);
  sampling::Distribution distribution(
      sampling::editedLogits({logits, &record, nullptr, 0}), record);
  BoundProgram run(*device, *step.file, step.entry, step.program,
                   rowsBatch(kRowCount));
  Values values;
  for (int64_t row = 0; row < kRowCount; ++row)
    values.insert(values.end(), logits.begin(), logits.end());
  run.write(step.logits, values);
  ASSERT_TRUE(run.load().ok());
  for (int64_t first = 0; first < count; first += kRowCount) {
    for (int64_t row = 0; row < kRowCount; ++row) {
      record.seed = uint64_t(first + row);
      run.writeRecord(row, record);
    }
    ASSERT_TRUE(run.executable()->run(run.counts()).ok());
    Values tokens = run.read(step.tokens);
    for (int64_t row = 0; row < kRowCount; ++row)
      ASSERT_EQ(tokens[size_t(row)], distribution.draw(sampling::randomBits(
                                         uint64_t(first + row), 4 + 2 * row)))
          << "seed " << first + row;
  }
}

} // namespace ft::test
