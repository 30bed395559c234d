//===- SamplingParams.h - what a request asks of sampling -------*- C++ -*-===//
#ifndef FT_RUNTIME_SAMPLING_SAMPLINGPARAMS_H
#define FT_RUNTIME_SAMPLING_SAMPLINGPARAMS_H

#include "runtime/base/Status.h"
#include "runtime/plan/Sampling.h"

#include <cstdint>
#include <optional>
#include <span>
#include <utility>
#include <vector>

namespace ft {

/// How tokens of one request are chosen (docs/sampling.md). The defaults take
/// the largest logit.
struct SamplingParams {
  double temperature = 0; // 0 = the largest logit
  int64_t topK = 0;       // 0 = all
  double topP = 1;        // 1 = all
  double minP = 0;        // 0 = all
  double repetitionPenalty = 1;
  double presencePenalty = 0;
  double frequencyPenalty = 0;
  /// Without one, a request's number in its engine is its seed.
  std::optional<uint64_t> seed;
  std::vector<std::pair<int32_t, double>> logitBias; // -infinity bans
  std::vector<std::vector<int32_t>> badWords;        // never generated
  int64_t minNewTokens = 0;        // no stop token before so many
  std::vector<int32_t> stopTokens; // beside the plan's end tokens
  int64_t logprobs = -1; // of the chosen token and so many others; -1 = none

  bool usesEdits() const;
  bool usesPenalties() const;
  /// Whether a sequence needs a state slot on the device.
  bool usesState() const {
    return usesEdits() || usesPenalties() || logprobs >= 0;
  }
  /// Whether all is as if no parameter had been given.
  bool isGreedy() const { return temperature == 0 && !usesState(); }
};

/// OutOfRange or InvalidArgument with the parameter, what is allowed and what
/// was found. Tokens must be below `vocabulary`.
Status checkSampling(const SamplingParams &params, int64_t vocabulary);

/// REQUIRES: checkSampling succeeded. `slot` only matters with usesState().
plan::SamplingRecord makeSamplingRecord(const SamplingParams &params,
                                        uint64_t seed, int64_t promptTokens,
                                        int32_t slot);

/// The first bytes of a fresh slot, as many as the parameters use: lists, the
/// prompt's tail and, with penalties, counts of `columns` tokens. `stops` are
/// all tokens that end the sequence.
std::vector<std::byte> makeSamplingState(const SamplingParams &params,
                                         std::span<const int32_t> stops,
                                         std::span<const int32_t> prompt,
                                         int64_t columns);

/// A token with its natural log-probability under the model, before any edit.
struct TokenLogprob {
  int32_t token = 0;
  double logprob = 0;
};

/// The chosen token first, then the `top` most likely, the likeliest first.
std::vector<TokenLogprob> readLogprobs(const plan::SamplingResult &result,
                                       int32_t token, int64_t top);

} // namespace ft

#endif // FT_RUNTIME_SAMPLING_SAMPLINGPARAMS_H
