//===- Addressing.cpp - where a program's operands lie --------------------===//
#include "runtime/device/Addressing.h"

#include "runtime/plan/Batch.h"
#include "runtime/plan/Sampling.h"

#include <algorithm>

namespace ft {

static int64_t roundUp(int64_t value, int64_t multiple) {
  return (value + multiple - 1) / multiple * multiple;
}

static bool multiply(int64_t a, int64_t b, int64_t &product) {
  return !__builtin_mul_overflow(a, b, &product);
}

int64_t sampledColumns(const plan::Entry &entry) {
  int64_t columns = 0;
  for (const plan::Program &program : entry.programs)
    for (const plan::Step &step : program.steps)
      for (const plan::MeaningOp &op : step.meaning)
        if (op.op == "sample" && !op.in.empty() &&
            op.in[0].kind == plan::RefKind::Buffer)
          columns = std::max(
              columns, elementCount(program.buffers[op.in[0].index].shape));
  return columns;
}

bool readsPacks(const plan::Entry &entry) {
  for (const plan::Program &program : entry.programs)
    for (const plan::Step &step : program.steps)
      for (const plan::Implementation &implementation : step.implementations)
        if (implementation.packed > 0)
          return true;
  return false;
}

int64_t packTiles(const int32_t *cuTokens, int64_t sequences, int32_t *packs) {
  constexpr int64_t most = plan::batch::kPackTokens;
  int64_t tiles = 0, first = 0;
  for (int64_t s = 0; s < sequences; ++s) {
    if (cuTokens[s + 1] - cuTokens[s] > most) {
      tiles = 0;
      break;
    }
    if (tiles == 0 || cuTokens[s + 1] - cuTokens[first] > most) {
      first = s;
      packs[1 + tiles++] = int32_t(s);
    }
  }
  packs[0] = int32_t(tiles);
  packs[1 + tiles] = int32_t(sequences);
  return tiles;
}

BatchLayout makeBatchLayout(const plan::Plan &plan, const plan::Entry &entry,
                            const Bounds &bounds) {
  BatchLayout layout;
  auto place = [&](int64_t bytes) {
    int64_t at = layout.bytes;
    layout.bytes = roundUp(at + bytes, plan::batch::kFieldAlignment);
    return at;
  };
  auto ints = [&](int64_t count) {
    return place(count * dtypeSize(DType::I32));
  };
  layout.counts = ints(int64_t(plan.axes.size()));
  for (const plan::Sequences &sequences : entry.sequences) {
    int64_t tokens = bounds.axes[sequences.tokensAxis];
    int64_t count = bounds.axes[sequences.sequencesAxis];
    BatchLayout::Sequences fields;
    fields.positions = ints(tokens);
    fields.sequenceIds = ints(tokens);
    fields.cuTokens = ints(count + 1);
    fields.kvLengths = ints(count);
    fields.pageTable = ints(count * bounds.pageColumns);
    if (readsPacks(entry))
      fields.packs = ints(count + 2);
    layout.sequences.push_back(fields);
  }
  int64_t rows = 0;
  for (size_t axis = 0; axis < plan.axes.size(); ++axis)
    if (plan.axes[axis].name == "rows")
      rows = bounds.axes[axis];
  layout.rows = ints(rows);
  if (int64_t columns = sampledColumns(entry)) {
    // A grid covers the rounded bound, and reads a row's record with the count.
    layout.sampling = place(roundUp(rows, plan::kAxisQuantum) *
                            int64_t(sizeof(plan::SamplingRecord)));
    layout.samplingSlot = plan::sampling::stateBytes(columns);
  }
  for (const plan::Input &input : entry.inputs) {
    if (input.role == plan::InputRole::Mask) {
      layout.inputs.push_back(-1);
      continue;
    }
    layout.inputs.push_back(
        place(bounds.axes[input.axis] * elementCount(input.shape) *
              dtypeSize(input.dtype)));
  }
  return layout;
}

/// Rows of most tiles of GEMMs. What a tensor copy fetches from beyond an
/// operand takes longer than what is there (H200: gate and up of 8B, 160 rows
/// by 128 x 224, 113 us where the operand ends with them, 90 where it does not;
/// down 99 and 65).
static constexpr int64_t kTileRows = 128;

std::vector<int64_t> programBounds(const plan::Plan &plan,
                                   const plan::Program &program,
                                   const Bounds &bounds) {
  std::vector<int64_t> result = bounds.axes;
  if (!result.empty() && program.maxTokens > 0)
    result[0] = std::min(result[0], program.maxTokens);
  for (int64_t &bound : result)
    bound = roundUp(bound, plan::kAxisQuantum);
  if (!result.empty() && result[0] > kTileRows / 2)
    result[0] = roundUp(result[0], kTileRows);
  return result;
}
static_assert(kTileRows % plan::kAxisQuantum == 0);

std::optional<int64_t> evaluate(const plan::Affine &affine,
                                const std::vector<int64_t> &axisBounds) {
  int64_t sum = affine.constant;
  if (affine.perAxis.size() > axisBounds.size())
    return std::nullopt;
  for (size_t axis = 0; axis < affine.perAxis.size(); ++axis) {
    int64_t term;
    if (!multiply(affine.perAxis[axis], axisBounds[axis], term) ||
        __builtin_add_overflow(sum, term, &sum))
      return std::nullopt;
  }
  return sum;
}

StatusOr<int64_t> arenaBytes(const plan::Plan &plan,
                             const plan::Program &program,
                             const Bounds &bounds) {
  auto bytes =
      evaluate(program.arenaBytes, programBounds(plan, program, bounds));
  if (!bytes || *bytes < 0)
    return outOfRange("the arena's size overflows at these bounds; choose a "
                      "smaller batch");
  return *bytes;
}

int64_t elementCount(const std::vector<int64_t> &shape) {
  int64_t count = 1;
  for (int64_t size : shape)
    count *= size;
  return count;
}

std::byte *bufferAddress(const plan::Program &program, int32_t buffer,
                         const std::vector<int64_t> &axisBounds,
                         std::byte *arena) {
  return arena + *evaluate(program.buffers[buffer].offset, axisBounds);
}

std::byte *batchField(const Binding &binding, const std::string &name,
                      int32_t sequences) {
  namespace batch = plan::batch;
  if (name == batch::kCounts)
    return binding.batch + binding.layout.counts;
  if (name == batch::kRows)
    return binding.batch + binding.layout.rows;
  if (name == batch::kSampling)
    return binding.layout.sampling < 0
               ? nullptr
               : binding.batch + binding.layout.sampling;
  if (name == batch::kSamplingState)
    return binding.samplingState;
  if (size_t(sequences) >= binding.layout.sequences.size())
    return nullptr;
  const BatchLayout::Sequences &fields = binding.layout.sequences[sequences];
  const std::pair<const char *, int64_t> named[] = {
      {batch::kPositions, fields.positions},
      {batch::kSequenceIds, fields.sequenceIds},
      {batch::kCuTokens, fields.cuTokens},
      {batch::kKvLengths, fields.kvLengths},
      {batch::kPageTable, fields.pageTable},
      {batch::kPacks, fields.packs}};
  for (auto [field, offset] : named)
    if (name == field)
      return offset < 0 ? nullptr : binding.batch + offset;
  return nullptr;
}

int64_t cacheTokenBytes(const plan::CachePlane &plane) {
  return elementCount(plane.shape) * dtypeSize(plane.dtype);
}

std::byte *cacheLayerAddress(const plan::Plan &plan, const Binding &binding,
                             int32_t cache, int32_t plane, int64_t layer) {
  const plan::Cache &resource = plan.caches[cache];
  return binding.caches[cache][plane] +
         layer * binding.cachePages * resource.pageSize *
             cacheTokenBytes(resource.planes[plane]);
}

StatusOr<int64_t> cachePlaneBytes(const plan::Cache &cache, int32_t plane,
                                  int64_t pages) {
  int64_t bytes = cacheTokenBytes(cache.planes[plane]);
  if (pages < 0 || !multiply(bytes, cache.pageSize, bytes) ||
      !multiply(bytes, cache.layers, bytes) || !multiply(bytes, pages, bytes))
    return outOfRange("cache '" + cache.name + "': its size overflows at " +
                      std::to_string(pages) + " pages; choose fewer");
  return bytes;
}

/// Every buffer ends inside `arena` bytes and starts on an element.
static Status checkBuffers(const plan::Program &program,
                           const std::vector<int64_t> &bounds, int64_t arena) {
  for (const plan::Buffer &buffer : program.buffers) {
    int64_t size = dtypeSize(buffer.dtype);
    int64_t rows = bounds[buffer.axis];
    auto offset = evaluate(buffer.offset, bounds);
    int64_t end = 0;
    bool fits =
        offset && *offset >= 0 && *offset % size == 0 &&
        buffer.rowStride >= elementCount(buffer.shape) &&
        multiply(std::max<int64_t>(rows - 1, 0), buffer.rowStride, end) &&
        !__builtin_add_overflow(end, elementCount(buffer.shape), &end) &&
        multiply(end, size, end) &&
        !__builtin_add_overflow(end, *offset, &end) && end <= arena;
    if (!fits)
      return corrupt("plan buffer '" + buffer.name +
                     "' does not fit its arena "
                     "of " +
                     std::to_string(arena) + " bytes; compile the plan again");
  }
  return Status::success();
}

Status checkBinding(const plan::Plan &plan, const plan::Entry &entry,
                    const plan::Program &program, const Binding &binding) {
  if (binding.bounds.axes.size() != plan.axes.size())
    return invalidArgument("the plan has " + std::to_string(plan.axes.size()) +
                           " axes, the binding bounds " +
                           std::to_string(binding.bounds.axes.size()));
  for (int64_t bound : binding.bounds.axes)
    if (bound < 0 || bound > INT32_MAX - kTileRows) // rounded up, too
      return outOfRange(
          "an axis bound of " + std::to_string(bound) + " is outside 0 to " +
          std::to_string(INT32_MAX - kTileRows) + "; choose a smaller batch");
  FT_ASSIGN_OR_RETURN(int64_t arena, arenaBytes(plan, program, binding.bounds));
  FT_RETURN_IF_ERROR(checkBuffers(
      program, programBounds(plan, program, binding.bounds), arena));
  bool complete = binding.weights.size() == plan.weights.size() &&
                  binding.caches.size() == plan.caches.size() &&
                  binding.layout.sequences.size() == entry.sequences.size() &&
                  binding.layout.inputs.size() == entry.inputs.size() &&
                  (!binding.layout.samplingSlot || binding.samplingState);
  for (size_t cache = 0; complete && cache < plan.caches.size(); ++cache)
    complete = binding.caches[cache].size() == plan.caches[cache].planes.size();
  if (!complete)
    return invalidArgument("the binding has not one address for every weight, "
                           "cache plane, sequences, input and sampling state "
                           "of the plan");
  return Status::success();
}

} // namespace ft
