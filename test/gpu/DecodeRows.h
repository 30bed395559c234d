//===- DecodeRows.h - chains of a decoder's linears -------------*- C++ -*-===//
#ifndef FT_TEST_GPU_DECODEROWS_H
#define FT_TEST_GPU_DECODEROWS_H

#include "Check.h"
#include "CublasLt.h"
#include "DecodeRowsKernels.cuh"
#include "RowKernels.cuh"

#include <string>

namespace check {

struct Model {
  const char *name;
  int hidden, qkv, heads; // heads: what o reads
  int mlp;
  bool gated;
  int layers; // of the chain
  /// The kernels of plans, for at most 32 rows and for more.
  const char *few, *more;
};

constexpr const char *kKinds[] = {"qkv", "o", "up", "down"};

class Chain {
public:
  Chain(const Model &m, CublasLt &library, int processors)
      : m_(m), library_(library), processors_(processors), h_(64 * m.hidden),
        x_(64 * m.hidden), qkv_(64 * std::max(m.qkv, m.heads)),
        up_(64 * 2 * m.mlp), act_(64 * m.mlp), scale_(m.hidden), count_(1) {
    int n[] = {m.qkv, m.hidden, m.gated ? 2 * m.mlp : m.mlp, m.hidden};
    int k[] = {m.hidden, m.heads, m.hidden, m.mlp};
    for (int i = 0; i < 4; ++i) {
      n_[i] = n[i], k_[i] = k[i];
      layerSize_ += size_t(n[i]) * k[i];
    }
    cuda(cudaMalloc(&w_, layerSize_ * m.layers * 2), "weights");
    fillKernel<<<1024, 256>>>(w_, layerSize_ * m.layers);
    for (auto *a : {&h_, &x_, &qkv_, &up_, &act_, &scale_})
      fillKernel<<<64, 256>>>(a->device, a->host.size());
    synchronize("fill");
    cuda(cudaFuncSetAttribute(rowNormKernel,
                              cudaFuncAttributePreferredSharedMemoryCarveout,
                              cudaSharedmemCarveoutMaxShared),
         "carveout");
  }
  ~Chain() { cudaFree(w_); }

  /// As plans without our kernels: calls and row kernels, nothing early.
  void timeLibrary(int rows) {
    std::vector<LibraryProduct> products;
    for (int i = 0; i < 4; ++i) {
      products.emplace_back(library_, rows, n_[i], k_[i],
                            i == 1 ? m_.qkv : k_[i],
                            LibraryForm{.gelu = i == 2 && !m_.gated});
      LibraryProduct &p = products.back();
      double best = 1e9;
      int algorithm = 0;
      for (p.chosen = 0; p.chosen < p.algorithms(); ++p.chosen) {
        double us = check::time(m_.layers, [&](int l, cudaStream_t stream) {
          p.run(in(i), weights(l, i), residual(i), wide(i), stream);
        });
        if (us < best)
          best = us, algorithm = p.chosen;
      }
      p.chosen = algorithm;
      std::printf("%s %d rows: cuBLASLt %s alone %.2f us\n", m_.name, rows,
                  kKinds[i], best);
    }
    for (bool early : {false, true}) {
      double us = check::time(m_.layers, [&](int l, cudaStream_t stream) {
        begin(l, rows, stream);
        for (int i = 0; i < 4; ++i) {
          early_ = early && l + i > 0;
          norm(i);
          early_ = early;
          products[i].run(in(i), weights(l, i), residual(i), wide(i), stream);
          if (i == 2 && m_.gated)
            activation(act_.device);
        }
      });
      report(rows,
             early ? "cuBLASLt + row kernels, those early"
                   : "cuBLASLt + row kernels",
             us);
    }
  }

