//===- GraphBuilder.h - what families build their graphs with ---*- C++ -*-===//
#ifndef FT_FRONTENDS_HF_GRAPHBUILDER_H
#define FT_FRONTENDS_HF_GRAPHBUILDER_H

#include "frontends/graph/ModelGraph.h"
#include "frontends/hf/Checkpoint.h"

#include <initializer_list>
#include <set>
#include <string>
#include <vector>

namespace ft::hf {

/// Numbers of a rope table, as transformers understands a configuration.
struct RopeTable {
  int64_t positions = 0;
  int64_t dims = 0;
  std::map<std::string, double> numbers; // of the generator (model-json.md)
};

/// How much of a model is built.
enum class Part {
  Model,   // all that its class computes
  Encoder, // its layers alone: hidden states in and out
};

/// What the user asked for: the class as transformers names it, empty where
/// neither config.json nor the user says one, and the part of it.
struct Wanted {
  std::string architecture;
  bool byUser = false; // whether the user named the class
  Part part = Part::Model;
};

/// Whether a class has no head; the empty name has none.
bool isBare(const std::string &architecture);

/// Adds params and nodes to a graph under construction. Values and params are
/// names; a param's has '@' in front, and an empty name stands for an absent
/// one. Shapes are checked against the checkpoint in the end, by checkWeights.
class GraphBuilder {
public:
  using Attrs = std::map<std::string, graph::AttrValue>;

  /// `stored` is the dtype of tensors where there are no weights.
  GraphBuilder(graph::ModelGraph &graph, const Checkpoint &checkpoint,
               DType stored, const Wanted &wanted = {})
      : graph_(graph), checkpoint_(checkpoint), stored_(stored),
        wanted_(wanted) {}

  graph::ModelGraph &graph() { return graph_; }
  const Checkpoint &checkpoint() const { return checkpoint_; }
  const Wanted &wanted() const { return wanted_; }
  const std::string &architecture() const { return wanted_.architecture; }
  Part part() const { return wanted_.part; }
  /// The first error with the checkpoint's files: a tensor that is missing, or
  /// what a family says here.
  const Status &status() const { return status_; }
  void fail(const Status &status) {
    if (status_.ok())
      status_ = status;
  }

  /// The first of `candidates` under which the checkpoint has `tensor`. Where
  /// it has none, or no weights, as transformers writes the class that
  /// config.json names: bare ones have no prefix; the first of all where it
  /// names none.
  std::string findPrefix(const std::string &tensor,
                         std::initializer_list<std::string> candidates) const;

  //===--------------------------------------------------------------------===//
  // Params: each returns "@name"; the same name again is the same param
  //===--------------------------------------------------------------------===//

  /// A tensor of the checkpoint, or of the first of its `aliases` there is.
  plan::Recipe tensor(const std::string &name, std::vector<int64_t> shape,
                      std::initializer_list<std::string> aliases = {});
  std::string param(const std::string &name, plan::Recipe recipe);
  std::string param(const std::string &name, const std::string &tensorName,
                    std::vector<int64_t> shape);
  std::string rope(const std::string &name, const RopeTable &table);

  //===--------------------------------------------------------------------===//
  // Entries and nodes: each node returns the name of its value
  //===--------------------------------------------------------------------===//

  void input(const std::string &name, plan::InputRole role, int64_t limit = 0);
  /// Rows of f32 that the caller gives, one a token, each of `shape`.
  void dataInput(const std::string &name, std::vector<int64_t> shape);
  void cache(const std::string &name, int64_t layers, int64_t heads,
             int64_t headSize);
  /// f32 [channels, height, width] for every sequence; a "patches" node says
  /// how many tokens it makes.
  void image(const std::string &name, std::vector<int64_t> shape);
  void entry(const std::string &name, bool causal,
             std::vector<std::string> inputs);
  void output(const std::string &name, const std::string &value);

  std::string node(const std::string &op, const std::string &out,
                   std::vector<std::string> in, Attrs attrs = {});
  /// `heads` 0 is a flat result; `bias` may be empty.
  std::string linear(const std::string &out, const std::string &in,
                     const std::string &weight, const std::string &bias = "",
                     int64_t heads = 0);
  /// An activation by transformers' name for it; REQUIRES: knowsActivation.
  std::string activation(const std::string &out, const std::string &in,
                         const std::string &name);
  static bool knowsActivation(const std::string &name);
  static std::string knownActivations();

private:
  graph::ModelGraph &graph_;
  const Checkpoint &checkpoint_;
  DType stored_;
  Wanted wanted_;
  Status status_;
  std::set<std::string> params_;
};

/// Recipes over recipes.
plan::Recipe sliceOf(plan::Recipe of, int64_t axis, int64_t start,
                     int64_t size);
plan::Recipe transposeOf(plan::Recipe of);
plan::Recipe reshapeOf(plan::Recipe of, std::vector<int64_t> shape);

} // namespace ft::hf

#endif // FT_FRONTENDS_HF_GRAPHBUILDER_H
