//===- RunGenerate.cpp - --prompt, --tokens, --tokenize -------------------===//
#include "runtime/engine/Engine.h"
#include "tools/ft-run/Prompts.h"
#include "tools/ft-run/RunOptions.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <csignal>
#include <cstdio>

namespace ft::run {

namespace {

volatile std::sig_atomic_t interrupted = 0;

/// One prompt's answer so far. Text of the first unfinished answer is printed
/// as it comes; that of later ones waits for its turn.
struct Answer {
  RequestId id = 0;
  std::vector<int32_t> tokens;
  std::vector<std::vector<TokenLogprob>> logprobs; // where asked for
  std::string pending;                             // text not yet printed
  std::unique_ptr<text::StreamDecoder> decoder;
  bool finished = false;
};

class Printer {
public:
  Printer(bool json, std::vector<Answer> &answers)
      : json_(json), answers_(answers) {}

  /// Prints what the events so far allow, in the order of the prompts.
  void flush() {
    while (next_ < answers_.size()) {
      Answer &answer = answers_[next_];
      if (json_ ? !answer.finished : false)
        return;
      json_ ? printJson(answer) : printText(answer);
      if (!answer.finished)
        return;
      ++next_;
    }
  }

private:
  void printText(Answer &answer) {
    if (answer.decoder)
      std::fputs(answer.pending.c_str(), stdout);
    answer.pending.clear();
    if (answer.finished && !answer.decoder)
      printIds(answer);
    if (answer.finished)
      std::fputc('\n', stdout);
    std::fflush(stdout);
  }
  static void printIds(const Answer &answer) {
    for (size_t i = 0; i < answer.tokens.size(); ++i)
      std::printf("%s%d", i ? "," : "", answer.tokens[i]);
  }
  void printJson(const Answer &answer) {
    nlohmann::ordered_json line = {{"tokens", answer.tokens}};
    if (answer.decoder)
      line["text"] = answer.pending;
    for (const auto &list : answer.logprobs) {
      auto entries = nlohmann::ordered_json::array();
      for (const TokenLogprob &entry : list)
        entries.push_back({{"token", entry.token}, {"logprob", entry.logprob}});
      line["logprobs"].push_back(std::move(entries));
    }
    std::printf("%s\n", line.dump(-1, ' ', false,
                                  nlohmann::json::error_handler_t::replace)
                            .c_str());
    std::fflush(stdout);
  }

  bool json_;
  std::vector<Answer> &answers_;
  size_t next_ = 0;
};

void apply(const Event &event, std::vector<Answer> &answers) {
  auto found =
      std::find_if(answers.begin(), answers.end(), [&](const Answer &answer) {
        return answer.id == event.request;
      });
  if (event.token >= 0) {
    found->tokens.push_back(event.token);
    if (!event.logprobs.empty())
      found->logprobs.push_back(event.logprobs);
    if (found->decoder)
      found->pending += found->decoder->add(event.token);
  }
  if (event.finished) {
    found->finished = true;
    if (found->decoder)
      found->pending += found->decoder->flush();
  }
}

Status generate(Engine &engine, std::vector<Answer> &answers,
                Printer &printer) {
  std::signal(SIGINT, [](int) { interrupted = 1; });
  while (!engine.idle()) {
    if (interrupted)
      for (const Answer &answer : answers)
        engine.cancel(answer.id);
    FT_ASSIGN_OR_RETURN(std::vector<Event> events, engine.step());
    for (const Event &event : events)
      apply(event, answers);
    printer.flush();
    if (interrupted)
      return cancelled("interrupted");
  }
  return Status::success();
}

/// Bounds that just hold these prompts, where the user chose none.
void fitOptions(const std::vector<std::vector<int32_t>> &prompts,
                const plan::Plan &plan, RunOptions &options) {
  int64_t longest = 0;
  for (const auto &prompt : prompts)
    longest = std::max(longest, int64_t(prompt.size()));
  int64_t context = longest + options.maxNewTokens;
  if (plan.maxPositions)
    context = std::min(context, plan.maxPositions);
  if (!options.model.context)
    options.model.context = context;
  if (!options.model.maxSequences)
    options.model.maxSequences = std::min<int64_t>(int64_t(prompts.size()), 64);
}

} // namespace

StatusOr<int> runGenerate(RunOptions &options,
                          std::unique_ptr<plan::PlanFile> file) {
  FT_RETURN_IF_ERROR(applySampling(options));
  std::optional<text::Tokenizer> tokenizer;
  bool text = options.hasTexts();
  if (text || file->plan().text.tokenizer >= 0) {
    FT_ASSIGN_OR_RETURN(tokenizer, planTokenizer(*file));
  }
  FT_ASSIGN_OR_RETURN(auto prompts, readPrompts(options, tokenizer));
  fitOptions(prompts, file->plan(), options);
  FT_ASSIGN_OR_RETURN(auto model, openModel(options, std::move(file)));
  FT_ASSIGN_OR_RETURN(auto engine, Engine::create(*model));
  std::vector<Answer> answers(prompts.size());
  for (size_t i = 0; i < prompts.size(); ++i) {
    Request request;
    request.tokens = std::move(prompts[i]);
    request.maxNewTokens = options.maxNewTokens;
    request.sampling = options.sampling;
    request.sampling.seed = options.sampling.seed.value_or(1) + i;
    FT_ASSIGN_OR_RETURN(answers[i].id, engine->submit(std::move(request)));
    if (tokenizer)
      answers[i].decoder = std::make_unique<text::StreamDecoder>(*tokenizer);
  }
  Printer printer(options.json, answers);
  FT_RETURN_IF_ERROR(generate(*engine, answers, printer));
  return 0;
}

StatusOr<int> runTokenize(RunOptions &options) {
  FT_ASSIGN_OR_RETURN(auto file, plan::PlanFile::open(options.plan));
  FT_ASSIGN_OR_RETURN(text::Tokenizer tokenizer, planTokenizer(*file));
  FT_ASSIGN_OR_RETURN(std::string text, readText(options.tokenize));
  FT_ASSIGN_OR_RETURN(std::vector<int32_t> ids, tokenizer.encode(text));
  nlohmann::ordered_json line = {{"ids", ids}};
  std::printf("%s\n", line.dump().c_str());
  return 0;
}

} // namespace ft::run
