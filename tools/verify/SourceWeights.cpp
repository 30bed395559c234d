//===- SourceWeights.cpp - the weights of an imported module --------------===//
#include "tools/verify/SourceWeights.h"

#include <algorithm>
#include <cmath>

using namespace ft;
using namespace ft::verify;

namespace {
// Weights of at most so many elements are kept.
constexpr int64_t kSmall = 1 << 18;

std::string textOf(mlir::DictionaryAttr args, llvm::StringRef key) {
  auto text = args.getAs<mlir::StringAttr>(key);
  return text ? text.str() : "";
}

double numberOf(mlir::DictionaryAttr args, llvm::StringRef key) {
  mlir::Attribute value = args.get(key);
  if (auto real = mlir::dyn_cast_or_null<mlir::FloatAttr>(value))
    return real.getValueAsDouble();
  if (auto integer = mlir::dyn_cast_or_null<mlir::IntegerAttr>(value))
    return double(integer.getInt());
  return 0;
}

Shape shapeOf(ir::RecipeAttr recipe) {
  auto shape = recipe.getShape();
  return {shape.begin(), shape.end()};
}

DType storedType(mlir::DictionaryAttr args) {
  auto type = args.getAs<mlir::TypeAttr>("stored");
  if (type && type.getValue().isF16())
    return DType::F16;
  return type && type.getValue().isBF16() ? DType::BF16 : DType::F32;
}

/// Elements after axis `axis` of one index of it.
int64_t innerOf(const Shape &shape, int64_t axis) {
  return elementsOf(Shape(shape.begin() + axis + 1, shape.end()));
}

/// Copies `from`, whole, to indices start .. of `axis` of `to`.
void place(const WeightTensor &from, int64_t axis, int64_t start,
           WeightTensor &to) {
  int64_t inner = innerOf(from.shape, axis);
  int64_t line = from.shape[size_t(axis)] * inner;
  int64_t wide = to.shape[size_t(axis)] * inner;
  for (int64_t outer = 0; outer * line < from.size(); ++outer)
    std::copy_n(from.data.begin() + outer * line, line,
                to.data.begin() + outer * wide + start * inner);
}

/// `from` may have fewer rows than its recipe: rotations beyond the positions
/// that are asked for are not made.
WeightTensor slice(const WeightTensor &from, int64_t axis, int64_t start,
                   WeightTensor to) {
  int64_t rows = from.shape[0] - (axis == 0 ? start : 0);
  to.shape[0] = std::clamp<int64_t>(rows, 0, to.shape[0]);
  to.data.resize(size_t(elementsOf(to.shape)));
  int64_t inner = innerOf(from.shape, axis);
  int64_t line = to.shape[size_t(axis)] * inner;
  int64_t wide = from.shape[size_t(axis)] * inner;
  for (int64_t outer = 0; outer * line < to.size(); ++outer)
    std::copy_n(from.data.begin() + outer * wide + start * inner, line,
                to.data.begin() + outer * line);
  return to;
}

WeightTensor transpose(const WeightTensor &from, WeightTensor to) {
  int64_t rows = from.shape[0], columns = from.shape[1];
  for (int64_t i = 0; i < rows; ++i)
    for (int64_t j = 0; j < columns; ++j)
      to.data[size_t(j * rows + i)] = from.data[size_t(i * columns + j)];
  return to;
}

/// Cosines, then sines, of position times frequency; `rows` positions of them.
WeightTensor rotations(const WeightTensor &frequencies, int64_t rows,
                       WeightTensor to) {
  to.shape[0] = std::min(to.shape[0], rows);
  int64_t half = frequencies.size();
  to.data.resize(size_t(elementsOf(to.shape)));
  for (int64_t p = 0; p < to.shape[0]; ++p)
    for (int64_t j = 0; j < half; ++j) {
      double angle = double(p) * double(frequencies.data[size_t(j)]);
      to.data[size_t(2 * half * p + j)] = float(std::cos(angle));
      to.data[size_t(2 * half * p + half + j)] = float(std::sin(angle));
    }
  return to;
}

WeightTensor interleave(const std::vector<WeightTensor> &parts,
                        WeightTensor to) {
  int64_t row = innerOf(to.shape, 0), count = int64_t(parts.size());
  for (int64_t i = 0; i < to.shape[0]; ++i)
    std::copy_n(parts[size_t(i % count)].data.begin() + i / count * row, row,
                to.data.begin() + i * row);
  return to;
}
} // namespace

void verify::roundTo(DType dtype, std::vector<float> &numbers) {
  auto count = int64_t(numbers.size());
  std::vector<std::byte> narrow(size_t(count * dtypeSize(dtype)));
  narrowFromF32(numbers.data(), dtype, count, narrow.data());
  widenToF32(narrow.data(), dtype, count, numbers.data());
}

SourceWeights::SourceWeights(mlir::ModuleOp source, const plan::Plan &compiled,
                             const WeightChoice &choice)
    : source_(source), random_(choice.seed.has_value()) {
  auto list = source->getAttrOfType<mlir::ArrayAttr>("ft.files");
  for (mlir::Attribute file :
       list ? list.getValue() : llvm::ArrayRef<mlir::Attribute>()) {
    auto named = mlir::dyn_cast<mlir::DictionaryAttr>(file);
    files_.files.push_back({named ? textOf(named, "name") : "", 0});
  }
  if (random_) {
    tensors_ = makeRandomSource(compiled, *choice.seed);
    for (const plan::Weight &weight : compiled.weights)
      if (weight.viewOf < 0)
        addLeaves(weight.recipe);
    return;
  }
  bool named = !choice.directory.empty();
  tensors_ = makeCheckpointSource(
      files_, named ? choice.directory : compiled.weightsDir, named);
}

