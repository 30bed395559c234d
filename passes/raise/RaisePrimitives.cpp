//===- RaisePrimitives.cpp - padded entries to packed ones ----------------===//
#include "passes/Passes.h"
#include "passes/raise/Raiser.h"

#include "mlir/IR/Dominance.h"
#include "mlir/IR/PatternMatch.h"
#include "mlir/Transforms/CSE.h"

using namespace mlir;
using namespace ft::ir;

namespace ft::passes {
#define GEN_PASS_DEF_RAISEPRIMITIVES
#include "passes/Passes.h.inc"

using namespace raise;

int64_t raise::Context::maxPositions() const {
  auto model = module->getAttrOfType<DictionaryAttr>("ft.model");
  auto positions = model ? model.getAs<IntegerAttr>("max_positions") : nullptr;
  return positions ? positions.getInt() : 0;
}

namespace {

bool isPadded(EntryOp entry) {
  return llvm::any_of(entry.getArgumentTypes(),
                      [](Type type) { return isa<PaddedType>(type); });
}

/// Makes a packed entry of a padded one.
class EntryRaiser {
public:
  EntryRaiser(EntryOp entry, Weights &weights)
      : old_(entry), weights_(weights) {}

  LogicalResult run();

private:
  std::optional<Symbols> symbols();
  LogicalResult addArguments(Context &ctx, Raiser &raiser);
  LogicalResult addArgument(Context &ctx, Raiser &raiser, unsigned index);
  LogicalResult addResults(Context &ctx, Raiser &raiser);
  void addGeneration(Context &ctx, SmallVectorImpl<Value> &results);
  Value argument(Type type, ArrayRef<NamedAttribute> attrs);
  void limitIds();
  void finish();

  StringRef roleOf(unsigned index) {
    auto role = old_.getArgAttrOfType<StringAttr>(index, kRoleAttr);
    return role ? role.getValue() : "data";
  }

