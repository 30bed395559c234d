//===- WeightStore.h - making a plan's weights resident ---------*- C++ -*-===//
#ifndef FT_RUNTIME_WEIGHTS_WEIGHTSTORE_H
#define FT_RUNTIME_WEIGHTS_WEIGHTSTORE_H

#include "runtime/base/Status.h"
#include "runtime/device/Device.h"
#include "runtime/plan/PlanFile.h"

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace ft {

struct WeightOptions {
  /// Overrides the directory the plan remembers. Files whose headers differ
  /// from those the plan was compiled from are then accepted as long as every
  /// tensor has the plan's name, shape and dtype.
  std::string directory;
  /// Fills tensors with random numbers; no files are read.
  std::optional<uint64_t> randomSeed;
  /// Which rank's weights of the plan's mesh.
  int64_t rank = 0;
  /// Called with the bytes made so far and in all.
  std::function<void(int64_t done, int64_t total)> progress;
  /// Host memory for parts that need work on the way.
  int64_t stagingBytes = int64_t(64) << 20;
};

/// The weights of a plan on one device, released with this object, which the
/// device outlives.
class ResidentWeights {
public:
  explicit ResidentWeights(Device &device) : device_(device) {}
  ResidentWeights(const ResidentWeights &) = delete;
  ResidentWeights &operator=(const ResidentWeights &) = delete;
  ~ResidentWeights();

  /// Device addresses in the order of Plan::weights, views resolved.
  const std::vector<std::byte *> &addresses() const { return addresses_; }
  int64_t bytes() const { return bytes_; }

private:
  friend class WeightLoader;

  Device &device_;
  std::vector<std::byte *> owned_;
  std::vector<std::byte *> addresses_;
  int64_t bytes_ = 0;
};

/// Finds and checks every tensor first, then makes each resident weight once.
StatusOr<std::unique_ptr<ResidentWeights>>
loadWeights(const plan::PlanFile &file, const WeightOptions &options,
            Device &device);
/// As above, for a validated plan that is in memory only.
StatusOr<std::unique_ptr<ResidentWeights>>
loadWeights(const plan::Plan &plan, const WeightOptions &options,
            Device &device);

} // namespace ft

#endif // FT_RUNTIME_WEIGHTS_WEIGHTSTORE_H
