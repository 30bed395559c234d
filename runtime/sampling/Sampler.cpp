//===- Sampler.cpp - choosing a token from a row of logits ----------------===//
#include "runtime/sampling/Sampler.h"

#include "runtime/base/Random.h"

#include <algorithm>
#include <cassert>
#include <cfloat>
#include <cmath>
#include <cstring>
#include <numeric>

namespace ft::sampling {

using plan::SamplingRecord;
namespace layout = plan::sampling;

static constexpr uint64_t kGolden = 0x9e3779b97f4a7c15u;

//===----------------------------------------------------------------------===//
// Numbers
//===----------------------------------------------------------------------===//

uint32_t keyOf(float max, float value) {
  float distance = max - value;
  return distance < 32.0f ? uint32_t(distance * 0x1p27f) : kFar;
}

uint64_t weightOf(uint32_t key) {
  if (key == kFar)
    return 0;
  // key * log2(e), in units of 2^-58: 6 bits of integer, then the fraction.
  uint64_t exponent = uint64_t(key) * 0xb8aa3b29u;
  uint32_t rest = ~uint32_t(exponent >> 26); // 1 - fraction, units of 2^-32
  // 2^rest * 2^30 by a polynomial whose error is below 2^-27.
  static constexpr uint32_t kCoefficients[] = {0x3951e,   0x144d4d,  0x9eaa6c,
                                               0x38cfea1, 0xf5fef8e, 0x2c5c84f4,
                                               0x40000003};
  uint32_t power = 0;
  for (uint32_t coefficient : kCoefficients)
    power = coefficient + uint32_t(uint64_t(power) * rest >> 32);
  return uint64_t(power) << 9 >> (exponent >> 58);
}

uint64_t randomBits(uint64_t seed, int64_t position) {
  uint64_t key = mixBits(seed + kGolden);
  return mixBits(key + (uint64_t(position) + 1) * kGolden);
}

uint64_t multiplyHigh(uint64_t a, uint64_t b) {
  return uint64_t(static_cast<unsigned __int128>(a) * b >> 64);
}

float readLogit(float logit) {
  return std::isnan(logit) ? -INFINITY : std::min(logit, FLT_MAX) + 0.0f;
}

//===----------------------------------------------------------------------===//
// Edits
//===----------------------------------------------------------------------===//

namespace {

/// A slot's lists.
class State {
public:
  explicit State(const std::byte *state) : state_(state) {}

  int32_t biases() const { return ints(layout::kHeader)[0]; }
  int32_t stops() const { return ints(layout::kHeader)[1]; }
  int32_t words() const { return ints(layout::kHeader)[2]; }
  int32_t stop(int32_t i) const { return ints(layout::kStopsAt)[i]; }
  int32_t biasToken(int32_t i) const { return ints(layout::kBiasTokensAt)[i]; }
  float bias(int32_t i) const {
    return reinterpret_cast<const float *>(state_ + layout::kBiasValuesAt)[i];
  }
  uint16_t count(int64_t token) const {
    return reinterpret_cast<const uint16_t *>(state_ +
                                              layout::kCountsAt)[token];
  }

