//===- WeightStoreTest.cpp - weights made resident ------------------------===//
#include "runtime/weights/WeightStore.h"

#include "runtime/base/Safetensors.h"
#include "test/runtime/SafetensorsFile.h"
#include "test/runtime/TempDir.h"
#include "test/runtime/weights/FakeDevice.h"

#include <cmath>
#include <gtest/gtest.h>

using namespace ft;
using namespace ft::test;
using plan::Recipe;

namespace {

Recipe tensor(const char *name, std::vector<int64_t> shape,
              DType stored = DType::F32) {
  Recipe recipe;
  recipe.file = 0;
  recipe.text = name;
  recipe.stored = stored;
  recipe.shape = std::move(shape);
  return recipe;
}

Recipe node(Recipe::Op op, std::vector<int64_t> shape, std::vector<Recipe> of,
            int64_t axis = 0, int64_t start = 0) {
  Recipe recipe;
  recipe.op = op;
  recipe.shape = std::move(shape);
  recipe.of = std::move(of);
  recipe.axis = axis;
  recipe.start = start;
  return recipe;
}

std::string floats(int64_t count, float first) {
  std::string bytes;
  for (int64_t i = 0; i < count; ++i) {
    float value = first + float(i);
    bytes.append(reinterpret_cast<const char *>(&value), 4);
  }
  return bytes;
}

/// a [4, 2] = 0.., b [2, 2] = 100.., n [2] = 200.., all f32.
std::string sampleFile(const char *dtype = "F32", const char *shape = "[4, 2]",
                       const char *name = "a") {
  return safetensors(
      std::string("{\"") + name + "\": {\"dtype\": \"" + dtype +
          "\", \"shape\": " + shape +
          ", \"data_offsets\": [0, 32]}, \"b\": {\"dtype\": \"F32\", "
          "\"shape\": [2, 2], \"data_offsets\": [32, 48]}, \"n\": {\"dtype\": "
          "\"F32\", \"shape\": [2], \"data_offsets\": [48, 56]}}",
      floats(8, 0) + floats(4, 100) + floats(2, 200));
}

plan::Weight weight(const char *name, DType dtype, Recipe recipe) {
  plan::Weight result;
  result.name = name;
  result.dtype = dtype;
  result.shape = recipe.shape;
  result.recipe = std::move(recipe);
  return result;
}

plan::Plan samplePlan(const std::string &dir) {
  plan::Plan plan;
  plan.weightsDir = dir;
  plan.files = {{"model.safetensors", 0}};
  Recipe a = tensor("a", {4, 2}), b = tensor("b", {2, 2});
  plan::Weight view;
  view.name = "b";
  view.dtype = DType::BF16;
  view.shape = {2, 2};
  view.viewOf = 0;
  view.viewRow = 4;
  plan.weights = {
      weight("ab", DType::BF16, node(Recipe::Op::Concat, {6, 2}, {a, b})),
      view,
      weight("turned", DType::F32, node(Recipe::Op::Transpose, {2, 4}, {a})),
      weight("copy", DType::F32, node(Recipe::Op::Slice, {2, 2}, {a}, 0, 1)),
      weight("norm", DType::F32, tensor("n", {2})),
  };
  return plan;
}

/// `count` elements of `weight` as floats.
std::vector<float> values(const plan::Plan &plan, const ResidentWeights &made,
                          size_t index, int64_t count) {
  std::vector<float> result(static_cast<size_t>(count));
  widenToF32(made.addresses()[index], plan.weights[index].dtype, count,
             result.data());
  return result;
}

using Floats = std::vector<float>;

} // namespace

