//===- GemmKernelsTest.cpp - the Hopper GEMM, emulated --------------------===//
//
// The kernel and the allowed errors of test/gpu/gemm, on smaller cases and some
// of the tile shapes: each form of the template once.
//
//===----------------------------------------------------------------------===//
#include "test/emulator/Array.h"

#include "test/gpu/Check.h"
#include "test/gpu/gemm/Expected.h"
#include "test/gpu/gemm/GemmKernels.cuh"

using namespace check;
namespace gemm = ft::gemm;
using ft::i64;
using gemmtest::Epilogue;
using gemmtest::isNorm;
using gemmtest::Operands;
using gemmtest::RowNorm;
using gemmtest::Sum;

namespace {

constexpr float kEps = 1e-5f;

/// rows: true count; bound: rows of `a` that exist; gaps in elements.
struct GemmCase {
  int rows, bound, outputs, k, gapA, gapOut;
};

template <typename T> struct GemmBatch {
  const GemmCase &c;
  int n;
  int64_t aStride = c.k + c.gapA, outStride = c.outputs + c.gapOut;
  Array<T> a, w, bias, residual, scale, shift;
  Array<int> counts;

  GemmBatch(const GemmCase &shape, bool gated)
      : c(shape), n(gated ? 2 * c.outputs : c.outputs), a(c.bound * aStride),
        w(size_t(n) * c.k), bias(n), residual(c.bound * outStride), scale(n),
        shift(n), counts(1) {
    randomise(w, 1.5f / std::sqrt(float(c.k)));
    randomise(bias, 0.5f);
    randomise(scale, 1);
    randomise(shift, 0.5f);
    fillRows(a, c.k, aStride);
    fillRows(residual, c.outputs, outStride);
    counts.host[0] = c.rows;
    counts.up();
  }
  /// True rows; NaN between and behind them.
  void fillRows(Array<T> &array, int columns, int64_t stride) {
    poison(array);
    for (int r = 0; r < c.rows; ++r)
      for (int i = 0; i < columns; ++i)
        store(array.host[r * stride + i], normal());
    array.up();
  }
  Operands operands() const {
    auto bits = [](const Array<T> &array) {
      return reinterpret_cast<const uint16_t *>(array.host.data());
    };
    return {bits(a),     bits(w),     bits(bias), bits(residual),
            bits(scale), bits(shift), aStride,    outStride,
            c.rows,      c.outputs,   c.k,        std::is_same_v<T, bf16>};
  }
};

template <typename T, typename Out>
void compareOutputs(const GemmBatch<T> &batch, Epilogue epilogue,
                    const Array<Out> &out, const std::string &name) {
  Operands o = batch.operands();
  bool f32 = epilogue == Epilogue::F32;
  std::vector<Sum> sums(size_t(batch.n) * o.rows);
  for (int j = 0; j < batch.n; ++j)
    for (int m = 0; m < o.rows; ++m)
      sums[size_t(j) * o.rows + m] = sumOf(o, m, j);
  std::vector<RowNorm> rows(o.rows);
  for (int m = 0; isNorm(epilogue) && m < o.rows; ++m)
    rows[m] = rowNorm(o, epilogue, kEps, sums.data(), m);
  int wrong = 0, touched = 0;
  std::string first;
  for (size_t i = 0; i < out.host.size(); ++i) {
    int m = int(i / batch.outStride), j = int(i % batch.outStride);
    double got = hostFloat(out.host[i]);
    if (m >= o.rows || j >= o.outputs) {
      touched += got == got;
      continue;
    }
    Sum want = expected(o, epilogue, sums.data(), rows.data(), m, j);
    if (std::fabs(got - want.value) <= allowance(want, o.bf16, f32))
      continue;
    if (wrong++ == 0)
      first = "[" + std::to_string(m) + ", " + std::to_string(j) + "] is " +
              std::to_string(got) + ", expected " + std::to_string(want.value);
  }
  EXPECT_EQ(wrong, 0) << name << ": " << first;
  EXPECT_EQ(touched, 0) << name << ": written outside";
}

template <typename C, Epilogue epilogue>
void runCase(Kernels &kernels, const std::string &instance, const GemmCase &c) {
  using T = typename C::T;
  using Out = typename gemmtest::Finish<T, epilogue>::Out;
  GemmBatch<T> batch(c, C::kGated);
  bool isBf16 = std::is_same_v<T, bf16>;
  ft::TensorMap a, w;
  encodeMap(&a, isBf16, batch.a.device,
            {{c.k, 0, 64}, {c.bound, batch.aStride * 2, C::kBoxA}});
  encodeMap(&w, isBf16, batch.w.device,
            {{c.k, 0, 64}, {batch.n, c.k * 2, C::kBoxW}});
  Array<Out> out(c.bound * batch.outStride), sum(c.bound * batch.outStride);
  poison(sum);
  std::vector<Out> before;
  for (uint32_t clusters : {2, 3}) {
    poison(out);
    kernels.options.seed = clusters + c.rows;
    kernels.launch(
        instance, {C::kCluster * clusters, 1, 1}, {uint32_t(C::kThreads), 1, 1},
        C::kSharedBytes, a, w, batch.n, c.k, batch.counts.device, 0,
        static_cast<const void *>(batch.bias.device),
        static_cast<const void *>(batch.residual.device), i64(batch.outStride),
        static_cast<void *>(out.device), i64(batch.outStride),
        static_cast<const void *>(batch.scale.device),
        static_cast<const void *>(batch.shift.device), kEps,
        static_cast<void *>(sum.device));
    out.down();
    if (before.empty()) {
      compareOutputs(batch, epilogue, out, instance);
      sum.down();
      if (epilogue == Epilogue::NormRms)
        compareOutputs(batch, Epilogue::Residual, sum, instance + ", sum");
    } else
      EXPECT_EQ(std::memcmp(before.data(), out.host.data(),
                            before.size() * sizeof(Out)),
                0)
          << instance << ": another grid, other bits";
    before = out.host;
  }
}

/// Whole rows of the cluster's columns, ragged ones, one column in the last
/// CTA, none in it; every tile's rows true and some.
template <typename C> std::vector<GemmCase> normCases() {
  int most = C::CN * C::BN;
  std::vector<GemmCase> cases{{1, 16, most, 8, 0, 0},
                              {65, 80, most - 1, 200, 8, 3},
                              {0, 16, most, 128, 0, 0},
                              {300, 320, most - C::BN / 2, 136, 8, 0},
                              {65, 80, most - C::BN + 1, 72, 0, 1}};
  if (C::CN > 1)
    cases.push_back({129, 144, most - C::BN, 776, 0, 0});
  return cases;
}

template <typename C, Epilogue epilogue> void runConfig() {
  std::string instance = "gemmtest::kernel<" + nameOf<C>() +
                         ", gemmtest::Epilogue(" +
                         std::to_string(int(epilogue)) + ")>";
  Kernels kernels("gemm/GemmKernels.cuh", {instance});
  if (auto status = kernels.open(); !status.ok()) {
    ASSERT_EQ(status.code(), ft::StatusCode::NotFound) << status.message();
    GTEST_SKIP() << status.message();
  }
  std::vector<GemmCase> cases{{1, 16, 96, 8, 0, 0},
                              {65, 80, 171, 200, 0, 0},
                              {0, 16, 96, 128, 0, 0},
                              {300, 320, 257, 136, 8, 3},
                              {129, 144, 200, 776, 0, 8}};
  if constexpr (isNorm(epilogue))
    cases = normCases<C>();
  for (const GemmCase &c : cases)
    runCase<C, epilogue>(kernels, instance, c);
}

TEST(GemmKernelsTest, Plain) {
  runConfig<gemm::Config<bf16, false, 128, 128, 5, 2>, Epilogue::Residual>();
}
TEST(GemmKernelsTest, ThreeWarpgroupsCluster) {
  runConfig<gemm::Config<f16, false, 192, 128, 4, 3, false, 2, 1>,
            Epilogue::GeluTanh>();
}
TEST(GemmKernelsTest, ThreeWarpgroups) {
  runConfig<gemm::Config<bf16, false, 192, 192, 3, 3>, Epilogue::Residual>();
}
TEST(GemmKernelsTest, TwoCtasShareRows) {
  runConfig<gemm::Config<f16, false, 128, 96, 7, 2, false, 1, 2>,
            Epilogue::GeluErf>();
}
TEST(GemmKernelsTest, LastTileOfFewColumns) {
  runConfig<gemm::Config<f16, false, 128, 160, 5, 2>, Epilogue::Residual>();
}

// Rows of 288 bytes are stored whole.
TEST(GemmKernelsTest, WholeRows) {
  runConfig<gemm::Config<f16, false, 128, 144, 5, 2>, Epilogue::Residual>();
}

// Two slots for six parts of a row: residuals come while others are stored.
TEST(GemmKernelsTest, FewSlots) {
  runConfig<gemm::Config<bf16, false, 128, 192, 5, 2>, Epilogue::Residual>();
}
TEST(GemmKernelsTest, TwoByTwoGated) {
  runConfig<gemm::Config<bf16, true, 128, 96, 7, 2, false, 2, 2, 1>,
            Epilogue::Gated>();
}
TEST(GemmKernelsTest, OneWarpgroupEightCtas) {
  runConfig<gemm::Config<bf16, false, 64, 96, 8, 1, false, 4, 2, 1>,
            Epilogue::F32>();
}
TEST(GemmKernelsTest, TwoCtasOfAMultiprocessor) {
  runConfig<gemm::Config<f16, false, 64, 128, 3, 1, false, 2, 1, 2>,
            Epilogue::GeluErf>();
}
TEST(GemmKernelsTest, PingPong) {
  runConfig<gemm::Config<bf16, false, 64, 192, 5, 2, true, 2, 1>,
            Epilogue::Bias>();
}
TEST(GemmKernelsTest, PingPongTwoByTwo) {
  runConfig<gemm::Config<bf16, true, 128, 128, 5, 2, true, 2, 2>,
            Epilogue::Gated>();
}
// Outputs of 176 and 224 bytes a row, no bias.
TEST(GemmKernelsTest, PingPongGatedPartOfAPart) {
  runConfig<gemm::Config<bf16, true, 128, 176, 5, 2, true>,
            Epilogue::SiluMul>();
}
TEST(GemmKernelsTest, PingPongGatedSharedRows) {
  runConfig<gemm::Config<bf16, true, 128, 176, 5, 2, true, 1, 2>,
            Epilogue::SiluMul>();
}
TEST(GemmKernelsTest, GatedPartOfAPart) {
  runConfig<gemm::Config<bf16, true, 128, 224, 4, 2>, Epilogue::SiluMul>();
}
TEST(GemmKernelsTest, ThreeWarpgroupsGated) {
  runConfig<gemm::Config<bf16, true, 192, 128, 5, 3>, Epilogue::SiluMul>();
}
TEST(GemmKernelsTest, SharedKNarrow) {
  runConfig<gemm::Config<bf16, false, 128, 64, 8, 2, false, 1, 1, 1, 2>,
            Epilogue::Added>();
}
TEST(GemmKernelsTest, SharedKSquare) {
  runConfig<gemm::Config<bf16, false, 128, 128, 5, 2, false, 1, 1, 1, 2>,
            Epilogue::Added>();
}
TEST(GemmKernelsTest, SharedK) {
  runConfig<gemm::Config<bf16, false, 128, 96, 6, 2, false, 2, 1, 1, 2>,
            Epilogue::Residual>();
}
TEST(GemmKernelsTest, SharedKTwoByTwo) {
  runConfig<gemm::Config<f16, false, 128, 96, 6, 2, false, 2, 2, 1, 2>,
            Epilogue::None>();
}

TEST(GemmKernelsTest, FourCtasShareK) {
  runConfig<gemm::Config<bf16, false, 64, 32, 8, 1, false, 1, 1, 1, 4>,
            Epilogue::GeluErf>();
}
TEST(GemmKernelsTest, ThreeCtasShareK) {
  runConfig<gemm::Config<f16, false, 128, 192, 3, 2, false, 1, 1, 1, 3>,
            Epilogue::Residual>();
}
TEST(GemmKernelsTest, ThreeSmallCtasShareK) {
  runConfig<gemm::Config<bf16, false, 64, 96, 8, 1, false, 1, 1, 1, 3>,
            Epilogue::Added>();
}
TEST(GemmKernelsTest, SharedKOfThreeWarpgroups) {
  runConfig<gemm::Config<bf16, false, 192, 128, 3, 3, false, 1, 1, 1, 2>,
            Epilogue::Added>();
}
TEST(GemmKernelsTest, SharedKOfOneWarpgroup) {
  runConfig<gemm::Config<f16, false, 64, 96, 8, 1, false, 2, 1, 1, 2>,
            Epilogue::Residual>();
}
TEST(GemmKernelsTest, NormOfEightCtas) {
  runConfig<gemm::Config<bf16, false, 64, 48, 8, 1, false, 1, 8, 1, 1, true>,
            Epilogue::NormLayer>();
}
TEST(GemmKernelsTest, NormOfThreeCtasTwoWarpgroups) {
  runConfig<gemm::Config<f16, false, 128, 128, 5, 2, false, 1, 3, 1, 1, true>,
            Epilogue::NormRms>();
}
TEST(GemmKernelsTest, NormOfOneCta) {
  runConfig<gemm::Config<bf16, false, 64, 96, 8, 1, false, 1, 1, 1, 1, true>,
            Epilogue::NormRms>();
}

// Outputs on the 64-row side: three parts of 24 rows, and slots for all.
template <typename T, int BM, int BN, int stages, int warpgroups,
          bool pingPong = false, int CM = 1, int CN = 1, int boxes = 1>
using Swapped = gemm::Config<T, false, BM, BN, stages, warpgroups, pingPong, CM,
                             CN, 1, 1, false, gemm::Columns, true, boxes>;

TEST(GemmKernelsTest, Swapped) {
  runConfig<Swapped<bf16, 72, 128, 7, 2, false, 2>, Epilogue::Residual>();
}
TEST(GemmKernelsTest, SwappedByTurns) {
  runConfig<Swapped<f16, 72, 128, 7, 2, true>, Epilogue::Residual>();
}
TEST(GemmKernelsTest, SwappedThreeWarpgroups) {
  runConfig<Swapped<f16, 144, 192, 4, 3, false, 1, 2>, Epilogue::GeluErf>();
}
TEST(GemmKernelsTest, SwappedTwoBlocks) {
  runConfig<Swapped<bf16, 144, 256, 4, 2>, Epilogue::Bias>();
}
// Two slots for six parts: residuals come while others leave.
TEST(GemmKernelsTest, SwappedFewSlots) {
  runConfig<Swapped<bf16, 144, 256, 4, 2>, Epilogue::Added>();
}
TEST(GemmKernelsTest, SwappedOneWarpgroup) {
  runConfig<Swapped<f16, 80, 64, 10, 1>, Epilogue::Residual>();
}
TEST(GemmKernelsTest, SwappedWide) {
  runConfig<Swapped<bf16, 112, 128, 5, 2>, Epilogue::F32>();
}
TEST(GemmKernelsTest, SwappedTwoBoxes) {
  runConfig<Swapped<bf16, 72, 64, 6, 1, false, 1, 1, 2>, Epilogue::Residual>();
}

// Few rows, normalized: warps of 16 outputs, CTAs of 128, or 64, the cluster.
template <typename T, int BM, int BN, int stages, int warpgroups, int CN,
          int boxes = 1>
using SwappedNorm = gemm::Config<T, false, BM, BN, stages, warpgroups, false, 1,
                                 CN, 1, 1, true, gemm::Columns, true, boxes>;

TEST(GemmKernelsTest, SwappedNormOfThreeCtas) {
  runConfig<SwappedNorm<bf16, 16, 128, 11, 2, 3>, Epilogue::NormLayer>();
}
TEST(GemmKernelsTest, SwappedNormStoresSums) {
  runConfig<SwappedNorm<f16, 32, 128, 10, 2, 2>, Epilogue::NormRms>();
}
TEST(GemmKernelsTest, SwappedNormTwoParts) {
  runConfig<SwappedNorm<f16, 64, 128, 8, 2, 2>, Epilogue::NormLayer>();
}
TEST(GemmKernelsTest, SwappedNormOneWarpgroup) {
  runConfig<SwappedNorm<bf16, 40, 64, 5, 1, 4, 2>, Epilogue::NormLayer>();
}

// Stages of 128 columns: k of whole boxes, of one and a part, of a part.
template <typename T, int BN, int stages, int CM = 1, int CN = 1,
          int splits = 1>
using TwoBoxes = gemm::Config<T, false, 64, BN, stages, 1, false, CM, CN, 1,
                              splits, false, gemm::Columns, false, 2>;

TEST(GemmKernelsTest, TwoBoxes) {
  runConfig<TwoBoxes<f16, 96, 5>, Epilogue::GeluErf>();
}
TEST(GemmKernelsTest, TwoBoxesShareRows) {
  runConfig<TwoBoxes<bf16, 96, 5, 1, 2>, Epilogue::Residual>();
}
TEST(GemmKernelsTest, TwoBoxesShareWeights) {
  runConfig<TwoBoxes<f16, 96, 5, 2, 1>, Epilogue::Bias>();
}
TEST(GemmKernelsTest, TwoBoxesFourCtasShareK) {
  runConfig<TwoBoxes<bf16, 64, 6, 1, 1, 4>, Epilogue::Residual>();
}
TEST(GemmKernelsTest, TwoBoxesOfTwoWarpgroupsShareK) {
  runConfig<gemm::Config<bf16, false, 128, 64, 4, 2, false, 1, 1, 1, 2, false,
                         gemm::Columns, false, 2>,
            Epilogue::Added>();
}

} // namespace
