//===- OpReference.cpp - the table of operations as Markdown --------------===//
#include "frontends/graph/OpSchema.h"
#include "frontends/json/ModelJson.h"

using namespace ft;
using namespace ft::graph;

static std::string operandsText(const OpSchema &op) {
  std::string text;
  for (const OperandSchema &operand : op.operands) {
    std::string name = (operand.param ? "@" : "") + operand.name;
    text += (text.empty() ? "`" : ", `") + name + "`";
    if (operand.repeated)
      text += " …";
    if (operand.optional)
      text += "?";
  }
  return text.empty() ? "none" : text;
}

static std::string kindText(const AttrSchema &attr) {
  switch (attr.kind) {
  case AttrKind::Integer:
    return "integer";
  case AttrKind::Number:
    return "number";
  case AttrKind::Flag:
    return "true or false";
  case AttrKind::Cache:
    return "name of a cache";
  case AttrKind::Axis:
    return "axis";
  case AttrKind::Integers:
    return "list of integers";
  case AttrKind::Axes:
    return "list of axes";
  case AttrKind::Offset:
    return "integer";
  case AttrKind::Numbers:
    return "numbers";
  case AttrKind::Extent:
    return "extent";
  case AttrKind::Shape:
  case AttrKind::AnyShape:
    return "shape";
  case AttrKind::Choice:
    break;
  }
  std::string text;
  for (const std::string &choice : attr.choices)
    text += (text.empty() ? "" : ", ") + choice;
  return text;
}

static std::string attrsText(const OpSchema &op) {
  std::string text;
  for (const AttrSchema &attr : op.attrs) {
    text += (text.empty() ? "`" : "; `") + attr.name + "` (" + kindText(attr) +
            "): " + attr.doc;
    if (!attr.required)
      text += ", without it " + attr.absent;
  }
  if (op.hasScore)
    text += "; `score`: see Score regions";
  return text;
}

static std::string reference(const std::vector<OpSchema> &ops) {
  std::string text = "| op | in | attributes | meaning |\n|---|---|---|---|\n";
  for (const OpSchema &op : ops) {
    std::string doc = op.doc;
    for (size_t at = 0; (at = doc.find('|', at)) != std::string::npos; at += 2)
      doc.insert(at, "\\");
    text += "| `" + op.name + "` | " + operandsText(op) + " | " +
            attrsText(op) + " | " + doc +
            (op.hasResult ? "" : " It has no `out`.") + " |\n";
  }
  return text;
}

std::string ft::json::opReference() { return reference(opSchemas()); }
std::string ft::json::primitiveReference() {
  return reference(primitiveSchemas());
}
