//===- TunerTest.cpp - the tuner on a device with several ways ------------===//
#include "runtime/engine/Tuner.h"

#include "runtime/device/cpu/CpuDevice.h"
#include "runtime/plan/Tuning.h"
#include "test/runtime/engine/SmallModel.h"

#include <gtest/gtest.h>

#include <chrono>
#include <thread>

using namespace ft;
using namespace ft::test;

namespace {

std::vector<Candidate> &ways() {
  static std::vector<Candidate> all;
  return all;
}

/// Runs as the CPU does, in a way that a tuning names.
class WaysExecutable final : public Executable {
public:
  WaysExecutable(std::unique_ptr<Executable> inner, std::string way)
      : inner_(std::move(inner)), way_(std::move(way)) {}

  Status run(const BatchCounts &counts) override {
    if (way_ == "wrong")
      return Status::success();
    if (way_ == "fails")
      return internalError("no memory");
    if (way_ == "slow")
      std::this_thread::sleep_for(std::chrono::milliseconds(5));
    return inner_->run(counts);
  }
  StatusOr<std::vector<StepTime>> profile(const BatchCounts &counts,
                                          const StepObserver &after) override {
    return inner_->profile(counts, after);
  }
  StatusOr<int64_t> kernelCount(const BatchCounts &counts) override {
    return inner_->kernelCount(counts);
  }
  StatusOr<std::vector<Candidate>> candidates(int32_t,
                                              const BatchCounts &) override {
    return ways();
  }

private:
  std::unique_ptr<Executable> inner_;
  std::string way_;
};

/// A CPU with several ways of running each step.
class WaysDevice final : public Device {
public:
  WaysDevice() : inner_(std::move(*openCpuDevice({1, false}))) {}

  std::string kind() const override { return "ways"; }
  std::string describe() const override { return "ways"; }
  StatusOr<MemoryInfo> memory() override { return inner_->memory(); }
  StatusOr<std::byte *> allocate(int64_t bytes, const char *what) override {
    return inner_->allocate(bytes, what);
  }
  void release(std::byte *address) override { inner_->release(address); }
  Status copyIn(std::byte *to, const void *source, int64_t bytes) override {
    return inner_->copyIn(to, source, bytes);
  }
  Status copyOut(void *to, const std::byte *from, int64_t bytes) override {
    return inner_->copyOut(to, from, bytes);
  }
  Status fill(std::byte *to, uint8_t value, int64_t bytes) override {
    return inner_->fill(to, value, bytes);
  }
  Status fillRandom(std::byte *to, DType dtype, uint64_t key, int64_t first,
                    int64_t count, float scale) override {
    return inner_->fillRandom(to, dtype, key, first, count, scale);
  }
  StatusOr<std::unique_ptr<TokenFeed>> makeFeed(std::byte *memory,
                                                int64_t rows) override {
    return inner_->makeFeed(memory, rows);
  }
  int64_t stepsAhead() const override { return inner_->stepsAhead(); }
  StatusOr<std::unique_ptr<Executable>> load(const plan::PlanFile &file,
                                             const plan::Entry &entry,
                                             const plan::Program &program,
                                             const Binding &binding) override {
    FT_ASSIGN_OR_RETURN(auto made, inner_->load(file, entry, program, binding));
    std::string way =
        binding.tuning ? binding.tuning->gemms.front().choice : "";
    return std::unique_ptr<Executable>(
        new WaysExecutable(std::move(made), way));
  }
  StatusOr<std::unique_ptr<Communicator>>
  connect(std::shared_ptr<RankBoard> board, int rank) override {
    return inner_->connect(std::move(board), rank);
  }
  Status synchronize() override { return Status::success(); }

private:
  std::unique_ptr<Device> inner_;
};

/// smallPlan, its linear in a step of its own, as the compiler makes them.
plan::Plan gemmPlan() {
  plan::Plan plan = smallPlan();
  std::vector<plan::Step> &steps = plan.entries[0].programs[0].steps;
  plan::Step gemm;
  for (plan::Step &step : steps)
    for (const plan::MeaningOp &op : step.meaning)
      if (op.op == "linear") {
        gemm.name = "head";
        gemm.pattern = "gemm";
        gemm.axis = plan.entries[0].programs[0].buffers[op.out[0].index].axis;
        gemm.meaning = {op};
        gemm.reads = {op.in[0].index};
        gemm.writes = {op.out[0].index};
      }
  EXPECT_FALSE(gemm.meaning.empty());
  steps.push_back(std::move(gemm));
  return plan;
}

std::unique_ptr<Model> loadOn(std::unique_ptr<Device> device) {
  auto model = Model::load(plan::PlanFile::fromPlan(gemmPlan()),
                           std::move(device), ModelOptions{});
  EXPECT_TRUE(model.ok()) << model.status().message();
  return model.ok() ? std::move(*model) : nullptr;
}

} // namespace

