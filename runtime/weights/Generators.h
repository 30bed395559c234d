//===- Generators.h - weights that are formulas -----------------*- C++ -*-===//
//
// Tables that a recipe names instead of storing. All are computed in double and
// rounded once to fp32.
//
// rope [positions, dims]: row p holds cos(p f_j) for j < dims/2, then sin(p
//   f_j), both times attention_factor (1). f_j = theta^(-2j / dims), theta
//   10000 where it is not given (RoFormer, arXiv:2104.09864, section 3.4.2).
//   With factor alone: f_j / factor (position interpolation,
//   arXiv:2306.15595). With factor, low, high and original, as Llama 3.1 does
//   (meta-llama/llama-models, apply_scaling): for the wavelength w = 2 pi / f_j
//   and s = (original/w - low) / (high - low):
//     w < original/high: f_j;  w > original/low: f_j / factor;
//     between: (1 - s) f_j / factor + s f_j.
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
