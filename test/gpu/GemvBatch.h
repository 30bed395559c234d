//===- GemvBatch.h - linear layers of a few rows, with results --*- C++ -*-===//
#ifndef FT_TEST_GPU_GEMVBATCH_H
#define FT_TEST_GPU_GEMVBATCH_H

#include "Check.h"
#include "GemvKernels.cuh"

namespace check {

/// Which kernel a check runs: gemv.cuh, or a ring with room for so many stages,
/// beside so many rows of x.
struct Ring {
  int stages = 0, rows = 0; // rows: for SharedIfRoom
  gemv::XIn where = gemv::XIn::Shared;
  int ctas = 1;                // of __launch_bounds__
  int chunks = 0, cluster = 1; // where x is in registers
};
/// The most values of k.
inline int heldValues(const Ring &ring) {
  return ring.chunks * gemv::kRingChunk * ring.cluster;
}
/// Every kernel that has such a norm, of one stage.
template <typename Norm> std::vector<Ring> ringKinds() {
  using gemv::XIn;
  std::vector<Ring> kinds = {{1, 0, XIn::Shared, 1}, {1, 0, XIn::Shared, 2}};
  for (int chunks : {1, 4})
    kinds.push_back({1, 0, XIn::Registers, 1, chunks});
  kinds.push_back({1, 0, XIn::Registers, 2, 1});
  kinds.push_back({1, 0, XIn::Registers, 2, 1, 2});
  kinds.push_back({1, 0, XIn::Registers, 1, 2, 2});
  if (!Norm::kPresent) {
    kinds.push_back({1, 0, XIn::SharedIfRoom, 1});
    kinds.push_back({1, 0, XIn::Registers, 1, 7, 2});
  }
  return kinds;
}
/// Of a norm's weights beside a ring.
template <typename Norm> int besideBytes(const Ring &ring) {
  return Norm::kPresent * (1 + Norm::kCentred) * ring.chunks *
         gemv::kRingChunk * 4;
}
template <typename T>
int sharedBytes(bool normed, int k, int bound, Ring ring) {
  int row = sizeof(T) == 4 ? (k + 31) / 32 * 32 * 4 + 16
                           : ((k + 63) / 64 * 64 + 32) * 2;
  if (ring.stages == 0)
    return normed ? std::min(bound, 8) * row : 0;
  int rows = ring.where == gemv::XIn::Registers ? 0
             : ring.where == gemv::XIn::Shared  ? bound
                                                : ring.rows;
  return ring.stages * gemv::kStageBytes + rows * row;
}

template <typename Norm>
std::vector<double> normalised(const std::vector<double> &x, int k,
                               const std::vector<float> &weight,
                               const std::vector<float> &bias) {
  std::vector<double> y = x;
  for (size_t row = 0; Norm::kPresent && row < x.size() / k; ++row) {
    double mean = 0, square = 0;
    for (int i = 0; Norm::kCentred && i < k; ++i)
      mean += x[row * k + i] / k;
    for (int i = 0; i < k; ++i)
      square += std::pow(x[row * k + i] - mean, 2) / k;
    for (int i = 0; i < k; ++i)
      y[row * k + i] =
          (x[row * k + i] - mean) / std::sqrt(square + 1e-5) * weight[i] +
          (Norm::kCentred ? bias[i] : 0);
  }
  return y;
}

template <typename Norm> Norm makeNorm(const float *weight, const float *bias);
template <> inline NoNorm makeNorm(const float *, const float *) { return {}; }
template <> inline RmsNorm makeNorm(const float *weight, const float *) {
  return {weight, 1e-5f};
}
template <> inline LayerNorm makeNorm(const float *weight, const float *bias) {
  return {weight, bias, 1e-5f};
}

/// `m` true rows of x of `bound`, the others NaN; n rows of w.
struct GemvCase {
  int m, bound, n, k, grid, pad;
  Ring ring = {};
  int skew = 0;  // norm weights so many elements off 16 bytes, and no bias
  int align = 1; // of y's rows, elements
};
/// Norm weights that no vector load can take.
constexpr GemvCase kSkewedCase = {
    .m = 1, .bound = 1, .n = 34, .k = 1544, .grid = 1, .pad = 0, .skew = 1};

/// A LayerNorm without bias, on 16 bytes.
constexpr GemvCase kNoBiasCase = {
    .m = 3, .bound = 4, .n = 34, .k = 1048, .grid = 2, .pad = 0, .skew = 4};

/// A case on the device and what comes out.
template <typename T, typename Out, typename Norm, bool gated>
struct GemvBatch {
  const GemvCase &c;
  int outputs = gated ? c.n / 2 : c.n, xStride = c.k + c.pad;
  size_t stride = (outputs + 4 + c.align) / c.align * c.align;
  Array<T> x, w;
  Array<float> weight, bias;
  Array<int> counts;
  Array<Out> out;
  Array<T> residual;
  std::vector<double> want;

