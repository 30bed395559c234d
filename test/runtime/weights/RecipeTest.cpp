//===- RecipeTest.cpp - recipes by ranges against a plain evaluator -------===//
#include "runtime/weights/RecipeReader.h"

#include <cmath>
#include <gtest/gtest.h>
#include <limits>
#include <numeric>

using namespace ft;
using plan::Recipe;

namespace {

/// Element i of every tensor is i plus 1000 times the tensor's number.
class CountingSource : public TensorSource {
public:
  Status prepare(const Recipe &) override { return Status::success(); }
  void read(const Recipe &leaf, int64_t first, int64_t count,
            float *out) const override {
    for (int64_t i = 0; i < count; ++i)
      out[i] = float(leaf.file * 1000 + first + i);
  }
  StatusOr<bool> transfer(const Recipe &, int64_t, int64_t, DType, Device &,
                          std::byte *) const override {
    return false;
  }
};

Recipe tensor(int32_t number, std::vector<int64_t> shape) {
  Recipe recipe;
  recipe.file = number;
  recipe.shape = std::move(shape);
  return recipe;
}

Recipe node(Recipe::Op op, std::vector<int64_t> shape, std::vector<Recipe> of,
            int64_t axis = 0, int64_t start = 0, double value = 0) {
  Recipe recipe;
  recipe.op = op;
  recipe.shape = std::move(shape);
  recipe.of = std::move(of);
  recipe.axis = axis;
  recipe.start = start;
  recipe.value = value;
  return recipe;
}

std::vector<float> evaluate(const Recipe &recipe, int64_t rank = 0) {
  int64_t count = std::accumulate(recipe.shape.begin(), recipe.shape.end(),
                                  int64_t(1), std::multiplies<>());
  std::vector<float> values(size_t(count), -1.0f);
  CountingSource source;
  RecipeReader(source, rank).read(recipe, 0, count, values.data());
  // Any range is a part of the whole.
  for (int64_t first = 0; first < count; ++first)
    for (int64_t size : {int64_t(1), (count - first + 1) / 2, count - first}) {
      std::vector<float> part(size_t(size), -1.0f);
      RecipeReader(source, rank).read(recipe, first, size, part.data());
      EXPECT_TRUE(std::equal(part.begin(), part.end(), values.begin() + first))
          << first << " " << size;
    }
  return values;
}

using Floats = std::vector<float>;

} // namespace

TEST(Recipe, SlicesAnyAxis) {
  Recipe of = tensor(0, {2, 3, 2});
  EXPECT_EQ(evaluate(node(Recipe::Op::Slice, {1, 3, 2}, {of}, 0, 1)),
            (Floats{6, 7, 8, 9, 10, 11}));
  EXPECT_EQ(evaluate(node(Recipe::Op::Slice, {2, 2, 2}, {of}, 1, 1)),
            (Floats{2, 3, 4, 5, 8, 9, 10, 11}));
  EXPECT_EQ(evaluate(node(Recipe::Op::Slice, {2, 3, 1}, {of}, 2, 1)),
            (Floats{1, 3, 5, 7, 9, 11}));
}

TEST(Recipe, PadsAnyAxis) {
  Recipe of = tensor(0, {2, 2});
  EXPECT_EQ(evaluate(node(Recipe::Op::Pad, {3, 2}, {of})),
            (Floats{0, 1, 2, 3, 0, 0}));
  EXPECT_EQ(evaluate(node(Recipe::Op::Pad, {2, 3}, {of}, 1)),
            (Floats{0, 1, 0, 2, 3, 0}));
  EXPECT_EQ(evaluate(node(Recipe::Op::Pad, {2, 2}, {of})),
            (Floats{0, 1, 2, 3}));
}

TEST(Recipe, SlicesForTheRank) {
  Recipe rows = node(Recipe::Op::Slice, {1, 2}, {tensor(0, {3, 2})});
  rows.starts = {0, 2, 1};
  EXPECT_EQ(evaluate(rows, 0), (Floats{0, 1}));
  EXPECT_EQ(evaluate(rows, 1), (Floats{4, 5}));
  EXPECT_EQ(evaluate(rows, 2), (Floats{2, 3}));
  Recipe columns = node(Recipe::Op::Slice, {2, 2}, {tensor(0, {2, 3})}, 1);
  columns.starts = {0, 1};
  EXPECT_EQ(evaluate(columns, 1), (Floats{1, 2, 4, 5}));
}

