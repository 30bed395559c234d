//===- ExplainCommand.h - ftc explain ---------------------------*- C++ -*-===//
#ifndef FT_TOOLS_FTC_EXPLAINCOMMAND_H
#define FT_TOOLS_FTC_EXPLAINCOMMAND_H

#include <CLI/CLI.hpp>

#include <functional>

namespace ft {

/// Adds the subcommand `explain`; see addImportCommand.
std::function<int()> addExplainCommand(CLI::App &app);

} // namespace ft

#endif // FT_TOOLS_FTC_EXPLAINCOMMAND_H
