//===- Model.h - a plan made resident on a device ---------------*- C++ -*-===//
#ifndef FT_RUNTIME_ENGINE_MODEL_H
#define FT_RUNTIME_ENGINE_MODEL_H

#include "runtime/base/Status.h"
#include "runtime/device/Device.h"
#include "runtime/engine/Batch.h"
#include "runtime/plan/PlanFile.h"
#include "runtime/weights/WeightStore.h"

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace ft {

/// What a caller chooses when it loads a plan. Zero means the default.
struct ModelOptions {
  std::string weightsDir; // overrides the directory the plan remembers
  std::optional<uint64_t> randomSeed; // made on the device; no files read
  int64_t maxTokens = 0;              // of one batch; default 2048
  int64_t maxSequences = 0;           // of one batch; default 64
  int64_t maxRows = 0;     // wanted rows of one batch; default maxSequences
  int64_t context = 0;     // longest sequence; default the model's, ≤ 8192
  int64_t cacheTokens = 0; // of all sequences; default one full context each
  bool poison = false;     // fill arena and caches with NaN first (tests)
  std::function<void(int64_t done, int64_t total)> progress; // weight bytes
};

/// Bytes a loaded plan holds on its device.
struct MemoryUse {
  int64_t weights = 0, cache = 0, arena = 0, batch = 0, workspace = 0;
  int64_t sampling = 0; // state slots, one for each sequence of a batch
  int64_t total() const {
    return weights + cache + arena + batch + workspace + sampling;
  }
};

/// A plan's weights, caches, arena and executables on one device. Runs packed
/// batches; knows no requests, padding or text. One thread at a time.
class Model {
public:
  static StatusOr<std::unique_ptr<Model>>
  load(std::unique_ptr<plan::PlanFile> file, std::unique_ptr<Device> device,
       const ModelOptions &options);
  ~Model();

  /// The memory load() would take, from the plan alone.
  static StatusOr<MemoryUse> memoryUse(const plan::Plan &plan,
                                       const ModelOptions &options);

  const plan::Plan &plan() const { return file_->plan(); }
  const plan::PlanFile &file() const { return *file_; }
  Device &device() { return *device_; }
  const Bounds &bounds() const { return bounds_; }
  /// The bound of the axis of this name, or 0 if the plan has none.
  int64_t axisBound(const std::string &name) const;
  const MemoryUse &memory() const { return memory_; }
  int64_t cachePages() const { return cachePages_; }
  /// Tokens of a cache page; 0 without a cache.
  int64_t pageSize() const;

  /// The index of an entry, or -1.
  int entryIndex(const std::string &name) const;
  const plan::Entry &entry(int index) const {
    return plan().entries[size_t(index)];
  }

  /// Uploads `slices` as a batch of `entry` and enqueues the program for its
  /// token count.
  Status run(int entry, std::span<const SequenceSlice> slices);
  /// As run(), step by step, with each step's time.
  StatusOr<std::vector<StepTime>>
  profile(int entry, std::span<const SequenceSlice> slices);

  /// Waits, then copies rows `first` .. `first + count - 1` of output `output`
  /// of the last run to `to`.
  Status readOutput(int entry, int output, int64_t first, int64_t count,
                    void *to);

  /// Logits of a row that `entry` samples from; 0 where it cannot sample.
  int64_t sampledColumns(int entry) const;
  /// Enqueues the first bytes of state slot `slot`, below the bound of
  /// sequences. REQUIRES: the entry samples.
  Status writeSamplingState(int entry, int32_t slot,
                            std::span<const std::byte> bytes);
  /// Waits, then reads what the last token of the slot cost.
  StatusOr<plan::SamplingResult> readSamplingResult(int entry, int32_t slot);

  /// The program that a batch of `tokens` tokens runs.
  StatusOr<int> programIndex(int entry, int64_t tokens) const;
  StatusOr<int64_t> kernelCount(int entry,
                                std::span<const SequenceSlice> slices);

private:
  Model() = default;
  Status allocate(const ModelOptions &options);
  Status loadExecutables();
  StatusOr<std::byte *> reserve(int64_t bytes, const char *what);
  StatusOr<Executable *> prepare(int entry,
                                 std::span<const SequenceSlice> slices);

  struct LoadedEntry {
    BatchLayout layout;
    std::unique_ptr<HostBatch> batch;
    std::vector<std::unique_ptr<Executable>> programs;
  };

  // Destroyed in reverse order: executables before memory before the device.
  std::unique_ptr<plan::PlanFile> file_;
  std::unique_ptr<Device> device_;
  std::unique_ptr<ResidentWeights> weights_;
  std::vector<std::byte *> allocations_;
  Binding binding_;
  Bounds bounds_;
  MemoryUse memory_;
  int64_t cachePages_ = 0;
  std::vector<LoadedEntry> entries_;
  int lastEntry_ = -1, lastProgram_ = -1;
};

} // namespace ft

#endif // FT_RUNTIME_ENGINE_MODEL_H