TEST(WeightStore, MakesEveryWeightOnceAndResolvesViews) {
  TempDir dir;
  dir.write("model.safetensors", sampleFile());
  plan::Plan plan = samplePlan(dir.path());
  FakeDevice device;
  {
    int64_t last = 0, total = 0;
    WeightOptions options;
    options.progress = [&](int64_t done, int64_t all) {
      EXPECT_GE(done, last);
      last = done;
      total = all;
    };
    auto made = loadWeights(plan, options, device);
    ASSERT_TRUE(made.ok()) << made.status().message();
    EXPECT_EQ(device.alive.size(), 4u);
    EXPECT_EQ(values(plan, **made, 0, 12),
              (Floats{0, 1, 2, 3, 4, 5, 6, 7, 100, 101, 102, 103}));
    EXPECT_EQ((*made)->addresses()[1], (*made)->addresses()[0] + 4 * 2 * 2);
    EXPECT_EQ(values(plan, **made, 2, 8), (Floats{0, 2, 4, 6, 1, 3, 5, 7}));
    EXPECT_EQ(values(plan, **made, 3, 4), (Floats{2, 3, 4, 5}));
    EXPECT_EQ((*made)->bytes(), 24 + 32 + 16 + 8);
    EXPECT_EQ(last, total);
    EXPECT_EQ(total, (*made)->bytes());
  }
  EXPECT_TRUE(device.alive.empty());
}

TEST(WeightStore, SmallStagingGivesTheSameBytes) {
  TempDir dir;
  dir.write("model.safetensors", sampleFile());
  plan::Plan plan = samplePlan(dir.path());
  FakeDevice device;
  auto whole = loadWeights(plan, {}, device);
  ASSERT_TRUE(whole.ok()) << whole.status().message();
  for (int64_t staging : {1, 8, 20, 40}) {
    FakeDevice small;
    WeightOptions options;
    options.stagingBytes = staging;
    auto made = loadWeights(plan, options, small);
    ASSERT_TRUE(made.ok()) << made.status().message();
    for (size_t i = 0; i < 3; ++i)
      EXPECT_EQ(values(plan, **made, i, 4), values(plan, **whole, i, 4));
    EXPECT_EQ(values(plan, **made, 2, 8), values(plan, **whole, 2, 8));
  }
}

// Short runs are staged, long ones (4096 bytes) copied: the same columns.
TEST(WeightStore, MakesTheRanksSlices) {
  for (int64_t columns : {4, 1024}) {
    TempDir dir;
    std::string bytes = std::to_string(3 * 2 * columns * 4);
    dir.write("model.safetensors",
              safetensors("{\"m\": {\"dtype\": \"F32\", \"shape\": [3, " +
                              std::to_string(2 * columns) +
                              "], \"data_offsets\": [0, " + bytes + "]}}",
                          floats(6 * columns, 0)));
    Recipe rows = node(Recipe::Op::Slice, {2, 2 * columns},
                       {node(Recipe::Op::Pad, {4, 2 * columns},
                             {tensor("m", {3, 2 * columns})})});
    rows.starts = {0, 2};
    Recipe half = node(Recipe::Op::Slice, {3, columns},
                       {tensor("m", {3, 2 * columns})}, 1);
    half.starts = {0, columns};
    plan::Plan plan;
    plan.weightsDir = dir.path();
    plan.mesh = {{"tp", 2}};
    plan.files = {{"model.safetensors", 0}};
    plan.weights = {weight("rows", DType::F32, rows),
                    weight("half", DType::F32, half)};
    WeightOptions options;
    options.rank = 1;
    FakeDevice device;
    auto made = loadWeights(plan, options, device);
    ASSERT_TRUE(made.ok()) << made.status().message();
    Floats padded = values(plan, **made, 0, 4 * columns);
    Floats right = values(plan, **made, 1, 3 * columns);
    for (int64_t j = 0; j < 2 * columns; ++j) {
      EXPECT_EQ(padded[size_t(j)], float(4 * columns + j));
      EXPECT_EQ(padded[size_t(2 * columns + j)], 0);
    }
    for (int64_t i = 0; i < 3; ++i)
      for (int64_t j = 0; j < columns; ++j)
        EXPECT_EQ(right[size_t(i * columns + j)],
                  float((2 * i + 1) * columns + j));
  }
}

TEST(WeightStore, RunningOutOfMemoryReleasesTheRest) {
  TempDir dir;
  dir.write("model.safetensors", sampleFile());
  FakeDevice device;
  device.maxAllocations = 2;
  auto made = loadWeights(samplePlan(dir.path()), {}, device);
  ASSERT_FALSE(made.ok());
  EXPECT_EQ(made.status().code(), StatusCode::ResourceExhausted);
  EXPECT_NE(made.status().message().find("copy"), std::string::npos);
  EXPECT_TRUE(device.alive.empty());
}

