//===- RaiseRows.cpp - row-wise spellings of semantic operations ----------===//
//
// Products and sums are looked at as lists of factors and as polynomials, so
// that the order and grouping of their operations do not matter.
//
//===----------------------------------------------------------------------===//
#include "passes/Passes.h"
#include "passes/raise/RowAlgebra.h"

#include "mlir/IR/Dominance.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/Transforms/CSE.h"

using namespace mlir;
using namespace ft::ir;

namespace ft::passes {
#define GEN_PASS_DEF_RAISEROWS
#include "passes/Passes.h.inc"

using namespace raise;

namespace {

struct RaiseRows : impl::RaiseRowsBase<RaiseRows> {
  void runOnOperation() override;

private:
  bool raise(Operation *op);
  bool raiseProduct(Operation *op);
  Value norm(Product &product, OpBuilder &builder, Location loc);
  Value activation(Product &product, OpBuilder &builder, Location loc);
  FlatSymbolRefAttr ones(int64_t size);
  void replace(Operation *op, Value by) {
    op->getResult(0).replaceAllUsesWith(by);
    ++numRaised;
  }

  Weights *weights_ = nullptr; // while the pass runs
};

} // namespace

FlatSymbolRefAttr RaiseRows::ones(int64_t size) {
  return weights_->literal(SmallVector<float>(size, 1.0f), {size});
}

//===----------------------------------------------------------------------===//
// Norms
//===----------------------------------------------------------------------===//

/// Takes x * rsqrt(mean(x^2) + eps) [* weight] out of the product.
Value RaiseRows::norm(Product &product, OpBuilder &builder, Location loc) {
  for (Factor &root : product.factors) {
    std::optional<InverseRoot> inverse = inverseRoot(root);
    if (!inverse)
      continue;
    auto *x = llvm::find_if(product.factors, [&](const Factor &factor) {
      return !factor.inverse && factor.value == inverse->of;
    });
    if (x == product.factors.end())
      continue;
    auto type = cast<PackedType>(inverse->of.getType());
    auto *weight = llvm::find_if(product.factors, [&](const Factor &factor) {
      auto broadcast = factor.value.getDefiningOp<BroadcastOp>();
      return broadcast && !factor.inverse &&
             paramOf(broadcast).getTensorType().getShape() ==
                 ArrayRef(type.getLastDim());
    });
    FlatSymbolRefAttr symbol =
        weight == product.factors.end()
            ? ones(type.getLastDim())
            : weight->value.getDefiningOp<BroadcastOp>().getWeightAttr();
    if (!symbol)
      return nullptr;
    Value centered = centeredOf(inverse->of), made;
    FloatAttr eps = builder.getF64FloatAttr(inverse->eps);
    if (centered)
      made = LayerNormOp::create(builder, loc, type, centered, symbol,
                                 FlatSymbolRefAttr(), eps);
    else
      made = RmsNormOp::create(builder, loc, type, inverse->of, symbol, eps);
    SmallVector<Factor> used{root, *x};
    if (weight != product.factors.end())
      used.push_back(*weight);
    product.remove(used);
    return made;
  }
  return nullptr;
}

//===----------------------------------------------------------------------===//
// Activations
//===----------------------------------------------------------------------===//

/// x * gate(x): SiLU or GELU, whose constant goes into `scale`.
static Value gated(OpBuilder &builder, Location loc, Value x,
                   const Factor &gate, double &scale) {
  Linear sum = linearOf(gate.value);
  if (gate.inverse) {
    // x / (1 + exp(-x))
    auto exp = sum.base.getDefiningOp<ExpOp>();
    Linear inner = exp ? linearOf(exp.getInput()) : Linear();
    bool silu = exp && sum.factor == 1 && sum.number == 1 && inner.base == x &&
                inner.factor == -1 && inner.number == 0;
    return silu ? SiluOp::create(builder, loc, x) : Value();
  }
  if (auto sigmoid = gate.value.getDefiningOp<SigmoidOp>())
    return sigmoid.getInput() == x ? SiluOp::create(builder, loc, x) : Value();
  // GELU is x / 2 * (1 + s(x)): here `factor` * s + `number` is the gate.
  if (sum.factor != sum.number || sum.factor == 0)
    return nullptr;
  bool exact = false, tanh = false;
  if (auto erf = sum.base.getDefiningOp<ErfOp>()) {
    Linear inner = linearOf(erf.getInput());
    exact = inner.base == x && inner.number == 0 &&
            near(inner.factor, std::sqrt(0.5));
  }
  if (auto op = sum.base.getDefiningOp<TanhOp>()) {
    std::optional<Polynomial> p = polynomialOf(op.getInput(), x);
    double one = std::sqrt(2 / M_PI);
    tanh = p && near((*p)[1], one) && near((*p)[3], one * 0.044715) &&
           (*p)[0] == 0 && (*p)[2] == 0;
  }
  if (!exact && !tanh)
    return nullptr;
  scale *= 2 * sum.factor;
  if (near(scale, 1))
    scale = 1;
  return GeluOp::create(builder, loc, x, tanh);
}

Value RaiseRows::activation(Product &product, OpBuilder &builder,
                            Location loc) {
  for (Factor &x : product.factors)
    for (Factor &gate : product.factors) {
      if (&x == &gate || x.inverse)
        continue;
      double scale = product.scale;
      if (Value made = gated(builder, loc, x.value, gate, scale)) {
        product.scale = scale;
        product.remove({x, gate});
        return made;
      }
    }
  return nullptr;
}

bool RaiseRows::raiseProduct(Operation *op) {
  if (!isProductRoot(op))
    return false;
  Product product = productOf(op->getResult(0));
  OpBuilder builder(op);
  Value made = norm(product, builder, op->getLoc());
  if (!made)
    made = activation(product, builder, op->getLoc());
  if (!made)
    return false;
  replace(op, product.rebuild(builder, made, op->getLoc()));
  return true;
}

bool RaiseRows::raise(Operation *op) {
  OpBuilder builder(op);
  if (Value value = respell(op, builder, *weights_)) {
    replace(op, value);
    return true;
  }
  return raiseProduct(op);
}

/// Whether all elements keep their order.
static bool isReshape(RearrangeOp op) {
  int64_t stride = 1;
  for (auto [extent, own] :
       llvm::reverse(llvm::zip(op.getType().getShape(), op.getStrides()))) {
    if (extent != 1 && own != stride)
      return false;
    stride *= extent;
  }
  return op.getOffset() == 0 &&
         stride == op.getInput().getType().getRowElements();
}

/// A linear reads its row in any shape.
static void foldReshapes(Block &block) {
  for (LinearOp linear : block.getOps<LinearOp>())
    while (auto view = linear.getInput().getDefiningOp<RearrangeOp>()) {
      if (!isReshape(view))
        break;
      linear.getInputMutable().assign(view.getInput());
    }
}

static void eraseDead(Block &block) {
  for (Operation &op : llvm::make_early_inc_range(llvm::reverse(block)))
    if (isOpTriviallyDead(&op))
      op.erase();
}

void RaiseRows::runOnOperation() {
  Weights weights(getOperation());
  weights_ = &weights;
  for (EntryOp entry : getOperation().getOps<EntryOp>()) {
    Block &block = entry.getBody().front();
    IRRewriter rewriter(&getContext());
    DominanceInfo dominance(entry);
    // Every change leaves fewer operations, so this ends.
    for (bool changed = true; changed;) {
      changed = false;
      eliminateCommonSubExpressions(rewriter, dominance, entry);
      for (Operation &op : llvm::make_early_inc_range(block))
        changed |= raise(&op);
      eraseDead(block);
    }
    foldReshapes(block);
    eraseDead(block);
  }
}

} // namespace ft::passes
