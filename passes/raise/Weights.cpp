//===- Weights.cpp - slices and transposes of weights as recipes ----------===//
#include "passes/raise/Weights.h"

using namespace mlir;
using namespace ft::ir;

namespace ft::passes::raise {

static int64_t product(ArrayRef<int64_t> shape) {
  int64_t all = 1;
  for (int64_t extent : shape)
    all *= extent;
  return all;
}

Weights::Weights(ModuleOp module)
    : module_(module), symbols_(module), builder_(module.getContext()) {
  for (ParamOp param : module.getOps<ParamOp>())
    if (param.getRecipe())
      made_.try_emplace(*param.getRecipe(), param.getSymNameAttr());
}

RecipeAttr Weights::node(StringRef op, ArrayRef<RecipeAttr> of,
                         ArrayRef<int64_t> shape,
                         ArrayRef<NamedAttribute> more) {
  NamedAttrList args(more);
  args.set("shape", builder_.getDenseI64ArrayAttr(shape));
  return RecipeAttr::get(builder_.getContext(), builder_.getStringAttr(op), of,
                         args.getDictionary(builder_.getContext()));
}

FlatSymbolRefAttr Weights::of(RecipeAttr recipe, StringRef base) {
  StringAttr &name = made_[recipe];
  if (!name) {
    // Weights stand before the entries that read them.
    OpBuilder builder(&module_.getBody()->front());
    for (Operation &op : *module_.getBody())
      if (isa<ParamOp>(op))
        builder.setInsertionPointAfter(&op);
    auto param = ParamOp::create(
        builder, NameLoc::get(builder_.getStringAttr(base)), base,
        RankedTensorType::get(recipe.getShape(), builder_.getF32Type()), recipe,
        FlatSymbolRefAttr(), 0);
    StringAttr unique = symbols_.insert(param);
    made_[recipe] = unique;
    return FlatSymbolRefAttr::get(unique);
  }
  return FlatSymbolRefAttr::get(name);
}

FlatSymbolRefAttr Weights::literal(ArrayRef<float> data,
                                   ArrayRef<int64_t> shape) {
  if (int64_t(data.size()) > kMaxLiteral)
    return nullptr;
  return of(numbers(data, shape), "literal");
}

FlatSymbolRefAttr Weights::flat(FlatSymbolRefAttr symbol) {
  RecipeAttr own = recipe(symbol.getAttr());
  RecipeAttr row = reshape(own, {product(own.getShape())});
  return row == own ? symbol : of(row, symbol.getValue());
}

RecipeAttr Weights::numbers(ArrayRef<float> data, ArrayRef<int64_t> shape) {
  return node(
      "literal", {}, shape,
      {builder_.getNamedAttr("data", builder_.getDenseF32ArrayAttr(data))});
}

FlatSymbolRefAttr Weights::rotations(RecipeAttr frequencies,
                                     int64_t positions) {
  int64_t dims = 2 * frequencies.getShape()[0];
  return of(node("rotations", {frequencies}, {positions, dims}), "rope");
}

RecipeAttr Weights::reshape(RecipeAttr recipe, ArrayRef<int64_t> shape) {
  if (ArrayRef(recipe.getShape()) == shape)
    return recipe;
  if (recipe.getOp() == "reshape")
    return reshape(recipe.getOf()[0], shape);
  return node("reshape", {recipe}, shape);
}

RecipeAttr Weights::transpose(RecipeAttr recipe) {
  if (recipe.getOp() == "transpose")
    return recipe.getOf()[0];
  SmallVector<int64_t> shape = recipe.getShape();
  return node("transpose", {recipe}, {shape[1], shape[0]});
}

/// Matrices of one height, side by side.
RecipeAttr Weights::columns(ArrayRef<RecipeAttr> parts) {
  SmallVector<int64_t> shape = parts[0].getShape();
  shape[1] = 0;
  for (RecipeAttr part : parts)
    shape[1] += part.getShape()[1];
  return node("concat", parts, shape,
              {builder_.getNamedAttr("axis", builder_.getI64IntegerAttr(1))});
}

FlatSymbolRefAttr Weights::repeated(FlatSymbolRefAttr symbol,
                                    ArrayRef<int64_t> shape,
                                    ArrayRef<int64_t> wanted) {
  RecipeAttr made = recipe(symbol.getAttr());
  for (size_t i = shape.size(); i-- > 0;) {
    if (shape[i] == wanted[i])
      continue;
    int64_t rows = product(shape.take_front(i));
    made = reshape(made, {rows, product(wanted.drop_front(i + 1))});
    made = columns(SmallVector<RecipeAttr>(wanted[i], made));
  }
  return of(reshape(made, wanted), symbol.getValue());
}

RecipeAttr Weights::withNumber(StringRef op, RecipeAttr recipe, double value) {
  return node(
      op, {recipe}, recipe.getShape(),
      {builder_.getNamedAttr("value", builder_.getF64FloatAttr(value))});
}

FlatSymbolRefAttr Weights::scaled(FlatSymbolRefAttr symbol, double by) {
  return of(withNumber("scale", recipe(symbol.getAttr()), by),
            symbol.getValue());
}

/// What indices [start, start + size) of `axis` are of a concatenation: a part
/// of it, or within one; start is then that within the part.
static RecipeAttr partOf(RecipeAttr recipe, int64_t axis, int64_t &start,
                         int64_t size) {
  auto along = recipe.getArgs().getAs<IntegerAttr>("axis");
  if (recipe.getOp() != "concat" || (along ? along.getInt() : 0) != axis)
    return recipe;
  int64_t begin = 0;
  for (RecipeAttr part : recipe.getOf()) {
    int64_t end = begin + part.getShape()[axis];
    if (start >= begin && start + size <= end) {
      start -= begin;
      return partOf(part, axis, start, size);
    }
    begin = end;
  }
  return recipe;
}

/// Elements [start, start + size) of the last extent of a matrix.
RecipeAttr Weights::range(RecipeAttr recipe, int64_t start, int64_t size) {
  auto slice = [&](RecipeAttr of, int64_t axis, int64_t first, int64_t count) {
    of = partOf(of, axis, first, count);
    SmallVector<int64_t> shape = of.getShape();
    if (shape[axis] == count)
      return of;
    shape[axis] = count;
    return node(
        "slice", {of}, shape,
        {builder_.getNamedAttr("axis", builder_.getI64IntegerAttr(axis)),
         builder_.getNamedAttr("start", builder_.getI64IntegerAttr(first))});
  };
  SmallVector<int64_t> shape = recipe.getShape();
  if (size == shape.back())
    return recipe;
  if (shape.front() != 1)
    return slice(recipe, 1, start, size);
  // Whole rows of a tensor are rows: no reshape to one long row is in the way.
  RecipeAttr tensor = recipe.getOp() == "reshape" ? recipe.getOf()[0] : recipe;
  int64_t width = tensor.getShape().back();
  if (tensor.getShape().size() == 2 && start % width == 0 && size % width == 0)
    return slice(tensor, 0, start / width, size / width);
  return slice(reshape(recipe, {shape[1]}), 0, start, size);
}

RecipeAttr Weights::view(RecipeAttr recipe, double start,
                         ArrayRef<std::pair<const Dim *, double>> terms) {
  std::optional<SmallVector<Cut>> cuts =
      cutsOf(product(recipe.getShape()), start, terms);
  if (!cuts)
    return nullptr;
  for (const Cut &cut : *cuts)
    recipe = range(reshape(recipe, {cut.rows, cut.width}), cut.start, cut.size);
  return recipe;
}

/// The single read of a weight that `node` is, times a factor plus a number.
static const Node *readOf(const Node *node, double &factor, double &number) {
  factor = 1;
  number = 0;
  if (node->kind == Node::Affine && node->args.size() == 1) {
    factor = node->coefs[0];
    number = node->value;
    node = node->args[0];
  }
  return node->kind == Node::Read && node->array->symbol ? node : nullptr;
}

RecipeAttr Weights::recipeOf(const Node *weight, ArrayRef<const Dim *> dims,
                             ArrayRef<int64_t> shape) {
  double factor, number;
  const Node *read = readOf(weight, factor, number);
  if (!read)
    return nullptr;
  // flat index = start + sum of index * step
  AffineIndex flat;
  for (auto [extent, arg] : llvm::zip(read->array->shape, read->args)) {
    std::optional<AffineIndex> index = affineIndex(arg);
    if (!index)
      return nullptr;
    flat.constant = flat.constant * double(extent) + index->constant;
    for (auto &[dim, step] : flat.terms)
      step *= double(extent);
    flat.terms.append(index->terms.begin(), index->terms.end());
  }
  bool complete = flat.terms.size() == dims.size() && flat.constant >= 0;
  for (auto [dim, step] : flat.terms)
    complete &= llvm::is_contained(dims, dim) && step > 0;
  if (!complete)
    return nullptr;
  llvm::stable_sort(flat.terms,
                    [](auto &a, auto &b) { return a.second > b.second; });
  RecipeAttr recipe = this->recipe(read->array->symbol);
  recipe = view(recipe, flat.constant, flat.terms);
  if (!recipe)
    return nullptr;
  // In order, or two groups of dimensions that change places.
  auto order = llvm::map_to_vector(flat.terms, [](auto &t) { return t.first; });
  size_t first = dims.empty() ? 0 : llvm::find(order, dims[0]) - order.begin();
  std::rotate(order.begin(), order.begin() + first, order.end());
  if (ArrayRef<const Dim *>(order) != dims)
    return nullptr;
  if (first) {
    int64_t rows = product(sizesOf(dims.drop_front(dims.size() - first)));
    int64_t columns = product(sizesOf(dims.drop_back(first)));
    recipe = transpose(reshape(recipe, {rows, columns}));
  }
  recipe = reshape(recipe, shape);
  if (factor != 1)
    recipe = withNumber("scale", recipe, factor);
  return number == 0 ? recipe : withNumber("offset", recipe, number);
}

FlatSymbolRefAttr Weights::find(const Node *weight, ArrayRef<const Dim *> dims,
                                ArrayRef<int64_t> shape) {
  double factor, number;
  RecipeAttr recipe = recipeOf(weight, dims, shape);
  if (!recipe)
    return nullptr;
  return of(recipe, readOf(weight, factor, number)->array->symbol.getValue());
}

FlatSymbolRefAttr Weights::sideBySide(const Node *left, const Node *right,
                                      ArrayRef<const Dim *> dims) {
  SmallVector<int64_t> shape = sizesOf(dims);
  RecipeAttr a = recipeOf(left, dims, shape), b = recipeOf(right, dims, shape);
  if (!a || !b)
    return nullptr;
  shape.back() *= 2;
  double factor, number;
  // Both halves of one table are that table.
  auto startOf = [](RecipeAttr recipe) {
    auto start = recipe.getArgs().getAs<IntegerAttr>("start");
    return recipe.getOp() == "slice" && start ? start.getInt() : -1;
  };
  if (startOf(a) == 0 && startOf(b) == shape.back() / 2 &&
      a.getOf() == b.getOf() &&
      ArrayRef(a.getOf()[0].getShape()) == ArrayRef(shape))
    return of(a.getOf()[0], readOf(left, factor, number)->array->symbol);
  return of(columns({a, b}),
            readOf(left, factor, number)->array->symbol.getValue());
}

} // namespace ft::passes::raise
