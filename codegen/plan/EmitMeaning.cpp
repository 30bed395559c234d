//===- EmitMeaning.cpp - a fused region as meaning ops --------------------===//
#include "codegen/plan/EmitMeaning.h"

#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace ft;
using namespace ft::codegen;
using plan::MeaningOp;
using plan::Ref;
using plan::RefKind;

namespace {

/// Emits one region. Ref of a value: `local_` (block arguments, yielded results
/// and temps).
class RegionEmitter {
public:
  RegionEmitter(ir::FusedOp fused, const PlanIndex &index, const RefMap &refs,
                plan::Step &step)
      : fused_(fused), index_(index), refs_(refs), step_(step) {}

  LogicalResult run();

private:
  LogicalResult emitOp(Operation &op);
  void emitOperands(Operation &op, MeaningOp &out);
  void emitAttributes(Operation &op, MeaningOp &out);
  void emitScore(ir::AttentionOp attention, MeaningOp &out);
  void emitStores();

  Ref operand(Value value) { return local_.lookup(value); }
  Ref weight(FlatSymbolRefAttr symbol) {
    return {RefKind::Weight, index_.weight(symbol)};
  }
  Ref cache(FlatSymbolRefAttr symbol) {
    return {RefKind::Cache, index_.cache(symbol)};
  }
  Ref makeTemp(ir::PackedType type);
  Ref makeResult(OpResult result);
  bool isOnlyBinaryOperand(ir::BroadcastOp op);

  ir::FusedOp fused_;
  const PlanIndex &index_;
  const RefMap &refs_;
  plan::Step &step_;
  RefMap local_;
  /// (value, buffer) pairs that are stored after the region's ops.
  SmallVector<std::pair<Value, Ref>> stores_;
};

/// Whether anything in the region but the yield reads `value`.
bool hasReader(Value value) {
  return llvm::any_of(value.getUsers(),
                      [](Operation *user) { return !isa<ir::YieldOp>(user); });
}

bool isBinary(Operation *op) {
  return isa<ir::AddOp, ir::SubOp, ir::MulOp, ir::DivOp, ir::MaximumOp,
             ir::MinimumOp>(op);
}

} // namespace

LogicalResult RegionEmitter::run() {
  Block &body = fused_.getBody().front();
  for (auto [argument, input] :
       llvm::zip_equal(body.getArguments(), fused_.getInputs())) {
    auto it = refs_.find(input);
    if (it == refs_.end())
      return fused_.emitError("an input has no place in the plan");
    local_[argument] = it->second;
  }
  for (auto [yielded, result] : llvm::zip_equal(
           body.getTerminator()->getOperands(), fused_.getResults())) {
    bool exact =
        cast<ir::PackedType>(yielded.getType()).getElementType().isInteger(32);
    bool direct = isa<OpResult>(yielded) && !local_.contains(yielded) &&
                  (exact || !hasReader(yielded));
    if (direct)
      local_[yielded] = refs_.lookup(result);
    else
      stores_.push_back({yielded, refs_.lookup(result)});
  }
  for (Operation &op : body.without_terminator())
    if (failed(emitOp(op)))
      return failure();
  emitStores();
  return success();
}

void RegionEmitter::emitStores() {
  for (auto [value, buffer] : stores_) {
    MeaningOp copy;
    copy.op = "cast";
    copy.in = {operand(value)};
    copy.out = {buffer};
    step_.meaning.push_back(std::move(copy));
  }
}

Ref RegionEmitter::makeTemp(ir::PackedType type) {
  plan::Temp temp;
  temp.dtype = type.getElementType().isInteger(32) ? DType::I32 : DType::F32;
  temp.axis = index_.axis(type.getAxis());
  temp.shape.assign(type.getShape().begin(), type.getShape().end());
  step_.temps.push_back(std::move(temp));
  return {RefKind::Temp, int32_t(step_.temps.size()) - 1};
}

