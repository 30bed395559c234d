//===- PrefillLayer.h - a decoder layer's products for a prompt -*- C++ -*-===//
//
// The products and norms of one model's layers at one number of rows, bf16, as
// graphs: by tile shapes and by the library's algorithms.
//
//===----------------------------------------------------------------------===//
#ifndef FT_TEST_GPU_PREFILLLAYER_H
#define FT_TEST_GPU_PREFILLLAYER_H

#include "Check.h"
#include "CublasLt.h"
#include "ExistingRows.h"
#include "RowKernels.cuh"
#include "TileKernel.h"

namespace check {

enum Kind { Qkv, Output, Up, Down };
constexpr const char *kKinds[] = {"qkv", "o", "gate-up", "down"};

struct Decoder {
  const char *name;
  int hidden, qkv, mlp;
  int layers; // sets of weights: many times what L2 holds
};

/// How a product runs: by a tile shape, or by one of the library's algorithms
/// and, for gate-up, a kernel of rows behind it.
struct Way {
  std::string name;
  const TileKernel *tile = nullptr;
  int algorithm = -1;
  bool activation = true;
  double us = 0;
};

class PrefillLayer {
public:
  PrefillLayer(const Decoder &m, int rows, CublasLt &library)
      : m_(m), rows_(rows), existing_(existingRows(rows)),
        h_(size_t(existing_) * m.hidden), x_(size_t(existing_) * m.hidden),
        qkv_(size_t(existing_) * m.qkv), wide_(size_t(rows) * 2 * m.mlp),
        act_(size_t(existing_) * m.mlp), scale_(m.hidden),
        count_(1), n_{m.qkv, m.hidden, 2 * m.mlp, m.hidden}, k_{m.hidden,
                                                                m.hidden,
                                                                m.hidden,
                                                                m.mlp} {
    for (int kind = 0; kind < 4; ++kind)
      layer_ += size(kind);
    cuda(cudaMalloc(&w_, layer_ * m.layers * 2), "weights");
    fillKernel<<<1024, 256>>>(w_, layer_ * m.layers);
    fill();
    count_.host[0] = rows;
    count_.up();
    cuda(cudaFuncSetAttribute(rowNormKernel,
                              cudaFuncAttributePreferredSharedMemoryCarveout,
                              cudaSharedmemCarveoutMaxShared),
         "carveout"); // else no tile shares a multiprocessor with it
    synchronize("fill");
    for (int kind = 0; kind < 4 && library.library; ++kind)
      products_.emplace_back(library, rows, n_[kind], k_[kind], xStride(kind));
  }
  PrefillLayer(const PrefillLayer &) = delete;
  ~PrefillLayer() { cudaFree(w_); }

  int algorithms(int kind) const {
    return products_.empty() ? 0 : products_[kind].algorithms();
  }
  double flops(int kind) const { return 2.0 * rows_ * n_[kind] * k_[kind]; }

  /// One product after the other, each with other weights; us.
  double alone(int kind, const Way &way) {
    double guess = flops(kind) / 6.5e8;
    int count = std::clamp(int(1200 / guess), 4, 48);
    int sets = int(layer_ * m_.layers / size(kind));
    return check::time(count, [&](int i, cudaStream_t stream) {
      begin(i == 0, stream);
      product(kind, way, w_ + size(kind) * (i % sets), out(kind));
    });
  }
  /// Four products and the norms in front of two of them; us.
  double layer(const Way *const (&ways)[4]) {
    return check::time(m_.layers, [&](int i, cudaStream_t stream) {
      begin(i == 0, stream);
      const bf16 *w = w_ + layer_ * i;
      for (int kind = 0; kind < 4; ++kind) {
        if (kind == Qkv || kind == Up)
          norm();
        product(kind, *ways[kind], w, out(kind));
        w += size(kind);
      }
    });
  }
  /// The relative L2 difference between the results of two ways.
  double difference(int kind, const Way &a, const Way &b) {
    fill(); // chains have made residuals larger than products
    std::vector<bf16> x = results(kind, a), y = results(kind, b);
    double difference = 0, norm = 0;
    for (size_t i = 0; i < x.size(); i += 1 + x.size() / (1 << 21)) {
      double u = hostFloat(x[i]), v = hostFloat(y[i]);
      difference += (u - v) * (u - v), norm += v * v;
    }
    return std::sqrt(difference / norm);
  }

private:
  void fill() {
    for (auto *a : {&h_, &x_, &qkv_, &wide_, &act_, &scale_})
      fillKernel<<<256, 256>>>(a->device, a->host.size());
  }
  size_t size(int kind) const { return size_t(n_[kind]) * k_[kind]; }
  int outputs(int kind) const { return kind == Up ? m_.mlp : n_[kind]; }
  int xStride(int kind) const { return kind == Output ? m_.qkv : k_[kind]; }
  const bf16 *in(int kind) const {
    const bf16 *all[] = {x_.device, qkv_.device, x_.device, act_.device};
    return all[kind];
  }
  bf16 *out(int kind) const {
    bf16 *all[] = {qkv_.device, h_.device, act_.device, h_.device};
    return all[kind];
  }

  void begin(bool first, cudaStream_t stream) {
    stream_ = stream;
    if (first)
      first_ = true;
  }
  /// Chains of two replays do not mix.
  bool dependent() {
    bool was = first_;
    first_ = false;
    return !was;
  }
  void product(int kind, const Way &way, const bf16 *w, bf16 *out) {
    const bf16 *residual = kind == Output || kind == Down ? h_.device : nullptr;
    if (way.tile)
      return launchTile(*way.tile,
                        {in(kind), xStride(kind), existing_, n_[kind], k_[kind],
                         w, count_.device, nullptr, residual, out,
                         outputs(kind)},
                        true, stream_, dependent());
    first_ = false;
    products_[kind].chosen = way.algorithm;
    products_[kind].run(in(kind), w, residual, kind == Up ? wide_.device : out,
                        stream_);
    if (kind == Up && way.activation)
      activation(out);
  }
  void norm() {
    DependentLaunch launch(rows_, m_.hidden / 8, 0, stream_, dependent());
    cuda(cudaLaunchKernelEx(&launch.config, rowNormKernel,
                            (const bf16 *)h_.device, x_.device,
                            (const bf16 *)scale_.device),
         "norm");
  }
  void activation(bf16 *out) {
    DependentLaunch launch(dim3((m_.mlp / 8 + 127) / 128, rows_), 128, 0,
                           stream_, dependent());
    cuda(cudaLaunchKernelEx(&launch.config, activationKernel,
                            (const bf16 *)wide_.device, out, m_.mlp),
         "activation");
  }
  std::vector<bf16> results(int kind, const Way &way) {
    Array<bf16> to(size_t(rows_) * outputs(kind));
    cuda(cudaMemset(to.device, 0xff, to.host.size() * 2), "NaN");
    begin(true, nullptr);
    product(kind, way, w_, to.device);
    synchronize(way.name.c_str());
    to.down();
    return to.host;
  }

  const Decoder &m_;
  int rows_, existing_;
  Array<bf16> h_, x_, qkv_, wide_, act_, scale_;
  Array<int> count_;
  int n_[4], k_[4];
  size_t layer_ = 0; // elements of a layer's weights
  bf16 *w_ = nullptr;
  std::vector<LibraryProduct> products_;
  cudaStream_t stream_ = nullptr;
  bool first_ = true;
};

} // namespace check

#endif // FT_TEST_GPU_PREFILLLAYER_H
