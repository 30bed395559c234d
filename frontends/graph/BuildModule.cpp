//===- BuildModule.cpp - the module, its weights and caches ---------------===//
#include "frontends/graph/BuildModule.h"

#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/Verifier.h"
#include "llvm/ADT/StringExtras.h"

#include <filesystem>

using namespace mlir;
using namespace ft;
using namespace ft::graph;
using namespace ft::ir;

Location ft::graph::locationOf(MLIRContext *context, StringRef name,
                               StringRef place) {
  return NameLoc::get(StringAttr::get(context, name),
                      NameLoc::get(StringAttr::get(context, place)));
}

/// The JSON pointer that locationOf put into a location, or nothing.
static std::string placeOf(Location location) {
  if (auto name = dyn_cast<NameLoc>(location))
    if (auto place = dyn_cast<NameLoc>(name.getChildLoc()))
      return place.getName().str();
  return "";
}

static Type storedType(DType dtype, Builder &builder) {
  switch (dtype) {
  case DType::F16:
    return builder.getF16Type();
  case DType::BF16:
    return builder.getBF16Type();
  default:
    return builder.getF32Type();
  }
}

//===----------------------------------------------------------------------===//
// Recipes
//===----------------------------------------------------------------------===//

static StringRef recipeName(plan::Recipe::Op op) {
  using Op = plan::Recipe::Op;
  switch (op) {
  case Op::Tensor:
    return "tensor";
  case Op::Literal:
    return "literal";
  case Op::Generator:
    return "generator";
  case Op::Slice:
    return "slice";
  case Op::Concat:
    return "concat";
  case Op::Transpose:
    return "transpose";
  case Op::Reshape:
    return "reshape";
  case Op::Scale:
    return "scale";
  case Op::Offset:
    return "offset";
  case Op::Interleave:
    return "interleave";
  case Op::Pad:
    return "pad";
  case Op::Rotations:
    return "rotations";
  }
  return "";
}

/// Arguments that only nodes of this kind have.
static void addRecipeArgs(const plan::Recipe &recipe, const ModelGraph &graph,
                          Builder &builder, NamedAttrList &args) {
  using Op = plan::Recipe::Op;
  switch (recipe.op) {
  case Op::Tensor:
    args.set("file", builder.getStringAttr(graph.files[recipe.file].name));
    args.set("tensor", builder.getStringAttr(recipe.text));
    args.set("stored", TypeAttr::get(storedType(recipe.stored, builder)));
    break;
  case Op::Literal:
    args.set("data", builder.getDenseF32ArrayAttr(recipe.data));
    break;
  case Op::Generator: {
    NamedAttrList numbers;
    for (auto &[name, value] : recipe.numbers)
      numbers.set(name, builder.getF64FloatAttr(value));
    args.set("name", builder.getStringAttr(recipe.text));
    args.set("numbers", numbers.getDictionary(builder.getContext()));
    break;
  }
  case Op::Slice:
    args.set("start", builder.getI64IntegerAttr(recipe.start));
    args.set("axis", builder.getI64IntegerAttr(recipe.axis));
    break;
  case Op::Concat:
    args.set("axis", builder.getI64IntegerAttr(recipe.axis));
    break;
  case Op::Scale:
  case Op::Offset:
    args.set("value", builder.getF64FloatAttr(recipe.value));
    break;
  case Op::Transpose:
  case Op::Reshape:
  case Op::Interleave:
  case Op::Pad:
  case Op::Rotations:
    break;
  }
}

static RecipeAttr recipeAttr(const plan::Recipe &recipe,
                             const ModelGraph &graph, Builder &builder) {
  SmallVector<RecipeAttr> of;
  for (const plan::Recipe &child : recipe.of)
    of.push_back(recipeAttr(child, graph, builder));
  NamedAttrList args;
  args.set("shape", builder.getDenseI64ArrayAttr(recipe.shape));
  addRecipeArgs(recipe, graph, builder, args);
  return RecipeAttr::get(builder.getContext(),
                         builder.getStringAttr(recipeName(recipe.op)), of,
                         args.getDictionary(builder.getContext()));
}

//===----------------------------------------------------------------------===//
// Module
//===----------------------------------------------------------------------===//

void ft::graph::buildSymbols(const ModelGraph &graph, OpBuilder &builder) {
  MLIRContext *context = builder.getContext();
  Type f32 = builder.getF32Type();
  for (const Param &param : graph.params)
    ParamOp::create(
        builder,
        locationOf(context, param.name, "/params/" + pointerToken(param.name)),
        builder.getStringAttr(param.name),
        TypeAttr::get(RankedTensorType::get(param.recipe.shape, f32)),
        recipeAttr(param.recipe, graph, builder), FlatSymbolRefAttr(),
        builder.getI64IntegerAttr(0));
  for (const plan::Cache &cache : graph.caches) {
    SmallVector<Attribute> planes;
    for (const plan::CachePlane &plane : cache.planes)
      planes.push_back(PlaneAttr::get(
          context, builder.getStringAttr(plane.name), plane.shape, f32));
    CacheOp::create(
        builder,
        locationOf(context, cache.name, "/caches/" + pointerToken(cache.name)),
        builder.getStringAttr(cache.name),
        builder.getI64IntegerAttr(cache.layers),
        builder.getI64IntegerAttr(cache.pageSize),
        builder.getArrayAttr(planes));
  }
}

