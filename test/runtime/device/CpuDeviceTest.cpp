//===- CpuDeviceTest.cpp - what only the CPU device promises --------------===//
#include "runtime/device/cpu/CpuDevice.h"
#include "runtime/device/cpu/Convert.h"
#include "runtime/device/cpu/ThreadPool.h"
#include "test/runtime/device/TestProgram.h"

#include <gtest/gtest.h>

#include <atomic>
#include <cmath>
#include <cstring>

namespace ft::test {

//===----------------------------------------------------------------------===//
// Conversions: every 16-bit pattern
//===----------------------------------------------------------------------===//

TEST(ConvertTest, WidensEveryPattern) {
  std::vector<uint16_t> bits(65536);
  for (size_t i = 0; i < bits.size(); ++i)
    bits[i] = uint16_t(i);
  std::vector<float> wide(bits.size());
  for (DType type : {DType::F16, DType::BF16}) {
    widen(wide.data(), reinterpret_cast<std::byte *>(bits.data()), type,
          int64_t(bits.size()));
    for (size_t i = 0; i < bits.size(); ++i) {
      float want = type == DType::F16 ? f16ToF32(bits[i]) : bf16ToF32(bits[i]);
      if (std::isnan(want))
        ASSERT_TRUE(std::isnan(wide[i])) << i;
      else
        ASSERT_EQ(0, std::memcmp(&wide[i], &want, 4)) << i;
    }
  }
}

//===----------------------------------------------------------------------===//
// Threads
//===----------------------------------------------------------------------===//

TEST(ThreadPoolTest, RunsEveryIndexOnce) {
  for (int threads : {1, 2, 5}) {
    ThreadPool pool(threads);
    EXPECT_EQ(pool.threads(), threads);
    for (int64_t count : {0, 1, 7, 1000})
      for (int64_t grain : {1, 3, 1000}) {
        std::vector<std::atomic<int>> visits(size_t(count) + 1);
        pool.forEach(count, grain, [&](int64_t begin, int64_t end) {
          EXPECT_EQ(begin % grain, 0);
          EXPECT_LE(end - begin, grain);
          for (int64_t i = begin; i < end; ++i)
            ++visits[size_t(i)];
        });
        for (int64_t i = 0; i <= count; ++i)
          ASSERT_EQ(visits[size_t(i)], i < count ? 1 : 0);
      }
  }
}

/// A step of every op whose work is divided: linear, norm, rope, attention.
static Values runMixture(CpuOptions options, DType dtype) {
  auto device = openCpuDevice(options);
  EXPECT_TRUE(device.ok());
  TestProgram program;
  auto random = [&](Shape shape, uint64_t key) {
    return program.weight(dtype, shape,
                          randomValues(elementCount(shape), dtype, key, 0.1));
  };
  plan::Ref x = program.buffer(dtype, kTokens, {200});
  plan::Ref q = program.buffer(dtype, kTokens, {6, 32});
  plan::Ref a = program.buffer(dtype, kTokens, {6, 32});
  plan::Ref s = program.sequences();
  plan::Ref pooled = program.buffer(DType::F32, kSequences, {6, 32});
  program.op("rms_norm", {x, random({200}, 1)}, {x}, {{"eps", 1e-5}});
  program.op("linear", {x, random({192, 200}, 2)}, {q});
  program.op("rope", {q, s, random({400, 32}, 3)}, {q});
  program.op("attention", {q, q, q, s}, {a},
             {{"scale", 0.2}, {"causal", true}});
  program.op("segment_reduce", {a, s}, {pooled},
             {{"kind", std::string("mean")}});
  TestRun run(**device, program, {{{270}, {1}, {60}}, {}, 3});
  run.write(x, randomValues(331 * 200, dtype, 4));
  EXPECT_TRUE(run.run().ok());
  return run.read(pooled);
}

TEST(CpuDeviceTest, BitsDoNotDependOnThreads) {
  for (bool library : {true, false})
    for (DType dtype : {DType::F32, DType::BF16}) {
      Values one = runMixture({.threads = 1, .library = library}, dtype);
      for (int threads : {2, 3, 8})
        EXPECT_EQ(runMixture({.threads = threads, .library = library}, dtype),
                  one);
    }
}

TEST(CpuDeviceTest, DescribesThreadsAndLibrary) {
  auto device = openCpuDevice({.threads = 3, .library = false});
  EXPECT_EQ((*device)->describe(), "CPU, 3 threads, own matrix products "
                                   "(libopenblas.so.0 not opened)");
}

//===----------------------------------------------------------------------===//
// Plans that contradict the specification are refused at load
//===----------------------------------------------------------------------===//

namespace {
struct WrongCase {
  const char *expected; // in the message
  void (*build)(TestProgram &);
};
} // namespace

static plan::Ref floats(TestProgram &p, Shape shape, int32_t axis = kTokens) {
  return p.buffer(DType::F32, axis, shape);
}
static plan::Ref matrix(TestProgram &p, Shape shape) {
  return p.weight(DType::F32, shape, Values(size_t(elementCount(shape)), 0.0));
}
static plan::Ref pages(TestProgram &p) {
  return p.cache(2, 4, {{"k", DType::F32, {2, 8}}, {"v", DType::F32, {2, 8}}});
}

static const WrongCase kWrong[] = {
    {"unknown op 'conv'",
     [](TestProgram &p) { p.op("conv", {floats(p, {4})}, {floats(p, {4})}); }},
    {"2 to 3 operands, found 1",
     [](TestProgram &p) {
       p.op("linear", {floats(p, {4})}, {floats(p, {4})});
     }},
    {"a result", [](TestProgram &p) { p.op("silu", {floats(p, {4})}, {}); }},
    {"results that are buffers or temps",
     [](TestProgram &p) { p.op("silu", {floats(p, {4})}, {matrix(p, {4})}); }},
    {"weight [N, 4]",
     [](TestProgram &p) {
       p.op("linear", {floats(p, {4}), matrix(p, {3, 5})}, {floats(p, {3})});
     }},
    {"3 elements a row",
     [](TestProgram &p) {
       p.op("linear", {floats(p, {4}), matrix(p, {3, 4})}, {floats(p, {4})});
     }},
    {"bias of 3",
     [](TestProgram &p) {
       p.op("linear", {floats(p, {4}), matrix(p, {3, 4}), matrix(p, {4})},
            {floats(p, {3})});
     }},
    {"a result of the operand's shape",
     [](TestProgram &p) { p.op("silu", {floats(p, {4})}, {floats(p, {5})}); }},
    {"a result of the operand's shape",
     [](TestProgram &p) {
       p.op("silu", {floats(p, {4})}, {floats(p, {4}, kRows)});
     }},
    {"a float value",
     [](TestProgram &p) {
       p.op("silu", {p.buffer(DType::I32, kTokens, {4})}, {floats(p, {4})});
     }},
    {"'approximate' none or tanh, found 'sigmoid'",
     [](TestProgram &p) {
       p.op("gelu", {floats(p, {4})}, {floats(p, {4})},
            {{"approximate", std::string("sigmoid")}});
     }},
    {"extents equal",
     [](TestProgram &p) {
       p.op("add", {floats(p, {4}), floats(p, {3})}, {floats(p, {4})});
     }},
    {"extents equal",
     [](TestProgram &p) {
       p.op("add", {floats(p, {4}), floats(p, {4}, kRows)}, {floats(p, {4})});
     }},
    {"'by'",
     [](TestProgram &p) { p.op("scale", {floats(p, {4})}, {floats(p, {4})}); }},
    {"'eps'",
     [](TestProgram &p) {
       p.op("rms_norm", {floats(p, {4}), matrix(p, {4})}, {floats(p, {4})});
     }},
    {"weights of 4",
     [](TestProgram &p) {
       p.op("rms_norm", {floats(p, {2, 4}), matrix(p, {8})},
            {floats(p, {2, 4})}, {{"eps", 1e-5}});
     }},
    {"last extent is 1",
     [](TestProgram &p) {
       p.op("reduce_sum", {floats(p, {2, 4})}, {floats(p, {2})});
     }},
    {"i32 ids",
     [](TestProgram &p) {
       p.op("embedding", {floats(p, {}), matrix(p, {9, 4})}, {floats(p, {4})});
     }},
    {"as wide as the table",
     [](TestProgram &p) {
       p.op("embedding", {p.input(DType::I32, kTokens, {}), matrix(p, {9, 4})},
            {floats(p, {5})});
     }},
    {"no operand that is an attention mask",
     [](TestProgram &p) {
       plan::Ref mask = p.input(DType::I32, kTokens, {});
       p.plan.entries[0].inputs[0].role = plan::InputRole::Mask;
       p.op("embedding", {mask, matrix(p, {9, 4})}, {floats(p, {4})});
     }},
    {"on axis 'rows'",
     [](TestProgram &p) {
       p.op("rows", {floats(p, {4}), p.rows()}, {floats(p, {4})});
     }},
    {"'kind'",
     [](TestProgram &p) {
       p.op("segment_reduce", {floats(p, {4}), p.sequences()},
            {floats(p, {4}, kSequences)}, {{"kind", std::string("median")}});
     }},
    {"'index'",
     [](TestProgram &p) {
       p.op("segment_reduce", {floats(p, {4}), p.sequences()},
            {floats(p, {4}, kSequences)},
            {{"kind", std::string("mean")}, {"index", int64_t(1)}});
     }},
    {"images [channels, height, width]",
     [](TestProgram &p) {
       p.op("patches", {floats(p, {3, 4, 4}), p.sequences()}, {floats(p, {12})},
            {{"patch_height", int64_t(2)}, {"patch_width", int64_t(2)}});
     }},
    {"within the image",
     [](TestProgram &p) {
       p.op("patches", {floats(p, {3, 4, 4}, kSequences), p.sequences()},
            {floats(p, {12})},
            {{"patch_height", int64_t(5)}, {"patch_width", int64_t(2)}});
     }},
    {"a result of 12 floats on the tokens axis",
     [](TestProgram &p) {
       p.op("patches", {floats(p, {3, 4, 4}, kSequences), p.sequences()},
            {floats(p, {13})},
            {{"patch_height", int64_t(2)}, {"patch_width", int64_t(2)}});
     }},
    {"an i32 result",
     [](TestProgram &p) { p.op("argmax", {floats(p, {4})}, {floats(p, {})}); }},
    {"without its last extent",
     [](TestProgram &p) {
       p.op("argmax", {floats(p, {2, 4})}, {p.buffer(DType::I32, kTokens, {})});
     }},
    {"dims even and at most 8",
     [](TestProgram &p) {
       p.op("rope", {floats(p, {2, 8}), p.sequences(), matrix(p, {9, 10})},
            {floats(p, {2, 8})});
     }},
    {"a layer below 2",
     [](TestProgram &p) {
       plan::Ref k = floats(p, {2, 8}), c = pages(p);
       p.op("cache_append", {k, k, p.sequences(), c}, {},
            {{"layer", int64_t(2)}});
     }},
    {"the shapes of the cache's planes",
     [](TestProgram &p) {
       plan::Ref k = floats(p, {16}), c = pages(p);
       p.op("cache_append", {k, k, p.sequences(), c}, {});
     }},
    {"heads a multiple of kv heads",
     [](TestProgram &p) {
       p.op("attention", {floats(p, {3, 8}), p.sequences(), pages(p)},
            {floats(p, {3, 8})}, {{"scale", 1.0}});
     }},
    {"a result [heads, dv]",
     [](TestProgram &p) {
       p.op("attention", {floats(p, {4, 8}), p.sequences(), pages(p)},
            {floats(p, {4, 9})}, {{"scale", 1.0}});
     }},
    {"an offset and strides within the operand's row",
     [](TestProgram &p) {
       p.op("rearrange", {floats(p, {4})}, {floats(p, {2})},
            {{"offset", int64_t(1)}, {"stride0", int64_t(3)}});
     }},
    {"offset and strides",
     [](TestProgram &p) {
       p.op("rearrange", {floats(p, {4})}, {floats(p, {2})},
            {{"offset", int64_t(0)}});
     }},
    {"a result whose last extent is that of all operands",
     [](TestProgram &p) {
       plan::Ref x = floats(p, {4});
       p.op("concat", {x, x}, {floats(p, {9})});
     }},
    {"rows of i32 and a result of as many floats",
     [](TestProgram &p) {
       p.op("to_float", {floats(p, {1})}, {floats(p, {1})});
     }},
    {"whose pages have the size of those of cache",
     [](TestProgram &p) {
       plan::Ref c = pages(p);
       p.plan.entries[0].sequences[0].cache = -1;
       p.op("attention", {floats(p, {4, 8}), p.sequences(), c},
            {floats(p, {4, 8})}, {{"scale", 1.0}});
     }},
    {"'scale'", [](TestProgram &p) {
       p.op("attention", {floats(p, {4, 8}), p.sequences(), pages(p)},
            {floats(p, {4, 8})});
     }}};

static Status loadWrong(Device &device,
                        const std::function<void(TestProgram &)> &build) {
  TestProgram program;
  build(program);
  return TestRun(device, program, {{{4}}, {0}, 3}).load();
}

TEST(CpuLoadTest, RefusesWrongMeanings) {
  auto device = openCpuDevice({.threads = 1});
  ASSERT_TRUE(device.ok());
  for (const WrongCase &wrong : kWrong) {
    Status status = loadWrong(**device, wrong.build);
    ASSERT_FALSE(status.ok()) << wrong.expected;
    EXPECT_NE(status.message().find("step 'step'"), std::string::npos);
    EXPECT_NE(status.message().find(wrong.expected), std::string::npos)
        << status.message();
  }
}

TEST(CpuLoadTest, RefusesWrongScoreRegions) {
  auto device = openCpuDevice({.threads = 1});
  ASSERT_TRUE(device.ok());
  const std::pair<const char *, std::vector<plan::ScoreInst>> cases[] = {
      {"earlier ones only", {{"neg", {0}, 0, -1}}},
      {"earlier ones only", {{"score", {}, 0, -1}, {"neg", {-1}, 0, -1}}},
      {"found 'sin'", {{"score", {}, 0, -1}, {"sin", {0}, 0, -1}}},
      {"have 2 arguments", {{"score", {}, 0, -1}, {"add", {0}, 0, -1}}},
      {"have 0 arguments", {{"score", {}, 0, -1}, {"key", {0}, 0, -1}}},
      {"name a weight", {{"head", {}, 0, -1}, {"table", {0}, 0, 5}}},
      {"index a float vector or matrix",
       {{"head", {}, 0, -1}, {"table", {0, 0}, 0, 0}}}};
  for (const auto &[expected, region] : cases) {
    Status status = loadWrong(**device, [&](TestProgram &p) {
      matrix(p, {4});
      plan::Ref q = floats(p, {2, 4});
      p.op("attention", {q, q, q, p.sequences()}, {floats(p, {2, 4})},
           {{"scale", 1.0}})
          .score = region;
    });
    ASSERT_FALSE(status.ok()) << expected;
    EXPECT_NE(status.message().find(expected), std::string::npos)
        << status.message();
  }
}

TEST(CpuLoadTest, RefusesBatchesBeyondItsBounds) {
  auto device = openCpuDevice({.threads = 1});
  TestProgram program;
  plan::Ref x = floats(program, {4});
  program.op("silu", {x}, {x});
  TestRun run(**device, program, {{{4}}, {0}, 3});
  run.write(x, Values(16, 1.0));
  ASSERT_TRUE(run.run().ok());
  Status status = run.executable()->run({8, 1, 1});
  EXPECT_EQ(status.message(), "batch of 8 tokens, but this program was loaded "
                              "for at most 7");
  EXPECT_FALSE(run.executable()->run({4, 1}).ok());
  EXPECT_FALSE(run.executable()->run({-1, 1, 1}).ok());
  EXPECT_EQ(*run.executable()->kernelCount({4, 1, 1}), 1);
  auto times = run.executable()->profile({4, 1, 1}, {});
  ASSERT_TRUE(times.ok());
  EXPECT_EQ(times->size(), 1u);
}

TEST(CpuProfileTest, CallsTheObserverAfterEachStep) {
  auto device = openCpuDevice({.threads = 1});
  TestProgram program;
  plan::Ref x = floats(program, {4});
  program.op("neg", {x}, {x});
  plan::Step again = program.step();
  program.program().steps.push_back(again);
  TestRun run(**device, program, {{{4}}, {0}, 3});
  ASSERT_TRUE(run.load().ok());
  run.write(x, Values(16, -1.0));
  ASSERT_TRUE(run.run().ok()); // loads it; negated twice is as before
  std::vector<double> seen;
  auto after = [&](int32_t step) {
    EXPECT_EQ(step, int32_t(seen.size()));
    seen.push_back(run.read(x)[0]);
    return step == 0 ? Status::success() : cancelled("enough");
  };
  auto times = run.executable()->profile({4, 1, 1}, after);
  EXPECT_EQ(times.status().message(), "enough"); // the observer's error
  EXPECT_EQ(seen, (std::vector<double>{1, -1}));
}

} // namespace ft::test
