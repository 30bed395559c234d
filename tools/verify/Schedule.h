//===- Schedule.h - the batches that a plan is tried with -------*- C++ -*-===//
#ifndef FT_TOOLS_VERIFY_SCHEDULE_H
#define FT_TOOLS_VERIFY_SCHEDULE_H

#include "runtime/plan/Plan.h"
#include "tools/verify/Evaluator.h"

namespace ft::verify {

/// Tokens begin .. begin+count-1 of a sequence of the padded batch.
struct Slice {
  int64_t sequence = 0, begin = 0, count = 0;
};

/// One run of an entry.
struct Call {
  std::string what; // "whole sequences", "one token each"
  std::vector<Slice> slices;
  /// Which of the two sets of cache pages: whole sequences and chunks fill
  /// their own, so that neither finds what the other left.
  int pageSet = 0;

  int64_t tokens() const;
};

/// Ragged lengths: 1, 2, odd, and around the edges of a cache page, none above
/// the plan's positions. Images have the length that they have.
std::vector<int64_t> chooseLengths(const plan::Plan &plan,
                                   const plan::Entry &entry);

/// Whole sequences, some of them alone and in another order; for a causal
/// entry, chunks and then one token at a time.
std::vector<Call> chooseCalls(const std::vector<int64_t> &lengths, bool causal);

/// Random inputs for `entry`: ids below their limits, a mask of the lengths.
PaddedBatch makeBatch(const SourceIndex &source, const plan::Plan &plan,
                      const plan::Entry &entry,
                      const std::vector<int64_t> &lengths, uint64_t seed);

} // namespace ft::verify

#endif // FT_TOOLS_VERIFY_SCHEDULE_H
