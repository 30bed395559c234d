//===- ImportCommand.h - ftc import -----------------------------*- C++ -*-===//
#ifndef FT_TOOLS_FTC_IMPORTCOMMAND_H
#define FT_TOOLS_FTC_IMPORTCOMMAND_H

#include <CLI/CLI.hpp>

#include <functional>

namespace ft {

/// Adds the subcommand `import` to `app`. The result runs it, after `app` has
/// parsed it, and gives the exit code; errors go to stderr.
std::function<int()> addImportCommand(CLI::App &app);

} // namespace ft

#endif // FT_TOOLS_FTC_IMPORTCOMMAND_H
