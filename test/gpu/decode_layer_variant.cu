//===- decode_layer_variant.cu - a form of a step's kernels ---------------===//
//
// See LayerVariant.h. Switches: those of the kernels, and
//   V_NAME        a string
//   V_OUTPUT      the output matrix: 0 tiles of 243 outputs, 1 of 248, 2 stored
//                 late, 3 tiles of 496 (32 rows, too)
//   V_RING        the attention's RingForm; V_RING_CTAS of a multiprocessor
//   V_QKV_KB      shared memory of q-k-v's ring
//
//===----------------------------------------------------------------------===//
#include "AttentionBatch.h"
#include "AttentionDecodeKernels.cuh"
#include "CudaArray.h"
#include "LayerVariant.h"
#include "RowKernels.cuh"
#include "SkinnyKernels.cuh"

#ifndef V_NAME
#define V_NAME "as it is"
#endif
#ifndef V_OUTPUT
#define V_OUTPUT 0
#endif
#ifndef V_RING
#define V_RING 4, 2, 8, 1, 8, 16
#endif
#ifndef V_RING_CTAS
#define V_RING_CTAS 2
#endif
#ifndef V_QKV_KB
#define V_QKV_KB 220
#endif

namespace check {

using skinny::Skinny;

/// Epilogues as plans print them: what is not there is not asked for.
template <typename Out, int stride> struct Store {
  static constexpr bool kGated = false;
  Out *out;
  struct Operands {};
  __device__ __forceinline__ Operands load(int, int) const { return {}; }
  __device__ __forceinline__ void operator()(int m, int n, const Operands &,
                                             float y) const {
    out[m * i64(stride) + n] = fromFloat<Out>(y);
  }
};
template <int stride> struct StoreSum {
  static constexpr bool kGated = false;
  const bf16 *residual;
  bf16 *out;
  struct Operands {
    bf16 r;
  };
  __device__ __forceinline__ Operands load(int m, int n) const {
    return {residual[m * i64(stride) + n]};
  }
  __device__ __forceinline__ void operator()(int m, int n, const Operands &o,
                                             float y) const {
    out[m * i64(stride) + n] = fromFloat<bf16>(y + toFloat(o.r));
  }
};
template <int stride> struct StoreGated {
  static constexpr bool kGated = true;
  bf16 *out;
  struct Operands {};
  __device__ __forceinline__ Operands load(int, int) const { return {}; }
  __device__ __forceinline__ void operator()(int m, int n, const Operands &,
                                             float y, float y2) const {
    out[m * i64(stride) + n] =
        fromFloat<bf16>(__fdividef(y, 1 + __expf(-y)) * y2);
  }
};

namespace {

using Ring = attention::RingForm<V_RING>;
using Head = attention::Shape<bf16, kHead, kHead, true, true>;
using Rope = attention::Entry<kHead / 2, false, false>;

__global__ void __launch_bounds__(Ring::kThreads, V_RING_CTAS)
    attend(const __grid_constant__ Args<bf16> given,
           const __grid_constant__ attention::Fresh<bf16> fresh,
           const __grid_constant__ TensorMap k,
           const __grid_constant__ TensorMap v) {
  Args<bf16> args = given;
  args.heads = kHeads, args.kvHeads = kKvHeads, args.pack = kHeads / kKvHeads;
  args.window = 0, args.pageSize = kPage;
  attention::runRing<Head, Rope, Ring>(args, fresh, k, v, NoScore{});
}

template <typename T> T *as(void *p) { return static_cast<T *>(p); }

class Enqueue {
public:
  Enqueue(const LayerData &d, cudaStream_t stream) : d_(d), stream_(stream) {}

