//===- Simplify.cpp - sums, products, functions in one form ---------------===//
#include "passes/raise/Expr.h"

#include "llvm/ADT/MapVector.h"
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

std::pair<double, double> rangeOf(const Node *node) {
  double infinity = std::numeric_limits<double>::infinity();
  auto isTruth = [&](const Node *n) {
    return n->isFn("lt") || n->isFn("le") || n->isFn("eq");
  };
  if (node->kind == Node::Const)
    return {node->value, node->value};
  if (node->kind == Node::Index)
    return {0, node->dim->kind == Dim::Literal ? double(node->dim->size - 1)
                                               : infinity};
  if (node->kind == Node::Read && node->array->kind == Array::Mask)
    return {0, 1};
  if (isTruth(node))
    return {0, 1};
  if (node->isFn("mod") && node->integer && node->args[1]->isConst() &&
      node->args[1]->value > 0)
    return {0, node->args[1]->value - 1};
  if (node->isFn("floordiv") && node->args[1]->isConst() &&
      node->args[1]->value > 0) {
    auto [low, high] = rangeOf(node->args[0]);
    return {std::floor(low / node->args[1]->value),
            std::floor(high / node->args[1]->value)};
  }
  if (node->kind != Node::Affine)
    return {-infinity, infinity};
  double low = node->value, high = node->value;
  for (auto [arg, coef] : zip(node->args, node->coefs)) {
    auto [a, b] = rangeOf(arg);
    low += std::min(coef * a, coef * b);
    high += std::max(coef * a, coef * b);
  }
  return {low, high};
}

/// a * n * floordiv(x, n) + a * mod(x, n) = a * x, once, where `terms` has it.
static bool joinQuotients(Exprs &exprs, MapVector<const Node *, double> &terms) {
  for (auto &[mod, coef] : terms) {
    if (!mod->isFn("mod") || !mod->args[1]->isConst() || coef == 0)
      continue;
    const Node *x = mod->args[0];
    double n = mod->args[1]->value;
    const Node *parts[] = {x, mod->args[1]};
    const Node *quotient = exprs.fn("floordiv", parts);
    auto it = terms.find(quotient);
    if (it == terms.end() || it->second != coef * n)
      continue;
    double factor = coef;
    it->second = 0;
    terms[mod] = 0;
    terms[x] += factor;
    return true;
  }
  return false;
}

static void addTerm(const Node *node, double coef, double &constant,
                    MapVector<const Node *, double> &terms) {
  if (coef == 0)
    return;
  if (node->kind == Node::Const) {
    constant += coef * node->value;
  } else if (node->kind == Node::Affine) {
    constant += coef * node->value;
    for (auto [arg, inner] : zip(node->args, node->coefs))
      terms[arg] += coef * inner;
  } else {
    terms[node] += coef;
  }
}

