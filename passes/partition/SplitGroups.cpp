//===- SplitGroups.cpp - which values are tied to each other --------------===//
#include "passes/partition/SplitGroups.h"

#include "passes/Capability.h"

#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace ft::ir;

namespace ft::passes {

//===----------------------------------------------------------------------===//
// Union-find over values and caches
//===----------------------------------------------------------------------===//

int64_t firstExtent(Value value) {
  auto type = dyn_cast<PackedType>(value.getType());
  return type && !type.getShape().empty() ? type.getShape().front() : 0;
}

int SplitGroups::number(Node node, int64_t extent) {
  auto [it, isNew] = numbers_.try_emplace(node, parents_.size());
  if (isNew) {
    parents_.push_back(parents_.size());
    extents_.push_back(extent);
  }
  return it->second;
}

int SplitGroups::find(int node) const {
  while (parents_[node] != node)
    node = parents_[node] = parents_[parents_[node]];
  return node;
}

/// The earlier of the two stands for both, so that roots are in program order.
void SplitGroups::tie(Node a, Node b) {
  int first = find(numbers_.lookup(a)), second = find(numbers_.lookup(b));
  parents_[std::max(first, second)] = std::min(first, second);
}

SplitGroups::Group *SplitGroups::groupOf(Node node) {
  auto it = numbers_.find(node);
  return it == numbers_.end() ? nullptr : &groups_[find(it->second)];
}

const SplitGroups::Group *SplitGroups::groupOf(Node node) const {
  auto it = numbers_.find(node);
  return it == numbers_.end() ? nullptr
                              : &groups_.find(find(it->second))->second;
}

const Shard *SplitGroups::shardOf(Value value) const {
  const Group *group = groupOf(value.getAsOpaquePointer());
  return group && group->shard ? &*group->shard : nullptr;
}

const Shard *SplitGroups::shardOf(CacheOp cache) const {
  const Group *group = groupOf(cache.getOperation());
  return group && group->shard ? &*group->shard : nullptr;
}

/// Tables of token ids are split, those of positions and segments are small.
std::optional<Shard> SplitGroups::tableShard(EmbeddingOp embedding) const {
  auto ids = dyn_cast<BlockArgument>(embedding.getIds());
  auto entry = embedding->getParentOfType<EntryOp>();
  if (!ids || ids.getOwner() != &entry.getBody().front())
    return std::nullopt;
  auto role = entry.getArgAttrOfType<StringAttr>(ids.getArgNumber(), kRoleAttr);
  ParamOp table = lookupParam(embedding, embedding.getTableAttr());
  if (!role || role.getValue() != "tokens")
    return std::nullopt;
  return Shard::even(table.getTensorType().getDimSize(0), ranks_);
}

//===----------------------------------------------------------------------===//
// What operations do with a part
//===----------------------------------------------------------------------===//

bool isLocal(Operation *op) {
  if (isUnary(op) || isa<BroadcastOp, AddOp, SubOp, MulOp, DivOp, MaximumOp,
                         MinimumOp, RowsOp, SegmentReduceOp, RopeOp>(op))
    return true;
  bool lines = isa<RmsNormOp, LayerNormOp, SoftmaxOp, NormalizeOp, CumsumOp,
                   ReduceSumOp, ReduceMaxOp, ReduceMeanOp>(op);
  return lines &&
         cast<PackedType>(op->getOperand(0).getType()).getShape().size() > 1;
}

/// Whether the split extent of rows is what the argmax runs along.
static bool isSplitArgmax(Operation *op) {
  auto argmax = dyn_cast<ArgmaxOp>(op);
  return argmax && argmax.getInput().getType().getShape().size() == 1;
}

bool readsParts(Operation *op) {
  return isLocal(op) || isa<LinearOp, AttentionOp, CacheAppendOp>(op) ||
         isSplitArgmax(op);
}

//===----------------------------------------------------------------------===//
// First: ties
//===----------------------------------------------------------------------===//

void SplitGroups::tieKeys(Operation *op, Value key, Value value,
                          FlatSymbolRefAttr cache, SymbolTable &symbols) {
  Node keys = key ? key.getAsOpaquePointer() : nullptr;
  if (key)
    tie(keys, value.getAsOpaquePointer());
  if (cache) {
    auto planes = symbols.lookup<CacheOp>(cache.getAttr());
    auto plane = cast<PlaneAttr>(planes.getPlanes()[0]);
    number(planes.getOperation(), plane.getShape().front());
    if (keys)
      tie(keys, planes.getOperation());
    keys = planes.getOperation();
  }
  keysOf_[op] = keys;
}

/// Values of the same first extent go together; where it is repeated from 1,
/// every rank needs the operand.
void SplitGroups::addRowOp(Operation *op) {
  Value result = op->getResult(0);
  for (Value operand : op->getOperands())
    if (firstExtent(operand) && firstExtent(operand) == firstExtent(result))
      tie(operand.getAsOpaquePointer(), result.getAsOpaquePointer());
}

void SplitGroups::addOp(Operation *op, SymbolTable &symbols) {
  for (Value result : op->getResults())
    if (firstExtent(result))
      number(result.getAsOpaquePointer(), firstExtent(result));
  llvm::TypeSwitch<Operation *>(op)
      .Case<AttentionOp>([&](AttentionOp attention) {
        tie(attention.getQuery().getAsOpaquePointer(),
            attention.getResult().getAsOpaquePointer());
        tieKeys(op, attention.getKey(), attention.getValue(),
                attention.getCacheAttr(), symbols);
        attentions_.push_back(attention);
      })
      .Case<CacheAppendOp>([&](CacheAppendOp append) {
        tieKeys(op, append.getKey(), append.getValue(), append.getCacheAttr(),
                symbols);
      })
      .Default([&](Operation *) {
        if (isLocal(op))
          addRowOp(op);
      });
}

//===----------------------------------------------------------------------===//
// Then: what reads and makes each group
//===----------------------------------------------------------------------===//

void SplitGroups::makeGroups() {
  for (int node = 0; node < int(parents_.size()); ++node)
    groups_[find(node)].extent = extents_[node];
}

/// Operands that `op` reads as a whole, results that it makes as a whole.
void SplitGroups::noteWhole(Operation *op) {
  for (Value operand : op->getOperands()) {
    // A local operation repeats an operand of another first extent.
    bool part =
        readsParts(op) &&
        (!isLocal(op) || firstExtent(operand) == firstExtent(op->getResult(0)));
    if (Group *group = groupOf(operand))
      group->whole |= !part;
  }
  bool made = isLocal(op) || isa<LinearOp, AttentionOp>(op);
  for (Value result : op->getResults())
    if (Group *group = groupOf(result))
      group->fixed |= !made;
}

void SplitGroups::collectLinear(LinearOp linear) {
  if (Group *group = groupOf(linear.getInput()))
    group->readers.push_back(linear);
  if (Group *group = groupOf(linear.getResult()))
    group->makers.push_back(linear);
}

void SplitGroups::noteVocabulary(EntryOp entry) {
  for (BlockArgument argument : entry.getBody().getArguments()) {
    unsigned number = argument.getArgNumber();
    auto role = entry.getArgAttrOfType<StringAttr>(number, kRoleAttr);
    auto limit = entry.getArgAttrOfType<IntegerAttr>(number, kLimitAttr);
    if (!role || role.getValue() != "tokens" || !limit)
      continue;
    for (Operation &op : entry.getBody().getOps())
      for (Value result : op.getResults())
        if (firstExtent(result) == limit.getInt())
          groupOf(result)->vocabulary = true;
  }
}

void SplitGroups::collect(EntryOp entry) {
  for (Value argument : entry.getBody().getArguments())
    if (Group *group = groupOf(argument))
      group->fixed = true;
  noteVocabulary(entry);
  for (Operation &op : entry.getBody().getOps()) {
    noteWhole(&op);
    for (Value result : op.getResults())
      if (Group *group = groupOf(result))
        group->values.push_back(result);
    if (auto linear = dyn_cast<LinearOp>(op))
      collectLinear(linear);
    else if (isSplitArgmax(&op))
      if (Group *group = groupOf(op.getOperand(0)))
        group->argmax = true;
  }
}

SplitGroups::SplitGroups(ModuleOp module, int64_t ranks)
    : module_(module), ranks_(ranks) {
  SymbolTable symbols(module);
  for (EntryOp entry : module.getOps<EntryOp>()) {
    for (Value argument : entry.getBody().getArguments())
      if (firstExtent(argument))
        number(argument.getAsOpaquePointer(), firstExtent(argument));
    for (Operation &op : entry.getBody().getOps())
      addOp(&op, symbols);
  }
  makeGroups();
  for (EntryOp entry : module.getOps<EntryOp>())
    collect(entry);
}

} // namespace ft::passes
