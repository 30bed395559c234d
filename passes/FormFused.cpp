//===- FormFused.cpp - making ft.fused out of operations ------------------===//
#include "passes/FormFused.h"

#include "passes/Capability.h"

#include "llvm/ADT/SetVector.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace ft::ir;

namespace ft::passes {

void cloneLeaves(EntryOp entry) {
  OpBuilder builder(entry.getContext());
  SmallVector<Operation *> leaves;
  for (Operation &op : entry.getBody().getOps())
    if (isLeaf(&op))
      leaves.push_back(&op);
  for (Operation *leaf : leaves) {
    SmallVector<OpOperand *> uses;
    for (OpOperand &use : leaf->getUses())
      uses.push_back(&use);
    for (OpOperand *use : uses) {
      builder.setInsertionPoint(use->getOwner());
      use->set(builder.clone(*leaf)->getResult(0));
    }
    leaf->erase();
  }
}

bool followsUser(Operation *op) {
  if (!isLeaf(op) || !op->hasOneUse())
    return false;
  // What moves elements reads them from memory.
  Operation *user = *op->user_begin();
  return isRowOp(user) && !isa<RearrangeOp, ConcatOp>(user);
}

ir::Pattern patternOf(Operation *op) {
  return llvm::TypeSwitch<Operation *, ir::Pattern>(op)
      .Case<LinearOp>([](auto) { return ir::Pattern::Gemm; })
      .Case<AttentionOp>([](auto) { return ir::Pattern::Attention; })
      .Case<SegmentReduceOp>([](auto op) {
        return isOneOfSequence(op) ? ir::Pattern::Row
                                   : ir::Pattern::SegmentReduce;
      })
      .Case<PatchesOp>([](auto) { return ir::Pattern::Patches; })
      .Case<ArgmaxOp, LocalArgmaxOp, MergeArgmaxOp>(
          [](auto) { return ir::Pattern::Argmax; })
      .Case<SampleOp>([](auto) { return ir::Pattern::Sample; })
      .Case<AllReduceOp, AllGatherOp, ReduceScatterOp>(
          [](auto) { return ir::Pattern::Collective; })
      .Default([](Operation *) { return ir::Pattern::Row; });
}

std::string joinNames(ArrayRef<StringRef> names) {
  SmallVector<SmallVector<StringRef>> parts(names.size());
  size_t shortest = SIZE_MAX;
  for (auto [name, split] : llvm::zip(names, parts)) {
    name.split(split, '.');
    shortest = std::min<size_t>(shortest, split.size());
  }
  auto agreesAt = [&](size_t i, bool fromEnd) {
    StringRef first = fromEnd ? parts[0][parts[0].size() - 1 - i] : parts[0][i];
    return llvm::all_of(parts, [&](const auto &split) {
      return first == (fromEnd ? split[split.size() - 1 - i] : split[i]);
    });
  };
  size_t prefix = 0, suffix = 0;
  while (prefix + 1 < shortest && agreesAt(prefix, false))
    ++prefix;
  while (prefix + suffix + 1 < shortest && agreesAt(suffix, true))
    ++suffix;
  std::string joined;
  for (size_t i = 0; i < prefix; ++i)
    joined += parts[0][i].str() + ".";
  for (auto [i, split] : llvm::enumerate(parts)) {
    ArrayRef<StringRef> middle(split);
    middle = middle.drop_front(prefix).drop_back(suffix);
    joined += (i ? "+" : "") + llvm::join(middle, ".");
  }
  for (size_t i = suffix; i > 0; --i)
    joined += "." + parts[0][parts[0].size() - i].str();
  return joined;
}

/// The layer in a weight's name or a label: "h.3" of "h.3.attn.q", "l1" of
/// "l0.down+l1.norm1"; empty where no part but the last ends in a digit.
static StringRef layerPrefix(StringRef label) {
  SmallVector<StringRef> names;
  label.split(names, '+');
  for (StringRef name : llvm::reverse(names))
    for (size_t dot = name.find('.'); dot != StringRef::npos;
         dot = name.find('.', dot + 1))
      if (dot > 0 && llvm::isDigit(name[dot - 1]))
        return name.take_front(dot);
  return "";
}

/// Whether a linear of a layer reads what `op` makes.
static bool isReadInLayer(Operation *op) {
  return llvm::any_of(op->getUsers(), [](Operation *user) {
    auto linear = dyn_cast<LinearOp>(user);
    return linear && !layerPrefix(linear.getWeight()).empty();
  });
}

/// A step without weights is in the layer of the last step it reads, unless it
/// leaves the token axis: pooling and sampling come after the layers, but for
/// rows that the last one's linears read. An exchange is named after that step
/// whole: a layer has several.
static std::string labelWithoutWeights(ArrayRef<Operation *> ops,
                                       ArrayRef<StringRef> mnemonics) {
  std::string label = llvm::join(mnemonics, "+");
  FusedOp producer;
  std::string cacheLayer;
  bool inLayer = llvm::any_of(ops, isReadInLayer);
  for (Operation *op : ops) {
    if (isa<SegmentReduceOp, ArgmaxOp, LocalArgmaxOp, MergeArgmaxOp, SampleOp,
            RowsOp>(op) &&
        !inLayer)
      return label;
    for (Value operand : op->getOperands())
      if (auto step = operand.getDefiningOp<FusedOp>())
        if (!producer || producer->isBeforeInBlock(step))
          producer = step;
    if (auto attention = dyn_cast<AttentionOp>(op))
      if (attention.getCache())
        cacheLayer = "." + std::to_string(attention.getLayer());
    if (auto append = dyn_cast<CacheAppendOp>(op))
      cacheLayer = "." + std::to_string(append.getLayer());
  }
  if (producer && patternOf(ops.front()) == ir::Pattern::Collective)
    return (producer.getLabel() + "." + label).str();
  StringRef layer = producer ? layerPrefix(producer.getLabel()) : "";
  return layer.empty() ? label + cacheLayer : layer.str() + "." + label;
}

/// For reports: the weights of linears, norms and tables; where there are none,
/// the operations, with the layer they are in.
static std::string labelOf(ArrayRef<Operation *> ops) {
  llvm::SetVector<StringRef> weights, mnemonics;
  for (Operation *op : ops) {
    if (auto linear = dyn_cast<LinearOp>(op))
      weights.insert(linear.getWeight());
    if (isa<RmsNormOp, LayerNormOp, EmbeddingOp>(op))
      weights.insert(op->getAttrOfType<FlatSymbolRefAttr>(
                           isa<EmbeddingOp>(op) ? "table" : "weight")
                         .getValue());
    if (!isLeaf(op) || ops.size() == 1)
      mnemonics.insert(op->getName().stripDialect());
  }
  if (!weights.empty())
    return joinNames(weights.getArrayRef());
  return labelWithoutWeights(ops, mnemonics.getArrayRef());
}

FusedOp formFused(OpBuilder &builder, Operation *before,
                  ArrayRef<Operation *> ops, ir::Pattern pattern) {
  llvm::SmallPtrSet<Operation *, 16> inside(ops.begin(), ops.end());
  llvm::SetVector<Value> inputs;
  SmallVector<Value> outputs;
  for (Operation *op : ops) {
    for (Value operand : op->getOperands())
      if (!inside.contains(operand.getDefiningOp()))
        inputs.insert(operand);
    for (Value result : op->getResults())
      if (result.use_empty() ||
          llvm::any_of(result.getUsers(),
                       [&](Operation *user) { return !inside.contains(user); }))
        outputs.push_back(result);
  }
  builder.setInsertionPoint(before);
  Location loc = ops.front()->getLoc();
  auto fused = FusedOp::create(builder, loc, TypeRange(ValueRange(outputs)),
                               inputs.getArrayRef(), pattern, labelOf(ops),
                               /*slots=*/nullptr, /*launch=*/nullptr);
  Block &block = fused.getBody().emplaceBlock();
  for (auto [output, result] : llvm::zip(outputs, fused.getResults()))
    output.replaceUsesWithIf(result, [&](OpOperand &use) {
      return !inside.contains(use.getOwner());
    });
  for (Operation *op : ops)
    op->moveBefore(&block, block.end());
  for (Value input : inputs) {
    BlockArgument argument = block.addArgument(input.getType(), loc);
    input.replaceUsesWithIf(argument, [&](OpOperand &use) {
      return inside.contains(use.getOwner());
    });
  }
  builder.setInsertionPointToEnd(&block);
  YieldOp::create(builder, loc, outputs);
  return fused;
}

} // namespace ft::passes
