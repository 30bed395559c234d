//===- Score.cpp - score regions ------------------------------------------===//
#include "passes/raise/Attention.h"

#include "llvm/ADT/StringSet.h"

using namespace mlir;
using namespace ft::ir;

namespace ft::passes::raise {

double scaleOf(const Node *score, const Node *dot) {
  std::optional<double> common;
  forEachNode(score, [&](const Node *node) {
    for (auto [i, arg] : llvm::enumerate(node->args)) {
      if (arg != dot)
        continue;
      double factor = node->kind == Node::Affine ? node->coefs[i] : 1;
      common = !common || *common == factor ? factor : 1;
    }
  });
  return common.value_or(1);
}

namespace {

/// Instructions for one formula.
class ScoreBuilder {
public:
  ScoreBuilder(Context &ctx, OpBuilder &builder, Location loc)
      : ctx_(ctx), builder_(builder), loc_(loc) {}

  void known(const Node *node, Value value) { done_[node] = value; }
  Value build(const Node *node);

private:
  Value op(StringRef fn, ValueRange args) {
    return ScoreOp::create(builder_, loc_, builder_.getF32Type(),
                           builder_.getStringAttr(fn), args);
  }
  Value number(double value) {
    return ScoreConstOp::create(builder_, loc_, builder_.getF32Type(),
                                builder_.getF64FloatAttr(value));
  }
  Value buildNode(const Node *node);
  Value buildSum(const Node *node);
  Value buildFn(const Node *node);
  Value buildTable(const Node *node);

