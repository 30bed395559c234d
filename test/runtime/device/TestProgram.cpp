//===- TestProgram.cpp - small plans made by tests ------------------------===//
#include "test/runtime/device/TestProgram.h"

#include "runtime/base/Random.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>

namespace ft::test {

//===----------------------------------------------------------------------===//
// Values
//===----------------------------------------------------------------------===//

void encode(std::byte *to, DType dtype, const Values &values) {
  for (size_t i = 0; i < values.size(); ++i) {
    float single = float(values[i]);
    int32_t whole = dtype == DType::I32 ? int32_t(values[i]) : 0;
    uint16_t half = dtype == DType::F16 ? f32ToF16(single) : f32ToBf16(single);
    if (dtype == DType::F32)
      std::memcpy(to + 4 * i, &single, 4);
    else if (dtype == DType::I32)
      std::memcpy(to + 4 * i, &whole, 4);
    else
      std::memcpy(to + 2 * i, &half, 2);
  }
}

Values decode(const std::byte *from, DType dtype, int64_t count) {
  Values values(size_t(count), 0.0);
  for (size_t i = 0; i < values.size(); ++i) {
    float single;
    int32_t whole;
    uint16_t half;
    if (dtype == DType::F32) {
      std::memcpy(&single, from + 4 * i, 4);
      values[i] = single;
    } else if (dtype == DType::I32) {
      std::memcpy(&whole, from + 4 * i, 4);
      values[i] = whole;
    } else {
      std::memcpy(&half, from + 2 * i, 2);
      values[i] = dtype == DType::F16 ? f16ToF32(half) : bf16ToF32(half);
    }
  }
  return values;
}

double rounded(double value, DType dtype) {
  std::byte bytes[4];
  encode(bytes, dtype, {value});
  return decode(bytes, dtype, 1)[0];
}

double unitRoundoff(DType dtype) {
  return dtype == DType::F16    ? 0x1p-11
         : dtype == DType::BF16 ? 0x1p-8
                                : 0x1p-24;
}

Values randomValues(int64_t count, DType dtype, uint64_t key, double scale) {
  Values values;
  for (int64_t i = 0; i < count; ++i)
    values.push_back(
        rounded(scale * randomWeight(mixBits(key), uint64_t(i)), dtype));
  return values;
}

void expectClose(const Values &got, const Values &want, DType dtype,
                 const std::function<double(size_t)> &slack) {
  ASSERT_EQ(got.size(), want.size());
  // Below the normal range the store's error is absolute.
  double tiny = dtype == DType::F16 ? 0x1p-25 : 0x1p-126;
  for (size_t i = 0; i < got.size(); ++i) {
    double tolerance =
        unitRoundoff(dtype) * std::fabs(want[i]) + slack(i) + tiny;
    ASSERT_LE(std::fabs(got[i] - want[i]), tolerance)
        << "element " << i << ": got " << got[i] << ", want " << want[i];
  }
}

void expectClose(const Values &got, const Values &want, DType dtype,
                 double slack) {
  expectClose(got, want, dtype, [slack](size_t) { return slack; });
}

//===----------------------------------------------------------------------===//
// TestProgram
//===----------------------------------------------------------------------===//

TestProgram::TestProgram() {
  plan.axes = {{"tokens", 0}, {"sequences", 0}, {"rows", 0}};
  plan::Entry entry;
  entry.name = "test";
  entry.sequences = {{"main", kTokens, kSequences, -1}};
  plan::Program program;
  program.arenaBytes.perAxis = {0, 0, 0};
  program.steps.emplace_back();
  program.steps[0].name = "step";
  entry.programs.push_back(program);
  plan.entries.push_back(entry);
}

plan::Ref TestProgram::buffer(DType dtype, int32_t axis, Shape shape,
                              int64_t gap) {
  plan::Buffer buffer;
  buffer.name = 'b' + std::to_string(program().buffers.size());
  buffer.dtype = dtype;
  buffer.axis = axis;
  buffer.shape = shape;
  buffer.rowStride = elementCount(shape) + gap;
  buffer.offset = program().arenaBytes;
  program().arenaBytes.perAxis[axis] += buffer.rowStride * dtypeSize(dtype);
  program().buffers.push_back(buffer);
  return {plan::RefKind::Buffer, int32_t(program().buffers.size()) - 1};
}

plan::Ref TestProgram::view(plan::Ref base, int64_t column, Shape shape) {
  plan::Buffer view = program().buffers[base.index];
  view.viewOf = base.index;
  view.shape = shape;
  view.offset.constant += column * dtypeSize(view.dtype);
  program().buffers.push_back(view);
  return {plan::RefKind::Buffer, int32_t(program().buffers.size()) - 1};
}

plan::Ref TestProgram::weight(DType dtype, Shape shape, Values values) {
  plan::Weight weight;
  weight.name = 'w' + std::to_string(plan.weights.size());
  weight.dtype = dtype;
  weight.shape = shape;
  plan.weights.push_back(weight);
  weights.push_back(std::move(values));
  return {plan::RefKind::Weight, int32_t(plan.weights.size()) - 1};
}

plan::Ref TestProgram::temp(DType dtype, int32_t axis, Shape shape) {
  step().temps.push_back({dtype, axis, shape});
  return {plan::RefKind::Temp, int32_t(step().temps.size()) - 1};
}

plan::Ref TestProgram::input(DType dtype, int32_t axis, Shape shape) {
  plan::Input input;
  input.name = "input" + std::to_string(plan.entries[0].inputs.size());
  input.dtype = dtype;
  input.axis = axis;
  input.shape = shape;
  plan.entries[0].inputs.push_back(input);
  return {plan::RefKind::Input, int32_t(plan.entries[0].inputs.size()) - 1};
}

plan::Ref TestProgram::cache(int64_t layers, int64_t pageSize,
                             std::vector<plan::CachePlane> planes) {
  plan.caches.push_back({"kv", layers, pageSize, std::move(planes)});
  plan.entries[0].sequences[0].cache = 0;
  return {plan::RefKind::Cache, 0};
}

plan::MeaningOp &TestProgram::op(const std::string &name,
                                 std::vector<plan::Ref> in,
                                 std::vector<plan::Ref> out,
                                 std::map<std::string, plan::AttrValue> attrs) {
  for (plan::Ref ref : out)
    if (ref.kind == plan::RefKind::Buffer)
      step().writes.push_back(ref.index);
  step().meaning.push_back({name, in, out, attrs, {}});
  return step().meaning.back();
}

int64_t TestBatch::tokens() const {
  int64_t sum = 0;
  for (const Slice &slice : slices)
    sum += slice.tokens;
  return sum;
}

} // namespace ft::test
