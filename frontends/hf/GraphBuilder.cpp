//===- GraphBuilder.cpp - what families build their graphs with -----------===//
#include "frontends/hf/GraphBuilder.h"

#include <cassert>

using namespace ft;
using namespace ft::hf;
using plan::Recipe;

bool ft::hf::isBare(const std::string &architecture) {
  return architecture.empty() || (architecture.ends_with("Model") &&
                                  !architecture.ends_with("LMHeadModel"));
}

/// The class that transformers saved; empty where config.json names none.
static std::string savedClass(const Checkpoint &checkpoint) {
  auto named = checkpoint.config.find("architectures");
  bool known = named != checkpoint.config.end() && named->is_array() &&
               !named->empty() && named->front().is_string();
  return known ? named->front().get<std::string>() : "";
}

std::string
GraphBuilder::findPrefix(const std::string &tensor,
                         std::initializer_list<std::string> candidates) const {
  for (const std::string &prefix : candidates)
    if (checkpoint_.hasTensor(prefix + tensor))
      return prefix;
  std::string saved = savedClass(checkpoint_);
  if (saved.empty())
    saved = wanted_.architecture;
  if (saved.empty())
    return *candidates.begin();
  bool bare = isBare(saved);
  for (const std::string &prefix : candidates)
    if (prefix.empty() == bare)
      return prefix;
  return *candidates.begin();
}

//===----------------------------------------------------------------------===//
// Params
//===----------------------------------------------------------------------===//

Recipe GraphBuilder::tensor(const std::string &name, std::vector<int64_t> shape,
                            std::initializer_list<std::string> aliases) {
  Recipe recipe;
  recipe.op = Recipe::Op::Tensor;
  recipe.text = name;
  for (const std::string &alias : aliases)
    if (!checkpoint_.hasTensor(name) && checkpoint_.hasTensor(alias))
      recipe.text = alias;
  recipe.shape = std::move(shape);
  recipe.stored = stored_;
  recipe.file = 0;
  if (checkpoint_.hasTensor(recipe.text)) {
    SafetensorsDirectory::Place place = *checkpoint_.weights->find(recipe.text);
    recipe.stored = place.tensor->dtype.value_or(stored_);
    recipe.file = place.file;
  } else if (checkpoint_.weights) {
    fail(notFound("tensor '" + name + "' of shape " +
                  graph::shapeText(recipe.shape) +
                  " is not in the checkpoint"));
  }
  return recipe;
}

std::string GraphBuilder::param(const std::string &name, Recipe recipe) {
  if (params_.insert(name).second)
    graph_.params.push_back({name, std::move(recipe)});
  return "@" + name;
}

std::string GraphBuilder::param(const std::string &name,
                                const std::string &tensorName,
                                std::vector<int64_t> shape) {
  return param(name, tensor(tensorName, std::move(shape)));
}

std::string GraphBuilder::rope(const std::string &name,
                               const RopeTable &table) {
  Recipe recipe;
  recipe.op = Recipe::Op::Generator;
  recipe.text = "rope";
  recipe.shape = {table.positions, table.dims};
  recipe.numbers = table.numbers;
  return param(name, std::move(recipe));
}

Recipe ft::hf::sliceOf(Recipe of, int64_t axis, int64_t start, int64_t size) {
  Recipe recipe;
  recipe.op = Recipe::Op::Slice;
  recipe.axis = axis;
  recipe.start = start;
  recipe.shape = of.shape;
  recipe.shape[axis] = size;
  recipe.of = {std::move(of)};
  return recipe;
}

Recipe ft::hf::transposeOf(Recipe of) {
  Recipe recipe;
  recipe.op = Recipe::Op::Transpose;
  recipe.shape = {of.shape[1], of.shape[0]};
  recipe.of = {std::move(of)};
  return recipe;
}

Recipe ft::hf::reshapeOf(Recipe of, std::vector<int64_t> shape) {
  Recipe recipe;
  recipe.op = Recipe::Op::Reshape;
  recipe.shape = std::move(shape);
  recipe.of = {std::move(of)};
  return recipe;
}

