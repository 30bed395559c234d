//===- DeviceConformancePlansTest.cpp - compiled plans on every device ----===//
//
// With --plans DIR, every DIR/*.plan runs program by program on the device
// under test and on the CPU. Without, a small plan made here shows that the
// comparison passes what is right and reports what is wrong.
//
//===----------------------------------------------------------------------===//
#include "test/runtime/device/Conformance.h"
#include "test/runtime/device/ProgramComparison.h"

#include <algorithm>
#include <filesystem>

namespace ft::test {

using PlansTest = DeviceTest;
INSTANTIATE_TEST_SUITE_P(Devices, PlansTest, testing::Values("cpu", "cuda"),
                         [](auto &info) { return std::string(info.param); });

static void comparePlan(Device &device, const plan::PlanFile &file) {
  auto reference = openCpuDevice({});
  ASSERT_TRUE(reference.ok());
  for (size_t e = 0; e < file.plan().entries.size(); ++e)
    for (size_t p = 0; p < file.plan().entries[e].programs.size(); ++p) {
      ProgramName name{int32_t(e), int32_t(p)};
      for (const TestBatch &batch : batchesFor(file.plan(), name))
        EXPECT_TRUE(
            compareProgram(device, file, **reference, file, name, batch));
    }
}

TEST_P(PlansTest, AgreeWithTheCpu) {
  if (plansDirectory.empty())
    GTEST_SKIP() << "no compiled plans given (--plans DIR)";
  std::vector<std::string> paths;
  for (const auto &file : std::filesystem::directory_iterator(plansDirectory))
    if (file.path().extension() == ".plan")
      paths.push_back(file.path().string());
  std::sort(paths.begin(), paths.end());
  ASSERT_FALSE(paths.empty()) << "no *.plan in " << plansDirectory;
  for (const std::string &path : paths) {
    SCOPED_TRACE(path);
    auto file = plan::PlanFile::open(path);
    ASSERT_TRUE(file.ok()) << file.status().message();
    // The CPU against itself with other threads and its own products.
    if (std::string(GetParam()) == "cpu")
      device = *openCpuDevice({.threads = 3, .library = false});
    comparePlan(*device, **file);
  }
}

//===----------------------------------------------------------------------===//
// The comparison itself
//===----------------------------------------------------------------------===//

static constexpr const char *kNoError = "";

/// One decoder layer; `error` names a way in which it is wrong.
static plan::Plan layer(DType dtype, const std::string &error) {
  TestProgram p;
  p.plan.vocabulary = 100;
  p.plan.maxPositions = 64;
  auto weight = [&](Shape shape) { return p.weight(dtype, shape, {}); };
  plan::Ref ids = p.input(DType::I32, kTokens, {});
  plan::Ref cache =
      p.cache(1, 8, {{"k", dtype, {2, 32}}, {"v", dtype, {2, 32}}});
  plan::Ref x = p.buffer(dtype, kTokens, {48});
  plan::Ref n = p.temp(DType::F32, kTokens, {48});
  plan::Ref qkv = p.buffer(dtype, kTokens, {8, 32});
  plan::Ref q = p.view(qkv, 0, {4, 32}), k = p.view(qkv, 128, {2, 32});
  plan::Ref v = p.view(qkv, 192, {2, 32});
  plan::Ref a = p.buffer(dtype, kTokens, {4, 32});
  plan::Ref o = p.temp(DType::F32, kTokens, {48});
  plan::Ref last = p.buffer(DType::F32, kRows, {48});
  p.op("embedding", {ids, weight({100, 48})}, {x});
  p.op("rms_norm", {x, weight({48})}, {n},
       {{"eps", error == "eps" ? 0.1 : 1e-5}});
  p.op("linear", {n, weight({256, 48})}, {qkv});
  p.op("cache_append", {k, error == "append" ? k : v, p.sequences(), cache},
       {});
  p.op("attention", {q, p.sequences(), cache}, {a},
       {{"scale", 0.2},
        {"causal", error != "causal"},
        {"window", int64_t(error == "window" ? 9 : 10)}});
  p.op("linear", {a, weight({48, 128})}, {o});
  p.op("add", {x, o}, {x});
  p.op(error == "rows" ? "segment_reduce" : "rows",
       {x, error == "rows" ? p.sequences() : p.rows()}, {last});
  p.program().outputs = {last.index};
  p.plan.entries[0].outputs = {{"hidden", DType::F32, kRows, {48}}};
  if (error == "nan")
    p.op("log", {last}, {last});
  return p.plan;
}

static testing::AssertionResult compareLayers(DType dtype,
                                              const std::string &error) {
  auto device = openCpuDevice({.threads = 2, .library = false});
  auto reference = openCpuDevice({.threads = 1});
  auto file = plan::PlanFile::fromPlan(layer(dtype, error));
  auto right = plan::PlanFile::fromPlan(layer(dtype, kNoError));
  for (const TestBatch &batch : batchesFor(right->plan(), {}))
    if (auto result =
            compareProgram(**device, *file, **reference, *right, {}, batch);
        !result)
      return result;
  return testing::AssertionSuccess();
}

TEST(ComparisonTest, AcceptsTheSamePlan) {
  for (DType dtype : kFloats)
    EXPECT_TRUE(compareLayers(dtype, kNoError));
}

/// A norm and a product behind it, of which nothing is stored in 16 bits.
static plan::Plan normedProduct(DType weights) {
  TestProgram p;
  plan::Ref x = p.input(DType::F32, kTokens, {48});
  plan::Ref n = p.temp(DType::F32, kTokens, {48});
  plan::Ref y = p.buffer(DType::F32, kTokens, {64});
  p.op("rms_norm", {x, p.weight(DType::F32, {48}, {})}, {n}, {{"eps", 1e-5}});
  p.op("linear", {n, p.weight(weights, {64, 48}, {})}, {y});
  p.program().outputs = {y.index};
  p.plan.entries[0].outputs = {{"product", DType::F32, kTokens, {64}}};
  return p.plan;
}

// A norm's result in the type of the weights behind it, as tensor cores take
// it: the whole difference here.
TEST(ComparisonTest, AcceptsRoundedOperands) {
  auto device = openCpuDevice({.threads = 2, .library = false});
  auto reference = openCpuDevice({.threads = 1});
  TestBatch batch;
  batch.slices = {{3, 0}};
  for (DType dtype : {DType::F16, DType::BF16}) {
    plan::Plan plan = normedProduct(dtype);
    plan::Plan rounded = roundedOperandsPlan(plan, {});
    EXPECT_EQ(rounded.entries[0].programs[0].buffers.size(),
              plan.entries[0].programs[0].buffers.size() + 1);
    auto file = plan::PlanFile::fromPlan(rounded);
    auto right = plan::PlanFile::fromPlan(plan);
    EXPECT_TRUE(
        compareProgram(**device, *file, **reference, *right, {}, batch));
  }
}

TEST(ComparisonTest, ReportsWrongPlans) {
  for (DType dtype : kFloats)
    for (const char *error :
         {"eps", "append", "causal", "window", "rows", "nan"})
      EXPECT_FALSE(compareLayers(dtype, error)) << error;
}

/// One number a sequence: the mean of a product, and what it is off by.
static plan::Plan oneNumber(double off) {
  TestProgram p;
  plan::Ref x = p.input(DType::F32, kTokens, {48});
  plan::Ref y = p.temp(DType::F32, kTokens, {1});
  plan::Ref mean = p.temp(DType::F32, kSequences, {1});
  plan::Ref out = p.buffer(DType::F32, kSequences, {1});
  p.op("linear", {x, p.weight(DType::F32, {1, 48}, {})}, {y});
  p.op("segment_reduce", {y, p.sequences()}, {mean},
       {{"kind", std::string("mean")}});
  p.op("offset", {mean}, {out}, {{"by", off}});
  p.program().outputs = {out.index};
  p.plan.entries[0].outputs = {{"number", DType::F32, kSequences, {1}}};
  return p.plan;
}

// Of sums of about 1, however close to zero one of them comes.
TEST(ComparisonTest, HoldsFewNumbersAgainstTheirUsualSize) {
  auto device = openCpuDevice({.threads = 1});
  auto right = plan::PlanFile::fromPlan(oneNumber(0));
  TestBatch batch;
  batch.slices = {{1, 0}};
  double allowed = 2 * arithmeticError(right->plan(), {}, batch);
  EXPECT_GT(allowed, 1e-6);
  EXPECT_LT(allowed, 1e-5);
  auto off = [&](double by) {
    auto file = plan::PlanFile::fromPlan(oneNumber(by));
    return compareProgram(**device, *file, **device, *right, {}, batch);
  };
  EXPECT_TRUE(off(allowed / 4));
  EXPECT_FALSE(off(allowed * 4));
}

TEST(ComparisonTest, ImagesAreWhole) {
  plan::Plan plan = oneNumber(0);
  plan::Input &image = plan.entries[0].inputs[0];
  image.role = plan::InputRole::Image;
  image.axis = kSequences;
  image.tokens = 12;
  std::vector<TestBatch> batches = batchesFor(plan, {});
  ASSERT_EQ(batches.size(), 2u);
  EXPECT_EQ(batches[0].slices.size(), 1u);
  EXPECT_EQ(batches[1].slices.size(), 5u);
  for (const TestBatch &batch : batches)
    for (const Slice &slice : batch.slices) {
      EXPECT_EQ(slice.tokens, 12);
      EXPECT_EQ(slice.past, 0);
    }
  plan.entries[0].programs[0].maxTokens = 11;
  EXPECT_TRUE(batchesFor(plan, {}).empty());
}

TEST(ComparisonTest, ReadsPlanFiles) {
  std::string path = testing::TempDir() + "/conformance.plan";
  plan::Plan right = layer(DType::BF16, kNoError);
  for (plan::Weight &weight : right.weights) {
    weight.recipe.op = plan::Recipe::Op::Generator;
    weight.recipe.text = "iota";
    weight.recipe.shape = weight.shape;
  }
  for (plan::MeaningOp &op : right.entries[0].programs[0].steps[0].meaning)
    if (op.op == "attention")
      op.score = {{"score", {}, 0, -1},
                  {"head", {}, 0, -1},
                  {"floor", {1}, 0, -1},
                  {"add", {0, 2}, 0, -1}};
  Status written = plan::writePlan(right, path);
  ASSERT_TRUE(written.ok()) << written.message();
  auto file = plan::PlanFile::open(path);
  std::filesystem::remove(path);
  ASSERT_TRUE(file.ok()) << file.status().message();
  auto device = openCpuDevice({.threads = 2, .library = false});
  comparePlan(**device, **file);
}

// The widened plan of an fp32 plan computes the same, wherever it puts it.
TEST(ComparisonTest, WideningRoundsNothing) {
  plan::Plan plan = layer(DType::F32, kNoError);
  plan::Plan wide = widenedPlan(plan, {});
  EXPECT_EQ(wide.entries[0].programs[0].buffers[1].offset.perAxis[0],
            2 * plan.entries[0].programs[0].buffers[1].offset.perAxis[0]);
  auto device = openCpuDevice({.threads = 1});
  auto file = plan::PlanFile::fromPlan(wide);
  auto right = plan::PlanFile::fromPlan(plan);
  for (const TestBatch &batch : batchesFor(plan, {}))
    EXPECT_TRUE(compareProgram(**device, *file, **device, *right, {}, batch));
}

} // namespace ft::test
