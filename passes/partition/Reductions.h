//===- Reductions.h - sums over ranks, as few as possible -------*- C++ -*-===//
#ifndef FT_PASSES_PARTITION_REDUCTIONS_H
#define FT_PASSES_PARTITION_REDUCTIONS_H

#include "ir/Ft.h"

#include "llvm/ADT/MapVector.h"

namespace ft::passes {

/// The values of an entry whose sum over the ranks is the value meant.
class Reductions {
public:
  /// `wide`: sums of linears are stored in fp32 until all ranks' are added.
  Reductions(ir::EntryOp entry, bool wide) : entry_(entry), wide_(wide) {}

  /// Every rank makes a summand of what `value` was; `bias`, or null, is to be
  /// added once.
  void add(mlir::Value value, mlir::FlatSymbolRefAttr bias) {
    summands_[value];
    if (bias)
      summands_[value].push_back(bias);
  }

  /// Puts all_reduce after the summands; those that a tree of additions adds
  /// up are added before, so that they take one. The number of all_reduces.
  int64_t insert();

private:
  using Biases = llvm::SmallVector<mlir::FlatSymbolRefAttr, 1>;

  void combine(ir::AddOp root);
  void reduce(mlir::Value value, const Biases &biases);

  ir::EntryOp entry_;
  bool wide_;
  llvm::MapVector<mlir::Value, Biases> summands_;
};

} // namespace ft::passes

#endif // FT_PASSES_PARTITION_REDUCTIONS_H