//===----------------------------------------------------------------------===//
// Files that are not those of the plan
//===----------------------------------------------------------------------===//

static Status statusOf(const plan::Plan &plan, const std::string &directory) {
  FakeDevice device;
  WeightOptions options;
  options.directory = directory;
  Status status = loadWeights(plan, options, device).status();
  EXPECT_TRUE(device.alive.empty());
  return status;
}

TEST(WeightStore, WrongFilesGetASentence) {
  const std::pair<std::string, const char *> cases[] = {
      {sampleFile("F32", "[2, 4]"), "expected shape [4, 2], found [2, 4]"},
      {sampleFile("I32"), "expected dtype f32, found I32"},
      {sampleFile("F32", "[4, 2]", "c"), "tensor 'a' does not exist"},
      {sampleFile().substr(0, 100), "truncated"},
      {"", "empty"},
  };
  for (const auto &[bytes, message] : cases) {
    TempDir dir;
    dir.write("model.safetensors", bytes);
    Status status = statusOf(samplePlan(""), dir.path());
    ASSERT_FALSE(status.ok()) << message;
    EXPECT_NE(status.message().find(message), std::string::npos)
        << status.message();
    EXPECT_NE(status.message().find("weight 'ab'"), std::string::npos);
    EXPECT_NE(status.message().find("model.safetensors"), std::string::npos);
  }
}

TEST(WeightStore, MissingPlacesGetASentence) {
  TempDir dir;
  auto has = [](const Status &status, const char *text) {
    EXPECT_EQ(status.code(), StatusCode::NotFound);
    EXPECT_NE(status.message().find(text), std::string::npos)
        << status.message();
  };
  has(statusOf(samplePlan(""), ""), "remembers no weights directory");
  has(statusOf(samplePlan(dir / "gone"), ""), "is gone");
  has(statusOf(samplePlan(""), dir / "none"), "does not exist");
  has(statusOf(samplePlan(""), dir.path()), "neither model.safetensors");
  plan::Plan seen = samplePlan(dir.path());
  seen.files[0].headerHash = 1;
  has(statusOf(seen, ""), "model.safetensors");
}

TEST(WeightStore, AChangedHeaderCountsOnlyWhereThePlanRemembers) {
  TempDir dir;
  std::string path = dir.write("model.safetensors", sampleFile());
  plan::Plan plan = samplePlan(dir.path());
  plan.files[0].headerHash = SafetensorsHeader::read(path)->hash();
  EXPECT_TRUE(statusOf(plan, "").ok());
  plan.files[0].headerHash ^= 1;
  Status remembered = statusOf(plan, "");
  ASSERT_FALSE(remembered.ok());
  EXPECT_NE(remembered.message().find("compile again"), std::string::npos);
  EXPECT_TRUE(statusOf(plan, dir.path()).ok());
}

TEST(WeightStore, ANamedDirectoryMaySplitItsFilesOtherwise) {
  TempDir dir;
  dir.write("one.safetensors", sampleFile());
  dir.write("model.safetensors.index.json",
            R"({"weight_map": {"a": "one.safetensors",
                "b": "one.safetensors", "n": "one.safetensors"}})");
  Status status = statusOf(samplePlan(""), dir.path());
  EXPECT_TRUE(status.ok()) << status.message();
  plan::Plan other = samplePlan("");
  other.weights[4].recipe.text = "missing";
  EXPECT_NE(statusOf(other, dir.path()).message().find("'missing'"),
            std::string::npos);
}

//===----------------------------------------------------------------------===//
// Random weights
//===----------------------------------------------------------------------===//

static void useAsNorm(plan::Plan &plan, int32_t weight) {
  plan::MeaningOp op;
  op.op = "rms_norm";
  op.in = {{plan::RefKind::Buffer, 0}, {plan::RefKind::Weight, weight}};
  plan.entries.resize(1);
  plan.entries[0].programs.resize(1);
  plan.entries[0].programs[0].steps.resize(1);
  plan.entries[0].programs[0].steps[0].meaning = {op};
}

