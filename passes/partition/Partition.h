//===- Partition.h - names of the partition phase ---------------*- C++ -*-===//
#ifndef FT_PASSES_PARTITION_PARTITION_H
#define FT_PASSES_PARTITION_PARTITION_H

#include "llvm/ADT/StringRef.h"

namespace ft::passes {

/// The mesh axis over which tensors are split.
inline constexpr llvm::StringLiteral kTensorAxis = "tp";

/// What a plan's mesh may hold.
inline constexpr int64_t kMaxRanks = 1024;

} // namespace ft::passes

#endif // FT_PASSES_PARTITION_PARTITION_H
