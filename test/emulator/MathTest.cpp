//===- MathTest.cpp - functions of results that are rounded to 16 bits ----===//
#include "test/emulator/Array.h"

#include <cmath>
#include <limits>

using namespace check;

namespace {

struct Results {
  float geluErf, geluTanh, sigmoid, silu;
};

/// False where there is no NVRTC.
bool compute(const std::vector<float> &x, std::vector<Results> &out) {
  Kernels kernels("MathKernels.cuh", {"check::roundedKernel"});
  if (auto status = kernels.open(); !status.ok()) {
    EXPECT_EQ(status.code(), ft::StatusCode::NotFound) << status.message();
    return false;
  }
  Array<float> in(x.size());
  Array<Results> results(x.size());
  in.host = x;
  in.up();
  constexpr unsigned threads = 128;
  unsigned ctas = (unsigned(x.size()) + threads - 1) / threads;
  kernels.launch("check::roundedKernel", {ctas, 1, 1}, {threads, 1, 1}, 0,
                 in.device, reinterpret_cast<float *>(results.device),
                 int(x.size()));
  results.down();
  out = results.host;
  return true;
}

/// Within `relative` of it, or `absolute`.
void expectNear(const char *what, double x, double found, double expected,
                double relative, double absolute) {
  EXPECT_LE(std::fabs(found - expected),
            std::max(relative * std::fabs(expected), absolute))
      << what << " of " << x << " is " << found << ", expected " << expected;
}

/// The bounds of math.cuh's comments, and fp32's own rounding of the result.
TEST(MathTest, WithinWhatIsPromised) {
  std::vector<float> x;
  for (int i = -12000; i <= 12000; ++i)
    x.push_back(float(i) * 1e-3f);
  for (float tiny = 1e-6f; tiny < 1e-3f; tiny *= 1.3f)
    x.insert(x.end(), {tiny, -tiny});
  std::vector<Results> found;
  if (!compute(x, found))
    GTEST_SKIP() << "no NVRTC";
  for (size_t i = 0; i < x.size(); ++i) {
    double v = x[i], fp32 = std::ldexp(std::fabs(v), -23);
    double gelu = 0.5 * v * std::erfc(-v / std::sqrt(2.0));
    double u = std::sqrt(2 / M_PI) * (v + 0.044715 * v * v * v);
    double sigmoid = 1 / (1 + std::exp(-v));
    expectNear("geluErf16", v, found[i].geluErf, gelu,
               v >= -3 && v < 0 ? 3.5e-5 : 0,
               v >= -3 && v < 0 ? 0 : 5e-6 + fp32);
    expectNear("geluTanh16", v, found[i].geluTanh, v / (1 + std::exp(-2 * u)),
               2e-5, 1e-30);
    expectNear("sigmoid16", v, found[i].sigmoid, sigmoid, 0x1p-20, 0);
    expectNear("silu16", v, found[i].silu, v * sigmoid, 0x1p-20, 0);
  }
}

TEST(MathTest, Ends) {
  constexpr float infinity = std::numeric_limits<float>::infinity();
  std::vector<Results> y;
  if (!compute({infinity, 65504, 3e38f, -65504, -3e38f, -infinity, NAN}, y))
    GTEST_SKIP() << "no NVRTC";
  for (int i = 0; i < 3; ++i) {
    float x = i == 0 ? infinity : i == 1 ? 65504 : 3e38f;
    EXPECT_EQ(y[i].geluErf, x);
    EXPECT_EQ(y[i].sigmoid, 1);
    EXPECT_EQ(y[i].silu, x);
  }
  for (int i = 3; i < 6; ++i)
    EXPECT_EQ(y[i].geluErf, 0);
  for (int i = 3; i < 5; ++i) {
    EXPECT_EQ(y[i].sigmoid, 0);
    EXPECT_EQ(y[i].silu, 0);
  }
  EXPECT_TRUE(std::isnan(y[6].sigmoid) && std::isnan(y[6].silu));
}

} // namespace
