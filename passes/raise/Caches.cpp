//===- Caches.cpp - caches of causal entries, the order of operations -----===//
#include "passes/raise/Raiser.h"

#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/SetVector.h"

#include <functional>

using namespace mlir;
using namespace ft::ir;

namespace ft::passes::raise {

/// Keys and values of causal attention come from a cache from now on; layers
/// that attend to the same ones share them.
LogicalResult addCaches(EntryOp entry, ModuleOp module) {
  llvm::MapVector<std::pair<Attribute, Attribute>, SmallVector<AttentionOp>>
      groups; // by the shapes of keys and values
  for (AttentionOp op : entry.getBody().getOps<AttentionOp>()) {
    if (!op.getCausal())
      return op.emitError("attends to later tokens, which an entry that is "
                          "'causal' cannot");
    groups[{TypeAttr::get(op.getKey().getType()),
            TypeAttr::get(op.getValue().getType())}]
        .push_back(op);
  }
  SymbolTable symbols(module);
  for (auto &[types, ops] : groups) {
    llvm::MapVector<std::pair<Value, Value>, int64_t> layers;
    for (AttentionOp op : ops)
      layers.insert({{op.getKey(), op.getValue()}, int64_t(layers.size())});
    OpBuilder builder(entry);
    auto plane = [&](StringRef name, Attribute type) -> Attribute {
      auto packed = cast<PackedType>(cast<TypeAttr>(type).getValue());
      return PlaneAttr::get(builder.getContext(), builder.getStringAttr(name),
                            packed.getShape(), packed.getElementType());
    };
    auto cache =
        CacheOp::create(builder, entry.getLoc(), "kv", layers.size(), 64,
                        builder.getArrayAttr({plane("k", types.first),
                                              plane("v", types.second)}));
    auto name = FlatSymbolRefAttr::get(symbols.insert(cache));
    llvm::DenseSet<int64_t> stored;
    for (AttentionOp op : ops) {
      int64_t layer = layers[{op.getKey(), op.getValue()}];
      builder.setInsertionPoint(op);
      if (stored.insert(layer).second)
        CacheAppendOp::create(builder, op.getLoc(), op.getKey(), op.getValue(),
                              op.getSequences(), name,
                              builder.getI64IntegerAttr(layer));
      op.getKeyMutable().clear();
      op.getValueMutable().clear();
      op.setCacheAttr(name);
      op.setLayer(layer);
    }
  }
  return success();
}

/// A part of a product that is made as a whole too is a part of its rows, not a
/// product of its own.
void preferWholes(Context &ctx, Block &block) {
  llvm::DenseMap<Operation *, Value> wholes;
  // Attempts that failed leave operations that nothing needs.
  llvm::SmallSetVector<Operation *, 32> live;
  live.insert(block.getTerminator());
  for (size_t i = 0; i < live.size(); ++i)
    for (Value operand : live[i]->getOperands())
      if (Operation *op = operand.getDefiningOp())
        live.insert(op);
  auto isWhole = [](Operation *linear, Value rows) {
    return cast<PackedType>(rows.getType()).getRowElements() ==
           cast<LinearOp>(linear).getType().getRowElements();
  };
  for (auto &[key, rows] : ctx.views)
    if (rows && live.contains(rows.getDefiningOp()) &&
        isWhole(std::get<0>(key), rows))
      wholes.try_emplace(std::get<0>(key), rows);
  for (auto &[key, rows] : ctx.views) {
    auto &[linear, places, shape] = key;
    Value whole = wholes.lookup(linear);
    if (!rows || !whole || isWhole(linear, rows))
      continue;
    SmallVector<int64_t> strides;
    for (size_t i = 0, next = 1; i < shape.size(); ++i)
      strides.push_back(shape[i] == 1 ? 0 : places[next++]);
    OpBuilder builder(ctx.builder.getContext());
    builder.setInsertionPointAfterValue(
        whole.getDefiningOp()->isBeforeInBlock(rows.getDefiningOp()) ? rows
                                                                     : whole);
    rows.replaceAllUsesWith(
        rearranged(builder, rows.getLoc(), whole, places[0], shape, strides));
  }
}

/// A product that is read as rows of several shapes is made once.
void shareLinears(Block &block) {
  llvm::MapVector<std::tuple<Value, Attribute, Attribute>, LinearOp> firsts;
  for (LinearOp op : llvm::to_vector(block.getOps<LinearOp>())) {
    if (op.use_empty())
      continue;
    auto [it, isNew] = firsts.insert(
        {{op.getInput(), op.getWeightAttr(), op.getBiasAttr()}, op});
    if (isNew)
      continue;
    OpBuilder builder(op);
    op.replaceAllUsesWith(
        reshaped(builder, op.getLoc(), it->second, op.getType().getShape()));
  }
}

/// Puts the operations into an order that depends on what they compute, not on
/// how the padded entry was written: operands before their readers, first to
/// last, an append before the attention that reads it.
void sortOps(Block &block) {
  SmallVector<Operation *> order;
  llvm::DenseSet<Operation *> placed;
  std::function<void(Operation *)> place = [&](Operation *op) {
    if (!op || !placed.insert(op).second)
      return;
    for (Value operand : op->getOperands())
      place(operand.getDefiningOp());
    if (auto attention = dyn_cast<AttentionOp>(op))
      for (CacheAppendOp append : block.getOps<CacheAppendOp>())
        if (append.getCacheAttr() == attention.getCacheAttr() &&
            append.getLayer() == attention.getLayer())
          place(append);
    order.push_back(op);
  };
  place(block.getTerminator());
  for (Operation *op : order)
    op->moveBefore(&block, block.end());
}

} // namespace ft::passes::raise
