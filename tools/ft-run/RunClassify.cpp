//===- RunClassify.cpp - what a model with a head says of a text ----------===//
#include "runtime/device/Addressing.h"
#include "runtime/engine/Evaluate.h"
#include "tools/ft-run/Labels.h"
#include "tools/ft-run/Prompts.h"
#include "tools/ft-run/RunOptions.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

namespace ft::run {

namespace {

using Json = nlohmann::ordered_json;

/// Prints what is said of each text, by the entry's outputs.
class Answers {
public:
  Answers(const RunOptions &options, const plan::Plan &plan,
          const plan::Entry &entry, const text::Tokenizer *tokenizer,
          const NamedArrays &outputs)
      : options_(options), plan_(plan), entry_(entry), tokenizer_(tokenizer),
        outputs_(outputs) {}

  /// An error where the outputs are of no known head.
  Status prepare();
  /// Of text `row`, whose tokens are `text`.
  void print(size_t row, const text::TokenPair &text);

private:
  enum class Kind { Sequence, Tokens, Words, Span };
  const float *row(const Array &array, size_t row) const {
    return reinterpret_cast<const float *>(array.bytes.data()) +
           elementCount(array.shape) / array.shape[0] * int64_t(row);
  }
  std::string tokenText(int32_t id) const {
    if (!tokenizer_)
      return std::to_string(id);
    return tokenizer_->tokenOf(id).value_or(std::to_string(id));
  }
  bool isSpecial(int32_t id) const {
    return tokenizer_ && tokenizer_->isSpecial(id);
  }
  void say(const std::string &lines, const Json &json) const {
    if (options_.json)
      std::printf(
          "%s\n",
          json.dump(-1, ' ', false, Json::error_handler_t::replace).c_str());
    else
      std::printf("%s", lines.c_str());
  }
  void printTokens(const float *logits, const text::TokenPair &text) const;
  void printWords(const float *logits, const text::TokenPair &text) const;
  void printSpan(size_t row, const text::TokenPair &text) const;

