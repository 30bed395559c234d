//===- Evaluate.h - padded tensors in, padded tensors out -------*- C++ -*-===//
//
// The door at which imported models keep Hugging Face's names and layouts:
// ids [batch, length] with an attention mask in, [batch, length, ...] out. The
// padding is packed away before the model sees it; padded places of an output
// are zero.
//
//===----------------------------------------------------------------------===//
#ifndef FT_RUNTIME_ENGINE_EVALUATE_H
#define FT_RUNTIME_ENGINE_EVALUATE_H

#include "runtime/base/Npy.h"
#include "runtime/base/Status.h"
#include "runtime/engine/Model.h"

#include <map>
#include <string>
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

/// The options a batch needs where the caller chose none: bounds that hold it.
void fitOptions(const plan::Plan &plan, const PaddedBatch &batch,
                ModelOptions &options);

/// Runs `entry` over `inputs` and returns its outputs by name, f32 or i32:
/// [batch, length, ...] for token and row axes, [batch, ...] for sequences.
/// Row outputs are computed for every token.
StatusOr<NamedArrays> evaluate(Model &model, int entry,
                               const NamedArrays &inputs);

} // namespace ft

#endif // FT_RUNTIME_ENGINE_EVALUATE_H