Ref RegionEmitter::makeResult(OpResult result) {
  auto it = local_.find(result);
  if (it != local_.end())
    return it->second;
  Ref temp = makeTemp(cast<ir::PackedType>(result.getType()));
  local_[result] = temp;
  return temp;
}

bool RegionEmitter::isOnlyBinaryOperand(ir::BroadcastOp op) {
  return llvm::all_of(op->getUsers(), isBinary);
}

LogicalResult RegionEmitter::emitOp(Operation &op) {
  auto broadcast = dyn_cast<ir::BroadcastOp>(op);
  if (broadcast && isOnlyBinaryOperand(broadcast)) {
    local_[broadcast.getResult()] = weight(broadcast.getWeightAttr());
    return success();
  }
  MeaningOp out;
  out.op = op.getName().stripDialect();
  emitOperands(op, out);
  emitAttributes(op, out);
  for (OpResult result : op.getResults())
    out.out.push_back(makeResult(result));
  for (Ref ref : out.in)
    if (ref.index < 0)
      return op.emitError("names a weight or cache that does not exist");
  step_.meaning.push_back(std::move(out));
  return success();
}

/// Operands in the order of docs/spec.md: that of the op's declaration, symbols
/// included.
void RegionEmitter::emitOperands(Operation &op, MeaningOp &out) {
  auto optionalWeight = [&](std::optional<FlatSymbolRefAttr> symbol) {
    if (symbol && *symbol)
      out.in.push_back(weight(*symbol));
  };
  if (auto rope = dyn_cast<ir::RopeOp>(op)) {
    out.in = {operand(rope.getInput()), operand(rope.getSequences()),
              weight(rope.getTableAttr())};
    return;
  }
  for (Value value : op.getOperands())
    out.in.push_back(operand(value));
  llvm::TypeSwitch<Operation *>(&op)
      .Case<ir::LinearOp, ir::LayerNormOp>([&](auto linear) {
        out.in.push_back(weight(linear.getWeightAttr()));
        optionalWeight(linear.getBiasAttr());
      })
      .Case<ir::RmsNormOp, ir::BroadcastOp>(
          [&](auto norm) { out.in.push_back(weight(norm.getWeightAttr())); })
      .Case<ir::EmbeddingOp>([&](ir::EmbeddingOp embedding) {
        out.in.push_back(weight(embedding.getTableAttr()));
        optionalWeight(embedding.getFirstAttr());
      })
      .Case<ir::LocalArgmaxOp>([&](ir::LocalArgmaxOp argmax) {
        out.in.push_back(weight(argmax.getFirstAttr()));
      })
      .Case<ir::CacheAppendOp>([&](ir::CacheAppendOp append) {
        out.in.push_back(cache(append.getCacheAttr()));
      })
      .Case<ir::AttentionOp>([&](ir::AttentionOp attention) {
        if (attention.getCacheAttr())
          out.in.push_back(cache(attention.getCacheAttr()));
      });
}

