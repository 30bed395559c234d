//===- TestProgram.cpp - small plans made by tests ------------------------===//
#include "test/runtime/device/TestProgram.h"

namespace ft::test {

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

TestRun::TestRun(Device &device, const TestProgram &program,
                 const TestBatch &batch)
    : TestPlan{plan::PlanFile::fromPlan(program.plan)},
      BoundProgram(device, *file, file->plan().entries[0],
                   file->plan().entries[0].programs[0], batch) {
  for (size_t i = 0; i < program.weights.size(); ++i)
    writeWeight(int32_t(i), program.weights[i]);
}

} // namespace ft::test
