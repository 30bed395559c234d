//===- CheckGraph.cpp - names, order and files of a model graph -----------===//
#include "frontends/graph/CheckGraph.h"

#include "frontends/graph/OpSchema.h"

#include <algorithm>
#include <set>

using namespace ft;
using namespace ft::graph;

/// Names in the order of their definition, for suggestions, and as a set.
namespace {
struct Names {
  std::set<std::string> set;
  std::vector<std::string> list;
  bool add(const std::string &name) {
    list.push_back(name);
    return set.insert(name).second;
  }
  bool has(const std::string &name) const { return set.count(name) != 0; }
};
} // namespace

static Status undefined(const std::string &place, const char *what,
                        const std::string &name, const Names &names) {
  return invalidArgument(place + ": " + what + " '" + name +
                         "' is not defined" + suggestion(name, names.list));
}

/// What the model has beside its entries.
namespace {
struct Globals {
  Names inputs, params, caches;
};
} // namespace

static Status checkScore(const Node &node, const std::string &place,
                         const Globals &globals) {
  for (size_t i = 0; i < node.score.size(); ++i)
    if (const ScoreInst &inst = node.score[i];
        inst.op == "table" && !globals.params.has(inst.table))
      return undefined(place + "/score/" + std::to_string(i), "param",
                       inst.table, globals.params);
  return {};
}

/// Operands against the schema and the params; values are checked by the sort.
static Status checkOperands(const OpSchema &schema, const Node &node,
                            const std::string &place, const Globals &globals) {
  size_t required = 0;
  bool repeated = !schema.operands.empty() && schema.operands.back().repeated;
  for (const OperandSchema &operand : schema.operands)
    required += !operand.optional;
  if (repeated && node.in.empty())
    return invalidArgument(place + "/in: '" + node.op +
                           "' takes at least one operand, found none");
  if (!repeated &&
      (node.in.size() < required || node.in.size() > schema.operands.size()))
    return invalidArgument(place + "/in: '" + node.op + "' takes " +
                           (required == schema.operands.size()
                                ? std::to_string(required)
                                : std::to_string(required) + " to " +
                                      std::to_string(schema.operands.size())) +
                           " operands, found " +
                           std::to_string(node.in.size()));
  for (size_t i = 0; i < node.in.size(); ++i) {
    const OperandSchema &operand =
        schema.operands[std::min(i, schema.operands.size() - 1)];
    std::string at = place + "/in/" + std::to_string(i);
    bool isParam = node.in[i].starts_with('@');
    if (isParam != operand.param && !(isParam && schema.primitive))
      return invalidArgument(at + ": expected " +
                             (operand.param ? "a param ('@name')" : "a value") +
                             " as " + operand.name + " of '" + node.op +
                             "', found '" + node.in[i] + "'");
    if (isParam && !globals.params.has(node.in[i].substr(1)))
      return undefined(at, "param", node.in[i].substr(1), globals.params);
  }
  return {};
}

static Status checkNode(const Node &node, bool padded, const std::string &place,
                        const Globals &globals) {
  const OpSchema *schema = findOpSchema(node.op, padded);
  assert(schema && "frontends make nodes of known ops only");
  FT_RETURN_IF_ERROR(checkOperands(*schema, node, place, globals));
  if (schema->hasResult == node.out.empty())
    return invalidArgument(place + "/out: '" + node.op + "' has " +
                           (schema->hasResult
                                ? "a result, found no name"
                                : "no result, found '" + node.out + "'"));
  auto cache = node.attrs.find("cache");
  if (cache != node.attrs.end() &&
      !globals.caches.has(std::get<std::string>(cache->second)))
    return undefined(place + "/cache", "cache",
                     std::get<std::string>(cache->second), globals.caches);
  return checkScore(node, place, globals);
}

namespace {
/// Brings the nodes of an entry into an order where uses follow definitions,
/// the given one as far as it serves.
class Sorter {
public:
  Sorter(Entry &entry, const Names &defined) : entry_(entry) {
    for (size_t i = 0; i < entry.nodes.size(); ++i)
      if (!entry.nodes[i].out.empty())
        makers_[entry.nodes[i].out] = i;
    for (const std::string &name : defined.set)
      known_.insert(name);
    state_.resize(entry.nodes.size());
  }

