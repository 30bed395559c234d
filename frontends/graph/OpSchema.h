//===- OpSchema.h - the operations a model graph may use --------*- C++ -*-===//
//
// Two tables, of semantic operations over packed values and of primitives over
// padded tensors, drive the checks of model.json, the JSON Schema, the
// reference in docs/model-json.md and the building of MLIR ops. Names, operands
// and attributes are those of the ft dialect.
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
  bool repeated = false; // the last one: any number, at least one
};

enum class AttrKind {
  Integer,
  Number,
  Flag,
  Choice,
  Cache,
  Integers, // a list, none negative
  // Of primitives:
  Axis,     // negative: from the end
  Axes,     // a list of such
  Offset,   // any integer
  Numbers,  // a number or a list; "inf" and "-inf" too
  Extent,   // a number or text with symbols, as a shape of one
  Shape,    // a list of extents
  AnyShape, // with one -1 at most
};

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
  bool primitive = false; // operands may be values or params

  /// A semantic op that maps rows to rows and so may stand among primitives.
  bool isRowWise() const;
};

/// In the order of the reference.
const std::vector<OpSchema> &opSchemas();
const std::vector<OpSchema> &primitiveSchemas();

/// Null where there is none of that name. In a padded entry primitives are
/// looked up first, then semantic ops; any of the latter is found.
const OpSchema *findOpSchema(std::string_view name, bool padded);
/// The names that an entry may use.
std::vector<std::string> opNames(bool padded);
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
