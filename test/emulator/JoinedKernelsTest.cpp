//===- JoinedKernelsTest.cpp - attention with its linears, emulated -------===//
//
// The kernels, cases and references of test/gpu/joined_check.cu.
//
//===----------------------------------------------------------------------===//
#include "test/emulator/Array.h"

#include "test/gpu/JoinedBatch.h"

using namespace check;

namespace {

template <typename C> void runJoined(const std::string &config) {
  std::string instance = "check::joinedKernel<joined::Config<" + config + ">>";
  Kernels kernels("JoinedKernels.cuh", {instance});
  if (auto status = kernels.open(); !status.ok()) {
    ASSERT_EQ(status.code(), ft::StatusCode::NotFound) << status.message();
    GTEST_SKIP() << status.message();
  }
  int before = failures;
  joinedCases([&](const JoinedCase &c) {
    checkJoined<C>(c, [&](auto &b) {
      kernels.launch(instance, {uint32_t(c.grid), 1, 1},
                     {uint32_t(C::kThreads), 1, 1}, C::kSharedBytes, b.xMap,
                     b.wMap, b.args());
      ++kernels.options.seed;
    });
  });
  EXPECT_EQ(failures, before) << "printed above";
}
#define RUN_JOINED(...) runJoined<joined::Config<__VA_ARGS__>>(#__VA_ARGS__)

template <typename C> void runCluster(const std::string &config) {
  std::string instance =
      "check::clusterKernel<joined::ClusterConfig<" + config + ">>";
  Kernels kernels("JoinedKernels.cuh", {instance});
  if (auto status = kernels.open(); !status.ok()) {
    ASSERT_EQ(status.code(), ft::StatusCode::NotFound) << status.message();
    GTEST_SKIP() << status.message();
  }
  int before = failures;
  clusterCases<C>([&](const JoinedCase &c) {
    checkJoined<C>(c, [&](auto &b) {
      kernels.launch(
          instance,
          {uint32_t(c.heads * C::kCluster), uint32_t(c.lengths.size() + 1), 1},
          {uint32_t(C::kThreads), 1, 1}, C::kSharedBytes, b.xMap, b.wMap,
          b.clusterArgs());
      ++kernels.options.seed;
    });
  });
  EXPECT_EQ(failures, before) << "printed above";
}
#define RUN_CLUSTER(...)                                                       \
  runCluster<joined::ClusterConfig<__VA_ARGS__>>(#__VA_ARGS__)

/// Stages that are given back one product too early.
TEST(JoinedKernelsTest, PlantedRace) {
  using C = joined::Config<f16>;
  std::string instance = "check::joinedKernel<joined::Config<f16>>";
  Kernels kernels("JoinedKernels.cuh", {instance});
  std::string release = "      if (step > 0 && lane() == 0)";
  auto status =
      kernels.plant("sm90/gemm_attention.cuh", "wgmmaWait<1>();\n" + release,
                    "wgmmaWait<2>();\n" + release);
  ASSERT_TRUE(status.ok()) << status.message();
  if (status = kernels.open(); !status.ok()) {
    ASSERT_EQ(status.code(), ft::StatusCode::NotFound) << status.message();
    GTEST_SKIP() << status.message();
  }
  struct Done {};
  try {
    joinedCases([&](const JoinedCase &c) {
      checkJoined<C>(c, [&](auto &b) {
        status = kernels.tryLaunch(instance, {uint32_t(c.grid), 1, 1},
                                   {uint32_t(C::kThreads), 1, 1},
                                   C::kSharedBytes, b.xMap, b.wMap, b.args());
        ++kernels.options.seed;
        if (!status.ok())
          throw Done{}; // there is nothing to compare
      });
    });
  } catch (Done) {
  }
  EXPECT_NE(status.message().find("a race: writes shared memory"),
            std::string::npos)
      << status.message();
}

TEST(JoinedKernelsTest, F16) { RUN_JOINED(f16); }
TEST(JoinedKernelsTest, BF16) { RUN_JOINED(bf16); }
TEST(JoinedKernelsTest, Heads32) { RUN_JOINED(f16, 32); }
TEST(JoinedKernelsTest, Heads48) { RUN_JOINED(bf16, 48); }
TEST(JoinedKernelsTest, Cluster32) { RUN_CLUSTER(f16, 32, 1, 32, 4); }
TEST(JoinedKernelsTest, Cluster64) { RUN_CLUSTER(bf16, 64, 1, 64, 4); }
TEST(JoinedKernelsTest, Cluster128) { RUN_CLUSTER(f16, 64, 2, 128, 4); }
TEST(JoinedKernelsTest, Cluster128Ring) {
  RUN_CLUSTER(bf16, 64, 2, 128, 2, true);
}
TEST(JoinedKernelsTest, Cluster208) { RUN_CLUSTER(f16, 112, 2, 208, 3, true); }

} // namespace
