//===- Covers.h - which source values a step computes -----------*- C++ -*-===//
#ifndef FT_TOOLS_SOURCE_COVERS_H
#define FT_TOOLS_SOURCE_COVERS_H

#include "ir/Ft.h"

#include <string>
#include <vector>

namespace ft {

/// Names of the source values that a step computes, each once, in order.
std::vector<std::string> coversOf(ir::FusedOp step);

/// The clone of entry `entry` for `minTokens` tokens and more, in a module
/// after phase fuse; null if there is none.
ir::EntryOp findClone(mlir::ModuleOp lowered, const std::string &entry,
                      int64_t minTokens);

} // namespace ft

#endif // FT_TOOLS_SOURCE_COVERS_H
