//===- Orientation.cpp - which side of a picture is up --------------------===//
#include "runtime/image/Picture.h"

namespace ft::image {

namespace {

/// A TIFF header and its first directory; numbers beyond the end are 0.
class Tiff {
public:
  explicit Tiff(std::string_view bytes)
      : bytes_(bytes), big_(bytes.starts_with("MM")) {}

  bool valid() const {
    return (big_ || bytes_.starts_with("II")) && number(2, 2) == 42;
  }
  uint64_t number(uint64_t at, int size) const {
    uint64_t value = 0;
    for (int i = 0; i < size; ++i) {
      uint64_t place = at + uint64_t(big_ ? i : size - 1 - i);
      value = value << 8 | (place < bytes_.size() ? uint8_t(bytes_[place]) : 0);
    }
    return value;
  }
  size_t size() const { return bytes_.size(); }

private:
  std::string_view bytes_;
  bool big_;
};

} // namespace

/// 0 where EXIF does not say.
static int exifOrientation(std::string_view exif) {
  constexpr uint64_t kTag = 0x0112, kShort = 3;
  Tiff tiff(exif);
  if (!tiff.valid())
    return 0;
  uint64_t directory = tiff.number(4, 4);
  uint64_t entries = tiff.number(directory, 2);
  for (uint64_t i = 0; i < entries; ++i) {
    uint64_t at = directory + 2 + 12 * i;
    if (at + 12 > tiff.size())
      return 0;
    if (tiff.number(at, 2) == kTag && tiff.number(at + 2, 2) == kShort)
      return int(tiff.number(at + 8, 2));
  }
  return 0;
}

/// `tiff:Orientation="6"` or `<tiff:Orientation>6`; 0 where neither is there.
static int xmpOrientation(std::string_view xmp) {
  constexpr std::string_view name = "tiff:Orientation";
  for (size_t at = xmp.find(name); at != std::string_view::npos;
       at = xmp.find(name, at + 1)) {
    std::string_view rest = xmp.substr(at + name.size());
    size_t skip = rest.starts_with("=\"") ? 2 : rest.starts_with(">") ? 1 : 0;
    if (skip && rest.size() > skip && rest[skip] >= '0' && rest[skip] <= '9')
      return rest[skip] - '0';
  }
  return 0;
}

int orientationOf(const Metadata &metadata) {
  int orientation = exifOrientation(metadata.exif);
  if (!orientation)
    orientation = xmpOrientation(metadata.xmp);
  return orientation >= 1 && orientation <= 8 ? orientation : 1;
}

Picture upright(Picture picture, int orientation) {
  if (orientation <= 1 || orientation > 8)
    return picture;
  bool swaps = orientation >= 5; // rows become columns
  int64_t height = picture.height, width = picture.width;
  Picture turned{swaps ? width : height, swaps ? height : width, {}};
  turned.rgb.resize(picture.rgb.size());
  bool down = orientation == 3 || orientation == 4 || orientation == 6 ||
              orientation == 7; // source rows from below
  bool left = orientation == 2 || orientation == 3 || orientation == 7 ||
              orientation == 8; // source columns from the right
  for (int64_t y = 0; y < turned.height; ++y)
    for (int64_t x = 0; x < turned.width; ++x) {
      int64_t row = swaps ? x : y, column = swaps ? y : x;
      row = down ? height - 1 - row : row;
      column = left ? width - 1 - column : column;
      for (int64_t c = 0; c < 3; ++c)
        turned.row(y)[x * 3 + c] = picture.row(row)[column * 3 + c];
    }
  return turned;
}

} // namespace ft::image
