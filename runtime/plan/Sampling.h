//===- Sampling.h - how tokens are chosen: records and state ----*- C++ -*-===//
//
// What the op `sample` reads beside its logits: one SamplingRecord a wanted row
// in the batch block, and one state a slot that lives as long as its sequence.
// docs/sampling.md has the order of operations; sample.cuh repeats the layouts.
//
//===----------------------------------------------------------------------===//
#ifndef FT_RUNTIME_PLAN_SAMPLING_H
#define FT_RUNTIME_PLAN_SAMPLING_H

#include <cstddef>
#include <cstdint>

namespace ft::plan {

/// How the token of one row is chosen. All zeros: the largest logit.
struct SamplingRecord {
  /// Bits of `flags`.
  static constexpr uint32_t kState = 1;     // a slot is kept up to date
  static constexpr uint32_t kEdits = 2;     // biases, bad words, stop tokens
  static constexpr uint32_t kPenalties = 4; // counts are read

  uint64_t seed = 0;
  float temperature = 0; // 0 = the largest
  int32_t topK = 0;      // 0 = off
  uint32_t topP = 0;     // p * 2^32; 0 = off
  uint32_t minP = 0;     // 1 + -ln(p) * 2^27; 0 = off
  float repetition = 0;  // a factor; with kPenalties
  float presence = 0;    // subtracted once; with kPenalties
  float frequency = 0;   // subtracted for each occurrence; with kPenalties
  uint32_t flags = 0;    //
  int32_t slot = 0;      // of the state; with kState
  int32_t minLength = 0; // positions before this are no stop token
  int32_t logprobs = 0;  // 1 + how many of the most likely; with kState
  int32_t reserved[3] = {0, 0, 0};
  bool operator==(const SamplingRecord &) const = default;
  /// Whether the token is that of the largest logit, and nothing else is kept.
  bool isLikeliest() const { return temperature == 0 && flags == 0; }
};
static_assert(sizeof(SamplingRecord) == 64);

/// Capacities of a slot, and the byte offsets of its parts.
namespace sampling {
inline constexpr int32_t kTail = 64; // token at position p: tail[p % kTail]
inline constexpr int32_t kMaxStops = 64;
inline constexpr int32_t kMaxBiases = 1024;
inline constexpr int32_t kMaxWords = 256;
inline constexpr int32_t kMaxWordTokens = 2048;
inline constexpr int32_t kMaxTop = 20; // most likely tokens reported

/// i32: biases, stops, words.
inline constexpr int64_t kHeader = 0;
/// What the last token cost: SamplingResult.
inline constexpr int64_t kResult = 64;
inline constexpr int64_t kTailAt = 256;
inline constexpr int64_t kStopsAt = kTailAt + 4 * kTail;
/// i32 tokens, ascending; f32 values of the same order.
inline constexpr int64_t kBiasTokensAt = kStopsAt + 4 * kMaxStops;
inline constexpr int64_t kBiasValuesAt = kBiasTokensAt + 4 * kMaxBiases;
/// i32: end of each word in the words' tokens, which follow each other.
inline constexpr int64_t kWordEndsAt = kBiasValuesAt + 4 * kMaxBiases;
inline constexpr int64_t kWordTokensAt = kWordEndsAt + 4 * kMaxWords;
/// u16[columns]: how often generated, and whether in the prompt.
inline constexpr int64_t kCountsAt = kWordTokensAt + 4 * kMaxWordTokens;
inline constexpr uint16_t kInPrompt = 0x8000;
inline constexpr uint16_t kMostCounted = 0x7fff;

/// Bytes of a slot for rows of `columns` logits.
constexpr int64_t stateBytes(int64_t columns) {
  return (kCountsAt + 2 * columns + 255) / 256 * 256;
}
} // namespace sampling

/// Logits of the model, before any edit; the log-probability of one is
/// (logit - largest) - ln(sum * 2^-40).
struct SamplingResult {
  float largest = 0;
  float logit = 0; // of the chosen token
  uint64_t sum = 0;
  int32_t topTokens[sampling::kMaxTop] = {};
  float topLogits[sampling::kMaxTop] = {};
};
static_assert(sizeof(SamplingResult) == 176 &&
              sampling::kResult + sizeof(SamplingResult) <= sampling::kTailAt);

} // namespace ft::plan

#endif // FT_RUNTIME_PLAN_SAMPLING_H
