//===- VerifyPrimitives.cpp - the primitive level -------------------------===//
//
// Labels such as prim_apply_c1 are those of docs/spec.md.
//
//===----------------------------------------------------------------------===//
#include "ir/PrimitiveTypes.h"
#include "ir/Verify.h"

using namespace mlir;
using namespace ft::ir;

LogicalResult ft::ir::verifyPrimitive(Operation *op) {
  PrimitiveOperands operands;
  operands.op = op->getName().stripDialect().drop_front(strlen("prim."));
  for (Type type : op->getOperandTypes())
    operands.values.push_back(cast<PaddedType>(type));
  operands.attrs = op->getAttrDictionary();
  auto found = cast<PaddedType>(op->getResult(0).getType());
  operands.wanted = found;
  FailureOr<PaddedType> expected =
      inferPrimitiveType(operands, [&] { return op->emitOpError(); });
  if (failed(expected))
    return failure();
  // prim_c1
  if (*expected != found)
    return op->emitOpError() << "prim_c1: expected the result " << *expected
                             << ", found " << found;
  return success();
}

Value ft::ir::createPrimitive(OpBuilder &builder, Location loc, StringRef op,
                              ValueRange operands,
                              ArrayRef<NamedAttribute> attrs,
                              PaddedType wanted) {
  PrimitiveOperands types;
  types.op = op;
  for (Type type : operands.getTypes())
    types.values.push_back(cast<PaddedType>(type));
  types.attrs = builder.getDictionaryAttr(attrs);
  types.wanted = wanted;
  FailureOr<PaddedType> result =
      inferPrimitiveType(types, [&] { return emitError(loc); });
  assert(succeeded(result) && "the operands must fit");
  OperationState state(loc, ("ft.prim." + op).str(), operands, *result, attrs);
  return builder.create(state)->getResult(0);
}

LogicalResult PrimParamOp::verifySymbolUses(SymbolTableCollection &symbols) {
  RankedTensorType weight = weightType(*this, getWeightAttr(), symbols);
  if (!weight)
    return failure();
  // prim_param_c1
  bool fits = getType().getRank() == size_t(weight.getRank()) &&
              getType().getElementType() == weight.getElementType();
  for (auto [dim, extent] : llvm::zip(getType().getShape(), weight.getShape()))
    fits &= dim.is(extent);
  if (!fits)
    return emitOpError() << "prim_param_c1: expected the type of @"
                         << getWeight() << ", " << weight << ", found "
                         << getType();
  return success();
}

//===----------------------------------------------------------------------===//
// apply
//===----------------------------------------------------------------------===//

/// Whether the last extents of `tensor` are `row`; the others into `leading`.
static bool splitRow(PaddedType tensor, PackedType row,
                     ArrayRef<DimAttr> &leading) {
  ArrayRef<int64_t> extents = row.getShape();
  if (tensor.getRank() < extents.size() ||
      tensor.getElementType() != row.getElementType())
    return false;
  leading = tensor.getShape().drop_back(extents.size());
  for (auto [dim, extent] :
       llvm::zip(tensor.getShape().take_back(extents.size()), extents))
    if (!dim.is(extent))
      return false;
  return true;
}

LogicalResult PrimApplyOp::verify() {
  Block &block = getBody().front();
  auto yield = dyn_cast<YieldOp>(block.back());
  // prim_apply_c1
  if (getInputs().empty() || block.getNumArguments() != getInputs().size() ||
      !yield || yield.getNumOperands() != 1)
    return emitOpError("prim_apply_c1: expected at least one operand, a row of "
                       "each in the region, and one row yielded");
  SmallVector<std::pair<Type, Type>> pairs;
  for (auto [tensor, row] : llvm::zip(getInputs(), block.getArguments()))
    pairs.push_back({tensor.getType(), row.getType()});
  pairs.push_back({getType(), yield.getOperand(0).getType()});
  std::optional<ArrayRef<DimAttr>> all;
  for (auto [tensor, row] : pairs) {
    ArrayRef<DimAttr> leading;
    auto packed = dyn_cast<PackedType>(row);
    // prim_apply_c2
    if (!packed || !splitRow(cast<PaddedType>(tensor), packed, leading))
      return emitOpError() << "prim_apply_c2: expected a row of " << tensor
                           << ", found " << row;
    // prim_apply_c3
    if (all && *all != leading)
      return emitOpError() << "prim_apply_c3: expected the same leading axes "
                              "of all tensors, found "
                           << pairs.front().first << " and " << tensor;
    all = leading;
  }
  // prim_apply_c4
  for (Operation &op : block.without_terminator())
    if (op.getNumRegions() || !isMemoryEffectFree(&op) ||
        !(op.hasTrait<ft::ir::OpTrait::RowWise>() || isa<LinearOp>(op)))
      return emitOpError() << "prim_apply_c4: '" << op.getName()
                           << "' is no operation on rows alone";
  return success();
}
