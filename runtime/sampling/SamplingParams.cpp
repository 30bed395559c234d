//===- SamplingParams.cpp - what a request asks of sampling ---------------===//
#include "runtime/sampling/SamplingParams.h"

#include <algorithm>
#include <cfloat>
#include <cmath>
#include <cstring>
#include <set>
#include <string>

namespace ft {

using plan::SamplingRecord;
namespace layout = plan::sampling;

bool SamplingParams::usesEdits() const {
  return !logitBias.empty() || !badWords.empty() || minNewTokens > 0;
}

bool SamplingParams::usesPenalties() const {
  return repetitionPenalty != 1 || presencePenalty != 0 ||
         frequencyPenalty != 0;
}

//===----------------------------------------------------------------------===//
// Checks
//===----------------------------------------------------------------------===//

static std::string show(double value) {
  char text[32];
  std::snprintf(text, sizeof(text), "%g", value);
  return text;
}

static Status checkNumber(const char *name, double value, double low,
                          double high) {
  // Written so that NaN fails.
  if (value >= low && value <= high)
    return Status::success();
  return outOfRange(std::string(name) + " is " + show(value) + ", expected " +
                    show(low) + " to " + show(high));
}

static Status checkToken(const char *name, int64_t token, int64_t vocabulary) {
  if (token >= 0 && token < vocabulary)
    return Status::success();
  return outOfRange(std::string(name) + ": token " + std::to_string(token) +
                    " is outside the vocabulary of " +
                    std::to_string(vocabulary));
}

static Status checkSize(const char *what, size_t found, int64_t most) {
  if (found <= size_t(most))
    return Status::success();
  return outOfRange(std::to_string(found) + " " + what +
                    " are given, at most " + std::to_string(most) +
                    " are possible");
}

static Status checkBias(const SamplingParams &params, int64_t vocabulary) {
  FT_RETURN_IF_ERROR(
      checkSize("biased tokens", params.logitBias.size(), layout::kMaxBiases));
  std::set<int32_t> seen;
  for (auto [token, bias] : params.logitBias) {
    FT_RETURN_IF_ERROR(checkToken("logit_bias", token, vocabulary));
    if (!seen.insert(token).second)
      return invalidArgument("logit_bias: token " + std::to_string(token) +
                             " is given twice");
    if (bias != -INFINITY)
      FT_RETURN_IF_ERROR(checkNumber("logit_bias", bias, -1e30, 1e30));
  }
  return Status::success();
}

static Status checkWords(const SamplingParams &params, int64_t vocabulary) {
  FT_RETURN_IF_ERROR(
      checkSize("bad words", params.badWords.size(), layout::kMaxWords));
  size_t tokens = 0;
  for (const std::vector<int32_t> &word : params.badWords) {
    if (word.empty())
      return invalidArgument("bad_words: a word has no tokens");
    FT_RETURN_IF_ERROR(
        checkSize("tokens of a bad word", word.size(), layout::kTail));
    for (int32_t token : word)
      FT_RETURN_IF_ERROR(checkToken("bad_words", token, vocabulary));
    tokens += word.size();
  }
  return checkSize("tokens of bad words", tokens, layout::kMaxWordTokens);
}

Status checkSampling(const SamplingParams &params, int64_t vocabulary) {
  // A smaller temperature could overflow what it divides; it is greedy anyway.
  if (params.temperature != 0)
    FT_RETURN_IF_ERROR(
        checkNumber("temperature", params.temperature, 1e-4, 1e4));
  FT_RETURN_IF_ERROR(checkNumber("top_k", double(params.topK), 0, INT32_MAX));
  FT_RETURN_IF_ERROR(checkNumber("top_p", params.topP, 1e-6, 1));
  FT_RETURN_IF_ERROR(checkNumber("min_p", params.minP, 0, 1));
  FT_RETURN_IF_ERROR(
      checkNumber("repetition_penalty", params.repetitionPenalty, 1e-2, 1e2));
  FT_RETURN_IF_ERROR(
      checkNumber("presence_penalty", params.presencePenalty, -1e3, 1e3));
  FT_RETURN_IF_ERROR(
      checkNumber("frequency_penalty", params.frequencyPenalty, -1e3, 1e3));
  FT_RETURN_IF_ERROR(
      checkNumber("min_new_tokens", double(params.minNewTokens), 0, INT32_MAX));
  FT_RETURN_IF_ERROR(
      checkNumber("logprobs", double(params.logprobs), -1, layout::kMaxTop));
  FT_RETURN_IF_ERROR(checkSize("stop tokens", params.stopTokens.size(),
                               layout::kMaxStops / 2));
  for (int32_t token : params.stopTokens)
    FT_RETURN_IF_ERROR(checkToken("stop_tokens", token, vocabulary));
  FT_RETURN_IF_ERROR(checkBias(params, vocabulary));
  return checkWords(params, vocabulary);
}

//===----------------------------------------------------------------------===//
// As the device reads it
//===----------------------------------------------------------------------===//

SamplingRecord makeSamplingRecord(const SamplingParams &params, uint64_t seed,
                                  int64_t promptTokens, int32_t slot) {
  SamplingRecord record;
  record.temperature = float(params.temperature);
  if (params.temperature > 0) {
    record.seed = seed;
    record.topK = int32_t(params.topK);
    if (params.topP < 1)
      record.topP = uint32_t(std::min(params.topP * 0x1p32, 0x1p32 - 1));
    if (params.minP > 0)
      record.minP =
          1 + uint32_t(std::min(-std::log(params.minP), 31.0) * 0x1p27);
  }
  if (!params.usesState())
    return record;
  record.flags = SamplingRecord::kState;
  record.slot = slot;
  record.logprobs = int32_t(params.logprobs + 1);
  if (params.usesEdits())
    record.flags |= SamplingRecord::kEdits;
  if (params.usesPenalties()) {
    record.flags |= SamplingRecord::kPenalties;
    record.repetition = float(params.repetitionPenalty);
    record.presence = float(params.presencePenalty);
    record.frequency = float(params.frequencyPenalty);
  }
  record.minLength =
      int32_t(std::min<int64_t>(promptTokens + params.minNewTokens, INT32_MAX));
  return record;
}

namespace {
/// Fills the parts of a slot.
class StateWriter {
public:
  explicit StateWriter(int64_t bytes) : bytes_(size_t(bytes)) {}

