//===- NormHalf.h - a part of a norm that a linear makes --------*- C++ -*-===//
#ifndef FT_CODEGEN_CUDA_NORMHALF_H
#define FT_CODEGEN_CUDA_NORMHALF_H

#include "ir/Ft.h"

namespace ft::codegen {

/// Of a norm alone in its step (sm90/skinny_norm.cuh): its beginning, in the
/// linear in front, or its end, in those behind.
struct NormHalf {
  ir::FusedOp norm; // null: none
  bool begins = false;
  int64_t slots = 0; // of a row's sums

  /// A LayerNorm, whose rows have means.
  bool hasMean() const;
  int64_t inner() const; // elements of a row
  double eps() const;
  mlir::FlatSymbolRefAttr weight() const;
  mlir::FlatSymbolRefAttr bias() const; // null: none

  /// Where sums and a LayerNorm's constants lie in the workspace, bytes, and
  /// where they end.
  int64_t sumsAt() const;
  int64_t constantsAt() const;
  int64_t workspaceBytes() const;

private:
  mlir::Operation *op() const;
};

} // namespace ft::codegen

#endif // FT_CODEGEN_CUDA_NORMHALF_H
