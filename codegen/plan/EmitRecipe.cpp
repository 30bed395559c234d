//===- EmitRecipe.cpp - recipes of the IR as recipes of the plan ----------===//
#include "codegen/plan/EmitRecipe.h"

#include "codegen/plan/PlanIndex.h"

#include "llvm/ADT/StringSwitch.h"

#include <optional>

using namespace mlir;
using namespace ft;
using namespace ft::codegen;
using plan::Recipe;

static std::optional<Recipe::Op> recipeOp(StringRef name) {
  return llvm::StringSwitch<std::optional<Recipe::Op>>(name)
      .Case("tensor", Recipe::Op::Tensor)
      .Case("literal", Recipe::Op::Literal)
      .Case("generator", Recipe::Op::Generator)
      .Case("slice", Recipe::Op::Slice)
      .Case("concat", Recipe::Op::Concat)
      .Case("transpose", Recipe::Op::Transpose)
      .Case("reshape", Recipe::Op::Reshape)
      .Case("scale", Recipe::Op::Scale)
      .Case("offset", Recipe::Op::Offset)
      .Case("interleave", Recipe::Op::Interleave)
      .Case("pad", Recipe::Op::Pad)
      .Case("rotations", Recipe::Op::Rotations)
      .Default(std::nullopt);
}

/// A number of any attribute kind, or nothing.
static std::optional<double> numberOf(Attribute attr) {
  if (auto real = dyn_cast_or_null<FloatAttr>(attr))
    return real.getValueAsDouble();
  if (auto integer = dyn_cast_or_null<IntegerAttr>(attr))
    return double(integer.getType().isInteger(1)
                      ? int64_t(!integer.getValue().isZero())
                      : integer.getInt());
  return std::nullopt;
}

static LogicalResult setTensor(Recipe &out, DictionaryAttr args,
                               const llvm::StringMap<int32_t> &files,
                               Location location) {
  auto file = args.getAs<StringAttr>("file");
  auto tensor = args.getAs<StringAttr>("tensor");
  auto stored = args.getAs<TypeAttr>("stored");
  if (!file || !tensor || !stored)
    return emitError(location)
           << "a tensor recipe needs file, tensor and stored";
  auto found = files.find(file.getValue());
  if (found == files.end())
    return emitError(location)
           << "file '" << file.getValue() << "' is not one of ft.files";
  out.file = found->second;
  out.text = tensor.getValue();
  out.stored = dtypeOf(stored.getValue());
  return success();
}

static LogicalResult setLiteral(Recipe &out, DictionaryAttr args,
                                Location location) {
  Attribute data = args.get("data");
  if (auto array = dyn_cast_or_null<DenseF32ArrayAttr>(data)) {
    out.data.assign(array.asArrayRef().begin(), array.asArrayRef().end());
    return success();
  }
  auto elements = dyn_cast_or_null<DenseFPElementsAttr>(data);
  if (!elements || !elements.getElementType().isF32())
    return emitError(location) << "a literal recipe needs data, array<f32: …>";
  for (float value : elements.getValues<float>())
    out.data.push_back(value);
  return success();
}

static LogicalResult setGenerator(Recipe &out, DictionaryAttr args,
                                  Location location) {
  auto name = args.getAs<StringAttr>("name");
  if (!name)
    return emitError(location) << "a generator recipe needs a name";
  out.text = name.getValue();
  if (auto numbers = args.getAs<DictionaryAttr>("numbers"))
    for (NamedAttribute entry : numbers)
      if (auto number = numberOf(entry.getValue()))
        out.numbers[entry.getName().str()] = *number;
  return success();
}

FailureOr<Recipe> codegen::emitRecipe(ir::RecipeAttr recipe,
                                      const llvm::StringMap<int32_t> &files,
                                      Location location) {
  std::optional<Recipe::Op> op = recipeOp(recipe.getOp().getValue());
  if (!op)
    return emitError(location)
           << "unknown recipe operation '" << recipe.getOp().getValue() << "'";
  Recipe out;
  out.op = *op;
  SmallVector<int64_t> shape = recipe.getShape();
  out.shape.assign(shape.begin(), shape.end());
  for (ir::RecipeAttr child : recipe.getOf()) {
    FailureOr<Recipe> emitted = emitRecipe(child, files, location);
    if (failed(emitted))
      return failure();
    out.of.push_back(std::move(*emitted));
  }
  DictionaryAttr args = recipe.getArgs();
  if (out.op == Recipe::Op::Tensor &&
      failed(setTensor(out, args, files, location)))
    return failure();
  if (out.op == Recipe::Op::Literal && failed(setLiteral(out, args, location)))
    return failure();
  if (out.op == Recipe::Op::Generator &&
      failed(setGenerator(out, args, location)))
    return failure();
  if (auto axis = numberOf(args.get("axis")))
    out.axis = int64_t(*axis);
  if (auto start = numberOf(args.get("start")))
    out.start = int64_t(*start);
  if (auto starts = args.getAs<DenseI64ArrayAttr>("starts"))
    out.starts.assign(starts.asArrayRef().begin(), starts.asArrayRef().end());
  if (auto value = numberOf(args.get("value")))
    out.value = *value;
  return out;
}
