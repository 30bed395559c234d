//===- MatrixTest.cpp - ldmatrix, mma, wgmma, tensor copies ---------------===//
#include "Run.h"

#include "Half.h"
#include "TensorMap.h"

#include <cstring>

using namespace ft;
using namespace ft::emulator;

namespace {

/// Small whole numbers: sums of products are exact in any order.
uint16_t element(uint32_t row, uint32_t column) {
  return floatToBf16(float(int(row * 5 + column * 3) % 11 - 5));
}
float valueOf(uint32_t row, uint32_t column) {
  return bf16ToFloat(element(row, column));
}

/// A tensor map of bf16 [rows][columns] in `data`.
TensorMap makeMap(const std::vector<uint16_t> &data, uint32_t rows,
                  uint32_t columns, uint32_t boxRows,
                  uint32_t boxColumns = 64) {
  TensorMap map;
  map.type = TensorType::BFloat16;
  map.rank = 2;
  map.swizzle = Swizzle::Bytes128;
  map.base = reinterpret_cast<uint64_t>(data.data());
  map.dims[0] = columns;
  map.dims[1] = rows;
  map.strides[0] = columns * 2;
  map.box[0] = uint16_t(boxColumns);
  map.box[1] = uint16_t(boxRows);
  return map;
}

/// Kernel `test(.param map a, .param map b, .param out)`; barrier %r20, tiles
/// at %r21 (of a) and %r22 (of b), both on 1,024 bytes; %d1 = out.
struct Tiles {
  std::vector<uint16_t> a, b;
  std::vector<float> out = std::vector<float>(64 * 64, -1);
  TensorMap mapA, mapB;

