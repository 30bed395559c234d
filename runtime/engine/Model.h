//===- Model.h - a plan made resident on its devices ------------*- C++ -*-===//
#ifndef FT_RUNTIME_ENGINE_MODEL_H
#define FT_RUNTIME_ENGINE_MODEL_H

#include "runtime/comm/RankThreads.h"
#include "runtime/engine/Rank.h"

#include <memory>
#include <string>
#include <vector>

namespace ft {

/// A plan's ranks, each resident on a device. Batches are packed once and run
/// by all ranks in step; outputs are read from rank 0. Knows no requests,
/// padding or text. One thread at a time. Once a rank of several has failed,
/// every call returns that failure.
class Model {
public:
  /// One device for each rank of the plan, as openDevices() gives them.
  static StatusOr<std::unique_ptr<Model>>
  load(std::unique_ptr<plan::PlanFile> file,
       std::vector<std::unique_ptr<Device>> devices,
       const ModelOptions &options);
  /// A plan of one rank.
  static StatusOr<std::unique_ptr<Model>>
  load(std::unique_ptr<plan::PlanFile> file, std::unique_ptr<Device> device,
       const ModelOptions &options);
  ~Model();

  /// The memory load() would take on each rank, from the plan alone.
  static StatusOr<MemoryUse> memoryUse(const plan::Plan &plan,
                                       const ModelOptions &options);

  const plan::Plan &plan() const { return file_->plan(); }
  const plan::PlanFile &file() const { return *file_; }
  /// That of rank 0.
  Device &device() { return ranks_->front()->device(); }
  const Bounds &bounds() const { return bounds_; }
  /// Where rank 0 keeps weights and activations; for the tuner.
  const Binding &binding() const { return ranks_->front()->binding(); }
  /// A sentence where a tuning was ignored.
  const std::string &note() const { return ranks_->front()->note(); }
  /// The bound of the axis of this name, or 0 if the plan has none.
  int64_t axisBound(const std::string &name) const;
  /// Of each rank.
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
  /// token count. With Results::Tokens, what readOutput() gives of others than
  /// the tokens is undefined.
  Status run(int entry, std::span<const SequenceSlice> slices,
             Results results = Results::All);
  /// As run(), step by step, with each step's time, by rank. `after`, which may
  /// be empty, is called when a step of rank 0 is done, on that rank's thread,
  /// and may read its buffers.
  StatusOr<std::vector<std::vector<StepTime>>>
  profile(int entry, std::span<const SequenceSlice> slices,
          const StepObserver &after = {}, Results results = Results::All);

  /// Waits, then copies rows `first` .. `first + count - 1` of output `output`
  /// of the last run, which was one of `entry`, to `to`.
  Status readOutput(int entry, int output, int64_t first, int64_t count,
                    void *to);
  /// For an observer: the same of any buffer of rank 0's program.
  Status readBuffer(int32_t buffer, int64_t first, int64_t count, void *to) {
    return ranks_->front()->readBuffer(last_, buffer, first, count, to);
  }
  /// Waits for all that run() enqueued.
  Status synchronize();

  /// Logits of a row that `entry` samples from; 0 where it cannot sample.
  int64_t sampledColumns(int entry) const;
  /// Enqueues the first bytes of state slot `slot`, below the bound of
  /// sequences, on every rank. REQUIRES: the entry samples.
  Status writeSamplingState(int entry, int32_t slot,
                            std::vector<std::byte> bytes);

  /// Runs of entries that feed their next step (feedOutput), so far; the next
  /// has this number.
  int64_t steps() const { return ranks_->front()->steps(); }
  /// Waits for such a run, one of the last kFeedSteps: by row, what it chose.
  StatusOr<std::span<const ChosenToken>> chosen(int64_t step);

  /// The program that a batch of `tokens` tokens runs.
  StatusOr<int> programIndex(int entry, int64_t tokens) const;
  StatusOr<int64_t> kernelCount(int entry,
                                std::span<const SequenceSlice> slices,
                                Results results = Results::All);

private:
  using Ranks = std::vector<std::unique_ptr<Rank>>;

  Model() = default;
  Status checkDevices(const std::vector<std::unique_ptr<Device>> &devices);
  Status loadRanks(std::vector<std::unique_ptr<Device>> devices,
                   const ModelOptions &options, const Sizes &sizes);
  Status prepare(int entry, std::span<const SequenceSlice> slices,
                 Results results);
  Status onRanks(const std::function<Status(Rank &, int rank)> &job);
  Status waited(const Status &status);

  std::shared_ptr<plan::PlanFile> file_;
  std::shared_ptr<RankBoard> board_;
  // Shared with jobs: a rank that is stuck in one keeps what it touches.
  std::shared_ptr<Ranks> ranks_;
  Bounds bounds_;
  MemoryUse memory_;
  int64_t cachePages_ = 0;
  std::vector<std::shared_ptr<HostBatch>> batches_; // by entry
  ProgramCall last_{-1, -1, nullptr};
  std::unique_ptr<RankThreads> threads_;
};

} // namespace ft

#endif // FT_RUNTIME_ENGINE_MODEL_H
