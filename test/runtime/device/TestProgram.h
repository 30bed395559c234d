//===- TestProgram.h - small plans made by tests ----------------*- C++ -*-===//
//
// A TestProgram collects buffers, weights and ops of a one-entry plan; a
// TestRun binds it to a device for one ragged batch, in memory poisoned with
// NaN, and checks that a run writes nothing but its results.
//
//===----------------------------------------------------------------------===//
#ifndef FT_TEST_RUNTIME_DEVICE_TESTPROGRAM_H
#define FT_TEST_RUNTIME_DEVICE_TESTPROGRAM_H

#include "runtime/device/Addressing.h"
#include "runtime/plan/PlanFile.h"

#include <functional>
#include <vector>

namespace ft::test {

inline constexpr int32_t kTokens = 0, kSequences = 1, kRows = 2;

using Values = std::vector<double>;
using Shape = std::vector<int64_t>;

/// `count` values uniform in [-scale, scale), each representable in `dtype`.
Values randomValues(int64_t count, DType dtype, uint64_t key,
                    double scale = 1.0);
/// The nearest value of `dtype`.
double rounded(double value, DType dtype);
/// Half the distance between neighbours at 1: 2^-24, 2^-11 or 2^-8.
double unitRoundoff(DType dtype);
/// Stored elements from and to doubles.
void encode(std::byte *to, DType dtype, const Values &values);
Values decode(const std::byte *from, DType dtype, int64_t count);

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

/// One sequence of a batch: `tokens` new tokens after `past` cached ones.
struct Slice {
  int64_t tokens = 1;
  int64_t past = 0;
};

struct TestBatch {
  std::vector<Slice> slices;
  std::vector<int32_t> wanted; // packed token indices
  int64_t tokens() const;
  /// Bounds are this much above the true counts.
  int64_t surplus = 3;
};

class TestRun {
public:
  TestRun(Device &device, const TestProgram &program, const TestBatch &batch);
  ~TestRun();
  TestRun(const TestRun &) = delete;

  /// Rows of a buffer or input, row-major without gaps.
  void write(plan::Ref ref, const Values &values);
  /// Tokens of `sequence` in a cache plane, position by position.
  void writeCache(int32_t plane, int64_t layer, int64_t sequence,
                  const Values &values);
  Values readCache(int32_t plane, int64_t layer, int64_t sequence,
                   int64_t tokens);

  /// Loads and runs; then every byte of the arena that is no element of a
  /// written buffer must be as before.
  Status run();
  Status load();
  Values read(plan::Ref ref);

  const std::vector<int64_t> &counts() const { return counts_; }
  Executable *executable() { return executable_.get(); }

private:
  std::byte *allocate(int64_t bytes);
  void bindBatch();
  void bindWeights();
  void bindCaches();
  std::byte *slot(int32_t plane, int64_t layer, int64_t sequence,
                  int64_t position);
  void eachElement(int32_t buffer,
                   const std::function<void(int64_t offset)> &visit);

  Device &device_;
  const TestProgram &test_;
  std::unique_ptr<plan::PlanFile> file_;
  TestBatch batch_;
  std::vector<int64_t> counts_, programBounds_;
  std::vector<int32_t> pageTable_;
  Binding binding_;
  int64_t arenaBytes_ = 0;
  std::vector<std::byte *> allocations_;
  std::unique_ptr<Executable> executable_;
};

/// got[i] within unitRoundoff(dtype) * |want[i]| + slack(i), the rounding of
/// the store and what fp32 arithmetic before it may lose.
void expectClose(const Values &got, const Values &want, DType dtype,
                 const std::function<double(size_t)> &slack);
void expectClose(const Values &got, const Values &want, DType dtype,
                 double slack = 0);

} // namespace ft::test

#endif // FT_TEST_RUNTIME_DEVICE_TESTPROGRAM_H
