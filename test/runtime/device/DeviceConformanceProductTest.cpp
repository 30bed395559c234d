//===- DeviceConformanceProductTest.cpp - what a library call rounds ------===//
//
// A product of a GEMM library alone: bias and residual are added before the
// result is rounded to 16 bits, not to a product that was rounded. The numbers
// are exact in fp32 in any order of sums, and what is left where the addends
// cancel the product's first bits is exact in 16 bits too: equality, no bound.
// Only rows that are not on 16 bytes may have one rounding more, where a bias
// is added: cuBLASLt 13.1 has it on an H200 for rows of 37 and 92 elements.
//
//===----------------------------------------------------------------------===//
#include "test/runtime/device/Conformance.h"

#include <cmath>

namespace ft::test {

namespace {

constexpr int64_t kInner = 64;

struct ProductCase {
  DType dtype;
  int64_t rows, columns;
  bool bias, residual;
};

/// What of 1 + c / 4096 the product keeps beyond its first bits.
double remainder(int64_t column) { return double(1 + 2 * (column % 3)) / 4096; }

/// x w^T is 1 + remainder in every row; -1 is added, by halves where two add.
TestProgram productPlan(const ProductCase &c) {
  TestProgram p;
  double each = c.bias && c.residual ? -0.5 : -1;
  Values weight(size_t(c.columns * kInner), 0);
  for (int64_t n = 0; n < c.columns; ++n) {
    weight[size_t(n * kInner)] = 1;
    weight[size_t(n * kInner + kInner - 1)] = remainder(n) * 64;
  }
  plan::Ref x = p.buffer(c.dtype, kTokens, {kInner});
  plan::Ref out = p.buffer(c.dtype, kTokens, {c.columns});
  plan::Ref r = p.buffer(c.dtype, kTokens, {c.columns});
  plan::Ref sum = p.temp(DType::F32, kTokens, {c.columns});
  std::vector<plan::Ref> in = {x,
                               p.weight(c.dtype, {c.columns, kInner}, weight)};
  if (c.bias)
    in.push_back(
        p.weight(c.dtype, {c.columns}, Values(size_t(c.columns), each)));
  p.op("linear", in, {c.residual ? sum : out});
  if (c.residual)
    p.op("add", {sum, r}, {out});
  plan::GemmCall call;
  call.a = x, call.weight = in[1].index, call.out = out;
  call.bias = c.bias ? in[2].index : -1;
  call.residual = c.residual ? r.index : -1;
  call.n = c.columns, call.k = kInner;
  p.step().implementations = {{"library", {}, {"ptx"}, {call}}};
  return p;
}

Values rowsOfX(int64_t rows) {
  Values values(size_t(rows * kInner), 0);
  for (int64_t row = 0; row < rows; ++row) {
    values[size_t(row * kInner)] = 1;
    values[size_t(row * kInner + kInner - 1)] = 1.0 / 64;
  }
  return values;
}

void expectOneRounding(Device &device, const ProductCase &c) {
  TestBatch batch;
  batch.slices = {{c.rows, 0}};
  TestRun run(device, productPlan(c), batch);
  run.write({plan::RefKind::Buffer, 0}, rowsOfX(c.rows));
  run.write({plan::RefKind::Buffer, 2},
            Values(size_t(c.rows * c.columns), c.bias ? -0.5 : -1));
  Status ran = run.run();
  ASSERT_TRUE(ran.ok()) << ran.message();
  Values found = run.read({plan::RefKind::Buffer, 1});
  // Half a unit of a product between 1 and 2.
  double more = c.dtype == DType::F16 ? 0x1p-11 : 0x1p-8;
  bool mayRoundTwice = c.bias && c.columns % 8 != 0;
  for (size_t i = 0; i < found.size(); ++i) {
    double once = remainder(int64_t(i) % c.columns);
    if (mayRoundTwice && std::abs(found[i] - once) <= more)
      continue;
    ASSERT_EQ(found[i], once)
        << "element " << i << " of [" << c.rows << ", " << c.columns << "], "
        << (c.bias ? "bias " : "") << (c.residual ? "residual" : "");
  }
}

} // namespace

using ProductTest = DeviceTest;
INSTANTIATE_TEST_SUITE_P(Devices, ProductTest, testing::Values("cpu", "cuda"),
                         [](auto &info) { return std::string(info.param); });

// Rows of 16 bytes, of 8, and of 2 only, for which a library has other kernels.
TEST_P(ProductTest, AddsBeforeItRounds) {
  for (DType dtype : {DType::F16, DType::BF16})
    for (int64_t rows : {1, 3, 48, 300})
      for (int64_t columns : {37, 48, 92, 144})
        for (int addends = 1; addends < 4; ++addends)
          expectOneRounding(*device, {dtype, rows, columns, (addends & 1) != 0,
                                      (addends & 2) != 0});
}

} // namespace ft::test
