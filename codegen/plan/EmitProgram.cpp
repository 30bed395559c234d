//===- EmitProgram.cpp - a scheduled entry as a program -------------------===//
#include "codegen/plan/EmitProgram.h"

#include "codegen/plan/EmitLaunch.h"
#include "codegen/plan/EmitMeaning.h"
#include "codegen/plan/StepCost.h"
#include "passes/MemoryLayout.h"

#include <algorithm>

using namespace mlir;
using namespace ft;
using namespace ft::codegen;
using plan::Buffer;
using plan::Ref;
using plan::RefKind;

namespace {

/// Emits the body of one clone, step by step.
class ProgramEmitter {
public:
  ProgramEmitter(ir::EntryOp entry, const PlanIndex &index)
      : entry_(entry), index_(index) {}

  FailureOr<plan::Program> run();

private:
  void bindArguments();
  LogicalResult bindArena();
  LogicalResult emitStep(ir::FusedOp fused);
  LogicalResult emitReturn(ir::ReturnOp op);
  LogicalResult makeBuffers(ir::FusedOp fused);
  LaunchRefs launchRefs(ir::FusedOp fused) const;
  Buffer makeBuffer(Value value, ir::SlotAttr slot, StringRef name);
  int32_t addBuffer(Buffer buffer);
  int32_t stepAxis(ir::FusedOp fused);

  ir::EntryOp entry_;
  const PlanIndex &index_;
  plan::Program program_;
  RefMap refs_;
  /// What launches call an op's results.
  llvm::DenseMap<Operation *, SmallVector<Ref>> outputs_;
};

std::vector<int64_t> toVector(ArrayRef<int64_t> list) {
  return {list.begin(), list.end()};
}

} // namespace

void ProgramEmitter::bindArguments() {
  int32_t inputs = 0, sequences = 0, rows = 0;
  for (BlockArgument argument : entry_.getBody().getArguments()) {
    Type type = argument.getType();
    if (isa<ir::PackedType>(type))
      refs_[argument] = {RefKind::Input, inputs++};
    else if (isa<ir::SequencesType>(type))
      refs_[argument] = {RefKind::Sequences, sequences++};
    else
      refs_[argument] = {RefKind::Rows, rows++};
  }
}

/// `arena` is the whole arena: bytes for each axis, then the constant part
/// where there is one more number than axes.
LogicalResult ProgramEmitter::bindArena() {
  auto arena = entry_->getAttrOfType<DenseI64ArrayAttr>("arena");
  if (!arena)
    return entry_.emitError("has no arena: the schedule phase has not run");
  size_t axes = index_.axisNames().size();
  ArrayRef<int64_t> bytes = arena.asArrayRef();
  program_.arenaBytes.perAxis = toVector(bytes.take_front(axes));
  if (bytes.size() > axes)
    program_.arenaBytes.constant = bytes[axes];
  return success();
}

Buffer ProgramEmitter::makeBuffer(Value value, ir::SlotAttr slot,
                                  StringRef name) {
  auto type = cast<ir::PackedType>(value.getType());
  Buffer buffer;
  buffer.name = name;
  buffer.dtype = dtypeOf(type.getElementType());
  buffer.axis = index_.axis(type.getAxis());
  buffer.shape = toVector(type.getShape());
  buffer.rowStride = slot.getRowStride();
  buffer.offset.constant = slot.getConstant();
  buffer.offset.perAxis = toVector(slot.getPerAxis());
  return buffer;
}

int32_t ProgramEmitter::addBuffer(Buffer buffer) {
  program_.buffers.push_back(std::move(buffer));
  return int32_t(program_.buffers.size()) - 1;
}

/// One buffer a result. Results of a merged GEMM are column ranges of one root
/// buffer, which its launches write as a whole.
LogicalResult ProgramEmitter::makeBuffers(ir::FusedOp fused) {
  if (!fused.getSlots() || fused.getSlots()->size() != fused.getNumResults())
    return fused.emitError("has no slot for every result");
  SmallVector<ir::SlotAttr> slots(fused.getSlots()->getAsRange<ir::SlotAttr>());
  int32_t root = -1;
  if (passes::storesColumns(fused)) {
    auto first = *std::min_element(slots.begin(), slots.end(),
                                   [](ir::SlotAttr a, ir::SlotAttr b) {
                                     return a.getConstant() < b.getConstant();
                                   });
    Buffer whole = makeBuffer(fused.getResult(0), first, fused.getLabel());
    whole.shape = {first.getRowStride()};
    root = addBuffer(std::move(whole));
  }
  for (auto [number, slot] : llvm::enumerate(slots)) {
    Value result = fused.getResult(unsigned(number));
    std::string name = fused.getLabel().str();
    if (slots.size() > 1)
      name += "#" + std::to_string(number);
    Buffer buffer = makeBuffer(result, slot, name);
    buffer.viewOf = root;
    Ref ref{RefKind::Buffer, addBuffer(std::move(buffer))};
    refs_[result] = ref;
    outputs_[fused].push_back(root < 0 ? ref : Ref{RefKind::Buffer, root});
  }
  return success();
}

