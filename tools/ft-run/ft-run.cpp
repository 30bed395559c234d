//===- ft-run.cpp - execute a plan ----------------------------------------===//
#include "tools/ft-run/RunOptions.h"

#include <csignal>
#include <cstdio>

using namespace ft;
using namespace ft::run;

/// A plan that generates continues prompts; any other says something of them.
static StatusOr<int> runPrompts(RunOptions &options) {
  FT_ASSIGN_OR_RETURN(auto file, plan::PlanFile::open(options.plan));
  for (const plan::Entry &entry : file->plan().entries)
    if (entry.causal)
      return runGenerate(options, std::move(file));
  return runClassify(options, std::move(file));
}

static StatusOr<int> dispatch(RunOptions &options) {
  if (options.describe)
    return describePlan(options);
  if (options.explainMemory)
    return explainMemory(options);
  if (options.hasTokenize)
    return runTokenize(options);
  if (options.tune)
    return runTune(options);
  if (options.embed)
    return runEmbed(options);
  if (options.bench || options.profile)
    return runBench(options);
  if (!options.inputs.empty() || !options.images.empty())
    return runTensors(options);
  if (options.hasTexts() || !options.tokens.empty())
    return runPrompts(options);
  return invalidArgument(
      "nothing to do: give --prompt, --tokens, --input, "
      "--image, --embed, --bench, --tune or --describe (see --help)");
}

int main(int argc, char **argv) {
  // A file beyond the user's limit is an error of write(), not a death.
  std::signal(SIGXFSZ, SIG_IGN);
  RunOptions options;
  if (int code = parseOptions(argc, argv, options); code >= 0)
    return code;
  Status weights = applyWeights(options);
  StatusOr<int> result =
      weights.ok() ? dispatch(options) : StatusOr<int>(weights);
  if (!result.ok()) {
    std::fprintf(stderr, "ft-run: error: %s\n",
                 result.status().message().c_str());
    return 2;
  }
  // Output that did not reach its file is a failure too.
  if (std::fflush(stdout) != 0 || std::ferror(stdout)) {
    std::fprintf(stderr, "ft-run: error: writing standard output failed; is "
                         "the disk full?\n");
    return 2;
  }
  return *result;
}