TEST(Recipe, ConcatenatesAnyAxis) {
  Recipe a = tensor(0, {1, 2}), b = tensor(1, {2, 2}), c = tensor(2, {1, 2});
  EXPECT_EQ(evaluate(node(Recipe::Op::Concat, {4, 2}, {a, b, c})),
            (Floats{0, 1, 1000, 1001, 1002, 1003, 2000, 2001}));
  Recipe d = tensor(3, {2, 1});
  EXPECT_EQ(evaluate(node(Recipe::Op::Concat, {2, 3}, {b, d}, 1)),
            (Floats{1000, 1001, 3000, 1002, 1003, 3001}));
}

TEST(Recipe, InterleavesRows) {
  Recipe a = tensor(0, {2, 2}), b = tensor(1, {2, 2});
  EXPECT_EQ(evaluate(node(Recipe::Op::Interleave, {4, 2}, {a, b})),
            (Floats{0, 1, 1000, 1001, 2, 3, 1002, 1003}));
}

TEST(Recipe, RotatesByFrequencies) {
  // Of 0 and 1 radians a position; a range that starts within a row.
  Recipe rotations = node(Recipe::Op::Rotations, {3, 4}, {tensor(0, {2})});
  float c1 = std::cos(1.0), c2 = std::cos(2.0);
  float s1 = std::sin(1.0), s2 = std::sin(2.0);
  EXPECT_EQ(evaluate(rotations),
            (Floats{1, 1, 0, 0, 1, c1, 0, s1, 1, c2, 0, s2}));
  Recipe part = node(Recipe::Op::Slice, {3, 1}, {rotations}, 1, 3);
  EXPECT_EQ(evaluate(part), (Floats{0, s1, s2}));
}

TEST(Recipe, TransposesAcrossTiles) {
  constexpr int64_t kRows = 37, kColumns = 5; // more than two tiles of 16
  Floats values = evaluate(node(Recipe::Op::Transpose, {kColumns, kRows},
                                {tensor(0, {kRows, kColumns})}));
  for (int64_t i = 0; i < kColumns; ++i)
    for (int64_t j = 0; j < kRows; ++j)
      EXPECT_EQ(values[size_t(i * kRows + j)], float(j * kColumns + i));
}

TEST(Recipe, ComposesScaleOffsetReshape) {
  Recipe scale = node(Recipe::Op::Scale, {4}, {tensor(0, {4})}, 0, 0, 0.5);
  Recipe offset = node(Recipe::Op::Offset, {4}, {scale}, 0, 0, 1.0);
  Recipe square = node(Recipe::Op::Reshape, {2, 2}, {offset});
  Recipe turned = node(Recipe::Op::Transpose, {2, 2}, {square});
  EXPECT_EQ(evaluate(turned), (Floats{1, 2, 1.5, 2.5}));
}

// GPT-2's fused projection: the columns of k, transposed.
TEST(Recipe, TransposesASliceOfColumns) {
  Recipe slice = node(Recipe::Op::Slice, {2, 3}, {tensor(0, {2, 9})}, 1, 3);
  EXPECT_EQ(evaluate(node(Recipe::Op::Transpose, {3, 2}, {slice})),
            (Floats{3, 12, 4, 13, 5, 14}));
}

TEST(Recipe, ReadsLiterals) {
  Recipe literal = node(Recipe::Op::Literal, {3}, {});
  literal.data = {1.5f, -2.0f, 3.0f};
  EXPECT_EQ(evaluate(literal), (Floats{1.5f, -2.0f, 3.0f}));
}

TEST(Conversions, EveryTypeThereAndBack) {
  const Floats values = {0, 1, 2, 100};
  for (DType dtype : {DType::F32, DType::F16, DType::BF16, DType::F64,
                      DType::I32, DType::I64, DType::I8, DType::U8}) {
    std::vector<std::byte> bytes(8 * values.size());
    narrowFromF32(values.data(), dtype, 4, bytes.data());
    Floats back(4);
    widenToF32(bytes.data(), dtype, 4, back.data());
    EXPECT_EQ(back, values) << dtypeName(dtype);
  }
}

TEST(Conversions, RoundsToEvenAndSaturates) {
  const Floats values = {2.5f, -3e10f, 3e10f,
                         std::numeric_limits<float>::quiet_NaN()};
  std::vector<int32_t> ints(4);
  narrowFromF32(values.data(), DType::I32, 4,
                reinterpret_cast<std::byte *>(ints.data()));
  EXPECT_EQ(ints, (std::vector<int32_t>{2, INT32_MIN, INT32_MAX, 0}));
}
