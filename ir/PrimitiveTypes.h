//===- PrimitiveTypes.h - result types of primitives ------------*- C++ -*-===//
//
// For whoever builds primitives: frontends and tests. Labels such as
// prim_matmul_c1 are those of docs/spec.md.
//
//===----------------------------------------------------------------------===//
#ifndef FT_IR_PRIMITIVETYPES_H
#define FT_IR_PRIMITIVETYPES_H

#include "ir/Ft.h"

namespace ft::ir {

struct PrimitiveOperands {
  llvm::StringRef op; // without "ft.prim."
  llvm::SmallVector<PaddedType> values;
  mlir::DictionaryAttr attrs; // as on the op
  /// What the result should be, for ops whose attributes do not say it: all of
  /// constant, iota, reshape and expand; the element type of cast; the extent
  /// along the axis of slice. Null else.
  PaddedType wanted;
};

/// The result's type, or a diagnostic through `emitError` with the constraint
/// that the operands violate, what was expected and what was found.
mlir::FailureOr<PaddedType>
inferPrimitiveType(const PrimitiveOperands &operands,
                   llvm::function_ref<mlir::InFlightDiagnostic()> emitError);

/// The primitive `op` ("matmul") with an inferred result; its operands and
/// attributes must fit.
mlir::Value createPrimitive(mlir::OpBuilder &builder, mlir::Location loc,
                            llvm::StringRef op, mlir::ValueRange operands,
                            llvm::ArrayRef<mlir::NamedAttribute> attrs = {},
                            PaddedType wanted = {});

} // namespace ft::ir

#endif // FT_IR_PRIMITIVETYPES_H
