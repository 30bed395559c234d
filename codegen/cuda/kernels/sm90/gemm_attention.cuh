//===- gemm_attention.cuh - q, k, v and their attention, sm_90a -*- C++ -*-===//
//
// STUB: it computes nothing.
//
// out = attention(x w^T + bias), bidirectional within each sequence: w holds the
// rows of q's heads, then of k's, then of v's, 64 a head; as many heads each.
// `packs` divides the batch in tiles of whole sequences (runtime/plan/Batch.h):
// packs[0] tiles, whose first sequences follow, then the number of sequences. A
// CTA takes a tile and a head at a time.
//
// Tensor maps (2-d, 128-byte swizzle, no interleave, zero fill, element = T,
// coordinate 0 contiguous): `x` is {k, bound of rows}, box {64, 128}; `w` is
// {k, 3 * heads * 64}, box {64, 64}.
//
// Launch: block Config::kThreads; grid any, at most one CTA a tile and head has
// work; dynamic shared memory Config::kSharedBytes; may be launched dependent.
//
//===----------------------------------------------------------------------===//
#ifndef FT_KERNELS_SM90_GEMM_ATTENTION_CUH
#define FT_KERNELS_SM90_GEMM_ATTENTION_CUH

#include "sm90/async.cuh"

namespace ft {
namespace joined {

template <typename T_> struct Config {
  using T = T_;
  static constexpr int kTokens = 128, kThreads = 384;
  static constexpr int kStages = 4;
  /// q, k and v of a head; stages of x and of the head's rows of w; what aligns
  /// them, and barriers (codegen/cuda/GemmAttention.cpp).
  static constexpr int kSharedBytes = 3 * kTokens * 64 * 2 +
                                      kStages * (kTokens + 3 * 64) * 128 +
                                      1024 + 256;
};

template <typename T, typename V> struct Args {
  const int *counts;
  int sequencesAxis; // counts[sequencesAxis]: sequences
  const int *cuTokens, *packs;
  const V *bias; // [3 * heads * 64] or null
  int heads, k;  // k: columns of x
  float scale;   // of the scores
  T *out;
  i64 outStride; // elements
};

template <typename C, typename V>
__device__ void run(const TensorMap &x, const TensorMap &w,
                    const Args<typename C::T, V> &a) {
  (void)x, (void)w, (void)a;
  dependencyWait();
}

} // namespace joined
} // namespace ft

#endif // FT_KERNELS_SM90_GEMM_ATTENTION_CUH
