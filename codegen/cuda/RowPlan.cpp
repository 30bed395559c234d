//===- RowPlan.cpp - how threads share a row program ----------------------===//
#include "codegen/cuda/RowPlan.h"

#include "runtime/plan/Batch.h"

#include "llvm/Support/MathExtras.h"

#include <algorithm>

using namespace mlir;
using namespace ft;
using namespace ft::codegen;

/// A line that one thread's registers hold without spilling.
static constexpr int64_t kElementsOfLane = 32;
static constexpr int64_t kElementsOfCta = 16;
static constexpr int64_t kMaxThreads = 1024;

static int64_t elementBytes(Type type) {
  return type.getIntOrFloatBitWidth() / 8;
}

static int64_t powerOfTwoIn(int64_t bytes) {
  return bytes == 0 ? 16 : std::min<int64_t>(16, bytes & -bytes);
}

Placement codegen::placementOf(Value outer) {
  auto type = cast<ir::PackedType>(outer.getType());
  int64_t size = elementBytes(type.getElementType());
  Placement place;
  place.rowStride = type.getRowElements();
  auto result = dyn_cast<OpResult>(outer);
  auto fused = result ? dyn_cast<ir::FusedOp>(result.getOwner()) : nullptr;
  if (!fused) {
    place.alignment = plan::batch::kFieldAlignment;
  } else if (auto slots = fused.getSlots()) {
    auto slot = cast<ir::SlotAttr>((*slots)[result.getResultNumber()]);
    place.rowStride = slot.getRowStride();
    place.alignment = powerOfTwoIn(slot.getConstant());
  }
  place.alignment =
      std::min(place.alignment, powerOfTwoIn(place.rowStride * size));
  return place;
}

int64_t codegen::alignmentOf(ir::ParamOp param) {
  int64_t bytes = 0;
  for (ir::ParamOp at = param; at && at.getViewOfAttr();
       at = ir::lookupParam(at, at.getViewOfAttr())) {
    RankedTensorType type = at.getTensorType();
    int64_t row =
        type.getNumElements() / std::max<int64_t>(1, type.getDimSize(0));
    bytes += at.getRow() * row * elementBytes(type.getElementType());
  }
  return powerOfTwoIn(bytes);
}

//===----------------------------------------------------------------------===//
// Segments
//===----------------------------------------------------------------------===//

/// Ops whose result is one number a row, made again wherever it is wanted.
static bool isIndexOp(Operation *op) { return isa<ir::PositionsOp>(op); }

/// Ops that read elements of memory one by one.
static bool isMove(Operation *op) {
  return isa<ir::RearrangeOp, ir::ConcatOp>(op);
}

static void collect(Value value, llvm::SetVector<Operation *> &ops) {
  Operation *op = value.getDefiningOp();
  if (!op || isIndexOp(op) || !ops.insert(op))
    return;
  for (Value operand : op->getOperands())
    collect(operand, ops);
}

/// One segment a sink, then those that share an op are joined.
static SmallVector<RowSegment, 3> findSegments(ir::FusedOp fused) {
  SmallVector<RowSegment, 3> segments;
  auto add = [&](RowSink sink) {
    RowSegment fresh;
    collect(sink.value, fresh.ops);
    fresh.sinks.push_back(sink);
    SmallVector<RowSegment, 3> kept;
    for (RowSegment &old : segments) {
      bool shared = llvm::any_of(
          old.ops, [&](Operation *op) { return fresh.ops.contains(op); });
      if (!shared) {
        kept.push_back(std::move(old));
        continue;
      }
      old.ops.insert_range(fresh.ops);
      llvm::append_range(old.sinks, fresh.sinks);
      fresh = std::move(old);
    }
    kept.push_back(std::move(fresh));
    segments = std::move(kept);
  };
  Block &body = fused.getBody().front();
  for (auto [number, value] :
       llvm::enumerate(body.getTerminator()->getOperands()))
    add({value, unsigned(number), nullptr});
  for (auto append : body.getOps<ir::CacheAppendOp>()) {
    add({append.getKey(), 0, append});
    add({append.getValue(), 1, append});
  }
  return segments;
}

/// Extents of the segment's lines, and whether its values fit them.
static LogicalResult setDomain(ir::FusedOp fused, RowSegment &segment) {
  SmallVector<ir::PackedType> types;
  auto add = [&](Value value) {
    auto type = dyn_cast<ir::PackedType>(value.getType());
    if (type && !type.getElementType().isInteger(32))
      types.push_back(type);
  };
  for (const RowSink &sink : segment.sinks)
    add(sink.value);
  for (Operation *op : segment.ops) {
    if (!isMove(op))
      llvm::for_each(op->getOperands(), add);
    llvm::for_each(op->getResults(), add);
    segment.reduces |=
        isa<ir::RmsNormOp, ir::LayerNormOp, ir::SoftmaxOp, ir::NormalizeOp,
            ir::CumsumOp, ir::ReduceSumOp, ir::ReduceMaxOp, ir::ReduceMeanOp>(
            op);
  }
  for (ir::PackedType type : types)
    segment.last = std::max(segment.last, type.getLastDim());
  for (ir::PackedType type : types)
    segment.groups =
        std::max(segment.groups, type.getRowElements() / type.getLastDim());
  for (ir::PackedType type : types) {
    int64_t groups = type.getRowElements() / type.getLastDim();
    if ((type.getLastDim() != segment.last && type.getLastDim() != 1) ||
        (groups != segment.groups && groups != 1))
      return fused.emitError("row program: ")
             << type << " does not fit lines of " << segment.groups << " x "
             << segment.last;
  }
  return success();
}

