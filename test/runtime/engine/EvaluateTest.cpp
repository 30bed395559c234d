//===- EvaluateTest.cpp - padded tensors in, padded tensors out -----------===//
#include "runtime/engine/Evaluate.h"

#include "test/runtime/engine/SmallModel.h"

#include <gtest/gtest.h>

#include <cstring>

namespace ft::test {

static Array table(std::vector<int64_t> shape, std::vector<int64_t> values) {
  Array array{DType::I64, std::move(shape), {}};
  array.bytes.resize(values.size() * sizeof(int64_t));
  std::memcpy(array.bytes.data(), values.data(), array.bytes.size());
  return array;
}

static std::vector<float> floats(const Array &array) {
  std::vector<float> values(array.bytes.size() / sizeof(float));
  std::memcpy(values.data(), array.bytes.data(), array.bytes.size());
  return values;
}

static NamedArrays run(const ModelOptions &options, const NamedArrays &inputs) {
  auto model = loadSmall(options);
  auto outputs = evaluate(*model, 0, inputs);
  EXPECT_TRUE(outputs.ok()) << outputs.status().message();
  return outputs.ok() ? *outputs : NamedArrays();
}

/// Padding holds ids that must not matter.
static const Array kIds = table({2, 4}, {1, 2, 3, 4, 5, 6, 30, 30});
static const Array kRight = table({2, 4}, {1, 1, 1, 1, 1, 1, 0, 0});
static const Array kLeftIds = table({2, 4}, {1, 2, 3, 4, 30, 30, 5, 6});
static const Array kLeft = table({2, 4}, {1, 1, 1, 1, 0, 0, 1, 1});
static const ModelOptions kWhole{.maxTokens = 8,
                                 .maxSequences = 2,
                                 .maxRows = 8,
                                 .context = 8,
                                 .poison = true};

TEST(EvaluateTest, PaddedPlacesAreZeroOnEitherSide) {
  NamedArrays right =
      run(kWhole, {{"input_ids", kIds}, {"attention_mask", kRight}});
  NamedArrays left =
      run(kWhole, {{"input_ids", kLeftIds}, {"attention_mask", kLeft}});
  ASSERT_EQ(right.size(), 3u);
  for (const char *name : {"hidden", "logits"}) {
    std::vector<float> a = floats(right[name]), b = floats(left[name]);
    size_t width = a.size() / 8, tail = 2 * width;
    auto at = [](std::vector<float> &v, size_t i) {
      return v.begin() + long(i);
    };
    EXPECT_TRUE(std::equal(a.begin(), at(a, 4 * width), b.begin()));
    EXPECT_TRUE(std::equal(at(a, 4 * width), at(a, 4 * width + tail),
                           at(b, 4 * width + tail)));
    for (size_t i = 0; i < tail; ++i) {
      EXPECT_EQ(a[6 * width + i], 0.0f);
      EXPECT_EQ(b[4 * width + i], 0.0f);
    }
    EXPECT_NE(a[4 * width], 0.0f);
  }
  EXPECT_EQ(right["next_token"].dtype, DType::I32);
  EXPECT_EQ(right["next_token"].shape, (std::vector<int64_t>{2, 4}));
}

TEST(EvaluateTest, ChunksAndSmallBatchesChangeNothing) {
  NamedArrays inputs{{"input_ids", kIds}, {"attention_mask", kRight}};
  NamedArrays whole = run(kWhole, inputs);
  for (int64_t tokens : {1, 2, 3, 5}) {
    ModelOptions options = kWhole;
    options.maxTokens = options.maxRows = tokens;
    options.maxSequences = 1;
    options.cacheTokens = 8;
    NamedArrays parts = run(options, inputs);
    for (const char *name : {"hidden", "logits", "next_token"})
      EXPECT_EQ(parts[name].bytes, whole[name].bytes) << name << tokens;
  }
}

TEST(EvaluateTest, WrongInputsAreNamed) {
  auto model = loadSmall(kWhole);
  auto message = [&](const NamedArrays &inputs) {
    auto outputs = evaluate(*model, 0, inputs);
    return outputs.ok() ? std::string("accepted") : outputs.status().message();
  };
  auto contains = [](const std::string &text, const char *part) {
    return text.find(part) != std::string::npos ? "" : text;
  };
  Array hole = table({2, 4}, {1, 0, 1, 1, 1, 1, 1, 1});
  EXPECT_EQ("",
            contains(message({{"input_ids", kIds}, {"attention_mask", hole}}),
                     "row 0 has a hole before column 2"));
  Array both = table({2, 4}, {0, 1, 1, 0, 1, 1, 1, 1});
  EXPECT_EQ("",
            contains(message({{"input_ids", kIds}, {"attention_mask", both}}),
                     "padded on both sides"));
  Array none = table({2, 4}, {1, 1, 1, 1, 0, 0, 0, 0});
  EXPECT_EQ("",
            contains(message({{"input_ids", kIds}, {"attention_mask", none}}),
                     "row 1 masks every token"));
  Array shorter = table({2, 3}, {1, 1, 1, 1, 1, 1});
  EXPECT_EQ(
      "", contains(message({{"input_ids", kIds}, {"attention_mask", shorter}}),
                   "expected shape [2, 4], found [2, 3]"));
  EXPECT_EQ("", contains(message({{"ids", kIds}}), "no input 'ids'"));
  EXPECT_EQ("", contains(message({{"input_ids", table({1, 2}, {1, 32})}}),
                         "row 0, column 1 is 32; ids must be below 32"));
}

} // namespace ft::test
