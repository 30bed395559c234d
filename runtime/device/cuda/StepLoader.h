//===- StepLoader.h - a program's steps, made ready to launch ---*- C++ -*-===//
#ifndef FT_RUNTIME_DEVICE_CUDA_STEPLOADER_H
#define FT_RUNTIME_DEVICE_CUDA_STEPLOADER_H

#include "runtime/device/Device.h"
#include "runtime/device/cuda/CudaContext.h"

#include <map>
#include <optional>
#include <variant>
#include <vector>

namespace ft {

/// A kernel whose arguments are resolved, but for the bucket.
struct ReadyKernel {
  /// The code has the wait that a dependent launch relies on.
  bool waits = false;
  CUfunction function = nullptr;
  const plan::KernelLaunch *launch = nullptr;
  std::vector<uint64_t> cells;    // one an argument, value in the low bytes
  std::vector<int32_t> boundAxis; // of cells that hold a bound, else -1
  std::vector<int32_t> mapNumber; // of cells that stand for a map, else -1
  std::vector<CUtensorMap> maps;
};

/// A GEMM whose row count is the bucket's.
struct ReadyGemm {
  GemmProblem problem; // m is set at the launch
  int32_t axis = 0;
};

/// An exchange between ranks whose row count is the bucket's.
struct ReadyCollective {
  Collective collective;
  int32_t axis = 0;
};

/// One implementation of a step.
struct ReadyWay {
  std::string name;
  size_t steps = 1; // that it runs
  std::vector<std::variant<ReadyKernel, ReadyGemm, ReadyCollective>> launches;
};

/// What a tuning, or the plan, says for one number of rows.
struct ReadyChoice {
  int64_t rows = 0;
  size_t way = 0;
  std::string algorithm; // for GemmLibrary::run
};

/// What an implementation asks of a batch (members of plan::Implementation).
struct BatchCondition {
  int32_t packed = 0, packedCtas = 0, longest = 0, mostSequences = 0;
  bool likeliest = false;
  bool operator==(const BatchCondition &) const = default;
};

/// What the plan says for one number of rows where some implementation runs
/// more than the step, or some batches only.
struct SpecialChoice {
  int64_t rows = 0;          // 0: for any
  std::optional<size_t> way; // none: any that does not, as ReadyChoice has it
  size_t condition = 0;      // of ReadyProgram::conditions
};

struct ReadyStep {
  const plan::Step *step = nullptr;
  std::vector<ReadyWay> ways;         // the first one where there is no choice
  std::vector<ReadyChoice> choices;   // by the number of rows
  std::vector<SpecialChoice> special; // likewise; they go before `choices`
  /// Every implementation for this device that runs the step alone and takes
  /// any batch, loaded or not.
  std::vector<const plan::Implementation *> known;

  /// The nearest choice as plan::nearestTuned takes it, or null.
  const ReadyChoice *choiceFor(int64_t rows) const;
  /// The way that goes before it, or null: the first one for any number of rows
  /// or the nearest one, of those whose condition is met.
  const ReadyWay *specialFor(int64_t rows, const std::vector<bool> &met) const;
};

/// The steps of a program, with the machine code they run.
struct ReadyProgram {
  std::vector<ReadyStep> steps;
  std::map<int32_t, LoadedCode> code; // by plan kernel
  /// What special ways ask, each once; the first one is met by any batch.
  std::vector<BatchCondition> conditions{{}};
};

/// REQUIRES: checkBinding succeeded. `bounds` are the programBounds.
StatusOr<ReadyProgram> loadSteps(CudaContext &context,
                                 const plan::PlanFile &file,
                                 const plan::Program &program,
                                 const Binding &binding,
                                 const std::vector<int64_t> &bounds);

/// The library's problem behind a call, with the addresses of `binding`.
ReadyGemm readyGemm(const plan::Program &program, const plan::GemmCall &call,
                    int32_t axis, const Binding &binding,
                    const std::vector<int64_t> &bounds);

} // namespace ft

#endif // FT_RUNTIME_DEVICE_CUDA_STEPLOADER_H