//===----------------------------------------------------------------------===//
// Threads
//===----------------------------------------------------------------------===//

/// The widest vector that every load and store of the segment allows.
static int64_t chooseVector(ir::FusedOp fused, const RowSegment &segment) {
  int64_t vector = 4;
  SmallVector<std::pair<int64_t, int64_t>> limits; // element bytes, alignment
  auto addOuter = [&](Value outer) {
    auto type = dyn_cast<ir::PackedType>(outer.getType());
    if (!type || type.getElementType().isInteger(32))
      return;
    limits.push_back(
        {elementBytes(type.getElementType()), placementOf(outer).alignment});
  };
  auto addInner = [&](Value value) {
    if (auto argument = dyn_cast<BlockArgument>(value))
      addOuter(fused.getInputs()[argument.getArgNumber()]);
  };
  auto addWeight = [&](FlatSymbolRefAttr symbol) {
    if (ir::ParamOp param = ir::lookupParam(fused, symbol))
      limits.push_back({elementBytes(param.getTensorType().getElementType()),
                        alignmentOf(param)});
  };
  for (const RowSink &sink : segment.sinks) {
    addInner(sink.value);
    if (!sink.append) {
      addOuter(fused.getResult(sink.number));
      continue;
    }
    ir::CacheAppendOp append = sink.append;
    if (ir::CacheOp cache = ir::lookupCache(fused, append.getCacheAttr())) {
      auto plane = cast<ir::PlaneAttr>(cache.getPlanes()[sink.number]);
      limits.push_back({elementBytes(plane.getElementType()), 16});
    }
  }
  int64_t pair = 0;
  for (Operation *op : segment.ops) {
    if (!isMove(op))
      llvm::for_each(op->getOperands(), addInner);
    if (auto rope = dyn_cast<ir::RopeOp>(op)) {
      auto table = ir::lookupParam(fused, rope.getTableAttr());
      pair = table.getTensorType().getDimSize(1) / 2;
      continue;
    }
    op->getAttrDictionary().walk(addWeight);
  }
  for (auto [bytes, alignment] : limits)
    if (bytes == 2)
      vector = 8;
  while (vector > 1) {
    bool fits = segment.last % vector == 0 && pair % vector == 0;
    for (auto [bytes, alignment] : limits)
      fits &= std::min<int64_t>(16, vector * bytes) <= alignment;
    if (fits)
      break;
    vector /= 2;
  }
  return vector;
}

/// Threads and registers of a line: a team of one warp at most, or the CTA.
static LogicalResult chooseTeam(ir::FusedOp fused, RowSegment &segment) {
  int64_t vectors = segment.last / segment.vector;
  segment.team =
      std::min<int64_t>(32, int64_t(llvm::PowerOf2Ceil(uint64_t(vectors))));
  if (!segment.reduces) {
    segment.pieces = llvm::divideCeil(vectors, segment.team);
    return success();
  }
  segment.chunks = llvm::divideCeil(vectors, segment.team);
  if (segment.chunks * segment.vector <= kElementsOfLane)
    return success();
  int64_t chunks = std::max<int64_t>(1, kElementsOfCta / segment.vector);
  segment.team = llvm::alignTo(llvm::divideCeil(vectors, chunks), 32);
  segment.chunks = chunks;
  if (segment.team > kMaxThreads)
    return fused.emitError("row program: a reduction over ")
           << segment.last << " elements is longer than the "
           << kMaxThreads * kElementsOfCta << " that one CTA holds";
  return success();
}

/// All segments share the CTA's size and the rows it takes.
static void shareCta(RowPlan &plan) {
  int64_t rows = INT64_MAX;
  for (RowSegment &segment : plan.segments)
    plan.threads = std::max(plan.threads, segment.team);
  for (RowSegment &segment : plan.segments) {
    if (segment.team > 32) {
      segment.team = plan.threads;
      segment.chunks =
          llvm::divideCeil(segment.last / segment.vector, segment.team);
    }
    int64_t teams = plan.threads / segment.team;
    int64_t lines = segment.groups * segment.pieces;
    rows = std::min(rows, std::max<int64_t>(1, teams / lines));
  }
  plan.rowsPerBlock = rows;
  for (RowSegment &segment : plan.segments)
    segment.linesPerRow = plan.threads / segment.team / rows;
}

FailureOr<RowPlan> codegen::planRow(ir::FusedOp fused, int64_t threads) {
  RowPlan plan;
  plan.threads = threads;
  plan.segments = findSegments(fused);
  for (RowSegment &segment : plan.segments) {
    if (failed(setDomain(fused, segment)))
      return failure();
    segment.vector = chooseVector(fused, segment);
    if (failed(chooseTeam(fused, segment)))
      return failure();
    for (const RowSink &sink : segment.sinks) {
      auto axis = cast<ir::PackedType>(sink.value.getType()).getAxis();
      if (plan.axis && plan.axis != axis)
        return fused.emitError("row program: results lie along two axes");
      plan.axis = axis;
    }
  }
  if (plan.segments.empty())
    return fused.emitError("row program: stores nothing");
  shareCta(plan);
  return plan;
}
