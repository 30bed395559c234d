//===- Images.h - --image: picture files as an input ------------*- C++ -*-===//
#ifndef FT_TOOLS_FT_RUN_IMAGES_H
#define FT_TOOLS_FT_RUN_IMAGES_H

#include "runtime/engine/Padding.h"
#include "tools/ft-run/RunOptions.h"

namespace ft::run {

/// Adds the pictures, a batch, to `inputs` as what the plan says they are; an
/// error where it says nothing or --input gives that input too.
Status addImages(const plan::Plan &plan, const std::vector<std::string> &files,
                 NamedArrays &inputs);

/// Prints the best labels of every picture, where `outputs` has logits of a row
/// each and the plan says what they are called; false where not.
bool printImageLabels(const RunOptions &options, const plan::Plan &plan,
                      const NamedArrays &outputs);

} // namespace ft::run

#endif // FT_TOOLS_FT_RUN_IMAGES_H
