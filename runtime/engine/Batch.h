//===- Batch.h - packing sequences into a batch descriptor ------*- C++ -*-===//
#ifndef FT_RUNTIME_ENGINE_BATCH_H
#define FT_RUNTIME_ENGINE_BATCH_H

#include "runtime/base/Status.h"
#include "runtime/device/Device.h"
#include "runtime/plan/Plan.h"
#include "runtime/plan/Sampling.h"

#include <cstdint>
#include <span>
#include <vector>

namespace ft {

/// Which rows of a sequence's slice the caller wants from the `rows` axis.
enum class WantedRows { None, Last, All };

/// A run of consecutive tokens of one sequence, as one batch holds it. Spans
/// and pages belong to the caller and outlive the build() call only.
struct SequenceSlice {
  std::span<const int32_t> tokens;
  int64_t position = 0; // of tokens[0]; also the number of cached tokens
  std::span<const int32_t> pages; // cache pages, enough for all tokens so far
  WantedRows wanted = WantedRows::None;
  plan::SamplingRecord sampling; // of the row, where wanted is Last
  /// Per Entry::inputs of role segments, positions or data: this slice's rows
  /// (token axis) in the input's own dtype; empty means zeros.
  std::vector<std::span<const std::byte>> inputs;
};

/// The host's copy of a batch block and the true counts in it.
class HostBatch {
public:
  HostBatch(const plan::Plan &plan, const plan::Entry &entry,
            const Bounds &bounds, const BatchLayout &layout);

  /// Packs `slices`; every count must be within the bounds (OutOfRange with
  /// the numbers where not) and every token id below the input's limit.
  Status build(std::span<const SequenceSlice> slices);

  /// True counts by axis.
  const std::vector<int64_t> &counts() const { return counts_; }

  /// Enqueues the used parts of the block's fields to `block`, but for page
  /// tables and sampling records that are as those marked as sent.
  Status upload(Device &device, std::byte *block) const;

  /// Every device has what was built last.
  void markSent();
  /// Blocks were used by another entry: nothing in them counts as sent.
  void forget() {
    tables_.sent.clear();
    records_.sent.clear();
  }

private:
  struct Range {
    int64_t begin, end;
  };
  /// A field that seldom changes from one batch to the next.
  struct Kept {
    Range range{0, 0};
    std::vector<std::byte> sent; // as last uploaded
  };
  Status checkCounts(std::span<const SequenceSlice> slices);
  Status packTokens(std::span<const SequenceSlice> slices);
  void packSequences(std::span<const SequenceSlice> slices);
  void packInputs(std::span<const SequenceSlice> slices);
  void packSampling(std::span<const SequenceSlice> slices);
  void useChanged(const Kept &kept);
  void mergeRanges();
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
  std::vector<Range> used_; // sorted, of what is to be sent
  Kept tables_, records_;
};

} // namespace ft

#endif // FT_RUNTIME_ENGINE_BATCH_H
