//===- ImageInput.cpp - a picture as a row of an image input --------------===//
#include "runtime/image/ImageInput.h"

#include "runtime/image/Resize.h"

#include <algorithm>
#include <cassert>

namespace ft::image {

static StatusOr<Picture> resizeAs(const Picture &picture,
                                  const plan::ImageSteps &steps) {
  if (steps.resize.empty())
    return picture;
  if (steps.resize.size() == 2)
    return resize(picture, steps.resize[0], steps.resize[1], steps.filter);
  int64_t edge = steps.resize[0];
  int64_t height = edge, width = edge;
  if (picture.width <= picture.height)
    height = edge * picture.height / picture.width;
  else
    width = edge * picture.width / picture.height;
  return resize(picture, height, width, steps.filter);
}

/// The middle; what is missing is black. Odd borders are halved down.
static StatusOr<Picture> cropAs(const Picture &picture,
                                const std::vector<int64_t> &sides) {
  if (sides.empty())
    return picture;
  FT_ASSIGN_OR_RETURN(Picture result, makePicture(sides[0], sides[1]));
  // Where the result starts in the picture; negative: where it is black.
  int64_t top = picture.height >= sides[0] ? (picture.height - sides[0]) / 2
                                           : -((sides[0] - picture.height) / 2);
  int64_t left = picture.width >= sides[1] ? (picture.width - sides[1]) / 2
                                           : -((sides[1] - picture.width) / 2);
  for (int64_t y = 0; y < result.height; ++y) {
    int64_t from = top + y, first = std::max<int64_t>(left, 0);
    int64_t last = std::min(left + result.width, picture.width);
    if (from >= 0 && from < picture.height)
      std::copy(picture.row(from) + first * 3, picture.row(from) + last * 3,
                result.row(y) + (first - left) * 3);
  }
  return result;
}

/// One rounding to fp32 a step, as transformers computes with NumPy.
static std::vector<float> toFloats(const Picture &picture,
                                   const plan::ImageSteps &steps) {
  int64_t plane = picture.height * picture.width;
  std::vector<float> result(size_t(3 * plane));
  for (int64_t c = 0; c < 3; ++c) {
    float table[256];
    for (int byte = 0; byte < 256; ++byte) {
      table[byte] = float(double(byte) * steps.scale);
      if (!steps.mean.empty())
        table[byte] = (table[byte] - float(steps.mean[size_t(c)])) /
                      float(steps.deviation[size_t(c)]);
    }
    for (int64_t i = 0; i < plane; ++i)
      result[size_t(c * plane + i)] = table[picture.rgb[size_t(i * 3 + c)]];
  }
  return result;
}

StatusOr<std::vector<float>> makeInput(const Picture &picture,
                                       const plan::ImageSteps &steps,
                                       const std::vector<int64_t> &shape) {
  assert(shape.size() == 3 && shape[0] == 3 && "plans are checked");
  FT_ASSIGN_OR_RETURN(Picture resized, resizeAs(picture, steps));
  FT_ASSIGN_OR_RETURN(Picture cropped, cropAs(resized, steps.crop));
  if (cropped.height == shape[1] && cropped.width == shape[2])
    return toFloats(cropped, steps);
  return invalidArgument(
      "the model takes pictures of " + std::to_string(shape[2]) + " by " +
      std::to_string(shape[1]) + " pixels; the checkpoint's processor makes " +
      std::to_string(cropped.width) + " by " + std::to_string(cropped.height) +
      " of this one");
}

} // namespace ft::image
