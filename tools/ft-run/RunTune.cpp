//===- RunTune.cpp - --tune: the fastest way of each GEMM -----------------===//
#include "runtime/engine/Tuner.h"
#include "runtime/plan/Tuning.h"
#include "tools/ft-run/RunOptions.h"

#include <cstdio>
#include <filesystem>
#include <unistd.h>

namespace ft::run {

static std::string outputOf(const RunOptions &options) {
  if (!options.tuneOutput.empty())
    return options.tuneOutput;
  return std::filesystem::path(options.plan)
      .replace_extension(".tuning.json")
      .string();
}

static void showProgress(int done, int total, const plan::TunedGemm &gemm) {
  if (isatty(STDERR_FILENO))
    std::fprintf(stderr, "\r\033[K%d of %d: %lld rows of %s: %.2f us%s", done,
                 total, (long long)gemm.rows, gemm.problem.c_str(),
                 gemm.microseconds, done == total ? "\r\033[K" : "");
}

static void warn(const std::string &sentence) {
  std::fprintf(stderr, "ft-run: warning: %s\n", sentence.c_str());
}

StatusOr<int> runTune(RunOptions &options) {
  std::string output = outputOf(options);
  // Nothing that is tuned depends on the weights' values.
  if (options.weights.empty())
    options.model.randomSeed = 0;
  FT_ASSIGN_OR_RETURN(auto model, openModel(options));
  FT_ASSIGN_OR_RETURN(auto reference, openDevice("cpu"));
  TuneOptions tune;
  tune.progress = showProgress;
  tune.warn = warn;
  FT_ASSIGN_OR_RETURN(plan::Tuning tuning, tuneGemms(*model, *reference, tune));
  FT_RETURN_IF_ERROR(plan::writeTuning(tuning, output));
  std::printf("%zu choices for %s in %s\n", tuning.gemms.size(),
              model->device().describe().c_str(), output.c_str());
  return 0;
}

} // namespace ft::run
