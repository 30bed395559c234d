//===- PlanRunner.h - running a plan's entries on slices --------*- C++ -*-===//
#ifndef FT_TOOLS_VERIFY_PLANRUNNER_H
#define FT_TOOLS_VERIFY_PLANRUNNER_H

#include "runtime/engine/Model.h"
#include "tools/verify/Schedule.h"

namespace ft::verify {

/// A plan on a device, with cache pages for two feedings of every sequence.
/// The pages of a sequence are not neighbours.
class PlanRunner {
public:
  /// Writes `plan` to a temporary file, opens it as ft-run would, and makes it
  /// resident for sequences of `lengths`, arena and caches full of NaN.
  static StatusOr<std::unique_ptr<PlanRunner>>
  load(const plan::Plan &plan, const std::string &device,
       const WeightChoice &weights, const std::vector<int64_t> &lengths,
       std::function<void(int64_t, int64_t)> progress);

  Model &model() { return *model_; }

  /// Runs `call` step by step; `after` may read buffers. Every row is wanted.
  Status run(int entry, const PaddedBatch &batch, const Call &call,
             const StepObserver &after);
  /// As the engine runs it: on a GPU, the captured graph.
  Status runAtOnce(int entry, const PaddedBatch &batch, const Call &call);

  /// Rows 0 .. count-1 of a buffer of the program that runs, widened.
  StatusOr<std::vector<double>> read(const plan::Buffer &shape, int32_t buffer,
                                     int64_t count);

private:
  /// The slices of a call and what they point to.
  struct Packed {
    std::vector<SequenceSlice> slices;
    std::vector<std::vector<int32_t>> tokens, pages;
    std::vector<std::vector<std::byte>> inputs;
  };
  Packed pack(int entry, const PaddedBatch &batch, const Call &call) const;

  std::unique_ptr<Model> model_;
  int64_t sequences_ = 0;
};

} // namespace ft::verify

#endif // FT_TOOLS_VERIFY_PLANRUNNER_H
