//===- EntryFrame.h - an entry while its body is built ----------*- C++ -*-===//
#ifndef FT_FRONTENDS_GRAPH_ENTRYFRAME_H
#define FT_FRONTENDS_GRAPH_ENTRYFRAME_H

#include "frontends/graph/ModelGraph.h"
#include "ir/Ft.h"

namespace ft::graph {

/// What entries over packed and over padded values have in common: the op, its
/// arguments with their attributes, its results.
class EntryFrame {
public:
  /// Makes the op; `builder` then stands in its empty body until this is gone.
  EntryFrame(const Entry &entry, mlir::OpBuilder &builder);

  mlir::Value addArgument(mlir::Type type, llvm::StringRef name,
                          llvm::StringRef role);
  /// Where `ids` is an argument: its ids must be below `rows`, those of a table
  /// that they reach.
  void limitIds(mlir::Value ids, int64_t rows);
  /// The tokens that the image `argument` makes: those said before, else
  /// `tokens`, which are remembered.
  int64_t makeTokens(mlir::Value argument, int64_t tokens);
  /// The end of the body; results are values of the entry's outputs.
  void finish(mlir::ValueRange results);

  ir::EntryOp op() { return op_; }

private:
  const Entry &entry_;
  mlir::OpBuilder &builder_;
  mlir::OpBuilder::InsertionGuard guard_;
  mlir::Location loc_;
  ir::EntryOp op_;
  llvm::SmallVector<mlir::NamedAttrList> argAttrs_;
};

} // namespace ft::graph

#endif // FT_FRONTENDS_GRAPH_ENTRYFRAME_H
