//===- joined_check.cu - gemm_attention.cuh against fp64 ------------------===//
#include "CudaArray.h"
#include "JoinedBatch.h"

using namespace check;

template <typename C> static void checkSize() {
  auto kernel = joinedKernel<C>;
  preferShared(kernel, C::kSharedBytes);
  joinedCases([&](const JoinedCase &c) {
    checkJoined<C>(c, [&](auto &b) {
      launch(kernel, c.grid, C::kThreads, C::kSharedBytes, nullptr, b.xMap,
             b.wMap, b.args());
    });
  });
}

template <typename C> static void checkCluster() {
  auto kernel = clusterKernel<C>;
  preferShared(kernel, C::kSharedBytes);
  clusterCases<C>([&](const JoinedCase &c) {
    checkJoined<C>(c, [&](auto &b) {
      launch(kernel, dim3(c.heads * C::kCluster, c.lengths.size() + 1),
             C::kThreads, C::kSharedBytes, nullptr, b.xMap, b.wMap,
             b.clusterArgs());
    });
  });
}

int main() {
  checkSize<joined::Config<f16>>();
  checkSize<joined::Config<bf16>>();
  checkSize<joined::Config<f16, 32>>();
  checkSize<joined::Config<bf16, 48>>();
  checkCluster<joined::ClusterConfig<f16, 32, 1, 32, 4>>();
  checkCluster<joined::ClusterConfig<bf16, 64, 1, 64, 4>>();
  checkCluster<joined::ClusterConfig<f16, 64, 2, 128, 4>>();
  checkCluster<joined::ClusterConfig<bf16, 64, 2, 128, 2, true>>();
  checkCluster<joined::ClusterConfig<f16, 112, 2, 208, 3, true>>();
  return finish();
}
