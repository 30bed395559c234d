//===- ReadModel.cpp - model.json to the model graph ----------------------===//
#include "frontends/json/ModelJson.h"

#include <algorithm>
#include <filesystem>

using namespace ft;
using namespace ft::json;
using graph::ModelGraph;
namespace fs = std::filesystem;

static StatusOr<std::vector<std::string>> readTexts(const JsonView &view) {
  FT_RETURN_IF_ERROR(view.expectArray());
  std::vector<std::string> list;
  for (size_t i = 0; i < view.value().size(); ++i) {
    FT_ASSIGN_OR_RETURN(std::string text, view.element(i).string());
    list.push_back(std::move(text));
  }
  return list;
}

static Status readLabels(const JsonView &meta, plan::Labels &labels) {
  if (meta.has("labels")) {
    FT_ASSIGN_OR_RETURN(labels.names, readTexts(meta.member("labels")));
  }
  if (!meta.has("label_scores"))
    return {};
  JsonView view = meta.member("label_scores");
  FT_ASSIGN_OR_RETURN(labels.scores, view.string());
  if (labels.scores != "softmax" && labels.scores != "sigmoid" &&
      labels.scores != "none")
    return view.mismatch("softmax, sigmoid or none");
  return {};
}

/// Metadata; `directory` is where the file stands.
static Status readMeta(const JsonView &view, const std::string &directory,
                       ModelGraph &graph) {
  FT_RETURN_IF_ERROR(view.expectOnly(
      {"architecture", "vocabulary", "max_positions", "end_tokens",
       "start_token", "dtype", "weights", "tokenizer", "tokenizer_config",
       "labels", "label_scores", "image"}));
  auto text = [&](const char *key, std::string &to) -> Status {
    if (view.has(key)) {
      FT_ASSIGN_OR_RETURN(to, view.member(key).string());
    }
    return {};
  };
  auto integer = [&](const char *key, int64_t min, int64_t &to) -> Status {
    if (view.has(key)) {
      FT_ASSIGN_OR_RETURN(to, view.member(key).integer(min));
    }
    return {};
  };
  std::string weights = ".";
  FT_RETURN_IF_ERROR(text("architecture", graph.architecture));
  FT_RETURN_IF_ERROR(integer("vocabulary", 0, graph.vocabulary));
  FT_RETURN_IF_ERROR(integer("max_positions", 0, graph.maxPositions));
  FT_RETURN_IF_ERROR(integer("start_token", -1, graph.startToken));
  FT_RETURN_IF_ERROR(text("weights", weights));
  FT_RETURN_IF_ERROR(text("tokenizer", graph.tokenizer));
  FT_RETURN_IF_ERROR(text("tokenizer_config", graph.tokenizerConfig));
  if (view.has("image")) {
    FT_ASSIGN_OR_RETURN(graph.image, readImageSteps(view.member("image")));
  }
  if (view.has("end_tokens")) {
    FT_ASSIGN_OR_RETURN(graph.endTokens, view.member("end_tokens").integers(0));
  }
  if (view.has("dtype")) {
    FT_ASSIGN_OR_RETURN(graph.dtype, readFloatType(view.member("dtype")));
  }
  FT_RETURN_IF_ERROR(readLabels(view, graph.labels));
  std::error_code ignored;
  fs::path place = fs::path(directory) / weights;
  graph.weightsDir = fs::weakly_canonical(place, ignored).string();
  return {};
}

/// Names of axes and, where the section is there, all symbols of shapes.
static Status readSymbols(const JsonView &view, const ModelGraph &graph) {
  std::vector<std::string> known(std::begin(graph::kAxes),
                                 std::end(graph::kAxes));
  for (const graph::Input &input : graph.inputs)
    for (const graph::Extent &extent : input.padded)
      for (const std::string &symbol : extent.symbols) {
        if (!view.has(symbol))
          return view.error("symbol '" + symbol + "' of the input '" +
                            input.name + "' is not defined");
        known.push_back(symbol);
      }
  FT_RETURN_IF_ERROR(view.expectOnly(known));
  for (auto &[name, value] : view.value().items())
    FT_RETURN_IF_ERROR(view.member(name).expectOnly({}));
  return {};
}

static StatusOr<plan::InputRole> readRole(const JsonView &view) {
  using enum plan::InputRole;
  FT_ASSIGN_OR_RETURN(std::string name, view.string());
  for (plan::InputRole role : {Tokens, Mask, Positions, Segments, Data, Image})
    if (name == graph::roleName(role))
      return role;
  return view.mismatch("tokens, mask, positions, segments, data or image");
}

