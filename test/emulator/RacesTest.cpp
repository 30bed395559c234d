//===- RacesTest.cpp - accesses that nothing orders are found -------------===//
//
// Each text is run with what orders its accesses, and without.
//
//===----------------------------------------------------------------------===//
#include "Run.h"

using namespace ft;
using namespace ft::emulator;

namespace {

/// %r20: two mbarriers, of 1 and of 2 arrivals; %r21: 1,024 bytes; %r22 the
/// thread's word of it; %r24 that of the thread 32 on or back, %r25 that of the
/// next lane; %p0, %p1: warp 0 and 1; %p2: lane 0.
constexpr char kDeclarations[] =
    ".shared .align 128 .b8 buffer[1024];\n.shared .align 8 .b8 bar[16];\n";
constexpr char kBegin[] =
    "mov.u32 %r20, bar; mov.u32 %r21, buffer;\n"
    "shl.b32 %r22, %r0, 2; add.s32 %r22, %r22, %r21;\n"
    "xor.b32 %r24, %r0, 32; shl.b32 %r24, %r24, 2; add.s32 %r24, %r24, %r21;\n"
    "xor.b32 %r25, %r0, 1; shl.b32 %r25, %r25, 2; add.s32 %r25, %r25, %r21;\n"
    "setp.lt.u32 %p0, %r0, 32; setp.ge.u32 %p1, %r0, 32;\n"
    "and.b32 %r5, %r0, 31; setp.eq.u32 %p2, %r5, 0;\n"
    "setp.eq.u32 %p3, %r0, 0;\n"
    "@%p3 mbarrier.init.shared::cta.b64 [%r20], 1;\n"
    "@%p3 mbarrier.init.shared::cta.b64 [%r20+8], 2;\n"
    "fence.mbarrier_init.release.cluster;\n";
constexpr char kStore[] = "st.shared.u32 [%r22], %r0;\n";
constexpr char kLoadOther[] = "ld.shared.u32 %r6, [%r24];\n";
constexpr char kLoadNext[] = "ld.shared.u32 %r6, [%r25];\n";

Status run(const std::string &body, uint64_t seed = 1, uint32_t ctas = 1) {
  std::vector<uint32_t> in(1024, 7), out(1024, 0);
  LaunchOptions options;
  options.seed = seed;
  std::string cluster = ctas == 1 ? ""
                                  : ".explicitcluster\n.reqnctapercluster " +
                                        std::to_string(ctas) + ", 1, 1";
  std::string meet = ctas == 1 ? "bar.sync 0;\n"
                               : "barrier.cluster.arrive.release.aligned;\n"
                                 "barrier.cluster.wait.acquire.aligned;\n";
  return runText(kernelText(kBegin + meet + body, kDeclarations, cluster),
                 {{ctas, 1, 1}, {64, 1, 1}, {}, 0}, in, out, options);
}

/// Found or not by every order of warps.
void expectNone(const std::string &body, uint32_t ctas = 1) {
  for (uint64_t seed = 1; seed < 20; ++seed) {
    Status status = run(body, seed, ctas);
    ASSERT_TRUE(status.ok()) << body << status.message();
  }
}
void expectRace(const std::string &body, const std::string &part = "",
                uint32_t ctas = 1) {
  for (uint64_t seed = 1; seed < 20; ++seed) {
    Status status = run(body, seed, ctas);
    ASSERT_FALSE(status.ok()) << body;
    ASSERT_NE(status.message().find("a race: "), std::string::npos)
        << status.message();
    ASSERT_NE(status.message().find(part), std::string::npos)
        << status.message();
  }
}

TEST(RacesTest, Barrier) {
  expectNone(kStore + std::string("bar.sync 0;\n") + kLoadOther);
  expectRace(kStore + std::string(kLoadOther), "and nothing orders the two");
}
TEST(RacesTest, BarrierOfOneSide) {
  // Warp 0 stores and arrives, warp 1 waits and reads.
  expectNone("@%p0 st.shared.u32 [%r22], %r0;\n@%p0 bar.arrive 1, 64;\n"
             "@%p1 bar.sync 1, 64;\n@%p1 ld.shared.u32 %r6, [%r24];\n");
  // The one that arrives has not waited.
  expectRace("@%p1 st.shared.u32 [%r22], %r0;\n@%p0 bar.arrive 1, 64;\n"
             "@%p1 bar.sync 1, 64;\n@%p0 ld.shared.u32 %r6, [%r24];\n");
}
TEST(RacesTest, WriteBehindReads) {
  std::string read = "@%p0 ld.shared.u32 %r6, [%r24];\n";
  std::string write = "@%p1 st.shared.u32 [%r22], %r0;\n";
  expectNone(read + "bar.sync 0;\n" + write);
  expectRace(read + write, "shared memory at 0x");
}
TEST(RacesTest, Message) {
  // With warp 1 first, a store meets what a load did, and with warp 0 a load.
  int first = 0;
  for (uint64_t seed = 1; seed < 20; ++seed) {
    Status status = run("@%p0 st.shared.u32 [%r22], %r0;\n"
                        "@%p1 ld.shared.u32 %r6, [%r24];\n",
                        seed);
    std::string loads = "thread (32, 0, 0), PTX line 30 `@%p1 ld.shared.u32 "
                        "%r6, [%r24]`: a race: reads shared memory at 0x400, "
                        "which thread 0 accesses at PTX line 29 `@%p0 "
                        "st.shared.u32 [%r22], %r0`, and nothing orders the "
                        "two";
    std::string stores = "thread (0, 0, 0), PTX line 29 `@%p0 st.shared.u32 "
                         "[%r22], %r0`: a race: writes shared memory at 0x400, "
                         "which thread 32 accesses at PTX line 30 ";
    ASSERT_FALSE(status.ok());
    bool atLoad = status.message().find(loads) != std::string::npos;
    EXPECT_TRUE(atLoad || status.message().find(stores) != std::string::npos)
        << status.message();
    first += atLoad;
  }
  EXPECT_GT(first, 0);
  EXPECT_LT(first, 19);
}
TEST(RacesTest, LanesOfAWarp) {
  expectNone(kStore + std::string("bar.warp.sync -1;\n") + kLoadNext);
  expectRace(kStore + std::string(kLoadNext));
  // No more than the named lanes meet, and a shuffle orders nothing.
  expectNone(kStore +
             std::string("and.b32 %r7, %r5, 30; shl.b32 %r7, 3, %r7;\n"
                         "bar.warp.sync %r7;\n") +
             kLoadNext);
  expectRace(kStore +
             std::string("and.b32 %r7, %r5, 1; mul.lo.u32 %r8, %r7, 0x55555555;"
                         "add.u32 %r7, %r8, 0x55555555;\n"
                         "bar.warp.sync %r7;\n") +
             kLoadNext);
  expectRace(kStore + std::string("shfl.sync.bfly.b32 %r7, %r0, 1, 31, -1;\n") +
             kLoadNext);
}
TEST(RacesTest, BytesOfAWord) {
  // Halves of a word belong to two warps.
  std::string address = "shl.b32 %r7, %r5, 2; add.s32 %r7, %r7, %r21;\n"
                        "@%p1 add.s32 %r7, %r7, 2;\ncvt.u16.u32 %h1, %r0;\n";
  expectNone(address + "st.shared.u16 [%r7], %h1;\n");
  expectRace(address + "st.shared.u16 [%r7], %h1;\n"
                       "@%p0 ld.shared.u32 %r6, [%r7];\n");
}
TEST(RacesTest, SameValue) {
  expectNone("st.shared.u32 [%r21], 5;\n");
  expectRace("st.shared.u32 [%r21], %r0;\n");
  // Each has stored what it reads, whoever was first; not so if one has not.
  expectNone("st.shared.u32 [%r21], 5;\nld.shared.u32 %r6, [%r21];\n");
  expectRace("@%p0 st.shared.u32 [%r21], 5;\nld.shared.u32 %r6, [%r21];\n");
  // What comes behind is behind both.
  std::string both = "st.shared.u32 [%r21], 5;\n",
              other = "@%p3 st.shared.u32 [%r21], 6;\n";
  expectNone(both + "bar.sync 0;\n" + other);
  expectRace(both + "@%p0 bar.warp.sync -1;\n" + other);
}
TEST(RacesTest, Atomics) {
  std::string clear = "@%p3 st.shared.u32 [%r21], 0;\n";
  std::string add = "atom.shared.add.u32 %r6, [%r21], 1;\n";
  std::string load = "ld.shared.u32 %r6, [%r21];\n";
  expectNone(clear + "bar.sync 0;\n" + add + "bar.sync 0;\n" + load);
  expectRace(clear + add);
  expectRace(clear + "bar.sync 0;\n" + add + load);
  expectRace(clear + "bar.sync 0;\n" + load + add);
}

/// Lane 0 of warp 0 has buffer filled by a bulk copy; what waits for it.
constexpr char kCopy[] =
    "@%p3 mbarrier.arrive.expect_tx.shared::cta.b64 _, [%r20], 1024;\n"
    "@%p3 cp.async.bulk.shared::cluster.global.mbarrier::complete_tx::bytes "
    "[%r21], [%d0], 1024, [%r20];\n";
std::string wait(const char *barrier = "%r20", const char *parity = "0",
                 const char *guard = "") {
  static int count = 0;
  std::string label = "$L_wait" + std::to_string(count++);
  return (*guard ? std::string("@!") + guard + " bra " + label + "b;\n"
                 : std::string()) +
         label + ": mbarrier.try_wait.parity.shared::cta.b64 %p4, [" + barrier +
         "], " + parity + ";\n@!%p4 bra " + label + ";\n" + label + "b:\n";
}

TEST(RacesTest, BulkCopy) {
  expectNone(kCopy + wait() + kLoadOther);
  // Found, too, when the copy was made in time.
  expectRace(kCopy + wait("%r20", "0", "%p0") + kLoadOther, "cp.async.bulk");
  // One warp waits, a barrier tells the other.
  expectNone(kCopy + wait("%r20", "0", "%p0") + "bar.sync 0;\n" + kLoadOther);
  expectRace(kLoadOther + std::string(kCopy) + wait());
}
TEST(RacesTest, RingOfAWarp) {
  // All lanes read, one says so; the copy that follows overwrites.
  auto ring = [](const char *between) {
    return kCopy + wait() + kLoadOther + between +
           "@%p2 mbarrier.arrive.shared::cta.b64 _, [%r20+8];\n" +
           wait("%r20+8", "0", "%p3") + kCopy + wait("%r20", "1");
  };
  expectNone(ring("bar.warp.sync -1;\n"));
  expectRace(ring(""));
}
TEST(RacesTest, StoreBehindACopy) {
  // What the copy of a phase brings may be overwritten behind its wait.
  expectNone(kCopy + wait() + "bar.sync 0;\n" + kStore);
  expectRace(kCopy + wait() + kLoadOther + kStore);
  expectRace(kCopy + std::string(kStore) + wait());
}
TEST(RacesTest, ProxyFence) {
  // A copy over what threads stored; each of them fences, or one that knows.
  std::string fence = "fence.proxy.async.shared::cta;\n",
              sync = "bar.sync 0;\n";
  std::string copy = kCopy + wait();
  expectNone(kStore + fence + sync + copy);
  expectNone(kStore + sync + "@%p3 " + fence + copy);
  for (const std::string &body :
       {kStore + sync + copy, kStore + sync + copy + fence,
        // Before the others' stores.
        kStore + std::string("@%p3 ") + fence + sync + copy,
        // By a thread that the copy does not wait for.
        kStore + sync + "@%p1 " + fence + copy}) {
    Status status = run(body);
    EXPECT_NE(status.message().find("no fence.proxy.async is between the two"),
              std::string::npos)
        << body << status.message();
  }
  // What a copy brought needs none.
  expectNone(copy + sync + kCopy + wait("%r20", "1"));
}
TEST(RacesTest, BarrierInitialisedInTime) {
  std::string init = "@%p3 mbarrier.init.shared::cta.b64 [%r21], 64;\n";
  std::string arrive = "mbarrier.arrive.shared::cta.b64 _, [%r21];\n";
  expectNone(init + "bar.sync 0;\n" + arrive);
  int found = 0;
  for (uint64_t seed = 1; seed < 20; ++seed)
    found += !run(init + arrive, seed).ok();
  EXPECT_EQ(found, 19);
}
TEST(RacesTest, AsyncCopy) {
  std::string copy = "mul.wide.u32 %d2, %r0, 4; add.s64 %d2, %d2, %d0;\n"
                     "cp.async.ca.shared.global [%r22], [%d2], 4;\n"
                     "cp.async.commit_group;\n";
  std::string own = "ld.shared.u32 %r6, [%r22];\n";
  expectNone(copy + "cp.async.wait_group 0;\n" + own);
  expectRace(copy + own, "a cp.async of thread ");
  expectRace(copy + copy + "cp.async.wait_group 1;\n" + own);
  expectNone(copy + "cp.async.commit_group;\ncp.async.wait_group 1;\n" + own);
  expectNone(copy + "cp.async.wait_all;\nbar.sync 0;\n" + kLoadOther);
  expectRace(copy + "cp.async.wait_all;\n" + kLoadOther);
  expectRace(copy + "bar.sync 0;\n" + kLoadOther);
}

TEST(RacesTest, CopySaysNothingOfItsIssuer) {
  // Warp 1 waits for the copy alone, and for an arrival behind the store.
  std::string store = "@%p3 st.shared.u32 [%r21+768], 9;\n", copy = kCopy;
  copy.replace(copy.rfind("1024"), 4, "512");
  copy.replace(copy.find(", 1024;"), 7, ", 512;");
  std::string load = "@%p1 ld.shared.u32 %r6, [%r21+768];\n";
  size_t arrival = copy.find('\n') + 1;
  std::string late = copy; // the copy is issued behind the store
  late.insert(arrival, store);
  expectNone(store + copy + wait("%r20", "0", "%p1") + load);
  expectRace(late + wait("%r20", "0", "%p1") + load);
}

TEST(RacesTest, Cluster) {
  // Each stores to the other CTA's memory, and reads its own.
  auto body = [](const char *release) {
    return "mov.u32 %r6, %cluster_ctarank; xor.b32 %r6, %r6, 1;\n"
           "mapa.shared::cluster.u32 %r7, %r22, %r6;\n"
           "st.shared::cluster.u32 [%r7], %r0;\n"
           "barrier.cluster.arrive" +
           std::string(release) +
           ".aligned;\nbarrier.cluster.wait.acquire.aligned;\n"
           "ld.shared.u32 %r6, [%r22];\n"
           "barrier.cluster.arrive.aligned;\nbarrier.cluster.wait.aligned;\n";
  };
  expectNone(body(".release"), 2);
  expectNone(body(""), 2);
  expectRace(body(".relaxed"), " of the cluster's CTA ", 2);
}
TEST(RacesTest, RelaxedArrivals) {
  // They say what was read ...
  auto body = [](const std::string &access, const std::string &between) {
    return "mov.u32 %r6, %cluster_ctarank; xor.b32 %r6, %r6, 1;\n"
           "mapa.shared::cluster.u32 %r7, %r22, %r6;\n"
           "mapa.shared::cluster.u32 %r8, %r20, %r6;\n" +
           access + between +
           "st.shared::cluster.u32 [%r7], %r0;\n"
           "barrier.cluster.arrive.aligned;\nbarrier.cluster.wait.aligned;\n";
  };
  std::string read = "ld.shared.u32 %r9, [%r22];\n",
              write = "st.shared.u32 [%r22], 5;\n";
  std::string cluster = "barrier.cluster.arrive.relaxed.aligned;\n"
                        "barrier.cluster.wait.aligned;\n";
  std::string arrive =
      "bar.warp.sync -1;\n"
      "@%p2 mbarrier.arrive.relaxed.cluster.shared::cluster.b64 _, [%r8+8];\n" +
      wait("%r20+8");
  expectNone(body(read, cluster), 2);
  expectNone(body(read, arrive), 2);
  expectRace(body(read, ""), "", 2);
  // ... and of no writes; of initialised barriers behind their fence.
  expectRace(body(write, cluster), "", 2);
  expectRace(body(write, arrive), "", 2);
  auto init = [&](const std::string &fence) {
    return "mov.u32 %r6, %cluster_ctarank; xor.b32 %r6, %r6, 1;\n"
           "mapa.shared::cluster.u32 %r8, %r21, %r6;\n"
           "@%p3 mbarrier.init.shared::cta.b64 [%r21], 64;\n" +
           fence + cluster +
           "mbarrier.arrive.release.cluster.shared::cluster.b64 _, [%r8];\n"
           "barrier.cluster.arrive.aligned;\nbarrier.cluster.wait.aligned;\n";
  };
  expectNone(init("fence.mbarrier_init.release.cluster;\n"), 2);
  expectRace(init(""), "", 2);
}
TEST(RacesTest, ClusterArrival) {
  // A word and an arrival for the other CTA, which waits for both warps.
  auto body = [](const char *guard) {
    return "mov.u32 %r6, %cluster_ctarank; xor.b32 %r6, %r6, 1;\n"
           "mapa.shared::cluster.u32 %r7, %r22, %r6;\n"
           "mapa.shared::cluster.u32 %r8, %r20, %r6;\n" +
           std::string(guard) +
           "st.shared::cluster.u32 [%r7], %r0;\nbar.warp.sync -1;\n"
           "@%p2 mbarrier.arrive.release.cluster.shared::cluster.b64 _, "
           "[%r8+8];\n" +
           wait("%r20+8") + "ld.shared.u32 %r6, [%r24];\n" +
           "barrier.cluster.arrive.aligned;\nbarrier.cluster.wait.aligned;\n";
  };
  expectNone(body(""), 2);
  // The words arrive behind the arrival.
  std::string late = body("");
  size_t store = late.find("st.shared::cluster"),
         arrive = late.find("@%p2 mbarrier");
  std::string text = late.substr(store, late.find('\n', store) + 1 - store);
  late.insert(late.find('\n', arrive) + 1, text);
  late.erase(store, text.size());
  expectRace(late, "", 2);
}
TEST(RacesTest, ClusterSend) {
  auto body = [](const std::string &waits) {
    return "mov.u32 %r6, %cluster_ctarank; xor.b32 %r6, %r6, 1;\n"
           "@%p3 mbarrier.arrive.expect_tx.shared::cta.b64 _, [%r20], 256;\n"
           "mapa.shared::cluster.u32 %r7, %r22, %r6;\n"
           "mapa.shared::cluster.u32 %r8, %r20, %r6;\n"
           "st.async.shared::cluster.mbarrier::complete_tx::bytes.u32 [%r7], "
           "%r0, [%r8];\n" +
           waits + "ld.shared.u32 %r6, [%r22];\n" + wait() +
           "barrier.cluster.arrive.aligned;\nbarrier.cluster.wait.aligned;\n";
  };
  expectNone(body(wait()), 2);
  expectRace(body(""), "", 2);
}

} // namespace