  template <int NT> void part(Part what) {
    for (int l = 0; l < (what == Part::Output ? 3 : d_.layers); ++l)
      switch (what) {
      case Part::Layer:
        layer<NT>(l, true);
        break;
      case Part::Linears:
        layer<NT>(l, false);
        break;
      case Part::Attention:
        early_ = false;
        attention(l);
        break;
      case Part::Output:
        norm();
        output<NT>();
      }
  }

private:
  template <int NT> void layer(int l, bool attends) {
    constexpr int few = NT < 64;
    norm();
    linear<Skinny<bf16, false, NT, 2, 1, 2, 1 + few>>(
        d_.x, d_.w[0][l], kQkv, kHidden, 94,
        Store<bf16, kQkv>{as<bf16>(d_.qkv)}, V_QKV_KB);
    if (attends)
      attention(l);
    using Narrow = Skinny<bf16, false, NT, 1, 1, 2, few ? 4 : 2>;
    linear<Narrow>(d_.attended, d_.w[1][l], kHidden, kHidden, 63,
                   StoreSum<kHidden>{as<bf16>(d_.h), as<bf16>(d_.h)});
    norm();
    linear<Skinny<bf16, true, NT, 2, 2>>(d_.x, d_.w[2][l], 2 * kMlp, kHidden,
                                         109,
                                         StoreGated<kMlp>{as<bf16>(d_.act)});
    linear<Narrow>(d_.act, d_.w[3][l], kHidden, kMlp, 63,
                   StoreSum<kHidden>{as<bf16>(d_.h), as<bf16>(d_.h)});
  }
  template <int NT> void output() {
    constexpr int sizes[] = {243, 248, 248, 496};
    using Tile =
        Skinny<bf16, false, NT, 2, V_OUTPUT == 3 ? 4 : 2, 1, 1, V_OUTPUT == 2>;
    linear<Tile>(d_.x, d_.wOut, kVocabulary, kHidden, sizes[V_OUTPUT],
                 Store<float, kVocabulary>{d_.logits});
  }
  void norm() {
    DependentLaunch launch(d_.rows, kHidden / 8, 0, stream_, early_);
    early_ = true;
    cuda(cudaLaunchKernelEx(&launch.config, rowNormKernel, (const bf16 *)d_.h,
                            as<bf16>(d_.x), (const bf16 *)d_.scale),
         "norm");
  }
  template <typename C, typename E>
  void linear(const void *x, const void *w, int n, int k, int size, const E &e,
              int most = 220) {
    auto kernel = skinnyKernel<C, E>;
    int half = (size + 7) / 8 * 8;
    int rows = (C::kHalves - 1) * half + std::max(half, 64) + C::NT;
    int steps = (k + 64 * C::kBoxes - 1) / (64 * C::kBoxes);
    int outputs = n / C::kHalves, tiles = (outputs + size - 1) / size;
    int clusters = d_.processors / C::kSplits;
    steps = (steps + C::kSplits - 1) / C::kSplits *
            ((tiles + clusters - 1) / clusters);
    int shared =
        std::min(most * 1024, 1024 + C::kSplitBytes +
                                  std::max(2, steps) * C::kBoxes * rows * 128);
    preferShared(kernel, shared);
    TensorMap xMap, wMap;
    encodeMap(&xMap, true, x, {{k, 0, 64}, {d_.rows, k * 2, C::NT}});
    encodeMap(&wMap, true, w, {{k, 0, 64}, {n, k * 2, size / C::kCopies}});
    DependentLaunch launch(clusters * C::kSplits, C::kThreads, shared, stream_,
                           early_);
    early_ = true;
    cuda(cudaLaunchKernelEx(&launch.config, kernel, xMap, wMap, n, k, size,
                            (const int *)d_.counts, e),
         "linear");
  }
  TensorMap map(const void *plane) const {
    constexpr int lines = attention::BoxPlane<kHead, Ring::kKeys>::kLines;
    return makeMap(static_cast<const bf16 *>(plane), kHead / lines,
                   kKvHeads * lines, d_.cells, kKvHeads * kHead, lines,
                   Ring::kKeys);
  }
  void attention(int l) {
    constexpr int shared = attention::RingMemory<Head, Ring>::kShared;
    preferShared(attend, shared);
    bf16 *q = as<bf16>(d_.qkv), *k = as<bf16>(d_.k[l]), *v = as<bf16>(d_.v[l]);
    Args<bf16> args{q,
                    kQkv,
                    k,
                    v,
                    0,
                    0,
                    as<bf16>(d_.attended),
                    kHidden,
                    kHeads,
                    kKvHeads,
                    kHeads / kKvHeads,
                    0,
                    1 / std::sqrt(float(kHead)),
                    d_.positions,
                    d_.cu,
                    d_.lengths,
                    d_.table,
                    d_.columns,
                    kPage,
                    d_.counts,
                    1,
                    d_.counters,
                    d_.scratch};
    attention::Fresh<bf16> fresh{q + kHeads * kHead,
                                 kQkv,
                                 q + (kHeads + kKvHeads) * kHead,
                                 kQkv,
                                 k,
                                 v,
                                 d_.rope,
                                 nullptr,
                                 0,
                                 nullptr,
                                 0};
    DependentLaunch launch(V_RING_CTAS * d_.processors, Ring::kThreads, shared,
                           stream_, early_);
    early_ = true;
    cuda(
        cudaLaunchKernelEx(&launch.config, attend, args, fresh, map(k), map(v)),
        "attention");
  }

  const LayerData &d_;
  cudaStream_t stream_;
  bool early_ = false; // the first of a graph is not
};

void enqueue(const LayerData &data, Part part, cudaStream_t stream) {
  Enqueue to(data, stream);
  if (data.rows > 32)
    to.part<64>(part);
  else
    to.part<32>(part);
}

const bool registered = [] {
  layerVariants().push_back({V_NAME, enqueue});
  return true;
}();

} // namespace
} // namespace check