  /// Tokens of bad word `word`, the last being the one that is banned.
  std::span<const int32_t> word(int32_t word) const {
    const int32_t *ends = ints(layout::kWordEndsAt);
    int32_t begin = word ? ends[word - 1] : 0;
    return {ints(layout::kWordTokensAt) + begin, size_t(ends[word] - begin)};
  }
  /// Whether the tokens before `position` are all of `word` but its last.
  bool precedes(std::span<const int32_t> word, int64_t position) const {
    int64_t prefix = int64_t(word.size()) - 1;
    if (prefix > position)
      return false;
    for (int64_t i = 0; i < prefix; ++i)
      if (ints(layout::kTailAt)[(position - prefix + i) % layout::kTail] !=
          word[size_t(i)])
        return false;
    return true;
  }

private:
  const int32_t *ints(int64_t offset) const {
    return reinterpret_cast<const int32_t *>(state_ + offset);
  }
  const std::byte *state_;
};

} // namespace

static void applyLists(const Row &row, std::vector<float> &values) {
  State state(row.state);
  for (int32_t i = 0; i < state.biases(); ++i) {
    float &value = values[size_t(state.biasToken(i))];
    value = std::min(value + state.bias(i), FLT_MAX);
  }
  if (row.position < row.record->minLength)
    for (int32_t i = 0; i < state.stops(); ++i)
      values[size_t(state.stop(i))] = -INFINITY;
  for (int32_t i = 0; i < state.words(); ++i) {
    std::span<const int32_t> word = state.word(i);
    if (state.precedes(word, row.position))
      values[size_t(word.back())] = -INFINITY;
  }
}

static void applyPenalties(const Row &row, std::vector<float> &values) {
  State state(row.state);
  const SamplingRecord &record = *row.record;
  for (size_t token = 0; token < values.size(); ++token) {
    uint16_t count = state.count(int64_t(token));
    if (!count)
      continue;
    float &value = values[token];
    value = value > 0 ? value / record.repetition : value * record.repetition;
    if (int times = count & layout::kMostCounted) {
      value -= record.frequency * float(times);
      value -= record.presence;
    }
    value = std::min(value, FLT_MAX);
  }
}

std::vector<float> editedLogits(const Row &row) {
  std::vector<float> values(row.logits.size());
  std::transform(row.logits.begin(), row.logits.end(), values.begin(),
                 readLogit);
  if (row.record->flags & SamplingRecord::kEdits)
    applyLists(row, values);
  if (row.record->flags & SamplingRecord::kPenalties)
    applyPenalties(row, values);
  if (row.record->temperature > 0)
    for (float &value : values)
      value = std::min(value / row.record->temperature, FLT_MAX);
  return values;
}

//===----------------------------------------------------------------------===//
// Truncation and drawing
//===----------------------------------------------------------------------===//

/// The smallest key up to which `amount` sums to at least `wanted`, over
/// `keys` (ascending); the largest where all together do not.
template <typename Amount>
static uint32_t reach(std::span<const uint32_t> keys, uint64_t wanted,
                      Amount amount) {
  uint64_t sum = 0;
  for (uint32_t key : keys)
    if ((sum += amount(key)) >= wanted)
      return key;
  return keys.back();
}

/// The largest key that top-k, top-p and min-p leave, in this order.
static uint32_t cutOf(std::span<const uint32_t> all,
                      const SamplingRecord &record) {
  std::vector<uint32_t> keys;
  std::copy_if(all.begin(), all.end(), std::back_inserter(keys),
               [](uint32_t key) { return key != kFar; });
  std::sort(keys.begin(), keys.end());
  uint32_t cut = keys.back();
  if (record.topK > 0)
    cut = reach(keys, uint64_t(record.topK),
                [](uint32_t) { return uint64_t(1); });
  if (record.topP) {
    keys.erase(std::upper_bound(keys.begin(), keys.end(), cut), keys.end());
    uint64_t sum = 0;
    for (uint32_t key : keys)
      sum += weightOf(key);
    uint64_t wanted = multiplyHigh(sum, uint64_t(record.topP) << 32);
    cut = reach(keys, wanted, weightOf);
  }
  return record.minP ? std::min(cut, record.minP - 1) : cut;
}

Distribution::Distribution(std::span<const float> values,
                           const SamplingRecord &record) {
  float max = values[size_t(largest(values))];
  if (max == -INFINITY)
    return;
  std::vector<uint32_t> keys(values.size());
  std::transform(values.begin(), values.end(), keys.begin(),
                 [max](float value) { return keyOf(max, value); });
  bool truncates = record.topK > 0 || record.topP || record.minP;
  uint32_t cut = truncates ? cutOf(keys, record) : kFar;
  uint64_t sum = 0;
  for (uint32_t key : keys)
    upTo_.push_back(sum += key <= cut ? weightOf(key) : 0);
}

int32_t Distribution::draw(uint64_t bits) const {
  if (upTo_.empty())
    return 0;
  uint64_t target = multiplyHigh(bits, upTo_.back());
  return int32_t(std::upper_bound(upTo_.begin(), upTo_.end(), target) -
                 upTo_.begin());
}

double Distribution::probability(int32_t token) const {
  if (upTo_.empty())
    return token == 0;
  uint64_t before = token ? upTo_[size_t(token) - 1] : 0;
  return double(upTo_[size_t(token)] - before) / double(upTo_.back());
}

int32_t largest(std::span<const float> values) {
  return int32_t(std::max_element(values.begin(), values.end()) -
                 values.begin());
}

int32_t chooseToken(const Row &row) {
  std::vector<float> values = editedLogits(row);
  if (!(row.record->temperature > 0))
    return largest(values);
  return Distribution(values, *row.record)
      .draw(randomBits(row.record->seed, row.position));
}

//===----------------------------------------------------------------------===//
// Afterwards
//===----------------------------------------------------------------------===//

plan::SamplingResult describeToken(const Row &row, int32_t token) {
  std::vector<float> values(row.logits.size());
  std::transform(row.logits.begin(), row.logits.end(), values.begin(),
                 readLogit);
  plan::SamplingResult result;
  result.largest = values[size_t(largest(values))];
  result.logit = values[size_t(token)];
  if (result.largest > -INFINITY)
    for (float value : values)
      result.sum += weightOf(keyOf(result.largest, value));
  std::vector<int32_t> order(values.size());
  std::iota(order.begin(), order.end(), 0);
  size_t top = std::min(order.size(), size_t(row.record->logprobs - 1));
  std::partial_sort(order.begin(), order.begin() + top, order.end(),
                    [&](int32_t a, int32_t b) {
                      return values[size_t(a)] > values[size_t(b)] ||
                             (values[size_t(a)] == values[size_t(b)] && a < b);
                    });
  for (size_t i = 0; i < top; ++i) {
    result.topTokens[i] = order[i];
    result.topLogits[i] = values[size_t(order[i])];
  }
  return result;
}

void appendToken(std::byte *state, const SamplingRecord &record,
                 int64_t position, int32_t token) {
  reinterpret_cast<int32_t *>(
      state + layout::kTailAt)[position % layout::kTail] = token;
  if (!(record.flags & SamplingRecord::kPenalties))
    return;
  uint16_t &count =
      reinterpret_cast<uint16_t *>(state + layout::kCountsAt)[token];
  if ((count & layout::kMostCounted) < layout::kMostCounted)
    ++count;
}

} // namespace ft::sampling
