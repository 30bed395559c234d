//===- OpenModel.cpp - plan, device and weights of a run ------------------===//
#include "runtime/plan/Tuning.h"
#include "tools/ft-run/Progress.h"
#include "tools/ft-run/RunOptions.h"

#include <cstdio>

namespace ft::run {

using Clock = std::chrono::steady_clock;

static double milliseconds(Clock::time_point from, Clock::time_point to) {
  return std::chrono::duration<double, std::milli>(to - from).count();
}

StatusOr<std::unique_ptr<Model>> openModel(RunOptions &options,
                                           std::unique_ptr<plan::PlanFile> file,
                                           StartTimes *times) {
  Clock::time_point start = Clock::now();
  FT_ASSIGN_OR_RETURN(auto devices,
                      openDevices(options.device, int(file->plan().ranks())));
  if (!options.tuning.empty()) {
    FT_ASSIGN_OR_RETURN(options.model.tuning, plan::readTuning(options.tuning));
  }
  Clock::time_point opened = Clock::now(), sent = opened;
  auto shown = terminalProgress("weights");
  options.model.progress = [&sent, shown](int64_t done, int64_t total) {
    sent = Clock::now();
    if (shown)
      shown(done, total);
  };
  auto loaded = Model::load(std::move(file), std::move(devices), options.model);
  options.model.progress = nullptr;
  FT_ASSIGN_OR_RETURN(auto model, std::move(loaded));
  if (times)
    *times = {milliseconds(start, opened), milliseconds(opened, sent),
              milliseconds(sent, Clock::now())};
  if (!model->note().empty())
    std::fprintf(stderr, "ft-run: note: %s\n", model->note().c_str());
  return model;
}

StatusOr<std::unique_ptr<Model>> openModel(RunOptions &options) {
  FT_ASSIGN_OR_RETURN(auto file, plan::PlanFile::open(options.plan));
  return openModel(options, std::move(file));
}

} // namespace ft::run