  Context &ctx_;
  OpBuilder &builder_;
  Location loc_;
  llvm::DenseMap<const Node *, Value> done_;
};

} // namespace

Value ScoreBuilder::build(const Node *node) {
  if (Value value = done_.lookup(node))
    return value;
  Value value = buildNode(node);
  if (value)
    done_[node] = value;
  return value;
}

Value ScoreBuilder::buildSum(const Node *node) {
  Value sum;
  SmallVector<std::pair<const Node *, double>> terms;
  for (auto [arg, coef] : llvm::zip(node->args, node->coefs))
    terms.push_back({arg, coef});
  auto *added =
      llvm::find_if(terms, [](auto &term) { return term.second > 0; });
  if (added != terms.end())
    std::swap(*added, terms.front());
  for (auto [arg, coef] : terms) {
    Value term = build(arg);
    if (!term)
      return nullptr;
    bool subtract = sum && coef < 0;
    double factor = subtract ? -coef : coef;
    if (factor == -1)
      term = op("neg", term);
    else if (factor != 1)
      term = op("mul", {term, number(factor)});
    sum = !sum ? term : op(subtract ? "sub" : "add", {sum, term});
  }
  return node->value == 0 ? sum : op("add", {sum, number(node->value)});
}

Value ScoreBuilder::buildFn(const Node *node) {
  SmallVector<Value> args;
  for (const Node *arg : node->args) {
    Value value = build(arg);
    if (!value)
      return nullptr;
    args.push_back(value);
  }
  static const llvm::StringSet<> kFns = {"mul", "div", "max",   "min",   "abs",
                                         "exp", "log", "tanh",  "floor", "lt",
                                         "le",  "eq",  "select"};
  if (kFns.contains(node->fn))
    return op(node->fn, args);
  if (node->fn == "floordiv")
    return op("floor", op("div", args));
  if (node->fn == "mod") {
    Value whole = op("mul", {op("floor", op("div", args)), args[1]});
    return op("sub", {args[0], whole});
  }
  if (node->fn == "relu")
    return op("max", {args[0], number(0)});
  if (node->fn == "trunc") {
    Value up = op("neg", op("floor", op("neg", args[0])));
    return op("select",
              {op("lt", {args[0], number(0)}), up, op("floor", args[0])});
  }
  return ctx_.because("'" + node->fn + "' is no function of attention scores");
}

/// An element of a weight or of known numbers, a vector or a matrix.
Value ScoreBuilder::buildTable(const Node *node) {
  const Array &array = *node->array;
  FlatSymbolRefAttr table;
  if (array.kind == Array::Param)
    table = FlatSymbolRefAttr::get(array.symbol);
  if (array.kind == Array::Numbers) {
    SmallVector<float> data(array.data.begin(), array.data.end());
    table = ctx_.weights.literal(data, array.shape);
  }
  if (!table)
    return ctx_.because("an attention score reads values of tokens");
  // Axes of extent 1 and constant indices are no indices of a table.
  SmallVector<Value> indices;
  SmallVector<const Dim *> dims;
  SmallVector<const Node *> at;
  SmallVector<int64_t> shape;
  Exprs &exprs = ctx_.exprs;
  for (auto [arg, extent] : llvm::zip(node->args, array.shape)) {
    if (arg->isConst()) {
      at.push_back(arg);
      continue;
    }
    dims.push_back(exprs.dim(Dim::Literal, extent));
    at.push_back(exprs.index(dims.back()));
    shape.push_back(extent);
    Value index = build(arg);
    if (!index)
      return nullptr;
    indices.push_back(index);
  }
  if (dims.empty()) { // one number of a weight
    shape.push_back(1);
    indices.push_back(number(0));
  }
  if (dims.size() != array.shape.size())
    table = ctx_.weights.find(exprs.read(&array, at), dims, shape);
  if (!table || dims.size() > 2)
    return ctx_.because("a table of attention scores has more than two axes");
  return ScoreTableOp::create(builder_, loc_, builder_.getF32Type(), table,
                              indices);
}

Value ScoreBuilder::buildNode(const Node *node) {
  switch (node->kind) {
  case Node::Const:
    return number(node->value);
  case Node::Affine:
    return buildSum(node);
  case Node::Fn:
    return buildFn(node);
  case Node::Read:
    return buildTable(node);
  case Node::Index:
    return ctx_.because("an attention score depends on the batch axis");
  default:
    return ctx_.because("the scores of one attention depend on another's");
  }
}

bool buildScore(Context &ctx, Region &region, const Node *score,
                const Node *dot, double scale, const Dim *head,
                const Dim *query, const Dim *key, Location loc) {
  Exprs &exprs = ctx.exprs;
  // A stand-in for the scaled product.
  const Node *scaled = exprs.index(exprs.dim(Dim::Literal, 2));
  score = exprs.rewrite(score, [&](const Node *node) -> const Node * {
    if (node == dot)
      return scaled;
    if (node->kind != Node::Affine || !llvm::is_contained(node->args, dot))
      return nullptr;
    // Dividing by the scale would round: a term times it is the stand-in.
    SmallVector<std::pair<const Node *, double>> terms;
    for (auto [arg, coef] : llvm::zip(node->args, node->coefs))
      terms.push_back({arg == dot ? scaled : arg,
                       arg == dot ? (coef == scale ? 1 : coef) : coef});
    return exprs.affine(node->value, terms);
  });
  // What is added to every score alike changes no softmax.
  if (score->kind == Node::Affine)
    score = exprs.plus(score, -score->value);
  if (score == scaled)
    return true;
  OpBuilder builder(region.getContext());
  Type f32 = builder.getF32Type();
  Block *block = builder.createBlock(&region, {}, {f32, f32, f32, f32},
                                     {loc, loc, loc, loc});
  ScoreBuilder scores(ctx, builder, loc);
  scores.known(scaled, block->getArgument(0));
  scores.known(exprs.index(head), block->getArgument(1));
  scores.known(exprs.index(query), block->getArgument(2));
  scores.known(exprs.index(key), block->getArgument(3));
  Value result = scores.build(score);
  if (!result)
    return false;
  YieldOp::create(builder, loc, result);
  return true;
}

} // namespace ft::passes::raise
