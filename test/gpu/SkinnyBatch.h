//===- SkinnyBatch.h - linear layers of some rows, with results -*- C++ -*-===//
#ifndef FT_TEST_GPU_SKINNYBATCH_H
#define FT_TEST_GPU_SKINNYBATCH_H

#include "GemvBatch.h"
#include "SkinnyKernels.cuh"

namespace check {

/// What a launch needs beside the operands of a GEMV. Counters must be left at
/// zero; partial sums are NaN before.
template <typename T, bool gated, int NT> struct SkinnyScratch {
  using B = GemvBatch<T, T, NoNorm, gated>;
  TensorMap x, w;
  Array<u32> counters;
  Array<float> partials;

  explicit SkinnyScratch(const B &b)
      : counters(4096), partials(size_t(b.c.grid) * 2 * 128 * NT) {
    encodeMap(&x, std::is_same_v<T, bf16>, b.x.device,
              {{b.c.k, 0, 64}, {b.c.bound, b.xStride * 2, NT}});
    encodeMap(&w, std::is_same_v<T, bf16>, b.w.device,
              {{b.c.k, 0, 64}, {b.c.n, b.c.k * 2, 64}});
    std::fill(counters.host.begin(), counters.host.end(), 0u);
    counters.up();
    poison(partials);
  }
};

/// run(case, kernel's run) for rows and shapes that are multiples of nothing.
template <typename Run> void skinnyCases(const Run &run) {
  for (int m : {1, 9, 16, 33, 64, 65})
    run(GemvCase{m, m + 3, 336, 328, 7, 8});
  run(GemvCase{17, 20, 1000, 72, 5, 0});   // less than two steps
  run(GemvCase{12, 12, 128, 2048, 13, 0}); // one tile of many CTAs
  run(GemvCase{12, 12, 130, 192, 40, 0});  // fewer steps than CTAs
  run(GemvCase{24, 24, 600, 64, 1, 0});    // one CTA
  run(GemvCase{0, 2, 128, 64, 5, 0});      // no rows
}

} // namespace check

#endif // FT_TEST_GPU_SKINNYBATCH_H
