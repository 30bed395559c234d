//===- PictureErrorTest.cpp - files that are no pictures ------------------===//
#include "runtime/base/MappedFile.h"
#include "runtime/image/Picture.h"
#include "test/runtime/TempDir.h"

#include <gtest/gtest.h>

#include <random>

namespace ft::image {
namespace {

std::string fixture(const std::string &name) {
  auto file = MappedFile::open(std::string(FT_IMAGE_FIXTURES) + "/" + name);
  EXPECT_TRUE(file.ok());
  return std::string(file->text());
}

/// The sentence about a file of these bytes; empty where it is a picture.
std::string errorOf(const std::string &bytes) {
  test::TempDir folder;
  std::string path = folder.write("x.png", bytes);
  auto picture = readPicture(path);
  if (picture.ok())
    return "";
  std::string message = picture.status().message();
  EXPECT_NE(message.find(path), std::string::npos) << message;
  return message;
}

void expectError(const std::string &bytes, const std::string &part) {
  std::string message = errorOf(bytes);
  EXPECT_NE(message.find(part), std::string::npos)
      << "found: " << message << "\nexpected: " << part;
}

std::string be32(uint32_t value) {
  return {char(value >> 24), char(value >> 16), char(value >> 8), char(value)};
}

/// A PNG with another width and height; the checksum is not what is tested.
std::string pngOfSize(uint32_t width, uint32_t height) {
  std::string bytes = fixture("rgb8.png");
  bytes.replace(16, 8, be32(width) + be32(height));
  uint32_t crc = 0xffffffff;
  for (size_t i = 12; i < 29; ++i) {
    crc ^= uint8_t(bytes[i]);
    for (int bit = 0; bit < 8; ++bit)
      crc = crc >> 1 ^ (crc & 1 ? 0xedb88320 : 0);
  }
  return bytes.replace(29, 4, be32(~crc));
}

std::string jpegOfSize(uint16_t width, uint16_t height) {
  std::string bytes = fixture("full.jpg");
  size_t frame = bytes.find("\xff\xc0");
  EXPECT_NE(frame, std::string::npos);
  return bytes.replace(frame + 5, 4, be32(uint32_t(height) << 16 | width));
}

TEST(PictureErrorTest, OtherFilesAreRefused) {
  expectError("", "is empty");
  expectError("GIF89a", "expected a PNG or JPEG picture, found neither");
  expectError("\x89PNG\r\n\x1a", "found neither");
  EXPECT_NE(readPicture("/nowhere/x.png")
                .status()
                .message()
                .find("cannot open '/nowhere/x.png'"),
            std::string::npos);
}

TEST(PictureErrorTest, ShortFilesAreRefused) {
  for (const char *name : {"rgb8.png", "interlaced.png", "grey16.png"}) {
    std::string bytes = fixture(name);
    for (size_t size :
         {size_t(8), size_t(20), bytes.size() / 2, bytes.size() - 30})
      expectError(bytes.substr(0, size), "the PNG is cut short");
  }
  for (const char *name : {"full.jpg", "progressive.jpg", "cmyk.jpg"}) {
    std::string bytes = fixture(name);
    for (size_t size : {bytes.size() / 2, bytes.size() - 10})
      EXPECT_NE(errorOf(bytes.substr(0, size)), "") << name << " " << size;
  }
  std::string bytes = fixture("full.jpg");
  expectError(bytes.substr(0, bytes.size() - 60), "the JPEG is cut short");
}

TEST(PictureErrorTest, DamagedFilesAreRefused) {
  std::string bytes = fixture("rgb8.png");
  bytes[bytes.find("IDAT") + 10] ^= 0x55;
  expectError(bytes, "the PNG is damaged: ");
  bytes = fixture("full.jpg");
  bytes[bytes.find("\xff\xc0") + 4] = 3; // bits of a sample
  expectError(bytes, "the JPEG is damaged: ");
}

TEST(PictureErrorTest, HugeAndEmptyPicturesAreRefused) {
  expectError(pngOfSize(30000, 30000),
              "the picture is 30000 by 30000 pixels; at most 178956970 are "
              "read");
  expectError(jpegOfSize(30000, 30000), "30000 by 30000 pixels; at most");
  expectError(pngOfSize(0, 5), "the PNG is damaged: ");
  expectError(jpegOfSize(0, 5), "the JPEG is damaged: ");
  // Fits, but the file cannot hold it.
  expectError(pngOfSize(4000, 4000), "the PNG is");
}

/// Whatever bytes change, the file is read or refused; a sanitizer watches.
TEST(PictureErrorTest, RandomDamageIsReadOrRefused) {
  std::mt19937 random(1);
  for (const char *name :
       {"palette4.png", "interlaced-grey16.png", "turned-xmp.png",
        "progressive.jpg", "cmyk.jpg", "turned6.jpg"}) {
    const std::string bytes = fixture(name);
    for (int round = 0; round < 300; ++round) {
      std::string damaged = bytes;
      for (int i = 0; i < 1 + round % 4; ++i)
        damaged[random() % damaged.size()] = char(random());
      errorOf(damaged);
    }
  }
}

TEST(PictureErrorTest, DamagedMetadataSaysNothing) {
  using namespace std::literals;
  const std::string tiff = "II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0"
                           "\x06\0\0\0"s;
  EXPECT_EQ(orientationOf({tiff, ""}), 6);
  for (size_t size = 0; size < tiff.size(); ++size)
    EXPECT_EQ(orientationOf({tiff.substr(0, size), ""}), 1) << size;
  std::string far = tiff;
  far[7] = '\x7f'; // the directory far beyond the end
  EXPECT_EQ(orientationOf({far, ""}), 1);
  std::string other = tiff;
  other[18] = 9;
  EXPECT_EQ(orientationOf({other, "tiff:Orientation=\"3\""}), 1);
  EXPECT_EQ(orientationOf({"", "tiff:Orientation=\"3\""}), 3);
  EXPECT_EQ(orientationOf({"", "tiff:Orientation=\""}), 1);
}

} // namespace
} // namespace ft::image
