//===- SampleKernelsTest.cpp - the choice of tokens, emulated -------------===//
//
// The kernel of test/gpu/sampling_check.cu against runtime/sampling, bit for
// bit, on smaller vocabularies.
//
//===----------------------------------------------------------------------===//
#include "test/emulator/Array.h"

#include "test/gpu/SampleBatch.h"

using namespace check;

namespace {

template <typename T> std::string instance() {
  return "check::sampleKernel<" + nameOf<T>() + ">";
}

template <typename T>
void runRows(const char *architecture, int columns, int chunks, bool keepKeys,
             float deviation) {
  Kernels kernels("SampleKernels.cuh", {instance<T>()}, architecture);
  if (auto status = kernels.open(); !status.ok()) {
    ASSERT_EQ(status.code(), ft::StatusCode::NotFound) << status.message();
    GTEST_SKIP() << status.message();
  }
  int before = failures;
  for (uint64_t seed : {1, 2}) { // two orders of the warps
    kernels.options.seed = seed;
    checkRows<T>(
        columns, chunks, keepKeys, deviation, [&](const SampleBatch<T> &b) {
          bool many = b.chunks > 8;
          kernels.launch(instance<T>(),
                         {uint32_t(b.rows), uint32_t(b.chunks), 1}, {512, 1, 1},
                         b.room * 4, static_cast<const T *>(b.x.device),
                         i64(b.columns), b.columns, b.out.device,
                         b.counts.device, b.wanted.device, b.positions.device,
                         b.records.device, b.slots.device, b.slotBytes, b.room,
                         many ? b.counters.device : nullptr,
                         many ? b.partials.device : nullptr);
        });
  }
  EXPECT_EQ(failures, before) << "printed above";
}

TEST(SampleKernelsTest, TinyVocabulary) {
  runRows<float>("compute_90a", 5, 8, true, 4);
}
TEST(SampleKernelsTest, Chunks) {
  runRows<float>("compute_90a", 1000, 16, true, 0.5f);
}
TEST(SampleKernelsTest, EqualLogits) {
  runRows<float>("compute_90a", 1000, 8, true, 0);
}
TEST(SampleKernelsTest, KeysMadeAgain) {
  runRows<bf16>("compute_90a", 5003, 8, false, 3);
}
TEST(SampleKernelsTest, WithoutClusters) {
  runRows<f16>("compute_80", 1001, 1, true, 3);
}

} // namespace
