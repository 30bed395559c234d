//===- SmallKernelsTest.cpp - argmax, segments, feeding, random weights ---===//
#include "test/emulator/Array.h"

#include "runtime/device/cuda/FeedPtx.h"
#include "runtime/device/cuda/RandomWeightsPtx.h"
#include "test/gpu/SmallBatch.h"

using namespace check;

namespace {

template <typename T> void runArgmax(const char *architecture) {
  std::string instance = "check::argmaxKernel<" + nameOf<T>() + ">";
  Kernels kernels("GemvKernels.cuh", {instance}, architecture);
  if (auto status = kernels.open(); !status.ok()) {
    ASSERT_EQ(status.code(), ft::StatusCode::NotFound) << status.message();
    GTEST_SKIP() << status.message();
  }
  int before = failures;
  for (int columns : {1, 5, 1000, 5003})
    for (int chunks : {1, 4, 33}) {
      ++kernels.options.seed;
      checkArgmax<T>(
          5, columns, chunks, [&](unsigned x, unsigned y, auto... arguments) {
            kernels.launch(instance, {x, y, 1},
                           {unsigned(argmax::kThreads), 1, 1}, 0, arguments...);
          });
    }
  EXPECT_EQ(failures, before) << "printed above";
  // Parts of a row, one a CTA.
  constexpr int rows = 2, parts = 3, columns = 5, stride = 17;
  Array<T> x(rows * stride);
  Array<int> out(rows * parts), counts(1);
  for (int i = 0; i < rows * stride; ++i)
    store(x.host[i], float(i * 7 % 5));
  x.up();
  counts.host[0] = rows;
  counts.up();
  kernels.launch(instance, {rows, 1, parts}, {unsigned(argmax::kThreads), 1, 1},
                 0, x.device, i64(stride), columns, out.device, counts.device,
                 static_cast<u32 *>(nullptr), static_cast<float *>(nullptr));
  out.down();
  for (int r = 0; r < rows; ++r)
    for (int p = 0; p < parts; ++p) {
      int best = 0;
      for (int i = 1; i < columns; ++i)
        if ((r * stride + p * columns + i) * 7 % 5 >
            (r * stride + p * columns + best) * 7 % 5)
          best = i;
      EXPECT_EQ(out.host[r * parts + p], best) << r << " " << p;
    }
}
TEST(SmallKernelsTest, ArgmaxFloat) { runArgmax<float>("compute_80"); }
TEST(SmallKernelsTest, ArgmaxBf16) { runArgmax<bf16>("compute_90a"); }

template <segment_reduce::Kind kind, typename T>
void runSegments(Kernels &kernels, const std::string &instance) {
  checkSegments<kind, T>([&](unsigned x, unsigned y, auto... arguments) {
    kernels.launch(instance, {x, y, 1}, {32, 8, 1}, 0, arguments...);
  });
}
TEST(SmallKernelsTest, Segments) {
  std::vector<std::string> instances;
  for (int kind = 0; kind < 3; ++kind)
    instances.push_back("check::segmentKernel<ft::segment_reduce::Kind(" +
                        std::to_string(kind) + "), ft::f16>");
  Kernels kernels("GemvKernels.cuh", instances);
  if (auto status = kernels.open(); !status.ok()) {
    ASSERT_EQ(status.code(), ft::StatusCode::NotFound) << status.message();
    GTEST_SKIP() << status.message();
  }
  using segment_reduce::Kind;
  int before = failures;
  runSegments<Kind(0), f16>(kernels, instances[0]);
  runSegments<Kind(1), f16>(kernels, instances[1]);
  runSegments<Kind(2), f16>(kernels, instances[2]);
  EXPECT_EQ(failures, before) << "printed above";
}

/// A kernel of a text that the runtime holds.
template <typename... A>
void launchText(const char *text, const char *name,
                const ft::emulator::LaunchShape &shape, const A &...arguments) {
  auto module = ft::emulator::Module::parse(text);
  ASSERT_TRUE(module.ok()) << module.status().message();
  const void *params[] = {&arguments...};
  ft::Status status =
      ft::emulator::launch(**module, name, shape, params, memory);
  EXPECT_TRUE(status.ok()) << status.message();
}

TEST(SmallKernelsTest, RandomWeights) {
  Array<float> f32(1000);
  Array<bf16> half(1000);
  uint64_t key = 12345, first = 77, count = 1000;
  float scale = 0.25f;
  ft::emulator::LaunchShape shape{{3, 1, 1}, {64, 1, 1}, {}, 0};
  launchText(kRandomWeightsPtx, "ft_random_weights", shape, f32.device, key,
             first, count, scale, 0);
  launchText(kRandomWeightsPtx, "ft_random_weights", shape, half.device, key,
             first, count, scale, 2);
  f32.down(), half.down();
  for (uint64_t i = 0; i < count; ++i) {
    uint64_t z = key + (first + i + 1) * 0x9e3779b97f4a7c15u;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9u;
    z = (z ^ z >> 27) * 0x94d049bb133111ebu;
    z ^= z >> 31;
    float want = float(int(z >> 40) - (1 << 23)) * 0x1p-23f * scale;
    bf16 rounded;
    store(rounded, want);
    ASSERT_EQ(f32.host[i], want);
    ASSERT_EQ(half.host[i].bits, rounded.bits);
  }
}

TEST(SmallKernelsTest, FeedResolve) {
  Array<int> ids(300), tokens(8);
  for (int i = 0; i < 8; ++i)
    tokens.host[i] = 1000 + i;
  for (int i = 0; i < 300; ++i)
    ids.host[i] = i % 3 ? i : -1 - i % 8;
  ids.up(), tokens.up();
  launchText(kFeedPtx, "ft_feed_resolve", {{2, 1, 1}, {64, 1, 1}, {}, 0},
             ids.device, static_cast<long long>(300), tokens.device);
  ids.down();
  for (int i = 0; i < 300; ++i)
    EXPECT_EQ(ids.host[i], i % 3 ? i : 1000 + i % 8);
}

} // namespace
