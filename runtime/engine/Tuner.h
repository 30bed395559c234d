//===- Tuner.h - the fastest right way to run each GEMM ---------*- C++ -*-===//
#ifndef FT_RUNTIME_ENGINE_TUNER_H
#define FT_RUNTIME_ENGINE_TUNER_H

#include "runtime/engine/Model.h"

#include <functional>

namespace ft {

struct TuneOptions {
  /// Numbers of rows to measure at, ascending; those a program has room for.
  std::vector<int64_t> rows = {16,  32,   64,   128,  256,
                               512, 1024, 2048, 4096, 8192};
  /// Called for every problem and number of rows, after it is measured.
  std::function<void(int done, int total, const plan::TunedGemm &)> progress;
  /// Called with a candidate that is passed over: the device cannot run it, or
  /// it computes something else than the CPU does.
  std::function<void(const std::string &sentence)> warn;
};

/// Times every way in which the model's device can run each distinct GEMM, at
/// each number of rows, and keeps the fastest of those that agree with
/// `reference`, a CPU device. Overwrites activations.
StatusOr<plan::Tuning> tuneGemms(Model &model, Device &reference,
                                 const TuneOptions &options);

} // namespace ft

#endif // FT_RUNTIME_ENGINE_TUNER_H
