//===- SplitOps.cpp - every operation in a step of its own (-O0) ----------===//
#include "passes/FormFused.h"
#include "passes/Passes.h"

using namespace mlir;
using namespace ft::ir;

namespace ft::passes {
#define GEN_PASS_DEF_SPLITOPS
#include "passes/Passes.h.inc"

namespace {
struct SplitOps : impl::SplitOpsBase<SplitOps> {
  void runOnOperation() override {
    for (EntryOp entry : getOperation().getOps<EntryOp>()) {
      cloneLeaves(entry);
      splitEntry(entry);
    }
  }

private:
  void splitEntry(EntryOp entry) {
    OpBuilder builder(entry.getContext());
    Operation *terminator = entry.getBody().front().getTerminator();
    SmallVector<Operation *> ops;
    for (Operation &op : entry.getBody().front().without_terminator())
      ops.push_back(&op);
    for (Operation *op : ops) {
      if (isa<BroadcastOp>(op) && followsUser(op))
        continue; // a weight operand of its reader
      SmallVector<Operation *> step;
      for (Value operand : op->getOperands())
        if (auto leaf = operand.getDefiningOp<BroadcastOp>())
          if (followsUser(leaf))
            step.push_back(leaf);
      step.push_back(op);
      formFused(builder, terminator, step, patternOf(op));
    }
  }
};
} // namespace
} // namespace ft::passes