  void timeOwn(int rows, const std::string &names) {
    std::vector<Variant> variants[4];
    const Variant *way[4] = {};
    rows_ = rows;
    count_.host[0] = rows;
    count_.up();
    for (int i = 0; i < 4; ++i)
      addVariants(variants[i], shape(i));
    const char *plan = rows <= 32 ? m_.few : m_.more;
    if (!named(names.empty() ? plan : names, variants, way))
      return;
    for (int i = 0; library_.library && i < 4; ++i)
      verify(i, *way[i]);
    report(rows, name(way), layers(rows, way));
    for (int kind = 0; kind < 4; ++kind) {
      only_ = kind;
      std::printf("%s %d rows: %s %s in a chain of its own %.2f us, %.2f at "
                  "4.55 TB/s\n",
                  m_.name, rows, kKinds[kind], way[kind]->name.c_str(),
                  layers(rows, way), double(n_[kind]) * k_[kind] * 2 / 4.55e6);
    }
    only_ = -1;
  }

private:
  /// The kernel once beside the library's result.
  void verify(int i, const Variant &v) {
    Shape s = shape(i);
    size_t size = size_t(s.rows) * s.outputs();
    Array<bf16> want(size), got(size);
    LibraryProduct product(library_, s.rows, s.n, s.k, s.xStride,
                           {.gelu = s.gelu});
    product.run(in(i), weights(0, i), residual(i),
                s.gated ? up_.device : want.device, nullptr);
    stream_ = nullptr, early_ = false;
    if (s.gated)
      activation(want.device);
    want.down();
    v.launch(s, {in(i), weights(0, i), residual(i), got.device, count_.device,
                 nullptr, false});
    synchronize(v.name.c_str());
    got.down();
    double difference = 0, norm = 0;
    for (size_t j = 0; j < size; ++j) {
      double a = hostFloat(got.host[j]), b = hostFloat(want.host[j]);
      difference += (a - b) * (a - b), norm += b * b;
    }
    double error = std::sqrt(difference / norm);
    if (!(error < 8e-3)) // two bf16 roundings, and the library's own
      std::printf("FAILED %s %s %d rows: differs from the library by %.3g\n",
                  kKinds[i], v.name.c_str(), s.rows, error);
  }
  Shape shape(int i) {
    return {rows_,
            n_[i],
            k_[i],
            i == 1 ? m_.qkv : k_[i],
            i == 2 && m_.gated,
            i == 2 && !m_.gated,
            processors_};
  }
  bf16 *in(int i) {
    bf16 *all[] = {x_.device, qkv_.device, x_.device, act_.device};
    return all[i];
  }
  bf16 *out(int i) {
    bf16 *all[] = {qkv_.device, h_.device, act_.device, h_.device};
    return all[i];
  }
  /// Where a call stores.
  bf16 *wide(int i) { return i == 2 && m_.gated ? up_.device : out(i); }
  const bf16 *residual(int i) { return i % 2 ? h_.device : nullptr; }
  const bf16 *weights(int layer, int i) const {
    const bf16 *at = w_ + layerSize_ * layer;
    for (int j = 0; j < i; ++j)
      at += size_t(n_[j]) * k_[j];
    return at;
  }

  void begin(int layer, int rows, cudaStream_t stream) {
    rows_ = rows, stream_ = stream;
    early_ = layer > 0; // layers of two replays do not mix
  }
  void norm(int i) {
    if (i % 2)
      return;
    DependentLaunch launch(rows_, m_.hidden / 8, 0, stream_, early_);
    early_ = true;
    cuda(cudaLaunchKernelEx(&launch.config, rowNormKernel,
                            (const bf16 *)h_.device, x_.device,
                            (const bf16 *)scale_.device),
         "norm");
  }
  void activation(bf16 *out) {
    DependentLaunch launch(dim3((m_.mlp / 8 + 127) / 128, rows_), 128, 0,
                           stream_, early_);
    cuda(cudaLaunchKernelEx(&launch.config, activationKernel,
                            (const bf16 *)up_.device, out, m_.mlp),
         "activation");
  }
  double layers(int rows, const Variant *const (&way)[4]) {
    return check::time(m_.layers, [&](int l, cudaStream_t stream) {
      begin(l, rows, stream);
      for (int i = 0; i < 4; ++i) {
        if (only_ >= 0 && i != only_)
          continue;
        if (only_ < 0)
          norm(i);
        Call call{in(i),         weights(l, i), residual(i), out(i),
                  count_.device, stream,        early_};
        way[i]->launch(shape(i), call);
        early_ = true;
      }
    });
  }
  static std::string name(const Variant *const (&way)[4]) {
    return way[0]->name + "," + way[1]->name + "," + way[2]->name + "," +
           way[3]->name;
  }
  bool named(const std::string &names, std::vector<Variant> (&variants)[4],
             const Variant *(&best)[4]) {
    size_t at = 0;
    for (int i = 0; i < 4; ++i) {
      size_t end = std::min(names.find(',', at), names.size());
      best[i] = nullptr;
      for (const Variant &v : variants[i])
        if (v.name == names.substr(at, end - at))
          best[i] = &v;
      if (!best[i]) {
        std::printf("%s %d rows: no %s for %s\n", m_.name, rows_,
                    names.substr(at, end - at).c_str(), kKinds[i]);
        return false;
      }
      at = end + 1;
    }
    return true;
  }
  void report(int rows, const std::string &what, double us) {
    double floor = layerSize_ * 2 / 4.55e6;
    std::printf("%s %d rows, %s: %.2f us a layer, floor %.2f, %.0f %%\n",
                m_.name, rows, what.c_str(), us, floor, floor / us * 100);
    std::fflush(stdout);
  }

  const Model &m_;
  CublasLt &library_;
  int processors_;
  Array<bf16> h_, x_, qkv_, up_, act_, scale_;
  Array<int> count_;
  int n_[4], k_[4];
  size_t layerSize_ = 0;
  bf16 *w_ = nullptr;
  int rows_ = 0, only_ = -1;
  bool early_ = false;
  cudaStream_t stream_ = nullptr;
};

} // namespace check

#endif // FT_TEST_GPU_DECODEROWS_H
