//===- TuningTest.cpp - records of tuned GEMMs ----------------------------===//
#include "runtime/plan/Tuning.h"

#include "test/runtime/TempDir.h"

#include <gtest/gtest.h>

#include <fstream>

using namespace ft;
using namespace ft::plan;
using namespace ft::test;

namespace {

TunedGemm record(std::string problem, int64_t rows, std::string choice) {
  TunedGemm gemm;
  gemm.problem = std::move(problem);
  gemm.rows = rows;
  gemm.choice = std::move(choice);
  return gemm;
}

Tuning sample() {
  Tuning tuning;
  tuning.machine = {"NVIDIA H200", "CUDA 13000", "cuBLASLt 130000"};
  tuning.gemms = {record("a", 64, "library"), record("a", 1024, "tiles"),
                  record("b", 16, "other")};
  tuning.gemms[0].algorithm = "00ff";
  tuning.gemms[0].microseconds = 5.25;
  tuning.gemms[0].runnerUp = "tiles";
  tuning.gemms[0].runnerUpMicroseconds = 6;
  return tuning;
}

/// What reading a file of `text` says.
std::string errorOf(const std::string &text) {
  TempDir dir;
  std::string path = dir.path() + "/t.json";
  std::ofstream(path) << text;
  StatusOr<Tuning> read = readTuning(path);
  EXPECT_FALSE(read.ok());
  return read.ok() ? "" : read.status().message();
}

} // namespace

TEST(TuningTest, TakesTheNearestRowsOfTheProblem) {
  Tuning tuning = sample();
  EXPECT_EQ(nearestTuned(tuning, "a", 1)->choice, "library");
  EXPECT_EQ(nearestTuned(tuning, "a", 255)->choice, "library");
  EXPECT_EQ(nearestTuned(tuning, "a", 256)->choice, "library"); // as near
  EXPECT_EQ(nearestTuned(tuning, "a", 257)->choice, "tiles");
  EXPECT_EQ(nearestTuned(tuning, "a", 1 << 20)->choice, "tiles");
  EXPECT_EQ(nearestTuned(tuning, "b", 4096)->choice, "other");
  EXPECT_EQ(nearestTuned(tuning, "c", 64), nullptr);
}

TEST(TuningTest, HoldsOnItsMachineOnly) {
  Tuning tuning = sample();
  EXPECT_EQ(tuningMismatch(tuning, tuning.machine), "");
  Machine other = tuning.machine;
  other.library = "cuBLASLt 120000";
  EXPECT_EQ(tuningMismatch(tuning, other),
            "the tuning is for the library 'cuBLASLt 130000', this machine has "
            "'cuBLASLt 120000': it is ignored; make one here with ft-run "
            "--tune");
  other = tuning.machine;
  other.device = "NVIDIA A100";
  EXPECT_NE(tuningMismatch(tuning, other).find("'NVIDIA A100'"),
            std::string::npos);
  other = tuning.machine;
  other.driver = "CUDA 12000";
  EXPECT_NE(tuningMismatch(tuning, other).find("driver 'CUDA 13000'"),
            std::string::npos);
}

TEST(TuningTest, FileComesBackAsItWas) {
  TempDir dir;
  std::string path = dir.path() + "/t.json";
  ASSERT_TRUE(writeTuning(sample(), path).ok());
  StatusOr<Tuning> read = readTuning(path);
  ASSERT_TRUE(read.ok()) << read.status().message();
  EXPECT_EQ(read->machine, sample().machine);
  ASSERT_EQ(read->gemms.size(), 3u);
  EXPECT_EQ(read->gemms[0].algorithm, "00ff");
  EXPECT_EQ(read->gemms[0].microseconds, 5.25);
  EXPECT_EQ(read->gemms[0].runnerUp, "tiles");
  EXPECT_EQ(read->gemms[0].runnerUpMicroseconds, 6);
  EXPECT_EQ(read->gemms[1].rows, 1024);
  EXPECT_EQ(read->gemms[2].problem, "b");
}

TEST(TuningTest, SaysWhatIsWrongWithAFile) {
  EXPECT_NE(errorOf("{}").find("\"format\": \"ft-tuning 1\""),
            std::string::npos);
  EXPECT_NE(errorOf("[").find("t.json"), std::string::npos);
  const std::string head = R"({"format": "ft-tuning 1", "gemms": [)"
                           R"({"problem": "a", "choice": "b", )";
  EXPECT_NE(errorOf(head + R"("rows": 0}]})").find("/tuning/gemms/0/rows"),
            std::string::npos);
  EXPECT_NE(
      errorOf(head + R"("rows": 1, "algorithm": "xy"}]})").find("hexadecimal"),
      std::string::npos);
  EXPECT_NE(errorOf(head + R"("rows": 1, "speed": 1}]})").find("\"speed\""),
            std::string::npos);
}

TEST(TuningTest, ProblemsAreTypesShapesAndOps) {
  Plan plan;
  Weight weight;
  weight.dtype = DType::BF16;
  weight.shape = {24, 8};
  plan.weights = {weight};
  Program program;
  Buffer buffer;
  buffer.dtype = DType::BF16;
  program.buffers = {buffer, buffer};
  Step step;
  step.pattern = "gemm";
  step.reads = {0};
  step.writes = {1};
  MeaningOp linear, gelu;
  linear.op = "linear";
  linear.in = {{RefKind::Buffer, 0}, {RefKind::Weight, 0}};
  gelu.op = "gelu";
  gelu.attrs["approximate"] = std::string("tanh");
  step.meaning = {linear, gelu};
  std::string name = gemmProblem(plan, program, step);
  EXPECT_EQ(name, "bf16 to bf16 [24, 8] linear, gelu_tanh");
  step.meaning[1].attrs["approximate"] = std::string("none");
  EXPECT_NE(gemmProblem(plan, program, step), name);
  program.buffers[1].dtype = DType::F32;
  EXPECT_EQ(gemmProblem(plan, program, step),
            "bf16 to f32 [24, 8] linear, gelu_none");
  // A choice for exact products is none for those in TF32.
  GemmCall call;
  call.tf32 = true;
  step.implementations = {{"library", {}, {"sm_90a"}, {call}}};
  EXPECT_EQ(gemmProblem(plan, program, step),
            "bf16 to f32 by tf32 [24, 8] linear, gelu_none");
  EXPECT_TRUE(usesTf32(step));
  step.pattern = "row";
  EXPECT_EQ(gemmProblem(plan, program, step), "");
}
