//===- JoinedBatch.h - attention with its linears, in fp64 ------*- C++ -*-===//
#ifndef FT_TEST_GPU_JOINEDBATCH_H
#define FT_TEST_GPU_JOINEDBATCH_H

#include "Check.h"
#include "JoinedKernels.cuh"

namespace check {

struct JoinedCase {
  std::vector<int> lengths;
  int heads, k, grid;
  bool bias = true;
};

template <typename C> struct JoinedBatch {
  using T = typename C::T;
  static constexpr int kPad = 8, kMore = 5; // columns and rows that are unused
  JoinedCase c;
  int rows = 0, width;
  float scale = float(1 / std::sqrt(double(C::kSize)));
  Array<T> x, w, bias, out;
  Array<int> counts, cuTokens, packs;
  TensorMap xMap, wMap;

  static int sum(const std::vector<int> &lengths) {
    int all = 0;
    for (int length : lengths)
      all += length;
    return all;
  }
  explicit JoinedBatch(const JoinedCase &c)
      : c(c), rows(sum(c.lengths)), width(c.heads * C::kSize),
        x(size_t(rows + kMore) * size_t(c.k + kPad)),
        w(size_t(3 * width) * size_t(c.k)), bias(size_t(3 * width)),
        out(size_t(rows + kMore) * size_t(width + kPad)), counts(2),
        cuTokens(c.lengths.size() + 1), packs(c.lengths.size() + 2) {
    randomise(x);
    randomise(w, float(1 / std::sqrt(double(c.k))));
    randomise(bias, 0.5f);
    for (size_t i = size_t(rows) * size_t(c.k + kPad); i < x.host.size(); ++i)
      store(x.host[i], kNan); // reaches no row
    x.up();
    poison(out);
    makeTiles();
    counts.host = {rows, int(c.lengths.size())};
    counts.up(), cuTokens.up(), packs.up();
    bool isBf16 = std::is_same_v<T, bf16>;
    encodeMap(&xMap, isBf16, x.device,
              {{c.k, 0, 64}, {rows + kMore, (c.k + kPad) * 2, boxRows()}});
    encodeMap(&wMap, isBf16, w.device,
              {{c.k, 0, 64}, {3 * width, c.k * 2, C::kSize}});
  }
  void makeTiles() {
    std::vector<int> first{0};
    int start = 0, at = 0;
    for (size_t s = 0; s < c.lengths.size(); ++s) {
      if (at + c.lengths[s] - start > C::kTokens) {
        first.push_back(int(s));
        start = at;
      }
      cuTokens.host[s] = at;
      at += c.lengths[s];
    }
    cuTokens.host[c.lengths.size()] = at;
    packs.host[0] = int(first.size());
    for (size_t t = 0; t < first.size(); ++t)
      packs.host[1 + t] = first[t];
    packs.host[1 + first.size()] = int(c.lengths.size());
  }
  static constexpr int boxRows() {
    if constexpr (requires { C::kCluster; })
      return C::kRows;
    else
      return C::kTokens;
  }
  joined::ClusterArgs<T, T> clusterArgs() const {
    return {counts.device, 1,   cuTokens.device, c.bias ? bias.device : nullptr,
            c.heads,       c.k, scale,           out.device,
            width + kPad};
  }
  joined::Args<T, T> args() const {
    return {counts.device,
            0,
            cuTokens.device,
            packs.device,
            c.bias ? bias.device : nullptr,
            c.heads,
            c.k,
            scale,
            out.device,
            width + kPad};
  }

  double valueOf(int row, int column) const {
    double sum = c.bias ? double(hostFloat(bias.host[size_t(column)])) : 0;
    const T *from = &x.host[size_t(row) * size_t(c.k + kPad)];
    const T *weights = &w.host[size_t(column) * size_t(c.k)];
    for (int i = 0; i < c.k; ++i)
      sum += double(hostFloat(from[i])) * double(hostFloat(weights[i]));
    return sum;
  }
  void compareAll(const std::string &name) {
    std::vector<double> qkv(size_t(rows) * size_t(3 * width));
    for (int r = 0; r < rows; ++r)
      for (int j = 0; j < 3 * width; ++j)
        qkv[size_t(r) * size_t(3 * width) + size_t(j)] = valueOf(r, j);
    std::vector<double> want(size_t(rows) * size_t(width));
    for (size_t s = 0; s < c.lengths.size(); ++s)
      for (int h = 0; h < c.heads; ++h)
        attend(qkv, cuTokens.host[s], cuTokens.host[s + 1], h, want);
    // q, k and v are rounded, too.
    compare(name, out, size_t(width + kPad), size_t(width), want,
            2 * kTolerance<T>);
  }
  void attend(const std::vector<double> &qkv, int begin, int end, int head,
              std::vector<double> &want) const {
    auto at = [&](int row, int part, int d) {
      return qkv[size_t(row) * size_t(3 * width) +
                 size_t(part * width + head * C::kSize + d)];
    };
    for (int i = begin; i < end; ++i) {
      std::vector<double> weights;
      double top = -1e300, all = 0;
      for (int j = begin; j < end; ++j) {
        double s = 0;
        for (int d = 0; d < C::kSize; ++d)
          s += at(i, 0, d) * at(j, 1, d);
        weights.push_back(s * double(scale));
        top = std::max(top, weights.back());
      }
      for (double &weight : weights)
        all += weight = std::exp(weight - top);
      for (int d = 0; d < C::kSize; ++d) {
        double sum = 0;
        for (int j = begin; j < end; ++j)
          sum += weights[size_t(j - begin)] * at(j, 2, d);
        want[size_t(i) * size_t(width) + size_t(head * C::kSize + d)] =
            sum / all;
      }
    }
  }
};

/// run(case): one sequence of a whole tile, short ones, odd ones, empty ones,
/// several tiles a CTA, no bias, k that 64 does not divide.
template <typename Run> void joinedCases(const Run &run) {
  run(JoinedCase{{128}, 2, 128, 2});
  run(JoinedCase{{32, 32, 32, 32}, 2, 128, 1});
  run(JoinedCase{{1, 0, 63, 17, 128, 100, 5, 5, 90, 40}, 3, 200, 4});
  run(JoinedCase{{64, 64, 70, 3}, 1, 64, 1, false});
  run(JoinedCase{{7}, 2, 72, 1});
}
/// Sequences by clusters: the longest, shorter than a block, odd, empty ones,
/// no bias, k that 64 does not divide, as long as the stages and longer.
template <typename C, typename Run> void clusterCases(const Run &run) {
  int most = C::kTokens;
  run(JoinedCase{{most}, 1, 128, 0});
  run(JoinedCase{{most - 11, 0, 1, most / 2 + 3}, 2, 200, 0});
  run(JoinedCase{{C::kRows, 16}, 1, 64, 0, false});
  run(JoinedCase{{most - 1}, 1, 64 * int(C::kAllStages), 0});
  if (C::kAgain)
    run(JoinedCase{{most - 1}, 1, 64 * (int(C::kAllStages) + 4), 0});
}
template <typename C, typename Run>
void checkJoined(const JoinedCase &c, const Run &run) {
  if (isLeftOut())
    return;
  JoinedBatch<C> batch(c);
  run(batch);
  batch.compareAll("joined, heads of " + std::to_string(C::kSize) + ", " +
                   std::to_string(c.lengths.size()) + " sequences, " +
                   std::to_string(batch.rows) + " tokens");
}

} // namespace check

#endif // FT_TEST_GPU_JOINEDBATCH_H
