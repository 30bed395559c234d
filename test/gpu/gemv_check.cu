//===- gemv_check.cu - gemv and small kernels against fp64 ----------------===//
#include "Check.h"
#include "Patches.h"
#include "argmax.cuh"
#include "gemv.cuh"
#include "segment_reduce.cuh"
#include "sm90/gemv_ring.cuh"

#include <algorithm>

using namespace ft;
using namespace check;

template <typename T, typename Out, bool gated> struct Epilogue {
  static constexpr bool kGated = gated;
  const T *residual; // or null
  Out *out;
  i64 stride;
  __device__ void operator()(int m, int n, float y, float y2 = 0) const {
    if (gated)
      y = y / (1 + expf(-y)) * y2;
    if (residual)
      y += toFloat(residual[m * stride + n]);
    out[m * stride + n] = fromFloat<Out>(y);
  }
};

template <typename T, typename Out, typename Norm, bool gated>
__global__ void __launch_bounds__(gemv::kThreads, sizeof(T) == 4 ? 1 : 2)
    gemvKernel(const T *x, i64 xStride, const T *w, int n, int k,
               const int *counts, Norm norm, Epilogue<T, Out, gated> epilogue) {
  gemv::run(x, xStride, w, n, k, counts, 0, norm, epilogue);
}

template <typename T, typename Out, typename Norm, bool gated>
__global__ void __launch_bounds__(gemv::kRingThreads, 1)
    ringKernel(const T *x, i64 xStride, const T *w, int n, int k,
               const int *counts, Norm norm, Epilogue<T, Out, gated> epilogue) {
#if __CUDA_ARCH__ >= 900
  gemv::runRing(x, xStride, w, n, k, counts, 0, norm, epilogue);
#endif
}

/// Which kernel a check runs: gemv.cuh, or the ring with room for so many
/// stages beside so many rows of x.
struct Ring {
  int stages = 0, rows = 0;
};
static int sharedBytes(bool normed, int k, int bound, Ring ring) {
  int row = (k + 31) / 32 * 32 * 4 + 16;
  if (ring.stages == 0)
    return normed ? std::min(bound, 8) * row : 0;
  if (!normed)
    row = ((k + 63) / 64 * 64 + 32) * 2;
  return ring.stages * gemv::kStageBytes +
         (normed ? std::min(bound, 8) : ring.rows) * row;
}