  const RunOptions &options_;
  const plan::Plan &plan_;
  const plan::Entry &entry_;
  const text::Tokenizer *tokenizer_; // may be null
  const NamedArrays &outputs_;
  Kind kind_ = Kind::Sequence;
  int64_t width_ = 1; // logits of a row
};

Status Answers::prepare() {
  if (outputs_.count("start_logits") && outputs_.count("end_logits")) {
    kind_ = Kind::Span;
    return Status::success();
  }
  std::string names;
  for (const plan::Output &output : entry_.outputs) {
    names += (names.empty() ? "" : ", ") + output.name;
    if (output.name != "logits")
      continue;
    width_ = elementCount(output.shape);
    bool perSequence = output.axis == entry_.sequences[0].sequencesAxis;
    if (perSequence || !plan_.labels.names.empty()) {
      kind_ = perSequence ? Kind::Sequence : Kind::Tokens;
      return Status::success();
    }
    if (width_ != plan_.vocabulary)
      break;
    kind_ = Kind::Words;
    if (tokenizer_ && tokenizer_->maskToken())
      return Status::success();
    return unsupported("the plan's tokenizer_config.json names no mask_token, "
                       "so there is no word to guess; --output logits=@FILE "
                       "with --input writes all logits");
  }
  return unsupported(
      "the entry '" + entry_.name + "' has the outputs " + names +
      ", and none of them says something of a text: --input NAME=@FILE.npy "
      "with --output NAME=@FILE.npy writes them, --embed prints sentence "
      "embeddings");
}

void Answers::print(size_t index, const text::TokenPair &text) {
  if (kind_ == Kind::Span)
    return printSpan(index, text);
  const float *logits = row(outputs_.at("logits"), index);
  if (kind_ == Kind::Tokens)
    return printTokens(logits, text);
  if (kind_ == Kind::Words)
    return printWords(logits, text);
  std::vector<Choice> best =
      topLabels(plan_.labels, std::span(logits, size_t(width_)), options_.top);
  say(labelsText(best), {{"labels", labelsJson(best)}});
}

/// The best label of each token that stands for text.
void Answers::printTokens(const float *logits,
                          const text::TokenPair &text) const {
  std::string lines;
  Json list = Json::array();
  for (size_t i = 0; i < text.ids.size(); ++i) {
    if (isSpecial(text.ids[i]))
      continue;
    std::span<const float> row(logits + int64_t(i) * width_, size_t(width_));
    Choice best = topLabels(plan_.labels, row, 1)[0];
    std::string token = tokenText(text.ids[i]);
    char score[32];
    std::snprintf(score, sizeof(score), "%8.4f  ", best.score);
    lines += score + best.label + "  " + token + "\n";
    list.push_back({{"token", token},
                    {"place", i},
                    {"label", best.label},
                    {"index", best.index},
                    {"score", best.score}});
  }
  say(lines, {{"tokens", list}});
}

/// The likeliest words for each mask.
void Answers::printWords(const float *logits,
                         const text::TokenPair &text) const {
  std::string lines;
  Json list = Json::array();
  for (size_t i = 0; i < text.ids.size(); ++i) {
    if (text.ids[i] != *tokenizer_->maskToken())
      continue;
    std::span<const float> row(logits + int64_t(i) * width_, size_t(width_));
    std::vector<Choice> best = topLabels(plan_.labels, row, options_.top);
    for (Choice &choice : best)
      choice.label = tokenText(int32_t(choice.index));
    lines += labelsText(best);
    list.push_back({{"place", i}, {"words", labelsJson(best)}});
  }
  say(lines, {{"masks", list}});
}

/// The likeliest span: of the second text, where there are two.
void Answers::printSpan(size_t index, const text::TokenPair &text) const {
  const float *start = row(outputs_.at("start_logits"), index);
  const float *end = row(outputs_.at("end_logits"), index);
  size_t from = text.secondBegin, to = text.secondEnd;
  if (from == to)
    to = text.ids.size();
  size_t first = from, last = from, best = from;
  auto value = [&](size_t a, size_t b) { return double(start[a]) + end[b]; };
  double starts = 0, ends = 0; // of the softmax over [from, to)
  for (size_t i = from; i < to; ++i) {
    best = start[i] > start[best] ? i : best;
    if (value(best, i) > value(first, last)) {
      first = best;
      last = i;
    }
  }
  for (size_t i = from; i < to; ++i) {
    starts += std::exp(double(start[i]) - start[first]);
    ends += std::exp(double(end[i]) - end[last]);
  }
  std::string answer;
  if (tokenizer_)
    answer = tokenizer_->decode(
        std::span(text.ids).subspan(first, last - first + 1));
  double score = 1 / (starts * ends);
  std::string places = std::to_string(first) + "-" + std::to_string(last);
  char number[32];
  std::snprintf(number, sizeof(number), "%8.4f  ", score);
  say(number + (answer.empty() ? places : answer) + "\n",
      {{"answer", answer}, {"start", first}, {"end", last}, {"score", score}});
}

} // namespace

/// The entry that is asked for, else the first that is not for embeddings.
static StatusOr<int> chooseEntry(const plan::Plan &plan,
                                 const RunOptions &options) {
  for (size_t i = 0; i < plan.entries.size(); ++i) {
    const std::string &name = plan.entries[i].name;
    if (options.entry.empty() ? name != "embed" : name == options.entry)
      return int(i);
  }
  return notFound(options.entry.empty()
                      ? "the plan has only an entry for sentence embeddings; "
                        "use --embed"
                      : "no entry '" + options.entry + "' in the plan");
}

StatusOr<int> runClassify(RunOptions &options,
                          std::unique_ptr<plan::PlanFile> file) {
  const plan::Plan &plan = file->plan();
  FT_ASSIGN_OR_RETURN(int entry, chooseEntry(plan, options));
  FT_RETURN_IF_ERROR(expectTokenIds(plan.entries[size_t(entry)]));
  std::optional<text::Tokenizer> tokenizer;
  bool text = options.hasTexts();
  if (text || plan.text.tokenizer >= 0) {
    FT_ASSIGN_OR_RETURN(tokenizer, planTokenizer(*file));
  }
  FT_ASSIGN_OR_RETURN(auto texts, readTexts(options, tokenizer));
  FT_ASSIGN_OR_RETURN(NamedArrays inputs,
                      padTexts(plan.entries[size_t(entry)], texts));
  FT_ASSIGN_OR_RETURN(PaddedBatch padded,
                      readPadding(plan.entries[size_t(entry)], inputs));
  fitOptions(plan, padded, options.model);
  FT_ASSIGN_OR_RETURN(auto model, openModel(options, std::move(file)));
  FT_ASSIGN_OR_RETURN(NamedArrays outputs, evaluate(*model, entry, inputs));
  FT_RETURN_IF_ERROR(writeOutputs(options, outputs));
  Answers answers(options, model->plan(), model->entry(entry),
                  tokenizer ? &*tokenizer : nullptr, outputs);
  FT_RETURN_IF_ERROR(answers.prepare());
  for (size_t i = 0; i < texts.size(); ++i)
    answers.print(i, texts[i]);
  return 0;
}

} // namespace ft::run
