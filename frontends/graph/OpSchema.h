//===- OpSchema.h - the operations a model graph may use --------*- C++ -*-===//
//
// One table drives the checks of model.json, the JSON Schema, the reference in
// docs/model-json.md and the building of MLIR ops. Names, operands and
// attributes are those of the ft dialect.
//
//===----------------------------------------------------------------------===//
#ifndef FT_FRONTENDS_GRAPH_OPSCHEMA_H
#define FT_FRONTENDS_GRAPH_OPSCHEMA_H

#include <string>
#include <string_view>
#include <vector>

namespace ft::graph {

/// An entry of a node's "in". Optional operands follow required ones; values
/// precede params.
struct OperandSchema {
  std::string name; // the ODS argument
  bool param = false;
  bool optional = false;
};

enum class AttrKind { Integer, Number, Flag, Choice, Cache };

struct AttrSchema {
  std::string name;
  AttrKind kind = AttrKind::Integer;
  bool required = false;
  std::string absent; // what leaving it out means, for the reference
  std::string doc;
  std::vector<std::string> choices = {};
  /// False where the importer uses it up to find the result's type.
  bool inIr = true;
};

/// What the op is given beside "in", from the entry it stands in.
enum class Implicit { None, Sequences, Rows, SequencesAndRows };

struct OpSchema {
  std::string name;
  std::string doc;
  std::vector<OperandSchema> operands;
  std::vector<AttrSchema> attrs = {};
  Implicit implicit = Implicit::None;
  bool hasResult = true;
  bool hasScore = false;
};

/// In the order of the reference.
const std::vector<OpSchema> &opSchemas();

/// Null where there is none of that name.
const OpSchema *findOpSchema(std::string_view name);
const AttrSchema *findAttrSchema(const OpSchema &op, std::string_view name);

/// Functions of score regions with their number of operands, "table" aside.
struct ScoreFn {
  std::string name;
  size_t arity;
};
const std::vector<ScoreFn> &scoreFns();

/// " (did you mean 'x'?)" for the name nearest to `wrong`; empty where none is
/// near.
std::string suggestion(std::string_view wrong,
                       const std::vector<std::string> &names);

} // namespace ft::graph

#endif // FT_FRONTENDS_GRAPH_OPSCHEMA_H