  EntryOp old_, made_;
  Weights &weights_;
  Block *block_ = nullptr;
  SmallVector<Attribute> argAttrs_, resultAttrs_;
};

} // namespace

/// The symbols of the first two extents of every input.
std::optional<Symbols> EntryRaiser::symbols() {
  Symbols found;
  auto refuse = [&](unsigned input, const Twine &why) {
    auto name = old_.getArgAttrOfType<StringAttr>(input, kNameAttr);
    old_.emitError() << "entry '" << old_.getSymName()
                     << "' cannot be raised: its input '"
                     << (name ? name.getValue() : "") << "' " << why;
    return std::nullopt;
  };
  auto isSymbol = [](DimAttr dim) {
    return dim.getFactor() == 1 && dim.getSymbols().size() == 1;
  };
  for (auto [i, type] : llvm::enumerate(old_.getArgumentTypes())) {
    ArrayRef<DimAttr> shape = cast<PaddedType>(type).getShape();
    if (shape.size() < 2 || !isSymbol(shape[0]) || !isSymbol(shape[1]) ||
        shape[0] == shape[1])
      return refuse(i, "does not start with two symbols, the batch and the "
                       "sequence axis");
    Symbols own{shape[0].getSymbols()[0], shape[1].getSymbols()[0]};
    bool same = own.batch == found.batch && own.sequence == found.sequence;
    if (found.batch && !same)
      return refuse(i, "is of other sequences, [" + own.batch.getValue() +
                           ", " + own.sequence.getValue() +
                           "], than those "
                           "before it, [" +
                           found.batch.getValue() + ", " +
                           found.sequence.getValue() +
                           "]; what each group of sequences goes through is "
                           "an entry of its own");
    found = own;
  }
  return found;
}

Value EntryRaiser::argument(Type type, ArrayRef<NamedAttribute> attrs) {
  argAttrs_.push_back(DictionaryAttr::get(old_.getContext(), attrs));
  return block_->addArgument(type, old_.getLoc());
}

LogicalResult EntryRaiser::addArgument(Context &ctx, Raiser &raiser,
                                       unsigned index) {
  BlockArgument source = old_.getBody().getArgument(index);
  auto type = cast<PaddedType>(source.getType());
  Form form;
  SmallVector<int64_t> row;
  SmallVector<const Node *> at;
  Exprs &exprs = ctx.exprs;
  for (auto [i, extent] : llvm::enumerate(type.getShape())) {
    form.axes.push_back(*ctx.layout.axisOf(extent));
    if (i < 2)
      continue;
    const Axis &axis = form.axes.back();
    row.push_back(extent.getFactor());
    at.push_back(axis.empty() ? exprs.constant(0) : exprs.index(axis[0]));
  }
  const Node *b = exprs.index(form.axes[0][0]);
  const Node *s = exprs.index(form.axes[1][0]);
  if (roleOf(index) == "mask") {
    if (!row.empty())
      return old_.emitError()
             << "a mask has the axes [batch, sequence], found " << type;
    auto name = old_.getArgAttrOfType<StringAttr>(index, kNameAttr);
    made_->setAttr("ft.mask", name);
    ctx.hasMask = true;
    form.expr = exprs.read(ctx.mask, {b, s});
    raiser.set(source, form);
    return success();
  }
  Array *array = exprs.array(Array::Tokens);
  DictionaryAttr attrs = old_.getArgAttrDict(index);
  array->value = argument(
      PackedType::get(StringAttr::get(ctx.builder.getContext(), "tokens"), row,
                      type.getElementType()),
      attrs ? attrs.getValue() : ArrayRef<NamedAttribute>());
  form.expr = exprs.read(array, {b, s, flatIndex(exprs, at, row)});
  raiser.set(source, form);
  return success();
}

LogicalResult EntryRaiser::addArguments(Context &ctx, Raiser &raiser) {
  ctx.mask = ctx.exprs.array(Array::Mask);
  ctx.maskCount = ctx.exprs.array(Array::MaskCount);
  ctx.length = ctx.exprs.array(Array::Length);
  for (unsigned i = 0; i < old_.getNumArguments(); ++i)
    if (failed(addArgument(ctx, raiser, i)))
      return failure();
  Builder &builder = ctx.builder;
  auto role = [&](StringRef name) {
    return builder.getNamedAttr(kRoleAttr, builder.getStringAttr(name));
  };
  ctx.sequences = argument(
      SequencesType::get(builder.getContext(), builder.getStringAttr("tokens"),
                         builder.getStringAttr("sequences")),
      role("sequences"));
  return success();
}

/// Generation wants the logits of wanted rows only, and the largest one.
void EntryRaiser::addGeneration(Context &ctx, SmallVectorImpl<Value> &results) {
  OpBuilder &builder = ctx.builder;
  Value rows, next;
  for (auto [i, value] : llvm::enumerate(results)) {
    auto name = old_.getResultAttrOfType<StringAttr>(i, kNameAttr);
    auto type = cast<PackedType>(value.getType());
    bool wanted = name && (name == "logits" || name == "next_token");
    if (!wanted || type.getAxis() != "tokens")
      continue;
    auto rowsType = RowsType::get(
        builder.getContext(), builder.getStringAttr("rows"), type.getAxis());
    if (!rows)
      rows = argument(rowsType, builder.getNamedAttr(
                                    kRoleAttr, builder.getStringAttr("rows")));
    Location loc = value.getLoc();
    value = RowsOp::create(builder, loc, type.withAxis(rowsType.getRows()),
                           value, rows);
    next = name == "next_token" ? value : next;
    if (name == "logits" && type.getShape().size() == 1 && !next) {
      auto ids = PackedType::get(rowsType.getRows(), {}, builder.getI32Type());
      next = ArgmaxOp::create(
          builder, NameLoc::get(builder.getStringAttr("next_token"), loc), ids,
          value);
    }
  }
  auto isNext = [&](Attribute attr) {
    return cast<DictionaryAttr>(attr).get(kNameAttr) ==
           builder.getStringAttr("next_token");
  };
  if (next && llvm::none_of(resultAttrs_, isNext)) {
    results.push_back(next);
    resultAttrs_.push_back(builder.getDictionaryAttr(
        builder.getNamedAttr(kNameAttr, builder.getStringAttr("next_token"))));
  }
}

LogicalResult EntryRaiser::addResults(Context &ctx, Raiser &raiser) {
  SmallVector<Value> results;
  Operation *last = old_.getBody().front().getTerminator();
  for (OpOperand &operand : last->getOpOperands()) {
    Value value = raiser.result(operand);
    auto name = old_.getResultAttrOfType<StringAttr>(operand.getOperandNumber(),
                                                     kNameAttr);
    if (!value)
      return emitError(operand.get().getLoc())
             << "the result '" << (name ? name.getValue() : "")
             << "' cannot be raised: " << ctx.why;
    results.push_back(value);
    DictionaryAttr attrs = old_.getResultAttrDict(operand.getOperandNumber());
    resultAttrs_.push_back(attrs ? attrs : ctx.builder.getDictionaryAttr({}));
  }
  if (made_.getCausal())
    addGeneration(ctx, results);
  ReturnOp::create(ctx.builder, last->getLoc(), results);
  return success();
}

/// Ids that are looked up in a table are below its rows.
void EntryRaiser::limitIds() {
  for (EmbeddingOp op : made_.getBody().getOps<EmbeddingOp>()) {
    auto argument = dyn_cast<BlockArgument>(op.getIds());
    if (!argument)
      continue;
    int64_t rows =
        lookupParam(op, op.getTableAttr()).getTensorType().getDimSize(0);
    NamedAttrList attrs(
        cast<DictionaryAttr>(argAttrs_[argument.getArgNumber()]));
    auto limit = dyn_cast_or_null<IntegerAttr>(attrs.get(kLimitAttr));
    if (!limit || limit.getInt() > rows)
      attrs.set(kLimitAttr, Builder(op.getContext()).getI64IntegerAttr(rows));
    argAttrs_[argument.getArgNumber()] = attrs.getDictionary(op.getContext());
  }
}

/// What no result needs; appends write, so they stay.
static void eraseDead(Block &block) {
  for (Operation &op : llvm::make_early_inc_range(llvm::reverse(block)))
    if (isOpTriviallyDead(&op) || (isa<AttentionOp>(op) && op.use_empty()))
      op.erase();
}

void EntryRaiser::finish() {
  Builder builder(old_.getContext());
  made_.setFunctionType(builder.getFunctionType(
      block_->getArgumentTypes(), block_->getTerminator()->getOperandTypes()));
  made_.setArgAttrsAttr(builder.getArrayAttr(argAttrs_));
  made_.setResAttrsAttr(builder.getArrayAttr(resultAttrs_));
  eraseDead(*block_);
  shareLinears(*block_);
  eraseDead(*block_);
}

LogicalResult EntryRaiser::run() {
  std::optional<Symbols> found = symbols();
  if (!found)
    return failure();
  ModuleOp module = old_->getParentOfType<ModuleOp>();
  OpBuilder builder(old_);
  made_ = cast<EntryOp>(builder.cloneWithoutRegions(*old_.getOperation()));
  block_ = builder.createBlock(&made_.getBody());
  Context ctx(module, old_, weights_, *found);
  ctx.builder.setInsertionPointToEnd(block_);
  Raiser raiser(ctx);
  if (failed(addArguments(ctx, raiser)))
    return failure();
  for (Operation &op : old_.getBody().front().without_terminator())
    if (failed(raiser.raise(&op)))
      return failure();
  if (failed(addResults(ctx, raiser)))
    return failure();
  preferWholes(ctx, *block_);
  finish();
  // Layers that attend to the same keys are known by them.
  IRRewriter rewriter(old_.getContext());
  DominanceInfo dominance(made_);
  eliminateCommonSubExpressions(rewriter, dominance, made_);
  if (made_.getCausal() && failed(addCaches(made_, module)))
    return failure();
  sortOps(*block_);
  limitIds();
  made_.setArgAttrsAttr(builder.getArrayAttr(argAttrs_));
  old_.erase();
  return success();
}

namespace {
struct RaisePrimitives : impl::RaisePrimitivesBase<RaisePrimitives> {
  void runOnOperation() override {
    Weights weights(getOperation());
    for (EntryOp entry : llvm::to_vector(getOperation().getOps<EntryOp>())) {
      if (!isPadded(entry))
        continue;
      if (failed(EntryRaiser(entry, weights).run()))
        return signalPassFailure();
      ++numEntries;
    }
  }
};
} // namespace

} // namespace ft::passes
