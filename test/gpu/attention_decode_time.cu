//===- attention_decode_time.cu - one token after 511 keys ----------------===//
//
// Attention of 32 heads of 128, 8 kv heads, by itself: the kernel that appends
// in its forms, and the one of attention_mma.cuh, which leaves rope and append
// to another. Medians of graphs of plain launches.
//
//===----------------------------------------------------------------------===//
#include "AttentionDecodeBatch.h"
#include "CudaArray.h"

using namespace ft;
using namespace check;

namespace {

using S = attention::Shape<bf16, 128, 128, true, true>;
using E = attention::Entry<64, false, false>;
using attention::NoScore;
constexpr int kMostCtas = 600;

template <int stages> void timeDecode(const Case &c, int grid, bool clusters) {
  DecodeBatch<S, E> batch(c, kMostCtas);
  auto kernel = clusters ? decodeClusters<S, E, stages, 16, NoScore>
                         : decodeKernel<S, E, stages, 16, NoScore>;
  constexpr int shared = attention::Decode<S, E, stages, 16>::shared(
      attention::kInboxFloats<S, 16, 8>);
  cuda(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize,
                            shared),
       "shared memory");
  double us = check::time(20, [&](int, cudaStream_t stream) {
    launch(kernel, dim3(grid), attention::kDecodeThreads, shared, stream,
           batch.args(), batch.fresh(), NoScore{});
  });
  std::printf("%zu sequences, %d stages, %d CTAs%s: %.2f us\n", c.tokens.size(),
              stages, grid, clusters ? " in clusters" : "", us);
}

void timeMma(const Case &c, int splits) {
  using M = attention::Mma<S, 16>;
  DecodeBatch<S, E> batch(c, kMostCtas);
  size_t tiles = c.tokens.size() * c.kvHeads;
  Array<float> partials(tiles * splits * 16 * (S::DV + 2));
  Array<u32> counters(tiles);
  cuda(cudaMemset(counters.device, 0, tiles * 4), "counters");
  auto kernel = attentionKernel<S, 16, NoScore>;
  cuda(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize,
                            M::kShared),
       "shared memory");
  auto args = batch.args();
  args.partials = partials.device;
  args.counters = counters.device;
  double us = check::time(20, [&](int, cudaStream_t stream) {
    launch(kernel, dim3(c.tokens.size(), c.kvHeads, splits),
           attention::kThreads, M::kShared, stream, args, NoScore{});
  });
  std::printf("%zu sequences, attention_mma, %d splits: %.2f us\n",
              c.tokens.size(), splits, us);
}

} // namespace

struct Load {
  int sequences, keys;
};

int main() {
  for (auto [n, keys] : {Load{1, 511}, Load{4, 511}, Load{8, 511},
                         Load{32, 511}, Load{1, 32703}, Load{8, 4095}}) {
    Case c{
        std::vector<int>(n, 1), std::vector<int>(n, keys), 32, 8, 4, 0, 64, 1};
    std::printf("%d keys, floor %.1f us\n", keys + 1,
                n * (keys + 1.0) * 8 * 128 * 4 / 4.55e6);
    timeMma(c, n > 8 ? 1 : 32);
    for (int grid : {128, 256}) {
      timeDecode<1>(c, grid, true);
      timeDecode<2>(c, grid, true);
    }
    timeDecode<3>(c, 128, true);
    for (int grid : {132, 264}) {
      timeDecode<1>(c, grid, false);
      timeDecode<2>(c, grid, false);
    }
    timeDecode<3>(c, 132, false);
    timeDecode<4>(c, 132, false);
  }
  return 0;
}
