//===- GemvKernelsTest.cpp - linear layers of a few rows, emulated --------===//
//
// The kernels and references of test/gpu/gemv_check.cu, on smaller shapes.
//
//===----------------------------------------------------------------------===//
#include "test/emulator/Array.h"

#include "test/gpu/GemvBatch.h"

using namespace check;

namespace {

constexpr char kHeader[] = "GemvKernels.cuh";

template <typename T, typename Out, typename Norm, bool gated>
std::string instance(const Ring &ring) {
  std::string types = nameOf<T>() + std::string(", ") + nameOf<Out>() + ", " +
                      nameOf<Norm>() + (gated ? ", true" : ", false");
  if (ring.stages == 0)
    return "check::gemvKernel<" + types + ">";
  std::string ctas = std::to_string(ring.ctas) + ", ";
  std::string chunks = std::to_string(ring.chunks);
  if (ring.cluster > 1)
    return "check::ringClusters<" + types + ", " + ctas + chunks + ", " +
           std::to_string(ring.cluster) + ">";
  return "check::ringKernel<" + types + ", ft::gemv::XIn::" +
         (ring.where == gemv::XIn::Registers ? "Registers"
          : ring.where == gemv::XIn::Shared  ? "Shared"
                                             : "SharedIfRoom") +
         ", " + ctas + chunks + ">";
}

template <typename T, typename Out, typename Norm, bool gated>
void runCase(Kernels &kernels, const GemvCase &c) {
  int before = failures;
  using B = GemvBatch<T, Out, Norm, gated>;
  checkGemv<T, Out, Norm, gated>(c, [&](const B &b) {
    bool ring = c.ring.stages > 0;
    kernels.launch(instance<T, Out, Norm, gated>(c.ring),
                   {uint32_t(c.grid * c.ring.cluster), 1, 1},
                   {uint32_t(ring ? gemv::kRingThreads : gemv::kThreads), 1, 1},
                   b.shared(), b.x.device, i64(b.xStride), b.w.device, c.n, c.k,
                   b.counts.device, b.norm(), b.epilogue());
    ++kernels.options.seed;
  });
  EXPECT_EQ(failures, before) << "printed above";
}

template <typename T, typename Norm, bool gated> void runRing() {
  std::vector<Ring> kinds = ringKinds<Norm>();
  std::vector<std::string> instances;
  for (const Ring &kind : kinds)
    instances.push_back(instance<T, T, Norm, gated>(kind));
  Kernels kernels(kHeader, instances);
  if (auto status = kernels.open(); !status.ok()) {
    ASSERT_EQ(status.code(), ft::StatusCode::NotFound) << status.message();
    GTEST_SKIP() << status.message();
  }
  for (const Ring &kind : kinds) {
    auto run = [&](GemvCase c, int stages, int rows = 8) {
      if (kind.where == gemv::XIn::Registers && c.k > heldValues(kind))
        return;
      c.ring = kind;
      c.ring.stages = stages, c.ring.rows = rows;
      runCase<T, T, Norm, gated>(kernels, c);
    };
    for (int m : {1, 2, 3, 4, 5, 6, 7, 8})
      run({m, std::min(m + 2, 8), 34, 328, 3, 8}, m % 2 ? 2 : 5, m % 2 * 8);
    run({3, 3, 30, 8, 2, 0}, 5);        // less than a unit of k
    run({0, 2, 64, 64, 5, 0}, 4);       // no rows
    run({1, 1, 90, 1048, 40, 0}, 1, 0); // fewer rows than CTAs, one stage
    run({2, 2, 34, 2056, 1, 0}, 3);     // half the warps for a row's norm
    run({1, 8, 6, 4096, 2, 0}, 2);      // two vectors of a thread
    run({5, 8, 160, 2056, 2, 0}, 2, 4); // several turns of the ring
    run({3, 8, 110, 136, 1, 0}, 2);     // groups of which a warp is ahead
    run({2, 2, 20, 4104, 1, 8}, 3);
    run(kNoBiasCase, 3);
    if (kind.where == gemv::XIn::Registers) {
      run({8, 8, 34, 14336, 1, 8}, 4);
      continue;
    }
    run(kSkewedCase, 3);
  }
}

TEST(GemvKernelsTest, RingBf16) { runRing<bf16, NoNorm, false>(); }
TEST(GemvKernelsTest, RingF16Gated) { runRing<f16, NoNorm, true>(); }
TEST(GemvKernelsTest, RingBf16RmsNormGated) { runRing<bf16, RmsNorm, true>(); }
TEST(GemvKernelsTest, RingF16LayerNorm) { runRing<f16, LayerNorm, false>(); }

/// A ring whose stages are given back while other lanes read them.
TEST(GemvKernelsTest, PlantedRace) {
  Ring ring{2, 4, gemv::XIn::Shared, 1};
  std::string kernel = instance<bf16, bf16, NoNorm, false>(ring);
  Kernels kernels(kHeader, {kernel});
  std::string arrival = "    warpArrive(memory_.empty(place.stage));";
  auto status = kernels.plant("sm90/gemv_sums.cuh",
                              "    __syncwarp();\n" + arrival, arrival);
  ASSERT_TRUE(status.ok()) << status.message();
  if (status = kernels.open(); !status.ok()) {
    ASSERT_EQ(status.code(), ft::StatusCode::NotFound) << status.message();
    GTEST_SKIP() << status.message();
  }
  GemvCase c{3, 5, 160, 2056, 2, 0};
  c.ring = ring;
  struct Done {};
  try {
    checkGemv<bf16, bf16, NoNorm, false>(c, [&](const auto &b) {
      status =
          kernels.tryLaunch(kernel, {uint32_t(c.grid), 1, 1},
                            {uint32_t(gemv::kRingThreads), 1, 1}, b.shared(),
                            b.x.device, i64(b.xStride), b.w.device, c.n, c.k,
                            b.counts.device, b.norm(), b.epilogue());
      throw Done{}; // there is nothing to compare
    });
  } catch (Done) {
  }
  EXPECT_NE(status.message().find("a race: writes shared memory"),
            std::string::npos)
      << status.message();
}

template <typename T, typename Norm, bool gated> void runPlain() {
  Kernels kernels(kHeader, {instance<T, T, Norm, gated>(Ring{})}, "compute_80");
  if (auto status = kernels.open(); !status.ok()) {
    ASSERT_EQ(status.code(), ft::StatusCode::NotFound) << status.message();
    GTEST_SKIP() << status.message();
  }
  auto run = [&](const GemvCase &c) { runCase<T, T, Norm, gated>(kernels, c); };
  for (int m : {1, 2, 3, 4, 5, 8, 9})
    run({m, m + 2, 48, 320, 3, 8});
  run({3, 3, 30, 8, 2, 0});
  run({0, 2, 64, 64, 5, 0});
  run({2, 4, 66, 77, 3, 0}); // odd k
  run({7, 8, 66, 77, 3, 1});
  run({6, 8, 50, 128, 3, 3}); // odd stride of x
}

TEST(GemvKernelsTest, Bf16) { runPlain<bf16, NoNorm, false>(); }
TEST(GemvKernelsTest, F16LayerNormGated) { runPlain<f16, LayerNorm, true>(); }
TEST(GemvKernelsTest, FloatRmsNorm) { runPlain<float, RmsNorm, false>(); }

} // namespace