  /// REQUIRES: every value used is defined.
  Status sort() {
    for (size_t i = 0; i < entry_.nodes.size(); ++i)
      FT_RETURN_IF_ERROR(visit(i));
    std::vector<Node> sorted;
    for (size_t index : order_)
      sorted.push_back(std::move(entry_.nodes[index]));
    entry_.nodes = std::move(sorted);
    return {};
  }

private:
  enum class State { New, Open, Done };
  struct Frame {
    size_t node;
    size_t operand;
  };

  /// Depth first with a stack of our own: a file may be a chain of any length.
  Status visit(size_t root) {
    if (state_[root] != State::New)
      return {};
    std::vector<Frame> stack{{root, 0}};
    state_[root] = State::Open;
    while (!stack.empty()) {
      Frame &frame = stack.back();
      const Node &node = entry_.nodes[frame.node];
      if (frame.operand == node.in.size()) {
        state_[frame.node] = State::Done;
        order_.push_back(frame.node);
        stack.pop_back();
        continue;
      }
      const std::string &name = node.in[frame.operand++];
      auto maker = makers_.find(name);
      if (maker == makers_.end() || known_.count(name) ||
          state_[maker->second] == State::Done)
        continue;
      if (state_[maker->second] == State::Open)
        return cycle(stack, maker->second);
      state_[maker->second] = State::Open;
      stack.push_back({maker->second, 0});
    }
    return {};
  }

  Status cycle(const std::vector<Frame> &stack, size_t start) {
    auto first = std::find_if(stack.begin(), stack.end(),
                              [&](const Frame &f) { return f.node == start; });
    std::string names;
    for (auto it = first; it != stack.end(); ++it)
      names += "'" + entry_.nodes[it->node].out + "' needs ";
    return invalidArgument(nodePlace(entry_, entry_.nodes[start]) +
                           ": a cycle: " + names + "'" +
                           entry_.nodes[start].out + "'");
  }

  Entry &entry_;
  std::map<std::string, size_t> makers_;
  std::set<std::string> known_;
  std::vector<State> state_;
  std::vector<size_t> order_;
};
} // namespace

/// An entry takes padded tensors or packed values, not both.
static Status checkKinds(const ModelGraph &graph, const Entry &entry) {
  for (size_t i = 0; i < entry.inputs.size(); ++i)
    if (graph.findInput(entry.inputs[i])->padded.empty() == entry.padded)
      return invalidArgument(entryPlace(entry) + "/inputs/" +
                             std::to_string(i) + ": '" + entry.inputs[i] +
                             "' has no shape with a batch, other inputs of "
                             "the entry do; an entry takes one kind");
  return {};
}

/// Sequences are images, or tokens that a caller gives, not both.
static Status checkImages(const ModelGraph &graph, const Entry &entry) {
  const Input *image = nullptr, *other = nullptr;
  for (const std::string &name : entry.inputs) {
    const Input *input = graph.findInput(name);
    (input->role == plan::InputRole::Image ? image : other) = input;
  }
  if (image && other)
    return invalidArgument(entryPlace(entry) + "/inputs: '" + image->name +
                           "' is an image and makes the tokens; '" +
                           other->name + "' cannot stand beside it");
  if (image && entry.causal)
    return invalidArgument(entryPlace(entry) + "/causal: '" + image->name +
                           "' is an image, which is not fed in chunks");
  return {};
}

/// Values of the entry: its inputs and what nodes make, each once.
static StatusOr<Names> collectValues(const Entry &entry,
                                     const Globals &globals) {
  Names values;
  for (size_t i = 0; i < entry.inputs.size(); ++i) {
    std::string place = entryPlace(entry) + "/inputs/" + std::to_string(i);
    if (!globals.inputs.has(entry.inputs[i]))
      return undefined(place, "input", entry.inputs[i], globals.inputs);
    if (!values.add(entry.inputs[i]))
      return invalidArgument(place + ": '" + entry.inputs[i] +
                             "' stands here twice");
  }
  for (const Node &node : entry.nodes)
    if (!node.out.empty() && !values.add(node.out))
      return invalidArgument(nodePlace(entry, node) + "/out: '" + node.out +
                             "' is defined twice");
  return values;
}

