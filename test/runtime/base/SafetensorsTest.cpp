//===- SafetensorsTest.cpp - headers of untrusted checkpoints -------------===//
#include "runtime/base/Safetensors.h"

#include "test/runtime/SafetensorsFile.h"
#include "test/runtime/TempDir.h"

#include <gtest/gtest.h>

using namespace ft;
using ft::test::safetensors;
using ft::test::TempDir;

static const char *kGood = R"({"__metadata__": {"format": "pt"},
  "b": {"dtype": "F16", "shape": [2, 2], "data_offsets": [4, 12]},
  "a": {"dtype": "F32", "shape": [1], "data_offsets": [0, 4]},
  "none": {"dtype": "I16", "shape": [0], "data_offsets": [12, 12]},
  "scalar": {"dtype": "BOOL", "shape": [], "data_offsets": [12, 13]}})";

TEST(Safetensors, ReadsTensorsAndMetadata) {
  std::string file = safetensors(kGood, std::string(13, 'x'));
  auto header = SafetensorsHeader::parse(file, "m");
  ASSERT_TRUE(header.ok()) << header.status().message();
  EXPECT_EQ(header->tensors().size(), 4u);
  const SafetensorsTensor *b = header->find("b");
  ASSERT_TRUE(b);
  EXPECT_EQ(b->dtype, DType::F16);
  EXPECT_EQ(b->shape, (std::vector<int64_t>{2, 2}));
  EXPECT_EQ(b->end, file.size() - 1);
  EXPECT_EQ(b->end - b->begin, 8u);
  EXPECT_FALSE(header->find("none")->dtype.has_value());
  EXPECT_EQ(header->metadata().at("format"), "pt");
  EXPECT_FALSE(header->find("c"));
}

TEST(Safetensors, HashCoversTheHeaderAlone) {
  auto hash = [](const std::string &file) {
    return SafetensorsHeader::parse(file, "m")->hash();
  };
  std::string header(kGood);
  uint64_t base = hash(safetensors(header, std::string(13, 'x')));
  EXPECT_EQ(base, hash(safetensors(header, std::string(13, 'y'))));
  EXPECT_NE(base, hash(safetensors(header + " ", std::string(13, 'x'))));
}

struct BadFile {
  const char *name;
  std::string bytes;
  const char *message;
};

static std::string one(const char *dtype, const char *shape,
                       const char *offsets, size_t data) {
  return safetensors(std::string("{\"t\": {\"dtype\": ") + dtype +
                         ", \"shape\": " + shape +
                         ", \"data_offsets\": " + offsets + "}}",
                     std::string(data, 'x'));
}

static std::vector<BadFile> badFiles() {
  std::string good = one("\"F32\"", "[1]", "[0, 4]", 4);
  std::string gigabytes("\0\0\0\0\4\0\0\0", 8);
  const char *two = R"({"a": {"dtype": "U8", "shape": [4],
    "data_offsets": [0, 4]}, "b": {"dtype": "U8", "shape": [4],
    "data_offsets": [%, %]}})";
  auto pair = [&](const char *begin, const char *end, size_t data) {
    std::string header(two);
    header.replace(header.find('%'), 1, begin);
    header.replace(header.find('%'), 1, end);
    return safetensors(header, std::string(data, 'x'));
  };
  return {
      {"Short", "\1\2\3", "at least the 8"},
      {"Gigabytes", gigabytes + "{}", "17179869184"},
      {"BeyondFile", good.substr(0, 20), "truncated"},
      {"NotJson", safetensors("garbage", ""), "not JSON"},
      {"NotAnObject", safetensors("[1]", ""), "expected a JSON object"},
      {"NotATensor", safetensors("{\"t\": 1}", ""), "tensor 't'"},
      {"Metadata", safetensors("{\"__metadata__\": {\"a\": 1}}", ""),
       "strings only"},
      {"Deep", safetensors(std::string(1000, '['), ""), "levels deep"},
      {"NoDtype", safetensors("{\"t\": {}}", ""), "expected a dtype"},
      {"UnknownDtype", one("\"F31\"", "[1]", "[0, 4]", 4), "F31"},
      {"NegativeShape", one("\"F32\"", "[-1]", "[0, 4]", 4), "non-negative"},
      {"FractionShape", one("\"F32\"", "[1.0]", "[0, 4]", 4), "non-negative"},
      {"ThreeOffsets", one("\"F32\"", "[1]", "[0, 4, 4]", 4), "data_offsets"},
      {"Reversed", one("\"F32\"", "[1]", "[4, 0]", 4), "outside"},
      {"OutOfRange", one("\"F32\"", "[2]", "[0, 8]", 4), "outside"},
      {"WrongSize", one("\"F32\"", "[2]", "[0, 4]", 4), "need 8 bytes"},
      {"HalfByte", one("\"F4\"", "[3]", "[0, 1]", 1), "too many"},
      {"Overflow",
       one("\"F32\"", "[4294967296, 4294967296, 4294967296]", "[0, 0]", 0),
       "too many"},
      {"HugeOffset", one("\"F32\"", "[1]", "[0, 18446744073709551615]", 4),
       "data_offsets"},
      {"Overlap", pair("2", "6", 6), "overlap"},
      {"Hole", pair("6", "10", 10), "hole of 2"},
      {"Trailing", pair("4", "8", 9), "1 bytes after"},
  };
}