void RegionEmitter::emitAttributes(Operation &op, MeaningOp &out) {
  auto &attrs = out.attrs;
  llvm::TypeSwitch<Operation *>(&op)
      .Case<ir::RmsNormOp, ir::LayerNormOp, ir::NormalizeOp>(
          [&](auto norm) { attrs["eps"] = norm.getEps().convertToDouble(); })
      .Case<ir::ScaleOp, ir::OffsetOp>(
          [&](auto scalar) { attrs["by"] = scalar.getBy().convertToDouble(); })
      .Case<ir::RearrangeOp>([&](ir::RearrangeOp move) {
        attrs["offset"] = int64_t(move.getOffset());
        for (auto [number, stride] : llvm::enumerate(move.getStrides()))
          attrs["stride" + std::to_string(number)] = int64_t(stride);
      })
      .Case<ir::GeluOp>([&](ir::GeluOp gelu) {
        attrs["approximate"] = std::string(gelu.getTanh() ? "tanh" : "none");
      })
      .Case<ir::RopeOp>([&](ir::RopeOp rope) {
        attrs["interleaved"] = rope.getInterleaved();
      })
      .Case<ir::PositionsOp>([&](ir::PositionsOp positions) {
        attrs["offset"] = int64_t(positions.getOffset());
        if (positions.getMost())
          attrs["most"] = int64_t(*positions.getMost());
      })
      .Case<ir::CacheAppendOp>([&](ir::CacheAppendOp append) {
        attrs["layer"] = int64_t(append.getLayer());
      })
      .Case<ir::AllReduceOp, ir::AllGatherOp, ir::ReduceScatterOp>(
          [&](auto collective) { attrs["mesh"] = collective.getMesh().str(); })
      .Case<ir::LocalArgmaxOp>([&](ir::LocalArgmaxOp argmax) {
        attrs["limit"] = int64_t(argmax.getLimit());
      })
      .Case<ir::SegmentReduceOp>([&](ir::SegmentReduceOp reduce) {
        attrs["kind"] = reduce.getKind().str();
        if (reduce.getIndex())
          attrs["index"] = int64_t(reduce.getIndex());
      })
      .Case<ir::PatchesOp>([&](ir::PatchesOp patches) {
        attrs["patch_height"] = patches.getPatch()[0];
        attrs["patch_width"] = patches.getPatch()[1];
        attrs["prefix"] = int64_t(patches.getPrefix());
      })
      .Case<ir::AttentionOp>([&](ir::AttentionOp attention) {
        attrs["scale"] = attention.getScale().convertToDouble();
        attrs["causal"] = attention.getCausal();
        attrs["window"] = int64_t(attention.getWindow());
        if (attention.getCacheAttr())
          attrs["layer"] = int64_t(attention.getLayer());
        emitScore(attention, out);
      });
}

/// The score region in SSA order; its four arguments come first, used or not.
void RegionEmitter::emitScore(ir::AttentionOp attention, MeaningOp &out) {
  if (attention.getScore().empty())
    return;
  llvm::DenseMap<Value, int32_t> numbers;
  auto push = [&](plan::ScoreInst inst) {
    out.score.push_back(std::move(inst));
    return int32_t(out.score.size()) - 1;
  };
  auto argumentsOf = [&](ValueRange values) {
    std::vector<int32_t> list;
    for (Value value : values)
      list.push_back(numbers.lookup(value));
    return list;
  };
  Block &body = attention.getScore().front();
  static constexpr const char *names[] = {"score", "head", "query", "key"};
  for (auto [argument, name] : llvm::zip(body.getArguments(), names))
    numbers[argument] = push({.op = name, .args = {}});
  for (Operation &op : body.without_terminator()) {
    int32_t number = -1;
    if (auto constant = dyn_cast<ir::ScoreConstOp>(op))
      number =
          push({.op = "const", .value = constant.getValue().convertToDouble()});
    else if (auto table = dyn_cast<ir::ScoreTableOp>(op))
      number = push({.op = "table",
                     .args = argumentsOf(table.getIndices()),
                     .weight = index_.weight(table.getWeightAttr())});
    else if (auto arithmetic = dyn_cast<ir::ScoreOp>(op))
      number = push({.op = arithmetic.getFn().str(),
                     .args = argumentsOf(arithmetic.getArgs())});
    if (op.getNumResults() == 1)
      numbers[op.getResult(0)] = number;
  }
  // The last instruction is the result; one that is not last is repeated.
  int32_t result = numbers.lookup(body.getTerminator()->getOperand(0));
  if (result == 0)
    out.score.clear(); // the score itself: the identity is no region at all
  else if (result + 1 != int32_t(out.score.size()))
    push({.op = "max", .args = {result, result}});
}

LogicalResult codegen::emitMeaning(ir::FusedOp fused, const PlanIndex &index,
                                   const RefMap &refs, plan::Step &step) {
  return RegionEmitter(fused, index, refs, step).run();
}
