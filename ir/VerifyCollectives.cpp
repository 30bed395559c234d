//===- VerifyCollectives.cpp - operations between ranks -------------------===//
//
// Labels such as all_gather_c1 are those of docs/spec.md.
//
//===----------------------------------------------------------------------===//
#include "ir/Verify.h"

using namespace mlir;
using namespace ft::ir;

/// The ranks of mesh axis `mesh`, 0 after an error under collective_c1.
static int64_t ranksOf(Operation *op, StringAttr mesh) {
  auto module = op->getParentOfType<ModuleOp>();
  auto axes = module ? module->getAttrOfType<DictionaryAttr>(kMeshAttr)
                     : DictionaryAttr();
  auto size = axes ? axes.getAs<IntegerAttr>(mesh) : IntegerAttr();
  if (size && size.getInt() > 0)
    return size.getInt();
  op->emitOpError() << "collective_c1: " << mesh
                    << " is no axis of the module's ft.mesh";
  return 0;
}

/// One axis and element type, and extents that differ in the first at most.
static bool differInFirst(PackedType in, PackedType out) {
  return in.getAxis() == out.getAxis() &&
         in.getElementType() == out.getElementType() &&
         !in.getShape().empty() &&
         in.getShape().size() == out.getShape().size() &&
         in.getShape().drop_front() == out.getShape().drop_front();
}

LogicalResult AllReduceOp::verifySymbolUses(SymbolTableCollection &) {
  // collective_c2
  if (!isFloat(getType()))
    return emitOpError() << "collective_c2: expected floats, found "
                         << getType();
  return success(ranksOf(*this, getMeshAttr()) > 0);
}

LogicalResult AllGatherOp::verifySymbolUses(SymbolTableCollection &) {
  PackedType in = getInput().getType(), out = getType();
  int64_t ranks = ranksOf(*this, getMeshAttr());
  if (ranks == 0)
    return failure();
  // all_gather_c1
  if (!differInFirst(in, out) ||
      out.getShape().front() > ranks * in.getShape().front())
    return emitOpError() << "all_gather_c1: expected up to " << ranks
                         << " times the first extent of " << in << ", found "
                         << out;
  return success();
}

LogicalResult ReduceScatterOp::verifySymbolUses(SymbolTableCollection &) {
  PackedType in = getInput().getType(), out = getType();
  int64_t ranks = ranksOf(*this, getMeshAttr());
  if (ranks == 0)
    return failure();
  // reduce_scatter_c1
  if (!differInFirst(in, out) || !isFloat(in) ||
      out.getShape().front() * ranks != in.getShape().front())
    return emitOpError() << "reduce_scatter_c1: expected floats and 1/" << ranks
                         << " of the first extent of " << in << ", found "
                         << out;
  return success();
}

/// (value, index) pairs are f32, which holds indices up to 2^24.
static constexpr int64_t kMaxColumns = int64_t(1) << 24;

LogicalResult LocalArgmaxOp::verify() {
  PackedType in = getInput().getType(), out = getType();
  // local_argmax_c1
  if (in.getShape().size() != 1 || !isFloat(in) ||
      out != PackedType::get(in.getAxis(), {2}, Float32Type::get(getContext())))
    return emitOpError() << "local_argmax_c1: expected a row of floats and a "
                            "pair of f32, found "
                         << in << " and " << out;
  // local_argmax_c2
  int64_t limit = getLimit();
  if (limit < 1 || limit > kMaxColumns)
    return emitOpError() << "local_argmax_c2: expected 1 to " << kMaxColumns
                         << " columns, found " << limit;
  return success();
}

LogicalResult LocalArgmaxOp::verifySymbolUses(SymbolTableCollection &symbols) {
  // local_argmax_c3
  return verifyWeightShape(*this, "local_argmax_c3", getFirstAttr(), {1},
                           symbols);
}

LogicalResult MergeArgmaxOp::verify() {
  PackedType in = getInput().getType(), out = getType();
  // merge_argmax_c1
  if (in.getShape().size() != 1 || in.getShape()[0] % 2 != 0 ||
      !in.getElementType().isF32())
    return emitOpError() << "merge_argmax_c1: expected pairs of f32, found "
                         << in;
  // merge_argmax_c2
  if (out.getAxis() != in.getAxis() || !out.getShape().empty() ||
      !out.getElementType().isInteger(32))
    return emitOpError() << "merge_argmax_c2: expected one i32 a row, found "
                         << out;
  return success();
}
