//===- RunOptions.h - what the command line of ft-run says ------*- C++ -*-===//
#ifndef FT_TOOLS_FT_RUN_RUNOPTIONS_H
#define FT_TOOLS_FT_RUN_RUNOPTIONS_H

#include "runtime/base/Status.h"
#include "runtime/engine/Model.h"
#include "runtime/sampling/SamplingParams.h"

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace ft::run {

struct RunOptions {
  std::string plan;
  std::string device;  // empty: CUDA where there is a GPU
  std::string weights; // a directory, "random" or "random:SEED"
  std::string entry;   // empty: the plan's only or the mode's own
  ModelOptions model;
  double rankDeadline = double(kDefaultRankDeadline.count()) / 1e3; // seconds

  // Tensors in and out, NAME=@FILE.npy.
  std::vector<std::string> inputs, outputs, expects;
  std::vector<std::string> images; // picture files
  double tolerance = 1e-3;

  // Text and tokens.
  std::vector<std::string> prompts, pairs, promptFiles, promptLines, tokens;
  /// Whether a tokenizer is needed for what is given.
  bool hasTexts() const {
    return !prompts.empty() || !promptFiles.empty() || !promptLines.empty();
  }
  std::string tokenize;
  bool hasTokenize = false;
  int64_t maxNewTokens = 128;
  bool embed = false;
  int64_t top = 5; // labels or words to print

  // How tokens are chosen; lists as the command line spells them.
  SamplingParams sampling;
  std::vector<std::string> logitBias, badWords;
  std::string stopTokens;

  // Reports.
  bool json = false;
  bool describe = false;
  bool explainMemory = false;
  bool bench = false;
  int64_t batch = 1, in = 128, out = 32, repeat = 3;
  int64_t inLeast = 0;  // of the shortest prompt; 0: as long as all
  bool profile = false; // times of kernels
  std::string trace;    // of them, a file; empty: none
  std::string chart;    // file of an SVG

  // Tuning.
  bool tune = false;
  std::string tuneOutput; // empty: beside the plan
  std::string tuning;     // a file that overrides the plan's
};

/// Milliseconds of the parts of a start, in their order.
struct StartTimes {
  double devices = 0; // opening them
  double weights = 0; // memory, and weights read and sent
  double kernels = 0; // code loaded
};

/// Fills `options` from the command line. Returns an exit code to end with
/// (help, version, a usage error already printed), or -1 to go on.
int parseOptions(int argc, char **argv, RunOptions &options);

/// Reads the lists of the sampling options into `options.sampling`.
Status applySampling(RunOptions &options);

/// Reads "random", "random:SEED" or a directory into the model's options.
Status applyWeights(RunOptions &options);

/// Opens the plan and the device and loads the weights, with a progress bar
/// where stderr is a terminal.
StatusOr<std::unique_ptr<Model>> openModel(RunOptions &options);
StatusOr<std::unique_ptr<Model>> openModel(RunOptions &options,
                                           std::unique_ptr<plan::PlanFile> file,
                                           StartTimes *times = nullptr);

/// Splits NAME=@FILE; the error shows the form.
StatusOr<std::pair<std::string, std::string>>
splitBinding(const std::string &flag, const std::string &text);

// The modes, one file each; each returns the exit code of its success.
StatusOr<int> describePlan(RunOptions &options);
StatusOr<int> explainMemory(RunOptions &options);
StatusOr<int> runTensors(RunOptions &options);
StatusOr<int> runGenerate(RunOptions &options,
                          std::unique_ptr<plan::PlanFile> file);
StatusOr<int> runClassify(RunOptions &options,
                          std::unique_ptr<plan::PlanFile> file);
StatusOr<int> runTokenize(RunOptions &options);
StatusOr<int> runEmbed(RunOptions &options);
StatusOr<int> runBench(RunOptions &options);
StatusOr<int> runTune(RunOptions &options);

} // namespace ft::run

#endif // FT_TOOLS_FT_RUN_RUNOPTIONS_H
