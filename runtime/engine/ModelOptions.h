//===- ModelOptions.h - sizes and memory of a loaded plan -------*- C++ -*-===//
#ifndef FT_RUNTIME_ENGINE_MODELOPTIONS_H
#define FT_RUNTIME_ENGINE_MODELOPTIONS_H

#include "runtime/base/Status.h"
#include "runtime/comm/Communicator.h"
#include "runtime/device/Device.h"
#include "runtime/plan/Plan.h"

#include <functional>
#include <memory>
#include <optional>
#include <string>

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
  /// In place of the plan's own; ignored where it is of another machine.
  std::optional<plan::Tuning> tuning;
  bool poison = false; // fill arena and caches with NaN first (tests)
  std::function<void(int64_t done, int64_t total)> progress; // weight bytes
  /// How long ranks wait for one that is late.
  std::chrono::milliseconds rankDeadline = kDefaultRankDeadline;
  /// Stands between each rank and its communicator (tests).
  std::function<std::unique_ptr<Communicator>(std::unique_ptr<Communicator>)>
      wrapCommunicator;
};

/// Bytes a loaded plan holds on the device of each rank.
struct MemoryUse {
  int64_t weights = 0, cache = 0, arena = 0, batch = 0, workspace = 0,
          exchange = 0;
  int64_t sampling = 0; // state slots, one for each sequence of a batch
  int64_t feed = 0;     // tokens that steps chose, for the next ones
  int64_t total() const {
    return weights + cache + arena + batch + workspace + exchange + sampling +
           feed;
  }
};

/// ModelOptions with every zero replaced.
struct Sizes {
  Bounds bounds;
  int64_t pages = 0; // of each cache plane
};

StatusOr<Sizes> chooseSizes(const plan::Plan &plan,
                            const ModelOptions &options);

/// The memory of one rank, the same on all.
StatusOr<MemoryUse> measureMemory(const plan::Plan &plan, const Sizes &sizes);

} // namespace ft

#endif // FT_RUNTIME_ENGINE_MODELOPTIONS_H
