//===- KernelTimes.h - the steps of a batch beside their floors -*- C++ -*-===//
#ifndef FT_TOOLS_FT_RUN_KERNELTIMES_H
#define FT_TOOLS_FT_RUN_KERNELTIMES_H

#include "tools/ft-run/FixedBatch.h"

#include <nlohmann/json.hpp>

namespace ft::run {

/// Steps that differ only in numbers of their names (layers), together. A step
/// by itself has its launch in its time, which a graph hides.
struct KernelTimes {
  std::string name, pattern; // "l*.attention"
  int64_t count = 0;
  double microseconds = 0;     // of one, the median
  std::optional<double> floor; // microseconds of one, on average
};

/// Medians over some profiled runs of `batch` on rank 0.
StatusOr<std::vector<KernelTimes>> timeKernels(Model &model, int entry,
                                               const FixedBatch &batch);

/// Milliseconds a batch spends in exchanges between ranks.
double collectiveMs(const std::vector<KernelTimes> &kernels);

nlohmann::ordered_json kernelsJson(const std::vector<KernelTimes> &kernels);
void printKernels(const std::vector<KernelTimes> &kernels);

/// A Chrome trace of one profiled run, a row for each rank.
Status writeTrace(Model &model, int entry, const FixedBatch &batch,
                  const std::string &path);

/// Bars of the kernels that most layers have, each with its floor marked.
Status writeChart(const std::vector<KernelTimes> &kernels,
                  const std::string &title, const std::string &path);

} // namespace ft::run

#endif // FT_TOOLS_FT_RUN_KERNELTIMES_H
