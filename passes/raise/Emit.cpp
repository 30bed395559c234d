//===- Emit.cpp - formulas as row-wise operations -------------------------===//
#include "ir/ShapeInference.h"
#include "passes/raise/Raiser.h"

#include "llvm/ADT/StringSwitch.h"

using namespace mlir;
using namespace ft::ir;

namespace ft::passes::raise {

namespace {

/// One formula into operations over rows of `rows`.
class RowEmitter {
public:
  RowEmitter(Context &ctx, const Dim *batch, const Dim *sequence,
             ArrayRef<const Dim *> rows, Location loc)
      : ctx_(ctx), exprs_(ctx.exprs), batch_(batch), sequence_(sequence),
        rows_(rows), loc_(loc),
        nodeLoc_(loc) {
    auto type = cast<SequencesType>(ctx.sequences.getType());
    axis_ = sequence ? type.getTokens() : type.getSequences();
  }

  Value emit(const Node *node);
  Value emitIds(const Node *node);

private:
  Value emitNode(const Node *node);
  Value emitStatic(const Node *node);
  Value emitSum(const Node *node);
  Value emitFn(const Node *node);
  Value emitRead(const Node *node);
  Value emitLookup(const Node *node);
  Value emitPieces(const Node *node);
  Value viewOf(Value value, double start,
               ArrayRef<std::pair<const Dim *, double>> terms);
  Value cut(Value value, int64_t start, int64_t size);
  Value reshaped(Value value, ArrayRef<int64_t> shape);
  Value linearRows(LinearOp linear, const Node *flat,
                   ArrayRef<const Dim *> present, ArrayRef<int64_t> shape);
  Value create(StringRef op, ValueRange operands,
               ArrayRef<NamedAttribute> attrs = {});
  Value broadcast(FlatSymbolRefAttr weight, ArrayRef<int64_t> shape);

  bool isStatic(const Node *node) {
    return !node->dependsOn(batch_) &&
           (!sequence_ || !node->dependsOn(sequence_)) && !readsData(node);
  }
  /// The extents along rows_, 1 where `node` does not depend on one.
  SmallVector<int64_t> shapeOf(const Node *node) {
    return llvm::map_to_vector(rows_, [&](const Dim *dim) {
      return node->dependsOn(dim) ? dim->size : 1;
    });
  }
  SmallVector<const Dim *> present(const Node *node) {
    return llvm::filter_to_vector(
        rows_, [&](const Dim *dim) { return node->dependsOn(dim); });
  }
  NamedAttribute number(StringRef name, double value) {
    return ctx_.builder.getNamedAttr(name, ctx_.builder.getF64FloatAttr(value));
  }

