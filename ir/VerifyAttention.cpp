//===- VerifyAttention.cpp - positions, caches, attention, reductions -----===//
//
// Labels such as attention_c1 are those of docs/spec.md.
//
//===----------------------------------------------------------------------===//
#include "ir/Verify.h"

#include "llvm/ADT/StringSwitch.h"

using namespace mlir;
using namespace ft::ir;

//===----------------------------------------------------------------------===//
// Rope, cache_append
//===----------------------------------------------------------------------===//

LogicalResult RopeOp::verify() {
  PackedType in = getInput().getType();
  // rope_c1
  if (in != getType() || !isFloat(in) || in.getShape().size() != 2)
    return emitOpError() << "rope_c1: expected rows of [heads, head size] as "
                            "input and result, found "
                         << in << " and " << getType();
  // rope_c2
  if (in.getAxis() != getSequences().getType().getTokens())
    return emitOpError() << "rope_c2: the sequences are along '"
                         << getSequences().getType().getTokens().getValue()
                         << "', the input is " << in;
  return success();
}

LogicalResult RopeOp::verifySymbolUses(SymbolTableCollection &symbols) {
  RankedTensorType table = weightType(*this, getTableAttr(), symbols);
  if (!table)
    return failure();
  // rope_c3
  if (table.getRank() != 2 || table.getDimSize(1) % 2 != 0 ||
      table.getDimSize(1) > getType().getLastDim())
    return emitOpError() << "rope_c3: expected a table of [positions, dims], "
                            "dims even and at most "
                         << getType().getLastDim() << ", found " << table;
  return success();
}

/// The keys' and values' shapes per token; two planes in that order.
static LogicalResult verifyPlanes(Operation *op, StringRef label, CacheOp cache,
                                  int64_t layer) {
  if (cache.getPlanes().size() != 2)
    return op->emitOpError()
           << label << ": expected a cache of two planes, "
           << "keys and values, found " << cache.getPlanes().size();
  if (layer < 0 || layer >= static_cast<int64_t>(cache.getLayers()))
    return op->emitOpError() << label << ": layer " << layer
                             << " of a cache of " << cache.getLayers();
  return success();
}

static ArrayRef<int64_t> planeShape(CacheOp cache, int plane) {
  return cast<PlaneAttr>(cache.getPlanes()[plane]).getShape();
}

LogicalResult CacheAppendOp::verify() {
  PackedType key = getKey().getType(), value = getValue().getType();
  // cache_append_c1
  StringAttr axis = getSequences().getType().getTokens();
  if (key.getAxis() != axis || value.getAxis() != axis || !isFloat(key) ||
      !isFloat(value))
    return emitOpError() << "cache_append_c1: expected floats along '"
                         << axis.getValue() << "', found " << key << " and "
                         << value;
  return success();
}

LogicalResult CacheAppendOp::verifySymbolUses(SymbolTableCollection &symbols) {
  CacheOp cache = findCache(*this, getCacheAttr(), symbols);
  // cache_append_c2
  if (!cache ||
      failed(verifyPlanes(*this, "cache_append_c2", cache, getLayer())))
    return failure();
  // cache_append_c3
  if (getKey().getType().getShape() != planeShape(cache, 0) ||
      getValue().getType().getShape() != planeShape(cache, 1))
    return emitOpError() << "cache_append_c3: key and value do not have the "
                            "shapes of the planes "
                         << cache.getPlanes();
  return success();
}

//===----------------------------------------------------------------------===//
// Attention
//===----------------------------------------------------------------------===//

/// attention_c3, attention_c4: keys [kv, d] and values [kv, e] for queries
/// [h, d] give [h, e], kv dividing h.
static LogicalResult verifyHeads(AttentionOp op, ArrayRef<int64_t> key,
                                 ArrayRef<int64_t> value) {
  ArrayRef<int64_t> query = op.getQuery().getType().getShape();
  ArrayRef<int64_t> result = op.getType().getShape();
  // attention_c3
  if (query.size() != 2 || key.size() != 2 || value.size() != 2 ||
      key[0] != value[0] || query[0] % key[0] != 0 || query[1] != key[1])
    return op.emitOpError()
           << "attention_c3: query rows " << op.getQuery().getType()
           << " do not go with keys and values of [" << key << "] and ["
           << value << "]";
  // attention_c4
  if (result.size() != 2 || result[0] != query[0] || result[1] != value[1] ||
      op.getType().getAxis() != op.getQuery().getType().getAxis())
    return op.emitOpError() << "attention_c4: expected rows of [" << query[0]
                            << ", " << value[1] << "], found " << op.getType();
  return success();
}

/// attention_c5: (score, head, query position, key position) to a score.
static LogicalResult verifyScore(AttentionOp op) {
  if (op.getScore().empty())
    return success();
  Block &block = op.getScore().front();
  auto isF32 = [](Type type) { return type.isF32(); };
  auto yield = dyn_cast<YieldOp>(block.back());
  if (block.getNumArguments() != 4 ||
      !llvm::all_of(block.getArgumentTypes(), isF32) || !yield ||
      yield.getNumOperands() != 1 || !isF32(yield.getOperand(0).getType()))
    return op.emitOpError("attention_c5: a score region takes four f32 and "
                          "yields one");
  for (Operation &inner : block.without_terminator())
    if (!isa<ScoreOp, ScoreConstOp, ScoreTableOp>(inner))
      return inner.emitOpError(
          "attention_c5: is no operation of a score region");
  return success();
}

