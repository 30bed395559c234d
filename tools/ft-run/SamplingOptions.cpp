//===- SamplingOptions.cpp - how ft-run chooses tokens --------------------===//
#include "tools/ft-run/SamplingOptions.h"

#include "tools/ft-run/Prompts.h"

#include <cstdlib>

namespace ft::run {

static void addPenalties(CLI::App &app, RunOptions &o) {
  SamplingParams &s = o.sampling;
  app.add_option("--repetition-penalty", s.repetitionPenalty,
                 "Divides positive and multiplies negative logits of tokens "
                 "of the prompt and the answer")
      ->capture_default_str();
  app.add_option("--presence-penalty", s.presencePenalty,
                 "Subtracted from logits of tokens of the answer")
      ->capture_default_str();
  app.add_option("--frequency-penalty", s.frequencyPenalty,
                 "Subtracted for each occurrence in the answer")
      ->capture_default_str();
  app.add_option("--logit-bias", o.logitBias,
                 "TOKEN:BIAS added to a logit, -inf to ban it; repeatable")
      ->allow_extra_args(false);
  app.add_option("--bad-words", o.badWords,
                 "Token ids that must not follow each other, 1,2,3; "
                 "repeatable")
      ->allow_extra_args(false);
}

void addSamplingOptions(CLI::App &app, RunOptions &o) {
  SamplingParams &s = o.sampling;
  app.add_option("--temperature", s.temperature,
                 "Divides the logits; 0 takes the likeliest token")
      ->capture_default_str();
  app.add_option("--top-k", s.topK, "Draw from the K likeliest; 0 = all")
      ->capture_default_str();
  app.add_option("--top-p", s.topP,
                 "Draw from the fewest likeliest whose share reaches P")
      ->capture_default_str();
  app.add_option("--min-p", s.minP,
                 "Draw from those at least P times as likely as the likeliest")
      ->capture_default_str();
  app.add_option_function<uint64_t>(
      "--seed", [&o](uint64_t seed) { o.sampling.seed = seed; },
      "Of the first prompt; the next ones have the next numbers (default: 1)");
  addPenalties(app, o);
  app.add_option("--min-new-tokens", s.minNewTokens,
                 "No end before so many new tokens")
      ->capture_default_str();
  app.add_option("--stop-tokens", o.stopTokens,
                 "Token ids that end an answer beside the model's, 1,2,3");
  app.add_option("--logprobs", s.logprobs,
                 "With --json: log-probabilities of each new token and the N "
                 "likeliest");
}

static StatusOr<std::pair<int32_t, double>> parseBias(const std::string &text) {
  size_t colon = text.find(':');
  char *end = nullptr;
  double bias = colon == std::string::npos
                    ? 0
                    : std::strtod(text.c_str() + colon + 1, &end);
  if (!end || *end || end == text.c_str() + colon + 1)
    return invalidArgument("--logit-bias: expected TOKEN:BIAS, found '" + text +
                           "'");
  FT_ASSIGN_OR_RETURN(std::vector<int32_t> token,
                      parseTokens(text.substr(0, colon), "--logit-bias"));
  if (token.size() != 1)
    return invalidArgument("--logit-bias: expected one token before the ':', "
                           "found '" +
                           text + "'");
  return std::make_pair(token[0], bias);
}

Status applySampling(RunOptions &options) {
  SamplingParams &sampling = options.sampling;
  for (const std::string &text : options.logitBias) {
    FT_ASSIGN_OR_RETURN(auto bias, parseBias(text));
    sampling.logitBias.push_back(bias);
  }
  for (const std::string &text : options.badWords) {
    FT_ASSIGN_OR_RETURN(std::vector<int32_t> word,
                        parseTokens(text, "--bad-words"));
    sampling.badWords.push_back(std::move(word));
  }
  if (!options.stopTokens.empty()) {
    FT_ASSIGN_OR_RETURN(sampling.stopTokens,
                        parseTokens(options.stopTokens, "--stop-tokens"));
  }
  if (sampling.logprobs >= 0 && !options.json)
    return invalidArgument("--logprobs: add --json, which is where "
                           "log-probabilities are printed");
  return Status::success();
}

} // namespace ft::run