  template <typename T> void put(int64_t offset, int64_t index, T value) {
    std::memcpy(bytes_.data() + offset + index * int64_t(sizeof(T)), &value,
                sizeof(T));
  }
  std::vector<std::byte> take() { return std::move(bytes_); }

  void bias(const SamplingParams &params) {
    auto sorted = params.logitBias;
    std::sort(sorted.begin(), sorted.end());
    put(layout::kHeader, 0, int32_t(sorted.size()));
    for (size_t i = 0; i < sorted.size(); ++i) {
      put(layout::kBiasTokensAt, int64_t(i), sorted[i].first);
      put(layout::kBiasValuesAt, int64_t(i), float(sorted[i].second));
    }
  }
  void words(const SamplingParams &params) {
    put(layout::kHeader, 2, int32_t(params.badWords.size()));
    int32_t end = 0;
    for (size_t i = 0; i < params.badWords.size(); ++i) {
      for (int32_t token : params.badWords[i])
        put(layout::kWordTokensAt, end++, token);
      put(layout::kWordEndsAt, int64_t(i), end);
    }
  }
  void tail(std::span<const int32_t> prompt) {
    int64_t size = int64_t(prompt.size());
    for (int64_t i = std::max<int64_t>(0, size - layout::kTail); i < size; ++i)
      put(layout::kTailAt, i % layout::kTail, prompt[size_t(i)]);
  }

private:
  std::vector<std::byte> bytes_;
};
} // namespace

std::vector<std::byte> makeSamplingState(const SamplingParams &params,
                                         std::span<const int32_t> stops,
                                         std::span<const int32_t> prompt,
                                         int64_t columns) {
  int64_t bytes = params.usesPenalties() ? layout::stateBytes(columns)
                  : params.usesEdits()   ? layout::kCountsAt
                                         : layout::kStopsAt;
  StateWriter writer(bytes);
  writer.tail(prompt);
  if (params.usesEdits()) {
    writer.bias(params);
    writer.words(params);
    size_t count = std::min(stops.size(), size_t(layout::kMaxStops));
    writer.put(layout::kHeader, 1, int32_t(count));
    for (size_t i = 0; i < count; ++i)
      writer.put(layout::kStopsAt, int64_t(i), stops[i]);
  }
  if (params.usesPenalties())
    for (int32_t token : prompt)
      if (token < columns)
        writer.put(layout::kCountsAt, token, layout::kInPrompt);
  return writer.take();
}

std::vector<TokenLogprob> readLogprobs(const plan::SamplingResult &result,
                                       int32_t token, int64_t top) {
  double normalizer = std::log(double(result.sum)) - 40 * std::log(2.0);
  auto of = [&](int32_t id, float logit) {
    return TokenLogprob{id,
                        double(logit) - double(result.largest) - normalizer};
  };
  std::vector<TokenLogprob> list = {of(token, result.logit)};
  for (int64_t i = 0; i < top; ++i)
    list.push_back(of(result.topTokens[i], result.topLogits[i]));
  return list;
}

} // namespace ft
