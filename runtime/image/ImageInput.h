//===- ImageInput.h - a picture as a row of an image input ------*- C++ -*-===//
#ifndef FT_RUNTIME_IMAGE_IMAGEINPUT_H
#define FT_RUNTIME_IMAGE_IMAGEINPUT_H

#include "runtime/image/Picture.h"
#include "runtime/plan/Plan.h"

namespace ft::image {

/// Resizes, crops, scales and normalizes `picture` as `steps` say; the result
/// is [3, height, width], row-major, of `shape`. Smaller pictures are cropped
/// with black borders. An error where another shape comes out.
StatusOr<std::vector<float>> makeInput(const Picture &picture,
                                       const plan::ImageSteps &steps,
                                       const std::vector<int64_t> &shape);

} // namespace ft::image

#endif // FT_RUNTIME_IMAGE_IMAGEINPUT_H
