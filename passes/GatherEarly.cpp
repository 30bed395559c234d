//===- GatherEarly.cpp - compute no row that nobody wants -----------------===//
//
// A gather takes some rows of a value: those that a batch wants, or the first
// of each sequence. For one at a time, what is in front of it is walked against
// the order of the block: an operation is narrowed if all its readers are, or
// are the gather, and it makes rows one by one out of rows. What those read
// from outside is gathered in place of the value.
//
//===----------------------------------------------------------------------===//
#include "passes/FormFused.h"
#include "passes/Passes.h"

#include "mlir/IR/IRMapping.h"
#include "mlir/Interfaces/SideEffectInterfaces.h"
#include "llvm/ADT/SetVector.h"

using namespace mlir;
using namespace ft::ir;

namespace ft::passes {
#define GEN_PASS_DEF_GATHEREARLY
#include "passes/Passes.h.inc"

namespace {

/// `first` of a sequence that had no such row would be zeros, of which a linear
/// makes something else; every sequence has a row.
bool isGather(Operation *op) {
  if (auto reduce = dyn_cast<SegmentReduceOp>(op))
    return reduce.getKind() == "first" && reduce.getIndex() == 0;
  return isa<RowsOp>(op);
}

bool isByRows(Operation *op) {
  return op->getNumResults() == 1 && isMemoryEffectFree(op) &&
         (op->hasTrait<ft::ir::OpTrait::RowWise>() ||
          isa<LinearOp, AllReduceOp>(op));
}

/// What one gather lets its operand's producers leave out.
class Narrowing {
public:
  explicit Narrowing(Operation *gather) : gather_(gather) { find(); }

  /// Linears are what is saved; without one rows would only be gathered
  /// elsewhere. Token ids are not gathered.
  bool pays() const {
    return llvm::any_of(narrowed_, llvm::IsaPred<LinearOp>) &&
           llvm::all_of(sources_, [](Value value) {
             auto type = dyn_cast<PackedType>(value.getType());
             return type && isa<FloatType>(type.getElementType());
           });
  }
  void apply();
  size_t size() const { return narrowed_.size(); }

private:
  void find();
  void trim();
  void findSources();
  Value gathered(OpBuilder &builder, Value value) const;

  Operation *gather_;
  llvm::SetVector<Operation *> narrowed_; // the last of the block first
  llvm::SetVector<Value> sources_;
};

void Narrowing::find() {
  Operation *last = gather_->getOperand(0).getDefiningOp();
  for (Operation *op = last; op; op = op->getPrevNode()) {
    auto isNarrowed = [&](Operation *user) {
      return user == gather_ || narrowed_.contains(user);
    };
    if (isByRows(op) && !op->use_empty() &&
        llvm::all_of(op->getUsers(), isNarrowed))
      narrowed_.insert(op);
  }
  trim();
  findSources();
}

/// Leaves what is in front of all linears, where more than one value would have
/// to be gathered for it.
void Narrowing::trim() {
  SmallVector<Operation *> ops(narrowed_.rbegin(), narrowed_.rend());
  for (Operation *op : ops) {
    bool first = llvm::none_of(op->getOperands(), [&](Value operand) {
      Operation *source = operand.getDefiningOp();
      return source && source->getNumOperands() > 0 &&
             narrowed_.contains(source);
    });
    if (first && op->getNumOperands() > 1 && !isa<LinearOp>(op))
      narrowed_.remove(op);
  }
}

void Narrowing::findSources() {
  for (Operation *op : narrowed_)
    for (Value operand : op->getOperands())
      if (!narrowed_.contains(operand.getDefiningOp()))
        sources_.insert(operand);
}

Value Narrowing::gathered(OpBuilder &builder, Value value) const {
  IRMapping mapping;
  mapping.map(gather_->getOperand(0), value);
  Operation *made = builder.clone(*gather_, mapping);
  auto axis = cast<PackedType>(gather_->getResult(0).getType()).getAxis();
  made->getResult(0).setType(cast<PackedType>(value.getType()).withAxis(axis));
  made->setLoc(value.getLoc()); // named like the value whose rows it has
  return made->getResult(0);
}

/// All that is narrowed moves to the gather, in its order.
void Narrowing::apply() {
  OpBuilder builder(gather_);
  IRMapping rows;
  for (Value source : llvm::reverse(sources_))
    rows.map(source, gathered(builder, source));
  Type type = gather_->getResult(0).getType();
  for (Operation *op : llvm::reverse(narrowed_)) {
    Operation *moved = builder.clone(*op, rows);
    auto made = cast<PackedType>(op->getResult(0).getType());
    moved->getResult(0).setType(
        made.withAxis(cast<PackedType>(type).getAxis()));
  }
  gather_->getResult(0).replaceAllUsesWith(rows.lookup(gather_->getOperand(0)));
  gather_->erase();
  for (Operation *op : narrowed_)
    op->erase();
}

struct GatherEarly : impl::GatherEarlyBase<GatherEarly> {
  void runOnOperation() override {
    for (EntryOp entry : getOperation().getOps<EntryOp>()) {
      StepKindAttr kind = entry.getKindAttr();
      if (!kind || kind.getMaxTokens() != 0)
        continue;
      SmallVector<Operation *> gathers;
      for (Operation &op : entry.getBody().front())
        if (isGather(&op))
          gathers.push_back(&op);
      for (Operation *gather : gathers)
        if (Narrowing narrowing(gather); narrowing.pays()) {
          numNarrowed += narrowing.size();
          narrowing.apply();
        }
    }
  }
};

} // namespace
} // namespace ft::passes
