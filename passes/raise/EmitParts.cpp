//===- EmitParts.cpp - rows that are put together of parts ----------------===//
#include "passes/raise/Emit.h"

using namespace mlir;
using namespace ft::ir;

namespace ft::passes::raise {

static int64_t elementsOf(ArrayRef<const Dim *> dims) {
  int64_t count = 1;
  for (const Dim *dim : dims)
    count *= dim->size;
  return count;
}

/// Known numbers, looked up by position, as a weight.
const Node *RowEmitter::asWeight(const Node *node) {
  Array *array = exprs_.array(Array::Numbers);
  array->shape = node->array->shape;
  array->data = node->array->data;
  SmallVector<float> data(array->data.begin(), array->data.end());
  if (FlatSymbolRefAttr symbol = ctx_.weights.literal(data, array->shape))
    array->symbol = symbol.getAttr();
  return exprs_.read(array, node->args);
}

/// The most parts that the elements of a row are put together of.
static constexpr int64_t kMaxRuns = 64;

/// Elements from places that no strides say: runs of them, side by side.
Value RowEmitter::emitRuns(Value value, const Node *flat) {
  SmallVector<const Dim *> dims = present(flat);
  SmallVector<int64_t> places;
  for (int64_t i = 0, n = elementsOf(dims); i < n; ++i) {
    DimMap map;
    int64_t rest = i;
    for (const Dim *dim : llvm::reverse(dims)) {
      map[dim] = exprs_.constant(double(rest % dim->size));
      rest /= dim->size;
    }
    const Node *place = exprs_.substitute(flat, map);
    if (!place->isConst() || i == kMaxLiteral)
      return nullptr;
    places.push_back(int64_t(place->value));
  }
  SmallVector<Value> runs;
  for (size_t begin = 0, end; begin < places.size(); begin = end) {
    end = begin + 1;
    int64_t step = end < places.size() ? places[end] - places[begin] : 0;
    while (end < places.size() && step >= 0 &&
           places[end] - places[end - 1] == step)
      ++end;
    if (int64_t(runs.size()) == kMaxRuns)
      return nullptr;
    runs.push_back(rearranged(ctx_.builder, nodeLoc_, value, places[begin],
                              {int64_t(end - begin)}, {step}));
  }
  Value all = runs[0];
  if (runs.size() > 1)
    all = ConcatOp::create(
        ctx_.builder, nodeLoc_,
        cast<PackedType>(value.getType()).withShape({int64_t(places.size())}),
        runs);
  return reshaped(ctx_.builder, nodeLoc_, all, shapeOf(flat));
}

/// A select by the index along the last dimension: pieces side by side.
Value RowEmitter::emitPieces(const Node *node) {
  const Node *condition = node->args[0];
  if (rows_.empty() || condition->free.size() != 1 ||
      condition->free[0] != rows_.back())
    return nullptr;
  const Dim *last = rows_.back();
  SmallVector<Value> pieces;
  for (int64_t begin = 0; begin < last->size;) {
    auto truth = [&](int64_t i) {
      return exprs_.substitute(condition, last, exprs_.constant(double(i)));
    };
    int64_t end = begin + 1;
    while (end < last->size && truth(end) == truth(begin))
      ++end;
    const Node *branch = node->args[truth(begin)->isConst(0) ? 2 : 1];
    const Dim *part = exprs_.dim(Dim::Literal, end - begin);
    SmallVector<const Dim *> rows(rows_);
    rows.back() = part;
    const Node *at = exprs_.plus(exprs_.index(part), double(begin));
    Emitted piece = emitRows(ctx_, exprs_.substitute(branch, last, at), batch_,
                             sequence_, rows, nodeLoc_);
    auto type = piece.value ? cast<PackedType>(piece.value.getType()) : nullptr;
    if (!type || type.getLastDim() != end - begin)
      return nullptr;
    pieces.push_back(piece.value);
    begin = end;
  }
  SmallVector<int64_t> shape(cast<PackedType>(pieces[0].getType()).getShape());
  shape.back() = last->size;
  OperationState state(
      nodeLoc_, "ft.concat", pieces,
      TypeRange(cast<PackedType>(pieces[0].getType()).withShape(shape)));
  return state.name.isRegistered() ? ctx_.builder.create(state)->getResult(0)
                                   : Value();
}

} // namespace ft::passes::raise
