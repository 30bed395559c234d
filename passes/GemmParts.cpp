//===- GemmParts.cpp - linears with their prologue and epilogue -----------===//
#include "passes/GemmParts.h"

#include "llvm/ADT/STLExtras.h"

using namespace mlir;
using namespace ft::ir;

namespace ft::passes {

/// Elements of a head; 0 where rows are not heads.
static int64_t headSize(PackedType type) {
  return type.getShape().size() == 2 ? type.getLastDim() : 0;
}

static HeadsForm headsForm(const GemmParts &parts) {
  HeadsForm form;
  CacheAppendOp append = parts.append;
  if (!append)
    return form;
  RopeOp rope = parts.queryRope;
  PackedType query = rope.getType(), value = append.getValue().getType();
  form.append = true;
  form.size = headSize(query);
  form.valueSize = headSize(value);
  ParamOp table = lookupParam(append, rope.getTableAttr());
  form.turned = table.getTensorType().getDimSize(1);
  CacheOp cache = lookupCache(append, append.getCacheAttr());
  LinearOp linear = parts.linears.front();
  Type element = linear.getType().getElementType();
  form.oneType = query.getElementType() == element &&
                 headSize(append.getKey().getType()) == form.size;
  for (auto plane : cache.getPlanes().getAsRange<PlaneAttr>())
    form.oneType &= plane.getElementType() == element;
  return form;
}

GemmForm GemmParts::form() const {
  LinearOp first = linears.front();
  GemmForm form;
  form.inner = first.getInput().getType().getRowElements();
  form.outer = first.getType().getRowElements();
  form.linears = linears.size();
  form.heads = headsForm(*this);
  form.norm = norm != nullptr;
  form.bias = first.getBias().has_value();
  form.combine = gateProduct ? Combine::Gated : Combine::None;
  form.unary = unary;
  form.residual = static_cast<bool>(residual);
  form.retyped = cast<PackedType>(sum().getType()).getElementType() !=
                 first.getType().getElementType();
  form.outNorm = outNorm != nullptr;
  return form;
}

SmallVector<Operation *> GemmParts::ops() const {
  SmallVector<Operation *> ops;
  if (norm)
    ops.push_back(norm);
  llvm::append_range(ops, linears);
  if (gateActivation)
    ops.push_back(gateActivation);
  if (gateProduct)
    ops.push_back(gateProduct);
  llvm::append_range(ops, unary);
  if (residual)
    ops.push_back(residual);
  if (outNorm)
    ops.push_back(outNorm);
  if (append)
    ops.append({queryRope, keyRope, append});
  return ops;
}

Value GemmParts::sum() const {
  if (AddOp add = residual)
    return add.getResult();
  LinearOp linear = linears.front();
  return unary.empty() ? Value(linear.getResult()) : unary.back()->getResult(0);
}

Value GemmParts::residualValue() const {
  if (!residual)
    return nullptr;
  GemmParts before = *this;
  before.residual = {};
  AddOp add = residual;
  return add.getLhs() == before.sum() ? add.getRhs() : add.getLhs();
}

//===----------------------------------------------------------------------===//
// Linears over one weight
//===----------------------------------------------------------------------===//

namespace {
struct Place {
  ParamOp parent; // null where the weight is no view
  int64_t row = 0;
  int64_t rows = 0;
};
} // namespace

static Place placeOf(FlatSymbolRefAttr symbol, SymbolTable &symbols) {
  auto param = symbols.lookup<ParamOp>(symbol.getAttr());
  if (!param || !param.getViewOfAttr())
    return {};
  return {symbols.lookup<ParamOp>(param.getViewOfAttr().getAttr()),
          static_cast<int64_t>(param.getRow()),
          param.getTensorType().getDimSize(0)};
}

/// Whether the rows of `b` follow those of `a` in one resident weight.
static bool follows(FlatSymbolRefAttr a, FlatSymbolRefAttr b,
                    SymbolTable &symbols) {
  Place first = placeOf(a, symbols), second = placeOf(b, symbols);
  return first.parent && first.parent == second.parent &&
         first.row + first.rows == second.row;
}

static bool follows(LinearOp a, LinearOp b, SymbolTable &symbols) {
  if (!follows(a.getWeightAttr(), b.getWeightAttr(), symbols) ||
      a.getResult().getType().getElementType() !=
          b.getResult().getType().getElementType())
    return false;
  if (!a.getBiasAttr() || !b.getBiasAttr())
    return !a.getBiasAttr() && !b.getBiasAttr();
  return follows(a.getBiasAttr(), b.getBiasAttr(), symbols);
}

SmallVector<LinearOp> adjacentLinears(LinearOp linear, SymbolTable &symbols) {
  Place own = placeOf(linear.getWeightAttr(), symbols);
  if (!own.parent)
    return {linear};
  SmallVector<LinearOp> siblings;
  for (Operation *user : linear.getInput().getUsers())
    if (auto other = dyn_cast<LinearOp>(user))
      if (placeOf(other.getWeightAttr(), symbols).parent == own.parent)
        siblings.push_back(other);
  llvm::sort(siblings, [&](LinearOp a, LinearOp b) {
    int64_t rowA = placeOf(a.getWeightAttr(), symbols).row;
    int64_t rowB = placeOf(b.getWeightAttr(), symbols).row;
    return rowA != rowB ? rowA < rowB : a->isBeforeInBlock(b);
  });
  // The run of consecutive rows around `linear`.
  auto at = llvm::find(siblings, linear);
  auto begin = at, end = std::next(at);
  while (begin != siblings.begin() &&
         follows(*std::prev(begin), *begin, symbols))
    --begin;
  while (end != siblings.end() && follows(*std::prev(end), *end, symbols))
    ++end;
  return SmallVector<LinearOp>(begin, end);
}

//===----------------------------------------------------------------------===//
// Growth
//===----------------------------------------------------------------------===//

using Fits = llvm::function_ref<bool(const GemmForm &)>;

/// The only reader of `value`, where it has one in `block`.
static Operation *soleUser(Value value, Block *block) {
  if (!value.hasOneUse())
    return nullptr;
  Operation *user = *value.user_begin();
  return user->getBlock() == block ? user : nullptr;
}

/// act(gate) * up, with the activation on either linear.
static void growGate(GemmParts &parts, Fits fits) {
  if (parts.linears.size() != 2)
    return;
  Block *block = parts.linears[0]->getBlock();
  for (int gate : {0, 1}) {
    Value up = parts.linears[1 - gate].getResult();
    Operation *act = soleUser(parts.linears[gate].getResult(), block);
    if (!act || !isUnary(act))
      continue;
    auto mul = dyn_cast_or_null<MulOp>(soleUser(act->getResult(0), block));
    if (!mul || soleUser(up, block) != mul || mul.getType() != up.getType())
      continue;
    GemmParts grown = parts;
    grown.gateActivation = act;
    grown.gateProduct = mul;
    if (!fits(grown.form()))
      continue;
    parts = grown;
    return;
  }
}

/// Whether another operation on the layer of `append` stands between `first`
/// and it, which must come before it.
static bool isCacheUsedBetween(Operation *first, CacheAppendOp append) {
  for (Operation *op = first; op != append; op = op->getNextNode()) {
    auto cache = op->getAttrOfType<FlatSymbolRefAttr>("cache");
    auto layer = op->getAttrOfType<IntegerAttr>("layer");
    if (cache == append.getCacheAttr() && layer == append.getLayerAttr())
      return true;
  }
  return false;
}

/// Rope of q and k, append of k and v, where nobody else reads those. The step
/// is made where the linears are: nothing else may be needed for it.
static void growHeads(GemmParts &parts, Fits fits) {
  if (parts.linears.size() != 3)
    return;
  Block *block = parts.linears[0]->getBlock();
  auto userOf = [&](int i) {
    return soleUser(parts.linears[i].getResult(), block);
  };
  auto query = dyn_cast_or_null<RopeOp>(userOf(0));
  auto key = dyn_cast_or_null<RopeOp>(userOf(1));
  auto append = dyn_cast_or_null<CacheAppendOp>(userOf(2));
  if (!query || !key || !append || soleUser(key.getResult(), block) != append ||
      append.getKey() != key.getResult() ||
      query.getTableAttr() != key.getTableAttr() ||
      query.getInterleaved() != key.getInterleaved())
    return;
  Value sequences = append.getSequences();
  if (query.getSequences() != sequences || key.getSequences() != sequences ||
      !isa<BlockArgument>(sequences))
    return;
  Operation *first =
      *llvm::min_element(parts.linears, [](LinearOp a, LinearOp b) {
        return a->isBeforeInBlock(b);
      });
  if (isCacheUsedBetween(first, append))
    return;
  GemmParts grown = parts;
  grown.queryRope = query;
  grown.keyRope = key;
  grown.append = append;
  if (fits(grown.form()))
    parts = grown;
}

/// Unary operations, then a residual, on the result of a single linear.
static void growChain(GemmParts &parts, Fits fits) {
  if (parts.linears.size() != 1)
    return;
  Block *block = parts.linears[0]->getBlock();
  Value value = parts.linears[0].getResult();
  Operation *user = soleUser(value, block);
  while (user && isUnary(user)) {
    parts.unary.push_back(user);
    if (!fits(parts.form())) {
      parts.unary.pop_back();
      return;
    }
    value = user->getResult(0);
    user = soleUser(value, block);
  }
  auto add = dyn_cast_or_null<AddOp>(user);
  if (!add || add.getLhs().getType() != add.getRhs().getType())
    return;
  parts.residual = add;
  Operation *other = parts.residualValue().getDefiningOp();
  if (!fits(parts.form()) || (other && isLeaf(other)))
    parts.residual = {};
}

/// Whether `op` is a norm of whole rows in `block`.
static bool isRowNorm(Operation *op, Block *block) {
  return isa_and_nonnull<RmsNormOp, LayerNormOp>(op) &&
         op->getBlock() == block &&
         cast<PackedType>(op->getResult(0).getType()).getShape().size() == 1;
}

/// The norm of the sum. Other readers of the sum, such as the next residual,
/// get it as a result of its own. A norm that is cast for another reader stays
/// with its cast, in one row program.
static void growOutNorm(GemmParts &parts, Fits fits) {
  if (parts.linears.size() != 1)
    return;
  Block *block = parts.linears[0]->getBlock();
  for (Operation *user : parts.sum().getUsers()) {
    if (!isRowNorm(user, block) ||
        user->getResult(0).getType() != parts.sum().getType() ||
        llvm::any_of(user->getUsers(), llvm::IsaPred<CastOp>))
      continue;
    if (!parts.outNorm || user->isBeforeInBlock(parts.outNorm))
      parts.outNorm = user;
  }
  if (parts.outNorm && !fits(parts.form()))
    parts.outNorm = nullptr;
}

/// A norm of the whole input row that nobody else reads.
static void growNorm(GemmParts &parts, Fits fits) {
  Value input = parts.linears.front().getInput();
  Operation *norm = input.getDefiningOp();
  if (!isRowNorm(norm, parts.linears.front()->getBlock()))
    return;
  for (Operation *user : input.getUsers())
    if (!llvm::is_contained(parts.linears, user))
      return;
  parts.norm = norm;
  if (!fits(parts.form()))
    parts.norm = nullptr;
}

static GemmParts grow(ArrayRef<LinearOp> linears, Fits fits) {
  GemmParts parts;
  parts.linears.assign(linears.begin(), linears.end());
  growGate(parts, fits);
  growHeads(parts, fits);
  growChain(parts, fits);
  growOutNorm(parts, fits);
  growNorm(parts, fits);
  return parts;
}

GemmParts growGemm(ArrayRef<LinearOp> linears, const KernelContext &ctx) {
  return grow(linears, [&](const GemmForm &form) { return canRun(form, ctx); });
}

//===----------------------------------------------------------------------===//
// Analysis
//===----------------------------------------------------------------------===//

FailureOr<GemmParts> analyzeGemm(FusedOp fused) {
  Block &block = fused.getBody().front();
  SmallVector<LinearOp> linears = llvm::to_vector(block.getOps<LinearOp>());
  if (linears.empty())
    return failure();
  for (LinearOp linear : linears)
    if (linear.getInput() != linears.front().getInput())
      return failure();
  // Without limits, growth finds whatever form the region has.
  GemmParts parts = grow(linears, [](const GemmForm &) { return true; });
  if (parts.ops().size() + 1 != block.getOperations().size())
    return failure();
  return parts;
}

} // namespace ft::passes
