//===- RaiseAxis.cpp - along one axis: cumsum, softmax, argmax, gather ----===//
#include "passes/raise/Raiser.h"

using namespace mlir;
using namespace ft::ir;

namespace ft::passes::raise {

static StringRef nameOf(const Dim *dim) {
  return dim->kind == Dim::Batch      ? "the batch axis"
         : dim->kind == Dim::Sequence ? "the sequence axis"
                                      : "an axis of the row";
}

/// The only dimension of an axis, merged if need be; null with the reason.
static const Dim *soleDim(Context &ctx, Form &form, size_t axis) {
  for (const Dim *dim : form.axes[axis])
    if (dim->kind != Dim::Literal)
      return form.axes[axis].size() == 1
                 ? dim
                 : ctx.because("axis " + Twine(axis) + " is " + nameOf(dim) +
                               " and another one together");
  return ctx.layout.mergeAxis(form, axis);
}

Raiser::MaybeForm Raiser::cumsum(PrimCumsumOp op) {
  Form result = form(op.getInput());
  const Dim *dim = soleDim(ctx_, result, op.getAxis());
  if (!dim && !result.axes[op.getAxis()].empty())
    return std::nullopt;
  if (!dim)
    return result;
  if (dim->kind == Dim::Literal)
    return cumsumOfRow(op, result, dim);
  const Node *count = exprs_.plus(exprs_.index(dim), 1);
  bool fine = true;
  auto sumOf = [&](const Node *node) {
    if (!node->dependsOn(dim))
      return exprs_.mul(node, count);
    if (node->kind == Node::Read && node->array->kind == Array::Mask &&
        node->args[1] == exprs_.index(dim))
      return exprs_.read(ctx_.maskCount, node->args);
    fine = false;
    return node;
  };
  const Node *sum = nullptr;
  if (result.expr->kind == Node::Affine) {
    sum = exprs_.scaled(count, result.expr->value);
    for (auto [arg, coef] : llvm::zip(result.expr->args, result.expr->coefs))
      sum = exprs_.affine(0, {{sum, 1}, {sumOf(arg), coef}});
  } else {
    sum = sumOf(result.expr);
  }
  if (!fine)
    return because("it is a running sum of something else than the mask or a "
                   "constant");
  result.expr = sum;
  return result;
}

/// Within a row: an operation on it, or other known numbers.
Raiser::MaybeForm Raiser::cumsumOfRow(PrimCumsumOp op, Form form,
                                      const Dim *dim) {
  if (hasScores(form.expr))
    return because("it is a running sum of attention scores");
  if (!readsData(form.expr) && form.expr->free.size() <= 1) {
    Array *sums = exprs_.array(Array::Numbers);
    sums->shape = {dim->size};
    const Node *sum = exprs_.constant(0);
    for (int64_t i = 0; i < dim->size && sum->isConst(); ++i) {
      sum = exprs_.add(
          sum, exprs_.substitute(form.expr, dim, exprs_.constant(double(i))));
      sums->data.push_back(sum->value);
    }
    if (sum->isConst()) {
      form.expr = exprs_.read(sums, exprs_.index(dim));
      return form;
    }
  }
  bool made = alongRow(form, dim, op.getLoc(), [&](Value rows) -> Value {
    return CumsumOp::create(ctx_.builder, op.getLoc(), rows);
  });
  if (!made)
    return std::nullopt;
  return form;
}

Raiser::MaybeForm Raiser::softmax(PrimSoftmaxOp op) {
  Form result = form(op.getInput());
  size_t axis = op.getAxis();
  const Dim *dim = soleDim(ctx_, result, axis);
  if (!dim && result.axes[axis].empty()) {
    result.expr = exprs_.constant(1); // of one element
    return result;
  }
  if (!dim)
    return std::nullopt;
  std::string place =
      ("its softmax is over axis " + Twine(axis) + ", which is ").str();
  if (dim->kind == Dim::Batch)
    return because(place + nameOf(dim));
  if (hasScores(result.expr)) {
    if (dim->kind == Dim::Literal)
      return because(place + "no axis of keys");
    const Dim *bound = exprs_.like(dim);
    result.expr =
        exprs_.softmax(exprs_.substitute(result.expr, dim, exprs_.index(bound)),
                       bound, exprs_.index(dim));
    return result;
  }
  if (dim->kind == Dim::Sequence)
    return because(place + "the sequence axis, of values that are no "
                           "attention scores");
  bool made = alongRow(result, dim, op.getLoc(), [&](Value rows) -> Value {
    return SoftmaxOp::create(ctx_.builder, op.getLoc(), rows);
  });
  if (!made)
    return std::nullopt;
  return result;
}

Raiser::MaybeForm Raiser::argmax(PrimArgmaxOp op) {
  Form result = form(op.getInput());
  int64_t axis = op.getAxis();
  const Dim *dim = soleDim(ctx_, result, axis);
  if (!dim && !result.axes[axis].empty())
    return std::nullopt;
  if (dim && dim->kind != Dim::Literal)
    return because("its axis " + Twine(axis) + " is " + nameOf(dim) +
                   ", not one within a row");
  if (hasScores(result.expr))
    return because("it chooses among attention scores");
  auto largest = [&](Value rows) -> Value {
    auto type = cast<PackedType>(rows.getType());
    return ArgmaxOp::create(ctx_.builder, op.getLoc(),
                            type.withShape(type.getShape().drop_back())
                                .withElementType(ctx_.builder.getI32Type()),
                            rows);
  };
  if (!dim)
    result.expr = exprs_.constant(0); // of one element
  else if (!alongRow(result, dim, op.getLoc(), largest))
    return std::nullopt;
  result.axes[axis].clear();
  if (!op.getKeepdims())
    result.axes.erase(result.axes.begin() + axis);
  return result;
}

//===----------------------------------------------------------------------===//
// Look-ups
//===----------------------------------------------------------------------===//

/// Which token of a sequence a formula picks.
static StringRef pickedToken(const Node *node) {
  if (node->isConst(0))
    return "first";
  bool last = node->kind == Node::Affine && node->value == -1 &&
              node->args.size() == 1 && node->coefs[0] == 1 &&
              node->args[0]->kind == Node::Read &&
              node->args[0]->array->kind == Array::Length;
  return last ? "last" : "";
}

Raiser::MaybeForm Raiser::gather(PrimGatherOp op) {
  Form input = form(op.getInput());
  Form ids = ctx_.layout.freshen(form(op.getIds()));
  size_t axis = op.getAxis(), batch = op.getBatch();
  for (size_t i = 0; i < batch; ++i)
    if (!ctx_.layout.unify(input, i, ids, i))
      return because("its ids divide axis " + Twine(i) +
                     " into different parts");
  const Dim *dim = soleDim(ctx_, input, axis);
  if (!dim && !input.axes[axis].empty())
    return std::nullopt;
  if (dim && dim->kind == Dim::Batch)
    return because("it picks sequences of the batch");
  SmallVector<Axis> inserted(ids.axes.begin() + batch, ids.axes.end());
  if (dim && dim->kind == Dim::Sequence && readsData(input.expr)) {
    StringRef kind = pickedToken(ids.expr);
    bool one = llvm::all_of(inserted, [](const Axis &a) { return a.empty(); });
    if (kind.empty() || !one)
      return because("it picks tokens of a sequence by something else than 0 "
                     "or the sum of the mask - 1");
    MaybeForm pooled = pool(op.getLoc(), input, axis, kind);
    if (!pooled)
      return std::nullopt;
    input = *pooled;
  } else if (dim) {
    input.expr = exprs_.substitute(input.expr, dim, ids.expr);
  }
  input.axes.erase(input.axes.begin() + axis);
  input.axes.insert(input.axes.begin() + axis, inserted.begin(),
                    inserted.end());
  return input;
}

} // namespace ft::passes::raise
