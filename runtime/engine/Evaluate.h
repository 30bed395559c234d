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

#include "runtime/base/Status.h"
#include "runtime/engine/Model.h"
#include "runtime/engine/Padding.h"

namespace ft {

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
