//===- GroupOps.cpp - fuse operations into steps --------------------------===//
//
// One pass over the operations of an entry keeps a list of groups, each to
// become one ft.fused. The list order is the order of execution, so a group may
// read only groups before it; an operation may join any group that does not
// precede the groups it depends on. Hence no cycles, by construction.
//
//  1. Readers of a broadcast weight or of positions get copies of their own,
//     which follow them into their group.
//  2. A linear whose residual is computed later moves down to the addition.
//  3. A linear takes all linears over adjacent rows of its weight and grows as
//     far as the capability table has an implementation: a gate, activations, a
//     residual, the norm of its result (which is stored besides where others
//     read it), rope and append of q-k-v, and the norm of its input where
//     nobody else reads that.
//  4. Such a norm is left to step 3, unless its input is made by a row group
//     that can compute it as well: there it costs nothing.
//  5. Attention takes the append to its layer, ropes and norms of q and k as
//     far as the table has an implementation; they wait for it. Patches,
//     segment_reduce but of one row, argmax and sample are groups alone.
//  6. A row operation joins the first group, from the last one it depends on,
//     that has its axis and accepts it: its producer if that is a row group
//     (norm after an unfused residual add), else an independent segment beside
//     others (rope of q, rope of k, append), else a new group.
//  7. Cache operations depend on earlier ones of the same layer, unless both
//     read.
//
//===----------------------------------------------------------------------===//
#include "passes/AttentionParts.h"
#include "passes/FormFused.h"
#include "passes/GemmParts.h"
#include "passes/Passes.h"
#include "passes/RowGroup.h"

using namespace mlir;
using namespace ft::ir;

namespace ft::passes {
#define GEN_PASS_DEF_GROUPOPS
#include "passes/Passes.h.inc"

namespace {

struct Group {
  ir::Pattern pattern;
  SmallVector<Operation *> ops;
  std::optional<RowGroup> rows; // pattern row
};

/// The groups of one entry.
class Grouping {
public:
  Grouping(EntryOp entry, SymbolTable &symbols, KernelContext context)
      : entry_(entry), symbols_(symbols), context_(context) {}

  void run();
  size_t size() const { return groups_.size(); }

private:
  void sinkLinear(LinearOp linear);
  void assign(Operation *op);
  void assignLinear(LinearOp linear);
  void assignAttention(AttentionOp attention);
  void assignRow(Operation *op);
  bool isPrologue(Operation *op);
  void put(Operation *op, int group);
  void open(ir::Pattern pattern, ArrayRef<Operation *> ops);
  int lastDependency(Operation *op) const;
  int lastCacheUse(Operation *op) const;
  void noteCacheUse(Operation *op, int group);

  /// The groups that last read and wrote a layer of a cache.
  struct CacheUse {
    int read = -1;
    int write = -1;
  };
  using CacheLayer = std::pair<StringAttr, int64_t>;