LaunchRefs ProgramEmitter::launchRefs(ir::FusedOp fused) const {
  LaunchRefs launch;
  for (Value input : fused.getInputs())
    launch.inputs.push_back(refs_.lookup(input));
  launch.outputs = outputs_.lookup(fused);
  return launch;
}

/// Rows of the step: of its first result, or of its first packed operand.
int32_t ProgramEmitter::stepAxis(ir::FusedOp fused) {
  auto axisOf = [&](ValueRange values) -> std::optional<int32_t> {
    for (Value value : values)
      if (auto type = dyn_cast<ir::PackedType>(value.getType()))
        return index_.axis(type.getAxis());
    return std::nullopt;
  };
  if (auto axis = axisOf(fused.getResults()))
    return *axis;
  return axisOf(fused.getInputs()).value_or(0);
}

/// Buffers among `refs`, each once, ascending.
static std::vector<int32_t> buffersOf(ArrayRef<Ref> refs) {
  std::vector<int32_t> list;
  for (Ref ref : refs)
    if (ref.kind == RefKind::Buffer)
      list.push_back(ref.index);
  std::sort(list.begin(), list.end());
  list.erase(std::unique(list.begin(), list.end()), list.end());
  return list;
}

LogicalResult ProgramEmitter::emitStep(ir::FusedOp fused) {
  plan::Step step;
  step.name = fused.getLabel();
  step.pattern = ir::stringifyPattern(fused.getPattern());
  step.axis = stepAxis(fused);
  SmallVector<LaunchRefs> launches{launchRefs(fused)};
  for (auto behind = dyn_cast_or_null<ir::FusedOp>(fused->getNextNode());
       behind && behind.getJoins();
       behind = dyn_cast_or_null<ir::FusedOp>(behind->getNextNode()))
    launches.push_back(launchRefs(behind));
  const LaunchRefs &launch = launches.front();
  SmallVector<Ref> results;
  for (Value result : fused.getResults())
    results.push_back(refs_.lookup(result));
  if (failed(emitMeaning(fused, index_, refs_, step)) ||
      failed(emitLaunch(fused, index_, launches, step)))
    return failure();
  step.reads = buffersOf(launch.inputs);
  step.writes = buffersOf(results);
  step.cost = stepCost(fused, index_);
  program_.steps.push_back(std::move(step));
  return success();
}

LogicalResult ProgramEmitter::emitReturn(ir::ReturnOp op) {
  for (auto [number, value] : llvm::enumerate(op.getOperands())) {
    auto it = refs_.find(value);
    if (it == refs_.end() || it->second.kind != RefKind::Buffer)
      return op.emitError("result ") << number << " is no step's result";
    program_.outputs.push_back(it->second.index);
  }
  return success();
}

FailureOr<plan::Program> ProgramEmitter::run() {
  if (auto kind = entry_.getKind()) {
    program_.minTokens = kind->getMinTokens();
    program_.maxTokens = kind->getMaxTokens();
  }
  if (auto workspace = entry_->getAttrOfType<IntegerAttr>("workspace"))
    program_.workspaceBytes = workspace.getInt();
  bindArguments();
  if (failed(bindArena()))
    return failure();
  // All before the first launch: one may write what a step behind it stores.
  for (auto fused : entry_.getBody().getOps<ir::FusedOp>())
    if (failed(makeBuffers(fused)))
      return failure();
  for (Operation &op : entry_.getBody().front()) {
    LogicalResult result = success();
    if (auto fused = dyn_cast<ir::FusedOp>(op))
      result = emitStep(fused);
    else if (auto terminator = dyn_cast<ir::ReturnOp>(op))
      result = emitReturn(terminator);
    else
      result = op.emitError("stands outside ft.fused in the plan phase");
    if (failed(result))
      return failure();
  }
  return std::move(program_);
}

FailureOr<plan::Program> codegen::emitProgram(ir::EntryOp entry,
                                              const PlanIndex &index) {
  return ProgramEmitter(entry, index).run();
}
