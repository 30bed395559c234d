//===- attention_decode_check.cu - append and attention against fp64 ------===//
//
// Ragged batches of one and of several new tokens, pages of odd sizes, windows,
// score regions, every way of sharing keys (one CTA, many, clusters); the cache
// is NaN where new rows belong, and so is all scratch.
//
//===----------------------------------------------------------------------===//
#include "AttentionDecodeBatch.h"
#include "CudaArray.h"

using namespace ft;
using namespace check;
using attention::Entry;
using attention::RingForm;
using attention::Shape;

/// attention_ring.cuh, where pages hold whole blocks.
template <typename S, typename E, typename F, typename Score>
static void checkRing(const Case &c, const Score &score) {
  constexpr bool clusters = F::kCluster > 1;
  if (c.pageSize % F::kKeys != 0 || F::kRows < c.pack)
    return;
  for (int grid : {8, clusters ? 128 : 132, clusters ? 16 : 1}) {
    auto kernel = [] {
      if constexpr (F::kCluster > 1)
        return ringClusters<S, E, F, Score>;
      else
        return ringKernel<S, E, F, Score>;
    }();
    constexpr int shared = attention::RingMemory<S, F>::kShared;
    cuda(cudaFuncSetAttribute(
             kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, shared),
         "shared memory");
    checkDecode<S, E>(
        {c, grid, clusters, " ring"}, F::kStages, score, [&](auto &batch) {
          launch(kernel, dim3(grid), F::kThreads, shared, nullptr, batch.args(),
                 batch.fresh(), batch.keyMap(F::kKeys),
                 batch.valueMap(F::kKeys), score);
        });
  }
}

template <typename S, typename E, int stages = 1, typename Score>
static void checkCase(const Case &c, const Score &score) {
  checkRing<S, E, RingForm<4, 2, 4, 8, 8, 16, 0>>(c, score);
  checkRing<S, E, RingForm<4, 2, 8, 1, 16, 16, 0>>(c, score);
  if constexpr (S::D <= 64 && S::DV <= 64) {
    checkRing<S, E, RingForm<4, 1, 4, 8, 8, 32>>(c, score);
    checkRing<S, E, RingForm<8, 1, 8, 1, 8, 32, 0>>(c, score);
    checkRing<S, E, RingForm<4, 1, 8, 1, 8, 32>>(c, score);
  }
  for (bool clusters : {false, true})
    for (int grid : {8, clusters ? 128 : 132, clusters ? 16 : 1}) {
      auto kernel = clusters ? decodeClusters<S, E, stages, 16, Score>
                             : decodeKernel<S, E, stages, 16, Score>;
      constexpr int shared = attention::Decode<S, E, stages, 16>::shared(
          attention::kInboxFloats<S, 16, 8>);
      cuda(cudaFuncSetAttribute(
               kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, shared),
           "shared memory");
      checkDecode<S, E>({c, grid, clusters}, stages, score, [&](auto &batch) {
        launch(kernel, dim3(grid), 128, shared, nullptr, batch.args(),
               batch.fresh(), score);
      });
    }
}

/// The fp64 reference of a case costs more than the kernel: few, ragged, odd.
template <typename T, int D, int DV, int half> static void checkHeadSize() {
  using Causal = Shape<T, D, DV, true, true>;
  using Plain = Entry<half, false, false>;
  Case one{{1}, {300}, 8, 2, 4, 0, 64, 1};
  checkCase<Causal, Plain>(one, NoScore{});
  Case decode{{1, 1, 1, 1, 2}, {0, 700, 63, 64, 31}, 8, 2, 4, 0, 64, 1};
  checkCase<Causal, Plain>(decode, NoScore{});
  Case even{{1, 1, 1, 1}, {400, 390, 395, 399}, 16, 4, 4, 0, 64, 1};
  checkCase<Causal, Plain>(even, NoScore{});
  Case chunk{{8, 33, 1}, {95, 20, 0}, 4, 1, 4, 0, 48, 1};
  checkCase<Causal, Plain>(chunk, NoScore{});
  Case chunk32{{8, 33, 1}, {95, 20, 0}, 4, 1, 4, 0, 32, 1};
  checkCase<Causal, Plain>(chunk32, NoScore{});
  Case single{{1, 4}, {257, 31}, 3, 3, 1, 17, 1, 1}; // pages of one token
  checkCase<Causal, Plain>(single, NoScore{});
  Case whole{std::vector<int>(9, 1),
             {0, 31, 32, 33, 95, 200, 64, 511, 512},
             3,
             3,
             1,
             0,
             64,
             1};
  checkCase<Causal, Plain>(whole, NoScore{});
  Case none{{}, {}, 4, 2, 2, 0, 32, 1};
  checkCase<Causal, Plain>(none, NoScore{});
}

/// What does not depend on head sizes.
static void checkForms() {
  using Causal = Shape<bf16, 64, 64, true, true>;
  using Open = Shape<bf16, 64, 64, false, true>;
  Case decode{{1, 1, 1, 1, 2}, {0, 700, 63, 64, 31}, 8, 2, 4, 0, 64, 1};
  checkCase<Causal, Entry<32, true, true>, 2>(decode, NoScore{});
  Case odd{{1, 3, 1}, {500, 5, 130}, 6, 2, 3, 100, 24, 1};
  Case paged{{1, 3, 1}, {500, 5, 130}, 6, 2, 3, 100, 32, 1};
  checkCase<Causal, Entry<0, false, false>>(odd, CapAndSlope{});
  checkCase<Open, Entry<32, false, false>>(odd, CapAndSlope{});
  checkCase<Open, Entry<32, false, false>>(paged, CapAndSlope{});
  Case heads{{1, 2}, {40, 129}, 20, 1, 16, 0, 16, 1}; // 20 = 16 + 4 heads
  checkCase<Causal, Entry<24, false, true>>(heads, NoScore{});
}

/// attention_decode_check [--only n]: the nth of six parts, which can run side
/// by side.
int main(int argc, char **argv) {
  void (*const parts[])() = {checkForms,
                             checkHeadSize<bf16, 64, 64, 32>,
                             checkHeadSize<bf16, 128, 128, 64>,
                             checkHeadSize<f16, 80, 96, 16>, // part is rotated
                             checkHeadSize<f16, 256, 256, 128>,
                             checkHeadSize<bf16, 32, 200, 16>};
  int only =
      argc > 2 && std::string(argv[1]) == "--only" ? std::atoi(argv[2]) : -1;
  for (int i = 0; i < int(std::size(parts)); ++i)
    if (only < 0 || only == i)
      parts[i]();
  return finish();
}