TEST(RandomWeights, DependOnTensorAndIndexOnly) {
  plan::Plan plan = samplePlan("");
  plan.weights.push_back(weight("b32", DType::F32, tensor("b", {2, 2})));
  plan.weights.push_back(weight("b16", DType::BF16, tensor("b", {2, 2})));
  FakeDevice device;
  WeightOptions options;
  options.randomSeed = 7;
  auto made = loadWeights(plan, options, device);
  ASSERT_TRUE(made.ok()) << made.status().message();
  // The fused weight's part and the separate one; whole and slice.
  EXPECT_EQ(values(plan, **made, 1, 4), values(plan, **made, 6, 4));
  // An element is scale * u, scale = sqrt(3 / fan-in), once in fp32.
  uint64_t key = randomKey(7, "b");
  for (uint64_t i = 0; i < 4; ++i)
    EXPECT_EQ(values(plan, **made, 5, 4)[i],
              randomWeight(key, i) * float(std::sqrt(1.5)));
  Floats copy = values(plan, **made, 3, 4);
  for (uint64_t i = 0; i < 4; ++i)
    EXPECT_EQ(copy[i],
              randomWeight(randomKey(7, "a"), i + 2) * float(std::sqrt(1.5)));
  EXPECT_GT(device.randomFills, 0); // made on the device
}

TEST(RandomWeights, SeedsDiffer) {
  plan::Plan plan = samplePlan("");
  auto first = [&](uint64_t seed) {
    FakeDevice device;
    WeightOptions options;
    options.randomSeed = seed;
    return values(plan, **loadWeights(plan, options, device), 3, 4);
  };
  EXPECT_EQ(first(1), first(1));
  EXPECT_NE(first(1), first(2));
}

TEST(RandomWeights, FanInFollowsTransposesAndNormsAreAboutOne) {
  plan::Plan plan = samplePlan("");
  useAsNorm(plan, 4);
  FakeDevice device;
  WeightOptions options;
  options.randomSeed = 3;
  auto made = loadWeights(plan, options, device);
  ASSERT_TRUE(made.ok()) << made.status().message();
  // a is [4, 2] and is read as it lies, too: one tensor has one distribution.
  EXPECT_EQ(values(plan, **made, 2, 1)[0],
            randomWeight(randomKey(3, "a"), 0) * float(std::sqrt(1.5)));
  for (float norm : values(plan, **made, 4, 2)) {
    EXPECT_GE(norm, 0.9f);
    EXPECT_LE(norm, 1.1f);
  }
  // Read transposed alone its fan-in is 4.
  plan::Plan alone = samplePlan("");
  alone.weights = {alone.weights[2]};
  auto transposed = loadWeights(alone, options, device);
  ASSERT_TRUE(transposed.ok()) << transposed.status().message();
  EXPECT_EQ(values(alone, **transposed, 0, 1)[0],
            randomWeight(randomKey(3, "a"), 0) * float(std::sqrt(0.75)));
  // The same vector without that role is a bias.
  plan.entries.clear();
  auto bias = loadWeights(plan, options, device);
  for (float value : values(plan, **bias, 4, 2))
    EXPECT_LE(std::fabs(value), 0.05f);
}

TEST(RandomWeights, GeneratorsAndLiteralsKeepTheirValues) {
  plan::Plan plan;
  Recipe iota = node(Recipe::Op::Generator, {3}, {});
  iota.text = "iota";
  Recipe literal = node(Recipe::Op::Literal, {2}, {});
  literal.data = {5, 6};
  plan.weights = {weight("i", DType::I32, iota),
                  weight("l", DType::F16, literal)};
  FakeDevice device;
  WeightOptions options;
  options.randomSeed = 1;
  auto made = loadWeights(plan, options, device);
  ASSERT_TRUE(made.ok()) << made.status().message();
  EXPECT_EQ(values(plan, **made, 0, 3), (Floats{0, 1, 2}));
  EXPECT_EQ(values(plan, **made, 1, 2), (Floats{5, 6}));
}
