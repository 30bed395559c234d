//===- FaultsTest.cpp - mistakes of kernels that must be found ------------===//
#include "Run.h"

using namespace ft;
using namespace ft::emulator;

namespace {

/// Runs `body` for one CTA of `threads`, or a cluster, over 1,024 words.
struct Trial {
  std::string body, declarations = {}, directives = {};
  uint32_t threads = 32, ctas = 1;
  std::vector<uint32_t> in = std::vector<uint32_t>(1024, 7),
                        out = std::vector<uint32_t>(1024, 0);

  Status run(uint64_t seed = 1) {
    LaunchShape shape{{ctas, 1, 1}, {threads, 1, 1}, {ctas, 1, 1}, 0};
    LaunchOptions options;
    options.seed = seed;
    return runText(kernelText(body, declarations, directives), shape, in, out,
                   options);
  }
  void expectError(const std::string &part) {
    Status status = run();
    EXPECT_FALSE(status.ok()) << body;
    EXPECT_NE(status.message().find(part), std::string::npos)
        << status.message();
  }
};

/// mbarrier at %r20 of one arrival, set up by thread 0; 512 bytes at %r21.
constexpr char kShared[] =
    ".shared .align 16 .b8 buffer[512];\n.shared .align 8 .b8 bar[8];\n";
constexpr char kBarrier[] =
    "mov.u32 %r20, bar; mov.u32 %r21, buffer; shl.b32 %r22, %r0, 2;\n"
    "add.s32 %r23, %r21, %r22; mul.wide.u32 %d2, %r0, 4;"
    "add.s64 %d3, %d1, %d2;\n"
    "setp.eq.s32 %p1, %r0, 0;\n"
    "@%p1 mbarrier.init.shared::cta.b64 [%r20], 1;\n"
    "fence.mbarrier_init.release.cluster;\nbar.sync 0;\n";
constexpr char kCopy[] =
    "@%p1 mbarrier.arrive.expect_tx.shared::cta.b64 _, [%r20], 128;\n"
    "@%p1 cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes "
    "[%r21], [%d0], 128, [%r20];\n";
constexpr char kWait[] =
    "$L_wait: mbarrier.try_wait.parity.shared::cta.b64 %p2, [%r20], 0;\n"
    "@!%p2 bra $L_wait;\n";
constexpr char kRead[] =
    "ld.shared.u32 %r4, [%r23];\nst.global.u32 [%d3], %r4;";

TEST(FaultsTest, StoreOutside) {
  Trial{"mul.wide.u32 %d2, %r0, 4; add.s64 %d3, %d1, %d2;\n"
        "st.global.u32 [%d3+3976], %r0;"}
      .expectError("kernel test, CTA (0, 0, 0), thread (30, 0, 0), PTX line 17 "
                   "`st.global.u32 [%d3+3976], %r0`: access to 4 bytes of "
                   "global memory at ");
}
TEST(FaultsTest, LoadMisaligned) {
  Trial{"ld.global.v4.u32 {%r1, %r2, %r3, %r4}, [%d0+8];"}.expectError(
      "which is not aligned");
}
TEST(FaultsTest, SharedOutside) {
  Trial{"mov.u32 %r21, buffer; ld.shared.u32 %r1, [%r21+512];",
        ".shared .align 16 .b8 buffer[512];"}
      .expectError("4 bytes of shared memory at ");
}
TEST(FaultsTest, NullPointer) {
  Trial{"mov.u64 %d2, 0; st.global.u32 [%d2], %r0;"}.expectError("at 0x0");
}

TEST(FaultsTest, CopyThatIsWaitedFor) {
  for (uint64_t seed = 1; seed < 20; ++seed) {
    Trial trial{std::string(kBarrier) + kCopy + kWait + kRead, kShared};
    Status status = trial.run(seed);
    ASSERT_TRUE(status.ok()) << status.message();
    for (uint32_t i = 0; i < 32; ++i)
      EXPECT_EQ(trial.out[i], 7u);
  }
}
TEST(FaultsTest, CopyThatIsNotWaitedFor) {
  // What is read, or the copy that comes after the end, gives it away.
  int found = 0;
  for (uint64_t seed = 1; seed < 20; ++seed) {
    Trial trial{std::string(kBarrier) + kCopy + kRead, kShared};
    found += !trial.run(seed).ok() || trial.out[0] != 7;
  }
  EXPECT_GE(found, 15);
}
TEST(FaultsTest, SourceOverwrittenTooEarly) {
  int found = 0;
  for (uint64_t seed = 1; seed < 20; ++seed) {
    Trial trial{std::string(kBarrier) + kCopy + "@%p1 st.global.u32 [%d0], 9;" +
                    kWait + kRead,
                kShared};
    ASSERT_TRUE(trial.run(seed).ok());
    found += trial.out[0] != 7;
  }
  EXPECT_GE(found, 15);
}
TEST(FaultsTest, TooFewBytesExpected) {
  std::string copy(kCopy);
  copy.replace(copy.find("[%r20], 128"), 11, "[%r20], 144");
  Trial{kBarrier + copy + kWait + kRead, kShared}.expectError(
      "deadlock, no thread can go on: 32 threads wait at PTX line ");
}
TEST(FaultsTest, BarrierNotInitialised) {
  Trial{std::string("mov.u32 %r20, bar;\n") + kWait, kShared}.expectError(
      "there is no initialised barrier");
}
TEST(FaultsTest, TooManyArrivals) {
  Trial{std::string(kBarrier) +
            "@%p1 mbarrier.expect_tx.relaxed.cta.shared::cta.b64 [%r20], 16;\n"
            "@%p1 mbarrier.arrive.shared::cta.b64 _, [%r20];\n"
            "@%p1 mbarrier.arrive.shared::cta.b64 _, [%r20];\n",
        kShared}
      .expectError("more arrivals than the barrier counts");
}

TEST(FaultsTest, AsyncCopyThatIsNotWaitedFor) {
  std::string copy =
      "mov.u32 %r21, buffer; shl.b32 %r22, %r0, 2; add.s32 %r23, %r21, %r22;\n"
      "mul.wide.u32 %d2, %r0, 4; add.s64 %d3, %d1, %d2;"
      "add.s64 %d4, %d0, %d2;\n"
      "cp.async.ca.shared.global [%r23], [%d4], 4;\ncp.async.commit_group;\n";
  Trial right{copy + "cp.async.wait_group 0;\n" + kRead, kShared};
  ASSERT_TRUE(right.run().ok());
  EXPECT_EQ(right.out, std::vector<uint32_t>([] {
              std::vector<uint32_t> all(1024, 0);
              std::fill(all.begin(), all.begin() + 32, 7);
              return all;
            }()));
  Trial wrong{copy + "cp.async.wait_group 1;\n" + kRead, kShared};
  wrong.expectError("a race: reads shared memory");
}

TEST(FaultsTest, MissingBarrier) {
  // Warp 1 reads what warp 0 writes.
  auto body = [](const char *barrier) {
    return "mov.u32 %r21, buffer; xor.b32 %r24, %r0, 32;"
           "shl.b32 %r22, %r0, 2; shl.b32 %r24, %r24, 2;\n"
           "add.s32 %r23, %r21, %r22; add.s32 %r24, %r21, %r24;\n"
           "st.shared.u32 [%r23], %r0;\n" +
           std::string(barrier) +
           "ld.shared.u32 %r4, [%r24];\n"
           "mul.wide.u32 %d2, %r0, 4; add.s64 %d3, %d1, %d2;\n"
           "st.global.u32 [%d3], %r4;";
  };
  for (uint64_t seed = 1; seed < 20; ++seed) {
    Trial right{body("bar.sync 0;\n"), kShared}, racy{body(""), kShared};
    right.threads = racy.threads = 64;
    ASSERT_TRUE(right.run(seed).ok());
    for (uint32_t i = 0; i < 64; ++i)
      EXPECT_EQ(right.out[i], i ^ 32);
    racy.expectError("a race: ");
  }
}

TEST(FaultsTest, BarrierThatSomeSkip) {
  Trial trial{"setp.lt.s32 %p1, %r0, 16;\n@%p1 bra $L_skip;\nbar.sync 0;\n"
              "$L_skip: bar.sync 1;"};
  trial.expectError("deadlock");
}
TEST(FaultsTest, BarrierOfOtherCount) {
  Trial trial{"setp.lt.s32 %p1, %r0, 32;\n@%p1 bra $L_skip;\nbar.sync 1, 64;\n"
              "bra $L_end;\n$L_skip: bar.sync 1, 96;\n$L_end:"};
  trial.threads = 96;
  trial.expectError("for those before");
}
TEST(FaultsTest, ShuffleOfAbsentLane) {
  Trial{"setp.lt.s32 %p1, %r0, 16;\n@!%p1 bra $L_skip;\n"
        "shfl.sync.idx.b32 %r1, %r0, 20, 31, 0xffff;\n$L_skip:"}
      .expectError("reads lane 20, which does not take part");
  Trial{"setp.lt.s32 %p1, %r0, 16;\n@!%p1 bra $L_skip;\n"
        "shfl.sync.idx.b32 %r1, %r0, 2, 31, 0xffffffff;\n$L_skip: bar.sync 0;"}
      .expectError("deadlock");
}

TEST(FaultsTest, ClusterMemoryAfterTheEnd) {
  std::string read = "mov.u32 %r1, %cluster_ctarank; xor.b32 %r1, %r1, 1;\n"
                     "mov.u32 %r21, buffer; setp.eq.s32 %p1, %r1, 1;\n"
                     "st.shared.u32 [%r21], %r1;\n"
                     "barrier.cluster.arrive.release.aligned;\n"
                     "barrier.cluster.wait.acquire.aligned;\n"
                     "mapa.shared::cluster.u32 %r2, %r21, %r1;\n"
                     "ld.shared::cluster.u32 %r3, [%r2];\n"
                     "@%p1 st.global.u32 [%d1], %r3;\n";
  std::string end = "barrier.cluster.arrive.aligned;\n"
                    "barrier.cluster.wait.aligned;\n";
  int found = 0;
  for (uint64_t seed = 1; seed < 20; ++seed) {
    Trial right{read + end, kShared}, wrong{read, kShared};
    right.ctas = wrong.ctas = 2;
    Status status = right.run(seed);
    ASSERT_TRUE(status.ok()) << status.message();
    EXPECT_EQ(right.out[0], 0u);
    found += !wrong.run(seed).ok();
  }
  EXPECT_GE(found, 10);
}

TEST(FaultsTest, NoEnd) {
  std::string text = kernelText("$L_loop: add.s32 %r1, %r1, 1;\n"
                                "bra $L_loop;");
  std::vector<uint32_t> in(1), out(1);
  LaunchOptions options;
  options.instructionLimit = 1000000;
  Status status = runText(text, {{}, {32, 1, 1}, {}, 0}, in, out, options);
  EXPECT_NE(status.message().find("no end after"), std::string::npos)
      << status.message();
}

TEST(FaultsTest, UnknownInstruction) {
  auto module = Module::parse(kernelText("add.s32 %r1, %r0, 1;\n"
                                         "frobnicate.b32 %r1, %r0;"));
  ASSERT_FALSE(module.ok());
  EXPECT_EQ(module.status().message(),
            "PTX line 17 `frobnicate.b32 %r1, %r0`: the emulator does not know "
            "this instruction");
  module = Module::parse(kernelText("add.strange.s32 %r1, %r0, 1;"));
  ASSERT_FALSE(module.ok());
  EXPECT_NE(module.status().message().find("does not know '.strange' here"),
            std::string::npos);
}

TEST(FaultsTest, LaunchShapes) {
  Trial trial{"", "", ".maxntid 64, 1, 1"};
  trial.threads = 96;
  trial.expectError("a CTA of 96 threads, at most 64");
  Trial cluster{"", "", ".explicitcluster\n.reqnctapercluster 2, 1, 1"};
  cluster.ctas = 4;
  cluster.expectError("another cluster than it requires");
}

} // namespace
