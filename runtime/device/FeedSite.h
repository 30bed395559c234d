//===- FeedSite.h - what ends a step on the device --------------*- C++ -*-===//
//
// Plain addresses, passed by value to the kernel that ends a step (Feed.cu).
//
//===----------------------------------------------------------------------===//
#ifndef FT_RUNTIME_DEVICE_FEEDSITE_H
#define FT_RUNTIME_DEVICE_FEEDSITE_H

#include "runtime/plan/Sampling.h"

#include <cstdint>

namespace ft {

/// A chosen token and, where its row asks for log-probabilities, what they are
/// computed from.
struct ChosenToken {
  int32_t token = 0;
  int32_t reserved[3] = {0, 0, 0};
  plan::SamplingResult result;
};
static_assert(sizeof(ChosenToken) == 192);

/// Steps whose tokens are kept, on the device and for the host.
inline constexpr int32_t kFeedSteps = 8;

struct FeedMemory {
  int32_t *tokens = nullptr;   // device, [kFeedSteps, rows]
  uint32_t *steps = nullptr;   // device: steps that have ended
  ChosenToken *ring = nullptr; // host memory, [kFeedSteps, rows]
  int32_t rows = 0;            // the bound
};

/// Where the end of one program's step reads and writes.
struct FeedSite {
  const int32_t *next = nullptr; // chosen tokens, `stride` apart
  int64_t stride = 1;
  const int32_t *counts = nullptr; // true counts by axis
  int32_t tokensAxis = 0, sequencesAxis = 0, rowsAxis = 0;
  // Fields of the batch block that a step of one token a sequence moves on.
  int32_t *ids = nullptr, *positions = nullptr, *lengths = nullptr;
  const plan::SamplingRecord *records = nullptr; // null: no sampling
  const unsigned char *state = nullptr;
  int64_t slotBytes = 0;
  FeedMemory memory;
};

} // namespace ft

#endif // FT_RUNTIME_DEVICE_FEEDSITE_H
