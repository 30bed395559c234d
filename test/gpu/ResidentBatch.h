//===- ResidentBatch.h - linear layers of small weights ---------*- C++ -*-===//
#ifndef FT_TEST_GPU_RESIDENTBATCH_H
#define FT_TEST_GPU_RESIDENTBATCH_H

#include "GemvBatch.h"
#include "ResidentKernels.cuh"

namespace check {

template <typename C> int residentGrid(int n) {
  return (n + C::kColumns - 1) / C::kColumns * C::kSplits;
}

/// What a launch needs beside the operands of a GEMV.
template <typename C> struct ResidentMaps {
  TensorMap x, w;
  template <typename Batch> explicit ResidentMaps(const Batch &b) {
    bool isBf16 = std::is_same_v<typename C::T, bf16>;
    encodeMap(&x, isBf16, b.x.device,
              {{b.c.k, 0, 64}, {b.c.bound, b.xStride * 2, C::kRows}});
    encodeMap(&w, isBf16, b.w.device,
              {{b.c.k, 0, 64}, {b.c.n, b.c.k * 2, C::kColumns}});
  }
};

/// run(case) for rows and shapes that are multiples of nothing; with a norm all
/// of k is there.
template <typename C, typename Norm, typename Run>
void residentCases(const Run &run) {
  auto make = [&](int m, int bound, int n, int k, int pad, int skew = 0) {
    if (Norm::kPresent)
      k = C::kDepth;
    run(GemvCase{m, bound, n, k, residentGrid<C>(n), pad, {}, skew});
  };
  make(C::kRows, C::kRows, 3 * C::kColumns, C::kDepth, 0);
  make(C::kRows - 3, C::kRows + 2, 2 * C::kColumns + 3, C::kDepth - 72, 8);
  make(1, 1, C::kColumns - 1, C::kDepth - 24, 16, 4);
  make(2 * C::kRows + 1, 2 * C::kRows + 5, C::kColumns, 64, 0); // three turns
  make(0, 2, C::kColumns, C::kDepth, 0);                        // no rows
}

} // namespace check

#endif // FT_TEST_GPU_RESIDENTBATCH_H
