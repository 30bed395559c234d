//===- WriteModel.cpp - the model graph to model.json ---------------------===//
#include "frontends/graph/OpSchema.h"
#include "frontends/json/ModelJson.h"
#include "frontends/json/RecipeSchema.h"

#include <cmath>
#include <filesystem>
#include <functional>

using namespace ft;
using namespace ft::json;
using namespace ft::graph;
using plan::Recipe;
namespace fs = std::filesystem;

static Json writeRecipe(const Recipe &recipe, const ModelGraph &graph) {
  Json json = Json::object();
  const RecipeSchema *schema = nullptr;
  for (const RecipeSchema &candidate : recipeSchemas())
    if (candidate.op == recipe.op)
      schema = &candidate;
  Json &source = json[schema->name];
  if (schema->source == RecipeSource::Text)
    source = recipe.text;
  else if (schema->source == RecipeSource::Numbers)
    source = recipe.data;
  else if (schema->source == RecipeSource::One)
    source = writeRecipe(recipe.of[0], graph);
  else
    for (const Recipe &child : recipe.of)
      source.push_back(writeRecipe(child, graph));
  for (const std::string &key : schema->keys) {
    if (key == "file")
      json[key] = graph.files[size_t(recipe.file)].name;
    else if (key == "dtype")
      json[key] = dtypeName(recipe.stored);
    else if (key == "shape")
      json[key] = recipe.shape;
    else if (key == "axis")
      json[key] = recipe.axis;
    else if (key == "start" && recipe.op == Recipe::Op::Slice)
      json[key] = recipe.start;
    else if (key == "size")
      json[key] = recipe.shape[size_t(recipe.axis)];
    else if (key == "by")
      json[key] = recipe.value;
    else if (key == "scaling" && recipe.numbers.count(key))
      json[key] = ropeScalings()[size_t(recipe.numbers.at(key))];
    else if (recipe.numbers.count(key))
      json[key] = recipe.numbers.at(key);
  }
  return json;
}

static Json writeScore(const std::vector<ScoreInst> &score) {
  Json list = Json::array();
  for (const ScoreInst &inst : score) {
    Json line = Json::array({inst.op});
    if (inst.op == "table")
      line.push_back("@" + inst.table);
    for (const ScoreArg &arg : inst.args) {
      static const char *const inputs[] = {"score", "head", "query", "key"};
      if (arg.kind == ScoreArg::Kind::Number)
        line.push_back(arg.number);
      else if (arg.kind == ScoreArg::Kind::Result)
        line.push_back("#" + std::to_string(arg.result));
      else
        line.push_back(inputs[size_t(arg.kind)]);
    }
    list.push_back(std::move(line));
  }
  return list;
}

static Json writeExtent(const Extent &extent) {
  if (extent.symbols.empty())
    return extent.factor;
  return extentText(extent);
}

static Json writeShape(const graph::Shape &shape) {
  Json json = Json::array();
  for (const Extent &extent : shape)
    json.push_back(writeExtent(extent));
  return json;
}

static Json writeNumber(double number) {
  if (std::isinf(number))
    return number < 0 ? "-inf" : "inf";
  return number;
}

static Json writeNumbers(const std::vector<double> &numbers) {
  if (numbers.size() == 1)
    return writeNumber(numbers[0]);
  Json json = Json::array();
  for (double number : numbers)
    json.push_back(writeNumber(number));
  return json;
}

static Json writeAttr(const AttrSchema &attr, const AttrValue &value) {
  if (attr.kind == AttrKind::Extent)
    return writeExtent(std::get<graph::Shape>(value)[0]);
  if (auto *shape = std::get_if<graph::Shape>(&value))
    return writeShape(*shape);
  if (auto *numbers = std::get_if<std::vector<double>>(&value))
    return writeNumbers(*numbers);
  return std::visit(
      [](const auto &v) -> Json {
        if constexpr (std::is_same_v<std::decay_t<decltype(v)>, graph::Shape>)
          return {};
        else
          return v;
      },
      value);
}

static Json writeNode(const Node &node, bool padded) {
  Json json = Json::object();
  if (!node.out.empty())
    json["out"] = node.out;
  json["op"] = node.op;
  json["in"] = node.in;
  for (const AttrSchema &attr : findOpSchema(node.op, padded)->attrs)
    if (auto value = node.attrs.find(attr.name); value != node.attrs.end())
      json[attr.name] = writeAttr(attr, value->second);
  if (!node.score.empty())
    json["score"] = writeScore(node.score);
  return json;
}

