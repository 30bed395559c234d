//===- JoinSteps.cpp - steps that one implementation may run --------------===//
//
// Marks what may run together and changes no step: the kernels are right for
// some architectures, numbers of rows and batches only, of short sequences, or
// of which no logits are read; all others run the steps one by one.
//
//===----------------------------------------------------------------------===//
#include "passes/JoinSteps.h"

#include "passes/AttentionParts.h"
#include "passes/GemmParts.h"
#include "passes/Passes.h"

using namespace mlir;
using namespace ft::ir;

namespace ft::passes {
#define GEN_PASS_DEF_JOINSTEPS
#include "passes/Passes.h.inc"

/// Attention within sequences, over operands of the step in their order. Its
/// scale is positive: the kernel takes maxima before it scales.
static AttentionOp plainAttention(FusedOp fused) {
  if (fused.getPattern() != ir::Pattern::Attention)
    return {};
  FailureOr<AttentionParts> parts = analyzeAttention(fused);
  if (failed(parts) || parts->append)
    return {};
  AttentionOp attention = parts->attention;
  bool plain = !attention.getCacheAttr() && attention.getScore().empty() &&
               !attention.getCausal() && attention.getWindow() == 0 &&
               attention.getScale().convertToDouble() > 0;
  return plain ? attention : AttentionOp();
}

/// Three linears of adjacent rows of one weight, in their order, and nothing
/// besides; failure where the step is anything else.
static FailureOr<GemmParts> plainLinears(FusedOp fused) {
  if (!fused || fused.getPattern() != ir::Pattern::Gemm ||
      fused.getNumResults() != 3)
    return failure();
  FailureOr<GemmParts> parts = analyzeGemm(fused);
  if (failed(parts) || parts->linears.size() != 3 || parts->ops().size() != 3)
    return failure();
  SymbolTable symbols(fused->getParentOfType<ModuleOp>());
  if (adjacentLinears(parts->linears.front(), symbols) != parts->linears)
    return failure();
  return parts;
}

/// Whether q, k and v are the results of `linears`, read by nothing else.
static bool readsAll(AttentionOp attention, FusedOp fused, FusedOp linears) {
  Value operands[] = {attention.getQuery(), attention.getKey(),
                      attention.getValue()};
  for (auto [number, operand] : llvm::enumerate(operands)) {
    Value result = linears.getResult(unsigned(number));
    auto argument = dyn_cast<BlockArgument>(operand);
    if (!argument || fused.getInputs()[argument.getArgNumber()] != result ||
        !result.hasOneUse())
      return false;
  }
  return true;
}

/// The type that all operands and results have in common; null where they
/// differ.
static Type commonElement(GemmParts &gemm, AttentionOp attention) {
  Type element = attention.getType().getElementType();
  for (LinearOp linear : gemm.linears) {
    ParamOp weight = lookupParam(linear, linear.getWeightAttr());
    if (linear.getType().getElementType() != element ||
        linear.getInput().getType().getElementType() != element ||
        weight.getTensorType().getElementType() != element)
      return {};
  }
  return element;
}

static FusedOp joinedLinears(FusedOp fused, const KernelContext &ctx) {
  AttentionOp attention = plainAttention(fused);
  auto linears = dyn_cast_or_null<FusedOp>(fused->getPrevNode());
  FailureOr<GemmParts> gemm = plainLinears(linears);
  if (!attention || failed(gemm) || !readsAll(attention, fused, linears))
    return {};
  ArrayRef<int64_t> query = attention.getQuery().getType().getShape();
  ArrayRef<int64_t> key = attention.getKey().getType().getShape();
  ArrayRef<int64_t> value = attention.getValue().getType().getShape();
  if (query.size() != 2 || key.size() != 2 || value.size() != 2)
    return {};
  LinearOp first = gemm->linears.front();
  JoinedForm form{.inner = first.getInput().getType().getRowElements(),
                  .heads = query[0],
                  .kvHeads = key[0],
                  .headSize = query[1],
                  .keySize = key[1],
                  .valueSize = value[1],
                  .element = commonElement(*gemm, attention)};
  return findJoined(form, ctx) ? linears : FusedOp();
}

/// Whether the steps read `value` nowhere but in `fused`. What an entry returns
/// is for batches to want or not.
static bool isReadBy(Value value, FusedOp fused) {
  return llvm::all_of(value.getUsers(), [&](Operation *user) {
    return user == fused || isa<ReturnOp>(user);
  });
}

/// The linear by whose outputs `fused` chooses tokens: the largest of a row,
/// where nothing else is asked for.
static FusedOp likeliestLinear(FusedOp fused, const KernelContext &ctx) {
  if (fused.getPattern() != ir::Pattern::Sample)
    return {};
  auto linear = dyn_cast_or_null<FusedOp>(fused->getPrevNode());
  SampleOp sample = *fused.getBody().front().getOps<SampleOp>().begin();
  auto logits = dyn_cast<BlockArgument>(sample.getInput());
  if (!linear || linear.getPattern() != ir::Pattern::Gemm ||
      linear.getNumResults() != 1 || !logits ||
      fused.getInputs()[logits.getArgNumber()] != linear.getResult(0) ||
      !isReadBy(linear.getResult(0), fused))
    return {};
  FailureOr<GemmParts> parts = analyzeGemm(linear);
  if (failed(parts))
    return {};
  LinearOp first = parts->linears.front();
  Type element = first.getInput().getType().getElementType();
  ParamOp weight = lookupParam(first, first.getWeightAttr());
  bool same = weight.getTensorType().getElementType() == element;
  LikeliestForm form{parts->form(), same ? element : Type()};
  return findLikeliest(form, ctx) ? linear : FusedOp();
}

/// The type that a linear's x, weights and result have in common; null where
/// they differ.
static Type elementOf(const GemmParts &parts, FusedOp fused) {
  Type element =
      cast<PackedType>(fused.getResult(0).getType()).getElementType();
  for (LinearOp linear : parts.linears) {
    ParamOp weight = lookupParam(linear, linear.getWeightAttr());
    if (linear.getInput().getType().getElementType() != element ||
        weight.getTensorType().getElementType() != element)
      return {};
  }
  return element;
}

/// A step of one norm of whole rows, and the linears behind, its only reader.
struct NormedLinears {
  FusedOp norm, linears;
  Operation *op; // the norm
  GemmParts parts;
};

static FailureOr<NormedLinears> normedLinears(FusedOp norm) {
  auto behind = dyn_cast_or_null<FusedOp>(norm->getNextNode());
  Block &body = norm.getBody().front();
  Operation *op = &body.front();
  if (norm.getPattern() != ir::Pattern::Row ||
      body.getOperations().size() != 2 || !isa<RmsNormOp, LayerNormOp>(op) ||
      cast<PackedType>(op->getResult(0).getType()).getShape().size() != 1 ||
      !behind || behind.getPattern() != ir::Pattern::Gemm ||
      !norm.getResult(0).hasOneUse())
    return failure();
  FailureOr<GemmParts> parts = analyzeGemm(behind);
  if (failed(parts))
    return failure();
  auto x = dyn_cast<BlockArgument>(parts->linears.front().getInput());
  if (!x || behind.getInputs()[x.getArgNumber()] != norm.getResult(0))
    return failure();
  return NormedLinears{norm, behind, op, *parts};
}

/// Whether one launch makes the norm as the linears' prologue.
static bool isPrologue(const NormedLinears &normed, const KernelContext &ctx) {
  FusedOp linears = normed.linears;
  return linears.getInputs().size() == 1 &&
         findNormPrologue(
             {normed.parts.form(), elementOf(normed.parts, linears)}, ctx);
}

/// Whether the weight that `op` has as `operand`, if it has one, is of f32.
static bool isF32(Operation *op, StringRef operand) {
  auto weight = op->getAttrOfType<FlatSymbolRefAttr>(operand);
  return !weight ||
         lookupParam(op, weight).getTensorType().getElementType().isF32();
}

/// Whether the linear in front, whose sum the norm is of, and those behind make
/// it.
static bool isNormBetween(const NormedLinears &normed,
                          const KernelContext &ctx) {
  FusedOp norm = normed.norm;
  auto before = dyn_cast_or_null<FusedOp>(norm->getPrevNode());
  Operation *op = normed.op;
  if (!before || before.getPattern() != ir::Pattern::Gemm ||
      before.getNumResults() != 1 ||
      norm.getInputs().front() != before.getResult(0))
    return false;
  FailureOr<GemmParts> first = analyzeGemm(before);
  if (failed(first))
    return false;
  Type element = elementOf(*first, before);
  if (elementOf(normed.parts, normed.linears) != element ||
      cast<PackedType>(op->getResult(0).getType()).getElementType() != element)
    element = {};
  return isF32(op, "weight") && isF32(op, "bias") &&
         findNormHalves({first->form(), normed.parts.form(), element}, ctx);
}

/// Of a norm the linear in front, of linears the norm in front.
static FusedOp normNeighbour(FusedOp fused, const KernelContext &ctx) {
  auto before = dyn_cast_or_null<FusedOp>(fused->getPrevNode());
  if (!before)
    return {};
  bool linears = fused.getPattern() == ir::Pattern::Gemm;
  FailureOr<NormedLinears> normed = normedLinears(linears ? before : fused);
  if (failed(normed))
    return {};
  bool joins =
      isNormBetween(*normed, ctx) || (linears && isPrologue(*normed, ctx));
  return joins ? before : FusedOp();
}

FusedOp joinedStep(FusedOp fused, const KernelContext &ctx) {
  if (FusedOp linears = joinedLinears(fused, ctx))
    return linears;
  if (FusedOp linear = likeliestLinear(fused, ctx))
    return linear;
  return normNeighbour(fused, ctx);
}

namespace {

struct JoinSteps : impl::JoinStepsBase<JoinSteps> {
  using JoinStepsBase::JoinStepsBase;

  void runOnOperation() override {
    ModuleOp module = getOperation();
    auto dtype = module->getAttrOfType<TypeAttr>(kDTypeAttr);
    SmallVector<std::string> targets = resolveArchs(archs);
    for (EntryOp entry : module.getOps<EntryOp>()) {
      KernelContext context{.dtype = dtype ? dtype.getValue() : Type(),
                            .archs = targets,
                            .encoder = !entry.getCausal()};
      if (auto kind = entry.getKind())
        context.maxTokens = kind->getMaxTokens();
      for (FusedOp fused : entry.getBody().getOps<FusedOp>())
        if (joinedStep(fused, context)) {
          fused.setJoins(true);
          ++numJoined;
        }
    }
  }
};

} // namespace
} // namespace ft::passes
