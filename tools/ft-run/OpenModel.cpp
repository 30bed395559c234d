//===- OpenModel.cpp - plan, device and weights of a run ------------------===//
#include "runtime/plan/Tuning.h"
#include "tools/ft-run/Progress.h"
#include "tools/ft-run/RunOptions.h"

#include <cstdio>

namespace ft::run {

StatusOr<std::unique_ptr<Model>>
openModel(RunOptions &options, std::unique_ptr<plan::PlanFile> file) {
  FT_ASSIGN_OR_RETURN(auto devices,
                      openDevices(options.device, int(file->plan().ranks())));
  options.model.progress = terminalProgress("weights");
  if (!options.tuning.empty()) {
    FT_ASSIGN_OR_RETURN(options.model.tuning, plan::readTuning(options.tuning));
  }
  FT_ASSIGN_OR_RETURN(
      auto model,
      Model::load(std::move(file), std::move(devices), options.model));
  if (!model->note().empty())
    std::fprintf(stderr, "ft-run: note: %s\n", model->note().c_str());
  return model;
}

StatusOr<std::unique_ptr<Model>> openModel(RunOptions &options) {
  FT_ASSIGN_OR_RETURN(auto file, plan::PlanFile::open(options.plan));
  return openModel(options, std::move(file));
}

} // namespace ft::run
