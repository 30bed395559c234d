//===- GeneratorsTest.cpp - weights that are formulas ---------------------===//
#include "runtime/weights/Generators.h"

#include <cmath>
#include <gtest/gtest.h>

using namespace ft;
using plan::Recipe;

static Recipe generator(const char *name, std::vector<int64_t> shape,
                        std::map<std::string, double> numbers = {}) {
  Recipe recipe;
  recipe.op = Recipe::Op::Generator;
  recipe.text = name;
  recipe.shape = std::move(shape);
  recipe.numbers = std::move(numbers);
  return recipe;
}

static std::vector<float> all(const Recipe &recipe) {
  int64_t count = 1;
  for (int64_t extent : recipe.shape)
    count *= extent;
  std::vector<float> values(static_cast<size_t>(count));
  generate(recipe, 0, count, values.data());
  // A range that starts inside a row is a part of the whole.
  std::vector<float> tail(size_t(count - 1));
  generate(recipe, 1, count - 1, tail.data());
  EXPECT_TRUE(std::equal(tail.begin(), tail.end(), values.begin() + 1));
  return values;
}

TEST(Generators, RopeIsCosinesThenSines) {
  Recipe rope = generator("rope", {3, 4}, {{"theta", 100}, {"dims", 4}});
  ASSERT_TRUE(checkGenerator(rope).ok());
  std::vector<float> table = all(rope);
  for (int p = 0; p < 3; ++p) {
    // theta^(-2/4) = 1/10
    EXPECT_EQ(table[size_t(4 * p)], float(std::cos(double(p))));
    EXPECT_NEAR(table[size_t(4 * p + 1)], std::cos(0.1 * p), 1e-7);
    EXPECT_EQ(table[size_t(4 * p + 2)], float(std::sin(double(p))));
    EXPECT_NEAR(table[size_t(4 * p + 3)], std::sin(0.1 * p), 1e-7);
  }
}

TEST(Generators, RopeScalings) {
  auto angle = [](std::map<std::string, double> numbers) {
    return std::asin(double(all(generator("rope", {2, 4}, numbers))[7]));
  };
  const double f = 1.0 / 10000; // f_1 of theta 1e8
  EXPECT_NEAR(angle({{"theta", 1e8}}), f, 1e-11);
  EXPECT_NEAR(angle({{"theta", 1e8}, {"scaling", 1}, {"factor", 4}}), f / 4,
              1e-11);
  // Wavelength 62832: longer than L/low, hence divided; in between; kept.
  auto llama = [&](double length) {
    return angle({{"theta", 1e8},
                  {"scaling", 2},
                  {"factor", 8},
                  {"low_freq_factor", 1},
                  {"high_freq_factor", 4},
                  {"original_max_position", length}});
  };
  EXPECT_NEAR(llama(8192), f / 8, 1e-11);
  EXPECT_NEAR(llama(1e6), f, 1e-11);
  double smooth = (125663.706 / 62831.853 - 1) / 3; // a third
  EXPECT_NEAR(llama(125663.706), (1 - smooth) * f / 8 + smooth * f, 1e-11);
}

TEST(Generators, RopeAttentionFactorScalesBoth) {
  auto table = all(generator("rope", {1, 2}, {{"attention_factor", 1.5}}));
  EXPECT_EQ(table, (std::vector<float>{1.5f, 0.0f}));
}

TEST(Generators, AlibiOfAPowerOfTwoAndNot) {
  EXPECT_EQ(all(generator("alibi", {4})),
            (std::vector<float>{0.25f, 0.0625f, 0.015625f, 0.00390625f}));
  // The paper's code for 6 heads: those of 4, then every other of 8.
  EXPECT_EQ(all(generator("alibi", {6})),
            (std::vector<float>{0.25f, 0.0625f, 0.015625f, 0.00390625f, 0.5f,
                                0.125f}));
}

TEST(Generators, Iota) {
  EXPECT_EQ(all(generator("iota", {3})), (std::vector<float>{0, 1, 2}));
  EXPECT_EQ(all(generator("iota", {3}, {{"start", 2}, {"step", -0.5}})),
            (std::vector<float>{2, 1.5f, 1}));
}

TEST(Generators, RefuseWhatTheyCannotMake) {
  const std::pair<Recipe, const char *> cases[] = {
      {generator("rope", {4}), "[positions, dims]"},
      {generator("rope", {4, 3}), "even"},
      {generator("rope", {4, 4}, {{"dims", 2}}), "dims"},
      {generator("rope", {4, 4}, {{"theta", 0}}), "theta"},
      {generator("rope", {4, 4}, {{"theta", NAN}}), "theta"},
      {generator("rope", {4, 4}, {{"scaling", 3}}), "scaling"},
      {generator("rope", {4, 4}, {{"thata", 3}}), "thata"},
      {generator("rope", {4, 4}, {{"scaling", 2}, {"low_freq_factor", 4}}),
       "high_freq_factor"},
      {generator("alibi", {4, 4}), "vector"},
      {generator("alibi", {4}, {{"start", 1}}), "start"},
      {generator("iota", {2, 2}), "vector"},
      {generator("zeros", {2}), "unknown generator"},
  };
  for (const auto &[recipe, message] : cases) {
    Status status = checkGenerator(recipe);
    ASSERT_FALSE(status.ok()) << message;
    EXPECT_NE(status.message().find(message), std::string::npos)
        << status.message();
  }
}
