//===- SplitStep.cpp - a fused gemm as two launches -----------------------===//
#include "codegen/SplitStep.h"

#include "mlir/IR/IRMapping.h"

using namespace mlir;
using namespace ft;
using namespace ft::codegen;

/// The last op of `fused` that one library call computes with all before it.
static Operation *lastOfCall(ir::FusedOp fused, const GemmMatch &match) {
  ir::LinearOp linear = match.linears.front();
  if (!linear->hasOneUse())
    return linear;
  Operation *next = *linear->user_begin();
  auto gelu = dyn_cast<ir::GeluOp>(next);
  if (isa<ir::ReluOp>(next) || (gelu && gelu.getTanh()))
    return next;
  auto add = dyn_cast<ir::AddOp>(next);
  bool residual = add && (isa<BlockArgument>(add.getLhs()) ||
                          isa<BlockArgument>(add.getRhs()));
  return residual ? next : linear.getOperation();
}

/// Slots of the results `numbers` of `fused`; null before they are planned.
static ArrayAttr slotsOf(ir::FusedOp fused, ArrayRef<unsigned> numbers) {
  if (!fused.getSlots())
    return {};
  SmallVector<Attribute> slots;
  for (unsigned number : numbers)
    slots.push_back((*fused.getSlots())[number]);
  return ArrayAttr::get(fused.getContext(), slots);
}

/// `value` as `type`, which differs in its elements at most.
static Value cast(OpBuilder &builder, Value value, Type type) {
  if (value.getType() == type)
    return value;
  return ir::CastOp::create(builder, value.getLoc(), type, value);
}

/// Whether rows of `a` can be stored as `b`.
static bool sameRows(Type a, Type b) {
  auto from = mlir::cast<ir::PackedType>(a), to = mlir::cast<ir::PackedType>(b);
  return from.getAxis() == to.getAxis() && from.getShape() == to.getShape() &&
         isa<FloatType>(to.getElementType());
}

/// The ops of `fused` that `wanted` takes, over the same operands and `more`,
/// which stands for `inner`; yields `yields` as `types`.
static ir::FusedOp makePart(ir::FusedOp fused, Operation *after,
                            ir::Pattern pattern, Value more, Value inner,
                            llvm::function_ref<bool(Operation *)> wanted,
                            ArrayRef<Value> yields, ArrayRef<Type> types,
                            ArrayAttr slots) {
  OpBuilder builder(after->getContext());
  builder.setInsertionPointAfter(after);
  SmallVector<Value> inputs(fused.getInputs());
  if (more)
    inputs.push_back(more);
  auto part = ir::FusedOp::create(builder, fused.getLoc(), types, inputs,
                                  pattern, fused.getLabel(), slots,
                                  /*launch=*/nullptr);
  Block &body = part.getBody().emplaceBlock();
  IRMapping map;
  for (BlockArgument argument : fused.getBody().getArguments())
    map.map(argument, body.addArgument(argument.getType(), fused.getLoc()));
  builder.setInsertionPointToEnd(&body);
  if (more)
    map.map(inner,
            cast(builder, body.addArgument(more.getType(), fused.getLoc()),
                 inner.getType()));
  for (Operation &op : fused.getBody().front().without_terminator())
    if (wanted(&op))
      builder.clone(op, map);
  SmallVector<Value> results;
  for (auto [value, type] : llvm::zip(yields, types))
    results.push_back(cast(builder, map.lookup(value), type));
  ir::YieldOp::create(builder, fused.getLoc(), results);
  return part;
}

FailureOr<SplitStep> SplitStep::make(ir::FusedOp fused,
                                     const GemmMatch &match) {
  if (match.norm || match.linears.size() != 1)
    return failure();
  Operation *last = lastOfCall(fused, match);
  Value stored = last->getResult(0);
  SmallVector<Value> yields(
      fused.getBody().front().getTerminator()->getOperands());
  SmallVector<Value> rest;
  SmallVector<Type> restTypes;
  SmallVector<unsigned> restNumbers;
  SplitStep split;
  split.fused_ = fused;
  // In its own result where it has one, else in the last, which the row
  // program stores last.
  split.between_ = unsigned(yields.size()) - 1;
  for (auto [number, value] : llvm::enumerate(yields)) {
    if (value == stored) {
      split.between_ = unsigned(number);
      continue;
    }
    rest.push_back(value);
    restTypes.push_back(value.getType());
    restNumbers.push_back(unsigned(number));
  }
  Value between = fused.getResult(split.between_);
  if (rest.empty() || !sameRows(stored.getType(), between.getType()) ||
      !libraryTakesBias(fused, match, between))
    return failure();
  auto inCall = [&](Operation *op) {
    return op == last || op->isBeforeInBlock(last);
  };
  split.call_ =
      makePart(fused, fused, ir::Pattern::Gemm, Value(), Value(), inCall,
               {stored}, {between.getType()}, slotsOf(fused, {split.between_}));
  split.rows_ = makePart(
      fused, split.call_, ir::Pattern::Row, split.call_.getResult(0), stored,
      [&](Operation *op) { return !inCall(op); }, rest, restTypes,
      slotsOf(fused, restNumbers));
  return split;
}

SplitStep::SplitStep(SplitStep &&other)
    : fused_(other.fused_), call_(other.call_), rows_(other.rows_),
      between_(other.between_) {
  other.call_ = other.rows_ = {};
}

SplitStep::~SplitStep() {
  if (rows_)
    rows_->erase();
  if (call_)
    call_->erase();
}

/// `argument` with `key` as the step has it: {in = 3} of rows() may be {out =
/// 0}. What else it says, of a tensor map say, stays.
Attribute SplitStep::renumbered(ir::FusedOp part, DictionaryAttr argument,
                                StringRef key) {
  Builder builder(fused_.getContext());
  int64_t number = argument.getAs<IntegerAttr>(key).getInt();
  auto dict = [&](StringRef name, int64_t value) {
    NamedAttrList changed(argument);
    changed.erase(key);
    changed.set(name, builder.getI64IntegerAttr(value));
    return changed.getDictionary(fused_.getContext());
  };
  if (key == "in")
    return number < int64_t(fused_.getInputs().size()) ? dict("in", number)
                                                       : dict("out", between_);
  if (part == call_)
    return dict("out", between_);
  // Its results are the step's, but for the one that call() stores.
  auto yields = fused_.getBody().front().getTerminator()->getOperands();
  bool own = rows_.getNumResults() + 1 == yields.size();
  return dict("out", own && number >= int64_t(between_) ? number + 1 : number);
}

DictionaryAttr SplitStep::renumber(ir::FusedOp part, DictionaryAttr launch) {
  Builder builder(fused_.getContext());
  NamedAttrList result(launch);
  if (launch.contains("gemm")) // operands keep their numbers
    result.set("out", builder.getI64IntegerAttr(between_));
  auto args = launch.getAs<ArrayAttr>("args");
  if (!args)
    return result.getDictionary(fused_.getContext());
  SmallVector<Attribute> renamed;
  for (auto arg : args.getAsRange<DictionaryAttr>()) {
    Attribute changed = arg;
    for (StringRef key : {"in", "out"})
      if (arg.getAs<IntegerAttr>(key))
        changed = renumbered(part, arg, key);
    renamed.push_back(changed);
  }
  result.set("args", builder.getArrayAttr(renamed));
  return result.getDictionary(fused_.getContext());
}