//===----------------------------------------------------------------------===//
// Entries and nodes
//===----------------------------------------------------------------------===//

void GraphBuilder::input(const std::string &name, plan::InputRole role,
                         int64_t limit) {
  graph_.inputs.push_back({name, role, DType::I32, {}, {}, limit});
}

void GraphBuilder::dataInput(const std::string &name,
                             std::vector<int64_t> shape) {
  graph_.inputs.push_back(
      {name, plan::InputRole::Data, DType::F32, std::move(shape), {}, 0});
}

void GraphBuilder::cache(const std::string &name, int64_t layers, int64_t heads,
                         int64_t headSize) {
  plan::Cache cache;
  cache.name = name;
  cache.layers = layers;
  cache.planes = {{"k", DType::F32, {heads, headSize}},
                  {"v", DType::F32, {heads, headSize}}};
  graph_.caches.push_back(std::move(cache));
}

void GraphBuilder::image(const std::string &name, std::vector<int64_t> shape) {
  graph_.inputs.push_back(
      {name, plan::InputRole::Image, DType::F32, std::move(shape), {}, 0});
}

void GraphBuilder::entry(const std::string &name, bool causal,
                         std::vector<std::string> inputs) {
  graph_.entries.emplace_back();
  graph_.entries.back().name = name;
  graph_.entries.back().causal = causal;
  graph_.entries.back().inputs = std::move(inputs);
}

void GraphBuilder::output(const std::string &name, const std::string &value) {
  graph_.entries.back().outputs.push_back({name, value});
}

std::string GraphBuilder::node(const std::string &op, const std::string &out,
                               std::vector<std::string> in, Attrs attrs) {
  graph::Entry &entry = graph_.entries.back();
  while (!in.empty() && in.back().empty())
    in.pop_back();
  graph::Node node;
  node.op = op;
  node.out = out;
  node.in = std::move(in);
  node.attrs = std::move(attrs);
  node.index = entry.nodes.size();
  entry.nodes.push_back(std::move(node));
  return out;
}

std::string GraphBuilder::linear(const std::string &out, const std::string &in,
                                 const std::string &weight,
                                 const std::string &bias, int64_t heads) {
  Attrs attrs;
  if (heads)
    attrs["heads"] = heads;
  return node("linear", out, {in, weight, bias}, std::move(attrs));
}

namespace {
/// transformers' name of an activation and the op it is, if it is a single one.
struct Activation {
  const char *name;
  const char *op;
  bool tanh = false;
};
} // namespace

static constexpr Activation kActivations[] = {
    {"gelu", "gelu"},
    {"gelu_python", "gelu"},
    {"gelu_new", "gelu", true},
    {"gelu_fast", "gelu", true},
    {"gelu_pytorch_tanh", "gelu", true},
    {"gelu_python_tanh", "gelu", true},
    {"silu", "silu"},
    {"swish", "silu"},
    {"relu", "relu"},
    {"tanh", "tanh"},
    {"sigmoid", "sigmoid"},
    {"quick_gelu", nullptr}, // x * sigmoid(1.702 x)
    {"relu2", nullptr},      // relu(x)^2
};

bool GraphBuilder::knowsActivation(const std::string &name) {
  for (const Activation &activation : kActivations)
    if (name == activation.name)
      return true;
  return false;
}

std::string GraphBuilder::knownActivations() {
  std::string names;
  for (const Activation &activation : kActivations)
    names += (names.empty() ? "" : ", ") + std::string(activation.name);
  return names;
}

std::string GraphBuilder::activation(const std::string &out,
                                     const std::string &in,
                                     const std::string &name) {
  assert(knowsActivation(name));
  if (name == "quick_gelu") {
    std::string scaled = node("scale", out + ".scaled", {in}, {{"by", 1.702}});
    std::string gate = node("sigmoid", out + ".gate", {scaled});
    return node("mul", out, {in, gate});
  }
  if (name == "relu2")
    return node("square", out, {node("relu", out + ".relu", {in})});
  for (const Activation &activation : kActivations)
    if (name == activation.name)
      return node(activation.op, out, {in},
                  activation.tanh ? Attrs{{"tanh", true}} : Attrs());
  return "";
}
