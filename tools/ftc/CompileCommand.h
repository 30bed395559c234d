//===- CompileCommand.h - ftc compile ---------------------------*- C++ -*-===//
#ifndef FT_TOOLS_FTC_COMPILECOMMAND_H
#define FT_TOOLS_FTC_COMPILECOMMAND_H

#include <CLI/CLI.hpp>

#include <functional>

namespace ft {

/// Adds the subcommand `compile`; see addImportCommand.
std::function<int()> addCompileCommand(CLI::App &app);

} // namespace ft

#endif // FT_TOOLS_FTC_COMPILECOMMAND_H
