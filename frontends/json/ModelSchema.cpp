//===- ModelSchema.cpp - the JSON Schema of model.json --------------------===//
#include "frontends/graph/OpSchema.h"
#include "frontends/json/ModelJson.h"
#include "frontends/json/RecipeSchema.h"

using namespace ft;
using namespace ft::json;
using namespace ft::graph;

static Json typed(const char *type) { return {{"type", type}}; }

static Json described(Json schema, const std::string &text) {
  schema["description"] = text;
  return schema;
}

static Json integer(int64_t min) {
  return {{"type", "integer"}, {"minimum", min}};
}

static Json listOf(Json items) {
  return {{"type", "array"}, {"items", std::move(items)}};
}

static Json ref(const char *name) {
  return {{"$ref", std::string("#/$defs/") + name}};
}

/// An object with these members and no others.
static Json closed(Json properties, std::vector<std::string> required) {
  Json schema = {{"type", "object"}};
  if (!required.empty())
    schema["required"] = required;
  schema["properties"] = std::move(properties);
  schema["additionalProperties"] = false;
  return schema;
}

static Json mapOf(Json values) {
  return {{"type", "object"}, {"additionalProperties", std::move(values)}};
}

//===----------------------------------------------------------------------===//
// Nodes
//===----------------------------------------------------------------------===//

static Json attrSchema(const AttrSchema &attr) {
  Json schema;
  switch (attr.kind) {
  case AttrKind::Integer:
    schema = integer(0);
    break;
  case AttrKind::Number:
    schema = typed("number");
    break;
  case AttrKind::Flag:
    schema = typed("boolean");
    break;
  case AttrKind::Choice:
    schema = {{"enum", attr.choices}};
    break;
  case AttrKind::Cache:
    schema = typed("string");
    break;
  case AttrKind::Axis:
  case AttrKind::Offset:
    schema = typed("integer");
    break;
  case AttrKind::Integers:
    schema = listOf(integer(0));
    break;
  case AttrKind::Axes:
    schema = listOf(typed("integer"));
    break;
  case AttrKind::Numbers:
    schema = ref("numbers");
    break;
  case AttrKind::Extent:
    schema = ref("extent");
    break;
  case AttrKind::Shape:
    schema = listOf(ref("extent"));
    break;
  case AttrKind::AnyShape:
    schema = listOf({{"anyOf", {ref("extent"), {{"const", -1}}}}});
    break;
  }
  return described(std::move(schema), attr.doc);
}

static Json operandsSchema(const OpSchema &op) {
  size_t required = 0;
  Json items = Json::array();
  for (const OperandSchema &operand : op.operands) {
    required += !operand.optional;
    const char *kind = operand.param  ? "param_name"
                       : op.primitive ? "operand_name"
                                      : "value_name";
    items.push_back(described(ref(kind), operand.name));
  }
  Json schema = {{"type", "array"}};
  if (!op.operands.empty() && op.operands.back().repeated)
    return {{"type", "array"}, {"items", items[0]}, {"minItems", 1}};
  if (!items.empty())
    schema["prefixItems"] = std::move(items);
  schema["minItems"] = required;
  schema["maxItems"] = op.operands.size();
  return schema;
}

static Json nodeSchema(const OpSchema &op) {
  Json properties = Json::object();
  std::vector<std::string> required{"op"};
  if (op.hasResult) {
    required.push_back("out");
    properties["out"] = ref("value_name");
  }
  properties["op"] = {{"const", op.name}};
  properties["in"] = operandsSchema(op);
  if (!op.operands.empty())
    required.push_back("in");
  for (const AttrSchema &attr : op.attrs) {
    properties[attr.name] = attrSchema(attr);
    if (attr.required)
      required.push_back(attr.name);
  }
  if (op.hasScore)
    properties["score"] = ref("score");
  return described(closed(std::move(properties), std::move(required)), op.doc);
}

/// Chosen by "op" alone, so that a validator's errors are about that op.
static Json nodesSchema() {
  Json names = Json::array(), rules = Json::array();
  auto add = [&](const std::string &name, Json schema) {
    names.push_back(name);
    rules.push_back({{"if", {{"properties", {{"op", {{"const", name}}}}}}},
                     {"then", std::move(schema)}});
  };
  for (const OpSchema &op : opSchemas()) {
    // A primitive of the same name takes what the semantic op takes, and more.
    const OpSchema &wider = *findOpSchema(op.name, /*padded=*/true);
    add(op.name, nodeSchema(wider));
  }
  for (const OpSchema &op : primitiveSchemas())
    if (!findOpSchema(op.name, /*padded=*/false))
      add(op.name, nodeSchema(op));
  return {{"type", "object"},
          {"required", {"op"}},
          {"properties", {{"op", {{"enum", names}}}}},
          {"allOf", rules}};
}

static Json scoreSchema() {
  Json names = Json::array({"table"});
  for (const ScoreFn &fn : scoreFns())
    names.push_back(fn.name);
  Json operand = {{"type", {"number", "string"}},
                  {"pattern", "^(score|head|query|key|#[0-9]+|@.+)$"}};
  Json instruction = {{"type", "array"},
                      {"prefixItems", Json::array({{{"enum", names}}})},
                      {"items", operand},
                      {"minItems", 2},
                      {"maxItems", 4}};
  return listOf(std::move(instruction));
}

//===----------------------------------------------------------------------===//
// Params
//===----------------------------------------------------------------------===//

