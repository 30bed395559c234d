//===- Sampler.h - choosing a token from a row of logits --------*- C++ -*-===//
//
// The reference for the op `sample` (docs/sampling.md). Past the temperature
// everything is integers: a token is its distance from the largest value,
// `key`, in units of 2^-27, and weighs 2^40 e^-distance, rounded by integer
// arithmetic. Sums are exact, so no order of summing, number of threads or
// device changes a token.
//
//===----------------------------------------------------------------------===//
#ifndef FT_RUNTIME_SAMPLING_SAMPLER_H
#define FT_RUNTIME_SAMPLING_SAMPLER_H

#include "runtime/plan/Sampling.h"

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace ft::sampling {

/// The key of a token that is too far from the largest ever to be drawn.
inline constexpr uint32_t kFar = 0xffffffffu;

/// max - value in units of 2^-27; kFar from 32 on. REQUIRES: value <= max,
/// max finite.
uint32_t keyOf(float max, float value);

/// About 2^40 e^(-key * 2^-27); 0 for kFar. Within 2^-27 of the exact value
/// relatively, or 1 absolutely.
uint64_t weightOf(uint32_t key);

/// 64 uniform bits for the token at `position` of a sequence of this seed.
uint64_t randomBits(uint64_t seed, int64_t position);

/// floor(a * b / 2^64).
uint64_t multiplyHigh(uint64_t a, uint64_t b);

/// The logit a program made, as sampling reads it: NaN is -infinity, no value
/// is above the largest finite one, and no zero is negative.
float readLogit(float logit);

/// One row's inputs. `state` is the record's slot, or null without kState.
struct Row {
  std::span<const float> logits;
  const plan::SamplingRecord *record = nullptr;
  const std::byte *state = nullptr;
  int64_t position = 0; // of the token to be chosen
};

/// The values after bias, bans, penalties and temperature, in this order.
std::vector<float> editedLogits(const Row &row);

/// The tokens of a row that top-k, top-p and min-p leave, ready to be drawn.
class Distribution {
public:
  /// `values` as editedLogits gives them.
  Distribution(std::span<const float> values,
               const plan::SamplingRecord &record);

  /// The first token, in order of index, up to which the weights sum to more
  /// than bits / 2^64 of all; 0 where every value is -infinity.
  int32_t draw(uint64_t bits) const;
  /// The share of all draws that give `token`.
  double probability(int32_t token) const;

private:
  std::vector<uint64_t> upTo_; // sums of weights, inclusive
};

/// Index of the largest value, the lowest of equals; 0 where all are
/// -infinity.
int32_t largest(std::span<const float> values);

/// Chooses the row's token.
int32_t chooseToken(const Row &row);

/// What `token` and the record's most likely tokens cost.
plan::SamplingResult describeToken(const Row &row, int32_t token);

/// The token is now part of the sequence: tail and counts.
void appendToken(std::byte *state, const plan::SamplingRecord &record,
                 int64_t position, int32_t token);

} // namespace ft::sampling

#endif // FT_RUNTIME_SAMPLING_SAMPLER_H
