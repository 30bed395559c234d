//===- PlanMemory.cpp - values to arena offsets by lifetime ---------------===//
//
// A buffer is live from the step that writes it to the last that reads it, both
// included, so a step never writes over its own operands; those of a step that
// the next one joins are live until that has run. Buffers are placed in
// the order of their steps; those that could conflict are then exactly the live
// ones, a short list, and the whole is linear in the number of steps.
//
//===----------------------------------------------------------------------===//
#include "passes/MemoryLayout.h"
#include "passes/Passes.h"

using namespace mlir;
using namespace ft::ir;

namespace ft::passes {
#define GEN_PASS_DEF_PLANMEMORY
#include "passes/Passes.h.inc"

namespace {

/// The results of a step that lie side by side: one, or all of merged linears.
struct Buffer {
  ValueRange results;
  int64_t axis = 0;
  int64_t stride = 0; // elements of a row
  int64_t bytes = 0;  // of a row, aligned
  int64_t offset = 0; // of a row, in the region of its axis
  int begin = 0;      // the step that writes it
  int end = 0;        // the last step that reads it
};

/// The live buffers of one axis, by offset.
class Region {
public:
  /// Takes the first gap that is wide enough.
  void place(Buffer &buffer) {
    llvm::erase_if(live_, [&](const Live &l) { return l.end < buffer.begin; });
    int64_t offset = 0;
    auto *it = live_.begin();
    for (; it != live_.end() && it->offset - offset < buffer.bytes; ++it)
      offset = it->offset + it->bytes;
    live_.insert(it, {offset, buffer.bytes, buffer.end});
    buffer.offset = offset;
    size_ = std::max(size_, offset + buffer.bytes);
  }
  int64_t size() const { return size_; }

private:
  struct Live {
    int64_t offset;
    int64_t bytes;
    int end;
  };
  SmallVector<Live> live_;
  int64_t size_ = 0;
};

class EntryPlanner {
public:
  EntryPlanner(EntryOp entry, ArrayAttr axes) : entry_(entry), axes_(axes) {}

  LogicalResult run();
  size_t size() const { return buffers_.size(); }

private:
  LogicalResult collect(FusedOp step);
  LogicalResult addBuffer(ValueRange results, int step);
  SlotAttr slotOf(const Buffer &buffer, int64_t column,
                  ArrayRef<int64_t> arena) const;

  EntryOp entry_;
  ArrayAttr axes_;
  llvm::DenseMap<Operation *, int> stepNumber_; // of the terminator: the last
  SmallVector<Buffer> buffers_;                 // ascending begin
};

LogicalResult EntryPlanner::addBuffer(ValueRange results, int step) {
  Buffer buffer{.results = results, .begin = step, .end = step};
  for (Value result : results) {
    auto type = cast<PackedType>(result.getType());
    buffer.axis = axisIndex(axes_, type.getAxis());
    if (buffer.axis == static_cast<int64_t>(axes_.size()))
      return emitError(result.getLoc()) << "axis '" << type.getAxis().getValue()
                                        << "' is not in the module's ft.axes";
    buffer.stride += type.getRowElements();
    buffer.bytes = alignRow(buffer.stride * elementBytes(type));
    for (Operation *user : result.getUsers())
      buffer.end = std::max(buffer.end, stepNumber_.lookup(lastReader(user)));
  }
  buffers_.push_back(buffer);
  return success();
}

LogicalResult EntryPlanner::collect(FusedOp step) {
  int number = stepNumber_.lookup(step);
  if (storesColumns(step))
    return addBuffer(step.getResults(), number);
  for (unsigned i = 0; i < step.getNumResults(); ++i)
    if (failed(addBuffer(step.getResults().slice(i, 1), number)))
      return failure();
  return success();
}

/// Regions lie one after the other: before a buffer's own come those of all
/// axes before its own, each as large as the bound of its axis makes it.
SlotAttr EntryPlanner::slotOf(const Buffer &buffer, int64_t column,
                              ArrayRef<int64_t> arena) const {
  SmallVector<int64_t> perAxis(arena.size(), 0);
  for (int64_t axis = 0; axis < buffer.axis; ++axis)
    perAxis[axis] = arena[axis];
  perAxis[buffer.axis] = buffer.offset;
  return SlotAttr::get(axes_.getContext(), column, perAxis, buffer.stride);
}

LogicalResult EntryPlanner::run() {
  for (Operation &op : entry_.getBody().front())
    stepNumber_[&op] = stepNumber_.size();
  for (FusedOp step : entry_.getBody().getOps<FusedOp>())
    if (failed(collect(step)))
      return failure();
  SmallVector<Region> regions(axes_.size());
  for (Buffer &buffer : buffers_)
    regions[buffer.axis].place(buffer);
  SmallVector<int64_t> arena;
  for (const Region &region : regions)
    arena.push_back(region.size());
  entry_.setArena(arena);

  llvm::DenseMap<Operation *, SmallVector<Attribute>> slots;
  for (const Buffer &buffer : buffers_) {
    int64_t column = 0; // bytes
    for (Value result : buffer.results) {
      auto type = cast<PackedType>(result.getType());
      slots[result.getDefiningOp()].push_back(slotOf(buffer, column, arena));
      column += type.getRowElements() * elementBytes(type);
    }
  }
  for (FusedOp step : entry_.getBody().getOps<FusedOp>())
    step.setSlotsAttr(ArrayAttr::get(step.getContext(), slots[step]));
  return success();
}

struct PlanMemory : impl::PlanMemoryBase<PlanMemory> {
  void runOnOperation() override {
    auto axes = getOperation()->getAttrOfType<ArrayAttr>(kAxesAttr);
    if (!axes) {
      getOperation().emitError("has no ft.axes");
      return signalPassFailure();
    }
    for (EntryOp entry : getOperation().getOps<EntryOp>()) {
      EntryPlanner planner(entry, axes);
      if (failed(planner.run()))
        return signalPassFailure();
      numBuffers += planner.size();
    }
  }
};

} // namespace
} // namespace ft::passes