static DictionaryAttr modelAttr(const ModelGraph &graph, Builder &builder) {
  NamedAttrList attrs;
  attrs.set("name", builder.getStringAttr(graph.name));
  attrs.set("architecture", builder.getStringAttr(graph.architecture));
  attrs.set("vocabulary", builder.getI64IntegerAttr(graph.vocabulary));
  attrs.set("max_positions", builder.getI64IntegerAttr(graph.maxPositions));
  attrs.set("end_tokens", builder.getDenseI64ArrayAttr(graph.endTokens));
  attrs.set("start_token", builder.getI64IntegerAttr(graph.startToken));
  attrs.set("weights_dir", builder.getStringAttr(graph.weightsDir));
  attrs.set("dtype", builder.getStringAttr(StringRef(dtypeName(graph.dtype))));
  if (!graph.labels.names.empty()) {
    SmallVector<StringRef> names(graph.labels.names.begin(),
                                 graph.labels.names.end());
    attrs.set("labels", builder.getStrArrayAttr(names));
    attrs.set("label_scores", builder.getStringAttr(graph.labels.scores));
  }
  return attrs.getDictionary(builder.getContext());
}

static DictionaryAttr imageAttr(const plan::ImageSteps &steps,
                                Builder &builder) {
  NamedAttrList attrs;
  attrs.set("input", builder.getStringAttr(steps.input));
  attrs.set("resize", builder.getDenseI64ArrayAttr(steps.resize));
  attrs.set("filter", builder.getStringAttr(steps.filter));
  attrs.set("crop", builder.getDenseI64ArrayAttr(steps.crop));
  attrs.set("scale", builder.getF64FloatAttr(steps.scale));
  attrs.set("mean", builder.getDenseF64ArrayAttr(steps.mean));
  attrs.set("deviation", builder.getDenseF64ArrayAttr(steps.deviation));
  return attrs.getDictionary(builder.getContext());
}

static void setModuleAttrs(ModuleOp module, const ModelGraph &graph,
                           Builder &builder) {
  MLIRContext *context = builder.getContext();
  SmallVector<StringRef> axes(std::begin(kAxes), std::end(kAxes));
  module->setAttr(kAxesAttr, builder.getStrArrayAttr(axes));
  module->setAttr("ft.model", modelAttr(graph, builder));
  SmallVector<Attribute> files;
  for (const plan::File &file : graph.files) {
    NamedAttrList attrs;
    attrs.set("name", builder.getStringAttr(file.name));
    attrs.set("header_hash",
              builder.getStringAttr(llvm::utohexstr(
                  file.headerHash, /*LowerCase=*/true, /*Width=*/16)));
    files.push_back(attrs.getDictionary(context));
  }
  module->setAttr("ft.files", builder.getArrayAttr(files));
  if (!graph.image.input.empty())
    module->setAttr("ft.image", imageAttr(graph.image, builder));
  NamedAttrList text;
  auto addText = [&](StringRef key, const std::string &name) {
    if (!name.empty())
      text.set(key,
               builder.getStringAttr(
                   (std::filesystem::path(graph.weightsDir) / name).string()));
  };
  addText("tokenizer", graph.tokenizer);
  addText("tokenizer_config", graph.tokenizerConfig);
  if (!text.empty())
    module->setAttr("ft.text", text.getDictionary(context));
}

StatusOr<OwningOpRef<ModuleOp>> ft::graph::buildModule(const ModelGraph &graph,
                                                       MLIRContext &context) {
  Status error;
  ScopedDiagnosticHandler handler(&context, [&](Diagnostic &diagnostic) {
    if (error.ok() && diagnostic.getSeverity() == DiagnosticSeverity::Error)
      error = invalidArgument(placeOf(diagnostic.getLocation()) + ": " +
                              diagnostic.str());
    return success();
  });
  OpBuilder builder(&context);
  OwningOpRef<ModuleOp> module =
      ModuleOp::create(builder, UnknownLoc::get(&context), graph.name);
  setModuleAttrs(*module, graph, builder);
  builder.setInsertionPointToEnd(module->getBody());
  buildSymbols(graph, builder);
  LogicalResult built = success();
  for (const Entry &entry : graph.entries)
    if (succeeded(built))
      built = buildEntry(graph, entry, *module, builder);
  if (succeeded(built))
    built = verify(*module);
  if (failed(built)) {
    assert(!error.ok() && "a failure comes with a diagnostic");
    return error;
  }
  return module;
}
