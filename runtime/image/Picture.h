//===- Picture.h - PNG and JPEG files ---------------------------*- C++ -*-===//
//
// Pictures as transformers.image_utils.load_image gives them: Pillow's pixels,
// turned upright as the EXIF orientation says, converted to RGB. Grey levels
// repeat, alpha is dropped, 16-bit colour keeps its high byte, 16-bit grey is
// cut off at 255, CMYK is read as Adobe writes it.
//
//===----------------------------------------------------------------------===//
#ifndef FT_RUNTIME_IMAGE_PICTURE_H
#define FT_RUNTIME_IMAGE_PICTURE_H

#include "runtime/base/Status.h"

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace ft::image {

/// As many as Pillow reads.
inline constexpr int64_t kMaxPixels = 178'956'970;

/// Red, green and blue bytes, row-major.
struct Picture {
  int64_t height = 0, width = 0;
  std::vector<uint8_t> rgb; // height * width * 3

  uint8_t *row(int64_t y) { return rgb.data() + y * width * 3; }
  const uint8_t *row(int64_t y) const { return rgb.data() + y * width * 3; }
};

/// Reads a file; its first bytes, not its name, say which format it has. A file
/// that is missing, cut short, damaged, too large or of another kind is an
/// error that names it.
StatusOr<Picture> readPicture(const std::string &path);

/// An empty picture of this size; an error beyond kMaxPixels or without pixels.
StatusOr<Picture> makePicture(int64_t height, int64_t width);

//===----------------------------------------------------------------------===//
// Parts of readPicture
//===----------------------------------------------------------------------===//

/// What a file says beside its pixels.
struct Metadata {
  std::string exif; // from the TIFF header on
  std::string xmp;
};

bool isPng(std::string_view bytes);
bool isJpeg(std::string_view bytes);
StatusOr<Picture> decodePng(std::string_view bytes, Metadata &metadata);
StatusOr<Picture> decodeJpeg(std::string_view bytes, Metadata &metadata);

/// 1 to 8, 1 where nothing is said: what EXIF says, else XMP.
int orientationOf(const Metadata &metadata);
/// The picture upright, as ImageOps.exif_transpose turns it.
Picture upright(Picture picture, int orientation);

} // namespace ft::image

#endif // FT_RUNTIME_IMAGE_PICTURE_H
