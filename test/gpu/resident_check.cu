//===- resident_check.cu - gemm_resident.cuh against fp64, and how fast ---===//
//
// With --time: layers of GPT-2 124M without their attention, as one chain of
// dependent launches, a set of weights for each layer (more than L2 holds),
// with norms in front of qkv and up, and without any.
//
//===----------------------------------------------------------------------===//
#include "CudaArray.h"
#include "ResidentBatch.h"
#include "math.cuh"

using namespace ft;
using namespace check;

template <typename C, typename Norm> static void checkRows() {
  using T = typename C::T;
  auto kernel = residentKernel<C, Norm>;
  preferShared(kernel, C::sharedBytes(Norm::kPresent));
  residentCases<C, Norm>([&](const GemvCase &c) {
    checkGemv<T, T, Norm, false>(c, [&](auto &b) {
      ResidentMaps<C> maps(b);
      launch(kernel, c.grid, C::kThreads, C::sharedBytes(Norm::kPresent),
             nullptr, maps.x, maps.w, c.n, c.k, b.counts.device, b.norm(),
             b.epilogue());
    });
  });
}

namespace {

/// Bias, GELU, residual.
struct LayerEpilogue : Epilogue<bf16, bf16, false> {
  const bf16 *bias;
  bool gelu;
  struct Operands {
    bf16 bias;
    Epilogue<bf16, bf16, false>::Operands rest;
  };
  __device__ Operands load(int m, int n) const {
    return {bias[n], Epilogue<bf16, bf16, false>::load(m, n)};
  }
  __device__ void operator()(int m, int n, const Operands &o, float y) const {
    y += toFloat(o.bias);
    Epilogue<bf16, bf16, false>::operator()(m, n, o.rest,
                                            gelu ? geluTanh16(y) : y);
  }
};

constexpr int kHidden = 768, kMlp = 3072, kLayers = 12;

class Layers {
public:
  explicit Layers(int rows)
      : rows_(rows), h_(rows * kHidden), qkv_(rows * 3 * kHidden),
        up_(rows * kMlp), bias_(kMlp), scale_(kHidden), shift_(kHidden),
        count_(1), w_(size_t(kLayers) * 12 * kHidden * kHidden) {
    for (auto *array : {&h_, &qkv_, &up_, &bias_})
      randomise(*array);
    randomise(scale_);
    randomise(shift_);
    randomise(w_, 0.02f);
    count_.host[0] = rows;
    count_.up();
  }

  /// The forms of qkv and up, of o and of down.
  template <typename Wide, typename Narrow, typename Long, typename Norm>
  void time() {
    double us = check::time(kLayers, [&](int layer, cudaStream_t stream) {
      stream_ = stream, early_ = layer > 0; // layers of replays do not mix
      at_ = w_.device + size_t(layer) * 12 * kHidden * kHidden;
      linear<Wide, Norm>(h_, kHidden, kHidden, qkv_, 3 * kHidden, false);
      linear<Narrow, NoNorm>(qkv_, 3 * kHidden, kHidden, h_, kHidden, false);
      linear<Wide, Norm>(h_, kHidden, kHidden, up_, kMlp, true);
      linear<Long, NoNorm>(up_, kMlp, kMlp, h_, kHidden, false);
    });
    std::printf("GPT-2 124M %d rows, %s: %.2f us a layer\n", rows_,
                Norm::kPresent ? "with its norms" : "no norms", us);
  }

private:
  template <typename C, typename Norm>
  void linear(const Array<bf16> &x, i64 stride, int k, const Array<bf16> &out,
              int n, bool gelu) {
    auto kernel = residentKernel<C, Norm, LayerEpilogue>;
    int shared = C::sharedBytes(Norm::kPresent);
    preferShared(kernel, shared);
    TensorMap a, b;
    encodeMap(&a, true, x.device, {{k, 0, 64}, {rows_, stride * 2, C::kRows}});
    encodeMap(&b, true, at_, {{k, 0, 64}, {n, k * 2, C::kColumns}});
    LayerEpilogue epilogue;
    epilogue.residual = out.device == h_.device ? h_.device : nullptr;
    epilogue.out = out.device, epilogue.outStride = n;
    epilogue.bias = bias_.device, epilogue.gelu = gelu;
    DependentLaunch launch(residentGrid<C>(n), C::kThreads, shared, stream_,
                           early_);
    cuda(cudaLaunchKernelEx(
             &launch.config, kernel, a, b, n, k, (const int *)count_.device,
             makeNorm<Norm>(scale_.device, shift_.device), epilogue),
         "resident");
    early_ = true;
    at_ += size_t(n) * k;
  }

  int rows_;
  Array<bf16> h_, qkv_, up_, bias_;
  Array<float> scale_, shift_;
  Array<int> count_;
  Array<bf16> w_;
  const bf16 *at_ = nullptr;
  cudaStream_t stream_ = nullptr;
  bool early_ = false;
};

} // namespace

template <int rows, int wide, int narrow, int deep>
static void timeLayers(int real) {
  using resident::Resident;
  Layers layers(real);
  using Wide = Resident<bf16, rows, wide, 6, 2>;
  using Narrow = Resident<bf16, rows, narrow, 6, 2>;
  using Long = Resident<bf16, rows, deep, 6, 2, 4>;
  layers.time<Wide, Narrow, Long, LayerNorm>();
  layers.time<Wide, Narrow, Long, NoNorm>();
}

int main(int argc, char **argv) {
  using resident::Resident;
  checkRows<Resident<bf16, 8, 1, 4, 1>, NoNorm>();
  checkRows<Resident<f16, 16, 2, 3, 2>, NoNorm>();
  checkRows<Resident<bf16, 32, 3, 6, 2>, NoNorm>();
  checkRows<Resident<bf16, 32, 4, 3, 2, 4>, NoNorm>();
  checkRows<Resident<f16, 8, 4, 2, 2, 2>, NoNorm>();
  checkRows<Resident<bf16, 16, 3, 4, 2>, RmsNorm>();
  checkRows<Resident<f16, 32, 3, 3, 2>, LayerNorm>();
  checkRows<Resident<bf16, 8, 2, 6, 1>, LayerNorm>();
  if (argc > 1 && std::string(argv[1]) == "--time") {
    timeLayers<8, 3, 2, 4>(1);
    timeLayers<8, 3, 2, 4>(8); // as GemmResident.cpp chooses
    timeLayers<16, 3, 2, 4>(16);
    timeLayers<32, 2, 2, 2>(32);
    timeLayers<32, 2, 2, 2>(64);
  }
  return finish();
}
