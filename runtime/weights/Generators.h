//===- Generators.h - weights that are formulas -----------------*- C++ -*-===//
//
// Tables that a recipe names instead of storing. All are computed in double and
// rounded once to fp32.
//
// rope [positions, dims]: row p holds cos(p f_j) for j < dims/2, then sin(p
//   f_j), both times attention_factor. f_j = theta^(-2j / dims) (RoFormer,
//   arXiv:2104.09864, section 3.4.2). Numbers: theta (10000), scaling (0):
//     0  none
//     1  linear, f_j / factor (position interpolation, arXiv:2306.15595)
//     2  Llama 3.1 (meta-llama/llama-models, apply_scaling): with wavelength
//        w = 2 pi / f_j, s = (L/w - low) / (high - low):
//        w < L/high: f_j;  w > L/low: f_j / factor;
//        between: (1 - s) f_j / factor + s f_j,
//        where L = original_max_position, low = low_freq_factor and high =
//        high_freq_factor
//   and factor (1), low_freq_factor (1), high_freq_factor (4),
//   original_max_position (8192), attention_factor (1).
//   The optional number dims must equal the shape's.
//
// alibi [heads]: slopes of "Train Short, Test Long" (arXiv:2108.12409). With n
//   the largest power of two <= heads: 2^(-8 (i+1) / n) for i < n, then
//   2^(-4 (2 (i - n) + 1) / n), the odd places of the sequence for 2n heads.
//
// iota [n]: start (0) + i * step (1).
//
//===----------------------------------------------------------------------===//
#ifndef FT_RUNTIME_WEIGHTS_GENERATORS_H
#define FT_RUNTIME_WEIGHTS_GENERATORS_H

#include "runtime/base/Status.h"
#include "runtime/plan/Plan.h"

namespace ft {

/// Checks shape and numbers of a generator recipe.
Status checkGenerator(const plan::Recipe &recipe);

/// Elements first .. first+count-1. REQUIRES: checkGenerator succeeded.
void generate(const plan::Recipe &recipe, int64_t first, int64_t count,
              float *out);

} // namespace ft

#endif // FT_RUNTIME_WEIGHTS_GENERATORS_H
