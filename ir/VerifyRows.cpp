//===- VerifyRows.cpp - sources of rows, linear, norms, elementwise -------===//
//
// Labels such as linear_c1 are those of docs/spec.md.
//
//===----------------------------------------------------------------------===//
#include "ir/Verify.h"

using namespace mlir;
using namespace ft::ir;

//===----------------------------------------------------------------------===//
// Sources of rows
//===----------------------------------------------------------------------===//

LogicalResult PositionsOp::verify() {
  // positions_c1
  PackedType type = getType();
  if (type.getAxis() != getSequences().getType().getTokens() ||
      !type.getShape().empty() || !type.getElementType().isInteger(32))
    return emitOpError() << "positions_c1: expected one i32 for each row of '"
                         << getSequences().getType().getTokens().getValue()
                         << "', found " << type;
  // positions_c2
  if (getMost() && int64_t(*getMost()) < 0)
    return emitOpError() << "positions_c2: expected a limit from 0 on, found "
                         << int64_t(*getMost());
  return success();
}

std::pair<int64_t, int64_t> PatchesOp::getGrid() {
  ArrayRef<int64_t> image = getImage().getType().getShape();
  ArrayRef<int64_t> patch = getPatch();
  if (image.size() != 3 || patch.size() != 2 || patch[0] < 1 || patch[1] < 1)
    return {0, 0};
  return {image[1] / patch[0], image[2] / patch[1]};
}

LogicalResult PatchesOp::verify() {
  PackedType image = getImage().getType();
  SequencesType sequences = getSequences().getType();
  // patches_c1
  if (image.getAxis() != sequences.getSequences() || !isFloat(image) ||
      image.getShape().size() != 3)
    return emitOpError() << "patches_c1: expected floats of [channels, height, "
                            "width] along '"
                         << sequences.getSequences().getValue() << "', found "
                         << image;
  // patches_c2
  auto [rows, columns] = getGrid();
  if (rows < 1 || columns < 1 || int64_t(getPrefix()) < 0)
    return emitOpError() << "patches_c2: expected the height and width of a "
                            "patch within the image of "
                         << image << " and a prefix from 0 on, found ["
                         << getPatch() << "] and " << int64_t(getPrefix());
  // patches_c3
  int64_t elements = image.getShape()[0] * getPatch()[0] * getPatch()[1];
  PackedType out = getType();
  if (out.getAxis() != sequences.getTokens() || !isFloat(out) ||
      out.getShape() != ArrayRef(elements))
    return emitOpError() << "patches_c3: expected rows of " << elements
                         << " floats along '"
                         << sequences.getTokens().getValue() << "', found "
                         << out;
  return success();
}

LogicalResult EmbeddingOp::verify() {
  PackedType ids = getIds().getType();
  // embedding_c1
  if (!ids.getElementType().isInteger(32) || !ids.getShape().empty())
    return emitOpError()
           << "embedding_c1: expected one i32 a row as ids, found " << ids;
  // embedding_c2
  if (getType().getAxis() != ids.getAxis() || !isFloat(getType()) ||
      getType().getShape().size() != 1)
    return emitOpError() << "embedding_c2: expected a row of floats for each "
                            "row of '"
                         << ids.getAxis().getValue() << "', found "
                         << getType();
  return success();
}

LogicalResult EmbeddingOp::verifySymbolUses(SymbolTableCollection &symbols) {
  RankedTensorType table = weightType(*this, getTableAttr(), symbols);
  if (!table)
    return failure();
  // embedding_c3
  if (table.getRank() != 2 || table.getDimSize(1) != getType().getLastDim())
    return emitOpError() << "embedding_c3: expected a table of [rows, "
                         << getType().getLastDim() << "], found " << table;
  // embedding_c4
  return getFirstAttr() ? verifyWeightShape(*this, "embedding_c4",
                                            getFirstAttr(), {1}, symbols)
                        : success();
}

LogicalResult BroadcastOp::verify() {
  // broadcast_c1
  if (!isFloat(getType()))
    return emitOpError() << "broadcast_c1: expected floats, found "
                         << getType();
  return success();
}

LogicalResult BroadcastOp::verifySymbolUses(SymbolTableCollection &symbols) {
  RankedTensorType weight = weightType(*this, getWeightAttr(), symbols);
  if (!weight)
    return failure();
  // broadcast_c2
  ArrayRef<int64_t> row = getType().getShape(), own = weight.getShape();
  bool scalar = own.size() == 1 && own[0] == 1;
  if (!scalar && (own.size() > row.size() || row.take_back(own.size()) != own))
    return emitOpError() << "broadcast_c2: " << weight
                         << " is no suffix of the row " << getType();
  return success();
}

LogicalResult RowsOp::verify() {
  PackedType in = getInput().getType();
  // rows_c1
  if (in.getAxis() != getRows().getType().getTokens())
    return emitOpError() << "rows_c1: expected an input along '"
                         << getRows().getType().getTokens().getValue()
                         << "', found " << in;
  // rows_c2
  if (getType() != in.withAxis(getRows().getType().getRows()))
    return emitOpError() << "rows_c2: expected "
                         << in.withAxis(getRows().getType().getRows())
                         << ", found " << getType();
  return success();
}

//===----------------------------------------------------------------------===//
// Linear, norms
//===----------------------------------------------------------------------===//

