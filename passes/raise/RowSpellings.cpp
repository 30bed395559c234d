//===- RowSpellings.cpp - row-wise operations written out -----------------===//
#include "passes/raise/RowAlgebra.h"

#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace ft::ir;

namespace ft::passes::raise {

/// A number that is broadcast.
static std::optional<double> literal(Value value) {
  auto broadcast = value.getDefiningOp<BroadcastOp>();
  if (!broadcast)
    return std::nullopt;
  std::optional<RecipeAttr> recipe = paramOf(broadcast).getRecipe();
  auto data = recipe ? recipe->getArgs().getAs<DenseF32ArrayAttr>("data")
                     : DenseF32ArrayAttr();
  if (!data || data.size() != 1)
    return std::nullopt;
  return data[0];
}

/// sum * (1 / n) is the mean.
static Value meanOf(ScaleOp op, OpBuilder &builder) {
  auto sum = op.getInput().getDefiningOp<ReduceSumOp>();
  if (!sum)
    return nullptr;
  double n = double(sum.getInput().getType().getLastDim());
  if (!near(op.getBy().convertToDouble() * n, 1))
    return nullptr;
  return ReduceMeanOp::create(builder, op.getLoc(), op.getType(),
                              sum.getInput());
}

static Value sigmoidOf(ReciprocalOp op, OpBuilder &builder) {
  Linear sum = linearOf(op.getInput());
  auto exp = sum.base.getDefiningOp<ExpOp>();
  Linear inner = exp ? linearOf(exp.getInput()) : Linear();
  if (!exp || sum.factor != 1 || sum.number != 1 || inner.factor != -1 ||
      inner.number != 0)
    return nullptr;
  return SigmoidOp::create(builder, op.getLoc(), inner.base);
}

/// What is added to a linear, or to a norm without one, is its bias.
static Value biasOf(AddOp op, OpBuilder &builder, Weights &weights) {
  for (auto [x, b] : {std::pair<Value, Value>(op.getLhs(), op.getRhs()),
                      std::pair<Value, Value>(op.getRhs(), op.getLhs())}) {
    auto bias = b.getDefiningOp<BroadcastOp>();
    if (!bias || !x.hasOneUse() || x.getType() != op.getType())
      continue;
    RankedTensorType own = paramOf(bias).getTensorType();
    ArrayRef<int64_t> shape = own.getShape();
    auto linear = x.getDefiningOp<LinearOp>();
    if (linear && !linear.getBiasAttr() &&
        own.getNumElements() == linear.getType().getRowElements() &&
        bias.getType().getShape() == linear.getType().getShape())
      return LinearOp::create(builder, op.getLoc(), linear.getType(),
                              linear.getInput(), linear.getWeightAttr(),
                              weights.flat(bias.getWeightAttr()));
    auto norm = x.getDefiningOp<LayerNormOp>();
    if (norm && !norm.getBiasAttr() &&
        shape == ArrayRef(norm.getType().getLastDim()))
      return LayerNormOp::create(builder, op.getLoc(), norm.getType(),
                                 norm.getInput(), norm.getWeightAttr(),
                                 bias.getWeightAttr(), norm.getEpsAttr());
  }
  return nullptr;
}

/// Whether a weight is ones, as a norm without a weight has it.
static bool isOnes(ParamOp param) {
  std::optional<RecipeAttr> recipe = param.getRecipe();
  auto data = recipe ? recipe->getArgs().getAs<DenseF32ArrayAttr>("data")
                     : DenseF32ArrayAttr();
  return data &&
         llvm::all_of(data.asArrayRef(), [](float x) { return x == 1; });
}

/// What several readers of one norm each multiply it with is their weight.
static Value weightOf(MulOp op, OpBuilder &builder) {
  for (auto [x, w] : {std::pair<Value, Value>(op.getLhs(), op.getRhs()),
                      std::pair<Value, Value>(op.getRhs(), op.getLhs())}) {
    auto weight = w.getDefiningOp<BroadcastOp>();
    auto rms = x.getDefiningOp<RmsNormOp>();
    auto layer = x.getDefiningOp<LayerNormOp>();
    if (!weight || (!rms && !layer) || (layer && layer.getBiasAttr()) ||
        paramOf(weight).getTensorType().getShape() !=
            ArrayRef(op.getType().getLastDim()) ||
        !isOnes(
            lookupParam(op, rms ? rms.getWeightAttr() : layer.getWeightAttr())))
      continue;
    FlatSymbolRefAttr symbol = weight.getWeightAttr();
    if (rms)
      return RmsNormOp::create(builder, op.getLoc(), op.getType(),
                               rms.getInput(), symbol, rms.getEpsAttr());
    return LayerNormOp::create(builder, op.getLoc(), op.getType(),
                               layer.getInput(), symbol, FlatSymbolRefAttr(),
                               layer.getEpsAttr());
  }
  return nullptr;
}

static Value reluOf(MaximumOp op, OpBuilder &builder) {
  for (auto [x, zero] : {std::pair<Value, Value>(op.getLhs(), op.getRhs()),
                         std::pair<Value, Value>(op.getRhs(), op.getLhs())})
    if (literal(zero) == 0.0 && x.getType() == op.getType())
      return ReluOp::create(builder, op.getLoc(), x);
  return nullptr;
}

/// exp(x - max(x)) / sum of it.
static Value softmaxOf(DivOp op, OpBuilder &builder) {
  auto sum = op.getRhs().getDefiningOp<ReduceSumOp>();
  auto exp = op.getLhs().getDefiningOp<ExpOp>();
  if (!sum || !exp || sum.getInput() != exp)
    return nullptr;
  Value x = exp.getInput();
  if (auto sub = x.getDefiningOp<SubOp>())
    if (auto max = sub.getRhs().getDefiningOp<ReduceMaxOp>())
      if (max.getInput() == sub.getLhs())
        x = sub.getLhs();
  return SoftmaxOp::create(builder, op.getLoc(), x);
}

/// x / max(sqrt(sum(x^2)), eps).
static Value normalizeOf(DivOp op, OpBuilder &builder) {
  auto max = op.getRhs().getDefiningOp<MaximumOp>();
  if (!max)
    return nullptr;
  for (auto [norm, bound] :
       {std::pair<Value, Value>(max.getLhs(), max.getRhs()),
        std::pair<Value, Value>(max.getRhs(), max.getLhs())}) {
    auto root = norm.getDefiningOp<SqrtOp>();
    auto sum =
        root ? root.getInput().getDefiningOp<ReduceSumOp>() : ReduceSumOp();
    auto square = sum ? sum.getInput().getDefiningOp<SquareOp>() : SquareOp();
    std::optional<double> eps = literal(bound);
    if (!square || square.getInput() != op.getLhs() || !eps)
      continue;
    return NormalizeOp::create(builder, op.getLoc(), op.getType(), op.getLhs(),
                               builder.getF64FloatAttr(*eps));
  }
  return nullptr;
}

Value respell(Operation *op, OpBuilder &builder, Weights &weights) {
  return llvm::TypeSwitch<Operation *, Value>(op)
      .Case([&](ScaleOp scale) { return meanOf(scale, builder); })
      .Case([&](DivOp div) {
        Value softmax = softmaxOf(div, builder);
        return softmax ? softmax : normalizeOf(div, builder);
      })
      .Case([&](ReciprocalOp one) { return sigmoidOf(one, builder); })
      .Case([&](MulOp mul) { return weightOf(mul, builder); })
      .Case([&](AddOp add) { return biasOf(add, builder, weights); })
      .Case([&](MaximumOp max) { return reluOf(max, builder); })
      .Default([](Operation *) { return Value(); });
}

} // namespace ft::passes::raise