template <typename Norm>
static std::vector<double> normalised(const std::vector<double> &x, int k,
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
template <> NoNorm makeNorm(const float *, const float *) { return {}; }
template <> RmsNorm makeNorm(const float *weight, const float *) {
  return {weight, 1e-5f};
}
template <> LayerNorm makeNorm(const float *weight, const float *bias) {
  return {weight, bias, 1e-5f};
}

/// `bound` rows of x of which `m` are true and the others NaN.
template <typename T, typename Out, typename Norm, bool gated>
static void checkGemv(int m, int bound, int n, int k, int grid, int pad,
                      Ring ring = {}) {
  int outputs = gated ? n / 2 : n, xStride = k + pad;
  Array<T> x(size_t(bound) * xStride), w(size_t(n) * k);
  Array<float> weight(k), bias(k);
  Array<int> counts(1);
  size_t stride = outputs + 5;
  Array<Out> out(bound * stride);
  Array<T> residual(bound * stride);
  randomise(x);
  randomise(w, 0.05f);
  randomise(weight);
  randomise(bias);
  randomise(residual);
  for (size_t i = 0; i < x.host.size(); ++i) {
    if (i / xStride >= size_t(m) || i % xStride >= size_t(k))
      store(x.host[i], kNan);
    else if (i % xStride == 3) // an outlier channel
      store(x.host[i], 50 * hostFloat(x.host[i]));
  }
  x.up();
  counts.host[0] = m;
  counts.up();
  std::vector<double> rows(size_t(m) * k), want(size_t(m) * outputs);
  for (int r = 0; r < m; ++r)
    for (int i = 0; i < k; ++i)
      rows[size_t(r) * k + i] = hostFloat(x.host[size_t(r) * xStride + i]);
  rows = normalised<Norm>(rows, k, weight.host, bias.host);
  auto dot = [&](int r, int j) {
    double sum = 0;
    for (int i = 0; i < k; ++i)
      sum += rows[size_t(r) * k + i] * hostFloat(w.host[size_t(j) * k + i]);
    return sum;
  };
  for (int r = 0; r < m; ++r)
    for (int j = 0; j < outputs; ++j) {
      double y = dot(r, j);
      if (gated)
        y = y / (1 + std::exp(-y)) * dot(r, j + outputs);
      want[size_t(r) * outputs + j] =
          y + hostFloat(residual.host[r * stride + j]);
    }
  auto kernel = gemvKernel<T, Out, Norm, gated>;
  auto ringed = [&] {
    if constexpr (sizeof(T) == 2)
      return ringKernel<T, Out, Norm, gated>;
    else
      return static_cast<void (*)(const T *, i64, const T *, int, int,
                                  const int *, Norm, Epilogue<T, Out, gated>)>(
          nullptr);
  }();
  int shared = sharedBytes(Norm::kPresent, k, bound, ring);
  if (ring.stages)
    cuda(cudaFuncSetAttribute(
             ringed, cudaFuncAttributeMaxDynamicSharedMemorySize, shared),
         "shared memory");
  else
    cuda(cudaFuncSetAttribute(
             kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, shared),
         "shared memory");
  std::vector<Out> first;
  for (int again = 0; again < 2; ++again) {
    poison(out);
    Norm norm = makeNorm<Norm>(weight.device, bias.device);
    Epilogue<T, Out, gated> epilogue{residual.device, out.device, i64(stride)};
    if (ring.stages)
      launch(ringed, grid, gemv::kRingThreads, shared, nullptr, x.device,
             i64(xStride), w.device, n, k, counts.device, norm, epilogue);
    else
      launch(kernel, grid, gemv::kThreads, shared, nullptr, x.device,
             i64(xStride), w.device, n, k, counts.device, norm, epilogue);
    cuda(cudaDeviceSynchronize(), "gemv");
    out.down();
    if (again == 0)
      first = out.host;
  }
  report(std::memcmp(first.data(), out.host.data(),
                     first.size() * sizeof(Out)) == 0,
         "gemv: two runs, the same bits", 0, 0);
  compare("gemv " + std::to_string(sizeof(T)) + "-byte m " + std::to_string(m) +
              " n " + std::to_string(n) + " k " + std::to_string(k) + " grid " +
              std::to_string(grid) + (gated ? " gated" : "") +
              (Norm::kCentred ? " layer" : "") +
              (Norm::kPresent ? " norm" : "") +
              (ring.stages ? " ring " + std::to_string(ring.stages) + "/" +
                                 std::to_string(ring.rows)
                           : ""),
          out, stride, outputs, want, kTolerance<Out>);
}

template <typename T, typename Norm, bool gated> static void checkShapes() {
  for (int m : {1, 2, 3, 4, 5, 6, 7, 8, 9, 15, 16, 17})
    checkGemv<T, T, Norm, gated>(m, m + 2, 192, 320, 7, 8);
  for (int grid : {1, 2, 5, 40}) // one warp's groups, groups of several warps
    checkGemv<T, T, Norm, gated>(5, 8, 334, 1048, grid, 0);
  checkGemv<T, T, Norm, gated>(3, 3, 30, 8, 2, 0); // less than a unit of k
  checkGemv<T, T, Norm, gated>(0, 2, 64, 64, 5, 0);
  checkGemv<T, T, Norm, gated>(1, 1, 1000, 2048, 132, 0);
  checkGemv<T, T, Norm, gated>(3, 8, 6, 4096, 132, 0); // fewer rows than CTAs
  checkGemv<T, T, Norm, gated>(2, 4, 66, 77, 3, 0);    // odd k: element by
  checkGemv<T, T, Norm, gated>(7, 8, 66, 77, 3, 1);    // element
  checkGemv<T, T, Norm, gated>(6, 8, 500, 128, 3, 3);  // odd x stride
  checkGemv<T, T, Norm, gated>(8, 8, 2000, 72, 11, 0);
}
template <typename T, typename Norm, bool gated> static void checkRing() {
  for (int m : {1, 2, 3, 5, 7, 8, 9, 16, 17})
    for (Ring ring : {Ring{2, 0}, Ring{8, 8}})
      checkGemv<T, T, Norm, gated>(m, m + 2, 192, 320, 7, 8, ring);
  for (int grid : {1, 2, 5, 40})
    checkGemv<T, T, Norm, gated>(5, 8, 334, 1048, grid, 0, {3, 4});
  checkGemv<T, T, Norm, gated>(3, 3, 30, 8, 2, 0, {12, 8});
  checkGemv<T, T, Norm, gated>(0, 2, 64, 64, 5, 0, {4, 8});
  checkGemv<T, T, Norm, gated>(1, 1, 1000, 2048, 132, 0, {8, 1});
  checkGemv<T, T, Norm, gated>(3, 8, 6, 4096, 132, 0, {5, 3});
  checkGemv<T, T, Norm, gated>(8, 8, 2000, 72, 11, 0, {8, 8});
}
template <typename T> static void checkRings() {
  checkRing<T, NoNorm, false>();
  checkRing<T, RmsNorm, true>();
  checkRing<T, LayerNorm, false>();
}

template <typename T> static void checkGemvs() {
  checkShapes<T, NoNorm, false>();
  checkShapes<T, RmsNorm, true>();
  checkShapes<T, LayerNorm, false>();
  checkGemv<T, float, NoNorm, false>(4, 4, 777, 512, 20, 0);
}

template <typename T>
__global__ void argmaxKernel(const T *x, i64 stride, int columns, int *out,
                             const int *counts, u32 *counters, float *scratch) {
  argmax::run(x, stride, columns, argmax::Index{out}, counts, 0, counters,
              scratch);
}

template <typename T>
static void checkArgmax(int rows, int columns, int chunks) {
  int bound = rows + 2, stride = columns + 3;
  Array<T> x(size_t(bound) * stride);
  Array<int> out(bound), counts(1);
  Array<u32> counters(bound);
  Array<float> scratch(size_t(bound) * chunks * 2);
  randomise(x);
  for (int r = 0; r < rows; ++r) { // ties, NaN, -inf
    T *row = &x.host[size_t(r) * stride];
    for (int i : {columns / 3, columns / 2, columns - 1})
      store(row[i], 9);
    store(row[columns / 4], kNan);
    if (r % 4 == 1)
      for (int i = 0; i < columns; ++i)
        store(row[i], kNan);
    if (r % 4 == 2)
      for (int i = 0; i < columns; ++i)
        store(row[i], i == 0 ? kNan : -INFINITY);
  }
  x.up();
  std::fill(out.host.begin(), out.host.end(), -7);
  out.up();
  counts.host[0] = rows;
  counts.up();
  std::fill(counters.host.begin(), counters.host.end(), 0u);
  counters.up();
  for (int again = 0; again < 2; ++again) // the counters are left at zero
    launch(argmaxKernel<T>, dim3(bound, chunks), argmax::kThreads, 0, nullptr,
           x.device, stride, columns, out.device, counts.device,
           counters.device, scratch.device);
  cuda(cudaDeviceSynchronize(), "argmax");
  out.down();
  bool good = true;
  for (int r = 0; r < bound; ++r) {
    int want = r >= rows                    ? -7
               : r % 4 == 1 || columns == 1 ? 0
               : r % 4 == 2                 ? 1
                                            : -1;
    for (int i = 0; want < 0 && want != -7 && i < columns; ++i)
      if (hostFloat(x.host[size_t(r) * stride + i]) == 9)
        want = i;
    good &= out.host[r] == want;
  }
  report(good,
         "argmax " + std::to_string(columns) + " in " + std::to_string(chunks),
         0, 0);
}

template <segment_reduce::Kind kind, typename T>
__global__ void segmentKernel(const T *x, i64 stride, T *out, i64 outStride,
                              int width, const int *cu, const int *counts) {
  segment_reduce::run<kind>(x, stride, out, outStride, width, cu, counts, 0);
}

template <segment_reduce::Kind kind, typename T> static void checkSegments() {
  using segment_reduce::Kind;
  std::vector<int> lengths{1, 7, 0, 8, 33, 2};
  int width = 77, stride = 80, count = int(lengths.size());
  Array<int> cu(count + 1), counts(1);
  for (int s = 0; s < count; ++s)
    cu.host[s + 1] = cu.host[s] + lengths[s];
  cu.up();
  counts.host[0] = count;
  counts.up();
  Array<T> x(size_t(cu.host[count] + 3) * stride),
      out(size_t(count + 2) * stride);
  randomise(x);
  for (size_t i = size_t(cu.host[count]) * stride; i < x.host.size(); ++i)
    store(x.host[i], kNan);
  x.up();
  poison(out);
  std::vector<double> want;
  for (int s = 0; s < count; ++s)
    for (int j = 0; j < width; ++j) {
      double sum = 0, top = -INFINITY;
      auto at = [&](int t) {
        return double(hostFloat(x.host[size_t(t) * stride + j]));
      };
      for (int t = cu.host[s]; t < cu.host[s + 1]; ++t) {
        sum += at(t);
        top = std::max(top, at(t));
      }
      double value = kind == Kind::Mean  ? sum / lengths[s]
                     : kind == Kind::Sum ? sum
                     : kind == Kind::Max ? top
                     : kind == Kind::First
                         ? at(cu.host[s])
                         : at(std::max(cu.host[s + 1] - 1, 0));
      want.push_back(lengths[s] ? value : 0);
    }
  launch(segmentKernel<kind, T>, dim3((width + 31) / 32, count + 2),
         dim3(32, 8), 0, nullptr, x.device, stride, out.device, stride, width,
         cu.device, counts.device);
  compare("segment reduce " + std::to_string(int(kind)), out, stride, width,
          want, kTolerance<T>);
}

template <typename T> static void checkSmall() {
  for (int columns : {1, 5, 1000, 50257})
    for (int chunks : {1, 4, 33})
      checkArgmax<T>(5, columns, chunks);
  using segment_reduce::Kind;
  checkSegments<Kind::Mean, T>();
  checkSegments<Kind::Sum, T>();
  checkSegments<Kind::Max, T>();
  checkSegments<Kind::First, T>();
  checkSegments<Kind::Last, T>();
  checkAllPatches<T>();
}

/// A chain of a Llama layer's linears, `layers` times, as one graph: x a row,
/// [6144, 4096] with a norm, [4096, 4096], [28672, 4096] gated with a norm,
/// [4096, 14336]. Plain or by dependent launches.
static void timeChain(int m, int processors, int stages, bool dependent) {
  constexpr int layers = 12, h = 4096, qkv = 6144, mlp = 14336;
  if (stages && sharedBytes(true, h, m, {stages, m}) > 216 * 1024)
    return; // does not fit
  Array<bf16> x(size_t(m) * mlp), y(size_t(m) * mlp);
  Array<float> weight(h);
  Array<int> counts(1);
  counts.host[0] = m;
  counts.up();
  randomise(x);
  randomise(weight);
  bf16 *w;
  size_t layer = size_t(h) * (qkv + h + 3 * mlp);
  cuda(cudaMalloc(&w, layer * layers * 2), "weights");
  cuda(cudaMemset(w, 0x11, layer * layers * 2), "weights");
  auto run = [&](auto kernel, auto ring, cudaStream_t stream, int n, int k,
                 const bf16 *from, auto norm, auto epilogue, bool first) {
    bool normed = decltype(norm)::kPresent;
    int rows =
        std::min(m, std::max(0, (216 * 1024 - stages * gemv::kStageBytes) /
                                    (k * 2 + 192)));
    int shared = sharedBytes(normed, k, m, {stages, rows});
    cudaLaunchAttribute attribute{};
    attribute.id = cudaLaunchAttributeProgrammaticStreamSerialization;
    attribute.val.programmaticStreamSerializationAllowed = 1;
    cudaLaunchConfig_t config{};
    config.gridDim =
        stages ? processors : processors * (shared < 90000 ? 2 : 1);
    config.blockDim = stages ? gemv::kRingThreads : gemv::kThreads;
    config.dynamicSmemBytes = shared;
    config.stream = stream;
    config.attrs = &attribute;
    config.numAttrs = dependent && !first;
    const bf16 *in = x.device;
    const int *count = counts.device;
    if (stages) {
      cuda(cudaFuncSetAttribute(
               ring, cudaFuncAttributeMaxDynamicSharedMemorySize, shared),
           "shared memory");
      cuda(cudaLaunchKernelEx(&config, ring, in, i64(mlp), from, n, k, count,
                              norm, epilogue),
           "launch");
      return;
    }
    cuda(cudaFuncSetAttribute(
             kernel, cudaFuncAttributeMaxDynamicSharedMemorySize, shared),
         "shared memory");
    cuda(cudaLaunchKernelEx(&config, kernel, in, i64(mlp), from, n, k, count,
                            norm, epilogue),
         "launch");
  };
  double us = time(layers, [&](int i, cudaStream_t stream) {
    const bf16 *from = w + layer * i;
    RmsNorm norm{weight.device, 1e-5f};
    Epilogue<bf16, bf16, false> plain{nullptr, y.device, mlp};
    Epilogue<bf16, bf16, true> gated{nullptr, y.device, mlp};
    auto k1 = gemvKernel<bf16, bf16, RmsNorm, false>;
    auto r1 = ringKernel<bf16, bf16, RmsNorm, false>;
    auto k2 = gemvKernel<bf16, bf16, NoNorm, false>;
    auto r2 = ringKernel<bf16, bf16, NoNorm, false>;
    auto k3 = gemvKernel<bf16, bf16, RmsNorm, true>;
    auto r3 = ringKernel<bf16, bf16, RmsNorm, true>;
    run(k1, r1, stream, qkv, h, from, norm, plain, i == 0);
    from += size_t(qkv) * h;
    run(k2, r2, stream, h, h, from, NoNorm{}, plain, false);
    from += size_t(h) * h;
    run(k3, r3, stream, 2 * mlp, h, from, norm, gated, false);
    from += size_t(2) * mlp * h;
    run(k2, r2, stream, h, mlp, from, NoNorm{}, plain, false);
  });
  std::printf("chain of a layer's linears, m %d, %s %d, %s: %.1f us a layer, "
              "%.0f %% of 4.55 TB/s\n",
              m, stages ? "ring" : "registers", stages,
              dependent ? "dependent" : "plain", us,
              layer * 2 / us * 1e-6 / 4.55 * 100);
  cudaFree(w);
}

/// Weights rotated through at least 256 MB, so that L2 holds none of them.
static void timeGemv(int m, int n, int k, int processors) {
  size_t bytes = size_t(n) * k * 2;
  int copies = int((size_t(256) << 20) / bytes) + 2;
  Array<bf16> x(size_t(m) * k), out(size_t(m) * n);
  bf16 *w;
  cuda(cudaMalloc(&w, bytes * copies), "weights");
  cuda(cudaMemset(w, 0x3c, bytes * copies), "weights");
  randomise(x);
  Array<int> counts(1);
  counts.host[0] = m;
  counts.up();
  for (int perSm : {1, 2}) {
    double us = time(std::max(copies, 20), [&](int i, cudaStream_t stream) {
      launch(gemvKernel<bf16, bf16, NoNorm, false>, processors * perSm,
             gemv::kThreads, 0, stream, x.device, k,
             w + size_t(i % copies) * n * k, n, k, counts.device, NoNorm{},
             Epilogue<bf16, bf16, false>{nullptr, out.device, n});
    });
    std::printf("gemv bf16 m %d [%d, %d] grid %d x SMs: %.2f us, %.2f TB/s, "
                "%.0f %% of 4.55 TB/s\n",
                m, n, k, perSm, us, bytes / us * 1e-6,
                bytes / us * 1e-6 / 4.55 * 100);
  }
  cudaFree(w);
}

static void timeChains(int processors) {
  for (int m : {1, 8})
    for (int stages : {0, 4, 5, 8, 10, 11})
      for (bool dependent : {false, true})
        timeChain(m, processors, stages, dependent);
}

int main(int argc, char **argv) {
  std::string mode = argc > 1 ? argv[1] : "";
  cudaDeviceProp properties;
  cuda(cudaGetDeviceProperties(&properties, 0), "properties");
  if (mode == "--chain") {
    timeChains(properties.multiProcessorCount);
    return 0;
  }
  checkGemvs<float>();
  checkGemvs<f16>();
  checkGemvs<bf16>();
  checkSmall<float>();
  checkSmall<bf16>();
  if (properties.major >= 9) {
    checkRings<f16>();
    checkRings<bf16>();
  }
  if (mode == "--time") {
    timeChains(properties.multiProcessorCount);
    for (int m : {1, 4, 8})
      for (auto [n, k] : {std::pair{4096, 4096},
                          {6144, 4096},
                          {28672, 4096},
                          {4096, 14336},
                          {2304, 768},
                          {128256, 2048}})
        timeGemv(m, n, k, properties.multiProcessorCount);
  }
  return finish();
}
