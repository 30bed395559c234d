//===- VerifyMoves.cpp - select, and elements in other places -------------===//
//
// Labels such as rearrange_c1 are those of docs/spec.md.
//
//===----------------------------------------------------------------------===//
#include "ir/ShapeInference.h"
#include "ir/Verify.h"

#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace ft::ir;

/// The result of an op whose operands alone give its type, under `label`.
static LogicalResult verifyInferred(Operation *op, StringRef label) {
  OpOperands operands;
  operands.op = op->getName().stripDialect();
  for (Type type : op->getOperandTypes())
    operands.values.push_back(cast<PackedType>(type));
  FailureOr<PackedType> expected = inferResultType(
      operands, [&] { return op->emitOpError() << label << "1: "; });
  if (failed(expected))
    return failure();
  if (*expected != op->getResult(0).getType())
    return op->emitOpError() << label << "2: expected " << *expected
                             << ", found " << op->getResult(0).getType();
  return success();
}

// select_c1, select_c2
LogicalResult SelectOp::verify() { return verifyInferred(*this, "select_c"); }

// concat_c1, concat_c2
LogicalResult ConcatOp::verify() { return verifyInferred(*this, "concat_c"); }

LogicalResult ToFloatOp::verify() {
  PackedType in = getInput().getType(), out = getType();
  // to_float_c1
  if (!in.getElementType().isInteger(32) || in.getAxis() != out.getAxis() ||
      !isFloat(out) || in.getRowElements() != out.getRowElements())
    return emitOpError() << "to_float_c1: expected rows of i32 and as many "
                            "floats, found "
                         << in << " and " << out;
  return success();
}

LogicalResult RearrangeOp::verify() {
  PackedType in = getInput().getType(), out = getType();
  // rearrange_c1
  if (!isFloat(in) || in.getAxis() != out.getAxis() ||
      in.getElementType() != out.getElementType() ||
      getStrides().size() != out.getShape().size())
    return emitOpError() << "rearrange_c1: expected floats of one axis and "
                            "type, and a stride for each extent of the "
                            "result, found "
                         << in << " to " << out << " by " << getStrides().size()
                         << " strides";
  // rearrange_c2
  int64_t offset = getOffset();
  int64_t last = offset;
  bool fits = offset >= 0;
  for (auto [extent, stride] : llvm::zip(out.getShape(), getStrides())) {
    int64_t reach;
    fits = fits && stride >= 0 &&
           !llvm::MulOverflow(extent - 1, stride, reach) &&
           !llvm::AddOverflow(last, reach, last);
  }
  if (!fits || last >= in.getRowElements())
    return emitOpError() << "rearrange_c2: expected places among the "
                         << in.getRowElements() << " elements of " << in
                         << ", found offset " << offset << " and strides ["
                         << getStrides() << "]";
  return success();
}