  Context &ctx_;
  Exprs &exprs_;
  const Dim *batch_, *sequence_;
  SmallVector<const Dim *> rows_;
  Location loc_, nodeLoc_;
  StringAttr axis_;
  llvm::DenseMap<const Node *, Value> done_;
  unsigned unnamed_ = 0;
};

} // namespace

Value RowEmitter::create(StringRef op, ValueRange operands,
                         ArrayRef<NamedAttribute> attrs) {
  OpOperands types;
  types.op = op;
  for (Value operand : operands)
    types.values.push_back(cast<PackedType>(operand.getType()));
  FailureOr<PackedType> type = inferResultType(
      types, [&] { return emitError(loc_) << "'" << op << "': "; });
  OperationState state(nodeLoc_, ("ft." + op).str(), operands, {}, attrs);
  if (failed(type) || !state.name.isRegistered())
    return ctx_.because("there is no row-wise '" + op + "' for it");
  state.addTypes(*type);
  return ctx_.builder.create(state)->getResult(0);
}

Value RowEmitter::broadcast(FlatSymbolRefAttr weight, ArrayRef<int64_t> shape) {
  auto type =
      PackedType::get(axis_, shape, Float32Type::get(ctx_.builder.getContext()));
  return BroadcastOp::create(ctx_.builder, nodeLoc_, type, weight);
}

/// What is the same for every row: a weight, or known numbers.
Value RowEmitter::emitStatic(const Node *node) {
  SmallVector<const Dim *> dims = present(node);
  SmallVector<int64_t> shape = shapeOf(node);
  ArrayRef<int64_t> own = shape;
  while (own.size() > 1 && own.front() == 1)
    own = own.drop_front();
  SmallVector<int64_t> weightShape(own.empty() ? ArrayRef<int64_t>(1) : own);
  if (FlatSymbolRefAttr weight = ctx_.weights.find(node, dims, weightShape))
    return broadcast(weight, shape);
  bool known = true;
  forEachNode(node, [&](const Node *n) {
    known &= n->kind != Node::Read || n->array->kind == Array::Numbers;
  });
  int64_t count = 1;
  for (int64_t extent : shape)
    count *= extent;
  if (!known || count > kMaxLiteral)
    return nullptr;
  SmallVector<float> data;
  for (int64_t i = 0; i < count; ++i) {
    DimMap map;
    int64_t rest = i;
    for (const Dim *dim : llvm::reverse(dims)) {
      map[dim] = exprs_.constant(double(rest % dim->size));
      rest /= dim->size;
    }
    const Node *element = exprs_.substitute(node, map);
    if (!element->isConst())
      return nullptr;
    data.push_back(float(element->value));
  }
  return broadcast(ctx_.weights.literal(data, weightShape), shape);
}

Value RowEmitter::emitSum(const Node *node) {
  SmallVector<std::pair<const Node *, double>> terms;
  for (auto [arg, coef] : llvm::zip(node->args, node->coefs))
    terms.push_back({arg, coef});
  // Start with something that is added.
  for (auto &term : terms)
    if (term.second > 0) {
      std::swap(term, terms.front());
      break;
    }
  Value sum;
  Location own = nodeLoc_;
  for (auto [arg, coef] : terms) {
    Value value = emit(arg);
    nodeLoc_ = own;
    if (!value)
      return nullptr;
    double size = sum ? std::fabs(coef) : coef;
    if (size == -1)
      value = create("neg", value);
    else if (size != 1)
      value = create("scale", value, number("by", size));
    if (sum)
      value = create(coef < 0 ? "sub" : "add", {sum, value});
    if (!value)
      return nullptr;
    sum = value;
  }
  return node->value == 0 ? sum
                          : create("offset", sum, number("by", node->value));
}

Value RowEmitter::emitFn(const Node *node) {
  if (node->fn == "select")
    if (Value pieces = emitPieces(node))
      return pieces;
  StringRef op = llvm::StringSwitch<StringRef>(node->fn)
                     .Case("max", "maximum")
                     .Case("min", "minimum")
                     .Default(node->fn);
  Location own = nodeLoc_;
  SmallVector<Value> operands;
  for (const Node *arg : node->args) {
    if (op == "div" && arg->isConst(1) && operands.empty()) {
      op = "reciprocal";
      continue;
    }
    Value operand = emit(arg);
    if (!operand)
      return nullptr;
    operands.push_back(operand);
  }
  nodeLoc_ = own;
  if (op == "mul" && operands[0] == operands[1])
    return create("square", operands[0]);
  return create(op, operands);
}

Value RowEmitter::emitIds(const Node *node) {
  Builder &builder = ctx_.builder;
  Type i32 = builder.getI32Type();
  if (node->kind == Node::Read && node->array->kind == Array::Tokens)
    return node->array->value;
  std::optional<AffineIndex> index = affineIndex(node);
  if (index && sequence_ && index->terms.size() == 1 &&
      index->coefficient(sequence_) == 1)
    return PositionsOp::create(
        ctx_.builder, nodeLoc_, PackedType::get(axis_, {}, i32), ctx_.sequences,
        builder.getI64IntegerAttr(int64_t(index->constant)));
  return ctx_.because("the ids of a table look-up are neither an input nor "
                      "positions");
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
    entry = exprs_.dim(Dim::Literal, node->array->shape[i]);
    args[i] = exprs_.index(entry);
  }
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
  Value found =
      EmbeddingOp::create(ctx_.builder, nodeLoc_, type, rows, weight);
  return reshaped(found, shapeOf(table));
}