void SourceWeights::addLeaves(const plan::Recipe &recipe) {
  if (recipe.op == plan::Recipe::Op::Tensor)
    leaves_.emplace(recipe.text, &recipe);
  for (const plan::Recipe &part : recipe.of)
    addLeaves(part);
}

StatusOr<WeightTensor> SourceWeights::readTensor(ir::RecipeAttr recipe) {
  mlir::DictionaryAttr args = recipe.getArgs();
  WeightTensor out{shapeOf(recipe), {}};
  out.data.resize(size_t(elementsOf(out.shape)));
  std::string name = textOf(args, "tensor");
  const plan::Recipe *leaf = nullptr;
  if (random_) {
    auto found = leaves_.find(name);
    // What the plan does not read reaches no result, or the results differ.
    if (found == leaves_.end())
      return out;
    if (found->second->shape != out.shape)
      return notFound("the plan has another shape of the tensor '" + name +
                      "' that the source reads");
    leaf = found->second;
  } else {
    auto own = std::make_unique<plan::Recipe>();
    own->shape = out.shape;
    own->text = name;
    own->stored = storedType(args);
    std::string file = textOf(args, "file");
    auto place = std::find_if(files_.files.begin(), files_.files.end(),
                              [&](const auto &f) { return f.name == file; });
    if (place == files_.files.end())
      return notFound("the tensor '" + name + "' is in the file '" + file +
                      "', which the model does not list");
    own->file = int32_t(place - files_.files.begin());
    FT_RETURN_IF_ERROR(tensors_->prepare(*own));
    leaf = own.get();
    ownLeaves_.push_back(std::move(own));
  }
  tensors_->read(*leaf, 0, out.size(), out.data.data());
  return out;
}

StatusOr<std::vector<WeightTensor>>
SourceWeights::makeParts(ir::RecipeAttr recipe) {
  std::vector<WeightTensor> parts;
  for (ir::RecipeAttr part : recipe.getOf()) {
    FT_ASSIGN_OR_RETURN(WeightTensor made, make(part));
    parts.push_back(std::move(made));
  }
  return parts;
}

StatusOr<WeightTensor> SourceWeights::make(ir::RecipeAttr recipe) {
  llvm::StringRef op = recipe.getOp().getValue();
  mlir::DictionaryAttr args = recipe.getArgs();
  if (op == "tensor")
    return readTensor(recipe);
  if (op == "generator")
    return generateTable(recipe, positions_);
  WeightTensor out{shapeOf(recipe), {}};
  if (op == "literal") {
    mlir::Attribute data = args.get("data");
    if (auto list = mlir::dyn_cast_or_null<mlir::DenseF32ArrayAttr>(data))
      out.data.assign(list.asArrayRef().begin(), list.asArrayRef().end());
    else if (auto dense =
                 mlir::dyn_cast_or_null<mlir::DenseFPElementsAttr>(data))
      out.data.assign(dense.value_begin<float>(), dense.value_end<float>());
    return out;
  }
  FT_ASSIGN_OR_RETURN(std::vector<WeightTensor> parts, makeParts(recipe));
  auto axis = int64_t(numberOf(args, "axis"));
  auto value = float(numberOf(args, "value"));
  if (op == "reshape" || op == "scale" || op == "offset") {
    out.data = std::move(parts[0].data);
    for (float &x : out.data)
      x = op == "scale" ? x * value : op == "offset" ? x + value : x;
    if (!out.shape.empty()) // as few rows as the part has
      if (int64_t inner = innerOf(out.shape, 0))
        out.shape[0] = int64_t(out.data.size()) / inner;
    return out;
  }
  if (op == "rotations")
    return rotations(parts[0], positions_, std::move(out));
  out.data.resize(size_t(elementsOf(out.shape)));
  if (op == "slice")
    return slice(parts[0], axis, int64_t(numberOf(args, "start")),
                 std::move(out));
  if (op == "transpose")
    return transpose(parts[0], std::move(out));
  if (op == "interleave")
    return interleave(parts, std::move(out));
  if (op != "concat")
    return unsupported("the evaluator knows no recipe '" + op.str() + "'");
  int64_t start = 0;
  for (const WeightTensor &part : parts) {
    place(part, axis, start, out);
    start += part.shape[size_t(axis)];
  }
  return out;
}

StatusOr<WeightTensor> SourceWeights::make(ir::ParamOp param) {
  if (param.getRecipe())
    return make(*param.getRecipe());
  FT_ASSIGN_OR_RETURN(Ptr root, get(param.getViewOfAttr()));
  auto dims = param.getTensorType().getShape();
  WeightTensor out{{dims.begin(), dims.end()}, {}};
  out.data.resize(size_t(elementsOf(out.shape)));
  return slice(*root, 0, param.getRow(), std::move(out));
}

StatusOr<SourceWeights::Ptr>
SourceWeights::get(mlir::FlatSymbolRefAttr symbol) {
  std::string name = symbol.getValue().str();
  if (auto found = small_.find(name); found != small_.end())
    return found->second;
  FT_ASSIGN_OR_RETURN(WeightTensor made,
                      make(ir::lookupParam(source_, symbol)));
  if (rounding_)
    roundTo(*rounding_, made.data);
  auto shared = std::make_shared<const WeightTensor>(std::move(made));
  if (shared->size() <= kSmall)
    small_[name] = shared;
  return Ptr(shared);
}
