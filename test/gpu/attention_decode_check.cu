//===- attention_decode_check.cu - append and attention against fp64 ------===//
//
// Ragged batches of one and of several new tokens, pages of odd sizes, windows,
// score regions, every way of sharing keys (one CTA, many, clusters); the cache
// is NaN where new rows belong, and so is all scratch.
//
//===----------------------------------------------------------------------===//
#include "AttentionDecode.h"

using namespace ft;
using namespace check;
using attention::Entry;
using attention::Shape;

template <typename S, typename E, int stages, typename Score>
static void checkGrid(const Case &c, const Score &score, bool clusters,
                      int grid) {
  using T = typename S::T;
  DecodeBatch<S, E> decode(c, grid);
  Batch<S> &batch = decode.batch;
  auto kernel = clusters ? decodeClusters<S, E, stages, Score>
                         : decodeKernel<S, E, stages, Score>;
  constexpr int shared = attention::Decode<S, E, stages>::kShared;
  cuda(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize,
                            shared),
       "shared memory");
  std::string name =
      "decode " + std::string(std::is_same_v<T, f16> ? "f16" : "bf16") + " D " +
      std::to_string(S::D) + " DV " + std::to_string(S::DV) + " heads " +
      std::to_string(c.heads) + "/" + std::to_string(c.kvHeads) + " rope " +
      std::to_string(E::kHalf) + (E::kInterleaved ? "i" : "") +
      (E::kNorm ? " norm" : "") + " window " + std::to_string(c.window) +
      " page " + std::to_string(c.pageSize) + " stages " +
      std::to_string(stages) + " grid " + std::to_string(grid) +
      (clusters ? " clusters" : "") + (S::kCausal ? " causal" : "") +
      (Score::kIdentity ? "" : " score");
  std::vector<T> first;
  for (int again = 0; again < 2; ++again) { // counters are left at zero
    poison(batch.out);
    launch(kernel, dim3(grid), 128, shared, nullptr, decode.args(),
           decode.fresh(), score);
    cuda(cudaDeviceSynchronize(), name.c_str());
    batch.out.down();
    if (again == 0)
      first = batch.out.host;
  }
  report(std::memcmp(first.data(), batch.out.host.data(),
                     first.size() * sizeof(T)) == 0,
         name + ": two runs, the same bits", 0, 0);
  compare(name, batch.out, batch.outStride, size_t(c.heads) * S::DV,
          batch.reference(score), 2 * kTolerance<T>);
  decode.checkCache(name);
}

template <typename S, typename E, int stages = 2, typename Score>
static void checkCase(const Case &c, const Score &score) {
  for (int grid : {1, 5, 132})
    checkGrid<S, E, stages>(c, score, false, grid);
  for (int grid : {8, 128})
    checkGrid<S, E, stages>(c, score, true, grid);
}

/// The fp64 reference of a case costs more than the kernel: few, ragged, odd.
template <typename T, int D, int DV, int half> static void checkHeadSize() {
  using Causal = Shape<T, D, DV, true, true>;
  using Open = Shape<T, D, DV, false, true>;
  using Plain = Entry<half, false, false>;
  Case one{{1}, {300}, 8, 2, 4, 0, 64, 1};
  checkCase<Causal, Plain>(one, NoScore{});
  Case decode{{1, 1, 1, 1, 2}, {0, 700, 63, 64, 31}, 8, 2, 4, 0, 64, 1};
  checkCase<Causal, Plain>(decode, NoScore{});
  checkCase<Causal, Entry<half, true, true>, 3>(decode, NoScore{});
  Case odd{{1, 3, 1}, {500, 5, 130}, 6, 2, 3, 100, 24, 1};
  checkCase<Causal, Entry<0, false, false>>(odd, CapAndSlope{});
  checkCase<Open, Plain>(odd, CapAndSlope{});
  Case chunk{{8, 33, 1}, {95, 20, 0}, 4, 1, 4, 0, 48, 1};
  checkCase<Causal, Plain>(chunk, NoScore{});
  Case heads{{1, 2}, {40, 129}, 20, 1, 16, 0, 16, 1}; // 20 = 16 + 4 heads
  checkCase<Causal, Entry<half, false, true>>(heads, NoScore{});
  Case single{{1, 4}, {257, 31}, 3, 3, 1, 17, 1, 1}; // pages of one token
  checkCase<Causal, Plain>(single, NoScore{});
  Case none{{}, {}, 4, 2, 2, 0, 16, 1};
  checkCase<Causal, Plain>(none, NoScore{});
}

int main(int argc, char **argv) {
  bool few = argc > 1 && std::string(argv[1]) == "--few"; // for emulators
  checkHeadSize<bf16, 64, 64, 32>();
  if (few)
    return finish();
  checkHeadSize<bf16, 128, 128, 64>();
  checkHeadSize<f16, 128, 128, 64>();
  checkHeadSize<bf16, 80, 96, 16>(); // partial rotation
  checkHeadSize<f16, 256, 256, 128>();
  checkHeadSize<bf16, 32, 200, 16>();
  return finish();
}
