//===- RaiseOps.cpp - sources and elementwise operations ------------------===//
#include "passes/raise/Raiser.h"

#include "llvm/ADT/StringSwitch.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace ft::ir;

namespace ft::passes::raise {

static StringRef shortName(Operation *op) {
  return op->getName().stripDialect().drop_front(strlen("prim."));
}

static PaddedType typeOf(Operation *op) {
  return cast<PaddedType>(op->getResult(0).getType());
}

//===----------------------------------------------------------------------===//
// Sources
//===----------------------------------------------------------------------===//

/// The index along an axis of at most one dimension.
static const Node *indexAlong(Exprs &exprs, const Axis &axis) {
  return axis.empty() ? exprs.constant(0) : exprs.index(axis[0]);
}

Raiser::MaybeForm Raiser::constant(PrimConstantOp op) {
  SmallVector<double> values;
  for (auto value : op.getValues().getAsRange<FloatAttr>())
    values.push_back(value.getValueAsDouble());
  Form form;
  for (DimAttr extent : typeOf(op).getShape()) {
    std::optional<Axis> axis = ctx_.layout.axisOf(extent);
    if (!axis)
      return because("its shape has an unknown symbol");
    form.axes.push_back(*axis);
  }
  if (values.size() == 1) {
    form.expr = exprs_.constant(values[0]);
    return form;
  }
  Array *array = exprs_.array(Array::Numbers);
  array->data.assign(values.begin(), values.end());
  SmallVector<const Node *> at;
  for (auto [extent, axis] : llvm::zip(typeOf(op).getShape(), form.axes)) {
    array->shape.push_back(extent.getFactor());
    at.push_back(indexAlong(exprs_, axis));
  }
  form.expr = exprs_.read(array, at);
  return form;
}

/// A weight whose numbers the model says itself is known numbers.
static void takeLiteral(Array &array, ParamOp param) {
  std::optional<RecipeAttr> recipe = param.getRecipe();
  auto data = recipe ? recipe->getArgs().getAs<DenseF32ArrayAttr>("data")
                     : DenseF32ArrayAttr();
  if (!data)
    return;
  array.kind = Array::Numbers;
  array.data.assign(data.asArrayRef().begin(), data.asArrayRef().end());
}

/// What reads of a weight read.
Array *Raiser::weightArray(FlatSymbolRefAttr symbol) {
  Array *&array = ctx_.params[symbol.getAttr()];
  if (array)
    return array;
  ParamOp param = lookupParam(ctx_.entry, symbol);
  array = exprs_.array(Array::Param);
  array->symbol = symbol.getAttr();
  takeLiteral(*array, param);
  array->shape.assign(param.getTensorType().getShape());
  return array;
}

Raiser::MaybeForm Raiser::param(PrimParamOp op) {
  Form form;
  SmallVector<const Node *> at;
  for (DimAttr extent : op.getType().getShape()) {
    form.axes.push_back(*ctx_.layout.axisOf(extent));
    at.push_back(indexAlong(exprs_, form.axes.back()));
  }
  form.expr = exprs_.read(weightArray(op.getWeightAttr()), at);
  return form;
}

Raiser::MaybeForm Raiser::iota(PrimIotaOp op) {
  Form form;
  for (DimAttr extent : typeOf(op).getShape()) {
    std::optional<Axis> axis = ctx_.layout.axisOf(extent);
    if (!axis)
      return because("its shape has an unknown symbol");
    form.axes.push_back(*axis);
  }
  const Axis &axis = form.axes[op.getAxis()];
  if (axis.size() > 1)
    return because("it counts along several axes at once");
  form.expr = indexAlong(exprs_, axis);
  return form;
}

//===----------------------------------------------------------------------===//
// Elementwise
//===----------------------------------------------------------------------===//

/// The cast of an element between numbers, integers and truth values.
static const Node *castElement(Exprs &exprs, const Node *x, Type to) {
  if (to.isInteger(1)) {
    const Node *args[] = {x, exprs.constant(0)};
    return exprs.affine(1, {{exprs.fn("eq", args), -1}});
  }
  return to.isInteger(32) ? exprs.fn("trunc", x) : x;
}

const Node *Raiser::elementOf(Operation *op, ArrayRef<const Node *> a) {
  StringRef name = shortName(op);
  auto negated = [&](const Node *x) { return exprs_.affine(1, {{x, -1}}); };
  auto fn = [&](StringRef f, const Node *x, const Node *y) {
    const Node *args[] = {x, y};
    return exprs_.fn(f, args);
  };
  if (name == "add")
    return exprs_.add(a[0], a[1]);
  if (name == "sub")
    return exprs_.sub(a[0], a[1]);
  if (name == "neg")
    return exprs_.scaled(a[0], -1);
  if (name == "not")
    return negated(a[0]);
  if (name == "gt")
    return fn("lt", a[1], a[0]);
  if (name == "ge")
    return fn("le", a[1], a[0]);
  if (name == "ne")
    return negated(fn("eq", a[0], a[1]));
  if (name == "cast")
    return castElement(exprs_, a[0], typeOf(op).getElementType());
  bool ints = typeOf(op).getElementType().isInteger();
  StringRef function = llvm::StringSwitch<StringRef>(name)
                           .Case("maximum", "max")
                           .Case("minimum", "min")
                           .Case("and", "mul")
                           .Case("or", "max")
                           .Case("div", ints ? "floordiv" : "div")
                           .Default(name);
  return exprs_.fn(function, a);
}

/// Brings all to `rank` axes that run along the same dimensions.
bool Raiser::broadcast(MutableArrayRef<Form> forms, size_t rank) {
  for (Form &form : forms)
    while (form.axes.size() < rank)
      form.axes.insert(form.axes.begin(), Axis());
  // The first form may be split by a later one: once more for those before.
  for (int round = 0; round < 2; ++round)
    for (Form &form : forms.drop_front()) {
      form = ctx_.layout.freshen(form);
      for (size_t axis = 0; axis < rank; ++axis)
        if (!ctx_.layout.unify(forms[0], axis, form, axis)) {
          ctx_.because("its operands divide axis " + Twine(axis) +
                       " into different parts");
          return false;
        }
    }
  return true;
}

Raiser::MaybeForm Raiser::elementwise(Operation *op) {
  SmallVector<Form> forms;
  for (Value operand : op->getOperands())
    forms.push_back(form(operand));
  if (!broadcast(forms, typeOf(op).getRank()))
    return std::nullopt;
  Form result = forms[0];
  result.expr = elementOf(
      op, llvm::map_to_vector(forms, [](const Form &f) { return f.expr; }));
  takeMean(result, op->getLoc());
  takeBias(op, result);
  return result;
}

/// sum / length, of a sum over the tokens of a sequence, is its mean.
void Raiser::takeMean(Form &form, Location loc) {
  if (!form.expr->isFn("div"))
    return;
  const Node *sum = form.expr->args[0], *count = form.expr->args[1];
  // A bound of the length by 1, or a little something added, changes nothing.
  if (count->isFn("max"))
    for (int i : {0, 1})
      if (count->args[i]->isConst() && count->args[i]->value <= 1) {
        count = count->args[1 - i];
        break;
      }
  if (count->kind == Node::Affine && count->args.size() == 1 &&
      std::fabs(count->value) <= 1e-7 && count->coefs[0] == 1)
    count = count->args[0];
  if (count->kind != Node::Read || count->array->kind != Array::Length ||
      sum->kind != Node::Read || sum->array->kind != Array::Sequences)
    return;
  auto reduce = sum->array->value.getDefiningOp<SegmentReduceOp>();
  if (!reduce || reduce.getKind() != "sum")
    return;
  Array *array = exprs_.array(Array::Sequences);
  array->value =
      SegmentReduceOp::create(ctx_.builder, loc, reduce.getType(),
                              reduce.getInput(), ctx_.sequences, "mean");
  form.expr = exprs_.read(array, sum->args);
}

//===----------------------------------------------------------------------===//
// All
//===----------------------------------------------------------------------===//

Raiser::MaybeForm Raiser::formOf(Operation *op) {
  return llvm::TypeSwitch<Operation *, MaybeForm>(op)
      .Case([&](PrimConstantOp o) { return constant(o); })
      .Case([&](PrimParamOp o) { return param(o); })
      .Case([&](PrimIotaOp o) { return iota(o); })
      .Case([&](PrimMatmulOp o) { return matmul(o); })
      .Case([&](PrimTransposeOp o) { return transpose(o); })
      .Case([&](PrimSliceOp o) { return slice(o); })
      .Case([&](PrimConcatOp o) { return concat(o); })
      .Case([&](PrimGatherOp o) { return gather(o); })
      .Case([&](PrimCumsumOp o) { return cumsum(o); })
      .Case([&](PrimSoftmaxOp o) { return softmax(o); })
      .Case([&](PrimArgmaxOp o) { return argmax(o); })
      .Case([&](PrimApplyOp o) { return apply(o); })
      .Case<PrimReduceSumOp, PrimReduceMaxOp, PrimReduceMinOp,
            PrimReduceMeanOp>([&](Operation *o) { return reduce(o); })
      .Case([&](PrimExpandOp o) { return expand(o); })
      .Case([&](PrimReshapeOp o) -> MaybeForm {
        if (MaybeForm made = ctx_.layout.reshape(form(o.getInput()), typeOf(o)))
          return made;
        return because("it merges or divides axes whose elements do not lie "
                       "side by side, or takes the batch or sequence axis "
                       "apart");
      })
      .Default([&](Operation *o) { return elementwise(o); });
}

LogicalResult Raiser::raise(Operation *op) {
  ctx_.why.clear();
  MaybeForm made = formOf(op);
  if (!made)
    return op->emitError() << "'" << shortName(op)
                           << "' cannot be raised: " << ctx_.why;
  forms_[op->getResult(0)] = *made;
  materializeIfShared(op, forms_[op->getResult(0)]);
  ctx_.names.try_emplace(forms_[op->getResult(0)].expr, op->getLoc());
  return success();
}

} // namespace ft::passes::raise
