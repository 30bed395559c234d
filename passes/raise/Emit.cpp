//===- Emit.cpp - formulas as row-wise operations -------------------------===//
#include "passes/raise/Emit.h"
#include "ir/ShapeInference.h"

#include "llvm/ADT/StringSwitch.h"

using namespace mlir;
using namespace ft::ir;

namespace ft::passes::raise {

/// An operand that a row program cannot repeat, with the extents of `result`.
Value RowEmitter::repeated(Value operand, PackedType result) {
  auto type = cast<PackedType>(operand.getType());
  ArrayRef<int64_t> own = type.getShape(), wanted = result.getShape();
  if (repeatsByLines(own, wanted))
    return operand;
  SmallVector<int64_t> shape(wanted.drop_back()), strides(own.size());
  shape.push_back(own.back());
  if (auto weight = operand.getDefiningOp<BroadcastOp>())
    return broadcast(ctx_.weights.repeated(weight.getWeightAttr(), own, shape),
                     shape);
  int64_t stride = 1, offset = 0;
  for (size_t i = own.size(); i-- > 0; stride *= own[i])
    strides[i] = stride;
  if (auto view = operand.getDefiningOp<RearrangeOp>()) {
    operand = view.getInput();
    offset = view.getOffset();
    strides.assign(view.getStrides());
  }
  for (size_t i = 0; i < own.size(); ++i)
    strides[i] = own[i] == shape[i] ? strides[i] : 0;
  return rearranged(ctx_.builder, nodeLoc_, operand, offset, shape, strides);
}

Value RowEmitter::create(StringRef op, ValueRange operands,
                         ArrayRef<NamedAttribute> attrs) {
  OpOperands types;
  types.op = op;
  for (Value operand : operands)
    types.values.push_back(cast<PackedType>(operand.getType()));
  FailureOr<PackedType> type = inferResultType(
      types, [&] { return emitError(loc_) << "'" << op << "': "; });
  OperationState state(nodeLoc_, ("ft." + op).str());
  if (failed(type) || !state.name.isRegistered())
    return ctx_.because("there is no row-wise '" + op + "' for it");
  for (Value operand : operands)
    state.addOperands(repeated(operand, *type));
  state.addAttributes(attrs);
  state.addTypes(*type);
  return ctx_.builder.create(state)->getResult(0);
}

Value RowEmitter::broadcast(FlatSymbolRefAttr weight, ArrayRef<int64_t> shape) {
  auto type = PackedType::get(axis_, shape,
                              Float32Type::get(ctx_.builder.getContext()));
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
    const Node *element = exprs_.substitute(node, indexOf(exprs_, dims, i));
    if (!element->isConst())
      return nullptr;
    data.push_back(float(element->value));
  }
  return broadcast(ctx_.weights.literal(data, weightShape), shape);
}

/// The terms of a sum; those that have one factor as one: 0.5 * (x + bias).
static SmallVector<std::pair<const Node *, double>> termsOf(Exprs &exprs,
                                                            const Node *node) {
  SmallVector<std::pair<const Node *, double>> terms;
  for (auto [arg, coef] : llvm::zip(node->args, node->coefs)) {
    auto *like = llvm::find_if(
        terms, [c = coef](auto &term) { return term.second == c; });
    if (std::fabs(coef) == 1 || like == terms.end())
      terms.push_back({arg, coef});
    else
      like->first = exprs.add(like->first, arg);
  }
  return terms;
}

Value RowEmitter::emitSum(const Node *node) {
  SmallVector<std::pair<const Node *, double>> terms = termsOf(exprs_, node);
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
    if (node->array->kind == Array::Numbers && !node->array->symbol)
      return emitLookup(asWeight(node));
    return node->array->symbol ? emitLookup(node) : emitRead(node);
  case Node::Index:
    if (Value ids = emitIds(node))
      return toFloat(ids, shapeOf(node));
    return nullptr;
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
      loc = NameLoc::get(
          StringAttr::get(loc_.getContext(),
                          named.getName().getValue() + "#" + Twine(unnamed_)),
          named.getChildLoc());
  ++unnamed_;
  nodeLoc_ = root ? loc_ : loc;
  Value value = emitNode(node);
  if (value)
    done_[node] = value;
  return value;
}

Value emitIdRows(Context &ctx, const Node *expr, const Dim *batch,
                 const Dim *sequence, Location loc) {
  RowEmitter emitter(ctx, batch, sequence, {}, loc);
  return emitter.emitIds(forRealToken(ctx, expr, sequence));
}

} // namespace ft::passes::raise
