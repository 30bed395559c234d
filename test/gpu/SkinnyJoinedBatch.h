//===- SkinnyJoinedBatch.h - largest outputs and norms, with results -*- C++
//-*-//
#ifndef FT_TEST_GPU_SKINNYJOINEDBATCH_H
#define FT_TEST_GPU_SKINNYJOINEDBATCH_H

#include "SkinnyBatch.h"
#include "SkinnyJoinedKernels.cuh"

namespace check {

/// Rows of x and w of small whole numbers: sums are exact, and many are equal.
/// Some outputs are NaN of all rows, and all of row 1.
template <typename T> struct LikeliestBatch {
  int m, bound, n, k;
  Array<T> x, w;
  Array<int> counts, tokens;
  Array<u32> counters;
  std::vector<int> want;

  LikeliestBatch(int rows, int most, int outputs, int inner)
      : m(rows), bound(most), n(outputs), k(inner), x(size_t(most) * inner),
        w(size_t(outputs) * inner), counts(1), tokens(most + 1), counters(130),
        want(rows) {
    for (T &v : x.host)
      store(v, float(int(generator() % 5) - 2));
    for (T &v : w.host)
      store(v, float(int(generator() % 5) - 2));
    for (int j = 3; j < n; j += 50) // the first that would win often, too
      store(w.host[size_t(j) * k + 5], kNan);
    for (int i = 0; i < bound; ++i)
      if (i == 1 || i >= m)
        store(x.host[size_t(i) * k], kNan);
    counts.host[0] = m;
    for (Array<T> *array : {&x, &w})
      array->up();
    counts.up();
    std::fill(counters.host.begin(), counters.host.end(), 0);
    counters.up();
    for (int r = 0; r < m; ++r)
      want[r] = largest(r);
  }
  int largest(int r) const {
    int best = 0;
    float value = -INFINITY;
    for (int j = 0; j < n; ++j) {
      float sum = 0;
      for (int i = 0; i < k; ++i)
        sum += hostFloat(x.host[size_t(r) * k + i]) *
               hostFloat(w.host[size_t(j) * k + i]);
      if (sum > value)
        value = sum, best = j;
    }
    return best;
  }
};

/// run(batch), three times over the same counters.
template <typename T, typename Run>
void checkLikeliest(int m, int bound, int n, int k, const Run &run) {
  if (isLeftOut())
    return;
  LikeliestBatch<T> batch(m, bound, n, k);
  std::string name = "likeliest m " + std::to_string(m) + " n " +
                     std::to_string(n) + " k " + std::to_string(k);
  for (int again = 0; again < 3; ++again) {
    std::fill(batch.tokens.host.begin(), batch.tokens.host.end(), -7);
    batch.tokens.up();
    run(batch);
    synchronize(name.c_str());
    batch.tokens.down();
    batch.counters.down();
    int wrong = 0;
    for (int r = 0; r <= bound; ++r)
      wrong += batch.tokens.host[r] != (r < m ? batch.want[r] : -7);
    for (u32 word : batch.counters.host)
      wrong += word != 0;
    report(wrong == 0, name, wrong, 0);
  }
}

/// h = residual + x w', then y = epilogue of (norm(h) v').
struct HalvesCase {
  int m, bound, k, clusters, size, outputs, endClusters, endSize;
};

template <typename T, bool gated, int hidden, int slots, bool layer>
struct HalvesBatch {
  const HalvesCase &c;
  int width = gated ? c.outputs / 2 : c.outputs;
  size_t stride = size_t(width + 12) / 8 * 8;
  Array<T> x, w, v, residual, h, scaled, y, endResidual, constants;
  Array<float> gain, shift, squares;
  bool shifts = c.m % 2 == 1; // a LayerNorm's b
  Array<int> counts;

