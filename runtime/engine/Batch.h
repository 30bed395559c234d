//===- Batch.h - packing sequences into a batch descriptor ------*- C++ -*-===//
#ifndef FT_RUNTIME_ENGINE_BATCH_H
#define FT_RUNTIME_ENGINE_BATCH_H

#include "runtime/base/Status.h"
#include "runtime/device/Device.h"
#include "runtime/plan/Plan.h"
#include "runtime/plan/Sampling.h"

#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <vector>

namespace ft {

/// Which rows of a sequence's slice the caller wants from the `rows` axis.
enum class WantedRows { None, Last, All };

/// What of a run the caller reads: any output, or the wanted rows' tokens
/// alone, for which the device may store less.
enum class Results { All, Tokens };

/// A run of consecutive tokens of one sequence, as one batch holds it. Spans
/// and pages belong to the caller and outlive the build() call only.
struct SequenceSlice {
  std::span<const int32_t> tokens;
  /// Where the device keeps the last token (feedPlace), which the host need
  /// not know then; -1: it is in `tokens`.
  int64_t place = -1;
  int64_t position = 0; // of tokens[0]; also the number of cached tokens
  std::span<const int32_t> pages; // cache pages, enough for all tokens so far
  WantedRows wanted = WantedRows::None;
  plan::SamplingRecord sampling; // of the row, where wanted is Last
  /// Per Entry::inputs of role segments, positions or data: this slice's rows
  /// (token axis) in the input's own dtype; of role image: its one row. Empty
  /// means zeros.
  std::vector<std::span<const std::byte>> inputs;
  /// `inputs` name the memory that they named in the batch before, and the
  /// caller has not written there since: images and rows of numbers on the
  /// device are used again.
  bool inputsKept = false;
};

/// The host's copy of a batch block and the true counts in it.
class HostBatch {
public:
  HostBatch(const plan::Plan &plan, const plan::Entry &entry,
            const Bounds &bounds, const BatchLayout &layout);

  /// Packs `slices`; every count must be within the bounds (OutOfRange with
  /// the numbers where not) and every token id below the input's limit.
  Status build(std::span<const SequenceSlice> slices,
               Results results = Results::All);

  /// True counts by axis.
  const std::vector<int64_t> &counts() const { return counts_; }
  /// What an Executable is told.
  BatchCounts batchCounts() const {
    return {counts_, packs_, longest_, likeliest_};
  }

  /// Enqueues to `block` the used parts of the fields that it does not hold.
  Status upload(Device &device, std::byte *block) const;
  /// Whether upload() leaves ids that name a place.
  bool sendsPlaces() const { return sendsPlaces_; }

  /// Every device has run what was built last; with `step`, as that step of its
  /// feed: then blocks have been moved on to the next.
  void markRun(std::optional<int64_t> step);
  /// Blocks were used otherwise: nothing of what they hold is known.
  void forget() {
    held_.clear();
    sentPayloads_.clear();
  }

private:
  struct Range {
    int64_t begin, end;
  };
  Status checkCounts(std::span<const SequenceSlice> slices);
  Status packTokens(std::span<const SequenceSlice> slices);
  void packSequences(std::span<const SequenceSlice> slices);
  void packInputs(std::span<const SequenceSlice> slices);
  bool packPayload(size_t input, std::span<const SequenceSlice> slices);
  void packSampling(std::span<const SequenceSlice> slices);
  void moveOn(int64_t step);
  bool isHeld(Range range) const;
  void findChanges();
  int32_t *ints(int64_t offset) {
    return reinterpret_cast<int32_t *>(block_.data() + offset);
  }
  void use(int64_t offset, int64_t bytes) {
    if (bytes)
      used_.push_back({offset, offset + bytes});
  }

  const plan::Plan &plan_;
  const plan::Entry &entry_;
  Bounds bounds_;
  BatchLayout layout_;
  int64_t tokensAxis_, sequencesAxis_, rowsAxis_;
  std::vector<std::byte> block_;
  std::vector<int64_t> counts_;
  int64_t packs_ = 0;          // tiles of whole sequences
  int64_t longest_ = 0;        // tokens of a sequence
  bool likeliest_ = false;     // nothing but likeliest tokens is read
  std::vector<Range> used_;    // by field, in the order of packing
  std::vector<Range> changed_; // sorted, of what is to be sent
  bool namesPlaces_ = false, sendsPlaces_ = false;
  /// What devices hold of a field from its offset on.
  std::map<int64_t, std::vector<std::byte>> held_;
  /// Images and rows of numbers are too large to be compared: where those of
  /// this batch, and those on the devices, came from, by input.
  using Sources = std::map<size_t, std::vector<std::span<const std::byte>>>;
  Sources payloads_, sentPayloads_;
  std::vector<Range> payloadRanges_; // to be sent
};

} // namespace ft

#endif // FT_RUNTIME_ENGINE_BATCH_H
