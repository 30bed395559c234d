//===- AtomicFile.h - files that are whole or absent ------------*- C++ -*-===//
#ifndef FT_RUNTIME_BASE_ATOMICFILE_H
#define FT_RUNTIME_BASE_ATOMICFILE_H

#include "runtime/base/Status.h"

#include <span>
#include <string_view>

namespace ft {

/// Writes `pieces`, one after the other, to a temporary file beside `path`,
/// flushes it to the disk and renames it: `path` holds its old contents or all
/// of the new ones. On failure (a full disk included) the temporary file is
/// removed; where the file system has unnamed files, a killed process leaves
/// none either. A path that exists and is no regular file, such as a pipe or
/// /dev/stdout, is written directly.
Status writeFileAtomically(const std::string &path,
                           std::span<const std::string_view> pieces);
Status writeFileAtomically(const std::string &path, std::string_view contents);

} // namespace ft

#endif // FT_RUNTIME_BASE_ATOMICFILE_H
