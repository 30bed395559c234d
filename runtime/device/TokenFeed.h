//===- TokenFeed.h - chosen tokens, from step to step -----------*- C++ -*-===//
//
// The tokens that a step chooses stay on the device, where the next step reads
// them, and are written to host memory, which the host reads when it gets to
// it. A batch names a token that the host does not know yet by its place: it
// writes -1 - place as the id.
//
//===----------------------------------------------------------------------===//
#ifndef FT_RUNTIME_DEVICE_TOKENFEED_H
#define FT_RUNTIME_DEVICE_TOKENFEED_H

#include "runtime/base/Status.h"
#include "runtime/device/FeedSite.h"
#include "runtime/plan/Plan.h"

#include <optional>
#include <span>

namespace ft {

struct Binding;
struct Bounds;

/// The place of the token that row `row` of step `step` chose, of `rows` rows
/// at most; another's after kFeedSteps more steps.
constexpr int64_t feedPlace(int64_t step, int64_t row, int64_t rows) {
  return step % kFeedSteps * rows + row;
}

/// Bytes on the device for steps of at most `rows` rows.
constexpr int64_t feedBytes(int64_t rows) {
  return (kFeedSteps * rows + 1) * int64_t(sizeof(int32_t));
}

/// The bound of the axis of wanted rows; 0 where the plan has none.
int64_t rowsBound(const plan::Plan &plan, const Bounds &bounds);

/// The output of `entry` that feeds its next step ("next_token" of a causal
/// entry that reads one row of ids), or -1.
int feedOutput(const plan::Plan &plan, const plan::Entry &entry);

/// The input of role tokens; REQUIRES: feedOutput() is not negative.
int feedInput(const plan::Entry &entry);

class TokenFeed {
public:
  virtual ~TokenFeed() = default;

  const FeedMemory &memory() const { return memory_; }
  /// Steps marked so far; the next has this number.
  int64_t steps() const { return steps_; }

  /// Enqueues: ids that name a place become its token.
  virtual Status resolve(int32_t *ids, int64_t count) = 0;
  /// Enqueues what follows a program: its tokens are kept and, where every
  /// sequence has one token and one row, the batch block is moved on to the
  /// next step. May be captured in a graph. `behindKernel`: behind a kernel,
  /// so that it may start early.
  virtual Status finish(const FeedSite &site, bool behindKernel) = 0;
  /// Enqueued after each finish(): the step can be waited for.
  virtual Status mark() = 0;
  /// Waits for `step`, one of the last kFeedSteps; what its rows chose.
  virtual StatusOr<std::span<const ChosenToken>> wait(int64_t step) = 0;

protected:
  std::span<const ChosenToken> at(int64_t step) const {
    return {memory_.ring + feedPlace(step, 0, memory_.rows),
            size_t(memory_.rows)};
  }
  FeedMemory memory_;
  int64_t steps_ = 0;
};

/// `memory` is feedBytes(rows) of a device, zeroed; `ring` has kFeedSteps *
/// rows elements.
FeedMemory feedMemory(std::byte *memory, ChosenToken *ring, int64_t rows);

/// Where `program` of `entry` ends a step; nothing if it feeds none.
/// REQUIRES: checkBinding succeeded.
std::optional<FeedSite> feedSite(const plan::Plan &plan,
                                 const plan::Entry &entry,
                                 const plan::Program &program,
                                 const Binding &binding);

/// What finish() and resolve() do, on the host.
void finishOnHost(const FeedSite &site);
void resolveOnHost(int32_t *ids, int64_t count, const FeedMemory &memory);

} // namespace ft

#endif // FT_RUNTIME_DEVICE_TOKENFEED_H
