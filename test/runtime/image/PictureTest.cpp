//===- PictureTest.cpp - pictures as Pillow and transformers read them ----===//
//
// fixtures/ is made by make_fixtures.py: pictures, and what Pillow and
// transformers make of them.
//
//===----------------------------------------------------------------------===//
#include "runtime/base/Npy.h"
#include "runtime/image/ImageInput.h"
#include "runtime/image/Resize.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <filesystem>

namespace ft::image {
namespace {

namespace fs = std::filesystem;
const fs::path kFixtures = FT_IMAGE_FIXTURES;

Array expected(const std::string &name) {
  auto array = readNpy((kFixtures / (name + ".npy")).string());
  EXPECT_TRUE(array.ok()) << array.status().message();
  return array.ok() ? *array : Array();
}

Picture read(const fs::path &path) {
  auto picture = readPicture(path.string());
  EXPECT_TRUE(picture.ok()) << picture.status().message();
  return picture.ok() ? *picture : Picture();
}

/// The bytes that differ, and the most that one does.
std::pair<int, int> difference(const Picture &picture, const Array &expected) {
  if (expected.shape != std::vector<int64_t>{picture.height, picture.width, 3})
    return {-1, -1};
  int count = 0, most = 0;
  for (size_t i = 0; i < picture.rgb.size(); ++i) {
    int other = int(expected.bytes[i]);
    count += picture.rgb[i] != other;
    most = std::max(most, std::abs(picture.rgb[i] - other));
  }
  return {count, most};
}

TEST(PictureTest, EveryFixtureIsWhatLoadImageGives) {
  int pictures = 0;
  for (const auto &entry : fs::directory_iterator(kFixtures)) {
    if (entry.path().extension() == ".npy")
      continue;
    SCOPED_TRACE(entry.path().filename());
    auto [count, most] =
        difference(read(entry.path()), expected(entry.path().stem()));
    EXPECT_EQ(count, 0) << "bytes differ, by up to " << most;
    ++pictures;
  }
  EXPECT_GE(pictures, 35);
}

TEST(PictureTest, FiltersGivePillowsBytes) {
  Picture picture = read(kFixtures / "steps.jpg");
  for (const char *filter :
       {"nearest", "box", "bilinear", "hamming", "bicubic", "lanczos"}) {
    SCOPED_TRACE(filter);
    auto resized = resize(picture, 50, 17, filter);
    ASSERT_TRUE(resized.ok()) << resized.status().message();
    auto [count, most] =
        difference(*resized, expected(std::string("filter-") + filter));
    EXPECT_EQ(count, 0) << "bytes differ, by up to " << most;
  }
}

plan::ImageSteps steps(std::vector<int64_t> resize, const char *filter,
                       std::vector<int64_t> crop = {}) {
  plan::ImageSteps steps;
  steps.input = "pixel_values";
  steps.resize = std::move(resize);
  steps.filter = filter;
  steps.crop = std::move(crop);
  steps.scale = 1.0 / 255;
  steps.mean = steps.deviation = {0.5, 0.5, 0.5};
  return steps;
}

/// transformers' Pillow backend computes each step in fp32, as we do: the
/// numbers are the same but for a last bit.
void expectValues(const std::string &name, const plan::ImageSteps &steps) {
  SCOPED_TRACE(name);
  Array wanted = expected("steps-" + name);
  auto values = makeInput(read(kFixtures / "steps.jpg"), steps, wanted.shape);
  ASSERT_TRUE(values.ok()) << values.status().message();
  ASSERT_EQ(values->size() * 4, wanted.bytes.size());
  double worst = 0;
  for (size_t i = 0; i < values->size(); ++i) {
    float other;
    std::memcpy(&other, wanted.bytes.data() + 4 * i, 4);
    worst = std::max(worst, std::fabs(double((*values)[i]) - other) /
                                std::max(1.0, std::fabs(double(other))));
  }
  EXPECT_LE(worst, 2.5e-7);
}

TEST(ImageInputTest, GivesTransformersPixelValues) {
  expectValues("vit", steps({16, 12}, "bilinear"));
  expectValues("deit", steps({20, 20}, "bicubic", {15, 16}));
  expectValues("larger", steps({70, 50}, "bicubic"));
  plan::ImageSteps clip = steps({13}, "bicubic", {12, 12});
  clip.mean = {0.48145466, 0.4578275, 0.40821073};
  clip.deviation = {0.26862954, 0.26130258, 0.27577711};
  expectValues("clip", clip);
  plan::ImageSteps plain = steps({}, "bilinear", {9, 9});
  plain.scale = 1;
  plain.mean.clear();
  plain.deviation.clear();
  expectValues("plain", plain);
}

Picture flat(int64_t height, int64_t width, uint8_t level) {
  Picture picture{height, width, {}};
  picture.rgb.assign(size_t(height * width * 3), level);
  return picture;
}

TEST(ImageInputTest, SmallPicturesAreCroppedWithBlackBorders) {
  plan::ImageSteps crop;
  crop.crop = {4, 5};
  auto values = makeInput(flat(1, 7, 9), crop, {3, 4, 5});
  ASSERT_TRUE(values.ok()) << values.status().message();
  for (size_t i = 0; i < values->size(); ++i)
    EXPECT_EQ((*values)[i], i / 5 % 4 == 1 ? 9 : 0) << i;
}

TEST(ImageInputTest, AnotherShapeIsAnError) {
  auto values = makeInput(flat(8, 6, 1), {}, {3, 8, 8});
  ASSERT_FALSE(values.ok());
  EXPECT_EQ(values.status().message(),
            "the model takes pictures of 8 by 8 pixels; the checkpoint's "
            "processor makes 6 by 8 of this one");
}

TEST(ImageInputTest, AnExtremeShapeIsNotStretchedOutOfMemory) {
  plan::ImageSteps edge = steps({10000}, "bilinear", {8, 8});
  auto values = makeInput(flat(1, 100000, 1), edge, {3, 8, 8});
  ASSERT_FALSE(values.ok());
  EXPECT_NE(values.status().message().find("at most 178956970 are read"),
            std::string::npos)
      << values.status().message();
}

} // namespace
} // namespace ft::image
