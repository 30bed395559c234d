//===- OpSchema.cpp - the operations a model graph may use ----------------===//
#include "frontends/graph/OpSchema.h"

#include "llvm/ADT/StringRef.h"

using namespace ft::graph;

static OperandSchema value(std::string name) { return {std::move(name)}; }
static OperandSchema optionalValue(std::string name) {
  return {std::move(name), false, true};
}
static OperandSchema param(std::string name) { return {std::move(name), true}; }
static OperandSchema optionalParam(std::string name) {
  return {std::move(name), true, true};
}

static AttrSchema number(std::string name, std::string doc) {
  return {std::move(name), AttrKind::Number, true, "", std::move(doc)};
}
static AttrSchema integer(std::string name, std::string absent,
                          std::string doc) {
  return {std::move(name), AttrKind::Integer, false, std::move(absent),
          std::move(doc)};
}
static AttrSchema flag(std::string name, std::string doc) {
  return {std::move(name), AttrKind::Flag, false, "false", std::move(doc)};
}

/// Where rows come from and go to.
static void addSources(std::vector<OpSchema> &ops) {
  AttrSchema axis{"axis",
                  AttrKind::Choice,
                  false,
                  "tokens",
                  "what to repeat the weight along",
                  {"tokens", "sequences", "rows"},
                  false};
  ops.push_back({"positions",
                 "The position of every token in its sequence, plus `offset`, "
                 "at most `most`.",
                 {},
                 {integer("offset", "0", "added to every position"),
                  integer("most", "no limit", "the largest result")},
                 Implicit::Sequences});
  ops.push_back(
      {"patches",
       "The patches of an image, row by row, a token each, as rows of "
       "[channels, patch height, patch width].",
       {value("image")},
       {{"patch", AttrKind::Integers, true, "", "its height and width"},
        integer("prefix", "0", "tokens before the patches, which are zeros")},
       Implicit::Sequences});
  ops.push_back(
      {"embedding", "Row ids[t] of a table.", {value("ids"), param("table")}});
  ops.push_back({"broadcast",
                 "A weight, the same for every row.",
                 {param("weight")},
                 {axis}});
  ops.push_back({"rows",
                 "The wanted rows of a value along tokens.",
                 {value("input")},
                 {},
                 Implicit::Rows});
  ops.push_back(
      {"segment_reduce",
       "One row a sequence, made of its rows.",
       {value("input")},
       {{"kind",
         AttrKind::Choice,
         true,
         "",
         "which",
         {"mean", "sum", "max", "first", "last"}},
        integer("index", "0", "rows after the first, or before the last")},
       Implicit::Sequences});
  ops.push_back({"argmax",
                 "The index of the largest element along the last extent, the "
                 "lowest on a tie.",
                 {value("input")}});
  ops.push_back({"sample",
                 "The next token of each wanted row: by what its sequence "
                 "asks, else as argmax.",
                 {value("input")},
                 {},
                 Implicit::SequencesAndRows});
}

static void addDense(std::vector<OpSchema> &ops) {
  AttrSchema heads = integer("heads", "a flat row of N elements",
                             "rows of [heads, N / heads] elements");
  heads.inIr = false;
  ops.push_back({"linear",
                 "input * weight^T + bias, with weight [N, K].",
                 {value("input"), param("weight"), optionalParam("bias")},
                 {heads}});
  AttrSchema eps = number("eps", "added to the variance");
  ops.push_back({"rms_norm",
                 "x / sqrt(mean(x^2) + eps) * weight over the last extent.",
                 {value("input"), param("weight")},
                 {eps}});
  ops.push_back(
      {"layer_norm",
       "(x - mean) / sqrt(variance + eps) * weight + bias over the last "
       "extent.",
       {value("input"), param("weight"), optionalParam("bias")},
       {eps}});
  ops.push_back({"normalize",
                 "x / max(|x|, eps) over the last extent.",
                 {value("input")},
                 {number("eps", "the smallest divisor")}});
  ops.push_back({"softmax", "Softmax over the last extent.", {value("input")}});
  ops.push_back({"cumsum",
                 "The sum of the elements up to and with each, over the last "
                 "extent.",
                 {value("input")}});
}

static void addElementwise(std::vector<OpSchema> &ops) {
  static const char *const unary[][2] = {
      {"silu", "x / (1 + exp(-x))."},
      {"relu", "max(x, 0)."},
      {"tanh", "tanh(x)."},
      {"sigmoid", "1 / (1 + exp(-x))."},
      {"exp", "e^x."},
      {"log", "The natural logarithm."},
      {"sqrt", "The square root."},
      {"rsqrt", "1 / sqrt(x)."},
      {"neg", "-x."},
      {"abs", "|x|."},
      {"erf", "The error function."},
      {"square", "x * x."},
      {"reciprocal", "1 / x."},
      {"sin", "The sine, x in radians."},
      {"cos", "The cosine, x in radians."},
      {"floor", "The largest integer <= x."},
      {"trunc", "x without its fraction."},
      {"reduce_sum", "The sum over the last extent, which becomes 1."},
      {"reduce_max", "The maximum over the last extent, which becomes 1."},
      {"reduce_mean", "The mean over the last extent, which becomes 1."}};
  static const char *const binary[][2] = {
      {"add", "x + y."},
      {"sub", "x - y."},
      {"mul", "x * y."},
      {"div", "x / y."},
      {"maximum", "The larger of x and y."},
      {"minimum", "The smaller of x and y."},
      {"pow", "x^y."},
      {"mod", "x - floor(x / y) * y."},
      {"lt", "1 where x < y, else 0."},
      {"le", "1 where x <= y, else 0."},
      {"eq", "1 where x = y, else 0."}};
  ops.push_back({"gelu",
                 "GELU by the error function, or by tanh.",
                 {value("input")},
                 {flag("tanh", "the tanh form")}});
  ops.push_back(
      {"scale", "x * by.", {value("input")}, {number("by", "the factor")}});
  ops.push_back(
      {"offset", "x + by.", {value("input")}, {number("by", "the summand")}});
  for (auto &[name, doc] : unary)
    ops.push_back({name, doc, {value("input")}});
  for (auto &[name, doc] : binary)
    ops.push_back({name, doc, {value("lhs"), value("rhs")}});
}

