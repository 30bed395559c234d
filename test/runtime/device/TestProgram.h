//===- TestProgram.h - small plans made by tests ----------------*- C++ -*-===//
//
// A TestProgram collects buffers, weights and ops of a one-entry plan; a
// TestRun binds it to a device for one ragged batch.
//
//===----------------------------------------------------------------------===//
#ifndef FT_TEST_RUNTIME_DEVICE_TESTPROGRAM_H
#define FT_TEST_RUNTIME_DEVICE_TESTPROGRAM_H

#include "test/runtime/device/BoundProgram.h"

namespace ft::test {

class TestProgram {
public:
  TestProgram();

  /// A buffer after all earlier ones; `gap` unused elements end each row.
  plan::Ref buffer(DType dtype, int32_t axis, Shape shape, int64_t gap = 0);
  /// Columns `column` .. of a buffer's rows.
  plan::Ref view(plan::Ref base, int64_t column, Shape shape);
  plan::Ref weight(DType dtype, Shape shape, Values values);
  plan::Ref temp(DType dtype, int32_t axis, Shape shape);
  plan::Ref input(DType dtype, int32_t axis, Shape shape);
  plan::Ref cache(int64_t layers, int64_t pageSize,
                  std::vector<plan::CachePlane> planes);
  plan::Ref sequences() const { return {plan::RefKind::Sequences, 0}; }
  plan::Ref rows() const { return {plan::RefKind::Rows, 0}; }

  /// Appends an op to the program's only step.
  plan::MeaningOp &op(const std::string &name, std::vector<plan::Ref> in,
                      std::vector<plan::Ref> out,
                      std::map<std::string, plan::AttrValue> attrs = {});

  plan::Program &program() { return plan.entries[0].programs[0]; }
  const plan::Program &program() const { return plan.entries[0].programs[0]; }
  plan::Step &step() { return program().steps[0]; }

  plan::Plan plan;
  std::vector<Values> weights; // by Plan::weights
};

/// Owns the plan before BoundProgram, which refers to it, is made.
struct TestPlan {
  std::unique_ptr<plan::PlanFile> file;
};

/// A TestProgram's only program, bound with its weights.
class TestRun : private TestPlan, public BoundProgram {
public:
  TestRun(Device &device, const TestProgram &program, const TestBatch &batch);
};

} // namespace ft::test

#endif // FT_TEST_RUNTIME_DEVICE_TESTPROGRAM_H
