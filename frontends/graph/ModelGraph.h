//===- ModelGraph.h - a model as a graph, before the IR ---------*- C++ -*-===//
//
// What every frontend ends in and what model.json says, one to one
// (docs/model-json.md). Names are resolved and checked by checkGraph; shapes
// and types by buildModule. Nothing here depends on MLIR.
//
//===----------------------------------------------------------------------===//
#ifndef FT_FRONTENDS_GRAPH_MODELGRAPH_H
#define FT_FRONTENDS_GRAPH_MODELGRAPH_H

#include "runtime/plan/Plan.h"

#include <map>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace ft::graph {

/// The version of model.json that this build reads and writes.
inline constexpr int64_t kModelVersion = 1;

/// The axes that values have rows along, in the order of the IR's `ft.axes`.
inline constexpr const char *kAxes[] = {"tokens", "sequences", "rows"};

/// An extent of a padded tensor: a number times symbols, which are in
/// alphabetical order. A factor of -1: what is left, in the shape of a reshape.
struct Extent {
  int64_t factor = 1;
  std::vector<std::string> symbols;
};
using Shape = std::vector<Extent>;

/// An input of the entries that name it.
struct Input {
  std::string name;
  plan::InputRole role = plan::InputRole::Tokens;
  DType dtype = DType::I32;
  std::vector<int64_t> shape; // of one row; empty for ids; of an image:
                              // channels, height, width
  Shape padded;               // all of a padded tensor; empty where packed
  int64_t limit = 0;          // ids must be below; 0 = the table's rows
};

/// A weight; a tensor leaf's `file` indexes ModelGraph::files.
struct Param {
  std::string name;
  plan::Recipe recipe;
};

/// An operand of a score instruction.
struct ScoreArg {
  enum class Kind { Score, Head, Query, Key, Number, Result };
  Kind kind = Kind::Number;
  double number = 0; // Number
  size_t result = 0; // Result: an earlier instruction
};

/// One instruction of an attention's score region; the last is its result.
struct ScoreInst {
  std::string op;
  std::string table; // name of the param that "table" reads
  std::vector<ScoreArg> args;
};

using AttrValue =
    std::variant<bool, int64_t, double, std::string, std::vector<int64_t>,
                 std::vector<double>, Shape>;

/// One operation. `in` holds value names and, with '@' in front, params, in the
/// order of the op's schema.
struct Node {
  std::string op;
  std::string out; // empty for an op without a result
  std::vector<std::string> in;
  std::map<std::string, AttrValue> attrs;
  std::vector<ScoreInst> score;
  size_t index = 0; // in the file, for diagnostics
};

struct Output {
  std::string name;
  std::string value;
};

struct Entry {
  std::string name;
  bool causal = false;
  bool padded = false; // its values are padded tensors, its ops primitives
  std::vector<std::string> inputs;
  std::vector<Node> nodes;
  std::vector<Output> outputs;
};

struct ModelGraph {
  std::string name;
  std::string architecture = "graph";
  int64_t vocabulary = 0;   // 0 = none
  int64_t maxPositions = 0; // 0 = any
  std::vector<int64_t> endTokens;
  int64_t startToken = -1;
  DType dtype = DType::F32; // preferred for activations and matrices
  /// Absolute; files and tokenizer names are relative to it.
  std::string weightsDir;
  std::string tokenizer;       // "tokenizer.json", or empty
  std::string tokenizerConfig; // "tokenizer_config.json", or empty
  plan::Labels labels;         // of a row of an output "logits"
  std::vector<plan::File> files;
  std::vector<Input> inputs;
  std::vector<Param> params;
  std::vector<plan::Cache> caches;
  plan::ImageSteps image; // how pictures become an input
  std::vector<Entry> entries;

  const Input *findInput(const std::string &wanted) const {
    for (const Input &input : inputs)
      if (input.name == wanted)
        return &input;
    return nullptr;
  }
};

/// Spellings of roles in model.json and the IR.
inline const char *roleName(plan::InputRole role) {
  switch (role) {
  case plan::InputRole::Tokens:
    return "tokens";
  case plan::InputRole::Mask:
    return "mask";
  case plan::InputRole::Positions:
    return "positions";
  case plan::InputRole::Segments:
    return "segments";
  case plan::InputRole::Data:
    return "data";
  case plan::InputRole::Image:
    return "image";
  }
  return "data";
}

/// "[64, 32]"
inline std::string shapeText(const std::vector<int64_t> &shape) {
  std::string text = "[";
  for (size_t i = 0; i < shape.size(); ++i)
    text += (i ? ", " : "") + std::to_string(shape[i]);
  return text + "]";
}

/// "12*batch"
inline std::string extentText(const Extent &extent) {
  std::string text;
  if (extent.factor != 1 || extent.symbols.empty())
    text = std::to_string(extent.factor);
  for (const std::string &symbol : extent.symbols)
    text += (text.empty() ? "" : "*") + symbol;
  return text;
}

/// `text` with what a JSON pointer reserves escaped.
inline std::string pointerToken(const std::string &text) {
  std::string escaped;
  for (char c : text) {
    if (c == '~')
      escaped += "~0";
    else if (c == '/')
      escaped += "~1";
    else
      escaped += c;
  }
  return escaped;
}

/// JSON pointers of parts of the graph, the places that diagnostics name.
inline std::string entryPlace(const Entry &entry) {
  return "/entries/" + pointerToken(entry.name);
}
inline std::string nodePlace(const Entry &entry, const Node &node) {
  return entryPlace(entry) + "/nodes/" + std::to_string(node.index);
}

} // namespace ft::graph

#endif // FT_FRONTENDS_GRAPH_MODELGRAPH_H