static Json writeEntry(const Entry &entry) {
  Json json = Json::object();
  if (entry.causal)
    json["causal"] = true;
  json["inputs"] = entry.inputs;
  json["nodes"] = Json::array();
  for (const Node &node : entry.nodes)
    json["nodes"].push_back(writeNode(node, entry.padded));
  for (const Output &output : entry.outputs)
    json["outputs"][output.name] = output.value;
  return json;
}

static Json writeMeta(const ModelGraph &graph, const std::string &directory) {
  Json json = Json::object();
  json["architecture"] = graph.architecture;
  json["vocabulary"] = graph.vocabulary;
  json["max_positions"] = graph.maxPositions;
  json["end_tokens"] = graph.endTokens;
  json["start_token"] = graph.startToken;
  json["dtype"] = dtypeName(graph.dtype);
  if (!graph.image.input.empty())
    json["image"] = writeImageSteps(graph.image);
  std::error_code ignored;
  fs::path from = fs::weakly_canonical(directory, ignored);
  json["weights"] =
      fs::path(graph.weightsDir).lexically_relative(from).string();
  if (!graph.tokenizer.empty())
    json["tokenizer"] = graph.tokenizer;
  if (!graph.tokenizerConfig.empty())
    json["tokenizer_config"] = graph.tokenizerConfig;
  if (!graph.labels.names.empty()) {
    json["labels"] = graph.labels.names;
    json["label_scores"] = graph.labels.scores;
  }
  return json;
}

static Json writeInput(const Input &input) {
  Json json = {{"name", input.name},
               {"role", roleName(input.role)},
               {"dtype", dtypeName(input.dtype)}};
  if (!input.shape.empty())
    json["shape"] = input.shape;
  if (!input.padded.empty())
    json["shape"] = writeShape(input.padded);
  if (input.limit)
    json["limit"] = input.limit;
  return json;
}

static Json writeCache(const plan::Cache &cache) {
  Json json = {{"layers", cache.layers}, {"page", cache.pageSize}};
  for (const plan::CachePlane &plane : cache.planes)
    json["planes"][plane.name] = plane.shape;
  return json;
}

static std::string scalarText(const Json &json) {
  // A folder may have a name that is not UTF-8.
  return json.dump(-1, ' ', false, Json::error_handler_t::replace);
}

/// With its members on one line, as `separator` puts them.
static void printMembers(const Json &json, const std::string &separator,
                         const std::function<void(const Json &)> &print,
                         std::string &out) {
  bool first = true;
  for (auto &[key, value] : json.items()) {
    out += first ? separator.substr(1) : separator;
    first = false;
    if (json.is_object())
      out += scalarText(key) + ": ";
    print(value);
  }
}

static void printFlat(const Json &json, std::string &out) {
  if (!json.is_structured()) {
    out += scalarText(json);
    return;
  }
  out += json.is_object() ? "{" : "[";
  std::string members;
  printMembers(
      json, ", ", [&](const Json &value) { printFlat(value, members); },
      members);
  out += members.empty() ? "" : members.substr(1);
  out += json.is_object() ? "}" : "]";
}

/// What fits a line stands on one; anything else has a line for each member.
static void print(const Json &json, size_t indent, std::string &out) {
  constexpr size_t kLine = 160;
  std::string flat;
  printFlat(json, flat);
  if (!json.is_structured() || indent + flat.size() <= kLine) {
    out += flat;
    return;
  }
  out += json.is_object() ? "{" : "[";
  printMembers(
      json, ",\n" + std::string(indent + 2, ' '),
      [&](const Json &value) { print(value, indent + 2, out); }, out);
  out += "\n" + std::string(indent, ' ') + (json.is_object() ? "}" : "]");
}

std::string ft::json::prettyPrint(const Json &json) {
  std::string text;
  print(json, 0, text);
  return text + "\n";
}

std::string ft::json::writeModelJson(const ModelGraph &graph,
                                     const std::string &directory) {
  Json json = {{"ft", kModelVersion}, {"name", graph.name}};
  json["model"] = writeMeta(graph, directory);
  for (const char *axis : kAxes)
    json["symbols"][axis] = Json::object();
  for (const Input &input : graph.inputs)
    for (const Extent &extent : input.padded)
      for (const std::string &symbol : extent.symbols)
        json["symbols"][symbol] = Json::object();
  json["inputs"] = Json::array();
  for (const Input &input : graph.inputs)
    json["inputs"].push_back(writeInput(input));
  json["params"] = Json::object();
  for (const Param &param : graph.params)
    json["params"][param.name] = writeRecipe(param.recipe, graph);
  for (const plan::Cache &cache : graph.caches)
    json["caches"][cache.name] = writeCache(cache);
  for (const Entry &entry : graph.entries)
    json["entries"][entry.name] = writeEntry(entry);
  return prettyPrint(json);
}
