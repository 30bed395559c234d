//===- EmitPlan.cpp - a scheduled module as a plan ------------------------===//
#include "codegen/plan/EmitPlan.h"

#include "codegen/plan/EmitProgram.h"
#include "codegen/plan/EmitRecipe.h"
#include "passes/Passes.h"
#include "runtime/base/Json.h"

#include "llvm/ADT/MapVector.h"
#include "llvm/Support/MemoryBuffer.h"

using namespace mlir;
using namespace ft;
using namespace ft::codegen;

int32_t codegen::addBlob(plan::Plan &plan, std::string bytes) {
  plan.blobs.push_back({0, bytes.size()});
  plan.blobBytes.push_back(std::move(bytes));
  return int32_t(plan.blobs.size()) - 1;
}

/// `ft.files`: the names and header hashes (hexadecimal) of the checkpoint.
static LogicalResult emitFiles(ModuleOp module, plan::Plan &plan,
                               llvm::StringMap<int32_t> &files) {
  auto list = module->getAttrOfType<ArrayAttr>("ft.files");
  if (!list)
    return success();
  for (auto dict : list.getAsRange<DictionaryAttr>()) {
    auto name = dict.getAs<StringAttr>("name");
    auto hash = dict.getAs<StringAttr>("header_hash");
    plan::File file;
    if (!name || !hash || hash.getValue().getAsInteger(16, file.headerHash))
      return module.emitError("ft.files: a file needs name and header_hash");
    file.name = name.getValue();
    files[name.getValue()] = int32_t(plan.files.size());
    plan.files.push_back(std::move(file));
  }
  return success();
}

/// A view of a view starts where both rows say.
static LogicalResult emitView(ir::ParamOp param, const PlanIndex &index,
                              plan::Weight &weight) {
  ir::ParamOp at = param;
  for (int depth = 0; at.getViewOfAttr(); ++depth) {
    weight.viewRow += at.getRow();
    weight.viewOf = index.weight(at.getViewOfAttr());
    if (weight.viewOf < 0 || depth > 8)
      return param.emitError("view_of names no resident weight");
    at = index.params()[weight.viewOf];
  }
  return success();
}

static LogicalResult emitWeights(const PlanIndex &index,
                                 const llvm::StringMap<int32_t> &files,
                                 plan::Plan &plan) {
  plan.weights.reserve(index.params().size());
  for (ir::ParamOp param : index.params()) {
    plan::Weight weight;
    RankedTensorType type = param.getTensorType();
    weight.name = param.getSymName();
    weight.dtype = dtypeOf(type.getElementType());
    weight.shape.assign(type.getShape().begin(), type.getShape().end());
    if (param.getViewOfAttr()) {
      if (failed(emitView(param, index, weight)))
        return failure();
    } else if (auto recipe = param.getRecipe()) {
      FailureOr<plan::Recipe> made = emitRecipe(*recipe, files, param.getLoc());
      if (failed(made))
        return failure();
      weight.recipe = std::move(*made);
    } else {
      return param.emitError("has neither a recipe nor view_of");
    }
    plan.weights.push_back(std::move(weight));
  }
  return success();
}

static void emitCaches(const PlanIndex &index, plan::Plan &plan) {
  for (ir::CacheOp op : index.cacheOps()) {
    plan::Cache cache;
    cache.name = op.getSymName();
    cache.layers = op.getLayers();
    cache.pageSize = op.getPageSize();
    for (auto attr : op.getPlanes().getAsRange<ir::PlaneAttr>()) {
      plan::CachePlane plane;
      plane.name = attr.getName().getValue();
      plane.dtype = dtypeOf(attr.getElementType());
      plane.shape.assign(attr.getShape().begin(), attr.getShape().end());
      cache.planes.push_back(std::move(plane));
    }
    plan.caches.push_back(std::move(cache));
  }
}

/// `ft.model`: what the frontend knows about the model as a whole.
static void emitModel(ModuleOp module, plan::Plan &plan) {
  auto model = module->getAttrOfType<DictionaryAttr>("ft.model");
  if (!model)
    return;
  auto text = [&](StringRef key) {
    auto attr = model.getAs<StringAttr>(key);
    return attr ? attr.getValue().str() : std::string();
  };
  auto number = [&](StringRef key, int64_t missing) {
    auto attr = model.getAs<IntegerAttr>(key);
    return attr ? attr.getInt() : missing;
  };
  plan.name = text("name");
  plan.architecture = text("architecture");
  plan.vocabulary = number("vocabulary", 0);
  plan.maxPositions = number("max_positions", 0);
  plan.weightsDir = text("weights_dir");
  plan.text.startToken = number("start_token", -1);
  if (auto ends = model.getAs<DenseI64ArrayAttr>("end_tokens"))
    plan.text.endTokens.assign(ends.asArrayRef().begin(),
                               ends.asArrayRef().end());
  if (auto dtype = dtypeFromName(text("dtype")))
    plan.dtype = *dtype;
  if (auto labels = model.getAs<ArrayAttr>("labels"))
    for (auto name : labels.getAsRange<StringAttr>())
      plan.labels.names.push_back(name.getValue().str());
  if (model.contains("label_scores"))
    plan.labels.scores = text("label_scores");
}

