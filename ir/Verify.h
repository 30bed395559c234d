//===- Verify.h - what verifiers share --------------------------*- C++ -*-===//
#ifndef FT_IR_VERIFY_H
#define FT_IR_VERIFY_H

#include "ir/Ft.h"

namespace ft::ir {

/// The resident type of the weight `symbol` names; null, after an error at
/// `user`, where there is none. The collection makes each look-up O(1).
mlir::RankedTensorType weightType(mlir::Operation *user,
                                  mlir::FlatSymbolRefAttr symbol,
                                  mlir::SymbolTableCollection &symbols);

/// Likewise for the cache `symbol` names.
CacheOp findCache(mlir::Operation *user, mlir::FlatSymbolRefAttr symbol,
                  mlir::SymbolTableCollection &symbols);

/// Checks, under `label`, that a weight has `shape`.
mlir::LogicalResult verifyWeightShape(mlir::Operation *user,
                                      llvm::StringRef label,
                                      mlir::FlatSymbolRefAttr symbol,
                                      llvm::ArrayRef<int64_t> shape,
                                      mlir::SymbolTableCollection &symbols);

bool isFloat(PackedType type);

} // namespace ft::ir

#endif // FT_IR_VERIFY_H
