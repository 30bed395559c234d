//===- PrimitiveSchema.cpp - the primitives a model graph may use ---------===//
#include "frontends/graph/OpSchema.h"

using namespace ft::graph;

static OpSchema primitive(std::string name, std::string doc,
                          std::vector<OperandSchema> operands,
                          std::vector<AttrSchema> attrs = {}) {
  OpSchema op;
  op.name = std::move(name);
  op.doc = std::move(doc);
  op.operands = std::move(operands);
  op.attrs = std::move(attrs);
  op.primitive = true;
  return op;
}

static OperandSchema operand(std::string name) { return {std::move(name)}; }

static AttrSchema required(std::string name, AttrKind kind, std::string doc) {
  return {std::move(name), kind, true, "", std::move(doc)};
}
static AttrSchema optional(std::string name, AttrKind kind, std::string absent,
                           std::string doc) {
  return {std::move(name), kind, false, std::move(absent), std::move(doc)};
}

static AttrSchema dtype(bool isRequired, const char *absent) {
  AttrSchema attr{"dtype",    AttrKind::Choice,       isRequired, absent,
                  "the type", {"f32", "i32", "bool"}, false};
  return attr;
}

static AttrSchema shape(AttrKind kind) {
  AttrSchema attr = required("shape", kind, "of the result");
  attr.inIr = false;
  return attr;
}

static AttrSchema lastAxis() {
  return optional("axis", AttrKind::Axis, "-1", "along which");
}

static void addSources(std::vector<OpSchema> &ops) {
  AttrSchema scalar = shape(AttrKind::Shape);
  scalar.required = false;
  scalar.absent = "[]";
  ops.push_back(primitive(
      "constant",
      "One number for every element, or all of them in row-major order; truth "
      "values as 0 and 1.",
      {},
      {required("values", AttrKind::Numbers,
                "a number, \"inf\", \"-inf\", or "
                "a list of such"),
       scalar, dtype(false, "f32")}));
  ops.push_back(
      primitive("iota", "The index along the axis: 0, 1, 2 …", {},
                {shape(AttrKind::Shape), lastAxis(), dtype(false, "i32")}));
}

static void addElementwise(std::vector<OpSchema> &ops) {
  static const char *const unary[][2] = {{"exp", "e^x."},
                                         {"log", "The natural logarithm."},
                                         {"tanh", "tanh(x)."},
                                         {"erf", "The error function."},
                                         {"sqrt", "The square root."},
                                         {"rsqrt", "1 / sqrt(x)."},
                                         {"neg", "-x; f32 or i32."},
                                         {"abs", "|x|; f32 or i32."},
                                         {"sin", "The sine, x in radians."},
                                         {"cos", "The cosine, x in radians."},
                                         {"floor", "The largest integer <= x."},
                                         {"sigmoid", "1 / (1 + exp(-x))."},
                                         {"relu", "max(x, 0)."},
                                         {"not", "Not x, of truth values."}};
  static const char *const binary[][2] = {
      {"add", "x + y; f32 or i32, as all without a note."},
      {"sub", "x - y."},
      {"mul", "x * y."},
      {"div", "x / y; of i32 the floor of it."},
      {"maximum", "The larger of x and y."},
      {"minimum", "The smaller of x and y."},
      {"pow", "x^y; f32."},
      {"mod", "x - floor(x / y) * y."},
      {"lt", "x < y, a truth value."},
      {"le", "x <= y."},
      {"gt", "x > y."},
      {"ge", "x >= y."},
      {"eq", "x = y, also of truth values."},
      {"ne", "x differs from y, also of truth values."},
      {"and", "x and y, of truth values."},
      {"or", "x or y, of truth values."}};
  for (auto &[name, doc] : unary)
    ops.push_back(primitive(name, doc, {operand("input")}));
  for (auto &[name, doc] : binary)
    ops.push_back(primitive(name, doc, {operand("lhs"), operand("rhs")}));
  ops.push_back(
      primitive("select", "x where the condition, a truth value, else y.",
                {operand("condition"), operand("lhs"), operand("rhs")}));
  ops.push_back(primitive("cast",
                          "The value as another type: truncated to i32; to "
                          "bool, whether it is not 0.",
                          {operand("input")}, {dtype(true, "")}));
}

static void addProducts(std::vector<OpSchema> &ops) {
  std::vector<AttrSchema> reduction = {
      optional("axes", AttrKind::Axes, "[-1]", "over which"),
      optional("keepdims", AttrKind::Flag, "true", "they become 1")};
  ops.push_back(primitive("matmul",
                          "[..., M, K] by [..., K, N]; leading axes broadcast.",
                          {operand("lhs"), operand("rhs")}));
  static const char *const reductions[][2] = {
      {"reduce_sum", "The sum; f32 or i32."},
      {"reduce_max", "The maximum; f32 or i32."},
      {"reduce_min", "The minimum; f32 or i32."},
      {"reduce_mean", "The mean."}};
  for (auto &[name, doc] : reductions)
    ops.push_back(primitive(name, doc, {operand("input")}, reduction));
  ops.push_back(primitive("cumsum",
                          "The sum of the elements up to and with each; f32 "
                          "or i32.",
                          {operand("input")}, {lastAxis()}));
  ops.push_back(primitive("softmax", "exp(x) over the sum of those.",
                          {operand("input")}, {lastAxis()}));
  ops.push_back(primitive(
      "argmax", "The index of the largest element, the lowest on a tie; i32.",
      {operand("input")},
      {lastAxis(),
       optional("keepdims", AttrKind::Flag, "false", "the axis becomes 1")}));
}

static void addShapes(std::vector<OpSchema> &ops) {
  ops.push_back(primitive(
      "transpose", "Axis i of the result is axis perm[i] of the input.",
      {operand("input")},
      {required("perm", AttrKind::Axes, "each axis once")}));
  ops.push_back(primitive("reshape",
                          "The same elements in row-major order; one -1 is "
                          "what is left.",
                          {operand("input")}, {shape(AttrKind::AnyShape)}));
  ops.push_back(primitive("expand",
                          "Repeated along extents of 1 and new leading axes.",
                          {operand("input")}, {shape(AttrKind::Shape)}));
  AttrSchema size = required("size", AttrKind::Extent, "how many");
  size.inIr = false;
  ops.push_back(primitive(
      "slice", "Elements start, start + step … of one axis.",
      {operand("input")},
      {required("axis", AttrKind::Axis, "of which"),
       required("start", AttrKind::Offset, "the first; negative: from the end"),
       size,
       optional("step", AttrKind::Integer, "1", "from one to the next")}));
  ops.push_back(primitive("concat", "One after the other.",
                          {{"inputs", false, false, true}}, {lastAxis()}));
  ops.push_back(primitive(
      "gather",
      "The input with the axis replaced by the axes of ids (i32), elements "
      "picked by them.",
      {operand("input"), operand("ids")},
      {required("axis", AttrKind::Axis, "from which"),
       optional("batch", AttrKind::Integer, "0",
                "leading axes that both share, each gathering for itself")}));
}

const std::vector<OpSchema> &ft::graph::primitiveSchemas() {
  static const std::vector<OpSchema> table = [] {
    std::vector<OpSchema> ops;
    addSources(ops);
    addElementwise(ops);
    addProducts(ops);
    addShapes(ops);
    return ops;
  }();
  return table;
}
