//===- TokenFeed.cpp - chosen tokens, from step to step -------------------===//
#include "runtime/device/TokenFeed.h"

#include "runtime/device/Addressing.h"
#include "runtime/plan/Batch.h"

#include <algorithm>
#include <cstring>

namespace ft {

static int rowsAxis(const plan::Plan &plan) {
  for (size_t i = 0; i < plan.axes.size(); ++i)
    if (plan.axes[i].name == "rows")
      return int(i);
  return -1;
}

int64_t rowsBound(const plan::Plan &plan, const Bounds &bounds) {
  int axis = rowsAxis(plan);
  return axis < 0 ? 0 : bounds.axes[size_t(axis)];
}

int feedOutput(const plan::Plan &plan, const plan::Entry &entry) {
  auto ids = std::count_if(entry.inputs.begin(), entry.inputs.end(),
                           [](const plan::Input &input) {
                             return input.role == plan::InputRole::Tokens;
                           });
  int rows = rowsAxis(plan);
  if (!entry.causal || entry.sequences.size() != 1 || ids != 1 || rows < 0)
    return -1;
  for (size_t i = 0; i < entry.outputs.size(); ++i) {
    const plan::Output &output = entry.outputs[i];
    if (output.name == "next_token" && output.dtype == DType::I32 &&
        output.axis == rows && elementCount(output.shape) == 1)
      return int(i);
  }
  return -1;
}

int feedInput(const plan::Entry &entry) {
  auto found = std::find_if(entry.inputs.begin(), entry.inputs.end(),
                            [](const plan::Input &input) {
                              return input.role == plan::InputRole::Tokens;
                            });
  return int(found - entry.inputs.begin());
}

FeedMemory feedMemory(std::byte *memory, ChosenToken *ring, int64_t rows) {
  FeedMemory result;
  result.tokens = reinterpret_cast<int32_t *>(memory);
  result.steps =
      reinterpret_cast<uint32_t *>(memory) + int64_t(kFeedSteps) * rows;
  result.ring = ring;
  result.rows = int32_t(rows);
  return result;
}

std::optional<FeedSite> feedSite(const plan::Plan &plan,
                                 const plan::Entry &entry,
                                 const plan::Program &program,
                                 const Binding &binding) {
  int output = feedOutput(plan, entry);
  if (output < 0 || !binding.feed)
    return std::nullopt;
  int32_t index = program.outputs[size_t(output)];
  std::byte *next = bufferAddress(program, index,
                                  programBounds(plan, program, binding.bounds),
                                  binding.arena);
  auto field = [&](const char *name) {
    return reinterpret_cast<int32_t *>(batchField(binding, name, 0));
  };
  FeedSite site;
  site.next = reinterpret_cast<const int32_t *>(next);
  site.stride = program.buffers[size_t(index)].rowStride;
  site.counts = field(plan::batch::kCounts);
  site.tokensAxis = entry.sequences[0].tokensAxis;
  site.sequencesAxis = entry.sequences[0].sequencesAxis;
  site.rowsAxis = rowsAxis(plan);
  site.ids = reinterpret_cast<int32_t *>(
      binding.batch + binding.layout.inputs[size_t(feedInput(entry))]);
  site.positions = field(plan::batch::kPositions);
  site.lengths = field(plan::batch::kKvLengths);
  if (binding.layout.sampling >= 0 && binding.samplingState) {
    site.records = reinterpret_cast<const plan::SamplingRecord *>(
        binding.batch + binding.layout.sampling);
    site.state = reinterpret_cast<const unsigned char *>(binding.samplingState);
    site.slotBytes = binding.layout.samplingSlot;
  }
  site.memory = binding.feed->memory();
  return site;
}

void finishOnHost(const FeedSite &site) {
  const FeedMemory &memory = site.memory;
  int32_t rows = site.counts[site.rowsAxis];
  bool moveOn = rows == site.counts[site.tokensAxis] &&
                rows == site.counts[site.sequencesAxis];
  int64_t first = feedPlace(*memory.steps, 0, memory.rows);
  for (int32_t row = 0; row < rows; ++row) {
    int32_t token = site.next[row * site.stride];
    ChosenToken &chosen = memory.ring[first + row];
    memory.tokens[first + row] = chosen.token = token;
    if (moveOn) {
      site.ids[row] = token;
      ++site.positions[row];
      ++site.lengths[row];
    }
    if (!site.records)
      continue;
    const plan::SamplingRecord &record = site.records[row];
    if ((record.flags & plan::SamplingRecord::kState) && record.logprobs > 0)
      std::memcpy(&chosen.result,
                  site.state + record.slot * site.slotBytes +
                      plan::sampling::kResult,
                  sizeof(chosen.result));
  }
  ++*memory.steps;
}

void resolveOnHost(int32_t *ids, int64_t count, const FeedMemory &memory) {
  for (int64_t i = 0; i < count; ++i)
    if (ids[i] < 0)
      ids[i] = memory.tokens[-1 - ids[i]];
}

} // namespace ft