static Json recipeKey(const std::string &key) {
  if (key == "file")
    return typed("string");
  if (key == "dtype")
    return ref("dtype");
  if (key == "shape")
    return ref("shape");
  if (key == "axis" || key == "start")
    return integer(0);
  if (key == "size")
    return integer(1);
  if (key == "scaling")
    return {{"enum", ropeScalings()}};
  return typed("number");
}

static bool isRequired(const RecipeSchema &schema, const std::string &key) {
  if (schema.op == plan::Recipe::Op::Generator)
    return key == "shape";
  return key != "dtype" && key != "axis";
}

static Json sourceSchema(const RecipeSchema &schema) {
  if (schema.op == plan::Recipe::Op::Generator) {
    Json names = Json::array();
    for (const GeneratorSchema &generator : generatorSchemas())
      names.push_back(generator.name);
    return {{"enum", names}};
  }
  switch (schema.source) {
  case RecipeSource::Text:
    return typed("string");
  case RecipeSource::Numbers:
    return listOf(typed("number"));
  case RecipeSource::One:
    return ref("recipe");
  case RecipeSource::Many:
    return {{"type", "array"}, {"items", ref("recipe")}, {"minItems", 1}};
  }
  return {};
}

static Json recipesSchema() {
  Json kinds = Json::array();
  for (const RecipeSchema &schema : recipeSchemas()) {
    Json properties = {{schema.name, sourceSchema(schema)}};
    std::vector<std::string> required{schema.name};
    for (const std::string &key : schema.keys) {
      properties[key] = recipeKey(key);
      if (isRequired(schema, key))
        required.push_back(key);
    }
    kinds.push_back(closed(std::move(properties), std::move(required)));
  }
  return {{"oneOf", kinds}};
}

//===----------------------------------------------------------------------===//
// The file
//===----------------------------------------------------------------------===//

static Json metaSchema() {
  return closed({{"architecture", typed("string")},
                 {"vocabulary", integer(0)},
                 {"max_positions", integer(0)},
                 {"end_tokens", listOf(integer(0))},
                 {"start_token", integer(-1)},
                 {"dtype", ref("dtype")},
                 {"weights", typed("string")},
                 {"image", imageStepsSchema()},
                 {"tokenizer", typed("string")},
                 {"tokenizer_config", typed("string")},
                 {"labels", listOf(typed("string"))},
                 {"label_scores", {{"enum", {"softmax", "sigmoid", "none"}}}}},
                {});
}

static Json inputSchema() {
  return closed(
      {{"name", typed("string")},
       {"role",
        {{"enum",
          {"tokens", "mask", "positions", "segments", "data", "image"}}}},
       {"dtype", {{"enum", {"i32", "f32"}}}},
       {"shape", listOf(ref("extent"))},
       {"limit", integer(1)}},
      {"name", "role"});
}

static Json cacheSchema() {
  return closed({{"layers", integer(1)},
                 {"page", integer(1)},
                 {"planes", mapOf(ref("shape"))}},
                {"layers", "planes"});
}

static Json entrySchema() {
  return closed({{"causal", typed("boolean")},
                 {"inputs", listOf(typed("string"))},
                 {"nodes", listOf(ref("node"))},
                 {"outputs",
                  {{"type", "object"},
                   {"additionalProperties", ref("value_name")},
                   {"minProperties", 1}}}},
                {"nodes", "outputs"});
}

static Json extentSchema() {
  Json product = {{"type", "string"},
                  {"pattern", "^([A-Za-z_0-9]+)(\\*[A-Za-z_0-9]+)*$"},
                  {"description", "a symbol, or a product such as 12*batch"}};
  return {{"anyOf", {integer(1), product}}};
}

static Json numbersSchema() {
  Json number = {{"anyOf", {typed("number"), {{"enum", {"inf", "-inf"}}}}}};
  Json list = listOf(number);
  list["minItems"] = 1;
  return {{"anyOf", {number, list}}};
}

static Json symbolsSchema() {
  Json axes = Json::object();
  for (const char *axis : kAxes)
    axes[axis] = closed(Json::object(), {});
  Json schema = closed(std::move(axes), {});
  schema["additionalProperties"] = closed(Json::object(), {});
  return schema;
}

std::string ft::json::modelJsonSchema() {
  Json entries = mapOf(entrySchema());
  entries["minProperties"] = 1;
  Json schema = {{"$schema", "https://json-schema.org/draft/2020-12/schema"},
                 {"title", "model.json of ftc"}};
  Json file = closed(
      {{"ft",
        {{"type", "integer"}, {"minimum", 1}, {"maximum", kModelVersion}}},
       {"name", typed("string")},
       {"model", metaSchema()},
       {"symbols", symbolsSchema()},
       {"inputs", listOf(inputSchema())},
       {"params", mapOf(ref("recipe"))},
       {"caches", mapOf(cacheSchema())},
       {"entries", entries}},
      {"ft", "name", "inputs", "entries"});
  schema.update(file);
  schema["$defs"] = {{"value_name", {{"type", "string"}, {"pattern", "^[^@]"}}},
                     {"param_name", {{"type", "string"}, {"pattern", "^@."}}},
                     {"operand_name", typed("string")},
                     {"extent", extentSchema()},
                     {"numbers", numbersSchema()},
                     {"dtype", {{"enum", {"f32", "f16", "bf16"}}}},
                     {"shape", listOf(integer(1))},
                     {"recipe", recipesSchema()},
                     {"score", scoreSchema()},
                     {"node", nodesSchema()}};
  return prettyPrint(schema);
}