  EntryOp entry_;
  SymbolTable &symbols_;
  KernelContext context_;
  SmallVector<Group> groups_;
  llvm::DenseMap<Operation *, int> groupOf_;
  llvm::SmallPtrSet<Operation *, 16> held_; // prologues of attentions to come
  llvm::DenseMap<CacheLayer, CacheUse> cacheUses_;
};

std::pair<StringAttr, int64_t> cacheLayer(Operation *op) {
  if (auto append = dyn_cast<CacheAppendOp>(op))
    return {append.getCacheAttr().getAttr(), append.getLayer()};
  if (auto attention = dyn_cast<AttentionOp>(op))
    if (attention.getCacheAttr())
      return {attention.getCacheAttr().getAttr(), attention.getLayer()};
  return {};
}

//===----------------------------------------------------------------------===//
// Dependencies
//===----------------------------------------------------------------------===//

int Grouping::lastCacheUse(Operation *op) const {
  auto it = cacheUses_.find(cacheLayer(op));
  if (!cacheLayer(op).first || it == cacheUses_.end())
    return -1;
  return isa<CacheAppendOp>(op) ? std::max(it->second.read, it->second.write)
                                : it->second.write;
}

void Grouping::noteCacheUse(Operation *op, int group) {
  if (!cacheLayer(op).first)
    return;
  CacheUse &use = cacheUses_[cacheLayer(op)];
  int &last = isa<CacheAppendOp>(op) ? use.write : use.read;
  last = std::max(last, group);
}

int Grouping::lastDependency(Operation *op) const {
  int last = lastCacheUse(op);
  for (Value operand : op->getOperands())
    if (auto it = groupOf_.find(operand.getDefiningOp()); it != groupOf_.end())
      last = std::max(last, it->second);
  return last;
}

void Grouping::put(Operation *op, int group) {
  for (Value operand : op->getOperands())
    if (Operation *leaf = operand.getDefiningOp(); leaf && followsUser(leaf))
      groups_[group].ops.push_back(leaf);
  groups_[group].ops.push_back(op);
  if (groups_[group].rows)
    groups_[group].rows->add(op);
  groupOf_[op] = group;
  noteCacheUse(op, group);
}

void Grouping::open(ir::Pattern pattern, ArrayRef<Operation *> ops) {
  groups_.push_back({pattern, {}, std::nullopt});
  if (pattern == ir::Pattern::Row)
    groups_.back().rows.emplace(rowAxis(ops.front()));
  for (Operation *op : ops)
    put(op, groups_.size() - 1);
}

//===----------------------------------------------------------------------===//
// Assignment
//===----------------------------------------------------------------------===//

/// Step 2.
void Grouping::sinkLinear(LinearOp linear) {
  GemmParts parts = growGemm(adjacentLinears(linear, symbols_), context_);
  Value added = parts.residualValue();
  Operation *source = added ? added.getDefiningOp() : nullptr;
  if (!source || source->isBeforeInBlock(linear))
    return;
  linear->moveBefore(parts.residual);
  for (Operation *op : parts.unary)
    op->moveBefore(parts.residual);
}

/// Step 4.
bool Grouping::isPrologue(Operation *op) {
  if (!isa<RmsNormOp, LayerNormOp>(op) || op->use_empty())
    return false;
  auto linear = dyn_cast<LinearOp>(*op->user_begin());
  if (!linear ||
      growGemm(adjacentLinears(linear, symbols_), context_).norm != op)
    return false;
  auto producer = groupOf_.find(op->getOperand(0).getDefiningOp());
  if (producer == groupOf_.end())
    return true;
  const Group &group = groups_[producer->second];
  return !group.rows || !group.rows->accepts(op);
}

void Grouping::assignLinear(LinearOp linear) {
  GemmParts parts = growGemm(adjacentLinears(linear, symbols_), context_);
  if (parts.norm && groupOf_.contains(parts.norm))
    parts.norm = nullptr; // computed by a row group already
  // Of two linears that are added, the second takes the addition.
  Value added = parts.residualValue();
  if (added && added.getDefiningOp() &&
      !groupOf_.contains(added.getDefiningOp())) {
    parts.residual = {};
    parts.outNorm = nullptr;
  }
  open(ir::Pattern::Gemm, parts.ops());
}

/// Step 5.
void Grouping::assignAttention(AttentionOp attention) {
  open(ir::Pattern::Attention, growAttention(attention, context_).ops());
}

/// Step 6.
void Grouping::assignRow(Operation *op) {
  int count = groups_.size();
  for (int i = std::max(lastDependency(op), 0); i < count; ++i)
    if (groups_[i].rows && groups_[i].rows->accepts(op))
      return put(op, i);
  open(ir::Pattern::Row, op);
}

void Grouping::assign(Operation *op) {
  if (groupOf_.contains(op) || held_.contains(op) || followsUser(op) ||
      isPrologue(op))
    return;
  if (auto linear = dyn_cast<LinearOp>(op))
    return assignLinear(linear);
  if (auto attention = dyn_cast<AttentionOp>(op))
    return assignAttention(attention);
  if (isRowOp(op))
    return assignRow(op);
  open(patternOf(op), op);
}

void Grouping::run() {
  Block &block = entry_.getBody().front();
  cloneLeaves(entry_);
  for (LinearOp linear : llvm::to_vector(block.getOps<LinearOp>()))
    sinkLinear(linear);
  for (AttentionOp attention : block.getOps<AttentionOp>())
    for (Operation *op : growAttention(attention, context_).ops())
      if (op != attention)
        held_.insert(op);
  for (Operation &op : block.without_terminator())
    assign(&op);
  OpBuilder builder(entry_.getContext());
  for (Group &group : groups_)
    formFused(builder, block.getTerminator(), group.ops, group.pattern);
}

struct GroupOps : impl::GroupOpsBase<GroupOps> {
  using GroupOpsBase::GroupOpsBase;

  void runOnOperation() override {
    ModuleOp module = getOperation();
    SymbolTable symbols(module);
    auto dtype = module->getAttrOfType<TypeAttr>(kDTypeAttr);
    SmallVector<std::string> targets = resolveArchs(archs);
    for (EntryOp entry : module.getOps<EntryOp>()) {
      StepKindAttr kind = entry.getKindAttr();
      numOps += entry.getBody().front().getOperations().size() - 1;
      Grouping grouping(entry, symbols,
                        {.maxTokens = kind ? kind.getMaxTokens() : 0,
                         .dtype = dtype ? dtype.getValue() : Type(),
                         .archs = targets,
                         .preview = preview,
                         .encoder = !entry.getCausal()});
      grouping.run();
      numFused += grouping.size();
    }
  }
};

} // namespace
} // namespace ft::passes
