//===- SamplingOptions.h - how ft-run chooses tokens ------------*- C++ -*-===//
#ifndef FT_TOOLS_FT_RUN_SAMPLINGOPTIONS_H
#define FT_TOOLS_FT_RUN_SAMPLINGOPTIONS_H

#include "tools/ft-run/RunOptions.h"

#include <CLI/CLI.hpp>

namespace ft::run {

/// Adds --temperature and its kin. Ranges are checked when a request is
/// submitted, where the vocabulary is known.
void addSamplingOptions(CLI::App &app, RunOptions &options);

} // namespace ft::run

#endif // FT_TOOLS_FT_RUN_SAMPLINGOPTIONS_H
