//===- attention_check.cu - attention against fp64
//-------------------------===//
#include "AttentionBatch.h"

#include <algorithm>

using namespace ft;
using namespace check;

template <typename S, int BM, typename Score>
static void checkCase(const Case &c, const Score &score) {
  if (isLeftOut())
    return;
  using T = typename S::T;
  Batch<S> batch(c);
  int packs = (c.heads / c.kvHeads + c.pack - 1) / c.pack;
  int perTile = BM / c.pack;
  // Three spare tiles, as a bucket has.
  dim3 grid((batch.total + perTile - 1) / perTile + batch.sequences + 3,
            c.kvHeads * packs, c.splits);
  auto kernel = attentionKernel<S, BM, Score>;
  constexpr int shared = sharedBytes<S, BM>();
  cuda(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize,
                            shared),
       "shared memory");
  std::string name =
      "attention " + std::to_string(sizeof(T)) + "-byte D " +
      std::to_string(S::D) + " DV " + std::to_string(S::DV) + " BM " +
      std::to_string(BM) + " heads " + std::to_string(c.heads) + "/" +
      std::to_string(c.kvHeads) + " window " + std::to_string(c.window) +
      " page " + std::to_string(c.pageSize) + " splits " +
      std::to_string(c.splits) + (S::kCausal ? " causal" : "") +
      (S::kPaged ? " paged" : "") + (Score::kIdentity ? "" : " score");
  launch(kernel, grid, kAttentionThreads<S>, shared, nullptr, batch.args(),
         score);
  launch(kernel, grid, kAttentionThreads<S>, shared, nullptr, batch.args(),
         score); // the counters are left at zero
  compare(name, batch.out, batch.outStride, size_t(c.heads) * S::DV,
          batch.reference(score), 2 * kTolerance<T>);
}

/// The fp64 reference of a case costs more than the kernel: few, ragged, odd.
template <typename T, int D, int DV> static void checkHeadSize() {
  using Causal = attention::Shape<T, D, DV, true, true>;
  using Packed = attention::Shape<T, D, DV, false, false>;
  Case decode{{1, 1, 1, 2}, {0, 700, 63, 64}, 8, 2, 4, 0, 64, 4};
  checkCase<Causal, 16>(decode, NoScore{});
  Case odd{{1, 3, 1}, {1000, 5, 130}, 6, 2, 3, 100, 16, 3};
  checkCase<Causal, 16>(odd, CapAndSlope{});
  Case prefill{{65, 1, 130, 7}, {0, 300, 65, 15}, 4, 1, 4, 0, 48, 1};
  checkCase<Causal, 64>(prefill, NoScore{});
  prefill.window = 40;
  prefill.splits = 2;
  prefill.scale = 20;
  checkCase<Causal, 64>(prefill, NoScore{});
  Case encoder{{1, 64, 33, 129}, {}, 3, 3, 1, 0, 1, 1};
  checkCase<Packed, 64>(encoder, NoScore{});
  encoder.window = 17;
  checkCase<Packed, 64>(encoder, CapAndSlope{});
  Case many{{2, 40}, {}, 20, 1, 16, 0, 1, 2}; // 20 = 16 + 4 heads
  checkCase<Packed, 16>(many, NoScore{});
}

template <typename T> static void checkType() {
  checkHeadSize<T, 64, 64>();
  checkHeadSize<T, 128, 128>();
  checkHeadSize<T, 80, 96>();
  checkHeadSize<T, 36, 36>(); // rows not on 16 bytes
  checkHeadSize<T, 256, 256>();
  checkHeadSize<T, 32, 200>();
}

template <int BM> static void timeCase(const char *what, const Case &c) {
  using S = attention::Shape<bf16, 128, 128, true, true>;
  Batch<S> batch(c);
  int packs = (c.heads / c.kvHeads + c.pack - 1) / c.pack;
  int tiles = BM == 16 ? batch.total
                       : (batch.total + 64 / c.pack - 1) / (64 / c.pack) +
                             batch.sequences;
  auto kernel = attentionKernel<S, BM, NoScore>;
  cuda(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize,
                            sharedBytes<S, BM>()),
       "shared memory");
  double us = time(20, [&](int, cudaStream_t stream) {
    launch(kernel, dim3(tiles, c.kvHeads * packs, c.splits), 128,
           sharedBytes<S, BM>(), stream, batch.args(), NoScore{});
  });
  double bytes = 0, flops = 0;
  for (int s = 0; s < batch.sequences; ++s) {
    bytes += double(batch.keys[s]) * c.kvHeads * 512;
    for (int i = 0; i < c.tokens[s]; ++i)
      flops += 4.0 * c.heads * 128 * (batch.keys[s] - i);
  }
  std::printf("attention bf16 32/8 x 128 %s, %d splits: %.1f us, %.2f TB/s "
              "(K, V once; in L2 if small), %.0f TFLOP/s\n",
              what, c.splits, us, bytes / us * 1e-6, flops / us * 1e-6);
}

int main(int argc, char **argv) {
  checkType<float>();
  checkType<f16>();
  checkType<bf16>();
  if (argc > 1 && std::string(argv[1]) == "--time") {
    for (int splits : {1, 8, 32}) {
      timeCase<16>("1 x 4096 keys", {{1}, {4095}, 32, 8, 4, 0, 64, splits});
      timeCase<16>("8 x 8192 keys",
                   {std::vector<int>(8, 1), std::vector<int>(8, 8191), 32, 8, 4,
                    0, 64, splits});
    }
    timeCase<64>("prefill 1 x 2048", {{2048}, {0}, 32, 8, 4, 0, 64, 1});
    timeCase<64>(
        "prefill 8 x 512",
        {std::vector<int>(8, 512), std::vector<int>(8, 0), 32, 8, 4, 0, 64, 1});
  }
  return finish();
}
