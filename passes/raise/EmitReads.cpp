//===- EmitReads.cpp - reads of rows, tables and parts of them ------------===//
#include "passes/raise/Emit.h"

#include <cmath>

using namespace mlir;
using namespace ft::ir;

namespace ft::passes::raise {

Value RowEmitter::emitIds(const Node *node) {
  Builder &builder = ctx_.builder;
  Type i32 = builder.getI32Type();
  bool ofRow =
      node->kind == Node::Read && node->args[0] == exprs_.index(batch_);
  ofRow &= ofRow && (sequence_ ? node->array->kind == Array::Tokens &&
                                     node->args[1] == exprs_.index(sequence_)
                               : node->array->kind == Array::Sequences);
  if (ofRow) {
    auto type = cast<PackedType>(node->array->value.getType());
    if (type.getRowElements() == 1 && type.getElementType() == i32)
      return node->array->value;
    return ctx_.because("its ids are one of several numbers of a token, and "
                        "nothing takes an id out of its row");
  }
  std::optional<AffineIndex> index = affineIndex(node);
  if (index && sequence_ && index->terms.size() == 1 &&
      index->coefficient(sequence_) == 1)
    return PositionsOp::create(
        ctx_.builder, nodeLoc_, PackedType::get(axis_, {}, i32), ctx_.sequences,
        builder.getI64IntegerAttr(int64_t(index->constant)),
        /*most=*/IntegerAttr());
  return ctx_.because("the ids of a table look-up are neither an input nor "
                      "positions");
}

/// ids + n look up the table from row n on: takes n out of `ids`. Positions
/// have an offset of their own.
static int64_t takeOffset(const Node *&ids) {
  bool shifted = ids->kind == Node::Affine && ids->args.size() == 1 &&
                 ids->coefs[0] == 1 && ids->value > 0 &&
                 ids->value == std::floor(ids->value) &&
                 ids->args[0]->kind == Node::Read;
  if (!shifted)
    return 0;
  auto offset = int64_t(ids->value);
  ids = ids->args[0];
  return offset;
}

/// Elements of a weight in an order that is no view of it: of its rows, which
/// are the same for all tokens.
Value RowEmitter::emitWeight(const Node *node) {
  int64_t count = 1;
  for (int64_t extent : node->array->shape)
    count *= extent;
  if (count > kMaxLiteral)
    return ctx_.because("a weight is read in an order that is no view of it");
  FlatSymbolRefAttr weight =
      ctx_.weights.flat(FlatSymbolRefAttr::get(node->array->symbol));
  return emitElements(broadcast(weight, count),
                      flatIndex(exprs_, node->args, node->array->shape));
}

/// A row of a table for each token.
Value RowEmitter::emitLookup(const Node *node) {
  SmallVector<const Node *> args(node->args);
  const Node *ids = nullptr;
  const Dim *entry = nullptr;
  for (auto [i, arg] : llvm::enumerate(node->args)) {
    if (isStatic(arg))
      continue;
    if (ids)
      return ctx_.because("a weight is looked up along two axes");
    ids = arg;
    int64_t first = takeOffset(ids);
    int64_t left = node->array->shape[i] - first;
    if (left < 1)
      return ctx_.because("all ids of a table look-up are beyond the table");
    entry = exprs_.dim(Dim::Literal, left);
    args[i] = exprs_.plus(exprs_.index(entry), double(first));
  }
  if (!ids)
    return emitWeight(node);
  const Node *table = exprs_.read(node->array, args);
  SmallVector<const Dim *> dims = present(table);
  int64_t width = 1;
  for (const Dim *dim : dims)
    width *= dim->size;
  dims.insert(dims.begin(), entry);
  FlatSymbolRefAttr weight =
      ctx_.weights.find(table, dims, {entry->size, width});
  if (!weight)
    return ctx_.because("a table is read in an order that is no view of it");
  Value rows = emitIds(ids);
  if (!rows)
    return nullptr;
  auto type = PackedType::get(axis_, {width},
                              Float32Type::get(ctx_.builder.getContext()));
  Value found = EmbeddingOp::create(ctx_.builder, nodeLoc_, type, rows, weight,
                                    /*first=*/FlatSymbolRefAttr());
  return reshaped(ctx_.builder, nodeLoc_, found, shapeOf(table));
}

//===----------------------------------------------------------------------===//
// Reads of rows
//===----------------------------------------------------------------------===//

Value rearranged(OpBuilder &builder, Location loc, Value value, int64_t offset,
                 ArrayRef<int64_t> shape, ArrayRef<int64_t> strides) {
  auto type = cast<PackedType>(value.getType()).withShape(shape);
  return builder.createOrFold<RearrangeOp>(
      loc, type, value, builder.getI64IntegerAttr(offset),
      builder.getDenseI64ArrayAttr(strides));
}

Value reshaped(OpBuilder &builder, Location loc, Value value,
               ArrayRef<int64_t> shape) {
  SmallVector<int64_t> strides(shape.size());
  int64_t stride = 1;
  for (size_t i = shape.size(); i-- > 0; stride *= shape[i])
    strides[i] = stride;
  return rearranged(builder, loc, value, 0, shape, strides);
}

Value RowEmitter::rearrange(Value value, const AffineIndex &index,
                            ArrayRef<int64_t> shape) {
  SmallVector<int64_t> strides;
  int64_t stride = 1;
  bool inOrder = index.constant == 0;
  for (const Dim *dim : rows_)
    strides.push_back(int64_t(index.coefficient(dim)));
  for (auto [extent, own] : llvm::reverse(llvm::zip(shape, strides))) {
    inOrder &= extent == 1 || own == stride;
    stride *= extent;
  }
  auto type = cast<PackedType>(value.getType());
  if (inOrder && stride == type.getRowElements())
    if (Value same = withExtents(ctx_, value, shape))
      return same;
  return rearranged(ctx_.builder, nodeLoc_, value, int64_t(index.constant),
                    shape, strides);
}

Value RowEmitter::toFloat(Value ids, ArrayRef<int64_t> shape) {
  auto type = cast<PackedType>(ids.getType())
                  .withElementType(ctx_.builder.getF32Type())
                  .withShape(shape);
  return ToFloatOp::create(ctx_.builder, nodeLoc_, type, ids);
}

/// The rows of a linear's weight that are wanted, in the wanted shape.
Value RowEmitter::linearRows(LinearOp linear, const Node *flat,
                             ArrayRef<const Dim *> present,
                             ArrayRef<int64_t> shape) {
  AffineIndex index = *affineIndex(flat);
  llvm::stable_sort(index.terms,
                    [](auto &a, auto &b) { return a.second > b.second; });
  std::vector<int64_t> key{int64_t(index.constant)};
  for (const Dim *dim : present)
    key.push_back(int64_t(index.coefficient(dim)));
  Value &made = ctx_.views[{linear, key, shape.vec()}];
  if (made)
    return made;
  int64_t n = linear.getType().getRowElements(), kept = 1;
  for (const Dim *dim : present)
    kept *= dim->size;
  FlatSymbolRefAttr weight = linear.getWeightAttr(),
                    bias = linear.getBiasAttr();
  if (!cutsOf(n, index.constant, index.terms))
    return nullptr;
  if (kept != n) {
    auto rowsOf = [&](FlatSymbolRefAttr symbol, int64_t columns) {
      Array *array = exprs_.array(Array::Param);
      array->symbol = symbol.getAttr();
      array->shape = {n};
      SmallVector<const Node *> at{flat};
      SmallVector<const Dim *> dims(present);
      SmallVector<int64_t> extents{kept};
      if (columns) {
        const Dim *column = exprs_.dim(Dim::Literal, columns);
        array->shape.push_back(columns);
        at.push_back(exprs_.index(column));
        dims.push_back(column);
        extents.push_back(columns);
      }
      return ctx_.weights.find(exprs_.read(array, at), dims, extents);
    };
    weight = rowsOf(weight, linear.getInput().getType().getRowElements());
    bias = bias ? rowsOf(bias, 0) : bias;
    if (!weight || (linear.getBiasAttr() && !bias))
      return nullptr;
  }
  OpBuilder::InsertionGuard guard(ctx_.builder);
  ctx_.builder.setInsertionPoint(linear);
  Location loc = kept == n ? linear.getLoc() : nodeLoc_;
  auto fresh =
      LinearOp::create(ctx_.builder, loc, linear.getType().withShape(shape),
                       linear.getInput(), weight, bias);
  return made = fresh;
}

Value RowEmitter::emitRead(const Node *node) {
  const Array &array = *node->array;
  if (array.kind != Array::Tokens && array.kind != Array::Sequences)
    return ctx_.because("the padding mask is used as a number of a sequence");
  bool own = array.ofPositions ? node->args[0]->isConst(0)
                               : node->args[0] == exprs_.index(batch_);
  if (!own)
    return ctx_.because("one sequence reads the values of another");
  if (array.kind == Array::Sequences && sequence_)
    return ctx_.because("each token reads a value of its sequence as a whole; "
                        "nothing repeats a sequence's row for its tokens");
  if (array.kind == Array::Tokens &&
      (!sequence_ || node->args[1] != exprs_.index(sequence_)))
    return ctx_.because("one token reads the values of another outside of "
                        "attention and pooling");
  const Node *flat = node->args.back();
  Value value = array.value;
  auto type = cast<PackedType>(value.getType());
  if (type.getElementType().isInteger(32)) {
    if (type.getRowElements() == 1)
      return toFloat(value, shapeOf(flat));
    value = toFloat(value, type.getShape());
  }
  return emitElements(value, flat);
}

/// Elements `flat` of the rows of `value`.
Value RowEmitter::emitElements(Value value, const Node *flat) {
  SmallVector<int64_t> shape = shapeOf(flat);
  std::optional<AffineIndex> index = affineIndex(flat);
  bool forward =
      index && index->terms.size() == present(flat).size() &&
      llvm::all_of(index->terms, [](auto &term) { return term.second > 0; });
  if (!forward) {
    Value runs = emitRuns(value, flat);
    return runs ? runs
                : ctx_.because("the place of an element in its row depends on "
                               "data, or is one of many without an order");
  }
  if (!isInside(flat, cast<PackedType>(value.getType()).getRowElements()))
    return ctx_.because("it reads elements that its row does not have");
  llvm::stable_sort(index->terms,
                    [](auto &a, auto &b) { return a.second > b.second; });
  SmallVector<const Dim *> order;
  for (auto [dim, step] : index->terms)
    order.push_back(dim);
  if (auto linear = value.getDefiningOp<LinearOp>())
    if (order == present(flat))
      if (Value rows = linearRows(linear, flat, order, shape))
        return rows;
  return rearrange(value, *index, shape);
}

} // namespace ft::passes::raise