Value RowEmitter::emitNode(const Node *node) {
  if (isStatic(node))
    if (Value value = emitStatic(node))
      return value;
  switch (node->kind) {
  case Node::Affine:
    return emitSum(node);
  case Node::Fn:
    return emitFn(node);
  case Node::Read:
    return node->array->kind == Array::Param ? emitLookup(node)
                                             : emitRead(node);
  case Node::Index:
    return ctx_.because("positions are used as numbers");
  default:
    return ctx_.because("attention scores are used beside an attention");
  }
}

Value RowEmitter::emit(const Node *node) {
  if (Value value = done_.lookup(node))
    return value;
  auto name = ctx_.names.find(node);
  bool root = done_.empty() && unnamed_ == 0;
  Location loc = loc_;
  if (name != ctx_.names.end())
    loc = name->second;
  else if (!root)
    if (auto named = dyn_cast<NameLoc>(loc_))
      loc = NameLoc::get(StringAttr::get(loc_.getContext(),
                                         named.getName().getValue() + "#" +
                                             Twine(unnamed_)),
                         named.getChildLoc());
  ++unnamed_;
  nodeLoc_ = root ? loc_ : loc;
  Value value = emitNode(node);
  if (value)
    done_[node] = value;
  return value;
}

//===----------------------------------------------------------------------===//
// Reads of rows
//===----------------------------------------------------------------------===//

Value RowEmitter::reshaped(Value value, ArrayRef<int64_t> shape) {
  auto type = cast<PackedType>(value.getType());
  if (type.getShape() == shape)
    return value;
  // Folded away by ft-fold-views, or an error there.
  return UnrealizedConversionCastOp::create(ctx_.builder, nodeLoc_,
                                            TypeRange(type.withShape(shape)),
                                            value)
      .getResult(0);
}

/// Elements [start, start + size) of the last extent.
Value RowEmitter::cut(Value value, int64_t start, int64_t size) {
  auto type = cast<PackedType>(value.getType());
  if (type.getLastDim() == size)
    return value;
  SmallVector<int64_t> shape(type.getShape());
  shape.back() = size;
  OperationState state(
      nodeLoc_, "ft.slice", value, TypeRange(type.withShape(shape)),
      {ctx_.builder.getNamedAttr("start",
                                 ctx_.builder.getI64IntegerAttr(start))});
  if (!state.name.isRegistered())
    return ctx_.because("there is no row-wise slice");
  return ctx_.builder.create(state)->getResult(0);
}

/// As Weights::view, for rows.
Value RowEmitter::viewOf(Value value, double start,
                         ArrayRef<std::pair<const Dim *, double>> terms) {
  int64_t outer = cast<PackedType>(value.getType()).getRowElements();
  int64_t inner = 1, scale = 1, offset = int64_t(start);
  size_t left = terms.size();
  do {
    int64_t run = 1;
    while (left && terms[left - 1].second == double(run * scale))
      run *= terms[--left].first->size;
    int64_t block = left ? int64_t(terms[left - 1].second) / scale : outer;
    bool aligned = left == 0 || terms[left - 1].second == double(block * scale);
    if (!aligned || block < run || outer % block || offset % block + run > block)
      return nullptr;
    if (block != run) {
      SmallVector<int64_t> shape{outer / block, block * inner};
      if (shape[0] == 1)
        shape.erase(shape.begin());
      value = cut(reshaped(value, shape), offset % block * inner, run * inner);
      if (!value)
        return nullptr;
    }
    inner *= run;
    scale *= block;
    outer /= block;
    offset /= block;
  } while (left);
  return value;
}

