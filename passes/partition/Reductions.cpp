//===- Reductions.cpp - sums over ranks, as few as possible ---------------===//
#include "passes/partition/Reductions.h"

#include "passes/partition/Partition.h"

#include "llvm/ADT/STLExtras.h"

using namespace mlir;
using namespace ft::ir;

namespace ft::passes {

/// An addition of like values whose sum only another addition reads.
static bool isInner(Value value) {
  auto add = value.getDefiningOp<AddOp>();
  return add && value.hasOneUse() && isa<AddOp>(*value.user_begin()) &&
         add.getLhs().getType() == add.getRhs().getType();
}

/// What a tree of additions adds up, in order.
static void addends(Value value, bool isRoot, SmallVectorImpl<Value> &list) {
  if (!isRoot && !isInner(value)) {
    list.push_back(value);
    return;
  }
  auto add = value.getDefiningOp<AddOp>();
  addends(add.getLhs(), false, list);
  addends(add.getRhs(), false, list);
}

static Value sum(OpBuilder &builder, Location location, ArrayRef<Value> list) {
  Value total = list.front();
  for (Value value : list.drop_front())
    total = AddOp::create(builder, location, total.getType(), total, value);
  return total;
}

/// Adds up several summands first: x + (a + b) for x + a + b.
void Reductions::combine(AddOp root) {
  SmallVector<Value> all;
  addends(root.getResult(), /*isRoot=*/true, all);
  auto isSummand = [&](Value value) {
    return summands_.contains(value) && value.hasOneUse();
  };
  if (llvm::count_if(all, isSummand) < 2)
    return;
  SmallVector<Value> mine, others;
  Biases biases;
  for (Value value : all) {
    (isSummand(value) ? mine : others).push_back(value);
    if (isSummand(value)) {
      llvm::append_range(biases, summands_.lookup(value));
      summands_.erase(value);
    }
  }
  OpBuilder builder(root);
  Value partial = sum(builder, root.getLoc(), mine);
  summands_[partial] = biases;
  others.push_back(partial);
  Value total =
      others.size() == 1 ? partial : sum(builder, root.getLoc(), others);
  root.replaceAllUsesWith(total);
}

/// The linears whose results `value` adds up; false where it is something else,
/// such as rows of a table, whose sum is exact.
static bool linearsOf(Value value, SmallVectorImpl<Value> &list) {
  list.push_back(value);
  if (auto add = value.getDefiningOp<AddOp>())
    return linearsOf(add.getLhs(), list) && linearsOf(add.getRhs(), list);
  return value.getDefiningOp<LinearOp>() != nullptr;
}

void Reductions::reduce(Value value, const Biases &biases) {
  auto narrow = cast<PackedType>(value.getType());
  SmallVector<Value> linears;
  if (wide_ && linearsOf(value, linears))
    for (Value linear : linears)
      linear.setType(
          narrow.withElementType(Float32Type::get(value.getContext())));
  OpBuilder builder(entry_.getContext());
  builder.setInsertionPointAfterValue(value);
  Location location = value.getLoc();
  auto reduced = AllReduceOp::create(builder, location, value.getType(), value,
                                     builder.getStringAttr(kTensorAxis));
  Operation *last = reduced;
  if (value.getType() != narrow)
    last = CastOp::create(builder, location, narrow, reduced);
  for (FlatSymbolRefAttr bias : biases) {
    auto weight = BroadcastOp::create(builder, location, narrow, bias);
    last = AddOp::create(builder, location, narrow, last->getResult(0), weight);
  }
  value.replaceUsesWithIf(last->getResult(0), [&](OpOperand &use) {
    return use.getOwner()->getBlock() == last->getBlock() &&
           last->isBeforeInBlock(use.getOwner());
  });
}

int64_t Reductions::insert() {
  SmallVector<AddOp> roots;
  for (AddOp add : entry_.getBody().getOps<AddOp>())
    if (add.getLhs().getType() == add.getRhs().getType() &&
        !isInner(add.getResult()))
      roots.push_back(add);
  for (AddOp root : roots)
    combine(root);
  for (auto &[value, biases] : summands_)
    reduce(value, biases);
  return summands_.size();
}

} // namespace ft::passes
