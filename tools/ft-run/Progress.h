//===- Progress.h - a progress bar on a terminal ----------------*- C++ -*-===//
#ifndef FT_TOOLS_FT_RUN_PROGRESS_H
#define FT_TOOLS_FT_RUN_PROGRESS_H

#include <cstdint>
#include <functional>
#include <string>

namespace ft::run {

/// A callback that draws `label` and the share done on stderr and clears the
/// line at the end; does nothing where stderr is not a terminal.
std::function<void(int64_t done, int64_t total)>
terminalProgress(const std::string &label);

} // namespace ft::run

#endif // FT_TOOLS_FT_RUN_PROGRESS_H
