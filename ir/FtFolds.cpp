//===- FtFolds.cpp - folds and canonical forms ----------------------------===//
#include "ir/Ft.h"

#include "mlir/IR/PatternMatch.h"

using namespace mlir;
using namespace ft::ir;

OpFoldResult CastOp::fold(FoldAdaptor) {
  return getInput().getType() == getType() ? OpFoldResult(getInput()) : nullptr;
}

OpFoldResult RearrangeOp::fold(FoldAdaptor) {
  if (getInput().getType() != getType() || getOffset() != 0)
    return nullptr;
  int64_t stride = 1;
  for (auto [extent, own] :
       llvm::reverse(llvm::zip(getType().getShape(), getStrides()))) {
    if (extent != 1 && own != stride)
      return nullptr;
    stride *= extent;
  }
  return getInput();
}

OpFoldResult ScaleOp::fold(FoldAdaptor) {
  return getBy().isExactlyValue(1.0) ? OpFoldResult(getInput()) : nullptr;
}

OpFoldResult OffsetOp::fold(FoldAdaptor) {
  return getBy().isExactlyValue(0.0) ? OpFoldResult(getInput()) : nullptr;
}

OpFoldResult NegOp::fold(FoldAdaptor) {
  auto inner = getInput().getDefiningOp<NegOp>();
  return inner ? OpFoldResult(inner.getInput()) : nullptr;
}

namespace {

/// rows(f(x)) = f(rows(x)) where nothing but the wanted rows of f(x) is read
/// and f, one row in and one row out, knows no positions: only wanted rows are
/// computed.
struct HoistRows : OpRewritePattern<RowsOp> {
  using OpRewritePattern::OpRewritePattern;

  LogicalResult matchAndRewrite(RowsOp rows,
                                PatternRewriter &rewriter) const override {
    Operation *producer = rows.getInput().getDefiningOp();
    if (!producer || !rows.getInput().hasOneUse() ||
        producer->getNumOperands() != 1 ||
        !(producer->hasTrait<ft::ir::OpTrait::RowWise>() ||
          isa<LinearOp>(producer)))
      return rewriter.notifyMatchFailure(
          rows, "input has other readers or is not one row in, one row out");
    auto source = cast<TypedValue<PackedType>>(producer->getOperand(0));
    if (source.getType().getElementType().isInteger(32))
      return rewriter.notifyMatchFailure(rows, "ids are not gathered");
    auto axis = rows.getRows().getType().getRows();
    // Named like the value whose rows it has.
    auto wanted =
        RowsOp::create(rewriter, source.getLoc(),
                       source.getType().withAxis(axis), source, rows.getRows());
    Operation *moved = rewriter.clone(*producer);
    moved->setOperand(0, wanted);
    moved->getResult(0).setType(rows.getType());
    rewriter.replaceOp(rows, moved->getResults());
    return success();
  }
};

} // namespace

void RowsOp::getCanonicalizationPatterns(RewritePatternSet &patterns,
                                         MLIRContext *context) {
  patterns.add<HoistRows>(context);
}
