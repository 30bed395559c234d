//===- Picture.cpp - PNG and JPEG files -----------------------------------===//
#include "runtime/image/Picture.h"

#include "runtime/base/MappedFile.h"

#include <new>

namespace ft::image {

StatusOr<Picture> makePicture(int64_t height, int64_t width) {
  std::string size = std::to_string(width) + " by " + std::to_string(height);
  if (height < 1 || width < 1)
    return corrupt("the picture is " + size + " pixels, which is none");
  if (height > kMaxPixels / width)
    return outOfRange("the picture is " + size + " pixels; at most " +
                      std::to_string(kMaxPixels) + " are read");
  Picture picture{height, width, {}};
  try {
    picture.rgb.resize(size_t(height * width * 3));
  } catch (const std::bad_alloc &) {
    return resourceExhausted("no memory for a picture of " + size + " pixels");
  }
  return picture;
}

StatusOr<Picture> readPicture(const std::string &path) {
  FT_ASSIGN_OR_RETURN(MappedFile file, MappedFile::open(path));
  std::string_view bytes = file.text();
  Metadata metadata;
  StatusOr<Picture> picture =
      isPng(bytes)    ? decodePng(bytes, metadata)
      : isJpeg(bytes) ? decodeJpeg(bytes, metadata)
                      : StatusOr<Picture>(unsupported(
                            "expected a PNG or JPEG picture, found neither"));
  if (!picture.ok())
    return picture.status().withContext(path);
  return upright(std::move(*picture), orientationOf(metadata));
}

} // namespace ft::image
