//===- VerifySchedule.cpp - no two live values share bytes ----------------===//
//
// Independent of PlanMemory: from slots and uses alone, every pair of values.
//
//===----------------------------------------------------------------------===//
#include "passes/MemoryLayout.h"
#include "passes/Passes.h"

using namespace mlir;
using namespace ft::ir;

namespace ft::passes {
#define GEN_PASS_DEF_VERIFYSCHEDULE
#include "passes/Passes.h.inc"

namespace {

/// A value: when it is live and which bytes of its axis's region it has.
struct Placed {
  Value value;
  SlotAttr slot;
  int64_t axis;
  int64_t offset;                 // bytes a row, in the region
  int64_t bytes;                  // of a row of the whole buffer, aligned
  int64_t columnBegin, columnEnd; // bytes inside a row
  int begin, end;
};

/// How many steps behind `op` one launch may run with it.
int joinedBehind(Operation *op) {
  auto behind = dyn_cast_or_null<FusedOp>(op->getNextNode());
  return behind && behind.getJoins() ? 1 + joinedBehind(behind) : 0;
}

bool sharesTime(const Placed &a, const Placed &b) {
  return a.begin <= b.end && b.begin <= a.end;
}

bool sharesBytes(const Placed &a, const Placed &b) {
  if (a.axis != b.axis || a.offset + a.bytes <= b.offset ||
      b.offset + b.bytes <= a.offset)
    return false;
  // Columns of one buffer: rows interleave, each value within its columns.
  bool oneBuffer = a.value.getDefiningOp() == b.value.getDefiningOp() &&
                   a.offset == b.offset && a.bytes == b.bytes;
  return !oneBuffer ||
         (a.columnBegin < b.columnEnd && b.columnBegin < a.columnEnd);
}

class EntryChecker {
public:
  EntryChecker(EntryOp entry, ArrayAttr axes) : entry_(entry), axes_(axes) {}

  LogicalResult run() {
    if (!entry_.getArena() || entry_.getArena()->size() != axes_.size())
      return entry_.emitError("has no arena size for each of ft.axes");
    int number = 0;
    for (Operation &op : entry_.getBody().front())
      numbers_[&op] = number++;
    for (FusedOp step : entry_.getBody().getOps<FusedOp>())
      if (failed(readStep(step)))
        return failure();
    return checkPairs();
  }

private:
  LogicalResult readStep(FusedOp step) {
    if (!step.getSlots() || step.getSlots()->size() != step.getNumResults())
      return step.emitError("has no slot for each result");
    for (auto [result, attr] : llvm::zip(step.getResults(), *step.getSlots()))
      if (failed(readValue(result, cast<SlotAttr>(attr))))
        return failure();
    return success();
  }

  LogicalResult readValue(Value value, SlotAttr slot) {
    auto type = cast<PackedType>(value.getType());
    int64_t axis = axisIndex(axes_, type.getAxis());
    ArrayRef<int64_t> arena = *entry_.getArena();
    if (axis == static_cast<int64_t>(axes_.size()) ||
        slot.getPerAxis().size() != axes_.size())
      return emitError(value.getLoc(), "slot does not match the axes");
    int64_t size = elementBytes(type);
    Placed placed{value,
                  slot,
                  axis,
                  slot.getPerAxis()[axis],
                  alignRow(slot.getRowStride() * size),
                  slot.getConstant(),
                  slot.getConstant() + type.getRowElements() * size,
                  numbers_[value.getDefiningOp()],
                  numbers_[value.getDefiningOp()]};
    for (Operation *user : value.getUsers())
      placed.end = std::max(placed.end, numbers_[user] + joinedBehind(user));
    for (int64_t i = 0; i < static_cast<int64_t>(arena.size()); ++i)
      if (i != axis && slot.getPerAxis()[i] != (i < axis ? arena[i] : 0))
        return emitError(value.getLoc(), "slot lies outside its region");
    if (placed.columnBegin < 0 ||
        placed.columnEnd > slot.getRowStride() * size || placed.offset < 0 ||
        placed.offset % kRowAlignment != 0 ||
        placed.offset + placed.bytes > arena[axis])
      return emitError(value.getLoc(), "slot lies outside its region");
    values_.push_back(placed);
    return success();
  }

  LogicalResult checkPairs() {
    for (size_t i = 0; i < values_.size(); ++i)
      for (size_t j = i + 1; j < values_.size(); ++j)
        if (sharesTime(values_[i], values_[j]) &&
            sharesBytes(values_[i], values_[j]))
          return emitError(values_[j].value.getLoc(), "value at ")
                 << values_[j].slot << " shares bytes with the live value at "
                 << values_[i].slot;
    return success();
  }

  EntryOp entry_;
  ArrayAttr axes_;
  llvm::DenseMap<Operation *, int> numbers_;
  SmallVector<Placed> values_;
};

struct VerifySchedule : impl::VerifyScheduleBase<VerifySchedule> {
  void runOnOperation() override {
    auto axes = getOperation()->getAttrOfType<ArrayAttr>(kAxesAttr);
    if (!axes) {
      getOperation().emitError("has no ft.axes");
      return signalPassFailure();
    }
    for (EntryOp entry : getOperation().getOps<EntryOp>())
      if (failed(EntryChecker(entry, axes).run()))
        return signalPassFailure();
    markAllAnalysesPreserved();
  }
};

} // namespace
} // namespace ft::passes
