//===- WeightFiles.cpp - a graph's tensors against their files ------------===//
#include "frontends/graph/WeightFiles.h"

#include "frontends/graph/OpSchema.h"
#include "runtime/base/Safetensors.h"

#include <filesystem>

using namespace ft;
using namespace ft::graph;
namespace fs = std::filesystem;

static std::string suggestTensor(const std::string &name,
                                 const SafetensorsHeader &header) {
  std::vector<std::string> names;
  for (auto &[tensor, info] : header.tensors())
    names.push_back(tensor);
  return suggestion(name, names);
}

static Status checkTensor(const plan::Recipe &leaf, const std::string &file,
                          const SafetensorsHeader &header) {
  const SafetensorsTensor *tensor = header.find(leaf.text);
  if (!tensor)
    return notFound("tensor '" + leaf.text + "' of shape " +
                    shapeText(leaf.shape) + " is not in " + file +
                    suggestTensor(leaf.text, header));
  if (tensor->shape != leaf.shape)
    return invalidArgument("tensor '" + leaf.text + "' of " + file +
                           ": expected shape " + shapeText(leaf.shape) +
                           ", found " + shapeText(tensor->shape));
  if (tensor->dtype != DType::F32 && tensor->dtype != DType::F16 &&
      tensor->dtype != DType::BF16)
    return unsupported("tensor '" + leaf.text + "' of " + file +
                       ": expected F32, F16 or BF16, found " +
                       tensor->storedAs);
  if (tensor->dtype != leaf.stored)
    return invalidArgument("tensor '" + leaf.text + "' of " + file +
                           ": expected dtype " +
                           std::string(dtypeName(leaf.stored)) + ", found " +
                           std::string(dtypeName(*tensor->dtype)));
  return {};
}

static Status checkRecipe(const plan::Recipe &recipe, const ModelGraph &graph,
                          const std::vector<SafetensorsHeader> &headers) {
  if (recipe.op == plan::Recipe::Op::Tensor)
    return checkTensor(recipe, graph.files[size_t(recipe.file)].name,
                       headers[size_t(recipe.file)]);
  for (const plan::Recipe &child : recipe.of)
    FT_RETURN_IF_ERROR(checkRecipe(child, graph, headers));
  return {};
}

/// Calls `visit` on every tensor leaf.
template <typename Visit>
static void forEachLeaf(plan::Recipe &recipe, Visit visit) {
  if (recipe.op == plan::Recipe::Op::Tensor)
    visit(recipe);
  for (plan::Recipe &child : recipe.of)
    forEachLeaf(child, visit);
}

/// Files by name, without those that no recipe names.
static void normalizeFiles(ModelGraph &graph) {
  std::map<std::string, int32_t> order;
  for (Param &param : graph.params)
    forEachLeaf(param.recipe, [&](plan::Recipe &leaf) {
      order[graph.files[size_t(leaf.file)].name] = 0;
    });
  std::vector<plan::File> files;
  for (auto &[name, index] : order) {
    index = int32_t(files.size());
    files.push_back({name, 0});
  }
  for (Param &param : graph.params)
    forEachLeaf(param.recipe, [&](plan::Recipe &leaf) {
      leaf.file = order[graph.files[size_t(leaf.file)].name];
    });
  graph.files = std::move(files);
}

Status ft::graph::checkWeights(ModelGraph &graph) {
  normalizeFiles(graph);
  bool any = false;
  std::vector<std::string> paths;
  std::error_code ignored;
  for (const plan::File &file : graph.files) {
    if (!isPlainFileName(file.name))
      return invalidArgument("/params: expected the name of a file in the "
                             "weights directory, found '" +
                             file.name + "'");
    paths.push_back((fs::path(graph.weightsDir) / file.name).string());
    any = any || fs::exists(paths.back(), ignored);
  }
  if (!any)
    return {};
  std::vector<SafetensorsHeader> headers;
  for (size_t i = 0; i < paths.size(); ++i) {
    FT_ASSIGN_OR_RETURN(SafetensorsHeader header,
                        SafetensorsHeader::read(paths[i]));
    graph.files[i].headerHash = header.hash();
    headers.push_back(std::move(header));
  }
  for (const Param &param : graph.params)
    if (Status status = checkRecipe(param.recipe, graph, headers); !status.ok())
      return status.withContext("/params/" + pointerToken(param.name));
  return {};
}
