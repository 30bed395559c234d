//===- skinny_joined_check.cu - largest outputs and norms in linears ------===//
#include "CudaArray.h"
#include "SkinnyJoinedBatch.h"

using namespace ft;
using namespace check;

template <typename Kernel> static void allow(Kernel kernel, int shared) {
  cuda(cudaFuncSetAttribute(kernel, cudaFuncAttributeMaxDynamicSharedMemorySize,
                            shared),
       "shared memory");
}

template <typename C> static void checkSkinny() {
  auto kernel = skinnyLikeliest<C>;
  allow(kernel, kSkinnyShared<C>);
  likeliestCases([&](int m, int bound, int n, int k, int clusters, int size) {
    checkLikeliest<typename C::T>(m, bound, n, k, [&](auto &b) {
      TensorMap x, w;
      encodeRows(&x, b.x.device, k, bound, C::NT);
      encodeRows(&w, b.w.device, k, n, size);
      launch(kernel, clusters, C::kThreads, kSkinnyShared<C>, nullptr, x, w, n,
             k, size, b.counts.device, b.tokens.device, b.counters.device);
    });
  });
}

template <typename T, gemv::XIn where, int chunks, int cluster>
static void checkGemvs() {
  constexpr int shared = 2 * gemv::kStageBytes;
  auto kernel = gemvLikeliest<T, where, chunks, cluster>;
  allow(kernel, shared);
  for (int m : {0, 1, 2, 5, 8})
    // Of few values the largest is there several times; each CTA has some.
    for (int k : {64 * cluster - 56, 328})
      if (chunks > 0 || m <= 2)
        checkLikeliest<T>(m, 8, 2000, k, [&](auto &b) {
          launch(kernel, 30 * cluster, gemv::kRingThreads, shared, nullptr,
                 b.x.device, i64(b.k), b.w.device, b.n, b.k, b.counts.device,
                 b.tokens.device, b.counters.device);
        });
}

template <typename Begin, typename End, int slots, bool layer = false>
static void checkNorm(int size) {
  constexpr int hidden = 336;
  using T = typename Begin::T;
  using B = BeginEpilogue<T, slots, layer>;
  using E = EndEpilogue<T, End::kGated, slots>;
  auto first = skinnyHalf<Begin, B>;
  auto second = skinnyHalf<End, E>;
  allow(first, kSkinnyShared<Begin>);
  allow(second, kSkinnyShared<End>);
  halvesCases(size, 176, [&](const HalvesCase &c) {
    checkHalves<T, End::kGated, hidden, slots, layer>(
        c,
        [&](auto &b) {
          TensorMap x, w;
          encodeRows(&x, b.x.device, c.k, c.bound, Begin::NT);
          encodeRows(&w, b.w.device, c.k, hidden, c.size);
          launch(first, c.clusters * Begin::kSplits,
                 skinny::kThreadsOf<Begin, B>, kSkinnyShared<Begin>, nullptr, x,
                 w, hidden, c.k, c.size, b.counts.device, b.begin());
        },
        [&](auto &b) {
          TensorMap x, w;
          encodeRows(&x, b.scaled.device, hidden, c.bound, End::NT);
          encodeRows(&w, b.v.device, hidden, c.outputs, c.endSize);
          launch(second, c.endClusters * End::kSplits,
                 skinny::kThreadsOf<End, E>, kSkinnyShared<End>, nullptr, x, w,
                 c.outputs, hidden, c.endSize, b.counts.device, b.end());
        });
  });
}

int main() {
  using skinny::Skinny;
  checkSkinny<Skinny<bf16, false, 16, 2, 2>>();
  checkSkinny<Skinny<f16, false, 32, 2>>();
  checkSkinny<Skinny<bf16, false, 64, 1, 1, 1, 1, 0, 96>>();
  checkSkinny<Skinny<f16, false, 64, 1, 1, 1, 1, 0, 256>>();
  checkSkinny<Skinny<bf16, false, 64, 2, 2>>();
  checkGemvs<bf16, gemv::XIn::SharedIfRoom, 0, 1>();
  checkGemvs<bf16, gemv::XIn::Registers, 1, 1>();
  checkGemvs<f16, gemv::XIn::Registers, 1, 2>();
  // A norm of 336 values: by tiles of 64 six sums a row, of 96 eight.
  checkNorm<Skinny<bf16, false, 64, 1, 1, 2, 1, 2>,
            Skinny<bf16, true, 64, 1, 1, 1, 1, 2, 80>, 6>(64);
  checkNorm<Skinny<bf16, false, 64, 1, 1, 1, 1, 2>,
            Skinny<bf16, false, 64, 1, 1, 2, 2, 2, 96>, 6>(64);
  checkNorm<Skinny<f16, false, 64, 1, 2, 4, 1, 2>,
            Skinny<f16, true, 64, 2, 1, 4, 2>, 8>(96);
  checkNorm<Skinny<f16, false, 16, 2, 1, 1, 1, 2>, Skinny<f16, false, 16, 1>,
            8>(96);
  checkNorm<Skinny<bf16, false, 16, 1, 1, 2, 1, 2>,
            Skinny<bf16, true, 16, 2, 2>, 6>(64);
  checkNorm<Skinny<bf16, false, 32, 1, 1, 2, 2, 2>,
            Skinny<bf16, false, 32, 2, 1, 2, 2>, 6>(64);
  // LayerNorms.
  checkNorm<Skinny<bf16, false, 64, 1, 1, 2, 1, 2>,
            Skinny<bf16, false, 64, 1, 1, 2, 2, 2, 0, 8>, 6, true>(64);
  checkNorm<Skinny<bf16, false, 64, 1, 1, 1, 1, 2>,
            Skinny<bf16, true, 64, 2, 1, 1, 1, 2, 0, 8>, 6, true>(64);
  checkNorm<Skinny<f16, false, 64, 1, 2, 4, 1, 2>,
            Skinny<f16, false, 64, 2, 1, 1, 1, 2, 0, 8>, 8, true>(96);
  checkNorm<Skinny<f16, false, 16, 2, 1, 1, 1, 2>,
            Skinny<f16, false, 16, 1, 1, 1, 4, 0, 0, 8>, 8, true>(96);
  checkNorm<Skinny<bf16, false, 32, 1, 1, 2, 2, 2>,
            Skinny<bf16, false, 32, 2, 1, 2, 2, 0, 0, 8>, 6, true>(64);
  return finish();
}