static void addMoves(std::vector<OpSchema> &ops) {
  AttrSchema shape{"shape", AttrKind::Integers, true, "",
                   "of the result's row"};
  shape.inIr = false;
  ops.push_back({"select",
                 "x where the condition is not 0, else y.",
                 {value("condition"), value("lhs"), value("rhs")}});
  ops.push_back({"to_float",
                 "The i32s of every row as floats; one is a row of [1].",
                 {value("input")}});
  ops.push_back(
      {"rearrange",
       "Element [i, j, …] is element offset + i * strides[0] + j * strides[1] "
       "+ … of the input's row.",
       {value("input")},
       {shape,
        {"offset", AttrKind::Integer, true, "", "the first"},
        {"strides", AttrKind::Integers, true, "", "one for each extent"}}});
  ops.push_back({"concat",
                 "One after the other along the last extent.",
                 {{"inputs", false, false, true}}});
}

static void addAttention(std::vector<OpSchema> &ops) {
  AttrSchema cache{"cache", AttrKind::Cache, true, "", "the cache"};
  AttrSchema optionalCache{"cache", AttrKind::Cache, false,
                           "keys and values are operands",
                           "where keys and values are"};
  AttrSchema layer = integer("layer", "0", "which layer of the cache");
  AttrSchema appendLayer = layer;
  appendLayer.required = true;
  ops.push_back({"rope",
                 "Rotary position embedding of every head; the table is "
                 "[positions, dims], cos then sin.",
                 {value("input"), param("table")},
                 {flag("interleaved", "pairs are (2j, 2j + 1), else (j, j + "
                                      "dims / 2)")},
                 Implicit::Sequences});
  ops.push_back({"cache_append",
                 "Stores keys and values of this batch in their cache.",
                 {value("key"), value("value")},
                 {cache, appendLayer},
                 Implicit::Sequences,
                 /*hasResult=*/false});
  ops.push_back(
      {"attention",
       "softmax(scale * q k^T, masked) v within each sequence; keys and "
       "values are operands or come from a cache.",
       {value("query"), optionalValue("key"), optionalValue("value")},
       {optionalCache, layer, number("scale", "multiplies q k^T"),
        flag("causal", "no key after the query"),
        integer("window", "0", "only keys nearer than this; 0 = all")},
       Implicit::Sequences,
       /*hasResult=*/true,
       /*hasScore=*/true});
}

const std::vector<OpSchema> &ft::graph::opSchemas() {
  static const std::vector<OpSchema> table = [] {
    std::vector<OpSchema> ops;
    addSources(ops);
    addDense(ops);
    addElementwise(ops);
    addMoves(ops);
    addAttention(ops);
    return ops;
  }();
  return table;
}

bool OpSchema::isRowWise() const {
  return !primitive && hasResult && implicit == Implicit::None && !hasScore &&
         name != "broadcast" && name != "argmax";
}

const OpSchema *ft::graph::findOpSchema(std::string_view name, bool padded) {
  if (padded)
    for (const OpSchema &op : primitiveSchemas())
      if (op.name == name)
        return &op;
  for (const OpSchema &op : opSchemas())
    if (op.name == name)
      return &op;
  return nullptr;
}

std::vector<std::string> ft::graph::opNames(bool padded) {
  std::vector<std::string> names;
  if (padded)
    for (const OpSchema &op : primitiveSchemas())
      names.push_back(op.name);
  for (const OpSchema &op : opSchemas())
    if (!padded || op.isRowWise())
      names.push_back(op.name);
  return names;
}

const AttrSchema *ft::graph::findAttrSchema(const OpSchema &op,
                                            std::string_view name) {
  for (const AttrSchema &attr : op.attrs)
    if (attr.name == name)
      return &attr;
  return nullptr;
}

const std::vector<ScoreFn> &ft::graph::scoreFns() {
  static const std::vector<ScoreFn> fns = {
      {"add", 2}, {"sub", 2},   {"mul", 2},  {"div", 2},
      {"max", 2}, {"min", 2},   {"neg", 1},  {"abs", 1},
      {"exp", 1}, {"log", 1},   {"lt", 2},   {"le", 2},
      {"eq", 2},  {"floor", 1}, {"tanh", 1}, {"select", 3}};
  return fns;
}

std::string ft::graph::suggestion(std::string_view wrong,
                                  const std::vector<std::string> &names) {
  const std::string *best = nullptr;
  // Farther than a third of the letters is another word, not a slip.
  unsigned bestDistance = unsigned(wrong.size()) / 3 + 2;
  for (const std::string &name : names) {
    unsigned distance = llvm::StringRef(wrong).edit_distance(
        name, /*AllowReplacements=*/true, bestDistance);
    if (distance < bestDistance) {
      best = &name;
      bestDistance = distance;
    }
  }
  return best ? " (did you mean '" + *best + "'?)" : "";
}
