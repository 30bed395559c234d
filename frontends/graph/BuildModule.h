//===- BuildModule.h - from a model graph to the IR -------------*- C++ -*-===//
#ifndef FT_FRONTENDS_GRAPH_BUILDMODULE_H
#define FT_FRONTENDS_GRAPH_BUILDMODULE_H

#include "frontends/graph/ModelGraph.h"
#include "frontends/graph/OpSchema.h"
#include "ir/Ft.h"
#include "runtime/base/Status.h"

#include "mlir/IR/OwningOpRef.h"

namespace ft::graph {

/// The module of phase import: semantic ops, floats f32, shapes inferred. Each
/// op's location is its value's name around its JSON pointer. The error of an
/// op that does not fit starts with that pointer.
/// REQUIRES: checkGraph succeeded; the dialect is loaded.
StatusOr<mlir::OwningOpRef<mlir::ModuleOp>>
buildModule(const ModelGraph &graph, mlir::MLIRContext &context);

/// The module's weights and caches; part of buildModule.
void buildSymbols(const ModelGraph &graph, mlir::OpBuilder &builder);

/// One entry, whose params and caches stand in `module`; part of buildModule.
mlir::LogicalResult buildEntry(const ModelGraph &graph, const Entry &entry,
                               mlir::ModuleOp module, mlir::OpBuilder &builder);

/// One over padded tensors; part of buildEntry.
mlir::LogicalResult buildPaddedEntry(const ModelGraph &graph,
                                     const Entry &entry, mlir::ModuleOp module,
                                     mlir::OpBuilder &builder);

/// An attribute of a node as the IR has it; nothing where a type says it.
void addAttribute(const AttrSchema &attr, const AttrValue &value,
                  mlir::Builder &builder, mlir::OperationState &state);

/// The location `name` at the JSON pointer `place`.
mlir::Location locationOf(mlir::MLIRContext *context, llvm::StringRef name,
                          llvm::StringRef place);

} // namespace ft::graph

#endif // FT_FRONTENDS_GRAPH_BUILDMODULE_H
