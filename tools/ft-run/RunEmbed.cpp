//===- RunEmbed.cpp - --embed: sentence embeddings ------------------------===//
#include "runtime/engine/Evaluate.h"
#include "tools/ft-run/Prompts.h"
#include "tools/ft-run/RunOptions.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <chrono>
#include <cstdio>

namespace ft::run {

static void printEmbeddings(const RunOptions &options, const Array &array) {
  const auto *values = reinterpret_cast<const float *>(array.bytes.data());
  int64_t width = array.shape[1];
  for (int64_t row = 0; row < array.shape[0]; ++row) {
    std::vector<float> one(values + row * width, values + (row + 1) * width);
    if (options.json) {
      nlohmann::ordered_json line = {{"embedding", one}};
      std::printf("%s\n", line.dump().c_str());
      continue;
    }
    for (size_t i = 0; i < one.size(); ++i)
      std::printf("%s%.8g", i ? " " : "", one[i]);
    std::printf("\n");
  }
}

namespace {

using Clock = std::chrono::steady_clock;

double secondsSince(Clock::time_point begin) {
  return std::chrono::duration<double>(Clock::now() - begin).count();
}

/// What --embed --bench took: medians of the rounds.
struct EmbedTimes {
  size_t texts = 0, tokens = 0;
  double tokenize = 0, encode = 0; // seconds for all texts
};

double median(std::vector<double> values) {
  std::nth_element(values.begin(), values.begin() + values.size() / 2,
                   values.end());
  return values[values.size() / 2];
}

int findEmbed(const plan::Plan &plan) {
  for (size_t i = 0; i < plan.entries.size(); ++i)
    if (plan.entries[i].name == "embed")
      return int(i);
  return -1;
}

using Texts = std::vector<text::TokenPair>;

/// Texts of like lengths together, the longest first, --batch at once.
std::vector<Texts> makeBatches(Texts texts, int64_t size) {
  std::stable_sort(texts.begin(), texts.end(), [](auto &a, auto &b) {
    return a.ids.size() > b.ids.size();
  });
  std::vector<Texts> batches;
  for (size_t i = 0; i < texts.size(); ++i) {
    if (i % size_t(size) == 0)
      batches.emplace_back();
    batches.back().push_back(std::move(texts[i]));
  }
  return batches;
}

/// A round that is not counted, then --repeat that are: each tokenizes all
/// texts and embeds them.
StatusOr<EmbedTimes>
timeEmbeddings(Model &model, int entry, const RunOptions &options,
               const std::optional<text::Tokenizer> &tokenizer) {
  EmbedTimes times;
  std::vector<double> tokenizing, encoding;
  for (int64_t round = 0; round <= options.repeat; ++round) {
    auto begin = Clock::now();
    FT_ASSIGN_OR_RETURN(Texts texts, readTexts(options, tokenizer));
    double tokenized = secondsSince(begin);
    times.texts = texts.size();
    times.tokens = 0;
    for (const text::TokenPair &text : texts)
      times.tokens += text.ids.size();
    begin = Clock::now();
    for (const Texts &batch : makeBatches(std::move(texts), options.batch)) {
      FT_ASSIGN_OR_RETURN(NamedArrays inputs,
                          padTexts(model.entry(entry), batch));
      FT_RETURN_IF_ERROR(evaluate(model, entry, inputs).status());
    }
    if (round == 0)
      continue;
    tokenizing.push_back(tokenized);
    encoding.push_back(secondsSince(begin));
  }
  times.tokenize = median(tokenizing);
  times.encode = median(encoding);
  return times;
}

void printTimes(const RunOptions &options, Model &model,
                const EmbedTimes &times) {
  double rate = double(times.texts) / (times.tokenize + times.encode);
  if (!options.json) {
    std::printf("%s on %s: %zu sentences of %.1f tokens, %lld at once: %.0f a "
                "second; tokenized in %.2f ms, embedded in %.2f ms\n",
                model.plan().name.c_str(), model.device().describe().c_str(),
                times.texts, double(times.tokens) / double(times.texts),
                static_cast<long long>(options.batch), rate,
                1e3 * times.tokenize, 1e3 * times.encode);
    return;
  }
  nlohmann::ordered_json line = {
      {"model", model.plan().name},     {"device", model.device().describe()},
      {"batch", options.batch},         {"sentences", times.texts},
      {"tokens", times.tokens},         {"tokenize_ms", 1e3 * times.tokenize},
      {"embed_ms", 1e3 * times.encode}, {"sentences_per_second", rate}};
  std::printf("%s\n", line.dump().c_str());
}

} // namespace

StatusOr<int> runEmbed(RunOptions &options) {
  FT_ASSIGN_OR_RETURN(auto file, plan::PlanFile::open(options.plan));
  const plan::Plan &plan = file->plan();
  int entry = findEmbed(plan);
  if (entry < 0)
    return unsupported("the plan '" + plan.name +
                       "' has no entry 'embed': sentence embeddings need a "
                       "model whose directory says how its tokens are pooled "
                       "(modules.json)");
  FT_ASSIGN_OR_RETURN(std::optional<text::Tokenizer> tokenizer,
                      planTokenizer(*file));
  FT_ASSIGN_OR_RETURN(Texts texts, readTexts(options, tokenizer));
  if (texts.empty())
    return invalidArgument("--embed needs at least one --prompt");
  if (options.bench) // bounds for the longest texts, which are the first
    texts = makeBatches(std::move(texts), options.batch).front();
  FT_ASSIGN_OR_RETURN(NamedArrays inputs,
                      padTexts(plan.entries[size_t(entry)], texts));
  FT_ASSIGN_OR_RETURN(PaddedBatch padded,
                      readPadding(plan.entries[size_t(entry)], inputs));
  fitOptions(plan, padded, options.model);
  FT_ASSIGN_OR_RETURN(auto model, openModel(options, std::move(file)));
  if (options.bench) {
    FT_ASSIGN_OR_RETURN(EmbedTimes times,
                        timeEmbeddings(*model, entry, options, tokenizer));
    printTimes(options, *model, times);
    return 0;
  }
  FT_ASSIGN_OR_RETURN(NamedArrays outputs, evaluate(*model, entry, inputs));
  auto found = outputs.find("sentence_embedding");
  if (found == outputs.end())
    return unsupported("the entry 'embed' has no output 'sentence_embedding'");
  FT_RETURN_IF_ERROR(writeOutputs(options, outputs));
  printEmbeddings(options, found->second);
  return 0;
}

} // namespace ft::run
