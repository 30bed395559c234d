//===- AttentionTiles.h - launches of sm90/attention_tiles ------*- C++ -*-===//
#ifndef FT_TEST_GPU_ATTENTIONTILES_H
#define FT_TEST_GPU_ATTENTIONTILES_H

#include "AttentionBatch.h"
#include "AttentionTilesKernels.cuh"

namespace check {

using ft::TensorMap;
using ft::attention::NoScore;
using ft::attention::Shape;
namespace attention = ft::attention;

/// The three maps of a batch for configuration C.
template <typename C> struct TileMaps {
  using S = typename C::S;
  TensorMap q, k, v;

  explicit TileMaps(const Batch<S> &b) {
    const Case &c = b.c;
    auto keys = [&](auto &array, int width, int stride) {
      size_t step = S::kPaged ? size_t(c.kvHeads) * width : size_t(stride);
      return makeMap(array.device, width, c.kvHeads, array.host.size() / step,
                     step, 1, C::kBoxRows);
    };
    q = makeMap(b.q.device, S::D, c.heads, b.total + 4, b.qStride, C::kPack,
                C::kTokens);
    k = keys(b.k, S::D, b.kStride);
    v = keys(b.v, S::DV, b.vStride);
  }
};

#ifdef __CUDACC__
/// One launch of C over a batch; may be `dependent` on the one in front.
template <typename C, typename Score> struct Call {
  Batch<typename C::S> &batch;
  Score score;
  TileMaps<C> maps;
  bool dependent = false;

  Call(Batch<typename C::S> &b, const Score &s) : batch(b), score(s), maps(b) {
    if constexpr (C::kBrief)
      allow(shortKernel<C, Score>);
    else
      allow(tilesKernel<C, Score>);
  }
  template <typename Kernel> static void allow(Kernel *kernel) {
    cuda(cudaFuncSetAttribute(kernel,
                              cudaFuncAttributeMaxDynamicSharedMemorySize,
                              C::kSharedBytes),
         "shared memory");
  }
  /// `grid`: CTAs. attention_short has one for each tile and head, and some for
  /// tiles past the last one, which `grid` varies.
  void operator()(cudaStream_t stream, int grid) {
    dim3 ctas(grid);
    if constexpr (C::kBrief)
      ctas = dim3(batch.c.heads, (batch.total + attention::kTokensOfTile - 1) /
                                         attention::kTokensOfTile +
                                     grid % 3);
    DependentLaunch to(ctas, C::kThreads, C::kSharedBytes, stream, dependent);
    if constexpr (C::kBrief)
      cuda(cudaLaunchKernelEx(&to.config, shortKernel<C, Score>, maps.q, maps.k,
                              maps.v, batch.args(), score),
           "launch");
    else
      cuda(cudaLaunchKernelEx(&to.config, tilesKernel<C, Score>, maps.q, maps.k,
                              maps.v, batch.args(), score),
           "launch");
  }
};
#endif

inline std::vector<int> ragged(int count, int from, int to) {
  std::vector<int> lengths;
  for (int i = 0; i < count; ++i)
    lengths.push_back(from + (i * 37 + 11) % (to - from + 1));
  return lengths;
}

} // namespace check

#endif // FT_TEST_GPU_ATTENTIONTILES_H
