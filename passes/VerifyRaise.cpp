//===- VerifyRaise.cpp - entries hold semantic operations only ------------===//
#include "passes/Passes.h"

using namespace mlir;
using namespace ft::ir;

namespace ft::passes {
#define GEN_PASS_DEF_VERIFYRAISE
#include "passes/Passes.h.inc"

namespace {
struct VerifyRaise : impl::VerifyRaiseBase<VerifyRaise> {
  void runOnOperation() override {
    for (EntryOp entry : getOperation().getOps<EntryOp>()) {
      for (Operation &op : entry.getBody().getOps()) {
        if (isa_and_nonnull<FtDialect>(op.getDialect()) && !isa<FusedOp>(op))
          continue;
        op.emitError("is not a semantic operation; entry '")
            << entry.getSymName()
            << "' may hold nothing else after the raise phase";
        return signalPassFailure();
      }
    }
    markAllAnalysesPreserved();
  }
};
} // namespace
} // namespace ft::passes