TEST(TunerTest, KeepsTheFastestRightWay) {
  ways() = {{"wrong", "", ""},
            {"refused", "", "too many rows"},
            {"fails", "", ""},
            {"slow", "", ""},
            {"fast", "00", ""}};
  auto model = loadOn(std::make_unique<WaysDevice>());
  ASSERT_TRUE(model);
  auto cpu = openCpuDevice({1, false});
  TuneOptions options;
  options.rows = {16, 64, 1 << 20};
  std::vector<std::string> warnings;
  int told = 0;
  options.warn = [&](const std::string &text) { warnings.push_back(text); };
  options.progress = [&](int done, int total, const plan::TunedGemm &) {
    EXPECT_EQ(done, ++told);
    EXPECT_EQ(total, 2);
  };
  auto tuning = tuneGemms(*model, **cpu, options);
  ASSERT_TRUE(tuning.ok()) << tuning.status().message();
  ASSERT_EQ(tuning->gemms.size(), 2u); // no batch has 2^20 rows
  EXPECT_EQ(told, 2);
  EXPECT_EQ(tuning->machine.device, "ways");
  EXPECT_EQ(tuning->gemms[1].rows, 64);
  for (const plan::TunedGemm &gemm : tuning->gemms) {
    EXPECT_EQ(gemm.problem, "f32 to f32 [32, 8] linear");
    EXPECT_EQ(gemm.choice, "fast");
    EXPECT_EQ(gemm.algorithm, "00");
    EXPECT_EQ(gemm.runnerUp, "slow");
  }
  // What is not written stays NaN: no small difference passes for it.
  ASSERT_EQ(warnings.size(), 6u);
  const char *sentences[] = {"'wrong' is passed over: it differs",
                             "'refused' is passed over: too many rows",
                             "'fails' is passed over: no memory"};
  for (size_t i = 0; i < 6; ++i)
    EXPECT_NE(warnings[i].find(sentences[i % 3]), std::string::npos)
        << warnings[i];
}

TEST(TunerTest, AStepWithoutACandidateIsAnError) {
  ways() = {{"wrong", "", ""}, {"refused", "", "too many rows"}};
  auto model = loadOn(std::make_unique<WaysDevice>());
  ASSERT_TRUE(model);
  auto cpu = openCpuDevice({1, false});
  TuneOptions options;
  options.rows = {16};
  auto tuning = tuneGemms(*model, **cpu, options);
  ASSERT_FALSE(tuning.ok());
  EXPECT_NE(tuning.status().message().find("no way of running it is left"),
            std::string::npos);
}

TEST(TunerTest, RunsOnTheCpuItself) {
  auto model = loadOn(std::move(*openCpuDevice({1, false})));
  ASSERT_TRUE(model);
  auto cpu = openCpuDevice({1, false});
  TuneOptions options;
  options.rows = {16};
  auto tuning = tuneGemms(*model, **cpu, options);
  ASSERT_TRUE(tuning.ok()) << tuning.status().message();
  ASSERT_EQ(tuning->gemms.size(), 1u);
  EXPECT_EQ(tuning->gemms[0].choice, "meaning");
  EXPECT_EQ(tuning->gemms[0].runnerUp, "");
}

TEST(TunerTest, SaysWhereThereIsNothingToTune) {
  auto model = loadSmall(ModelOptions{});
  ASSERT_TRUE(model);
  auto cpu = openCpuDevice({1, false});
  auto tuning = tuneGemms(*model, **cpu, TuneOptions{});
  ASSERT_FALSE(tuning.ok());
  EXPECT_NE(tuning.status().message().find("no matrix product"),
            std::string::npos);
}

TEST(TunerTest, ATuningOfAnotherMachineIsIgnoredAndSaid) {
  plan::TunedGemm gemm;
  gemm.problem = "p", gemm.rows = 1, gemm.choice = "fast";
  ModelOptions options;
  options.tuning = plan::Tuning{{"another", "", ""}, {gemm}};
  auto model = loadSmall(options);
  ASSERT_TRUE(model);
  EXPECT_NE(model->note().find("'another'"), std::string::npos);
  EXPECT_EQ(model->binding().tuning, nullptr);
  options.tuning->machine = model->device().machine();
  model = loadSmall(options);
  ASSERT_TRUE(model);
  EXPECT_EQ(model->note(), "");
  EXPECT_NE(model->binding().tuning, nullptr);
}