/// A shape with symbols makes the input a padded tensor.
static Status readInputShape(const JsonView &view, graph::Input &input) {
  FT_RETURN_IF_ERROR(view.expectArray());
  const Json &list = view.value();
  bool image = input.role == plan::InputRole::Image;
  bool ids = input.role != plan::InputRole::Data && !image;
  bool padded = std::any_of(list.begin(), list.end(),
                            [](const Json &e) { return e.is_string(); });
  if (!padded) {
    FT_ASSIGN_OR_RETURN(input.shape, view.shape());
    if (ids && !input.shape.empty())
      return view.error("ids have no shape beside the tokens");
    return {};
  }
  if (image)
    return view.mismatch("the numbers [channels, height, width]");
  FT_ASSIGN_OR_RETURN(input.padded, readPaddedShape(view, /*open=*/false));
  auto isSymbol = [](const graph::Extent &extent) {
    return extent.factor == 1 && extent.symbols.size() == 1;
  };
  const graph::Shape &shape = input.padded;
  bool fits = isSymbol(shape[0]) && (!ids || shape.size() == 2);
  if (fits && shape.size() > 1 && isSymbol(shape[1]))
    fits = shape[0].symbols != shape[1].symbols;
  else if (ids)
    fits = false;
  if (!fits)
    return view.mismatch(ids ? "two symbols, such as [\"batch\", "
                               "\"sequence\"]"
                             : "a symbol of the batch first, such as "
                               "[\"batch\", \"sequence\", 64]");
  return {};
}

static StatusOr<graph::Input> readInput(const JsonView &view) {
  FT_RETURN_IF_ERROR(
      view.expectOnly({"name", "role", "dtype", "shape", "limit"}));
  graph::Input input;
  FT_ASSIGN_OR_RETURN(JsonView name, view.at("name"));
  FT_ASSIGN_OR_RETURN(input.name, name.string());
  FT_ASSIGN_OR_RETURN(JsonView role, view.at("role"));
  FT_ASSIGN_OR_RETURN(input.role, readRole(role));
  bool data = input.role == plan::InputRole::Data;
  bool image = input.role == plan::InputRole::Image;
  input.dtype = data || image ? DType::F32 : DType::I32;
  if (view.has("dtype")) {
    FT_ASSIGN_OR_RETURN(std::string dtype, view.member("dtype").string());
    std::optional<DType> type = dtypeFromName(dtype);
    bool fits = (type == DType::I32 && !image) ||
                (type == DType::F32 && (data || image));
    if (!fits)
      return view.member("dtype").mismatch(data    ? "f32 or i32"
                                           : image ? "f32"
                                                   : "i32");
    input.dtype = *type;
  }
  if (view.has("shape"))
    FT_RETURN_IF_ERROR(readInputShape(view.member("shape"), input));
  if (image && input.shape.size() != 3)
    return view.error("an image has the \"shape\" [channels, height, width]");
  if (view.has("limit")) {
    FT_ASSIGN_OR_RETURN(input.limit, view.member("limit").integer(1));
  }
  return input;
}

static StatusOr<plan::Cache> readCache(const std::string &name,
                                       const JsonView &view) {
  FT_RETURN_IF_ERROR(view.expectOnly({"layers", "page", "planes"}));
  plan::Cache cache;
  cache.name = name;
  FT_ASSIGN_OR_RETURN(JsonView layers, view.at("layers"));
  FT_ASSIGN_OR_RETURN(cache.layers, layers.integer(1, 1 << 20));
  if (view.has("page")) {
    FT_ASSIGN_OR_RETURN(cache.pageSize,
                        view.member("page").integer(1, 1 << 20));
  }
  FT_ASSIGN_OR_RETURN(JsonView planes, view.at("planes"));
  FT_RETURN_IF_ERROR(planes.expectObject());
  for (auto &[plane, shape] : planes.value().items()) {
    plan::CachePlane made;
    made.name = plane;
    FT_ASSIGN_OR_RETURN(made.shape, planes.member(plane).shape());
    cache.planes.push_back(std::move(made));
  }
  return cache;
}

static Status readOutputs(const JsonView &view, graph::Entry &entry) {
  FT_RETURN_IF_ERROR(view.expectObject());
  for (auto &[name, value] : view.value().items()) {
    graph::Output output{name, ""};
    FT_ASSIGN_OR_RETURN(output.value, view.member(name).string());
    entry.outputs.push_back(std::move(output));
  }
  return {};
}

