//===- Floor.h - the time physics allows a batch ----------------*- C++ -*-===//
#ifndef FT_TOOLS_FT_RUN_FLOOR_H
#define FT_TOOLS_FT_RUN_FLOOR_H

#include "runtime/plan/Plan.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace ft::run {

/// Measured ceilings of a device (docs/benchmarks/README.md).
struct Ceilings {
  double bytesPerSecond = 0;
  double flopsPerSecond = 0; // dense, in the plan's dtype
};

/// The ceilings of the device `description` names for the products of `plan`,
/// if they were measured.
std::optional<Ceilings> ceilingsFor(const std::string &description,
                                    const plan::Plan &plan);

/// A batch's shape, for counting its work.
struct BatchShape {
  std::vector<int64_t> counts; // by axis
  int64_t keys = 0;            // summed over sequences
  int64_t queryKeys = 0;       // pairs a mask lets through
};

/// What one rank does: bytes that must move (weights and cache, each once),
/// operations, and bytes it sends to other ranks.
struct Work {
  double bytes = 0, flops = 0, linkBytes = 0;
  /// max(bytes / bandwidth, flops / rate), in milliseconds.
  double floorMs(const Ceilings &ceilings) const;
};
Work countStep(const plan::Step &step, const BatchShape &shape);
Work countWork(const plan::Program &program, const BatchShape &shape);

} // namespace ft::run

#endif // FT_TOOLS_FT_RUN_FLOOR_H