class BadSafetensors : public testing::TestWithParam<BadFile> {};

TEST_P(BadSafetensors, IsRefusedWithASentence) {
  auto header = SafetensorsHeader::parse(GetParam().bytes, "some.file");
  ASSERT_FALSE(header.ok());
  const std::string &message = header.status().message();
  EXPECT_NE(message.find("some.file"), std::string::npos) << message;
  EXPECT_NE(message.find(GetParam().message), std::string::npos) << message;
}

INSTANTIATE_TEST_SUITE_P(All, BadSafetensors, testing::ValuesIn(badFiles()),
                         [](const auto &info) {
                           return std::string(info.param.name);
                         });

TEST(Safetensors, EveryTruncationIsRefused) {
  std::string file = safetensors(kGood, std::string(13, 'x'));
  for (size_t size = 0; size < file.size(); ++size)
    EXPECT_FALSE(SafetensorsHeader::parse(file.substr(0, size), "m").ok())
        << size;
}

//===----------------------------------------------------------------------===//
// Directories
//===----------------------------------------------------------------------===//

static std::string tensorFile(const std::string &name) {
  return safetensors("{\"" + name +
                         "\": {\"dtype\": \"U8\", \"shape\": [1], "
                         "\"data_offsets\": [0, 1]}}",
                     "x");
}

TEST(SafetensorsDirectory, ReadsASingleFile) {
  TempDir dir;
  dir.write("model.safetensors", tensorFile("a"));
  auto directory = SafetensorsDirectory::open(dir.path());
  ASSERT_TRUE(directory.ok()) << directory.status().message();
  ASSERT_TRUE(directory->find("a"));
  EXPECT_EQ(directory->find("a")->tensor->shape.size(), 1u);
  EXPECT_EQ(directory->files()[0].name, "model.safetensors");
}

TEST(SafetensorsDirectory, ReadsTheFilesOfAnIndex) {
  TempDir dir;
  dir.write("one.safetensors", tensorFile("a"));
  dir.write("two.safetensors", tensorFile("b"));
  dir.write("model.safetensors.index.json",
            R"({"metadata": {}, "weight_map": {"a": "one.safetensors",
                "b": "two.safetensors"}})");
  auto directory = SafetensorsDirectory::open(dir.path());
  ASSERT_TRUE(directory.ok()) << directory.status().message();
  EXPECT_EQ(directory->files().size(), 2u);
  const auto *b = directory->find("b");
  ASSERT_TRUE(b);
  EXPECT_EQ(directory->files()[size_t(b->file)].name, "two.safetensors");
}

TEST(SafetensorsDirectory, RefusesIndicesThatPointElsewhere) {
  const std::pair<const char *, const char *> cases[] = {
      {R"({"weight_map": {"a": "../secret"}})", "same directory"},
      {R"({"weight_map": {"a": "/etc/passwd"}})", "same directory"},
      {R"({"weight_map": {"a": "sub/m.safetensors"}})", "same directory"},
      {R"({"weight_map": {"a": ".."}})", "same directory"},
      {R"({"weight_map": {"a": 3}})", "same directory"},
      {R"({"weight_map": {"a": "none.safetensors"}})", "none.safetensors"},
      {R"({"weight_map": {"b": "one.safetensors"}})", "no such tensor"},
      {R"({"weight_map": []})", "weight_map"},
      {R"({"weight_map")", "not JSON"},
  };
  for (auto [index, message] : cases) {
    TempDir dir;
    dir.write("one.safetensors", tensorFile("a"));
    dir.write("model.safetensors.index.json", index);
    auto directory = SafetensorsDirectory::open(dir.path());
    ASSERT_FALSE(directory.ok()) << index;
    EXPECT_NE(directory.status().message().find(message), std::string::npos)
        << directory.status().message();
  }
}

TEST(SafetensorsDirectory, WithoutWeightsIsNotFound) {
  TempDir dir;
  dir.write("config.json", "{}");
  EXPECT_EQ(SafetensorsDirectory::open(dir.path()).status().code(),
            StatusCode::NotFound);
  EXPECT_EQ(SafetensorsDirectory::open(dir / "none").status().code(),
            StatusCode::NotFound);
}
