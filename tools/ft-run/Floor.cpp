//===- Floor.cpp - the time physics allows a batch ------------------------===//
#include "tools/ft-run/Floor.h"

#include "runtime/plan/Tuning.h"

#include <algorithm>

namespace ft::run {

std::optional<Ceilings> ceilingsFor(const std::string &description,
                                    const plan::Plan &plan) {
  if (plan::usesTf32(plan)) // not measured
    return std::nullopt;
  DType dtype = plan.dtype;
  // Read-only stream and 8192^3 products on random data, measured.
  struct Row {
    const char *name;
    double bytes, bf16, f16, f32;
  };
  static constexpr Row kRows[] = {
      {"H200", 4.55e12, 773e12, 728e12, 51e12},
      {"H100", 3.0e12, 798e12, 750e12, 51e12},
  };
  for (const Row &row : kRows)
    if (description.find(row.name) != std::string::npos)
      return Ceilings{row.bytes, dtype == DType::BF16  ? row.bf16
                                 : dtype == DType::F16 ? row.f16
                                                       : row.f32};
  return std::nullopt;
}

double Work::floorMs(const Ceilings &ceilings) const {
  return 1e3 * std::max(bytes / ceilings.bytesPerSecond,
                        flops / ceilings.flopsPerSecond);
}

Work countStep(const plan::Step &step, const BatchShape &shape) {
  double rows = double(shape.counts[size_t(step.axis)]);
  Work work;
  work.bytes = double(step.cost.weightBytes) +
               double(step.cost.cacheBytesPerKey) * double(shape.keys);
  work.flops = double(step.cost.flopsPerRow) * rows +
               double(step.cost.flopsPerQueryKey) * double(shape.queryKeys);
  work.linkBytes = double(step.cost.linkBytesPerRow) * rows;
  return work;
}

Work countWork(const plan::Program &program, const BatchShape &shape) {
  Work work;
  for (const plan::Step &step : program.steps) {
    Work part = countStep(step, shape);
    work.bytes += part.bytes;
    work.flops += part.flops;
    work.linkBytes += part.linkBytes;
  }
  return work;
}

} // namespace ft::run