  explicit HalvesBatch(const HalvesCase &shape)
      : c(shape), x(size_t(c.bound) * c.k), w(size_t(hidden) * c.k),
        v(size_t(c.outputs) * hidden), residual(size_t(c.bound) * hidden),
        h(size_t(c.bound) * hidden), scaled(size_t(c.bound) * hidden),
        y(c.bound * stride), endResidual(c.bound * stride),
        constants(skinny::constantsSize(hidden)), gain(hidden), shift(hidden),
        squares((layer ? 2 : 1) * 64 * slots), counts(1) {
    randomise(x);
    randomise(w, 0.05f);
    randomise(v, 0.05f);
    randomise(residual);
    if (layer) // rows have means
      for (T &v : residual.host)
        store(v, hostFloat(v) + 1);
    residual.up();
    randomise(endResidual);
    randomise(gain);
    randomise(shift);
    for (size_t i = 0; i < x.host.size(); ++i)
      if (i / c.k >= size_t(c.m))
        store(x.host[i], kNan);
    x.up();
    counts.host[0] = c.m;
    counts.up();
  }
  BeginEpilogue<T, slots, layer> begin() const {
    BeginEpilogue<T, slots, layer> e;
    if constexpr (layer) {
      e.shift = shifts ? shift.device : nullptr;
      e.constants = constants.device;
    }
    e.residual = residual.device, e.out = h.device, e.outStride = hidden;
    e.squares = squares.device, e.gain = gain.device;
    e.scaled = scaled.device, e.scaledStride = hidden;
    return e;
  }
  EndEpilogue<T, gated, slots> end() const {
    EndEpilogue<T, gated, slots> e;
    e.residual = endResidual.device, e.out = y.device, e.outStride = stride;
    e.squares = squares.device, e.inner = hidden, e.eps = 1e-5f;
    e.constants = constants.device;
    return e;
  }
  double value(const Array<T> &array, size_t i) const {
    return hostFloat(array.host[i]);
  }
  std::vector<double> wantSums() const {
    std::vector<double> want;
    for (int r = 0; r < c.m; ++r)
      for (int j = 0; j < hidden; ++j) {
        double sum = value(residual, size_t(r) * hidden + j);
        for (int i = 0; i < c.k; ++i)
          sum += value(x, size_t(r) * c.k + i) * value(w, size_t(j) * c.k + i);
        want.push_back(sum);
      }
    return want;
  }
  /// Of what h is, as stored.
  std::vector<double> wantEnd() const {
    std::vector<double> want;
    for (int r = 0; r < c.m; ++r) {
      double square = 0, mean = 0;
      for (int i = 0; i < hidden && layer; ++i)
        mean += value(h, size_t(r) * hidden + i) / hidden;
      for (int i = 0; i < hidden; ++i)
        square += std::pow(value(h, size_t(r) * hidden + i) - mean, 2) / hidden;
      double factor = 1 / std::sqrt(square + 1e-5);
      auto dot = [&](int j) {
        double sum = 0;
        for (int i = 0; i < hidden; ++i) {
          double normed = (value(h, size_t(r) * hidden + i) - mean) * factor;
          double more = layer && shifts ? shift.host[i] : 0;
          sum +=
              (normed * gain.host[i] + more) * value(v, size_t(j) * hidden + i);
        }
        return sum;
      };
      for (int j = 0; j < width; ++j) {
        double one = dot(j);
        if (gated)
          one = one / (1 + std::exp(-one)) * dot(j + width);
        want.push_back(one + value(endResidual, r * stride + j));
      }
    }
    return want;
  }
};

/// Of both launches.
template <typename T>
void encodeRows(TensorMap *map, const T *data, int columns, int rows, int box) {
  encodeMap(map, std::is_same_v<T, bf16>, data,
            {{columns, 0, 64}, {rows, columns * 2, box}});
}

/// run(m, bound, n, k, clusters, size).
template <typename Run> void likeliestCases(const Run &run) {
  for (int m : {1, 9, 33, 64})
    run(m, std::min(m + 3, 64), 338, 72, 5, 61);
  run(0, 2, 128, 64, 5, 40);     // no rows
  run(40, 40, 338, 8, 2, 61);    // the largest is there several times
  run(17, 20, 1000, 136, 3, 64); // several tiles of a CTA
}
/// run(case) for the rows of a norm of 336 values by tiles of `size`.
template <typename Run>
void halvesCases(int size, int outputs, const Run &run) {
  for (int m : {1, 12, 33, 64})
    run(HalvesCase{m, std::min(m + 3, 64), 200, 4, size, outputs, 3, 40});
  run(HalvesCase{16, 16, 64, 1, size, outputs, 7,
                 24});                                // several tiles of a CTA
  run(HalvesCase{0, 2, 64, 5, size, outputs, 5, 40}); // no rows
}

/// begin(batch) and end(batch) launch; twice, for the same bits.
template <typename T, bool gated, int hidden, int slots, bool layer,
          typename Begin, typename End>
void checkHalves(const HalvesCase &c, const Begin &begin, const End &end) {
  if (isLeftOut())
    return;
  HalvesBatch<T, gated, hidden, slots, layer> batch(c);
  std::string name = (layer ? "LayerNorm in halves " : "norm in halves ") +
                     std::to_string(sizeof(T)) +
                     (std::is_same_v<T, f16> ? "-byte f16 m " : "-byte m ") +
                     std::to_string(c.m) + " size " + std::to_string(c.size);
  std::vector<T> first;
  for (int again = 0; again < 2; ++again) {
    for (Array<T> *array :
         {&batch.h, &batch.scaled, &batch.y, &batch.constants})
      poison(*array);
    poison(batch.squares);
    begin(batch);
    end(batch);
    synchronize(name.c_str());
    batch.y.down();
    if (again == 0)
      first = batch.y.host;
  }
  report(std::memcmp(first.data(), batch.y.host.data(),
                     first.size() * sizeof(T)) == 0,
         name + ": two runs, other bits", 0, 0);
  compare(name + ", h", batch.h, hidden, hidden, batch.wantSums(),
          kTolerance<T>);
  // g * h is rounded once, as a normalised x would be; of a LayerNorm relative
  // to h, whose mean is about its deviation, and so is that mean's g.
  double rounded =
      (std::is_same_v<T, f16> ? 0x1p-11 : 0x1p-8) * (layer ? 3 : 1);
  compare(name + ", y", batch.y, batch.stride, batch.width, batch.wantEnd(),
          kTolerance<T> + (gated ? 2 : 1) * rounded);
}

} // namespace check

#endif // FT_TEST_GPU_SKINNYJOINEDBATCH_H