  /// Of 16-bit types, beyond which values within 1 of it are the same; fp32's
  /// own mean of such rows is off by more than a norm may be.
  static constexpr float kFar = sizeof(T) == 4            ? 60
                                : std::is_same_v<T, bf16> ? 200
                                                          : 1500;

  explicit GemvBatch(const GemvCase &shape)
      : c(shape), x(size_t(c.bound) * xStride), w(size_t(c.n) * c.k),
        weight(c.k + c.skew), bias(c.k), counts(1), out(c.bound * stride),
        residual(c.bound * stride), want(size_t(c.m) * outputs) {
    randomise(x);
    randomise(w, 0.05f);
    randomise(weight);
    randomise(bias);
    randomise(residual);
    for (size_t i = 0; i < x.host.size(); ++i) {
      if (i / xStride >= size_t(c.m) || i % xStride >= size_t(c.k))
        store(x.host[i], kNan);
      else if (Norm::kCentred && i / xStride == 1) // far from zero
        store(x.host[i], 20 + hostFloat(x.host[i]));
      else if (Norm::kCentred && i / xStride == 2) // as far as the type tells
        store(x.host[i], kFar + hostFloat(x.host[i]));
      else if (i % xStride == 3) // an outlier channel
        store(x.host[i], 50 * hostFloat(x.host[i]));
    }
    x.up();
    counts.host[0] = c.m;
    counts.up();
    reference();
  }

  Norm norm() const {
    return makeNorm<Norm>(weight.device + c.skew,
                          c.skew ? nullptr : bias.device);
  }
  Epilogue<T, Out, gated> epilogue() const {
    return {residual.device, out.device, i64(stride)};
  }
  int shared() const {
    return sharedBytes<T>(Norm::kPresent, c.k, c.bound, c.ring) +
           besideBytes<Norm>(c.ring);
  }
  std::string name() const {
    return "gemv " + std::to_string(sizeof(T)) + "-byte m " +
           std::to_string(c.m) + " n " + std::to_string(c.n) + " k " +
           std::to_string(c.k) + " grid " + std::to_string(c.grid) +
           (gated ? " gated" : "") + (Norm::kCentred ? " layer" : "") +
           (Norm::kPresent ? " norm" : "") + ringName();
  }

private:
  std::string ringName() const {
    const Ring &r = c.ring;
    if (r.stages == 0)
      return "";
    return " ring " + std::to_string(r.stages) + " in " +
           std::to_string(shared()) +
           (r.where == gemv::XIn::Registers
                ? " held " + std::to_string(r.chunks)
            : r.where == gemv::XIn::SharedIfRoom ? " if room"
                                                 : "") +
           (r.cluster > 1 ? " x " + std::to_string(r.cluster) : "") +
           (r.ctas > 1 ? " small" : "");
  }
  void reference() {
    std::vector<double> rows(size_t(c.m) * c.k);
    for (int r = 0; r < c.m; ++r)
      for (int i = 0; i < c.k; ++i)
        rows[size_t(r) * c.k + i] = hostFloat(x.host[size_t(r) * xStride + i]);
    std::vector<float> scale(weight.host.begin() + c.skew, weight.host.end());
    rows = normalised<Norm>(
        rows, c.k, scale, c.skew ? std::vector<float>(size_t(c.k)) : bias.host);
    auto dot = [&](int r, int j) {
      double sum = 0;
      for (int i = 0; i < c.k; ++i)
        sum +=
            rows[size_t(r) * c.k + i] * hostFloat(w.host[size_t(j) * c.k + i]);
      return sum;
    };
    for (int r = 0; r < c.m; ++r)
      for (int j = 0; j < outputs; ++j) {
        double y = dot(r, j);
        if (gated)
          y = y / (1 + std::exp(-y)) * dot(r, j + outputs);
        want[size_t(r) * outputs + j] =
            y + hostFloat(residual.host[r * stride + j]);
      }
  }
};

/// Launches a case twice and compares: `run(batch)` launches.
template <typename T, typename Out, typename Norm, bool gated, typename Run>
void checkGemv(const GemvCase &c, const Run &run) {
  if (isLeftOut())
    return;
  GemvBatch<T, Out, Norm, gated> batch(c);
  std::vector<Out> first;
  for (int again = 0; again < 2; ++again) {
    poison(batch.out);
    run(batch);
    synchronize("gemv");
    batch.out.down();
    if (again == 0)
      first = batch.out.host;
  }
  report(std::memcmp(first.data(), batch.out.host.data(),
                     first.size() * sizeof(Out)) == 0,
         batch.name() + ": two runs, other bits", 0, 0);
  // A normalised x is rounded to T: at most half a unit of each value, and a
  // gated output is the product of two sums of it.
  double rounded = !Norm::kPresent || sizeof(T) == 4 ? 0
                   : std::is_same_v<T, f16>          ? 0x1p-11
                                                     : 0x1p-8;
  compare(batch.name(), batch.out, batch.stride, batch.outputs, batch.want,
          kTolerance<Out> + (gated ? 2 : 1) * rounded);
}

} // namespace check

#endif // FT_TEST_GPU_GEMVBATCH_H
