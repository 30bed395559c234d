//===- VerifyCommand.h - ftc verify -----------------------------*- C++ -*-===//
#ifndef FT_TOOLS_FTC_VERIFYCOMMAND_H
#define FT_TOOLS_FTC_VERIFYCOMMAND_H

#include <CLI/CLI.hpp>

#include <functional>

namespace ft {

/// Adds the subcommand `verify`; see addImportCommand.
std::function<int()> addVerifyCommand(CLI::App &app);

} // namespace ft

#endif // FT_TOOLS_FTC_VERIFYCOMMAND_H
