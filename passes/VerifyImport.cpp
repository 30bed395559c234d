//===- VerifyImport.cpp - what holds after import -------------------------===//
#include "passes/Passes.h"

using namespace mlir;
using namespace ft::ir;

namespace ft::passes {
#define GEN_PASS_DEF_VERIFYIMPORT
#include "passes/Passes.h.inc"

namespace {

bool isNarrow(Type type) { return type.isF16() || type.isBF16(); }

LogicalResult verifyOp(Operation *op) {
  if (auto param = dyn_cast<ParamOp>(op))
    if (isNarrow(param.getTensorType().getElementType()))
      return op->emitError("import leaves weights in f32, found ")
             << param.getTensorType();
  if (auto cache = dyn_cast<CacheOp>(op))
    for (PlaneAttr plane : cache.getPlanes().getAsRange<PlaneAttr>())
      if (isNarrow(plane.getElementType()))
        return op->emitError("import leaves cache planes in f32, found ")
               << plane.getElementType();
  if (auto entry = dyn_cast<EntryOp>(op))
    if (entry.getKind())
      return op->emitError("import makes no step kinds");
  if (isa<FusedOp>(op))
    return op->emitError("import makes no fused operations");
  for (Type type : op->getResultTypes())
    if (auto packed = dyn_cast<PackedType>(type))
      if (isNarrow(packed.getElementType()))
        return op->emitError("import leaves values in f32, found ") << packed;
  return success();
}

struct VerifyImport : impl::VerifyImportBase<VerifyImport> {
  void runOnOperation() override {
    WalkResult result = getOperation().walk([](Operation *op) {
      return failed(verifyOp(op)) ? WalkResult::interrupt()
                                  : WalkResult::advance();
    });
    if (result.wasInterrupted())
      return signalPassFailure();
    markAllAnalysesPreserved();
  }
};

} // namespace
} // namespace ft::passes
