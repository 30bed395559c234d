//===- ReadNode.cpp - the nodes of model.json -----------------------------===//
#include "frontends/graph/OpSchema.h"
#include "frontends/json/ModelJson.h"

#include <algorithm>
#include <limits>

using namespace ft;
using namespace ft::json;
using namespace ft::graph;

/// A number, or an infinite one as text.
static StatusOr<double> readNumber(const JsonView &view) {
  constexpr double kInfinite = std::numeric_limits<double>::infinity();
  if (view.value() == "inf")
    return kInfinite;
  if (view.value() == "-inf")
    return -kInfinite;
  return view.number();
}

static StatusOr<std::vector<double>> readNumbers(const JsonView &view) {
  constexpr size_t kMost = 16384; // as in a literal param
  std::vector<double> numbers;
  size_t count = view.value().is_array() ? view.value().size() : 1;
  if (count < 1 || count > kMost)
    return view.mismatch("a number or a list of 1 to 16384");
  for (size_t i = 0; i < count; ++i) {
    FT_ASSIGN_OR_RETURN(
        double number,
        readNumber(view.value().is_array() ? view.element(i) : view));
    numbers.push_back(number);
  }
  return numbers;
}

static StatusOr<std::string> readChoice(const AttrSchema &attr,
                                        const JsonView &view) {
  FT_ASSIGN_OR_RETURN(std::string value, view.string());
  const auto &choices = attr.choices;
  if (std::find(choices.begin(), choices.end(), value) != choices.end())
    return value;
  std::string list;
  for (const std::string &choice : choices)
    list += (list.empty() ? "" : ", ") + choice;
  return view.mismatch("one of " + list);
}

template <typename T> static StatusOr<AttrValue> asValue(StatusOr<T> value) {
  if (!value.ok())
    return value.status();
  return AttrValue(std::move(*value));
}

static StatusOr<AttrValue> readAttr(const AttrSchema &attr,
                                    const JsonView &view) {
  constexpr int64_t kAxes = 64; // no tensor has more
  constexpr int64_t kPlaces = int64_t(1) << 31;
  switch (attr.kind) {
  case AttrKind::Integer:
    return asValue(view.integer(0));
  case AttrKind::Number:
    return asValue(view.number());
  case AttrKind::Flag:
    return asValue(view.boolean());
  case AttrKind::Choice:
    return asValue(readChoice(attr, view));
  case AttrKind::Cache:
    return asValue(view.string());
  case AttrKind::Axis:
    return asValue(view.integer(-kAxes, kAxes));
  case AttrKind::Offset:
    return asValue(view.integer(-kPlaces, kPlaces));
  case AttrKind::Integers:
    return asValue(view.integers(0));
  case AttrKind::Axes:
    return asValue(view.integers(-kAxes));
  case AttrKind::Numbers:
    return asValue(readNumbers(view));
  case AttrKind::Extent: {
    FT_ASSIGN_OR_RETURN(Extent value, readExtent(view, /*open=*/false));
    return AttrValue(Shape{value});
  }
  case AttrKind::Shape:
    return asValue(readPaddedShape(view, /*open=*/false));
  case AttrKind::AnyShape:
    return asValue(readPaddedShape(view, /*open=*/true));
  }
  return view.mismatch("a known attribute");
}

//===----------------------------------------------------------------------===//
// Score regions
//===----------------------------------------------------------------------===//

static StatusOr<ScoreArg> readScoreArg(const JsonView &view, size_t index) {
  ScoreArg arg;
  if (view.value().is_number()) {
    FT_ASSIGN_OR_RETURN(arg.number, view.number());
    return arg;
  }
  FT_ASSIGN_OR_RETURN(std::string name, view.string());
  static const std::pair<const char *, ScoreArg::Kind> inputs[] = {
      {"score", ScoreArg::Kind::Score},
      {"head", ScoreArg::Kind::Head},
      {"query", ScoreArg::Kind::Query},
      {"key", ScoreArg::Kind::Key}};
  for (auto &[input, kind] : inputs)
    if (name == input) {
      arg.kind = kind;
      return arg;
    }
  arg.kind = ScoreArg::Kind::Result;
  for (size_t i = 0; i < index; ++i)
    if (name == "#" + std::to_string(i)) {
      arg.result = i;
      return arg;
    }
  return view.mismatch("a number, score, head, query, key or # with the "
                       "index of an earlier instruction");
}

