//===- Ft.h - the ft dialect: types, attributes and operations --*- C++ -*-===//
#ifndef FT_IR_FT_H
#define FT_IR_FT_H

#include "mlir/Bytecode/BytecodeOpInterface.h"
#include "mlir/IR/Builders.h"
#include "mlir/IR/BuiltinOps.h"
#include "mlir/IR/BuiltinTypes.h"
#include "mlir/IR/Dialect.h"
#include "mlir/IR/OpDefinition.h"
#include "mlir/IR/OpImplementation.h"
#include "mlir/IR/SymbolTable.h"
#include "mlir/Interfaces/FunctionInterfaces.h"
#include "mlir/Interfaces/InferTypeOpInterface.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"

namespace ft::ir {
/// The verifier of every primitive.
mlir::LogicalResult verifyPrimitive(mlir::Operation *op);
} // namespace ft::ir

namespace ft::ir::OpTrait {
/// Each output row depends on the same row of every packed operand only.
template <typename ConcreteType>
class RowWise : public mlir::OpTrait::TraitBase<ConcreteType, RowWise> {};

/// An operation of the primitive level.
template <typename ConcreteType>
class Primitive : public mlir::OpTrait::TraitBase<ConcreteType, Primitive> {
public:
  static mlir::LogicalResult verifyTrait(mlir::Operation *op) {
    return verifyPrimitive(op);
  }
};
} // namespace ft::ir::OpTrait

#include "ir/FtDialect.h.inc"
#include "ir/FtEnums.h.inc"

#define GET_ATTRDEF_CLASSES
#include "ir/FtAttrs.h.inc"
#define GET_TYPEDEF_CLASSES
#include "ir/FtTypes.h.inc"
#define GET_OP_CLASSES
#include "ir/FtOps.h.inc"

namespace ft::ir {

/// Module attribute: the names of the symbolic axes, "tokens" first.
inline constexpr llvm::StringLiteral kAxesAttr = "ft.axes";

/// Module attribute: ranks of every axis of the device mesh, such as {tp = 4}.
/// Absent: one rank.
inline constexpr llvm::StringLiteral kMeshAttr = "ft.mesh";

/// Argument and result attributes of entries.
inline constexpr llvm::StringLiteral kNameAttr = "ft.name";
inline constexpr llvm::StringLiteral kRoleAttr = "ft.role";
inline constexpr llvm::StringLiteral kLimitAttr = "ft.limit";
inline constexpr llvm::StringLiteral kTokensAttr = "ft.tokens";

/// The weight `symbol` names, from anywhere below the module; null if none.
ParamOp lookupParam(mlir::Operation *from, mlir::FlatSymbolRefAttr symbol);
CacheOp lookupCache(mlir::Operation *from, mlir::FlatSymbolRefAttr symbol);

} // namespace ft::ir

#endif // FT_IR_FT_H
