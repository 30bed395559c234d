//===- DeviceConformanceMoveOpsTest.cpp - select, moved elements ----------===//
#include "test/runtime/device/Conformance.h"

#include <numeric>

namespace ft::test {

using MoveOpTest = OpTest;
FT_INSTANTIATE_OP_TESTS(MoveOpTest);

static const TestBatch kRagged = {{{1}, {7}, {3}}, {}, 1};
constexpr size_t kTokenCount = 11;

static Values ascending(size_t count) {
  Values values(count);
  std::iota(values.begin(), values.end(), 0.0);
  return values;
}

// Any condition but 0 is true; each operand may repeat.
TEST_P(MoveOpTest, SelectPicksElements) {
  TestProgram program;
  plan::Ref c = program.buffer(DType::F32, kTokens, {2, 1}, 1);
  plan::Ref x = program.buffer(DType::F32, kTokens, {2, 3}, 2);
  plan::Ref y = program.weight(DType::F32, {3}, {-1, -2, -3});
  plan::Ref z = program.buffer(DType::F32, kTokens, {2, 3}, 1);
  program.op("select", {c, x, y}, {z});
  TestRun run(*device, program, kRagged);
  Values conditions, values = ascending(kTokenCount * 6);
  for (size_t i = 0; i < kTokenCount * 2; ++i)
    conditions.push_back(i % 3 == 0 ? 0.0 : double(i) - 5.5);
  run.write(c, conditions);
  run.write(x, values);
  ASSERT_TRUE(run.run().ok());
  Values got = run.read(z);
  for (size_t i = 0; i < got.size(); ++i)
    EXPECT_EQ(got[i], i / 3 % 3 == 0 ? -1.0 - double(i % 3) : values[i]);
}

TEST_P(MoveOpTest, ToFloatOfPositions) {
  TestProgram program;
  plan::Ref p = program.temp(DType::I32, kTokens, {});
  plan::Ref y = program.buffer(DType::F32, kTokens, {1});
  program.op("positions", {program.sequences()}, {p}, {{"offset", int64_t(2)}});
  program.op("to_float", {p}, {y});
  TestRun run(*device, program, kRagged);
  ASSERT_TRUE(run.run().ok());
  EXPECT_EQ(run.read(y), (Values{2, 2, 3, 4, 5, 6, 7, 8, 2, 3, 4}));
}

// Several of a row, along lines and as the number of each; what is read of
// integers came from an op that makes some.
TEST_P(MoveOpTest, ToFloatOfSeveral) {
  TestProgram program;
  plan::Ref x = program.buffer(DType::F32, kTokens, {2, 3});
  plan::Ref i = program.buffer(DType::I32, kTokens, {2});
  plan::Ref y = program.buffer(DType::F32, kTokens, {2}, 3);
  plan::Ref z = program.buffer(DType::F32, kTokens, {2, 1});
  program.op("argmax", {x}, {i});
  program.op("to_float", {i}, {y});
  program.op("to_float", {i}, {z});
  TestRun run(*device, program, {{{2}}, {}, 1});
  run.write(x, {1, 3, 2, 9, 9, 8, -1, -2, -3, 0, 5, 6});
  ASSERT_TRUE(run.run().ok());
  EXPECT_EQ(run.read(y), (Values{1, 0, 0, 2}));
  EXPECT_EQ(run.read(z), (Values{1, 0, 0, 2}));
}

namespace {
struct RearrangeCase {
  const char *name;
  Shape shape;
  int64_t offset;
  std::vector<int64_t> strides;
  Values row; // of the row 0, 1, ... 11
};
} // namespace

static const RearrangeCase kRearrangeCases[] = {
    {"slice", {3}, 4, {1}, {4, 5, 6}},
    {"odd", {2, 2}, 1, {6, 2}, {1, 3, 7, 9}},
    {"transpose", {3, 2}, 0, {1, 3}, {0, 3, 1, 4, 2, 5}},
    {"repeat", {2, 2}, 10, {0, 1}, {10, 11, 10, 11}},
    {"three axes", {2, 1, 2}, 2, {4, 9, 3}, {2, 5, 6, 9}}};

TEST_P(MoveOpTest, RearrangeReadsAtStrides) {
  for (const RearrangeCase &form : kRearrangeCases)
    for (DType dtype : kFloats) {
      SCOPED_TRACE(form.name);
      TestProgram program;
      plan::Ref x = program.buffer(dtype, kTokens, {12}, 3);
      plan::Ref y = program.buffer(dtype, kTokens, form.shape, 2);
      std::map<std::string, plan::AttrValue> attrs = {{"offset", form.offset}};
      for (size_t d = 0; d < form.strides.size(); ++d)
        attrs["stride" + std::to_string(d)] = form.strides[d];
      program.op("rearrange", {x}, {y}, attrs);
      TestRun run(*device, program, kRagged);
      run.write(x, ascending(kTokenCount * 12));
      ASSERT_TRUE(run.run().ok());
      Values want;
      for (size_t r = 0; r < kTokenCount; ++r)
        for (double element : form.row)
          want.push_back(double(r) * 12 + element);
      EXPECT_EQ(run.read(y), want);
    }
}

TEST_P(MoveOpTest, ConcatAlongTheLastExtent) {
  TestProgram program;
  plan::Ref a = program.buffer(DType::F32, kTokens, {2, 3}, 1);
  plan::Ref b = program.buffer(DType::F16, kTokens, {2, 1}, 4);
  plan::Ref y = program.buffer(DType::F32, kTokens, {2, 7}, 2);
  program.op("concat", {a, b, a}, {y});
  TestRun run(*device, program, kRagged);
  Values x = ascending(kTokenCount * 6), z = ascending(kTokenCount * 2), want;
  run.write(a, x);
  run.write(b, z);
  ASSERT_TRUE(run.run().ok());
  for (size_t i = 0; i < kTokenCount * 2; ++i)
    for (double element : {x[i * 3], x[i * 3 + 1], x[i * 3 + 2], z[i], x[i * 3],
                           x[i * 3 + 1], x[i * 3 + 2]})
      want.push_back(element);
  EXPECT_EQ(run.read(y), want);
}

} // namespace ft::test
