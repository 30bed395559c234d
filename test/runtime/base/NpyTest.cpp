//===- NpyTest.cpp - NumPy files, good and bad ----------------------------===//
#include "runtime/base/Npy.h"

#include "test/runtime/TempDir.h"

#include <gtest/gtest.h>

using namespace ft;
using ft::test::readBytes;
using ft::test::TempDir;

template <typename T> static std::string bytesOf(std::vector<T> values) {
  return {reinterpret_cast<const char *>(values.data()),
          values.size() * sizeof(T)};
}

template <typename T> static std::vector<T> valuesOf(const Array &array) {
  std::vector<T> values(array.bytes.size() / sizeof(T));
  std::memcpy(values.data(), array.bytes.data(), array.bytes.size());
  return values;
}

/// A file as numpy.save writes it, in format version `major`.
static std::string npy(const std::string &dictionary, const std::string &data,
                       int major = 1) {
  std::string header = dictionary + "\n";
  std::string file("\x93NUMPY", 6);
  file += char(major);
  file += '\0';
  for (int i = 0; i < (major == 1 ? 2 : 4); ++i)
    file += char(header.size() >> (8 * i) & 0xff);
  return file + header + data;
}

static std::string dictionary(const std::string &descr,
                              const std::string &shape,
                              const char *fortran = "False") {
  return "{'descr': '" + descr + "', 'fortran_order': " + fortran +
         ", 'shape': " + shape + ", }";
}

TEST(Npy, RoundTripsEveryType) {
  TempDir dir;
  for (DType dtype : {DType::F32, DType::F16, DType::F64, DType::I32,
                      DType::I64, DType::I8, DType::U8, DType::Bool})
    for (std::vector<int64_t> shape :
         {std::vector<int64_t>{}, {3}, {0, 4}, {2, 3, 1}}) {
      Array array{dtype, shape, {}};
      size_t count = size_t(dtypeSize(dtype));
      for (int64_t extent : shape)
        count *= size_t(extent);
      for (size_t i = 0; i < count; ++i)
        array.bytes.push_back(std::byte(i * 7 + 1));
      ASSERT_TRUE(writeNpy(dir / "a.npy", array).ok());
      auto read = readNpy(dir / "a.npy");
      ASSERT_TRUE(read.ok()) << read.status().message();
      EXPECT_EQ(read->dtype, dtype);
      EXPECT_EQ(read->shape, shape);
      EXPECT_EQ(read->bytes, array.bytes);
    }
}

TEST(Npy, WritesWhatNumPyWrites) {
  TempDir dir;
  Array array{DType::F32, {1}, std::vector<std::byte>(4)};
  ASSERT_TRUE(writeNpy(dir / "a.npy", array).ok());
  std::string bytes = readBytes(dir / "a.npy");
  EXPECT_EQ(bytes.size() % 64, 4u); // elements start on a multiple of 64
  EXPECT_NE(bytes.find("'shape': (1, )"), std::string::npos);
}

TEST(Npy, ReadsVersionsTwoAndThreeAndDoubleQuotes) {
  TempDir dir;
  for (int major : {1, 2, 3}) {
    auto read = readNpy(
        dir.write("a.npy", npy("{\"shape\": (2,), \"fortran_order\": False, "
                               "\"descr\": \"<i4\"}",
                               bytesOf<int32_t>({7, -9}), major)));
    ASSERT_TRUE(read.ok()) << read.status().message();
    EXPECT_EQ(valuesOf<int32_t>(*read), (std::vector<int32_t>{7, -9}));
  }
}

TEST(Npy, WidensInt16AndBf16) {
  TempDir dir;
  auto read = readNpy(dir.write(
      "a.npy", npy(dictionary("<i2", "(2,)"), bytesOf<int16_t>({5, -6}))));
  ASSERT_TRUE(read.ok()) << read.status().message();
  EXPECT_EQ(valuesOf<int32_t>(*read), (std::vector<int32_t>{5, -6}));
  Array half{DType::BF16, {1}, std::vector<std::byte>(2)};
  uint16_t bits = f32ToBf16(1.5f);
  std::memcpy(half.bytes.data(), &bits, 2);
  ASSERT_TRUE(writeNpy(dir / "b.npy", half).ok());
  read = readNpy(dir / "b.npy");
  ASSERT_TRUE(read.ok()) << read.status().message();
  EXPECT_EQ(valuesOf<float>(*read), std::vector<float>{1.5f});
}

TEST(Npy, ConvertsFortranOrder) {
  TempDir dir;
  auto read =
      readNpy(dir.write("a.npy", npy(dictionary("<i4", "(2, 3)", "True"),
                                     bytesOf<int32_t>({1, 4, 2, 5, 3, 6}))));
  ASSERT_TRUE(read.ok()) << read.status().message();
  EXPECT_EQ(valuesOf<int32_t>(*read), (std::vector<int32_t>{1, 2, 3, 4, 5, 6}));
}

TEST(Npy, RefusesWithASentence) {
  std::string four(4, 'x');
  const std::pair<std::string, const char *> cases[] = {
      {"PK\3\4 an npz", "numpy.save"},
      {npy(dictionary("|O", "(1,)"), four), "Python objects"},
      {npy("{'descr': [('a', '<f4')], 'fortran_order': False, 'shape': (1,)}",
           four),
       "record"},
      {npy(dictionary(">f4", "(1,)"), four), "big-endian"},
      {npy(dictionary("<U1", "(1,)"), four), "'<U1'"},
      {npy(dictionary("", "(1,)"), four), "expected f2"},
      {npy(dictionary("<f4", "(2,)"), four), "needs 8 bytes"},
      {npy(dictionary("<f4", "()"), four + "y"), "has 5"},
      {npy(dictionary("<f4", "(9223372036854775807, 9)"), four), "too many"},
      {npy(dictionary("<f4", "(99999999999999999999,)"), four), "dictionary"},
      {npy(dictionary("<f4", "(-1,)"), four), "dictionary"},
      {npy(dictionary("<f4", "1"), four), "dictionary"},
      {npy("{'descr': '<f4'}", four), "dictionary"},
      {npy("{'descr': '<f4', 'descr': '<f4'}", four), "dictionary"},
      {npy("", four), "dictionary"},
      {npy(dictionary("<f4", "(1,)"), four, 9), "version 9"},
  };
  TempDir dir;
  for (const auto &[bytes, message] : cases) {
    auto read = readNpy(dir.write("bad.npy", bytes));
    ASSERT_FALSE(read.ok()) << message;
    EXPECT_NE(read.status().message().find(message), std::string::npos)
        << read.status().message();
    EXPECT_NE(read.status().message().find("bad.npy"), std::string::npos);
  }
}

TEST(Npy, EveryTruncationIsRefused) {
  TempDir dir;
  std::string file = npy(dictionary("<i4", "(2,)"), bytesOf<int32_t>({1, 2}));
  for (size_t size = 0; size < file.size(); ++size)
    EXPECT_FALSE(readNpy(dir.write("a.npy", file.substr(0, size))).ok())
        << size;
}