/// The operands of `fn`, and of "table" the name of its param.
static StatusOr<size_t> scoreArity(const JsonView &view, ScoreInst &inst) {
  size_t given = view.value().size() - 1;
  if (inst.op == "table") {
    if (given < 2 || given > 3)
      return view.mismatch("a param and one or two indices after \"table\"");
    FT_ASSIGN_OR_RETURN(std::string param, view.element(1).string());
    if (!param.starts_with('@'))
      return view.element(1).mismatch("a param ('@name')");
    inst.table = param.substr(1);
    return size_t(2);
  }
  std::vector<std::string> names{"table"};
  for (const ScoreFn &fn : scoreFns()) {
    names.push_back(fn.name);
    if (fn.name == inst.op && fn.arity == given)
      return size_t(1);
    if (fn.name == inst.op)
      return view.mismatch(std::to_string(fn.arity) + " operands after \"" +
                           fn.name + "\"");
  }
  return view.element(0).error("unknown function '" + inst.op + "'" +
                               suggestion(inst.op, names));
}

static StatusOr<ScoreInst> readScoreInst(const JsonView &view, size_t index) {
  FT_RETURN_IF_ERROR(view.expectArray());
  if (view.value().empty())
    return view.mismatch("a function and its operands");
  ScoreInst inst;
  FT_ASSIGN_OR_RETURN(inst.op, view.element(0).string());
  FT_ASSIGN_OR_RETURN(size_t first, scoreArity(view, inst));
  for (size_t i = first; i < view.value().size(); ++i) {
    FT_ASSIGN_OR_RETURN(ScoreArg arg, readScoreArg(view.element(i), index));
    inst.args.push_back(arg);
  }
  return inst;
}

static Status readScore(const JsonView &view, Node &node) {
  FT_RETURN_IF_ERROR(view.expectArray());
  for (size_t i = 0; i < view.value().size(); ++i) {
    FT_ASSIGN_OR_RETURN(ScoreInst inst, readScoreInst(view.element(i), i));
    node.score.push_back(std::move(inst));
  }
  return {};
}

//===----------------------------------------------------------------------===//
// Nodes
//===----------------------------------------------------------------------===//

static StatusOr<const OpSchema *> readOp(const JsonView &view, bool padded) {
  FT_ASSIGN_OR_RETURN(JsonView op, view.at("op"));
  FT_ASSIGN_OR_RETURN(std::string name, op.string());
  if (const OpSchema *schema = findOpSchema(name, padded))
    return schema;
  if (findOpSchema(name, /*padded=*/true))
    return op.error("'" + name +
                    "' is a primitive and stands in padded entries only, whose "
                    "inputs have a shape such as [\"batch\", \"sequence\"]");
  return op.error("unknown op '" + name + "'" +
                  suggestion(name, opNames(padded)));
}

static Status checkKeys(const JsonView &view, const OpSchema &schema) {
  std::vector<std::string> keys{"op", "in", "out"};
  for (const AttrSchema &attr : schema.attrs)
    keys.push_back(attr.name);
  if (schema.hasScore)
    keys.push_back("score");
  for (auto &[key, value] : view.value().items())
    if (std::find(keys.begin(), keys.end(), key) == keys.end())
      return view.error("unknown attribute '" + key + "' of '" + schema.name +
                        "'" + suggestion(key, keys));
  return {};
}

StatusOr<Node> ft::json::readNode(const JsonView &view, bool padded) {
  FT_ASSIGN_OR_RETURN(const OpSchema *schema, readOp(view, padded));
  FT_RETURN_IF_ERROR(checkKeys(view, *schema));
  Node node;
  node.op = schema->name;
  if (view.has("out")) {
    FT_ASSIGN_OR_RETURN(node.out, view.member("out").string());
  }
  if (view.has("in")) {
    JsonView in = view.member("in");
    FT_RETURN_IF_ERROR(in.expectArray());
    for (size_t i = 0; i < in.value().size(); ++i) {
      FT_ASSIGN_OR_RETURN(std::string name, in.element(i).string());
      node.in.push_back(std::move(name));
    }
  }
  for (const AttrSchema &attr : schema->attrs) {
    if (!attr.required && !view.has(attr.name))
      continue;
    FT_ASSIGN_OR_RETURN(JsonView value, view.at(attr.name));
    FT_ASSIGN_OR_RETURN(node.attrs[attr.name], readAttr(attr, value));
  }
  if (view.has("score"))
    FT_RETURN_IF_ERROR(readScore(view.member("score"), node));
  return node;
}
