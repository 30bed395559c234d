//===- Images.h - --image: picture files as an input ------------*- C++ -*-===//
#ifndef FT_TOOLS_FT_RUN_IMAGES_H
#define FT_TOOLS_FT_RUN_IMAGES_H

#include "runtime/engine/Padding.h"

namespace ft::run {

/// Adds the pictures, a batch, to `inputs` as what the plan says they are; an
/// error where it says nothing or --input gives that input too.
Status addImages(const plan::Plan &plan, const std::vector<std::string> &files,
                 NamedArrays &inputs);

} // namespace ft::run

#endif // FT_TOOLS_FT_RUN_IMAGES_H