LogicalResult LinearOp::verify() {
  // linear_c1
  if (getInput().getType().getAxis() != getType().getAxis())
    return emitOpError() << "linear_c1: input and result have different axes, "
                         << getInput().getType() << " and " << getType();
  // linear_c2
  if (!isFloat(getInput().getType()) || !isFloat(getType()))
    return emitOpError() << "linear_c2: expected floats, found "
                         << getInput().getType() << " and " << getType();
  return success();
}

LogicalResult LinearOp::verifySymbolUses(SymbolTableCollection &symbols) {
  int64_t n = getType().getRowElements();
  int64_t k = getInput().getType().getRowElements();
  // linear_c3
  if (failed(verifyWeightShape(*this, "linear_c3", getWeightAttr(), {n, k},
                               symbols)))
    return failure();
  // linear_c4
  return getBiasAttr() ? verifyWeightShape(*this, "linear_c4", getBiasAttr(),
                                           {n}, symbols)
                       : success();
}

/// rms_norm_c1, layer_norm_c1: rows of floats; eps not negative.
template <typename NormOp> static LogicalResult verifyNorm(NormOp op) {
  if (!isFloat(op.getType()) || op.getType().getShape().empty() ||
      !(op.getEps().convertToDouble() >= 0))
    return op.emitOpError()
           << op->getName().stripDialect()
           << "_c1: expected a row of floats and an eps >= 0, found "
           << op.getType() << " and " << op.getEpsAttr();
  return success();
}

LogicalResult RmsNormOp::verify() { return verifyNorm(*this); }
LogicalResult LayerNormOp::verify() { return verifyNorm(*this); }

LogicalResult RmsNormOp::verifySymbolUses(SymbolTableCollection &symbols) {
  return verifyWeightShape(*this, "rms_norm_c2", getWeightAttr(),
                           {getType().getLastDim()}, symbols);
}

LogicalResult LayerNormOp::verifySymbolUses(SymbolTableCollection &symbols) {
  int64_t last = getType().getLastDim();
  if (failed(verifyWeightShape(*this, "layer_norm_c2", getWeightAttr(), {last},
                               symbols)))
    return failure();
  return getBiasAttr() ? verifyWeightShape(*this, "layer_norm_c3",
                                           getBiasAttr(), {last}, symbols)
                       : success();
}

//===----------------------------------------------------------------------===//
// Elementwise
//===----------------------------------------------------------------------===//

LogicalResult CastOp::verify() {
  PackedType in = getInput().getType(), out = getType();
  // cast_c1
  if (!isFloat(in) || !isFloat(out) ||
      in.withElementType(out.getElementType()) != out)
    return emitOpError() << "cast_c1: changes more than the float type, from "
                         << in << " to " << out;
  return success();
}

template <typename Op> static LogicalResult verifyBinary(Op op) {
  PackedType a = op.getLhs().getType(), b = op.getRhs().getType();
  PackedType out = op.getType();
  // binary_c1
  if (a.getAxis() != b.getAxis() || a.getElementType() != b.getElementType() ||
      !isFloat(a) || a.getShape().size() != b.getShape().size())
    return op.emitOpError() << "binary_c1: expected floats of one axis, type "
                               "and rank, found "
                            << a << " and " << b;
  SmallVector<int64_t> shape;
  for (auto [x, y] : llvm::zip(a.getShape(), b.getShape())) {
    // binary_c2
    if (x != y && x != 1 && y != 1)
      return op.emitOpError() << "binary_c2: extents must agree or be 1, found "
                              << a << " and " << b;
    shape.push_back(std::max(x, y));
  }
  // binary_c3
  if (out != a.withShape(shape))
    return op.emitOpError()
           << "binary_c3: expected " << a.withShape(shape) << ", found " << out;
  return success();
}

LogicalResult AddOp::verify() { return verifyBinary(*this); }
LogicalResult SubOp::verify() { return verifyBinary(*this); }
LogicalResult MulOp::verify() { return verifyBinary(*this); }
LogicalResult DivOp::verify() { return verifyBinary(*this); }
LogicalResult MaximumOp::verify() { return verifyBinary(*this); }
LogicalResult MinimumOp::verify() { return verifyBinary(*this); }
LogicalResult PowOp::verify() { return verifyBinary(*this); }
LogicalResult ModOp::verify() { return verifyBinary(*this); }
LogicalResult LtOp::verify() { return verifyBinary(*this); }
LogicalResult LeOp::verify() { return verifyBinary(*this); }
LogicalResult EqOp::verify() { return verifyBinary(*this); }

template <typename Op> static LogicalResult verifyReduce(Op op) {
  PackedType in = op.getInput().getType();
  SmallVector<int64_t> shape(in.getShape());
  if (!shape.empty())
    shape.back() = 1;
  // reduce_c1
  if (shape.empty() || !isFloat(in) || op.getType() != in.withShape(shape))
    return op.emitOpError() << "reduce_c1: expected floats with the last "
                               "extent kept as 1, found "
                            << in << " to " << op.getType();
  return success();
}

LogicalResult ReduceSumOp::verify() { return verifyReduce(*this); }
LogicalResult ReduceMaxOp::verify() { return verifyReduce(*this); }
LogicalResult ReduceMeanOp::verify() { return verifyReduce(*this); }
