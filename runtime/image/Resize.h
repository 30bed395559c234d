//===- Resize.h - pictures in another size ----------------------*- C++ -*-===//
#ifndef FT_RUNTIME_IMAGE_RESIZE_H
#define FT_RUNTIME_IMAGE_RESIZE_H

#include "runtime/image/Picture.h"

namespace ft::image {

/// As Pillow's Image.resize gives it, byte for byte: columns, then rows (which
/// Pillow 13 takes first for some shapes), each with weights of 22 bits and
/// rounded to bytes; the filter widens where the
/// picture shrinks. `filter` is nearest, box, bilinear, hamming, bicubic or
/// lanczos. An error where there are too many pixels.
StatusOr<Picture> resize(const Picture &picture, int64_t height, int64_t width,
                         const std::string &filter);

} // namespace ft::image

#endif // FT_RUNTIME_IMAGE_RESIZE_H
