//===- StepCost.cpp - bytes and FLOPs of a fused op -----------------------===//
#include "codegen/plan/StepCost.h"

#include "llvm/ADT/SmallPtrSet.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace ft;
using namespace ft::codegen;

static int64_t rowBytes(ir::PackedType type) {
  return type.getRowElements() * dtypeSize(dtypeOf(type.getElementType()));
}

static int64_t paramBytes(ir::ParamOp param) {
  RankedTensorType type = param.getTensorType();
  return type.getNumElements() * dtypeSize(dtypeOf(type.getElementType()));
}

/// FLOPs an element of the result of a row-wise op; transcendental functions
/// count as one, a norm as the handful of operations it takes.
static int64_t flopsPerElement(Operation *op) {
  return llvm::TypeSwitch<Operation *, int64_t>(op)
      .Case<ir::EmbeddingOp, ir::BroadcastOp, ir::RowsOp, ir::PositionsOp,
            ir::CacheAppendOp, ir::PatchesOp>([](auto) { return 0; })
      .Case<ir::LayerNormOp>([](auto) { return 8; })
      .Case<ir::RmsNormOp, ir::SoftmaxOp>([](auto) { return 4; })
      .Case<ir::NormalizeOp, ir::RopeOp>([](auto) { return 3; })
      .Case<ir::GeluOp>([](auto) { return 8; })
      .Default([](auto) { return 1; });
}

static void addAttention(ir::AttentionOp attention, const PlanIndex &index,
                         plan::Cost &cost) {
  auto query = attention.getQuery().getType();
  cost.flopsPerQueryKey += 4 * query.getRowElements();
  if (!attention.getCacheAttr())
    return;
  int32_t cache = index.cache(attention.getCacheAttr());
  if (cache < 0)
    return;
  ir::CacheOp op = index.cacheOps()[cache];
  for (auto plane : op.getPlanes().getAsRange<ir::PlaneAttr>()) {
    int64_t elements = 1;
    for (int64_t extent : plane.getShape())
      elements *= extent;
    cost.cacheBytesPerKey +=
        elements * dtypeSize(dtypeOf(plane.getElementType()));
  }
}

/// Weights read in whole, each counted once; a table is read by the row.
static void addWeights(ir::FusedOp fused, const PlanIndex &index,
                       plan::Cost &cost) {
  llvm::SmallPtrSet<Attribute, 8> seen;
  fused.getBody().walk([&](Operation *op) {
    if (auto embedding = dyn_cast<ir::EmbeddingOp>(op)) {
      cost.bytesPerRow += rowBytes(embedding.getType());
      return;
    }
    if (isa<ir::RopeOp, ir::CacheAppendOp, ir::AttentionOp>(op))
      return;
    op->getAttrDictionary().walk([&](FlatSymbolRefAttr symbol) {
      int32_t weight = index.weight(symbol);
      if (weight >= 0 && seen.insert(symbol).second)
        cost.weightBytes += paramBytes(index.params()[weight]);
    });
  });
}

/// What a rank sends, by the ring algorithms that NCCL uses for long messages.
static int64_t linkBytes(Operation &op, const PlanIndex &index) {
  auto mesh = op.getAttrOfType<StringAttr>("mesh");
  int32_t axis = mesh ? index.mesh(mesh) : -1;
  if (axis < 0)
    return 0;
  int64_t ranks = index.meshAxes()[axis].size;
  int64_t bytes =
      rowBytes(cast<ir::PackedType>(op.getOperand(0).getType())) * (ranks - 1);
  return llvm::TypeSwitch<Operation *, int64_t>(&op)
      .Case<ir::AllReduceOp>([&](auto) { return 2 * bytes / ranks; })
      .Case<ir::AllGatherOp>([&](auto) { return bytes; })
      .Case<ir::ReduceScatterOp>([&](auto) { return bytes / ranks; })
      .Default([](Operation *) { return 0; });
}

static void addOp(Operation &op, const PlanIndex &index, plan::Cost &cost) {
  if (auto attention = dyn_cast<ir::AttentionOp>(op))
    return addAttention(attention, index, cost);
  if (auto append = dyn_cast<ir::CacheAppendOp>(op)) {
    cost.bytesPerRow += rowBytes(append.getKey().getType()) +
                        rowBytes(append.getValue().getType());
    return;
  }
  cost.linkBytesPerRow += linkBytes(op, index);
  if (op.getNumResults() != 1)
    return;
  auto type = dyn_cast<ir::PackedType>(op.getResult(0).getType());
  if (!type)
    return;
  if (auto linear = dyn_cast<ir::LinearOp>(op))
    cost.flopsPerRow += 2 * type.getRowElements() *
                        linear.getInput().getType().getRowElements();
  else
    cost.flopsPerRow += type.getRowElements() * flopsPerElement(&op);
}

plan::Cost codegen::stepCost(ir::FusedOp fused, const PlanIndex &index) {
  plan::Cost cost;
  addWeights(fused, index, cost);
  for (Operation &op : fused.getBody().front().without_terminator())
    addOp(op, index, cost);
  // Each token reads its own patch of the image.
  for (auto op : fused.getBody().getOps<ir::PatchesOp>()) {
    ir::PackedType image = op.getImage().getType();
    cost.bytesPerRow =
        rowBytes(op.getType()) +
        rowBytes(op.getType().withElementType(image.getElementType()));
    return cost;
  }
  auto addRow = [&](Value value) {
    if (auto type = dyn_cast<ir::PackedType>(value.getType()))
      cost.bytesPerRow += rowBytes(type);
  };
  llvm::for_each(fused.getInputs(), addRow);
  llvm::for_each(fused.getResults(), addRow);
  return cost;
}
