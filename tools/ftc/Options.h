//===- Options.h - options that ftc's subcommands share ---------*- C++ -*-===//
#ifndef FT_TOOLS_FTC_OPTIONS_H
#define FT_TOOLS_FTC_OPTIONS_H

#include "tools/ftc/Compiler.h"

#include <CLI/CLI.hpp>

#include <string>

namespace ft {

/// Adds the options about Hugging Face directories.
void addImportOptions(CLI::App &command, ImportOptions &options);

/// The options that turn a model into a plan.
struct ModelOptions {
  CompileRequest request;
  std::string targets = "sm_90a,ptx";
  int level = 1;

  /// Adds them, the model included, to `command`.
  void addTo(CLI::App &command);
  /// Splits and checks the targets.
  Status finish();
};

/// Prints `status` as `ftc: error: ...`; the exit code.
int report(const Status &status);
/// Prints each as `ftc: warning: ...`.
void printWarnings(const Warnings &warnings);

} // namespace ft

#endif // FT_TOOLS_FTC_OPTIONS_H
