//===- AttentionDecodeBatch.h - batches with new tokens ---------*- C++ -*-===//
#ifndef FT_TEST_GPU_ATTENTIONDECODEBATCH_H
#define FT_TEST_GPU_ATTENTIONDECODEBATCH_H

#include "AttentionBatch.h"
#include "AttentionDecodeKernels.cuh"

namespace check {

struct DecodeCase {
  Case batch;
  int grid = 132;
  bool clusters = false;
  const char *form = "";
};

/// A batch whose new keys and values are not in the cache yet. The host images
/// of batch.q, batch.k and batch.v are what attention should see; the device
/// has the linears' rows, and NaN where new keys and values are to be stored.
template <typename S, typename E> struct DecodeBatch {
  using T = typename S::T;
  static constexpr float kEps = 1e-3f;
  const Case &c;
  Batch<S> batch;
  int kStride = c.kvHeads * S::D + 24, vStride = c.kvHeads * S::DV + 8;
  Array<T> newK, newV;
  Array<float> table, qNorm, kNorm, scratch;

  explicit DecodeBatch(const Case &shape, int ctas = 264)
      : c(shape), batch(shape), newK(size_t(batch.total + 2) * kStride),
        newV(size_t(batch.total + 2) * vStride),
        table(size_t(most() + 1) * 2 * std::max(E::kHalf, 1)), qNorm(S::D),
        kNorm(S::D), scratch(size_t(ctas) * attention::kPartFloats<S>) {
    randomise(table);
    randomise(qNorm);
    randomise(kNorm);
    poison(scratch);
    poison(newK), poison(newV);
    for (int s = 0; s < batch.sequences; ++s)
      for (int t = batch.cu.host[s]; t < batch.cu.host[s + 1]; ++t)
        token(s, t);
    newK.up(), newV.up();
    auto k = batch.k.host, v = batch.v.host;
    forget(), batch.k.up(), batch.v.up();
    batch.k.host = k, batch.v.host = v;
  }
  int most() const {
    return batch.keys.empty()
               ? 0
               : *std::max_element(batch.keys.begin(), batch.keys.end());
  }
  Args<T> args() {
    Args<T> a = batch.args();
    a.partials = scratch.device;
    return a;
  }
  Fresh<T> fresh() {
    return {newK.device,    kStride,        newV.device,  vStride,
            batch.k.device, batch.v.device, table.device, qNorm.device,
            kEps,           kNorm.device,   kEps};
  }
  /// In boxes of so many tokens.
  ft::TensorMap keyMap(int box) const { return map(batch.k, S::D, box); }
  ft::TensorMap valueMap(int box) const { return map(batch.v, S::DV, box); }
  /// The cache has what it had, and the new rows where they belong.
  void checkCache(const std::string &name) {
    for (auto *plane : {&batch.k, &batch.v}) {
      std::vector<T> want = plane->host;
      plane->down();
      double worst = 0;
      bool same = true;
      for (size_t i = 0; i < want.size(); ++i) {
        double x = hostFloat(plane->host[i]), y = hostFloat(want[i]);
        if (y != y)
          same &= x != x;
        else
          worst = std::max(worst, std::abs(x - y) / (std::abs(y) + 1e-2));
        worst = x != x && y == y ? INFINITY : worst;
      }
      report(same && worst <= 4 * kTolerance<T>, name + ": cache", worst,
             4 * kTolerance<T>);
      plane->host = want;
    }
  }

private:
  ft::TensorMap map(const Array<T> &plane, int width, int box) const {
    size_t step = size_t(c.kvHeads) * width;
    return makeMap(plane.device, width, c.kvHeads, plane.host.size() / step,
                   step, 1, box);
  }
  /// Norm and rope of a head in fp64, rounded once.
  void enter(T *row, const std::vector<float> &weight, int position) {
    std::vector<double> x(S::D), y;
    double square = 0;
    for (int i = 0; i < S::D; ++i)
      square += std::pow(x[i] = hostFloat(row[i]), 2) / S::D;
    for (int i = 0; E::kNorm && i < S::D; ++i)
      x[i] *= weight[i] / std::sqrt(square + kEps);
    y = x;
    for (int j = 0; j < E::kHalf; ++j) {
      int a = E::kInterleaved ? 2 * j : j;
      int b = E::kInterleaved ? 2 * j + 1 : j + E::kHalf;
      const float *angles = &table.host[size_t(position) * 2 * E::kHalf];
      double cosine = angles[j], sine = angles[E::kHalf + j];
      y[a] = x[a] * cosine - x[b] * sine;
      y[b] = x[b] * cosine + x[a] * sine;
    }
    for (int i = 0; i < S::D; ++i)
      store(row[i], float(y[i]));
  }
  void token(int s, int t) {
    int position = batch.positions.host[t];
    for (int h = 0; h < c.heads; ++h)
      enter(&batch.q.host[size_t(t) * batch.qStride + h * S::D], qNorm.host,
            position);
    for (int h = 0; h < c.kvHeads; ++h) {
      T *key = &batch.k.host[batch.place(s, position, h, S::D, 0)];
      T *value = &batch.v.host[batch.place(s, position, h, S::DV, 0)];
      std::copy(key, key + S::D, &newK.host[size_t(t) * kStride + h * S::D]);
      std::copy(value, value + S::DV,
                &newV.host[size_t(t) * vStride + h * S::DV]);
      enter(key, kNorm.host, position);
    }
  }
  void forget() {
    for (int s = 0; s < batch.sequences; ++s)
      for (int t = batch.cu.host[s]; t < batch.cu.host[s + 1]; ++t)
        for (int h = 0; h < c.kvHeads; ++h) {
          int position = batch.positions.host[t];
          for (int i = 0; i < S::D; ++i)
            store(batch.k.host[batch.place(s, position, h, S::D, 0) + i], kNan);
          for (int i = 0; i < S::DV; ++i)
            store(batch.v.host[batch.place(s, position, h, S::DV, 0) + i],
                  kNan);
        }
  }
};

/// Runs a case twice through run(batch) and looks at outputs, cache, counters.
template <typename S, typename E, typename Score, typename Run>
void checkDecode(const DecodeCase &d, int stages, const Score &score,
                 const Run &run) {
  if (isLeftOut())
    return;
  using T = typename S::T;
  const Case &c = d.batch;
  DecodeBatch<S, E> decode(c, d.grid);
  Batch<S> &batch = decode.batch;
  std::string name =
      "decode " + std::string(std::is_same_v<T, f16> ? "f16" : "bf16") + " D " +
      std::to_string(S::D) + " DV " + std::to_string(S::DV) + " heads " +
      std::to_string(c.heads) + "/" + std::to_string(c.kvHeads) + " rope " +
      std::to_string(E::kHalf) + (E::kInterleaved ? "i" : "") +
      (E::kNorm ? " norm" : "") + " window " + std::to_string(c.window) +
      " page " + std::to_string(c.pageSize) + " stages " +
      std::to_string(stages) + " grid " + std::to_string(d.grid) + d.form +
      (d.clusters ? " clusters" : "") + (S::kCausal ? " causal" : "") +
      (Score::kIdentity ? "" : " score");
  std::vector<T> first;
  for (int again = 0; again < 2; ++again) { // counters are left at zero
    poison(batch.out);
    run(decode);
    synchronize(name.c_str());
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

} // namespace check

#endif // FT_TEST_GPU_ATTENTIONDECODEBATCH_H
