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

int main() {
  checkSize<joined::Config<f16>>();
  checkSize<joined::Config<bf16>>();
  checkSize<joined::Config<f16, 32>>();
  checkSize<joined::Config<bf16, 48>>();
  return finish();
}