const Node *Exprs::affine(double constant,
                          ArrayRef<std::pair<const Node *, double>> list) {
  MapVector<const Node *, double> terms;
  for (auto [node, coef] : list)
    addTerm(node, coef, constant, terms);
  while (joinQuotients(*this, terms))
    ;
  SmallVector<std::pair<const Node *, double>> kept;
  for (auto [node, coef] : terms)
    if (coef != 0)
      kept.push_back({node, coef});
  if (kept.empty())
    return this->constant(constant);
  if (kept.size() == 1 && kept[0].second == 1 && constant == 0)
    return kept[0].first;
  // joinQuotients may have made a sum the term of another.
  if (any_of(kept, [](auto &t) { return t.first->kind == Node::Affine; }))
    return affine(constant, kept);
  sort(kept, [](auto &a, auto &b) { return a.first->before(b.first); });
  SmallVector<const Node *> args;
  SmallVector<double> coefs;
  for (auto [node, coef] : kept) {
    args.push_back(node);
    coefs.push_back(coef);
  }
  Node node{.kind = Node::Affine,
            .value = constant == 0 ? 0.0 : constant,
            .args = args,
            .coefs = coefs};
  return intern(node);
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

const Node *Exprs::fn(StringRef name, ArrayRef<const Node *> list) {
  SmallVector<const Node *> args(list);
  auto isNumber = [](const Node *arg) { return arg->isConst(); };
  if (all_of(args, isNumber)) {
    SmallVector<double> numbers;
    for (const Node *arg : args)
      numbers.push_back(arg->value);
    return constant(evaluateFn(name, numbers));
  }
  const Node *made = nullptr;
  if (name == "mul")
    made = simplifyMul(*this, args[0], args[1]);
  else if (name == "div")
    made = simplifyDiv(*this, args[0], args[1]);
  else if ((name == "floordiv" || name == "mod") && args[1]->isConst())
    made = simplifyQuotient(*this, name, args[0], args[1]->value);
  else if (name == "lt" || name == "le" || name == "eq")
    made = simplifyCompare(*this, name, args[0], args[1]);
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
  Node node{.kind = Node::Fn, .fn = name, .args = args};
  return intern(node);
}

//===----------------------------------------------------------------------===//
// Affine indices, families of formulas
//===----------------------------------------------------------------------===//

double AffineIndex::coefficient(const Dim *dim) const {
  for (auto [d, coef] : terms)
    if (d == dim)
      return coef;
  return 0;
}

std::optional<AffineIndex> affineIndex(const Node *node) {
  AffineIndex index;
  if (node->kind == Node::Const) {
    index.constant = node->value;
    return index;
  }
  if (node->kind == Node::Index) {
    index.terms.push_back({node->dim, 1});
    return index;
  }
  if (node->kind != Node::Affine)
    return std::nullopt;
  index.constant = node->value;
  for (auto [arg, coef] : zip(node->args, node->coefs)) {
    if (arg->kind != Node::Index)
      return std::nullopt;
    index.terms.push_back({arg->dim, coef});
  }
  return index;
}

static const Node *antiUnifyNumbers(Exprs &exprs, ArrayRef<double> numbers,
                                    const Dim *dim) {
  double step = numbers[1] - numbers[0];
  for (size_t i = 1; i < numbers.size(); ++i)
    if (numbers[i] != numbers[0] + double(i) * step)
      return nullptr;
  return exprs.affine(numbers[0], {{exprs.index(dim), step}});
}

/// The nodes as constant + the same terms, where they are sums.
static const Node *antiUnifySums(Exprs &exprs, ArrayRef<const Node *> nodes,
                                 const Dim *dim) {
  SmallVector<double> numbers;
  const Node *base = nullptr;
  for (const Node *node : nodes) {
    double constant = node->kind == Node::Const    ? node->value
                      : node->kind == Node::Affine ? node->value
                                                   : 0;
    const Node *rest = exprs.plus(node, -constant);
    if (base && rest != base)
      return nullptr;
    base = rest;
    numbers.push_back(constant);
  }
  const Node *number = antiUnifyNumbers(exprs, numbers, dim);
  return number ? exprs.add(base, number) : nullptr;
}

const Node *antiUnify(Exprs &exprs, ArrayRef<const Node *> nodes,
                      const Dim *dim) {
  const Node *first = nodes[0];
  if (all_of(nodes, [&](const Node *n) { return n == first; }))
    return first;
  if (const Node *sum = antiUnifySums(exprs, nodes, dim))
    return sum;
  bool alike = all_of(nodes, [&](const Node *n) {
    return n->kind == first->kind && n->fn == first->fn &&
           n->array == first->array && n->args.size() == first->args.size() &&
           n->coefs == first->coefs && n->value == first->value &&
           n->bound == first->bound && n->kind != Node::Index;
  });
  if (!alike || first->args.empty())
    return nullptr;
  SmallVector<const Node *> args;
  for (size_t i = 0; i < first->args.size(); ++i) {
    SmallVector<const Node *> column;
    for (const Node *node : nodes)
      column.push_back(node->args[i]);
    const Node *arg = antiUnify(exprs, column, dim);
    if (!arg)
      return nullptr;
    args.push_back(arg);
  }
  return exprs.rebuild(first, args);
}

} // namespace ft::passes::raise
