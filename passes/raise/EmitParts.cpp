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

/// Elements from places that no strides say: runs of them, side by side.
Value RowEmitter::emitRuns(Value value, const Node *flat) {
  SmallVector<const Dim *> dims = present(flat);
  SmallVector<int64_t> places;
  for (int64_t i = 0, n = elementsOf(dims); i < n; ++i) {
    const Node *place = exprs_.substitute(flat, indexOf(exprs_, dims, i));
    if (!place->isConst() || i == kMaxLiteral)
      return nullptr;
    places.push_back(int64_t(place->value));
  }
  SmallVector<Value> runs;
  for (size_t begin = 0, end; begin < places.size(); begin = end) {
    end = begin + 1;
    int64_t step = end < places.size() ? places[end] - places[begin] : 0;
    step = std::max<int64_t>(step, 0);
    while (end < places.size() && places[end] - places[end - 1] == step)
      ++end;
    if (int64_t(runs.size()) == kMaxParts)
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

bool isInside(const Node *at, int64_t extent) {
  std::optional<AffineIndex> index = affineIndex(at);
  if (!index)
    return false;
  double low = index->constant, high = index->constant;
  for (auto [dim, step] : index->terms)
    if (dim->kind == Dim::Literal)
      (step < 0 ? low : high) += step * double(dim->size - 1);
  return low >= 0 && high < double(extent);
}

/// Whether all that `node` reads of rows and weights is there, whatever the
/// index along `rows`.
static bool readsInside(const Node *node, ArrayRef<const Dim *> rows) {
  bool all = true;
  auto check = [&](const Node *at, int64_t extent) {
    all &= !at->dependsOn(rows) || isInside(at, extent);
  };
  forEachNode(node, [&](const Node *read) {
    if (read->kind != Node::Read)
      return;
    if (Value value = read->array->value)
      check(read->args.back(),
            cast<PackedType>(value.getType()).getRowElements());
    for (auto [at, extent] : llvm::zip(read->args, read->array->shape))
      check(at, extent);
  });
  return all;
}

/// A select by indices along dimensions of the row: pieces side by side. Where
/// both sides can be computed for every index, only along the last dimension.
Value RowEmitter::emitPieces(const Node *node) {
  ArrayRef<const Dim *> by = node->args[0]->free;
  size_t first = rows_.size(), last = 0;
  for (const Dim *dim : by) {
    size_t place = llvm::find(rows_, dim) - rows_.begin();
    if (place == rows_.size())
      return nullptr;
    first = std::min(first, place);
    last = std::max(last, place);
  }
  if (by.empty())
    return nullptr;
  if (first + 1 < rows_.size() && readsInside(node->args[1], rows_) &&
      readsInside(node->args[2], rows_))
    return nullptr;
  if (first == last)
    return emitPieces(node, first);
  SmallVector<const Dim *> rows(rows_.begin(), rows_.begin() + long(first));
  rows.push_back(ctx_.layout.merge(
      ArrayRef(rows_).slice(first, last - first + 1), {&node}));
  rows.append(rows_.begin() + long(last) + 1, rows_.end());
  RowEmitter merged(ctx_, batch_, sequence_, rows, nodeLoc_);
  Value made = merged.emitPieces(node, first);
  return made ? reshaped(ctx_.builder, nodeLoc_, made, sizesOf(rows_)) : made;
}

/// By the index along rows_[place].
Value RowEmitter::emitPieces(const Node *node, size_t place) {
  const Dim *dim = rows_[place];
  // What stands after the dimension is as long in all pieces.
  SmallVector<int64_t> shape = sizesOf(ArrayRef(rows_).take_front(place));
  int64_t inner = elementsOf(ArrayRef(rows_).drop_front(place + 1));
  SmallVector<Value> pieces;
  for (int64_t begin = 0; begin < dim->size;) {
    auto truth = [&](int64_t i) {
      return exprs_.substitute(node->args[0], dim, exprs_.constant(double(i)));
    };
    int64_t end = begin + 1;
    while (end < dim->size && truth(end) == truth(begin))
      ++end;
    if (!truth(begin)->isConst())
      return nullptr;
    if (int64_t(pieces.size()) == kMaxParts)
      return ctx_.because("a row is put together of more than " +
                          Twine(kMaxParts) + " parts");
    const Node *branch = node->args[truth(begin)->isConst(0) ? 2 : 1];
    const Dim *part = exprs_.dim(Dim::Literal, end - begin);
    SmallVector<const Dim *> rows(rows_);
    rows[place] = part;
    const Node *at = exprs_.plus(exprs_.index(part), double(begin));
    Emitted piece = emitRows(ctx_, exprs_.substitute(branch, dim, at), batch_,
                             sequence_, rows, nodeLoc_);
    if (!piece.value)
      return nullptr;
    shape.push_back((end - begin) * inner);
    pieces.push_back(fullRows(ctx_, piece, rows, shape, nodeLoc_));
    shape.pop_back();
    begin = end;
  }
  shape.push_back(dim->size * inner);
  Value all = ConcatOp::create(
      ctx_.builder, nodeLoc_,
      cast<PackedType>(pieces[0].getType()).withShape(shape), pieces);
  return reshaped(ctx_.builder, nodeLoc_, all, sizesOf(rows_));
}

} // namespace ft::passes::raise
