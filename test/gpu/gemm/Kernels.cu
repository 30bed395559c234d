//===- Kernels.cu - the GEMM template, instantiated for one group ---------===//
//
// Compiled once for each FT_GROUP of Configs.inc and each FT_TYPE (bf16, f16).
//
//===----------------------------------------------------------------------===//
#include "GemmKernels.cuh"
#include "Variant.h"

#include <type_traits>

using namespace ft;
using gemmtest::Epilogue;
using gemmtest::kernel;

namespace {

using T = FT_TYPE;

template <typename C, Epilogue kind, bool wide = false>
void add(const char *name) {
  gemmtest::Variant v;
  v.config = name;
  v.bf16 = std::is_same_v<T, bf16>;
  v.epilogue = kind;
  v.wide = wide;
  v.bm = C::BM;
  v.outputs = C::kOutputs;
  v.boxA = C::kBoxA;
  v.boxW = C::kBoxW;
  v.cluster = C::kCluster;
  v.ctas = C::kCtas;
  v.threads = C::kThreads;
  v.shared = C::kSharedBytes;
  v.most = C::kNorm ? C::CN * C::BN : 0;
  v.function = reinterpret_cast<const void *>(&kernel<C, kind, wide>);
  gemmtest::variants().push_back(v);
}

/// As plans have them, to be timed.
template <typename C, Epilogue... kinds> void addWide(const char *name) {
  (add<C, kinds, /*wide=*/true>(name), ...);
}

template <int BM, int BN, int stages, int warpgroups, bool pingPong, int CM,
          int CN, int ctas, int splits = 1, int boxes = 1>
void addConfig(const char *name) {
  using Plain =
      gemm::Config<T, false, BM, BN, stages, warpgroups, pingPong, CM, CN, ctas,
                   splits, false, gemm::Columns, false, boxes>;
  add<Plain, Epilogue::Bias>(name);
  add<Plain, Epilogue::GeluErf>(name);
  addWide<Plain, Epilogue::Bias, Epilogue::GeluErf>(name);
  // Residuals find no registers beside the sums of two such tiles, and the
  // compiler does not offer them.
  if constexpr (!(pingPong && BM * BN > 128 * 160)) {
    add<Plain, Epilogue::Residual>(name);
    addWide<Plain, Epilogue::Residual>(name);
  }
  if constexpr (splits == 1 && BN % (16 * CM) == 0 && BN >= 96) {
    using Gated = gemm::Config<T, true, BM, BN, stages * boxes, warpgroups,
                               pingPong, CM, CN, ctas>;
    add<Gated, Epilogue::Gated>(name);
    if constexpr (BM >= 128 && BN >= 128)
      addWide<Gated, Epilogue::SiluMul>(name);
  }
  if constexpr (BM == 128 && (BN == 144 || BN == 256)) {
    add<Plain, Epilogue::None>(name);
    add<Plain, Epilogue::Added>(name);
    add<Plain, Epilogue::GeluTanh>(name);
    add<Plain, Epilogue::F32>(name);
  }
}

/// Outputs on wgmma's 64-row side.
template <int BM, int BN, int stages, int warpgroups, bool pingPong, int CM,
          int CN, int boxes = 1>
void addSwapped(const char *name) {
  using Plain = gemm::Config<T, false, BM, BN, stages, warpgroups, pingPong, CM,
                             CN, 1, 1, false, gemm::Columns, true, boxes>;
  add<Plain, Epilogue::Bias>(name);
  add<Plain, Epilogue::GeluErf>(name);
  add<Plain, Epilogue::Residual>(name);
  addWide<Plain, Epilogue::Bias, Epilogue::GeluErf, Epilogue::Residual>(name);
}

/// A cluster of CN CTAs that normalizes rows.
template <int BM, int BN, int stages, int warpgroups, int CN,
          bool swapped = false, int boxes = 1>
void addNorm(const char *name) {
  using Rows = gemm::Config<T, false, BM, BN, stages, warpgroups, false, 1, CN,
                            1, 1, true, gemm::Columns, swapped, boxes>;
  add<Rows, Epilogue::NormLayer>(name);
  add<Rows, Epilogue::NormRms>(name);
}

template <int group> struct Registrar {
  Registrar() {
#define CONFIG(number, name, ...)                                              \
  if constexpr (group == number)                                               \
    addConfig<__VA_ARGS__>(name);
#define SWAPPED(number, name, ...)                                             \
  if constexpr (group == number)                                               \
    addSwapped<__VA_ARGS__>(name);
#define NORM(number, name, ...)                                                \
  if constexpr (group == number)                                               \
    addNorm<__VA_ARGS__>(name);
#include "Configs.inc"
#undef CONFIG
#undef SWAPPED
#undef NORM
  }
};
Registrar<FT_GROUP> registrar;

} // namespace
