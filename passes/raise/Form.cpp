//===- Form.cpp - axes of padded values -----------------------------------===//
#include "passes/raise/Form.h"

using namespace mlir;
using ft::ir::DimAttr;

namespace ft::passes::raise {

SmallVector<const Dim *> Form::dims() const {
  SmallVector<const Dim *> all;
  for (const Axis &axis : axes)
    all.append(axis.begin(), axis.end());
  return all;
}

SmallVector<const Dim *> Form::rowDims() const {
  return llvm::filter_to_vector(
      dims(), [](const Dim *dim) { return dim->kind == Dim::Literal; });
}

SmallVector<const Dim *> Form::sequenceDims() const {
  return llvm::filter_to_vector(
      dims(), [](const Dim *dim) { return dim->kind == Dim::Sequence; });
}

const Dim *Form::batchDim() const {
  for (const Dim *dim : dims())
    if (dim->kind == Dim::Batch)
      return dim;
  return nullptr;
}

SmallVector<int64_t> sizesOf(ArrayRef<const Dim *> dims) {
  return llvm::map_to_vector(dims, [](const Dim *dim) { return dim->size; });
}

const Node *flatIndex(Exprs &exprs, ArrayRef<const Node *> indices,
                      ArrayRef<int64_t> extents) {
  const Node *flat = exprs.constant(0);
  for (auto [index, extent] : llvm::zip(indices, extents))
    flat = exprs.affine(0, {{flat, double(extent)}, {index, 1}});
  return flat;
}

DimMap indexOf(Exprs &exprs, ArrayRef<const Dim *> dims, int64_t number) {
  DimMap at;
  for (const Dim *dim : llvm::reverse(dims)) {
    at[dim] = exprs.constant(double(number % dim->size));
    number /= dim->size;
  }
  return at;
}

std::optional<SmallVector<Cut>>
cutsOf(int64_t total, double start,
       ArrayRef<std::pair<const Dim *, double>> terms) {
  SmallVector<Cut> cuts;
  // `outer` blocks of `inner` elements, which are `scale` apart in the source.
  int64_t outer = total, inner = 1, scale = 1, offset = int64_t(start);
  size_t left = terms.size();
  do {
    int64_t run = 1;
    while (left && terms[left - 1].second == double(run * scale))
      run *= terms[--left].first->size;
    int64_t block = left ? int64_t(terms[left - 1].second) / scale : outer;
    bool aligned = !left || terms[left - 1].second == double(block * scale);
    if (!aligned || block < run || outer % block ||
        offset % block + run > block)
      return std::nullopt;
    outer /= block;
    cuts.push_back({outer, block * inner, offset % block * inner, run * inner});
    inner *= run;
    scale *= block;
    offset /= block;
  } while (left);
  if (offset != 0)
    return std::nullopt;
  return cuts;
}

std::optional<Axis> Layout::axisOf(DimAttr extent) {
  Axis axis;
  for (StringAttr symbol : extent.getSymbols()) {
    if (symbol == symbols_.batch)
      axis.insert(axis.begin(), exprs_.dim(Dim::Batch));
    else if (symbol == symbols_.sequence)
      axis.push_back(exprs_.dim(Dim::Sequence));
    else
      return std::nullopt;
  }
  if (extent.getFactor() > 1)
    axis.push_back(exprs_.dim(Dim::Literal, extent.getFactor()));
  return axis;
}

DimAttr Layout::extentOf(const Dim *dim, MLIRContext *context) {
  switch (dim->kind) {
  case Dim::Batch:
    return DimAttr::symbol(symbols_.batch);
  case Dim::Sequence:
    return DimAttr::symbol(symbols_.sequence);
  case Dim::Literal:
    return DimAttr::literal(context, dim->size);
  }
  return {};
}

Form Layout::freshen(const Form &form) {
  Form fresh = form;
  DimMap map;
  for (Axis &axis : fresh.axes)
    for (const Dim *&dim : axis) {
      const Dim *made = exprs_.like(dim);
      map[dim] = exprs_.index(made);
      dim = made;
    }
  fresh.expr = exprs_.substitute(form.expr, map);
  return fresh;
}

void Layout::split(Form &form, const Dim *dim, int64_t outer, int64_t inner) {
  const Dim *o = exprs_.dim(Dim::Literal, outer);
  const Dim *i = exprs_.dim(Dim::Literal, inner);
  for (Axis &axis : form.axes) {
    auto *it = llvm::find(axis, dim);
    if (it == axis.end())
      continue;
    it = axis.erase(it);
    axis.insert(it, {o, i});
  }
  form.expr =
      exprs_.substitute(form.expr, dim,
                        exprs_.affine(0, {{exprs_.index(o), double(inner)},
                                          {exprs_.index(i), 1}}));
}

/// As many of the first of `dims` as one as have a multiple of `part` elements;
/// false where literal ones do not.
bool Layout::mergeUntil(Form &form, SmallVectorImpl<const Dim *> &dims,
                        int64_t part) {
  int64_t elements = 1;
  for (size_t count = 0; count < dims.size(); ++count) {
    if (dims[count]->kind != Dim::Literal)
      return false;
    elements *= dims[count]->size;
    if (elements % part)
      continue;
    const Dim *whole =
        merge(ArrayRef(dims).take_front(count + 1), {&form.expr});
    dims.erase(dims.begin(), dims.begin() + long(count));
    dims.front() = whole;
    return true;
  }
  return false;
}

std::optional<Form> Layout::reshape(const Form &form, ir::PaddedType type) {
  MLIRContext *context = type.getContext();
  Form result = form;
  SmallVector<const Dim *> rest = form.dims();
  SmallVector<Axis> axes;
  for (DimAttr extent : type.getShape()) {
    Axis axis;
    DimAttr have = DimAttr::literal(context, 1);
    while (have != extent) {
      if (rest.empty())
        return std::nullopt;
      const Dim *next = rest.front();
      DimAttr missing = extent.dividedBy(have);
      if (!missing)
        return std::nullopt;
      DimAttr size = extentOf(next, context);
      if (!missing.dividedBy(size)) {
        // Only a part of the dimension belongs to this axis.
        int64_t part = missing.getFactor();
        if (!missing.isLiteral() || !mergeUntil(result, rest, part))
          return std::nullopt;
        next = rest.front();
        result.axes = {Axis(rest.begin(), rest.end())};
        split(result, next, part, next->size / part);
        rest.assign(result.axes[0].begin(), result.axes[0].end());
        continue;
      }
      have = have * size;
      axis.push_back(next);
      rest.erase(rest.begin());
    }
    axes.push_back(axis);
  }
  if (!rest.empty())
    return std::nullopt;
  result.axes = axes;
  return result;
}

/// The dimensions of an axis from `first` on as one; false where they are not
/// all literal.
bool Layout::mergeFrom(Form &form, size_t axis, size_t first) {
  Axis &dims = form.axes[axis];
  SmallVector<const Dim *> merged(dims.begin() + long(first), dims.end());
  auto isLiteral = [](const Dim *dim) { return dim->kind == Dim::Literal; };
  if (!llvm::all_of(merged, isLiteral))
    return false;
  const Dim *whole = merge(merged, {&form.expr});
  dims.resize(first);
  dims.push_back(whole);
  return true;
}

bool Layout::unify(Form &a, size_t axisA, Form &b, size_t axisB) {
  if (a.axes[axisA].empty() || b.axes[axisB].empty()) {
    // A missing dimension repeats; `a` takes what `b` has.
    if (a.axes[axisA].empty())
      a.axes[axisA] = b.axes[axisB];
    return true;
  }
  for (size_t i = 0;; ++i) {
    Axis &x = a.axes[axisA], &y = b.axes[axisB];
    if (i == x.size() || i == y.size())
      return x.size() == y.size();
    if (x[i]->kind != y[i]->kind)
      return false;
    if (x[i]->size > y[i]->size && x[i]->size % y[i]->size == 0)
      split(a, x[i], y[i]->size, x[i]->size / y[i]->size);
    else if (y[i]->size > x[i]->size && y[i]->size % x[i]->size == 0)
      split(b, y[i], x[i]->size, y[i]->size / x[i]->size);
    else if (x[i]->size != y[i]->size) {
      // Parts of no common size: as one.
      if (!mergeFrom(a, axisA, i) || !mergeFrom(b, axisB, i) ||
          a.axes[axisA][i]->size != b.axes[axisB][i]->size)
        return false;
    }
    const Dim *from = b.axes[axisB][i], *to = a.axes[axisA][i];
    b.expr = exprs_.substitute(b.expr, from, exprs_.index(to));
    b.axes[axisB][i] = to;
  }
}

const Dim *Layout::merge(ArrayRef<const Dim *> dims,
                         ArrayRef<const Node **> exprs) {
  if (dims.empty())
    return nullptr;
  if (dims.size() == 1)
    return dims.front();
  int64_t total = 1;
  for (const Dim *dim : dims)
    total *= dim->size;
  const Dim *merged = exprs_.dim(Dim::Literal, total);
  DimMap map;
  const Node *rest = exprs_.index(merged);
  for (const Dim *dim : llvm::reverse(dims)) {
    bool last = dim == dims.front();
    map[dim] = last ? rest : exprs_.mod(rest, dim->size);
    rest = exprs_.floorDiv(rest, dim->size);
  }
  for (const Node **expr : exprs)
    *expr = exprs_.substitute(*expr, map);
  return merged;
}

const Dim *Layout::mergeAxis(Form &form, size_t axis) {
  const Dim *merged = merge(form.axes[axis], {&form.expr});
  form.axes[axis].clear();
  if (merged)
    form.axes[axis].push_back(merged);
  return merged;
}

} // namespace ft::passes::raise
