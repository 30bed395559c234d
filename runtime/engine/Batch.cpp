//===- Batch.cpp - packing sequences into a batch descriptor --------------===//
#include "runtime/engine/Batch.h"

#include "runtime/device/Addressing.h"

#include <algorithm>
#include <cstring>

namespace ft {

static constexpr int64_t kInt = int64_t(sizeof(int32_t));

static int64_t findAxis(const plan::Plan &plan, const char *name) {
  for (size_t i = 0; i < plan.axes.size(); ++i)
    if (plan.axes[i].name == name)
      return int64_t(i);
  return -1;
}

HostBatch::HostBatch(const plan::Plan &plan, const plan::Entry &entry,
                     const Bounds &bounds, const BatchLayout &layout)
    : plan_(plan), entry_(entry), bounds_(bounds), layout_(layout),
      tokensAxis_(entry.sequences[0].tokensAxis),
      sequencesAxis_(entry.sequences[0].sequencesAxis),
      rowsAxis_(findAxis(plan, "rows")), block_(size_t(layout.bytes)),
      counts_(plan.axes.size(), 0) {}

Status HostBatch::checkCounts(std::span<const SequenceSlice> slices) {
  std::fill(counts_.begin(), counts_.end(), 0);
  int64_t tokens = 0, rows = 0;
  for (const SequenceSlice &slice : slices) {
    int64_t count = int64_t(slice.tokens.size());
    if (int64_t image = entry_.imageTokens(); image && count != image)
      return invalidArgument("an image makes " + std::to_string(image) +
                             " tokens, found a sequence of " +
                             std::to_string(count));
    tokens += count;
    rows += slice.wanted == WantedRows::All    ? count
            : slice.wanted == WantedRows::Last ? 1
                                               : 0;
  }
  counts_[size_t(tokensAxis_)] = tokens;
  counts_[size_t(sequencesAxis_)] = int64_t(slices.size());
  if (rowsAxis_ < 0 && rows > 0)
    return unsupported("the plan has no axis 'rows', so no rows of a batch "
                       "can be asked for");
  if (rowsAxis_ >= 0)
    counts_[size_t(rowsAxis_)] = rows;
  for (size_t axis = 0; axis < counts_.size(); ++axis)
    if (counts_[axis] > bounds_.axes[axis])
      return outOfRange("a batch of " + std::to_string(counts_[axis]) + " " +
                        plan_.axes[axis].name + " exceeds the bound of " +
                        std::to_string(bounds_.axes[axis]) +
                        " that was fixed at load");
  return Status::success();
}

Status HostBatch::packTokens(std::span<const SequenceSlice> slices) {
  for (size_t i = 0; i < entry_.inputs.size(); ++i) {
    const plan::Input &input = entry_.inputs[i];
    if (input.role != plan::InputRole::Tokens)
      continue;
    int32_t *to = ints(layout_.inputs[i]);
    for (const SequenceSlice &slice : slices) {
      for (int32_t token : slice.tokens) {
        if (token < 0 || (input.limit && token >= input.limit))
          return outOfRange("token " + std::to_string(token) +
                            " is outside the vocabulary of " +
                            std::to_string(input.limit));
        *to++ = token;
      }
      if (slice.place >= 0) {
        to[-1] = int32_t(-1 - slice.place);
        namesPlaces_ = true;
      }
    }
    use(layout_.inputs[i], counts_[size_t(tokensAxis_)] * kInt);
  }
  return Status::success();
}

void HostBatch::packSequences(std::span<const SequenceSlice> slices) {
  const BatchLayout::Sequences &at = layout_.sequences[0];
  int32_t *positions = ints(at.positions), *ids = ints(at.sequenceIds);
  int32_t *cu = ints(at.cuTokens), *lengths = ints(at.kvLengths);
  int32_t *rows = ints(layout_.rows);
  int64_t token = 0, sequence = 0;
  longest_ = 0;
  for (const SequenceSlice &slice : slices) {
    int64_t count = int64_t(slice.tokens.size());
    longest_ = std::max(longest_, count);
    cu[sequence] = int32_t(token);
    lengths[sequence] = int32_t(slice.position + count);
    for (int64_t i = 0; i < count; ++i) {
      positions[token + i] = int32_t(slice.position + i);
      ids[token + i] = int32_t(sequence);
      if (slice.wanted == WantedRows::All ||
          (slice.wanted == WantedRows::Last && i == count - 1))
        *rows++ = int32_t(token + i);
    }
    int32_t *table = ints(at.pageTable) + sequence * bounds_.pageColumns;
    std::copy(slice.pages.begin(), slice.pages.end(), table);
    token += count;
    ++sequence;
  }
  cu[sequence] = int32_t(token);
  use(at.positions, token * kInt);
  use(at.sequenceIds, token * kInt);
  use(at.cuTokens, (sequence + 1) * kInt);
  use(at.kvLengths, sequence * kInt);
  if (at.packs >= 0) {
    packs_ = packTiles(cu, sequence, ints(at.packs));
    use(at.packs, (packs_ + 2) * kInt);
  }
  if (rowsAxis_ >= 0)
    use(layout_.rows, counts_[size_t(rowsAxis_)] * kInt);
  use(at.pageTable, sequence * bounds_.pageColumns * kInt);
}

/// A row that is one of all rows of its sequence is no generated token: it
/// takes the largest logit.
void HostBatch::packSampling(std::span<const SequenceSlice> slices) {
  if (layout_.sampling < 0)
    return;
  constexpr int64_t bytes = sizeof(plan::SamplingRecord);
  int64_t at = layout_.sampling;
  for (const SequenceSlice &slice : slices) {
    if (slice.wanted == WantedRows::Last) {
      std::memcpy(block_.data() + at, &slice.sampling, bytes);
      at += bytes;
    } else if (slice.wanted == WantedRows::All) {
      size_t rows = slice.tokens.size() * size_t(bytes);
      std::memset(block_.data() + at, 0, rows);
      at += int64_t(rows);
    }
  }
  use(layout_.sampling, at - layout_.sampling);
}

/// Images, and rows of numbers such as hidden states.
static bool isPayload(const plan::Input &input) {
  bool floats = input.dtype == DType::F32 || input.dtype == DType::F16 ||
                input.dtype == DType::BF16;
  return input.role == plan::InputRole::Image ||
         (input.role == plan::InputRole::Data && floats);
}

/// Whether the payload has to be sent.
bool HostBatch::packPayload(size_t input,
                            std::span<const SequenceSlice> slices) {
  auto &payload = payloads_[input];
  bool kept = true;
  for (const SequenceSlice &slice : slices) {
    kept &= slice.inputsKept;
    payload.push_back(input < slice.inputs.size()
                          ? slice.inputs[input]
                          : std::span<const std::byte>());
  }
  auto same = [](std::span<const std::byte> a, std::span<const std::byte> b) {
    return a.data() == b.data() && a.size() == b.size();
  };
  auto sent = sentPayloads_.find(input);
  return !kept || sent == sentPayloads_.end() ||
         !std::equal(payload.begin(), payload.end(), sent->second.begin(),
                     sent->second.end(), same);
}

void HostBatch::packInputs(std::span<const SequenceSlice> slices) {
  payloads_.clear();
  payloadRanges_.clear();
  for (size_t i = 0; i < entry_.inputs.size(); ++i) {
    const plan::Input &input = entry_.inputs[i];
    if (input.role == plan::InputRole::Tokens ||
        input.role == plan::InputRole::Mask)
      continue;
    bool image = input.role == plan::InputRole::Image;
    bool payload = isPayload(input);
    if (payload && !packPayload(i, slices))
      continue;
    int64_t rowBytes = elementCount(input.shape) * dtypeSize(input.dtype);
    std::byte *to = block_.data() + layout_.inputs[i];
    for (const SequenceSlice &slice : slices) {
      int64_t bytes = (image ? 1 : int64_t(slice.tokens.size())) * rowBytes;
      if (i < slice.inputs.size() && !slice.inputs[i].empty())
        std::memcpy(to, slice.inputs[i].data(), size_t(bytes));
      else
        std::memset(to, 0, size_t(bytes));
      to += bytes;
    }
    int64_t count = counts_[size_t(image ? sequencesAxis_ : tokensAxis_)];
    int64_t begin = layout_.inputs[i];
    if (payload)
      payloadRanges_.push_back({begin, begin + count * rowBytes});
    else
      use(begin, count * rowBytes);
  }
}

Status HostBatch::build(std::span<const SequenceSlice> slices,
                        Results results) {
  used_.clear();
  namesPlaces_ = false;
  FT_RETURN_IF_ERROR(checkCounts(slices));
  FT_RETURN_IF_ERROR(packTokens(slices));
  packSequences(slices);
  packSampling(slices);
  likeliest_ =
      results == Results::Tokens &&
      std::all_of(slices.begin(), slices.end(), [](const auto &slice) {
        return slice.wanted != WantedRows::Last || slice.sampling.isLikeliest();
      });
  packInputs(slices);
  int32_t *counts = ints(layout_.counts);
  for (size_t axis = 0; axis < counts_.size(); ++axis)
    counts[axis] = int32_t(counts_[axis]);
  use(layout_.counts, int64_t(counts_.size()) * kInt);
  findChanges();
  return Status::success();
}

bool HostBatch::isHeld(Range range) const {
  auto held = held_.find(range.begin);
  return held != held_.end() &&
         int64_t(held->second.size()) >= range.end - range.begin &&
         std::equal(block_.begin() + range.begin, block_.begin() + range.end,
                    held->second.begin());
}

void HostBatch::findChanges() {
  // Small gaps are copied along: one copy costs more than a few kilobytes.
  constexpr int64_t kMergeGap = 16 << 10;
  changed_ = payloadRanges_;
  sendsPlaces_ = false;
  for (Range range : used_)
    if (!isHeld(range))
      changed_.push_back(range);
  std::sort(changed_.begin(), changed_.end(),
            [](Range a, Range b) { return a.begin < b.begin; });
  std::vector<Range> merged;
  for (Range range : changed_)
    if (!merged.empty() && range.begin - merged.back().end <= kMergeGap)
      merged.back().end = std::max(merged.back().end, range.end);
    else
      merged.push_back(range);
  changed_ = std::move(merged);
  if (!namesPlaces_)
    return;
  int64_t ids = layout_.inputs[size_t(feedInput(entry_))];
  sendsPlaces_ =
      std::any_of(changed_.begin(), changed_.end(), [&](Range range) {
        return range.begin <= ids && ids < range.end;
      });
}

/// What a gap brought along is forgotten: only the used part of a field counts
/// as held.
void HostBatch::markRun(std::optional<int64_t> step) {
  for (Range range : used_) {
    std::vector<std::byte> &held = held_[range.begin];
    if (int64_t(held.size()) != range.end - range.begin || !isHeld(range))
      held.assign(block_.begin() + range.begin, block_.begin() + range.end);
  }
  sentPayloads_ = std::move(payloads_);
  payloads_.clear();
  // Devices hold tokens where the host wrote places.
  if (namesPlaces_)
    held_.erase(layout_.inputs[size_t(feedInput(entry_))]);
  if (step)
    moveOn(*step);
}

/// As finishOnHost() moves on the block of a batch with one token and one row
/// for each sequence.
void HostBatch::moveOn(int64_t step) {
  int64_t count = counts_[size_t(tokensAxis_)];
  if (count != counts_[size_t(sequencesAxis_)] ||
      count != counts_[size_t(rowsAxis_)])
    return;
  auto field = [&](int64_t offset) {
    std::vector<std::byte> &held = held_[offset];
    held.resize(size_t(count * kInt));
    return reinterpret_cast<int32_t *>(held.data());
  };
  int32_t *ids = field(layout_.inputs[size_t(feedInput(entry_))]);
  int32_t *positions = field(layout_.sequences[0].positions);
  int32_t *lengths = field(layout_.sequences[0].kvLengths);
  int64_t rows = bounds_.axes[size_t(rowsAxis_)];
  for (int64_t row = 0; row < count; ++row) {
    ids[row] = int32_t(-1 - feedPlace(step, row, rows));
    ++positions[row];
    ++lengths[row];
  }
}

Status HostBatch::upload(Device &device, std::byte *block) const {
  for (Range range : changed_)
    FT_RETURN_IF_ERROR(device.copyIn(block + range.begin,
                                     block_.data() + range.begin,
                                     range.end - range.begin));
  return Status::success();
}

} // namespace ft
