//===- Simplify.cpp - products and functions in one form ------------------===//
#include "passes/raise/Expr.h"

#include "llvm/ADT/StringSwitch.h"

#include <cmath>

using namespace llvm;

namespace ft::passes::raise {

double evaluateFn(StringRef fn, ArrayRef<double> a) {
  return StringSwitch<function_ref<double()>>(fn)
      .Case("mul", [&] { return a[0] * a[1]; })
      .Case("div", [&] { return a[0] / a[1]; })
      .Case("floordiv", [&] { return std::floor(a[0] / a[1]); })
      .Case("mod", [&] { return a[0] - std::floor(a[0] / a[1]) * a[1]; })
      .Case("max", [&] { return std::fmax(a[0], a[1]); })
      .Case("min", [&] { return std::fmin(a[0], a[1]); })
      .Case("pow", [&] { return std::pow(a[0], a[1]); })
      .Case("lt", [&] { return double(a[0] < a[1]); })
      .Case("le", [&] { return double(a[0] <= a[1]); })
      .Case("eq", [&] { return double(a[0] == a[1]); })
      .Case("select", [&] { return a[0] != 0 ? a[1] : a[2]; })
      .Case("exp", [&] { return std::exp(a[0]); })
      .Case("log", [&] { return std::log(a[0]); })
      .Case("tanh", [&] { return std::tanh(a[0]); })
      .Case("erf", [&] { return std::erf(a[0]); })
      .Case("sqrt", [&] { return std::sqrt(a[0]); })
      .Case("rsqrt", [&] { return 1 / std::sqrt(a[0]); })
      .Case("abs", [&] { return std::fabs(a[0]); })
      .Case("sin", [&] { return std::sin(a[0]); })
      .Case("cos", [&] { return std::cos(a[0]); })
      .Case("floor", [&] { return std::floor(a[0]); })
      .Case("trunc", [&] { return std::trunc(a[0]); })
      .Case("sigmoid", [&] { return 1 / (1 + std::exp(-a[0])); })
      .Case("relu", [&] { return std::fmax(a[0], 0.0); })
      .Default([] { return std::nan(""); })();
}

/// Takes a constant factor out of `node`.
static double takeFactor(const Node *&node) {
  if (node->kind != Node::Affine || node->args.size() != 1 || node->value != 0)
    return 1;
  double factor = node->coefs[0];
  node = node->args[0];
  return factor;
}

const Node *Exprs::mul(const Node *a, const Node *b) {
  const Node *args[] = {a, b};
  return fn("mul", args);
}

const Node *Exprs::div(const Node *a, const Node *b) {
  const Node *args[] = {a, b};
  return fn("div", args);
}

const Node *Exprs::select(const Node *c, const Node *a, const Node *b) {
  const Node *args[] = {c, a, b};
  return fn("select", args);
}

const Node *Exprs::floorDiv(const Node *a, int64_t by) {
  const Node *args[] = {a, constant(double(by))};
  return fn("floordiv", args);
}

const Node *Exprs::mod(const Node *a, int64_t by) {
  const Node *args[] = {a, constant(double(by))};
  return fn("mod", args);
}

/// softmax spelled out: exp(z) / sum(exp(z)).
static const Node *asSoftmax(Exprs &exprs, const Node *a, const Node *b) {
  if (!a->isFn("exp") || b->kind != Node::Reduce || b->fn != "sum" ||
      !b->args[0]->isFn("exp"))
    return nullptr;
  for (const Dim *dim : a->free)
    if (dim->kind == Dim::Sequence &&
        exprs.substitute(b->args[0], b->bound[0], exprs.index(dim)) == a)
      return exprs.softmax(a->args[0], dim, exprs.index(dim));
  return nullptr;
}

static const Node *simplifyMul(Exprs &exprs, const Node *a, const Node *b) {
  if (b->isConst())
    std::swap(a, b);
  if (a->isConst())
    return exprs.scaled(b, a->value);
  double factor = takeFactor(a) * takeFactor(b);
  for (auto [x, y] : {std::pair(a, b), std::pair(b, a)})
    if (x->isFn("div") && x->args[0]->isConst(1))
      return exprs.scaled(exprs.div(y, x->args[1]), factor);
  if (factor != 1)
    return exprs.scaled(exprs.mul(a, b), factor);
  return nullptr;
}

static const Node *simplifyDiv(Exprs &exprs, const Node *a, const Node *b) {
  if (b->isConst())
    return exprs.scaled(a, 1 / b->value);
  double factor = takeFactor(a) / takeFactor(b);
  if (factor != 1)
    return exprs.scaled(exprs.div(a, b), factor);
  if (a->isConst() && a->value != 1)
    return exprs.scaled(exprs.div(exprs.constant(1), b), a->value);
  return asSoftmax(exprs, a, b);
}

static const Node *simplifyQuotient(Exprs &exprs, StringRef fn, const Node *a,
                                    double by) {
  if (!a->integer || by < 1)
    return nullptr;
  // Multiples of `by` leave the quotient, or vanish.
  SmallVector<std::pair<const Node *, double>> whole, rest;
  double constant = a->kind == Node::Affine ? a->value : 0;
  if (a->kind == Node::Affine)
    for (auto [arg, coef] : zip(a->args, a->coefs))
      (std::fmod(coef, by) == 0 ? whole : rest).push_back({arg, coef});
  else
    rest.push_back({a, 1});
  double base = std::floor(constant / by) * by;
  const Node *remainder = exprs.affine(constant - base, rest);
  auto [low, high] = rangeOf(remainder);
  if (low < 0 || high >= by)
    return nullptr;
  if (fn == "mod")
    return remainder;
  for (auto &[node, coef] : whole)
    coef /= by;
  return exprs.affine(base / by, whole);
}

static bool isTruth(const Node *node) {
  return node->integer && rangeOf(node) == std::pair(0.0, 1.0);
}

static const Node *simplifyCompare(Exprs &exprs, StringRef fn, const Node *a,
                                   const Node *b) {
  // A comparison of 0 or 1 with a number is that value, its negation or known.
  for (bool left : {true, false}) {
    const Node *truth = left ? a : b, *number = left ? b : a;
    if (!isTruth(truth) || !number->isConst())
      continue;
    auto at = [&](double x) {
      return left ? evaluateFn(fn, {x, number->value})
                  : evaluateFn(fn, {number->value, x});
    };
    return exprs.affine(at(0), {{truth, at(1) - at(0)}});
  }
  auto [low, high] = rangeOf(exprs.sub(a, b));
  bool strict = fn == "lt";
  if (fn == "eq") {
    if (low > 0 || high < 0)
      return exprs.constant(0);
    return low == 0 && high == 0 ? exprs.constant(1) : nullptr;
  }
  if (high < 0 || (!strict && high <= 0))
    return exprs.constant(1);
  if (low > 0 || (strict && low >= 0))
    return exprs.constant(0);
  return nullptr;
}

static const Node *simplifySelect(Exprs &exprs, const Node *c, const Node *a,
                                  const Node *b) {
  if (c->isConst())
    return c->value != 0 ? a : b;
  if (a == b)
    return a;
  // 1 - truth is its negation.
  if (c->kind == Node::Affine && c->args.size() == 1 && c->value == 1 &&
      c->coefs[0] == -1 && isTruth(c))
    return exprs.select(c->args[0], b, a);
  if (a->kind != Node::Read || b->kind != Node::Read || a->array != b->array)
    return nullptr;
  SmallVector<const Node *> args;
  for (auto [x, y] : zip(a->args, b->args))
    args.push_back(exprs.select(c, x, y));
  return exprs.read(a->array, args);
}

static const Node *simplifyPow(Exprs &exprs, const Node *a, const Node *b) {
  if (!b->isConst())
    return nullptr;
  if (b->value == 1)
    return a;
  if (b->value == 2)
    return exprs.mul(a, a);
  if (b->value == 3)
    return exprs.mul(exprs.mul(a, a), a);
  if (b->value == 0.5)
    return exprs.fn("sqrt", a);
  if (b->value == -0.5)
    return exprs.fn("rsqrt", a);
  return b->value == -1 ? exprs.div(exprs.constant(1), a) : nullptr;
}

/// The larger or smaller one, where the values that both can have say which.
static const Node *simplifyExtreme(StringRef fn, const Node *a, const Node *b) {
  auto [lowA, highA] = rangeOf(a);
  auto [lowB, highB] = rangeOf(b);
  if (lowA >= highB)
    return fn == "max" ? a : b;
  return lowB >= highA ? (fn == "max" ? b : a) : nullptr;
}

const Node *Exprs::fn(StringRef name, ArrayRef<const Node *> list) {
  SmallVector<const Node *> args(list);
  auto isNumber = [](const Node *arg) { return arg->isConst(); };
  if (all_of(args, isNumber)) {
    SmallVector<double> numbers;
    for (const Node *arg : args)
      numbers.push_back(arg->value);
    return constant(evaluateFn(name, numbers));
  }
  if (name == "eq" && args[0]->isConst())
    std::swap(args[0], args[1]);
  const Node *made = nullptr;
  if (name == "mul")
    made = simplifyMul(*this, args[0], args[1]);
  else if (name == "div")
    made = simplifyDiv(*this, args[0], args[1]);
  else if ((name == "floordiv" || name == "mod") && args[1]->isConst())
    made = simplifyQuotient(*this, name, args[0], args[1]->value);
  else if (name == "lt" || name == "le" || name == "eq")
    made = simplifyCompare(*this, name, args[0], args[1]);
  else if (name == "max" || name == "min")
    made = simplifyExtreme(name, args[0], args[1]);
  else if (name == "select")
    made = simplifySelect(*this, args[0], args[1], args[2]);
  else if (name == "pow")
    made = simplifyPow(*this, args[0], args[1]);
  else if (name == "trunc" && args[0]->integer)
    made = args[0];
  else if (name == "floor" && args[0]->integer)
    made = args[0];
  if (made)
    return made;
  if ((name == "mul" || name == "max" || name == "min") &&
      args[1]->before(args[0]))
    std::swap(args[0], args[1]);
  Node node(Node::Fn);
  node.fn = name;
  node.args = args;
  return intern(node);
}

} // namespace ft::passes::raise