static StatusOr<graph::Entry> readEntry(const std::string &name,
                                        const JsonView &view,
                                        const ModelGraph &graph) {
  FT_RETURN_IF_ERROR(view.expectOnly({"causal", "inputs", "nodes", "outputs"}));
  graph::Entry entry;
  entry.name = name;
  if (view.has("causal")) {
    FT_ASSIGN_OR_RETURN(entry.causal, view.member("causal").boolean());
  }
  if (view.has("inputs")) {
    FT_ASSIGN_OR_RETURN(entry.inputs, readTexts(view.member("inputs")));
  } else {
    for (const graph::Input &input : graph.inputs)
      entry.inputs.push_back(input.name);
  }
  entry.padded = std::any_of(
      entry.inputs.begin(), entry.inputs.end(), [&](const std::string &input) {
        const graph::Input *found = graph.findInput(input);
        return found && !found->padded.empty();
      });
  FT_ASSIGN_OR_RETURN(JsonView nodes, view.at("nodes"));
  FT_RETURN_IF_ERROR(nodes.expectArray());
  for (size_t i = 0; i < nodes.value().size(); ++i) {
    FT_ASSIGN_OR_RETURN(graph::Node node,
                        readNode(nodes.element(i), entry.padded));
    node.index = i;
    entry.nodes.push_back(std::move(node));
  }
  FT_ASSIGN_OR_RETURN(JsonView outputs, view.at("outputs"));
  FT_RETURN_IF_ERROR(readOutputs(outputs, entry));
  return entry;
}

/// Calls `read(name, view)` for each member of the object `key`, if there.
template <typename Read>
static Status forEach(const JsonView &root, const char *key, Read read) {
  if (!root.has(key))
    return {};
  JsonView object = root.member(key);
  FT_RETURN_IF_ERROR(object.expectObject());
  for (auto &[name, value] : object.value().items())
    FT_RETURN_IF_ERROR(read(name, object.member(name)));
  return {};
}

static Status readVersion(const JsonView &root) {
  FT_ASSIGN_OR_RETURN(JsonView view, root.at("ft"));
  FT_ASSIGN_OR_RETURN(int64_t version, view.integer(1));
  if (version > graph::kModelVersion)
    return view.error("version " + std::to_string(version) +
                      " is newer than this ftc reads (" +
                      std::to_string(graph::kModelVersion) + ")");
  return {};
}

static Status readSections(const JsonView &root, const std::string &directory,
                           ModelGraph &graph) {
  FT_RETURN_IF_ERROR(readVersion(root));
  FT_RETURN_IF_ERROR(
      root.expectOnly({"ft", "name", "model", "symbols", "inputs", "params",
                       "caches", "entries"}));
  FT_ASSIGN_OR_RETURN(JsonView name, root.at("name"));
  FT_ASSIGN_OR_RETURN(graph.name, name.string());
  static const Json kNoMeta = Json::object();
  FT_RETURN_IF_ERROR(
      readMeta(root.has("model") ? root.member("model") : JsonView(kNoMeta),
               directory, graph));
  FT_ASSIGN_OR_RETURN(JsonView inputs, root.at("inputs"));
  FT_RETURN_IF_ERROR(inputs.expectArray());
  for (size_t i = 0; i < inputs.value().size(); ++i) {
    FT_ASSIGN_OR_RETURN(graph::Input input, readInput(inputs.element(i)));
    graph.inputs.push_back(std::move(input));
  }
  if (root.has("symbols"))
    FT_RETURN_IF_ERROR(readSymbols(root.member("symbols"), graph));
  FT_RETURN_IF_ERROR(forEach(
      root, "params",
      [&](const std::string &param, const JsonView &view) -> Status {
        FT_ASSIGN_OR_RETURN(graph::Param made, readParam(param, view, graph));
        graph.params.push_back(std::move(made));
        return {};
      }));
  FT_RETURN_IF_ERROR(
      forEach(root, "caches",
              [&](const std::string &cache, const JsonView &view) -> Status {
                FT_ASSIGN_OR_RETURN(plan::Cache made, readCache(cache, view));
                graph.caches.push_back(std::move(made));
                return {};
              }));
  return forEach(root, "entries",
                 [&](const std::string &entry, const JsonView &view) -> Status {
                   FT_ASSIGN_OR_RETURN(graph::Entry made,
                                       readEntry(entry, view, graph));
                   graph.entries.push_back(std::move(made));
                   return {};
                 });
}

StatusOr<ModelGraph> ft::json::readModelJson(const std::string &path) {
  FT_ASSIGN_OR_RETURN(Json parsed, readJsonFile(path));
  ModelGraph graph;
  std::error_code ignored;
  std::string directory = fs::absolute(path, ignored).parent_path().string();
  Status status = readSections(JsonView(parsed), directory, graph);
  if (!status.ok())
    return status.withContext(path);
  return graph;
}
