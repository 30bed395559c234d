//===- VerifyFuse.cpp - entries hold legal steps and nothing else ---------===//
#include "passes/AttentionParts.h"
#include "passes/FormFused.h"
#include "passes/GemmParts.h"
#include "passes/JoinSteps.h"
#include "passes/Passes.h"
#include "passes/RowGroup.h"

using namespace mlir;
using namespace ft::ir;

namespace ft::passes {
#define GEN_PASS_DEF_VERIFYFUSE
#include "passes/Passes.h.inc"

namespace {

LogicalResult verifyGemm(FusedOp fused, const KernelContext &context) {
  FailureOr<GemmParts> parts = analyzeGemm(fused);
  if (failed(parts))
    return fused.emitError("is no gemm: it must hold linears of one input, "
                           "their prologue and their epilogue");
  if (!canRun(parts->form(), context))
    return fused.emitError(
        "has no implementation in the capability table for this step kind");
  return success();
}

LogicalResult verifyRow(FusedOp fused) {
  std::optional<RowGroup> group;
  for (Operation &op : fused.getBody().front().without_terminator()) {
    if (!isRowOp(&op))
      return op.emitError("is no operation of a row program");
    if (isa<BroadcastOp>(op))
      continue;
    if (!group)
      group.emplace(rowAxis(&op));
    else if (!isLeaf(&op) && !group->accepts(&op))
      return op.emitError("cannot be computed in the row program before it");
    if (!isLeaf(&op))
      group->add(&op);
  }
  return success();
}

LogicalResult verifyAttention(FusedOp fused, const KernelContext &context) {
  FailureOr<AttentionParts> parts = analyzeAttention(fused);
  if (failed(parts))
    return fused.emitError("is no attention: it must hold one, and of what is "
                           "in front of it the append, ropes and norms of q "
                           "and k only");
  if (parts->append && !findAttention(parts->form(), context))
    return fused.emitError(
        "has no implementation in the capability table for this step kind");
  return success();
}

LogicalResult verifyAlone(FusedOp fused) {
  Block &block = fused.getBody().front();
  if (block.getOperations().size() != 2 ||
      patternOf(&block.front()) != fused.getPattern())
    return fused.emitError("must hold one ")
           << stringifyPattern(fused.getPattern()) << " and nothing else";
  return success();
}

LogicalResult verifyStep(FusedOp fused, const KernelContext &context) {
  switch (fused.getPattern()) {
  case ir::Pattern::Gemm:
    return verifyGemm(fused, context);
  case ir::Pattern::Row:
    return verifyRow(fused);
  case ir::Pattern::Attention:
    return verifyAttention(fused, context);
  default:
    return verifyAlone(fused);
  }
}

LogicalResult verifyEntry(EntryOp entry, KernelContext context) {
  if (!entry.getKind())
    return entry.emitError("has no step kind after the fuse phase");
  context.maxTokens = entry.getKind()->getMaxTokens();
  context.encoder = !entry.getCausal();
  for (Operation &op : entry.getBody().front().without_terminator()) {
    auto fused = dyn_cast<FusedOp>(op);
    if (!fused)
      return op.emitError("is outside ft.fused after the fuse phase");
    if (failed(verifyStep(fused, context)))
      return failure();
    if (fused.getJoins() && !joinedStep(fused, context))
      return fused.emitError("joins the step in front, with which the "
                             "capability table has no implementation of it");
  }
  return success();
}

struct VerifyFuse : impl::VerifyFuseBase<VerifyFuse> {
  using VerifyFuseBase::VerifyFuseBase;

  void runOnOperation() override {
    ModuleOp module = getOperation();
    auto dtype = module->getAttrOfType<TypeAttr>(kDTypeAttr);
    SmallVector<std::string> targets = resolveArchs(archs);
    KernelContext context{.maxTokens = 0,
                          .dtype = dtype ? dtype.getValue() : Type(),
                          .archs = targets,
                          .preview = preview};
    for (EntryOp entry : module.getOps<EntryOp>())
      if (failed(verifyEntry(entry, context)))
        return signalPassFailure();
    markAllAnalysesPreserved();
  }
};

} // namespace
} // namespace ft::passes