  Status run(const std::string &body, uint32_t threads, uint32_t ctas = 1,
             uint64_t seed = 1) {
    std::string text =
        ".version 8.5\n.target sm_90a\n.address_size 64\n"
        ".extern .shared .align 16 .b8 dynamic[];\n.visible .entry test(\n"
        ".param .align 64 .b8 a[128],\n.param .align 64 .b8 b[128],\n"
        ".param .u64 out)\n{\n.reg .pred %p<9>;\n.reg .b16 %h<9>;\n"
        ".reg .b32 %r<99>;\n.reg .f32 %f<99>;\n.reg .b64 %d<9>;\n"
        ".shared .align 8 .b8 bar[8];\nmov.b64 %d2, a;\nmov.b64 %d3, b;\n"
        "cvta.param.u64 %d2, %d2;\ncvta.param.u64 %d3, %d3;\n"
        "ld.param.u64 %d1, [out];\nmov.u32 %r0, %tid.x;\nmov.u32 %r20, bar;\n"
        "mov.u32 %r21, dynamic;\nadd.s32 %r21, %r21, 1023;\n"
        "and.b32 %r21, %r21, -1024;\nadd.s32 %r22, %r21, 16384;\n"
        "mov.u32 %r23, %cluster_ctarank;\nsetp.eq.u32 %p1, %r0, 0;\n"
        "@%p1 mbarrier.init.shared::cta.b64 [%r20], 1;\n"
        "fence.mbarrier_init.release.cluster;\n"
        "barrier.cluster.arrive.aligned;\nbarrier.cluster.wait.aligned;\n" +
        body +
        "barrier.cluster.arrive.aligned;\nbarrier.cluster.wait.aligned;\n"
        "ret;\n}\n";
    FT_ASSIGN_OR_RETURN(auto module, Module::parse(text));
    Memory memory;
    memory.add(a.data(), 2 * a.size());
    memory.add(b.data(), 2 * b.size());
    memory.add(out.data(), 4 * out.size());
    void *pointer = out.data();
    const void *params[] = {&mapA, &mapB, &pointer};
    LaunchOptions options;
    options.seed = seed;
    LaunchShape shape{{ctas, 1, 1}, {threads, 1, 1}, {ctas, 1, 1}, 40960};
    return launch(*module, "test", shape, params, memory, options);
  }
};

std::string copyBox(const char *map, const char *to, int x, int y) {
  return "@%p1 cp.async.bulk.tensor.2d.shared::cluster.global.mbarrier::"
         "complete_tx::bytes [" +
         std::string(to) + "], [" + map + ", {" + std::to_string(x) + ", " +
         std::to_string(y) + "}], [%r20];\n";
}
std::string expect(uint32_t bytes) {
  return "@%p1 mbarrier.arrive.expect_tx.shared::cta.b64 _, [%r20], " +
         std::to_string(bytes) + ";\n";
}
constexpr char kWait[] =
    "$L_wait: mbarrier.try_wait.parity.shared::cta.b64 %p2, [%r20], 0;\n"
    "@!%p2 bra $L_wait;\n";

std::vector<uint16_t> matrix(uint32_t rows, uint32_t columns) {
  std::vector<uint16_t> values;
  for (uint32_t r = 0; r < rows; ++r)
    for (uint32_t c = 0; c < columns; ++c)
      values.push_back(element(r, c));
  return values;
}

TEST(MatrixTest, TensorCopyBeyondTheEdges) {
  // A box from row -2, column 8 of [10][40]: 64 columns of 16 rows.
  Tiles t;
  t.a = matrix(10, 40);
  t.mapA = t.mapB = makeMap(t.a, 10, 40, 16);
  // Thread r stores row r: the word of column 2 i is in piece i / 4 ^ r % 8.
  std::string body = expect(2048) + copyBox("%d2", "%r21", 8, -2) + kWait +
                     "shl.b32 %r1, %r0, 7; add.s32 %r2, %r21, %r1;\n"
                     "mul.wide.u32 %d4, %r0, 128; add.s64 %d5, %d1, %d4;\n"
                     "setp.lt.u32 %p3, %r0, 16;\n";
  for (uint32_t word = 0; word < 32; ++word) {
    std::string at = std::to_string(4 * word);
    body += "@%p3 ld.shared.u32 %r4, [%r2+" + at + "];\n@%p3 st.global.u32 " +
            "[%d5+" + at + "], %r4;\n";
  }
  Status status = t.run(body, 32);
  ASSERT_TRUE(status.ok()) << status.message();
  for (uint32_t r = 0; r < 16; ++r)
    for (uint32_t c = 0; c < 64; ++c) {
      uint32_t piece = c / 8 ^ r % 8;
      uint16_t got;
      std::memcpy(&got,
                  reinterpret_cast<char *>(t.out.data()) + r * 128 +
                      piece * 16 + c % 8 * 2,
                  2);
      bool inside = r >= 2 && r < 12 && c + 8 < 40;
      EXPECT_EQ(got, inside ? element(r - 2, c + 8) : 0) << r << ", " << c;
    }
}

TEST(MatrixTest, Multicast) {
  // CTA 0 copies to both; each waits at its own barrier.
  for (uint64_t seed = 1; seed < 10; ++seed) {
    Tiles t;
    t.a = matrix(16, 64);
    t.mapA = t.mapB = makeMap(t.a, 16, 64, 16);
    Status status = t.run(
        expect(2048) +
            "setp.eq.and.u32 %p3, %r23, 0, %p1;\nmov.u16 %h1, 3;\n"
            "@%p3 cp.async.bulk.tensor.2d.shared::cluster.global.mbarrier::"
            "complete_tx::bytes.multicast::cluster [%r21], [%d2, {0, 0}], "
            "[%r20], %h1;\n" +
            kWait +
            "ld.shared.u32 %r4, [%r21+132];\nshl.b32 %r5, %r23, 2;\n"
            "cvt.u64.u32 %d4, %r5; add.s64 %d5, %d1, %d4;\n"
            "@%p1 st.global.u32 [%d5], %r4;\n",
        32, 2, seed);
    ASSERT_TRUE(status.ok()) << status.message();
    // Row 1, byte 4: piece 0 is piece 1 of the tensor.
    uint32_t want = uint32_t(element(1, 11)) << 16 | element(1, 10);
    for (int cta : {0, 1})
      EXPECT_EQ(bits(t.out[cta]), want);
  }
}

/// d[64, 16] = a[64, 16 k] b: sums to out[row][column].
std::string storeSums() {
  std::string body = "shr.u32 %r1, %r0, 5; and.b32 %r2, %r0, 31;"
                     "shl.b32 %r1, %r1, 4; shr.u32 %r3, %r2, 2;"
                     "add.s32 %r1, %r1, %r3; and.b32 %r2, %r2, 3;"
                     "shl.b32 %r1, %r1, 4; mad.lo.u32 %r1, %r2, 2, %r1;"
                     "mul.wide.u32 %d4, %r1, 4; add.s64 %d5, %d1, %d4;\n";
  for (int i = 0; i < 8; ++i)
    body += "st.global.f32 [%d5+" +
            std::to_string(i / 4 * 32 + i / 2 % 2 * 512 + i % 2 * 4) + "], %f" +
            std::to_string(i) + ";\n";
  return body;
}
constexpr char kSums[] = "{%f0, %f1, %f2, %f3, %f4, %f5, %f6, %f7}";

/// Two steps of 16 columns of tiles with rows of 64.
std::string multiply(const char *wait) {
  std::string body =
      "shr.u32 %r10, %r21, 4; or.b32 %r10, %r10, 0x10000;\n"
      "shr.u32 %r11, %r22, 4; or.b32 %r11, %r11, 0x10000;\n"
      "mov.b64 %d4, {%r10, 0x40000040}; mov.b64 %d5, {%r11, 0x40000040};\n"
      "add.s64 %d6, %d4, 2; add.s64 %d7, %d5, 2;\nsetp.ne.u32 %p4, %r0, %r0;\n"
      "setp.eq.u32 %p5, %r0, %r0;\nwgmma.fence.sync.aligned;\n";
  for (const char *operands : {", %d4, %d5, %p4", ", %d6, %d7, %p5"})
    body += "wgmma.mma_async.sync.aligned.m64n16k16.f32.bf16.bf16 " +
            std::string(kSums) + operands + ", 1, 1, 0, 0;\n";
  return body + "wgmma.commit_group.sync.aligned;\n" + wait;
}
constexpr char kWgmmaWait[] = "wgmma.wait_group.sync.aligned 0;\n";

TEST(MatrixTest, WarpgroupMultiply) {
  Tiles t;
  t.a = matrix(64, 64);
  t.b = matrix(16, 64);
  t.mapA = makeMap(t.a, 64, 64, 64);
  t.mapB = makeMap(t.b, 16, 64, 16);
  Status status = t.run(expect(8192 + 2048) + copyBox("%d2", "%r21", 0, 0) +
                            copyBox("%d3", "%r22", 0, 0) + kWait +
                            multiply(kWgmmaWait) + storeSums(),
                        128);
  ASSERT_TRUE(status.ok()) << status.message();
  for (uint32_t m = 0; m < 64; ++m)
    for (uint32_t n = 0; n < 16; ++n) {
      float sum = 0;
      for (uint32_t k = 0; k < 32; ++k)
        sum += valueOf(m, k) * valueOf(n, k);
      EXPECT_EQ(t.out[m * 16 + n], sum) << m << ", " << n;
    }
}

TEST(MatrixTest, OperandOverwrittenBeforeTheWait) {
  Tiles t;
  t.a = matrix(64, 64);
  t.b = matrix(16, 64);
  t.mapA = makeMap(t.a, 64, 64, 64);
  t.mapB = makeMap(t.b, 16, 64, 16);
  Status status = t.run(
      expect(8192 + 2048) + copyBox("%d2", "%r21", 0, 0) +
          copyBox("%d3", "%r22", 0, 0) + kWait +
          multiply("@%p1 st.shared.u32 [%r22+128], 0x7f7f7f7f;\n") + kWgmmaWait,
      128);
  EXPECT_NE(status.message().find("which a wgmma of warp "), std::string::npos)
      << status.message();
}

TEST(MatrixTest, StoreWithoutProxyFence) {
  auto run = [](const char *fence) {
    Tiles t;
    t.a = matrix(64, 64);
    t.b = matrix(16, 64);
    t.mapA = makeMap(t.a, 64, 64, 64);
    t.mapB = makeMap(t.b, 16, 64, 16);
    return t.run(expect(8192 + 2048) + copyBox("%d2", "%r21", 0, 0) +
                     copyBox("%d3", "%r22", 0, 0) + kWait +
                     "@%p1 st.shared.u32 [%r22+128], 0;\n" + fence +
                     "bar.sync 0;\n" + multiply(kWgmmaWait),
                 128);
  };
  Status right = run("fence.proxy.async.shared::cta;\n"), wrong = run("");
  EXPECT_TRUE(right.ok()) << right.message();
  EXPECT_NE(wrong.message().find("no fence.proxy.async is between the two"),
            std::string::npos)
      << wrong.message();
}

TEST(MatrixTest, RowsInRegistersTimesColumns) {
  // a: thread t holds row / column as wgmma.cuh says; b is [16 k][64 n].
  Tiles t;
  t.b = matrix(16, 64);
  t.a = t.b;
  t.mapA = t.mapB = makeMap(t.b, 16, 64, 16);
  std::string body = expect(2048) + copyBox("%d3", "%r22", 0, 0) + kWait +
                     "shr.u32 %r1, %r0, 5; and.b32 %r2, %r0, 31;"
                     "shl.b32 %r1, %r1, 4; shr.u32 %r3, %r2, 2;"
                     "add.s32 %r1, %r1, %r3; and.b32 %r2, %r2, 3;"
                     "shl.b32 %r2, %r2, 1;\n";
  for (int i = 0; i < 4; ++i) // values row + 2 * column
    body += "add.s32 %r4, %r1, " + std::to_string(i % 2 * 8) +
            "; add.s32 %r5, %r2, " + std::to_string(i / 2 * 8) +
            "; shl.b32 %r5, %r5, 1; add.s32 %r4, %r4, %r5;"
            "cvt.rn.f32.s32 %f20, %r4; add.s32 %r4, %r4, 2;"
            "cvt.rn.f32.s32 %f21, %r4;"
            "cvt.rn.bf16x2.f32 %r" +
            std::to_string(30 + i) + ", %f21, %f20;\n";
  body += "shr.u32 %r11, %r22, 4; or.b32 %r11, %r11, 0x800000;\n"
          "mov.b64 %d5, {%r11, 0x40000040};\nsetp.ne.u32 %p4, %r0, %r0;\n"
          "wgmma.fence.sync.aligned;\n"
          "wgmma.mma_async.sync.aligned.m64n16k16.f32.bf16.bf16 " +
          std::string(kSums) +
          ", {%r30, %r31, %r32, %r33}, %d5, %p4, 1, 1, 1;\n"
          "wgmma.commit_group.sync.aligned;\n" +
          kWgmmaWait + storeSums();
  Status status = t.run(body, 128);
  ASSERT_TRUE(status.ok()) << status.message();
  for (uint32_t m = 0; m < 64; ++m)
    for (uint32_t n = 0; n < 16; ++n) {
      float sum = 0;
      for (uint32_t k = 0; k < 16; ++k)
        sum += float(m + 2 * k) * valueOf(k, n);
      EXPECT_EQ(t.out[m * 16 + n], sum) << m << ", " << n;
    }
}

TEST(MatrixTest, WarpMultiply) {
  // a[16, 16] by ldmatrix, b[16, 8] transposed, from tiles without swizzle.
  Tiles t;
  t.a = matrix(16, 16);
  t.b = matrix(16, 8);
  t.mapA = makeMap(t.a, 16, 16, 16, 16);
  t.mapB = makeMap(t.b, 16, 8, 16, 8);
  t.mapA.swizzle = t.mapB.swizzle = Swizzle::None;
  Status status = t.run(
      expect(512 + 256) + copyBox("%d2", "%r21", 0, 0) +
          copyBox("%d3", "%r22", 0, 0) + kWait +
          "and.b32 %r1, %r0, 15; shl.b32 %r2, %r1, 5; shr.u32 %r3, %r0, 4;"
          "shl.b32 %r3, %r3, 4; add.s32 %r2, %r2, %r3; add.s32 %r2, %r2, "
          "%r21;\n"
          "ldmatrix.sync.aligned.m8n8.x4.shared.b16 {%r10, %r11, %r12, %r13}, "
          "[%r2];\nshl.b32 %r3, %r1, 4; add.s32 %r3, %r3, %r22;\n"
          "ldmatrix.sync.aligned.m8n8.x2.trans.shared.b16 {%r14, %r15}, "
          "[%r3];\n"
          "mov.f32 %f0, 0f3F800000; mov.f32 %f1, %f0; mov.f32 %f2, %f0;"
          "mov.f32 %f3, %f0;\n"
          "mma.sync.aligned.m16n8k16.row.col.f32.bf16.bf16.f32 {%f4, %f5, %f6, "
          "%f7}, {%r10, %r11, %r12, %r13}, {%r14, %r15}, {%f0, %f1, %f2, "
          "%f3};\n"
          "shr.u32 %r4, %r0, 2; shl.b32 %r4, %r4, 3; and.b32 %r5, %r0, 3;"
          "mad.lo.u32 %r4, %r5, 2, %r4; mul.wide.u32 %d4, %r4, 4;"
          "add.s64 %d5, %d1, %d4;\nst.global.v2.f32 [%d5], {%f4, %f5};\n"
          "st.global.v2.f32 [%d5+256], {%f6, %f7};\n",
      32);
  ASSERT_TRUE(status.ok()) << status.message();
  for (uint32_t m = 0; m < 16; ++m)
    for (uint32_t n = 0; n < 8; ++n) {
      float sum = 1;
      for (uint32_t k = 0; k < 16; ++k)
        sum += valueOf(m, k) * valueOf(k, n);
      EXPECT_EQ(t.out[m * 8 + n], sum) << m << ", " << n;
    }
}

TEST(MatrixTest, MoveMatrix) {
  // Lane l has columns 2 (l % 4) and the next of row l / 4, 64 l + 1 and 64 l +
  // 2 here: what it gets are rows of its column.
  Tiles t;
  Status status =
      t.run("shl.b32 %r1, %r0, 6; add.u32 %r1, %r1, 1; add.u32 %r2, %r1, 1;"
            "shl.b32 %r2, %r2, 16; or.b32 %r1, %r1, %r2;\n"
            "movmatrix.sync.aligned.m8n8.trans.b16 %r3, %r1;\n"
            "mul.wide.u32 %d4, %r0, 4; add.s64 %d5, %d1, %d4;\n"
            "st.global.u32 [%d5], %r3;\n",
            32);
  ASSERT_TRUE(status.ok()) << status.message();
  auto given = [](uint32_t row, uint32_t column) {
    return (row * 4 + column / 2) * 64 + 1 + column % 2;
  };
  for (uint32_t lane = 0; lane < 32; ++lane) {
    uint32_t word, row = lane / 4, column = lane % 4 * 2;
    std::memcpy(&word, &t.out[lane], 4);
    EXPECT_EQ(word & 0xffff, given(column, row)) << lane;
    EXPECT_EQ(word >> 16, given(column + 1, row)) << lane;
  }
}

/// Lane l has columns 2 (l % 4) and the next of row l / 4 of four matrices:
/// 64 l + 1 and 64 l + 2, 2,048 more a matrix. Lane 8 m + i says where row i of
/// matrix m, or what becomes that, goes: here backwards, and each reads its
/// own.
static void storeMatrices(bool transposed) {
  Tiles t;
  std::string body =
      "shl.b32 %r1, %r0, 6; add.u32 %r1, %r1, 1; add.u32 %r2, %r1, 1;"
      "shl.b32 %r2, %r2, 16; or.b32 %r1, %r1, %r2;\n"
      "add.u32 %r2, %r1, 134219776; add.u32 %r3, %r2, 134219776;"
      "add.u32 %r4, %r3, 134219776;\n"
      "sub.u32 %r5, 31, %r0; shl.b32 %r5, %r5, 4; add.u32 %r5, %r5, %r21;\n"
      "stmatrix.sync.aligned.m8n8.x4" +
      std::string(transposed ? ".trans" : "") +
      ".shared.b16 [%r5], {%r1, %r2, %r3, %r4};\n"
      "bar.warp.sync -1;\n"
      "mul.wide.u32 %d4, %r0, 16; add.s64 %d5, %d1, %d4;\n";
  for (const char *at : {"0", "4", "8", "12"})
    body += "ld.shared.u32 %r6, [%r5+" + std::string(at) +
            "];\nst.global.u32 [%d5+" + at + "], %r6;\n";
  Status status = t.run(body, 32);
  ASSERT_TRUE(status.ok()) << status.message();
  for (uint32_t lane = 0; lane < 32; ++lane) {
    uint16_t row[8];
    std::memcpy(row, &t.out[lane * 4], 16);
    for (uint32_t k = 0; k < 8; ++k) {
      uint32_t y = transposed ? k : lane % 8, x = transposed ? lane % 8 : k;
      EXPECT_EQ(row[k], (y * 4 + x / 2) * 64 + 1 + x % 2 + 2048 * (lane / 8))
          << lane << ", " << k;
    }
  }
}
TEST(MatrixTest, StoreMatrices) { storeMatrices(false); }
TEST(MatrixTest, StoreMatricesTransposed) { storeMatrices(true); }

} // namespace
