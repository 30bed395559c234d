//===- Affine.cpp - sums in one form, ranges, families of formulas --------===//
#include "passes/raise/Expr.h"

#include "llvm/ADT/MapVector.h"

#include <cmath>

using namespace llvm;

namespace ft::passes::raise {

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
static bool joinQuotients(Exprs &exprs,
                          MapVector<const Node *, double> &terms) {
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
  Node node(Node::Affine);
  node.value = constant == 0 ? 0.0 : constant;
  node.args = args;
  node.coefs = coefs;
  return intern(node);
}

double takeCommonFactor(Exprs &exprs, const Node *&node) {
  if (node->isFn("select")) {
    const Node *a = node->args[1], *b = node->args[2];
    double factor = takeCommonFactor(exprs, a);
    if (factor == 1 || factor != takeCommonFactor(exprs, b))
      return 1;
    node = exprs.select(node->args[0], a, b);
    return factor;
  }
  if (node->kind != Node::Affine || node->value != 0)
    return 1;
  bool sole = node->args.size() == 1;
  double factor = sole ? node->coefs[0] : std::fabs(node->coefs[0]);
  SmallVector<std::pair<const Node *, double>> terms;
  for (auto [arg, coef] : zip(node->args, node->coefs)) {
    if (std::fabs(coef) != std::fabs(factor))
      return 1;
    terms.push_back({arg, coef / factor});
  }
  if (factor != 1)
    node = exprs.affine(0, terms);
  return factor;
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
