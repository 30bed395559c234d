//===- SkinnyBatch.h - linear layers of some rows, with results -*- C++ -*-===//
#ifndef FT_TEST_GPU_SKINNYBATCH_H
#define FT_TEST_GPU_SKINNYBATCH_H

#include "GemvBatch.h"
#include "SkinnyKernels.cuh"

namespace check {

/// A case, and outputs of a tile.
struct SkinnyCase {
  GemvCase gemv;
  int size;
};

/// What a launch needs beside the operands of a GEMV.
template <typename C> struct SkinnyMaps {
  TensorMap x, w;
  explicit SkinnyMaps(
      const GemvBatch<typename C::T, SkinnyOut<C>, NoNorm, C::kGated> &b,
      int size) {
    bool isBf16 = std::is_same_v<typename C::T, bf16>;
    encodeMap(&x, isBf16, b.x.device,
              {{b.c.k, 0, 64}, {b.c.bound, b.xStride * 2, C::NT}});
    encodeMap(&w, isBf16, b.w.device,
              {{b.c.k, 0, 64}, {b.c.n, b.c.k * 2, size}});
  }
};
/// Two stages of the largest tile, the least there may be.
template <typename C>
constexpr int kSkinnyShared =
    1024 + C::kBehindBytes +
    2 * C::kBoxes *(C::kHalves *C::kReach + C::kRowsOfX) * skinny::kRowBytes;

/// run(case) for rows and shapes that are multiples of nothing, but where rows
/// of y are stored whole.
template <typename C, typename Run> void skinnyCases(const Run &run) {
  constexpr int s = C::kSplits;
  auto make = [&](int m, int bound, int n, int k, int clusters, int pad,
                  int size) {
    GemvCase one{m, bound, n, k, clusters * s, pad};
    size = std::min(size, C::kReach);
    if (C::kStoredBytes > 0) {
      one.align = 8;
      one.n = (n + 15) / 16 * 16;
      size = (size + 7) / 8 * 8;
    }
    run(SkinnyCase{one, size});
  };
  for (int m : {1, 9, 16, 33, 64, 65})
    make(m, m + 3, 336, 328, 5, 8, 61);
  make(17, 20, 1000, 72, 3, 0, 64);   // less than two stages
  make(12, 12, 128, 2048, 2, 0, 19);  // many turns of the ring
  make(12, 12, 130, 192, 40, 0, 128); // fewer tiles than clusters
  make(24, 24, 600, 64, 1, 0, 109);   // one cluster, one stage
  make(0, 2, 128, 64, 5, 0, 40);      // no rows
}

} // namespace check

#endif // FT_TEST_GPU_SKINNYBATCH_H
