//===- Kernels.cu - the GEMM template, instantiated for one group ---------===//
//
// Compiled once for each FT_GROUP of Configs.inc and each FT_TYPE (bf16, f16).
//
//===----------------------------------------------------------------------===//
#include "Variant.h"
#include "sm90/gemm.cuh"

#include <type_traits>

using namespace ft;
using gemmtest::Epilogue;

namespace {

using T = FT_TYPE;

template <Epilogue kind> struct Finish {
  using Out = std::conditional_t<kind == Epilogue::F32, float, T>;
  using Bias = T;
  using Residual = T;
  static constexpr bool kGated = kind == Epilogue::Gated;
  static constexpr bool kBias = kind != Epilogue::None;
  static constexpr gemm::Norm kNorm =
      kind == Epilogue::NormLayer ? gemm::Norm::Layer
      : kind == Epilogue::NormRms ? gemm::Norm::Rms
                                  : gemm::Norm::None;
  static constexpr bool kResidual =
      kind == Epilogue::Residual || kNorm != gemm::Norm::None;
  static constexpr bool kShift = kNorm == gemm::Norm::Layer;
  static constexpr bool kSum = kNorm == gemm::Norm::Rms;
  using Scale = T;
  const Bias *bias;
  const Residual *residual;
  i64 residualStride;
  Out *out;
  i64 outStride;
  const Scale *scale, *shift;
  float eps;
  Out *sum;
  i64 sumStride;

  __device__ float operator()(float y, float r) const {
    if constexpr (kResidual)
      return y + r;
    if constexpr (kind == Epilogue::GeluErf)
      return 0.5f * y * (1.0f + erff(y * 0.70710678118654752f));
    if constexpr (kind == Epilogue::GeluTanh)
      return 0.5f * y *
             (1.0f + tanhf(0.79788456080286536f * (y + 0.044715f * y * y * y)));
    return y;
  }
  __device__ float operator()(float gate, float up, float) const {
    return gate / (1.0f + expf(-gate)) * up;
  }
};

template <typename C, Epilogue kind>
__global__ void __cluster_dims__(C::kCluster) __launch_bounds__(C::kThreads,
                                                                C::kCtas)
    kernel(const __grid_constant__ TensorMap a,
           const __grid_constant__ TensorMap w, int n, int k, const int *counts,
           int axis, const void *bias, const void *residual, i64 residualStride,
           void *out, i64 outStride, const void *scale, const void *shift,
           float eps, void *sum) {
  using F = Finish<kind>;
  F finish{static_cast<const typename F::Bias *>(bias),
           static_cast<const typename F::Residual *>(residual),
           residualStride,
           static_cast<typename F::Out *>(out),
           outStride,
           static_cast<const T *>(scale),
           static_cast<const T *>(shift),
           eps,
           static_cast<typename F::Out *>(sum),
           outStride};
  gemm::run<C>(a, w, n, k, counts, axis, finish);
}

template <typename C, Epilogue kind> void add(const char *name) {
  gemmtest::Variant v;
  v.config = name;
  v.bf16 = std::is_same_v<T, bf16>;
  v.epilogue = kind;
  v.bm = C::BM;
  v.outputs = C::kOutputs;
  v.boxA = C::kBoxA;
  v.boxW = C::kBoxW;
  v.cluster = C::kCluster;
  v.ctas = C::kCtas;
  v.threads = C::kThreads;
  v.shared = C::kSharedBytes;
  v.most = C::kNorm ? C::CN * C::BN : 0;
  v.function = reinterpret_cast<const void *>(&kernel<C, kind>);
  gemmtest::variants().push_back(v);
}

template <int BM, int BN, int stages, int warpgroups, bool pingPong, int CM,
          int CN, int ctas, int splits = 1>
void addConfig(const char *name) {
  using Plain = gemm::Config<T, false, BM, BN, stages, warpgroups, pingPong, CM,
                             CN, ctas, splits>;
  add<Plain, Epilogue::Bias>(name);
  add<Plain, Epilogue::GeluErf>(name);
  add<Plain, Epilogue::Residual>(name);
  if constexpr (BN % (32 * CM) == 0 && BN >= 96) {
    using Gated = gemm::Config<T, true, BM, BN, stages, warpgroups, pingPong,
                               CM, CN, ctas, splits>;
    add<Gated, Epilogue::Gated>(name);
  }
  if constexpr (BM == 128 && (BN == 144 || BN == 256)) {
    add<Plain, Epilogue::None>(name);
    add<Plain, Epilogue::GeluTanh>(name);
    add<Plain, Epilogue::F32>(name);
  }
}

/// A cluster of CN CTAs, times the splits, that normalizes rows.
template <int BM, int BN, int stages, int warpgroups, int CN, int splits = 1>
void addNorm(const char *name) {
  using Rows = gemm::Config<T, false, BM, BN, stages, warpgroups, false, 1, CN,
                            1, splits, true>;
  add<Rows, Epilogue::NormLayer>(name);
  add<Rows, Epilogue::NormRms>(name);
}

template <int group> struct Registrar {
  Registrar() {
#define CONFIG(number, name, ...)                                              \
  if constexpr (group == number)                                               \
    addConfig<__VA_ARGS__>(name);
#define NORM(number, name, ...)                                                \
  if constexpr (group == number)                                               \
    addNorm<__VA_ARGS__>(name);
#include "Configs.inc"
#undef CONFIG
#undef NORM
  }
};
Registrar<FT_GROUP> registrar;

} // namespace
