//===- ImageModelTest.cpp - sequences that are images ---------------------===//
#include "runtime/engine/Evaluate.h"

#include "test/runtime/device/TestProgram.h"
#include "test/runtime/engine/SmallModel.h"

#include <gtest/gtest.h>

#include <cstring>

namespace ft::test {
namespace {

constexpr int64_t kImage = 2 * 2 * 3, kImageTokens = 3;

/// Images of 2 channels, 2 by 3, in two patches of a line each, behind a class
/// token; their rows and the sum of them.
plan::Plan imagePlan() {
  TestProgram p;
  plan::Ref image = p.input(DType::F32, kSequences, {2, 2, 3});
  plan::Ref rows = p.buffer(DType::F32, kTokens, {6});
  plan::Ref sum = p.buffer(DType::F32, kSequences, {6});
  p.op("patches", {image, p.sequences()}, {rows},
       {{"patch_height", int64_t(1)},
        {"patch_width", int64_t(3)},
        {"prefix", int64_t(1)}});
  p.op("segment_reduce", {rows, p.sequences()}, {sum},
       {{"kind", std::string("sum")}});
  p.plan.name = "image";
  p.plan.maxPositions = kImageTokens;
  plan::Entry &entry = p.plan.entries[0];
  entry.name = "encode";
  entry.inputs[0].name = "pixel_values";
  entry.inputs[0].role = plan::InputRole::Image;
  entry.inputs[0].tokens = kImageTokens;
  entry.outputs = {{"rows", DType::F32, kTokens, {6}},
                   {"sum", DType::F32, kSequences, {6}}};
  entry.programs[0].outputs = {rows.index, sum.index};
  return p.plan;
}

Array images(int64_t count, DType dtype = DType::F32) {
  Array array{dtype, {count, 2, 2, 3}, {}};
  for (int64_t i = 0; i < count * kImage; ++i) {
    float single = float(i % 37) / 4;
    double wide = single;
    uint16_t half = f32ToF16(single);
    const void *from = dtype == DType::F64   ? static_cast<void *>(&wide)
                       : dtype == DType::F16 ? static_cast<void *>(&half)
                                             : &single;
    auto *bytes = static_cast<const std::byte *>(from);
    array.bytes.insert(array.bytes.end(), bytes, bytes + dtypeSize(dtype));
  }
  return array;
}

std::vector<float> floats(const Array &array) {
  std::vector<float> values(array.bytes.size() / sizeof(float));
  std::memcpy(values.data(), array.bytes.data(), array.bytes.size());
  return values;
}

NamedArrays evaluateImages(const ModelOptions &options, const Array &array) {
  auto model = loadSmall(options, imagePlan());
  auto outputs = evaluate(*model, 0, {{"pixel_values", array}});
  EXPECT_TRUE(outputs.ok()) << outputs.status().message();
  return outputs.ok() ? *outputs : NamedArrays();
}

TEST(ImageModelTest, AnImageIsASequenceOfItsPatches) {
  for (DType dtype : {DType::F32, DType::F64, DType::F16}) {
    NamedArrays outputs = evaluateImages({.poison = true}, images(5, dtype));
    EXPECT_EQ(outputs["rows"].shape, (std::vector<int64_t>{5, 3, 6}));
    EXPECT_EQ(outputs["sum"].shape, (std::vector<int64_t>{5, 6}));
    std::vector<float> pixels = floats(images(5));
    std::vector<float> rows = floats(outputs["rows"]);
    std::vector<float> sums = floats(outputs["sum"]);
    for (size_t i = 0; i < 5; ++i)
      for (size_t j = 0; j < 6; ++j) {
        size_t pixel = i * size_t(kImage) + j / 3 * 6 + j % 3;
        EXPECT_EQ(rows[i * 18 + j], 0.0f);
        EXPECT_EQ(rows[i * 18 + 6 + j], pixels[pixel]);
        EXPECT_EQ(rows[i * 18 + 12 + j], pixels[pixel + 3]);
        EXPECT_EQ(sums[i * 6 + j], pixels[pixel] + pixels[pixel + 3]);
      }
  }
}

TEST(ImageModelTest, SmallBatchesChangeNothing) {
  std::vector<float> whole = floats(evaluateImages({}, images(5))["rows"]);
  for (int64_t tokens : {3, 7, 9})
    EXPECT_EQ(floats(evaluateImages({.maxTokens = tokens, .maxRows = tokens},
                                    images(5))["rows"]),
              whole);
}

TEST(ImageModelTest, BoundsHoldAsManyImagesAsTokens) {
  plan::Plan plan = imagePlan();
  auto bound = [&](const ModelOptions &options, size_t axis) {
    auto sizes = chooseSizes(plan, options);
    EXPECT_TRUE(sizes.ok());
    return sizes->bounds.axes[axis];
  };
  EXPECT_EQ(bound({.maxTokens = 11}, 1), 3);
  EXPECT_EQ(bound({.maxSequences = 20}, 0), 60);
  EXPECT_EQ(bound({.maxSequences = 20}, 1), 20);
  auto use = Model::memoryUse(plan, {.maxSequences = 20});
  ASSERT_TRUE(use.ok());
  EXPECT_GE(use->batch, 20 * kImage * 4);
  EXPECT_LT(use->batch, 20 * kImage * 4 + 4096);
}

TEST(ImageModelTest, WrongInputsAreNamed) {
  auto model = loadSmall({}, imagePlan());
  auto error = [&](const NamedArrays &inputs) {
    auto outputs = evaluate(*model, 0, inputs);
    return outputs.ok() ? std::string("none") : outputs.status().message();
  };
  EXPECT_EQ(error({}), "the entry 'encode' needs the input 'pixel_values'; "
                       "give --input pixel_values=@FILE.npy");
  Array flat = images(2);
  flat.shape = {2, 12};
  EXPECT_EQ(error({{"pixel_values", flat}}),
            "input 'pixel_values': expected shape [2, 2, 2, 3], found [2, 12]");
  Array none{DType::F32, {0, 2, 2, 3}, {}};
  EXPECT_EQ(error({{"pixel_values", none}}),
            "input 'pixel_values': expected shape [1, 2, 2, 3], found [0, 2, "
            "2, 3]");
  Array bytes = images(1);
  bytes.dtype = DType::U8;
  bytes.bytes.resize(size_t(kImage));
  EXPECT_EQ(error({{"pixel_values", bytes}}),
            "input 'pixel_values': expected f32, found u8; an image is "
            "normalized already, as the checkpoint's processor leaves it");
}

/// Rows of numbers in, their sum out.
plan::Plan rowsPlan() {
  TestProgram p;
  plan::Ref rows = p.input(DType::F32, kTokens, {2});
  plan::Ref sum = p.buffer(DType::F32, kSequences, {2});
  p.op("segment_reduce", {rows, p.sequences()}, {sum},
       {{"kind", std::string("sum")}});
  p.plan.name = "rows";
  p.plan.maxPositions = 3;
  plan::Entry &entry = p.plan.entries[0];
  entry.name = "encode";
  entry.inputs[0].name = "hidden_states";
  entry.outputs = {{"sum", DType::F32, kSequences, {2}}};
  entry.programs[0].outputs = {sum.index};
  return p.plan;
}

TEST(ImageModelTest, KeptRowsOfNumbersAreNotSentAgain) {
  auto model = loadSmall({}, rowsPlan());
  std::vector<float> rows = {1, 2, 3, 4};
  std::vector<int32_t> tokens(2);
  SequenceSlice slice;
  slice.tokens = tokens;
  slice.wanted = WantedRows::None;
  slice.inputs = {std::as_bytes(std::span(rows))};
  auto sum = [&] {
    EXPECT_TRUE(model->run(0, {&slice, 1}).ok());
    std::vector<float> row(2);
    EXPECT_TRUE(model->readOutput(0, 0, 0, 1, row.data()).ok());
    return row;
  };
  EXPECT_EQ(sum(), (std::vector<float>{4, 6}));
  rows = {5, 6, 7, 8};
  slice.inputsKept = true;
  EXPECT_EQ(sum(), (std::vector<float>{4, 6}));
  slice.inputsKept = false;
  EXPECT_EQ(sum(), (std::vector<float>{12, 14}));
}

/// Only where the caller says so and the memory is the same.
TEST(ImageModelTest, KeptImagesAreNotSentAgain) {
  auto model = loadSmall({}, imagePlan());
  std::vector<float> pixels(kImage, 1.0f);
  std::vector<int32_t> tokens(kImageTokens);
  SequenceSlice slice;
  slice.tokens = tokens;
  slice.wanted = WantedRows::None;
  slice.inputs = {std::as_bytes(std::span(pixels))};
  auto sum = [&] {
    EXPECT_TRUE(model->run(0, {&slice, 1}).ok());
    float first = 0;
    std::vector<float> row(6);
    EXPECT_TRUE(model->readOutput(0, 1, 0, 1, row.data()).ok());
    first = row[0];
    return first;
  };
  EXPECT_EQ(sum(), 2);
  pixels.assign(kImage, 3.0f);
  EXPECT_EQ(sum(), 6); // sent again, since nothing was said
  pixels.assign(kImage, 5.0f);
  slice.inputsKept = true;
  EXPECT_EQ(sum(), 6); // a lie, and so the old pixels
  std::vector<float> other(kImage, 7.0f);
  slice.inputs = {std::as_bytes(std::span(other))};
  EXPECT_EQ(sum(), 14); // other memory
  slice.inputsKept = false;
  tokens.push_back(0);
  slice.tokens = tokens;
  Status wrong = model->run(0, {&slice, 1});
  EXPECT_EQ(wrong.message(), "an image makes 3 tokens, found a sequence of 4");
}

} // namespace
} // namespace ft::test
