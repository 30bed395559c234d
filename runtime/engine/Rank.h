//===- Rank.h - one rank's share of a loaded plan ---------------*- C++ -*-===//
#ifndef FT_RUNTIME_ENGINE_RANK_H
#define FT_RUNTIME_ENGINE_RANK_H

#include "runtime/engine/Batch.h"
#include "runtime/engine/ModelOptions.h"
#include "runtime/plan/PlanFile.h"
#include "runtime/weights/WeightStore.h"

namespace ft {

/// A batch for the program that runs it, the same on every rank.
struct ProgramCall {
  int entry = 0, program = 0;
  std::shared_ptr<const HostBatch> batch;
};

/// A rank's weights, caches, arena and executables on one device. One thread
/// at a time.
class Rank {
public:
  /// Joins the ranks of `board`, which load at the same time, where it has
  /// several.
  static StatusOr<std::unique_ptr<Rank>>
  load(std::shared_ptr<const plan::PlanFile> file,
       std::unique_ptr<Device> device, const Sizes &sizes,
       const ModelOptions &options, std::shared_ptr<RankBoard> board, int rank);
  ~Rank();

  Device &device() { return *device_; }
  /// Addresses of everything; the layout is the last entry's.
  const Binding &binding() const { return binding_; }
  /// Why a tuning was ignored; empty where none was.
  const std::string &note() const { return note_; }

  /// Uploads the batch and enqueues the program, as a step of the feed where it
  /// feeds the next.
  Status run(const ProgramCall &call);
  /// As run(), step by step, with each step's time.
  StatusOr<std::vector<StepTime>> profile(const ProgramCall &call,
                                          const StepObserver &after);
  StatusOr<int64_t> kernelCount(const ProgramCall &call);

  /// Waits, then copies rows of output `output` of the program that ran last.
  Status readOutput(const ProgramCall &last, int output, int64_t first,
                    int64_t count, void *to);
  /// The same of any buffer of that program.
  Status readBuffer(const ProgramCall &last, int32_t buffer, int64_t first,
                    int64_t count, void *to);

  /// Enqueues the first bytes of a state slot of sampling `entry`.
  Status writeSamplingState(int entry, int32_t slot,
                            std::span<const std::byte> bytes);

  /// Waits for a step of the feed. REQUIRES: an entry feeds the next step.
  StatusOr<std::span<const ChosenToken>> chosen(int64_t step) {
    return feed_->wait(step);
  }
  /// Steps of the feed so far.
  int64_t steps() const { return feed_ ? feed_->steps() : 0; }

private:
  Rank() = default;
  std::byte *samplingSlot(int entry, int32_t slot) const;
  Status allocate(const MemoryUse &memory, bool poison);
  void takeTuning(const ModelOptions &options);
  Status loadExecutables();
  StatusOr<std::byte *> reserve(int64_t bytes, const char *what);
  StatusOr<Executable *> prepare(const ProgramCall &call);

  // Destroyed in reverse order: executables before memory before the device.
  std::shared_ptr<const plan::PlanFile> file_;
  std::unique_ptr<Device> device_;
  std::unique_ptr<Communicator> communicator_;
  std::unique_ptr<ResidentWeights> weights_;
  std::vector<std::byte *> allocations_;
  std::unique_ptr<TokenFeed> feed_; // null: no entry feeds a next step
  plan::Tuning tuning_;             // of this machine, or empty
  std::string note_;
  Binding binding_;
  std::vector<std::vector<std::unique_ptr<Executable>>> programs_; // by entry
};

} // namespace ft

#endif // FT_RUNTIME_ENGINE_RANK_H
