//===- DecodeRows.h - chains of a decoder's linears -------------*- C++ -*-===//
#ifndef FT_TEST_GPU_DECODEROWS_H
#define FT_TEST_GPU_DECODEROWS_H

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
                            i == 1 ? m_.qkv : k_[i], i == 2 && !m_.gated);
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
    const Variant *best[4] = {};
    rows_ = rows;
    count_.host[0] = rows;
    count_.up();
    for (int i = 0; i < 4; ++i) {
      addVariants(variants[i], shape(i));
      if (variants[i].empty())
        return;
      best[i] = &variants[i].front();
    }
    if (!names.empty() && !named(names, variants, best))
      return;
    for (int i = 0; library_.library && i < 4; ++i)
      verify(i, variants[i]);
    double us = layers(rows, best);
    report(rows, name(best), us);
    if (names.empty())
      for (int kind : {2, 3, 1, 0})
        for (const Variant &v : variants[kind]) {
          const Variant *way[] = {best[0], best[1], best[2], best[3]};
          if (way[kind] == &v)
            continue;
          way[kind] = &v;
          double with = layers(rows, way);
          std::printf("%s %d rows: with %s %s %.2f\n", m_.name, rows,
                      kKinds[kind], v.name.c_str(), with);
          std::fflush(stdout);
          if (with < us)
            us = with, best[kind] = &v;
        }
    report(rows, "best: " + name(best), us);
    for (int kind = 0; kind < 4; ++kind) {
      only_ = kind;
      std::printf("%s %d rows: %s %s in a chain of its own %.2f us, %.2f at "
                  "4.55 TB/s\n",
                  m_.name, rows, kKinds[kind], best[kind]->name.c_str(),
                  layers(rows, best), double(n_[kind]) * k_[kind] * 2 / 4.55e6);
    }
    only_ = -1;
    for (int fill : {32768, 131072, 1 << 20}) {
      fill_ = fill;
      report(rows, std::to_string(fill / 1024) + " KB of weights in front of x",
             layers(rows, best));
    }
    fill_ = 65536 + 1;
    report(rows, "all beginning with k = 0", layers(rows, best));
    fill_ = 65536;
    for (int ahead : {24, 48, 144, 1024}) {
      ahead_ = ahead << 10;
      report(rows, "x of " + std::to_string(ahead) + " KB of weights ahead",
             layers(rows, best));
    }
    ahead_ = 72 << 10;
    norms_ = false;
    report(rows, "the same without norms", layers(rows, best));
    norms_ = true;
    marks(rows, best);
  }

private:
  /// Each kernel once beside the library's result.
  void verify(int i, const std::vector<Variant> &variants) {
    Shape s = shape(i);
    size_t size = size_t(s.rows) * s.outputs();
    Array<bf16> want(size), got(size);
    LibraryProduct product(library_, s.rows, s.n, s.k, s.xStride, s.gelu);
    product.run(in(i), weights(0, i), residual(i),
                s.gated ? up_.device : want.device, nullptr);
    stream_ = nullptr, early_ = false;
    if (s.gated)
      activation(want.device);
    want.down();
    for (const Variant &v : variants) {
      cuda(cudaMemset(got.device, 0xff, size * 2), "poison");
      v.launch(s, {in(i), weights(0, i), residual(i), got.device, count_.device,
                   nullptr, false, fill_, ahead_, nullptr});
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
    if (layer == 0)
      launches_ = 0;
  }
  void norm(int i) {
    if (i % 2 || !norms_)
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
        Call call{in(i),
                  weights(l, i),
                  residual(i),
                  out(i),
                  count_.device,
                  stream,
                  early_,
                  fill_,
                  ahead_,
                  marks_ ? marks_ + size_t(launches_++) * 132 * 8 : nullptr};
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
  void marks(int rows, const Variant *const (&way)[4]);

  const Model &m_;
  CublasLt &library_;
  int processors_;
  Array<bf16> h_, x_, qkv_, up_, act_, scale_;
  Array<int> count_;
  int n_[4], k_[4];
  size_t layerSize_ = 0;
  bf16 *w_ = nullptr;
  int rows_ = 0, only_ = -1, launches_ = 0, fill_ = 65536, ahead_ = 72 << 10;
  unsigned long long *marks_ = nullptr;
  bool early_ = false, norms_ = true;
  cudaStream_t stream_ = nullptr;
};

/// When what happens, in the last layers: of all CTAs, from the end of the
/// kernel in front on.
inline void Chain::marks(int rows, const Variant *const (&way)[4]) {
  Array<unsigned long long> marks(size_t(m_.layers) * 4 * 132 * 8);
  cuda(cudaMemset(marks.device, 0, marks.host.size() * 8), "marks");
  marks_ = marks.device;
  layers(rows, way);
  marks_ = nullptr;
  marks.down();
  const auto &host = marks.host;
  const char *points[] = {"start", "barriers", "release",  "weights",
                          "x",     "sums",     "exchange", "end"};
  for (int i = 0; i < 4; ++i)
    for (int p = 0; p < 8; ++p) {
      double low = 0, middle = 0, high = 0;
      int count = 0;
      for (int l = m_.layers / 2; l < m_.layers; ++l) {
        int at = l * 4 + i;
        auto mark = [&](int launch, int cta, int point) {
          return host[(size_t(launch) * 132 + cta) * 8 + point];
        };
        unsigned long long before = 0;
        for (int c = 0; c < 132; ++c)
          before = std::max(before, mark(at - 1, c, 7));
        std::vector<double> t;
        for (int c = 0; c < 132; ++c)
          if (mark(at, c, p))
            t.push_back((double(mark(at, c, p)) - double(before)) * 1e-3);
        if (t.empty() || !before)
          continue;
        std::sort(t.begin(), t.end());
        low += t.front(), middle += t[t.size() / 2], high += t.back();
        ++count;
      }
      if (count)
        std::printf("%s %d rows, %s %s, %s: %.2f %.2f %.2f us after the end of "
                    "the linear in front (first, median, last CTA)\n",
                    m_.name, rows, kKinds[i], way[i]->name.c_str(), points[p],
                    low / count, middle / count, high / count);
    }
}

} // namespace check

#endif // FT_TEST_GPU_DECODEROWS_H