/// The rows of a linear's weight that are wanted, in the wanted shape.
Value RowEmitter::linearRows(LinearOp linear, const Node *flat,
                             ArrayRef<const Dim *> present,
                             ArrayRef<int64_t> shape) {
  AffineIndex index = *affineIndex(flat);
  std::vector<int64_t> key{int64_t(index.constant)};
  for (const Dim *dim : present)
    key.push_back(int64_t(index.coefficient(dim)));
  Value &made = ctx_.views[{linear, key, shape.vec()}];
  if (made)
    return made;
  int64_t n = linear.getType().getRowElements(), kept = 1;
  for (const Dim *dim : present)
    kept *= dim->size;
  FlatSymbolRefAttr weight = linear.getWeightAttr(), bias = linear.getBiasAttr();
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
  if (array.kind == Array::Tokens &&
      (!sequence_ || node->args[1] != exprs_.index(sequence_)))
    return ctx_.because("one token reads the values of another outside of "
                        "attention and pooling");
  const Node *flat = node->args.back();
  std::optional<AffineIndex> index = affineIndex(flat);
  auto noView = [&] {
    return ctx_.because("a row is read in an order that is no view of it: its "
                        "axes change places, or an index is computed");
  };
  if (!index || index->terms.size() != present(flat).size())
    return noView();
  if (cast<PackedType>(array.value.getType()).getElementType().isInteger(32))
    return ctx_.because("ids are used as numbers");
  SmallVector<int64_t> shape = shapeOf(flat);
  llvm::stable_sort(index->terms,
                    [](auto &a, auto &b) { return a.second > b.second; });
  SmallVector<const Dim *> order;
  for (auto [dim, step] : index->terms)
    order.push_back(dim);
  if (order != present(flat))
    return noView();
  if (auto linear = array.value.getDefiningOp<LinearOp>())
    if (Value rows = linearRows(linear, flat, order, shape))
      return rows;
  Value view = viewOf(array.value, index->constant, index->terms);
  return view ? reshaped(view, shape) : ctx_.why.empty() ? noView() : nullptr;
}

//===----------------------------------------------------------------------===//
// Concatenations
//===----------------------------------------------------------------------===//

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
  SmallVector<int64_t> shape(
      cast<PackedType>(pieces[0].getType()).getShape());
  shape.back() = last->size;
  OperationState state(
      nodeLoc_, "ft.concat", pieces,
      TypeRange(cast<PackedType>(pieces[0].getType()).withShape(shape)));
  return state.name.isRegistered() ? ctx_.builder.create(state)->getResult(0)
                                   : Value();
}

Value emitIdRows(Context &ctx, const Node *expr, const Dim *batch,
                 const Dim *sequence, Location loc) {
  RowEmitter emitter(ctx, batch, sequence, {}, loc);
  return emitter.emitIds(forRealToken(ctx, expr, sequence));
}

Emitted emitRows(Context &ctx, const Node *expr, const Dim *batch,
                 const Dim *sequence, ArrayRef<const Dim *> rows,
                 Location loc) {
  ctx.why.clear();
  Exprs &exprs = ctx.exprs;
  bool padded = sequence && isZeroWherePadded(ctx, expr, sequence);
  expr = forRealToken(ctx, expr, sequence);
  if (sequence)
    if (const Node *rotated = emitRope(ctx, expr, batch, sequence, rows, loc))
      expr = rotated;
  RowEmitter emitter(ctx, batch, sequence, rows, loc);
  Value value = emitter.emit(expr);
  if (!value)
    return {};
  Array *array = exprs.array(sequence ? Array::Tokens : Array::Sequences);
  array->value = value;
  array->zeroWherePadded = padded;
  SmallVector<const Node *> at{exprs.index(batch)};
  if (sequence)
    at.push_back(exprs.index(sequence));
  const Node *flat = exprs.constant(0);
  for (auto [dim, extent] :
       llvm::zip(rows, cast<PackedType>(value.getType()).getShape()))
    if (extent != 1)
      flat = exprs.affine(0,
                          {{flat, double(extent)}, {exprs.index(dim), 1}});
  at.push_back(flat);
  return {value, exprs.read(array, at)};
}

} // namespace ft::passes::raise