/// A text is given whole, as JSON, or as the path of its file.
static FailureOr<std::string> loadText(ModuleOp module, StringAttr text) {
  StringRef value = text.getValue();
  if (value.ltrim().starts_with("{"))
    return value.str();
  auto buffer = llvm::MemoryBuffer::getFile(value);
  if (!buffer)
    return emitError(UnknownLoc::get(module.getContext()))
           << "cannot read '" << value << "': " << buffer.getError().message();
  // Said here, where the file can still be mended, and not when text is asked.
  StringRef bytes = (*buffer)->getBuffer();
  if (auto json = parseJson(bytes); !json.ok())
    return emitError(UnknownLoc::get(module.getContext()))
           << value << ": " << json.status().message();
  return bytes.str();
}

static LogicalResult emitText(ModuleOp module, plan::Plan &plan) {
  auto texts = module->getAttrOfType<DictionaryAttr>("ft.text");
  if (!texts)
    return success();
  for (auto [key, slot] :
       {std::pair<StringRef, int32_t *>{"tokenizer", &plan.text.tokenizer},
        {"tokenizer_config", &plan.text.tokenizerConfig}}) {
    auto text = texts.getAs<StringAttr>(key);
    if (!text)
      continue;
    FailureOr<std::string> bytes = loadText(module, text);
    if (failed(bytes))
      return failure();
    *slot = addBlob(plan, std::move(*bytes));
  }
  return success();
}

/// `ft.image`: how pictures become an input.
static void emitImage(ModuleOp module, plan::Plan &plan) {
  auto image = module->getAttrOfType<DictionaryAttr>("ft.image");
  if (!image)
    return;
  auto text = [&](StringRef key, std::string &to) {
    if (auto attr = image.getAs<StringAttr>(key))
      to = attr.getValue();
  };
  auto sides = [&](StringRef key, std::vector<int64_t> &to) {
    if (auto attr = image.getAs<DenseI64ArrayAttr>(key))
      to.assign(attr.asArrayRef().begin(), attr.asArrayRef().end());
  };
  auto numbers = [&](StringRef key, std::vector<double> &to) {
    if (auto attr = image.getAs<DenseF64ArrayAttr>(key))
      to.assign(attr.asArrayRef().begin(), attr.asArrayRef().end());
  };
  text("input", plan.image.input);
  sides("resize", plan.image.resize);
  text("filter", plan.image.filter);
  sides("crop", plan.image.crop);
  if (auto scale = image.getAs<FloatAttr>("scale"))
    plan.image.scale = scale.getValueAsDouble();
  numbers("mean", plan.image.mean);
  numbers("deviation", plan.image.deviation);
}

static LogicalResult emitEntries(ModuleOp module, const PlanIndex &index,
                                 plan::Plan &plan) {
  llvm::MapVector<StringRef, SmallVector<ir::EntryOp, 4>> clones;
  for (auto entry : module.getOps<ir::EntryOp>())
    clones[entry.getEntryName()].push_back(entry);
  for (auto &[name, list] : clones) {
    FailureOr<plan::Entry> entry = emitSignature(list.front(), index);
    if (failed(entry))
      return failure();
    for (ir::EntryOp clone : list) {
      FailureOr<plan::Program> program = emitProgram(clone, index);
      if (failed(program))
        return failure();
      entry->programs.push_back(std::move(*program));
    }
    llvm::sort(entry->programs, [](const auto &a, const auto &b) {
      return a.minTokens < b.minTokens;
    });
    plan.entries.push_back(std::move(*entry));
  }
  return success();
}

FailureOr<plan::Plan> codegen::emitPlan(ModuleOp module) {
  PlanIndex index(module);
  plan::Plan plan;
  for (StringAttr axis : index.axisNames())
    plan.axes.push_back({.name = axis.getValue().str()});
  plan.mesh.assign(index.meshAxes().begin(), index.meshAxes().end());
  llvm::StringMap<int32_t> files;
  emitModel(module, plan);
  if (auto dtype = module->getAttrOfType<TypeAttr>(passes::kDTypeAttr))
    plan.dtype = dtypeOf(dtype.getValue());
  emitImage(module, plan);
  emitCaches(index, plan);
  for (ir::KernelOp op : index.kernelOps()) {
    plan::Kernel kernel;
    kernel.function = op.getFunction();
    plan.kernels.push_back(std::move(kernel));
  }
  if (failed(emitFiles(module, plan, files)) ||
      failed(emitWeights(index, files, plan)) ||
      failed(emitEntries(module, index, plan)) ||
      failed(emitText(module, plan)))
    return failure();
  return plan;
}
