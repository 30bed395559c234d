//===- BoundProgram.h - a program bound for one batch -----------*- C++ -*-===//
//
// What an engine does, reduced to one batch: memory for a program's arena,
// weights, caches and batch block, all poisoned with NaN before it is written;
// a run must write nothing but its results.
//
//===----------------------------------------------------------------------===//
#ifndef FT_TEST_RUNTIME_DEVICE_BOUNDPROGRAM_H
#define FT_TEST_RUNTIME_DEVICE_BOUNDPROGRAM_H

#include "runtime/device/Addressing.h"
#include "runtime/plan/PlanFile.h"
#include "runtime/plan/Sampling.h"
#include "test/runtime/device/Values.h"

#include <span>

namespace ft::test {

inline constexpr int32_t kTokens = 0, kSequences = 1, kRows = 2;

/// One sequence of a batch: `tokens` new tokens after `past` cached ones.
struct Slice {
  int64_t tokens = 1;
  int64_t past = 0;
};

struct TestBatch {
  std::vector<Slice> slices;
  std::vector<int32_t> wanted; // packed token indices
  /// Bounds are this much above the true counts.
  int64_t surplus = 3;
  int64_t tokens() const;
};

class BoundProgram {
public:
  /// The entry has one Sequences, the plan at most one cache.
  BoundProgram(Device &device, const plan::PlanFile &file,
               const plan::Entry &entry, const plan::Program &program,
               const TestBatch &batch);
  ~BoundProgram();
  BoundProgram(const BoundProgram &) = delete;

  /// All elements of a resident weight.
  void writeWeight(int32_t weight, const Values &values);
  /// Every resident weight from the generator; of unit gain as a matrix.
  void randomWeights(uint64_t seed);
  /// Rows of a buffer or input, row-major without gaps.
  void write(plan::Ref ref, const Values &values);
  Values read(plan::Ref ref);
  /// How the token of wanted row `row` is chosen; zeros before.
  void writeRecord(int64_t row, const plan::SamplingRecord &record);
  /// The first bytes of a state slot.
  void writeSlot(int32_t slot, std::span<const std::byte> bytes);
  std::vector<std::byte> readSlot(int32_t slot);
  /// Tokens of `sequence` in a cache plane, position by position.
  void writeCache(int32_t plane, int64_t layer, int64_t sequence,
                  const Values &values);
  Values readCache(int32_t plane, int64_t layer, int64_t sequence,
                   int64_t tokens);

  /// Before load(); outlives this.
  void tune(const plan::Tuning &tuning) { binding_.tuning = &tuning; }
  Status load();
  /// Runs, and loads before where nothing has; then every byte of the arena
  /// that is no element of a written buffer must be as before.
  Status run();

  const std::vector<int64_t> &counts() const { return counts_; }
  BatchCounts batchCounts() const { return {counts_, packs_, longest_}; }
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
  const plan::PlanFile &file_;
  const plan::Plan &plan_;
  const plan::Entry &entry_;
  const plan::Program &program_;
  TestBatch batch_;
  std::vector<int64_t> counts_, programBounds_;
  int64_t packs_ = 0;   // tiles of whole sequences
  int64_t longest_ = 0; // tokens of a sequence
  std::vector<int32_t> pageTable_;
  Binding binding_;
  int64_t arenaBytes_ = 0;
  std::vector<std::byte *> allocations_;
  std::unique_ptr<Executable> executable_;
};

} // namespace ft::test

#endif // FT_TEST_RUNTIME_DEVICE_BOUNDPROGRAM_H
