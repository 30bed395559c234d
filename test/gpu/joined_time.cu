//===- joined_time.cu - attention with its linears, in layers of BERT -----===//
//
// Layers of encoder_time with their attention, by two launches and by
// gemm_attention.cuh, in turns: the median of five rounds, and the least. Tile
// shapes and attentions are those that plans take for so many rows.
//
//===----------------------------------------------------------------------===//
#include "AttentionTiles.h"
#include "EncoderChain.h"
#include "JoinedBatch.h"

#include <memory>

namespace {

constexpr int kHeads = 12;
using S = Shape<f16, 64, 64, false, false>;
using C = joined::Config<f16>;
using Few = attention::Config<S, 1, 1, 64, 64, 3, 4, true>;
using Some = attention::Config<S, 1, 1, 64, 64, 3, 2>;

/// The launch that makes attention of a chain's x; the batch outlives it.
auto joinedLaunch(const Chain &chain, const JoinedBatch<C> &batch) {
  auto kernel = joinedKernel<C>;
  preferShared(kernel, C::kSharedBytes);
  TensorMap x;
  encodeMap(&x, false, chain.x(),
            {{kHidden, 0, 64}, {existingRows(batch.rows), kHidden * 2, C::kTokens}});
  auto args = batch.args();
  args.out = chain.attended();
  args.outStride = 3 * kHidden; // what o of the chain reads
  int grid = std::min(132, batch.packs.host[0] * kHeads);
  return [=](const f16 *weights, cudaStream_t stream, bool dependent) {
    TensorMap w;
    encodeMap(&w, false, weights,
              {{kHidden, 0, 64}, {3 * kHidden, kHidden * 2, C::kSize}});
    DependentLaunch launch(grid, C::kThreads, C::kSharedBytes, stream,
                           dependent);
    cuda(cudaLaunchKernelEx(&launch.config, kernel, x, w, args), "joined");
  };
}

/// The same by clusters.
template <typename F>
auto clusterLaunch(const Chain &chain, const JoinedBatch<F> &batch) {
  auto kernel = clusterKernel<F>;
  preferShared(kernel, F::kSharedBytes);
  TensorMap x;
  encodeMap(&x, false, chain.x(),
            {{kHidden, 0, 64}, {existingRows(batch.rows), kHidden * 2, F::kRows}});
  auto args = batch.clusterArgs();
  args.out = chain.attended();
  args.outStride = 3 * kHidden;
  dim3 grid(kHeads * F::kCluster, unsigned(batch.c.lengths.size()));
  return [=](const f16 *weights, cudaStream_t stream, bool dependent) {
    TensorMap w;
    encodeMap(&w, false, weights,
              {{kHidden, 0, 64}, {3 * kHidden, kHidden * 2, F::kSize}});
    DependentLaunch launch(grid, F::kThreads, F::kSharedBytes, stream,
                           dependent);
    cuda(cudaLaunchKernelEx(&launch.config, kernel, x, w, args), "cluster");
  };
}

/// One: by Form, gemm_attention.cuh's or gemm_attention_cluster.cuh's.
template <typename Attention, typename Form = C>
void timeLayers(const char *what, const std::vector<int> &lengths,
                const std::string &tiles) {
  JoinedBatch<Form> batch({lengths, kHeads, kHidden, 132});
  Case shape{lengths, {}, kHeads, kHeads, 1, 0, 1, 1};
  shape.gap = 0;
  Batch<S> apart(shape);
  Call<Attention, NoScore> call(apart, NoScore{});
  call.dependent = true;
  Chain chain(batch.rows);
  const Instance *kinds[4];
  named(tiles, kinds);
  std::function<void(const f16 *, cudaStream_t, bool)> joined;
  if constexpr (requires { Form::kCluster; })
    joined = clusterLaunch(chain, batch);
  else
    joined = joinedLaunch(chain, batch);
  std::vector<double> us[3];
  for (int round = 0; round < 5; ++round)
    for (int form = 0; form < 3; ++form) {
      chain.attention = nullptr, chain.joined = nullptr;
      if (form == 1)
        chain.attention = [&](cudaStream_t stream) {
          call(stream, 132 * Attention::kCtas);
        };
      if (form == 2)
        chain.joined = joined;
      us[form].push_back(chain.layers(kinds));
    }
  for (auto &form : us)
    std::sort(form.begin(), form.end());
  std::printf("%-14s %5d rows: no attention %7.2f, two launches %7.2f (%.2f), "
              "one %7.2f (%.2f) us a layer\n",
              what, batch.rows, us[0][2], us[1][2], us[1][0], us[2][2],
              us[2][0]);
  std::fflush(stdout);
}

} // namespace

using Of32 = joined::ClusterConfig<f16, 32, 1, 32, 4>;
using Of64 = joined::ClusterConfig<f16, 64, 1, 64, 4>;
using Of128 = joined::ClusterConfig<f16, 64, 2, 128, 4>;
using Of208 = joined::ClusterConfig<f16, 112, 2, 208, 3, true>;

int main() {
  addAll();
  auto many = [](int count, int length) {
    return std::vector<int>(size_t(count), length);
  };
  std::vector<int> ragged;
  for (int i = 0; i < 32; ++i)
    ragged.push_back(2 + 126 * i / 31);
  const char *few = "128x96,64x96_k2,128x96,64x96_k2",
             *once = "128x144,64x96,128x192,64x96",
             *some = "128x128,128x96,128x192,128x96_1x2",
             *twice = "128x128,128x128,192x192,128x128",
             *large = "128x192p,192x192,128x192p,128x192";
  const char *least = "64x64_k2,64x32_k4,64x64_k2,64x32_k4",
             *less = "64x96,64x64_k4,64x96,64x64_k4",
             *little = "64x96,64x64_k2,64x96,64x64_k2";
  timeLayers<Few, Of32>("1 x 32", many(1, 32), least);
  timeLayers<Few, Of32>("2 x 32", many(2, 32), least);
  timeLayers<Few, Of64>("1 x 32 of 64", many(1, 32), least);
  timeLayers<Few, Of64>("1 x 64", many(1, 64), least);
  timeLayers<Few, Of64>("2 x 64", many(2, 64), less);
  timeLayers<Few, Of64>("3 x 64", many(3, 64), little);
  timeLayers<Few, Of128>("1 x 64 of 128", many(1, 64), least);
  timeLayers<Few, Of128>("1 x 128", many(1, 128), less);
  timeLayers<Few, Of128>("2 x 128", many(2, 128), little);
  timeLayers<Few, Of208>("1 x 128 of 208", many(1, 128), less);
  timeLayers<Few, Of208>("1 x 160", many(1, 160), little);
  timeLayers<Few, Of208>("1 x 197", many(1, 197), little);
  timeLayers<Few>("4 x 128", many(4, 128), few);
  timeLayers<Few>("6 x 128", many(6, 128), once);
  timeLayers<Few>("8 x 128", many(8, 128), once);
  timeLayers<Few>("32 x 32", many(32, 32), once);
  timeLayers<Few>("11 x 128", many(11, 128), some);
  timeLayers<Few>("12 x 128", many(12, 128), some);
  timeLayers<Some>("16 x 128", many(16, 128), twice);
  timeLayers<Some>("32 of 2 .. 128", ragged, twice);
  timeLayers<Some>("22 x 128", many(22, 128), large);
  timeLayers<Some>("32 x 128", many(32, 128), large);
  timeLayers<Some>("64 x 128", many(64, 128), large);
  return 0;
}
