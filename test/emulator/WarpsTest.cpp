//===- WarpsTest.cpp - lanes that part, meet and speak --------------------===//
#include "Run.h"

using namespace ft;
using namespace ft::emulator;

namespace {

std::vector<uint32_t> lanes(uint32_t (*f)(uint32_t)) {
  std::vector<uint32_t> values;
  for (uint32_t i = 0; i < 32; ++i)
    values.push_back(f(i));
  return values;
}
/// %r4 of each lane, where in[i] = 100 + i.
std::vector<uint32_t> run(const std::string &body) {
  return mapLanes(body, lanes([](uint32_t i) { return 100 + i; }));
}

TEST(WarpsTest, Shuffles) {
  EXPECT_EQ(run("shfl.sync.bfly.b32 %r4, %r1, 5, 31, 0xffffffff;"),
            lanes([](uint32_t i) { return 100 + (i ^ 5); }));
  EXPECT_EQ(run("shfl.sync.up.b32 %r4|%p1, %r1, 3, 0, 0xffffffff;"
                "@!%p1 mov.u32 %r4, 0;"),
            lanes([](uint32_t i) { return i < 3 ? 0 : 97 + i; }));
  EXPECT_EQ(run("shfl.sync.down.b32 %r4, %r1, 3, 31, 0xffffffff;"),
            lanes([](uint32_t i) { return i < 29 ? 103 + i : 100 + i; }));
  EXPECT_EQ(run("shfl.sync.idx.b32 %r4, %r1, 2, 0x181f, 0xffffffff;"),
            lanes([](uint32_t i) { return 100 + i / 8 * 8 + 2; })); // of eights
  EXPECT_EQ(run("add.s32 %r5, %r0, 1;"
                "shfl.sync.idx.b32 %r4, %r1, %r5, 31, 0xffffffff;"),
            lanes([](uint32_t i) { return 100 + (i + 1) % 32; }));
}

TEST(WarpsTest, VotesAndReductions) {
  EXPECT_EQ(run("setp.lt.u32 %p1, %r0, 3;"
                "vote.sync.ballot.b32 %r4, %p1, 0xffffffff;"),
            lanes([](uint32_t) { return 7u; }));
  EXPECT_EQ(run("setp.eq.u32 %p1, %r0, 9; vote.sync.any.pred %p2, %p1, -1;"
                "vote.sync.all.pred %p3, %p1, -1; selp.u32 %r4, 1, 0, %p2;"
                "@%p3 mov.u32 %r4, 5;"),
            lanes([](uint32_t) { return 1u; }));
  EXPECT_EQ(run("redux.sync.add.s32 %r4, %r1, 0xffffffff;"),
            lanes([](uint32_t) { return 3200u + 31 * 16; }));
  EXPECT_EQ(run("sub.s32 %r5, %r0, 9; redux.sync.min.s32 %r4, %r5, -1;"),
            lanes([](uint32_t) { return uint32_t(-9); }));
  EXPECT_EQ(run("and.b32 %r5, %r0, 3; match.any.sync.b32 %r4, %r5, -1;"),
            lanes([](uint32_t i) { return 0x11111111u << i % 4; }));
  EXPECT_EQ(run("elect.sync _|%p1, 0xffffffff; selp.u32 %r4, 1, 0, %p1;"),
            lanes([](uint32_t i) { return uint32_t(i == 0); }));
}

TEST(WarpsTest, LanesMeetBehindBranches) {
  // Loops of lane-many turns, a branch inside, then a whole warp's sum.
  EXPECT_EQ(run("mov.u32 %r4, 0; mov.u32 %r5, 0;\n"
                "$L_loop: setp.ge.u32 %p1, %r5, %r0;\n@%p1 bra $L_end;\n"
                "and.b32 %r6, %r5, 1; setp.eq.u32 %p2, %r6, 0;\n"
                "@%p2 bra $L_even;\nadd.s32 %r4, %r4, 10;\nbra $L_next;\n"
                "$L_even: add.s32 %r4, %r4, 1;\n"
                "$L_next: add.s32 %r5, %r5, 1;\nbra $L_loop;\n"
                "$L_end: vote.sync.ballot.b32 %r7, %p1, 0xffffffff;\n"
                "setp.ne.u32 %p3, %r7, 0xffffffff; @%p3 mov.u32 %r4, 999;"),
            lanes([](uint32_t i) { return i / 2 * 10 + (i + 1) / 2; }));
}

TEST(WarpsTest, BranchesToTargets) {
  EXPECT_EQ(run("and.b32 %r5, %r0, 3;\n"
                "$L_targets: .branchtargets $L_0, $L_1, $L_2, $L_1;\n"
                "brx.idx %r5, $L_targets;\n$L_0: mov.u32 %r4, 10;\n"
                "bra $L_end;\n$L_1: mov.u32 %r4, 11;\nbra $L_end;\n"
                "$L_2: mov.u32 %r4, 12;\n$L_end: bar.warp.sync 0xffffffff;"),
            lanes([](uint32_t i) {
              return i % 4 == 0 ? 10u : i % 4 == 2 ? 12u : 11u;
            }));
}

TEST(WarpsTest, LanesWaitForOtherLanes) {
  // Lane 0 stands at the lower place and waits for what lane 1 stores.
  EXPECT_EQ(
      run(".shared .align 4 .b32 flag;\nmov.u32 %r21, flag; mov.u32 %r5, "
          "0; mov.u32 %r4, 4;\n"
          "setp.eq.u32 %p1, %r0, 0; setp.eq.u32 %p2, %r0, 1;\n"
          "@%p1 st.shared.u32 [%r21], %r5;\nbar.warp.sync -1;\n"
          "@!%p1 bra $L_other;\n"
          "$L_spin: ld.volatile.shared.u32 %r4, [%r21];\n"
          "setp.eq.u32 %p3, %r4, 0;\n@%p3 bra $L_spin;\nbra $L_end;\n"
          "$L_other: @%p2 st.volatile.shared.u32 [%r21], 55;\n$L_end:\n")[0],
      55u);
}

TEST(WarpsTest, Calls) {
  std::vector<uint32_t> in(32, 3), out(32, 0);
  std::string twice =
      ".func (.param .b32 result) twice(.param .b32 x)\n{\n"
      ".reg .b32 %r<3>;\n.reg .pred %p<2>;\nld.param.u32 %r1, [x];\n"
      "setp.lt.u32 %p1, %r1, 8;\n@%p1 bra $L_1;\n"
      "st.param.b32 [result], %r1;\nret;\n"
      "$L_1: shl.b32 %r2, %r1, 1;\nst.param.b32 [result], %r2;\nret;\n}\n";
  std::string call = "{\n.param .b32 param0;\nst.param.b32 [param0], %r4;\n"
                     ".param .b32 retval0;\ncall.uni (retval0), twice, "
                     "(param0);\nld.param.b32 %r4, [retval0];\n}\n";
  Status status =
      runText(kernelText("mul.wide.u32 %d2, %r0, 4; add.s64 %d3, %d1, %d2;"
                         "mov.u32 %r4, %r0;\n" +
                             call + call + "st.global.u32 [%d3], %r4;",
                         twice),
              {{}, {32, 1, 1}, {}, 0}, in, out);
  ASSERT_TRUE(status.ok()) << status.message();
  for (uint32_t i = 0; i < 32; ++i)
    EXPECT_EQ(out[i], i >= 8 ? i : i >= 4 ? 2 * i : 4 * i);
}

TEST(WarpsTest, Atomics) {
  std::vector<uint32_t> in(32, 3), out(64, 0);
  LaunchOptions options;
  options.hostThreads = 2;
  Status status = runText(
      kernelText("atom.global.add.u32 %r1, [%d1], 1;\n"
                 "red.global.max.u32 [%d1+4], %r0;\n"
                 "atom.global.cas.b32 %r2, [%d1+8], 0, 77;\n"
                 "add.s64 %d2, %d1, 16; atom.global.add.u64 %d3, [%d2], 3;\n"
                 "atom.global.inc.u32 %r3, [%d1+24], 4;"),
      {{50, 1, 1}, {64, 1, 1}, {}, 0}, in, out, options);
  ASSERT_TRUE(status.ok()) << status.message();
  EXPECT_EQ(out[0], 3200u);
  EXPECT_EQ(out[1], 63u);
  EXPECT_EQ(out[2], 77u);
  EXPECT_EQ(out[4], 9600u);
  EXPECT_EQ(out[6], 0u); // counts 0 .. 4
}

TEST(WarpsTest, LastOfManyArrives) {
  // The last CTA adds up what the others left: no CTA waits.
  std::string text = kernelText(
      "mov.u32 %r1, %ctaid.x; mul.wide.u32 %d2, %r1, 4; add.s64 %d3, %d1, %d2;"
      "add.s32 %r2, %r1, 1; st.global.u32 [%d3+8], %r2;\nmembar.gl;\n"
      "setp.ne.u32 %p1, %r0, 0; @%p1 ret;\n"
      "atom.global.add.u32 %r3, [%d1], 1;\nmov.u32 %r4, %nctaid.x;"
      "sub.s32 %r4, %r4, 1; setp.ne.u32 %p2, %r3, %r4; @%p2 ret;\n"
      "mov.u32 %r5, 0; mov.u32 %r6, 0; mov.u64 %d4, %d1;\n"
      "$L_loop: ld.global.u32 %r7, [%d4+8]; add.s32 %r5, %r5, %r7;\n"
      "add.s64 %d4, %d4, 4; add.s32 %r6, %r6, 1;"
      "setp.le.u32 %p3, %r6, %r4; @%p3 bra $L_loop;\n"
      "st.global.u32 [%d1+4], %r5;");
  for (uint64_t seed = 1; seed < 10; ++seed)
    for (uint32_t resident : {1, 3}) {
      std::vector<uint32_t> in(1), out(70, 0);
      LaunchOptions options;
      options.seed = seed;
      options.residentClusters = resident;
      Status status =
          runText(text, {{60, 1, 1}, {32, 1, 1}, {}, 0}, in, out, options);
      ASSERT_TRUE(status.ok()) << status.message();
      EXPECT_EQ(out[1], 60u * 61 / 2);
    }
}

TEST(WarpsTest, SpecialRegisters) {
  std::vector<uint32_t> in(1), out(24 * 8, 0);
  Status status = runText(
      kernelText(
          "mov.u32 %r1, %ctaid.y; mov.u32 %r2, %nctaid.x;"
          "mov.u32 %r3, %ctaid.x; mad.lo.u32 %r4, %r1, %r2, %r3;"
          "shl.b32 %r4, %r4, 2; mov.u32 %r5, %tid.y;"
          "mad.lo.u32 %r4, %r5, 2, %r4; add.s32 %r4, %r4, %r0;\n"
          "mul.wide.u32 %d2, %r4, 4; add.s64 %d3, %d1, %d2;"
          "mov.u32 %r6, %cluster_ctarank; mov.u32 %r7, %cluster_nctarank;"
          "mad.lo.u32 %r6, %r6, 100, %r7; mov.u32 %r8, %laneid;"
          "mad.lo.u32 %r6, %r8, 10000, %r6; st.global.u32 [%d3], %r6;"),
      {{2, 6, 1}, {2, 2, 1}, {1, 3, 1}, 0}, in, out);
  ASSERT_TRUE(status.ok()) << status.message();
  for (uint32_t cta = 0; cta < 12; ++cta)
    for (uint32_t thread = 0; thread < 4; ++thread)
      EXPECT_EQ(out[cta * 4 + thread],
                10000 * thread + 100 * (cta / 2 % 3) + 3);
}

/// Every CTA of a cluster of four tells the next one its rank, by `tell`: from
/// %r7 to the shared memory at %r5, on the barrier at %r6, which a thread has
/// told to expect what `expect` says.
static void exchangeRanks(const std::string &arrivals,
                          const std::string &expect, const std::string &tell) {
  std::string text = kernelText(
      "mov.u32 %r20, bar; mov.u32 %r21, buffer;"
      "mov.u32 %r1, %cluster_ctarank; add.s32 %r2, %r1, 1; rem.u32 %r2, %r2, "
      "4;\n"
      "setp.eq.u32 %p1, %r0, 0;\n"
      "@%p1 mbarrier.init.shared::cta.b64 [%r20], " +
          arrivals + ";\n" + expect +
          "fence.mbarrier_init.release.cluster;\n"
          "barrier.cluster.arrive.release.aligned;\n"
          "barrier.cluster.wait.acquire.aligned;\n"
          "shl.b32 %r3, %r0, 2; add.s32 %r4, %r21, %r3;\n"
          "mapa.shared::cluster.u32 %r5, %r4, %r2;\n"
          "mapa.shared::cluster.u32 %r6, %r20, %r2;\n"
          "mad.lo.u32 %r7, %r1, 1000, %r0;\n" +
          tell +
          "$L_wait: mbarrier.try_wait.parity.shared::cta.b64 %p2, [%r20], 0;\n"
          "@!%p2 bra $L_wait;\nfence.acq_rel.cluster;\n"
          "ld.shared.u32 %r8, [%r4]; mad.lo.u32 %r9, %r1, 32, %r0;"
          "mul.wide.u32 %d2, %r9, 4; add.s64 %d3, %d1, %d2;\n"
          "st.global.u32 [%d3], %r8;\nbarrier.cluster.arrive.aligned;\n"
          "barrier.cluster.wait.aligned;",
      ".shared .align 16 .b8 buffer[128];\n.shared .align 8 .b8 bar[8];",
      ".explicitcluster\n.reqnctapercluster 4, 1, 1");
  for (uint64_t seed = 1; seed < 10; ++seed) {
    std::vector<uint32_t> in(1), out(128, 0);
    LaunchOptions options;
    options.seed = seed;
    Status status =
        runText(text, {{4, 1, 1}, {32, 1, 1}, {}, 0}, in, out, options);
    ASSERT_TRUE(status.ok()) << status.message();
    for (uint32_t i = 0; i < 128; ++i)
      EXPECT_EQ(out[i], (i / 32 + 3) % 4 * 1000 + i % 32);
  }
}

TEST(WarpsTest, ClusterExchange) {
  exchangeRanks("32", "",
                "st.shared::cluster.u32 [%r5], %r7;\n"
                "mbarrier.arrive.release.cluster.shared::cluster.b64 _, "
                "[%r6];\n");
}

TEST(WarpsTest, ClusterSend) {
  exchangeRanks(
      "1", "@%p1 mbarrier.arrive.expect_tx.shared::cta.b64 _, [%r20], 128;\n",
      "st.async.shared::cluster.mbarrier::complete_tx::bytes.u32 [%r5], %r7, "
      "[%r6];\n");
}

} // namespace
