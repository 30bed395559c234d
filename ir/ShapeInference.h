//===- ShapeInference.h - result types from operands ------------*- C++ -*-===//
//
// For whoever builds ops: frontends and the raising passes.
//
//===----------------------------------------------------------------------===//
#ifndef FT_IR_SHAPEINFERENCE_H
#define FT_IR_SHAPEINFERENCE_H

#include "ir/Ft.h"

namespace ft::ir {

/// What a semantic op is given. `weights` are the types of its weights in ODS
/// order, an absent optional one left out.
struct OpOperands {
  llvm::StringRef op; // without the dialect prefix
  llvm::SmallVector<PackedType> values;
  llvm::SmallVector<mlir::RankedTensorType> weights;
  SequencesType sequences;          // null where the op takes none
  RowsType rows;                    // likewise
  int64_t heads = 0;                // linear: 0 = a flat result
  llvm::SmallVector<int64_t> shape; // rearrange: the result's
  llvm::SmallVector<int64_t> patch; // patches: height and width of one
  mlir::StringAttr axis;            // broadcast: the result's axis
  CacheOp cache;                    // attention, cache_append: null where none
};

/// The result's type, or a diagnostic through `emitError` that says what was
/// expected and what was found. Not for ops without a result.
mlir::FailureOr<PackedType>
inferResultType(const OpOperands &operands,
                llvm::function_ref<mlir::InFlightDiagnostic()> emitError);

} // namespace ft::ir

#endif // FT_IR_SHAPEINFERENCE_H