static Status checkEntry(const ModelGraph &graph, Entry &entry,
                         const Globals &globals) {
  FT_ASSIGN_OR_RETURN(Names values, collectValues(entry, globals));
  FT_RETURN_IF_ERROR(checkKinds(graph, entry));
  FT_RETURN_IF_ERROR(checkImages(graph, entry));
  Names inputs;
  for (const std::string &name : entry.inputs)
    inputs.add(name);
  for (const Node &node : entry.nodes) {
    std::string place = nodePlace(entry, node);
    FT_RETURN_IF_ERROR(checkNode(node, entry.padded, place, globals));
    for (size_t i = 0; i < node.in.size(); ++i) {
      if (node.in[i].starts_with('@'))
        continue;
      std::string at = place + "/in/" + std::to_string(i);
      if (!values.has(node.in[i]))
        return undefined(at, "value", node.in[i], values);
      const Input *input = graph.findInput(node.in[i]);
      if (input && !entry.padded && inputs.has(input->name) &&
          input->role == plan::InputRole::Mask)
        return invalidArgument(at + ": '" + input->name +
                               "' is a mask; the engine uses it up, and no "
                               "node may");
    }
  }
  for (const Output &output : entry.outputs)
    if (!values.has(output.value))
      return undefined(entryPlace(entry) + "/outputs/" +
                           pointerToken(output.name),
                       "value", output.value, values);
  if (entry.outputs.empty())
    return invalidArgument(entryPlace(entry) +
                           "/outputs: expected at least one output");
  return Sorter(entry, inputs).sort();
}

template <typename List>
static StatusOr<Names> collect(const List &list, const std::string &where) {
  Names names;
  for (const auto &item : list)
    if (!names.add(item.name))
      return invalidArgument("/" + where + ": '" + item.name +
                             "' is defined twice");
  return names;
}

static Status checkPicture(const ModelGraph &graph, const Names &inputs) {
  const std::string &name = graph.image.input;
  const std::string place = "/model/image/input";
  if (name.empty())
    return {};
  if (!inputs.has(name))
    return undefined(place, "input", name, inputs);
  const Input &input = *graph.findInput(name);
  if (input.role == plan::InputRole::Image && input.shape[0] == 3)
    return {};
  return invalidArgument(place + ": '" + name +
                         "' is no image of 3 channels; pictures are red, "
                         "green and blue");
}

Status ft::graph::checkGraph(ModelGraph &graph) {
  Globals globals;
  FT_ASSIGN_OR_RETURN(globals.inputs, collect(graph.inputs, "inputs"));
  FT_RETURN_IF_ERROR(checkPicture(graph, globals.inputs));
  FT_ASSIGN_OR_RETURN(globals.params, collect(graph.params, "params"));
  FT_ASSIGN_OR_RETURN(globals.caches, collect(graph.caches, "caches"));
  for (const std::string &name : globals.caches.list)
    if (globals.params.has(name))
      return invalidArgument("/caches/" + pointerToken(name) +
                             ": a param has this name too");
  for (const plan::Cache &cache : graph.caches)
    if (cache.pageSize != graph.caches[0].pageSize)
      return invalidArgument("/caches/" + pointerToken(cache.name) +
                             "/page: expected " +
                             std::to_string(graph.caches[0].pageSize) +
                             " as in the cache '" + graph.caches[0].name +
                             "', since caches share their page tables, "
                             "found " +
                             std::to_string(cache.pageSize));
  if (graph.entries.empty())
    return invalidArgument("/entries: expected at least one entry");
  FT_ASSIGN_OR_RETURN([[maybe_unused]] Names entries,
                      collect(graph.entries, "entries"));
  for (const std::string &name : entries.list)
    if (globals.params.has(name) || globals.caches.has(name))
      return invalidArgument("/entries/" + pointerToken(name) +
                             ": a param or cache has this name too");
  for (Entry &entry : graph.entries)
    FT_RETURN_IF_ERROR(checkEntry(graph, entry, globals));
  return {};
}
