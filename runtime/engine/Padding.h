//===- Padding.h - what of a padded batch is tokens -------------*- C++ -*-===//
#ifndef FT_RUNTIME_ENGINE_PADDING_H
#define FT_RUNTIME_ENGINE_PADDING_H

#include "runtime/base/Npy.h"
#include "runtime/base/Status.h"
#include "runtime/plan/Plan.h"

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

namespace ft {

using NamedArrays = std::map<std::string, Array>;

/// A padded batch taken apart: which columns of which rows are tokens.
struct PaddedBatch {
  int64_t batch = 0, length = 0;
  /// Per sequence: first column and number of its tokens.
  std::vector<std::pair<int64_t, int64_t>> spans;

  int64_t longest() const;
  int64_t tokens() const;
};

/// Reads the layout of `inputs` for `entry`: the ids' shape and the mask's
/// spans (left or right padding; absent means full). A mask with holes, an
/// unknown or missing input, or a wrong shape is an error naming the input.
StatusOr<PaddedBatch> readPadding(const plan::Entry &entry,
                                  const NamedArrays &inputs);

/// Element `index` of an array of numbers, as an integer.
int64_t integerAt(const Array &array, int64_t index);

} // namespace ft

#endif // FT_RUNTIME_ENGINE_PADDING_H
