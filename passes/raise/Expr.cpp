//===- Expr.cpp - nodes, substitution -------------------------------------===//
#include "passes/raise/Expr.h"

#include "llvm/ADT/SetVector.h"
#include "llvm/ADT/StringSet.h"

#include <cmath>

using namespace llvm;

namespace ft::passes::raise {

void Node::Profile(FoldingSetNodeID &id) const {
  id.AddInteger(int(kind));
  id.AddInteger(bit_cast<uint64_t>(value == 0 ? 0.0 : value));
  id.AddPointer(dim);
  id.AddPointer(array);
  id.AddString(fn);
  for (const Node *arg : args)
    id.AddPointer(arg);
  for (double coef : coefs)
    id.AddInteger(bit_cast<uint64_t>(coef));
  for (const Dim *d : bound)
    id.AddPointer(d);
}

const Dim *Exprs::dim(Dim::Kind kind, int64_t size) {
  dims_.push_back({kind, size, unsigned(dims_.size())});
  return &dims_.back();
}

Array *Exprs::array(Array::Kind kind) {
  arrays_.emplace_back();
  arrays_.back().kind = kind;
  arrays_.back().id = unsigned(arrays_.size());
  return &arrays_.back();
}

static bool isWhole(double value) {
  return std::isfinite(value) && value == std::floor(value);
}

/// Whether the value is always a whole number.
static bool isInteger(const Node &node) {
  auto whole = [](const Node *arg) { return arg->integer; };
  switch (node.kind) {
  case Node::Const:
    return isWhole(node.value);
  case Node::Index:
    return true;
  case Node::Affine:
    return isWhole(node.value) && all_of(node.coefs, isWhole) &&
           all_of(node.args, whole);
  case Node::Read:
    switch (node.array->kind) {
    case Array::Mask:
    case Array::MaskCount:
    case Array::Length:
      return true;
    case Array::Numbers:
      return all_of(node.array->data, isWhole);
    case Array::Tokens:
      return cast<ir::PackedType>(node.array->value.getType())
          .getElementType()
          .isInteger(32);
    default:
      return false;
    }
  case Node::Fn:
    if (llvm::StringSet<>{"lt", "le", "eq", "floor", "trunc", "floordiv"}
            .contains(node.fn))
      return true;
    if (node.fn == "select")
      return node.args[1]->integer && node.args[2]->integer;
    return llvm::StringSet<>{"mul", "mod", "abs", "max", "min"}.contains(
               node.fn) &&
           all_of(node.args, whole);
  case Node::Reduce:
    return whole(node.args[0]);
  case Node::Dot:
  case Node::Softmax:
    return false;
  }
  return false;
}

/// The free dimensions: those of the arguments without the bound ones. What a
/// softmax is read at is outside of its binding.
static SmallSetVector<const Dim *, 8> freeDims(const Node &node) {
  SmallSetVector<const Dim *, 8> free;
  if (node.kind == Node::Index)
    free.insert(node.dim);
  for (auto [i, arg] : enumerate(node.args))
    for (const Dim *dim : arg->free)
      if ((node.kind == Node::Softmax && i == 1) ||
          !is_contained(node.bound, dim))
        free.insert(dim);
  return free;
}

template <typename T>
static ArrayRef<T> keep(BumpPtrAllocator &allocator, ArrayRef<T> list) {
  return list.copy(allocator);
}

const Node *Exprs::intern(Node &node) {
  FoldingSetNodeID id;
  node.Profile(id);
  void *place = nullptr;
  if (const Node *old = nodes_.FindNodeOrInsertPos(id, place))
    return old;
  Node *made = new (allocator_.Allocate<Node>()) Node(node);
  made->args = keep(allocator_, node.args);
  made->coefs = keep(allocator_, node.coefs);
  made->bound = keep(allocator_, node.bound);
  made->fn = node.fn.copy(allocator_);
  made->free = keep(allocator_, freeDims(*made).getArrayRef());
  made->integer = isInteger(*made);
  made->order = order_++;
  made->rank = node.array ? node.array->id : 0;
  for (const Node *arg : made->args)
    made->rank = std::max(made->rank, arg->rank);
  nodes_.InsertNode(made, place);
  return made;
}

const Node *Exprs::constant(double value) {
  Node node(Node::Const);
  node.value = value == 0 ? 0.0 : value;
  return intern(node);
}

const Node *Exprs::index(const Dim *dim) {
  Node node(Node::Index);
  node.dim = dim;
  return intern(node);
}

const Node *Exprs::read(const Array *array, ArrayRef<const Node *> args) {
  auto isNumber = [](const Node *arg) { return arg->isConst(); };
  if (array->kind == Array::Numbers && all_of(args, isNumber)) {
    int64_t flat = 0;
    for (auto [extent, arg] : zip(array->shape, args))
      flat = flat * extent + int64_t(arg->value);
    if (flat >= 0 && flat < int64_t(array->data.size()))
      return constant(array->data[flat]);
  }
  Node node(Node::Read);
  node.array = array;
  node.args = args;
  return intern(node);
}

const Node *Exprs::dot(const Node *a, const Node *b,
                       ArrayRef<const Dim *> bound) {
  // A product is linear: factors of its operands are factors of it.
  double factor = 1;
  for (const Node **side : {&a, &b})
    factor *= takeCommonFactor(*this, *side);
  const Node *args[] = {a, b};
  Node node(Node::Dot);
  node.args = args;
  node.bound = bound;
  return scaled(intern(node), factor);
}

const Node *Exprs::reduce(StringRef name, const Node *arg, const Dim *bound) {
  const Node *args[] = {arg};
  const Dim *dims[] = {bound};
  Node node(Node::Reduce);
  node.fn = name;
  node.args = args;
  node.bound = dims;
  return intern(node);
}

const Node *Exprs::softmax(const Node *arg, const Dim *bound, const Node *at) {
  // What is the same for every key changes no softmax.
  if (arg->kind == Node::Affine) {
    SmallVector<std::pair<const Node *, double>> terms;
    for (auto [term, coef] : zip(arg->args, arg->coefs))
      if (term->dependsOn(bound))
        terms.push_back({term, coef});
    // The constant stays: it may be the negative of a mask's weight.
    if (!terms.empty() && terms.size() < arg->args.size())
      arg = affine(arg->value, terms);
  }
  const Node *args[] = {arg, at};
  const Dim *dims[] = {bound};
  Node node(Node::Softmax);
  node.args = args;
  node.bound = dims;
  return intern(node);
}

const Node *Exprs::rebuild(const Node *node, ArrayRef<const Node *> args) {
  switch (node->kind) {
  case Node::Const:
  case Node::Index:
    return node;
  case Node::Affine: {
    SmallVector<std::pair<const Node *, double>> terms;
    for (auto [arg, coef] : zip(args, node->coefs))
      terms.push_back({arg, coef});
    return affine(node->value, terms);
  }
  case Node::Read:
    return read(node->array, args);
  case Node::Fn:
    return fn(node->fn, args);
  case Node::Dot:
    return dot(args[0], args[1], node->bound);
  case Node::Reduce:
    return reduce(node->fn, args[0], node->bound[0]);
  case Node::Softmax:
    return softmax(args[0], node->bound[0], args[1]);
  }
  return node;
}

const Node *Exprs::substituteImpl(const Node *node, const DimMap &dims,
                                  NodeMap &done) {
  bool touched =
      any_of(node->free, [&](const Dim *dim) { return dims.contains(dim); });
  if (!touched)
    return node;
  if (node->kind == Node::Index)
    return dims.lookup(node->dim);
  if (const Node *made = done.lookup(node))
    return made;
  SmallVector<const Node *> args;
  for (auto [i, arg] : enumerate(node->args)) {
    bool binds = node->kind == Node::Softmax && i == 0;
    if (binds && dims.contains(node->bound[0])) {
      DimMap inner = dims;
      inner.erase(node->bound[0]);
      args.push_back(substitute(arg, inner));
      continue;
    }
    args.push_back(substituteImpl(arg, dims, done));
  }
  return done[node] = rebuild(node, args);
}

const Node *Exprs::substitute(const Node *node, const DimMap &dims) {
  NodeMap done;
  return substituteImpl(node, dims, done);
}

const Node *Exprs::rewriteImpl(const Node *node,
                               function_ref<const Node *(const Node *)> replace,
                               NodeMap &done) {
  if (const Node *made = done.lookup(node))
    return made;
  if (const Node *made = replace(node))
    return done[node] = made;
  SmallVector<const Node *> args;
  for (const Node *arg : node->args)
    args.push_back(rewriteImpl(arg, replace, done));
  const Node *made = ArrayRef(args) == node->args ? node : rebuild(node, args);
  return done[node] = made;
}

const Node *Exprs::rewrite(const Node *node,
                           function_ref<const Node *(const Node *)> replace) {
  NodeMap done;
  return rewriteImpl(node, replace, done);
}

void forEachNode(const Node *node, function_ref<void(const Node *)> visit) {
  SmallSetVector<const Node *, 16> seen;
  seen.insert(node);
  for (size_t i = 0; i < seen.size(); ++i) {
    visit(seen[i]);
    for (const Node *arg : seen[i]->args)
      seen.insert(arg);
  }
}

} // namespace ft::passes::raise
