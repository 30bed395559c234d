//===- Emit.h - the operations of one formula -----------------*- C++ -*-===//
#ifndef FT_PASSES_RAISE_EMIT_H
#define FT_PASSES_RAISE_EMIT_H

#include "passes/raise/Raiser.h"

namespace ft::passes::raise {

/// Whether `at` is an index below `extent` wherever the dimensions of a row
/// are.
bool isInside(const Node *at, int64_t extent);

/// One formula into operations over rows of `rows`.
class RowEmitter {
public:
  RowEmitter(Context &ctx, const Dim *batch, const Dim *sequence,
             llvm::ArrayRef<const Dim *> rows, mlir::Location loc)
      : ctx_(ctx), exprs_(ctx.exprs), batch_(batch), sequence_(sequence),
        rows_(rows), loc_(loc), nodeLoc_(loc) {
    auto type = cast<ir::SequencesType>(ctx.sequences.getType());
    axis_ = sequence ? type.getTokens() : type.getSequences();
  }

  mlir::Value emit(const Node *node);
  mlir::Value emitIds(const Node *node);

private:
  mlir::Value emitNode(const Node *node);
  mlir::Value emitStatic(const Node *node);
  mlir::Value emitSum(const Node *node);
  mlir::Value emitFn(const Node *node);
  mlir::Value emitRead(const Node *node);
  mlir::Value emitLookup(const Node *node);
  mlir::Value emitPieces(const Node *node);
  mlir::Value emitPieces(const Node *node, size_t place);
  mlir::Value emitElements(mlir::Value value, const Node *flat);
  mlir::Value emitWeight(const Node *node);
  mlir::Value rearrange(mlir::Value value, const AffineIndex &index,
                        llvm::ArrayRef<int64_t> shape);
  mlir::Value toFloat(mlir::Value ids, llvm::ArrayRef<int64_t> shape);
  const Node *asWeight(const Node *node);
  mlir::Value emitRuns(mlir::Value value, const Node *flat);
  mlir::Value linearRows(ir::LinearOp linear, const Node *flat,
                         llvm::ArrayRef<const Dim *> present,
                         llvm::ArrayRef<int64_t> shape);
  mlir::Value create(llvm::StringRef op, mlir::ValueRange operands,
                     llvm::ArrayRef<mlir::NamedAttribute> attrs = {});
  mlir::Value repeated(mlir::Value operand, ir::PackedType result);
  mlir::Value broadcast(mlir::FlatSymbolRefAttr weight,
                        llvm::ArrayRef<int64_t> shape);

  bool isStatic(const Node *node) {
    return !node->dependsOn(batch_) &&
           (!sequence_ || !node->dependsOn(sequence_)) && !readsData(node);
  }
  /// The extents along rows_, 1 where `node` does not depend on one.
  llvm::SmallVector<int64_t> shapeOf(const Node *node) {
    return llvm::map_to_vector(rows_, [&](const Dim *dim) {
      return node->dependsOn(dim) ? dim->size : 1;
    });
  }
  llvm::SmallVector<const Dim *> present(const Node *node) {
    return llvm::filter_to_vector(
        rows_, [&](const Dim *dim) { return node->dependsOn(dim); });
  }
  mlir::NamedAttribute number(llvm::StringRef name, double value) {
    return ctx_.builder.getNamedAttr(name, ctx_.builder.getF64FloatAttr(value));
  }

  Context &ctx_;
  Exprs &exprs_;
  const Dim *batch_, *sequence_;
  llvm::SmallVector<const Dim *> rows_;
  mlir::Location loc_, nodeLoc_;
  mlir::StringAttr axis_;
  llvm::DenseMap<const Node *, mlir::Value> done_;
  unsigned unnamed_ = 0;
};

} // namespace ft::passes::raise

#endif // FT_PASSES_RAISE_EMIT_H