LogicalResult AttentionOp::verify() {
  // attention_c1
  bool operands = getKey() && getValue();
  if (operands == getCache().has_value() || !getKey() != !getValue())
    return emitOpError("attention_c1: needs keys and values either as operands "
                       "or in a cache");
  // attention_c2
  StringAttr axis = getSequences().getType().getTokens();
  for (Value value : {Value(getQuery()), Value(getKey()), Value(getValue())})
    if (value && (cast<PackedType>(value.getType()).getAxis() != axis ||
                  !isFloat(cast<PackedType>(value.getType()))))
      return emitOpError() << "attention_c2: expected floats along '"
                           << axis.getValue() << "', found " << value.getType();
  if (operands && failed(verifyHeads(*this, getKey().getType().getShape(),
                                     getValue().getType().getShape())))
    return failure();
  if (failed(verifyScore(*this)))
    return failure();
  // attention_c6
  if (static_cast<int64_t>(getWindow()) < 0)
    return emitOpError("attention_c6: window must not be negative");
  return success();
}

LogicalResult AttentionOp::verifySymbolUses(SymbolTableCollection &symbols) {
  if (!getCacheAttr())
    return success();
  CacheOp cache = findCache(*this, getCacheAttr(), symbols);
  // attention_c7
  if (!cache || failed(verifyPlanes(*this, "attention_c7", cache, getLayer())))
    return failure();
  return verifyHeads(*this, planeShape(cache, 0), planeShape(cache, 1));
}

LogicalResult ScoreOp::verify() {
  int arity = llvm::StringSwitch<int>(getFn())
                  .Cases({"neg", "abs", "exp", "log", "tanh", "floor"}, 1)
                  .Cases({"add", "sub", "mul", "div", "max", "min"}, 2)
                  .Cases({"lt", "le", "eq"}, 2)
                  .Case("select", 3)
                  .Default(0);
  // score_op_c1
  if (arity == 0)
    return emitOpError() << "score_op_c1: unknown function " << getFnAttr();
  // score_op_c2
  if (static_cast<int>(getArgs().size()) != arity)
    return emitOpError() << "score_op_c2: " << getFnAttr() << " takes " << arity
                         << " arguments, found " << getArgs().size();
  return success();
}

LogicalResult ScoreTableOp::verifySymbolUses(SymbolTableCollection &symbols) {
  RankedTensorType type = weightType(*this, getWeightAttr(), symbols);
  if (!type)
    return failure();
  // score_table_c1
  int64_t rank = type.getRank();
  if (rank > 2 || rank != static_cast<int64_t>(getIndices().size()))
    return emitOpError() << "score_table_c1: " << getIndices().size()
                         << " indices into " << type;
  return success();
}

//===----------------------------------------------------------------------===//
// Across rows
//===----------------------------------------------------------------------===//

LogicalResult SegmentReduceOp::verify() {
  PackedType in = getInput().getType();
  SequencesType sequences = getSequences().getType();
  // segment_reduce_c1
  bool known = llvm::StringSwitch<bool>(getKind())
                   .Cases({"mean", "sum", "max", "first", "last"}, true)
                   .Default(false);
  if (!known)
    return emitOpError() << "segment_reduce_c1: expected mean, sum, max, first "
                            "or last, found "
                         << getKindAttr();
  // segment_reduce_c4
  bool single = getKind() == "first" || getKind() == "last";
  if (int64_t(getIndex()) < 0 || (getIndex() && !single))
    return emitOpError() << "segment_reduce_c4: an index from 0 on counts from "
                            "the first or the last row, found "
                         << int64_t(getIndex()) << " of " << getKindAttr();
  // segment_reduce_c2
  if (in.getAxis() != sequences.getTokens() || !isFloat(in))
    return emitOpError() << "segment_reduce_c2: expected floats along '"
                         << sequences.getTokens().getValue() << "', found "
                         << in;
  // segment_reduce_c3
  if (getType() != in.withAxis(sequences.getSequences()))
    return emitOpError() << "segment_reduce_c3: expected "
                         << in.withAxis(sequences.getSequences()) << ", found "
                         << getType();
  return success();
}

LogicalResult SampleOp::verify() {
  PackedType in = getInput().getType(), out = getType();
  RowsType rows = getRows().getType();
  // sample_c1
  if (in.getShape().size() != 1 || !isFloat(in) ||
      in.getAxis() != rows.getRows())
    return emitOpError() << "sample_c1: expected a row of floats along '"
                         << rows.getRows().getValue() << "', found " << in;
  // sample_c2
  if (rows.getTokens() != getSequences().getType().getTokens())
    return emitOpError() << "sample_c2: expected rows of the sequences' '"
                         << getSequences().getType().getTokens().getValue()
                         << "', found " << rows;
  // sample_c3
  if (out.getAxis() != in.getAxis() || !out.getShape().empty() ||
      !out.getElementType().isInteger(32))
    return emitOpError() << "sample_c3: expected one i32 a row, found " << out;
  return success();
}

LogicalResult ArgmaxOp::verify() {
  PackedType in = getInput().getType(), out = getType();
  // argmax_c1
  if (in.getShape().empty() || !isFloat(in))
    return emitOpError() << "argmax_c1: expected a row of floats, found " << in;
  // argmax_c2
  if (out.getAxis() != in.getAxis() ||
      out.getShape() != in.getShape().drop_back() ||
      !out.getElementType().isInteger(32))
    return emitOpError() << "argmax_c2: expected an i32 for each part along "
                            "the last extent, found "
                         << out;
  return success();
}
