//===- Ft.cpp - the C interface over the engine ---------------------------===//
#include "runtime/libft/ft.h"

#include "runtime/engine/Engine.h"
#include "runtime/text/Tokenizer.h"

#include <algorithm>
#include <deque>
#include <map>
#include <optional>

struct ft_engine {
  std::unique_ptr<ft::Model> model;
  std::unique_ptr<ft::Engine> engine;
  std::optional<ft::text::Tokenizer> tokenizer;
  std::map<ft::RequestId, std::unique_ptr<ft::text::StreamDecoder>> decoders;
  std::deque<ft::Event> events;
  std::string text;                 // of the event given last
  std::vector<ft_logprob> logprobs; // likewise
};

namespace {

thread_local std::string lastError;

ft_status record(const ft::Status &status) {
  lastError = status.message();
  switch (status.code()) {
  case ft::StatusCode::Ok:
    return FT_OK;
  case ft::StatusCode::InvalidArgument:
    return FT_INVALID_ARGUMENT;
  case ft::StatusCode::NotFound:
    return FT_NOT_FOUND;
  case ft::StatusCode::Corrupt:
    return FT_CORRUPT;
  case ft::StatusCode::Unsupported:
    return FT_UNSUPPORTED;
  case ft::StatusCode::OutOfRange:
    return FT_OUT_OF_RANGE;
  case ft::StatusCode::ResourceExhausted:
    return FT_RESOURCE_EXHAUSTED;
  case ft::StatusCode::DeadlineExceeded:
    return FT_DEADLINE_EXCEEDED;
  case ft::StatusCode::Cancelled:
    return FT_CANCELLED;
  case ft::StatusCode::Internal:
    return FT_INTERNAL;
  }
  return FT_INTERNAL;
}

/// Runs `body` and records its Status; an allocation that fails is one too.
template <typename Body> ft_status guarded(Body body) {
  try {
    return record(body());
  } catch (const std::exception &error) {
    return record(ft::internalError(error.what()));
  }
}

ft::Status open(const char *path, const ft_engine_options &options,
                ft_engine &handle) {
  FT_ASSIGN_OR_RETURN(auto file, ft::plan::PlanFile::open(path));
  FT_ASSIGN_OR_RETURN(auto devices,
                      ft::openDevices(options.device ? options.device : "",
                                      int(file->plan().ranks())));
  ft::ModelOptions model;
  model.weightsDir = options.weights ? options.weights : "";
  model.context = options.context;
  model.maxSequences = options.max_sequences;
  model.maxTokens = options.max_tokens;
  model.cacheTokens = options.cache_tokens;
  const ft::plan::Text &text = file->plan().text;
  if (text.tokenizer >= 0) {
    std::string_view config;
    if (text.tokenizerConfig >= 0)
      config = file->blob(text.tokenizerConfig);
    FT_ASSIGN_OR_RETURN(
        handle.tokenizer,
        ft::text::Tokenizer::fromJson(file->blob(text.tokenizer), config));
  }
  FT_ASSIGN_OR_RETURN(handle.model, ft::Model::load(std::move(file),
                                                    std::move(devices), model));
  FT_ASSIGN_OR_RETURN(handle.engine, ft::Engine::create(*handle.model));
  return ft::Status::success();
}

ft_finish finishOf(const ft::Event &event) {
  if (!event.finished)
    return FT_RUNNING;
  switch (event.reason) {
  case ft::FinishReason::EndToken:
    return FT_END_TOKEN;
  case ft::FinishReason::Length:
    return FT_LENGTH;
  case ft::FinishReason::Cancelled:
    return FT_FINISH_CANCELLED;
  }
  return FT_LENGTH;
}

ft::StatusOr<ft::SamplingParams> paramsOf(const ft_sampling &sampling) {
  if (sampling.size != sizeof(sampling))
    return ft::invalidArgument("ft_submit_sampled: sampling.size is " +
                               std::to_string(sampling.size) + ", expected " +
                               std::to_string(sizeof(sampling)) +
                               "; start from FT_SAMPLING_INIT");
  if ((sampling.stop_count && !sampling.stop_tokens) ||
      (sampling.bias_count &&
       !(sampling.bias_tokens && sampling.bias_values)) ||
      (sampling.bad_word_count &&
       !(sampling.bad_words && sampling.bad_word_ends)))
    return ft::invalidArgument("ft_submit_sampled: a NULL list with a count");
  ft::SamplingParams params;
  params.temperature = sampling.temperature;
  params.topK = sampling.top_k;
  params.topP = sampling.top_p;
  params.minP = sampling.min_p;
  params.repetitionPenalty = sampling.repetition_penalty;
  params.presencePenalty = sampling.presence_penalty;
  params.frequencyPenalty = sampling.frequency_penalty;
  params.seed = sampling.seed;
  params.minNewTokens = sampling.min_new_tokens;
  params.logprobs = sampling.logprobs;
  params.stopTokens.assign(sampling.stop_tokens,
                           sampling.stop_tokens + sampling.stop_count);
  for (size_t i = 0; i < sampling.bias_count; ++i)
    params.logitBias.emplace_back(sampling.bias_tokens[i],
                                  sampling.bias_values[i]);
  size_t begin = 0;
  for (size_t i = 0; i < sampling.bad_word_count; ++i) {
    size_t end = sampling.bad_word_ends[i];
    if (end < begin)
      return ft::invalidArgument("ft_submit_sampled: the ends of bad words "
                                 "are not ascending");
    params.badWords.emplace_back(sampling.bad_words + begin,
                                 sampling.bad_words + end);
    begin = end;
  }
  return params;
}

void give(ft_engine &handle, ft_event &to) {
  ft::Event event = handle.events.front();
  handle.events.pop_front();
  handle.text.clear();
  auto decoder = handle.decoders.find(event.request);
  if (decoder != handle.decoders.end()) {
    if (event.token >= 0)
      handle.text += decoder->second->add(event.token);
    if (event.finished) {
      handle.text += decoder->second->flush();
      handle.decoders.erase(decoder);
    }
  }
  handle.logprobs.clear();
  for (const ft::TokenLogprob &entry : event.logprobs)
    handle.logprobs.push_back({entry.token, entry.logprob});
  to = {event.request, event.token, finishOf(event), handle.text.c_str()};
}

} // namespace

const char *ft_error_message(void) { return lastError.c_str(); }

const char *ft_version(void) { return FTC_VERSION; }

ft_status ft_engine_open(const char *plan_path,
                         const ft_engine_options *options, ft_engine **engine) {
  return guarded([&]() -> ft::Status {
    if (!plan_path || !engine)
      return ft::invalidArgument("ft_engine_open: a NULL path or handle");
    ft_engine_options chosen = FT_ENGINE_OPTIONS_INIT;
    if (options && options->size != sizeof(chosen))
      return ft::invalidArgument("ft_engine_open: options.size is " +
                                 std::to_string(options->size) + ", expected " +
                                 std::to_string(sizeof(chosen)) +
                                 "; start from FT_ENGINE_OPTIONS_INIT");
    if (options)
      chosen = *options;
    auto handle = std::make_unique<ft_engine>();
    FT_RETURN_IF_ERROR(open(plan_path, chosen, *handle));
    *engine = handle.release();
    return ft::Status::success();
  });
}

void ft_engine_close(ft_engine *engine) { delete engine; }

ft_status ft_tokenize(ft_engine *engine, const char *text, int32_t *tokens,
                      size_t capacity, size_t *count) {
  return guarded([&]() -> ft::Status {
    if (!engine || !text || !count || (!tokens && capacity))
      return ft::invalidArgument("ft_tokenize: a NULL argument");
    if (!engine->tokenizer)
      return ft::notFound("the plan carries no tokenizer");
    FT_ASSIGN_OR_RETURN(std::vector<int32_t> ids,
                        engine->tokenizer->encode(text));
    std::copy_n(ids.begin(), std::min(capacity, ids.size()), tokens);
    *count = ids.size();
    return ft::Status::success();
  });
}

ft_status ft_submit(ft_engine *engine, const int32_t *tokens, size_t count,
                    int64_t max_new_tokens, uint64_t *request) {
  return ft_submit_sampled(engine, tokens, count, max_new_tokens, nullptr,
                           request);
}

ft_status ft_submit_sampled(ft_engine *engine, const int32_t *tokens,
                            size_t count, int64_t max_new_tokens,
                            const ft_sampling *sampling, uint64_t *request) {
  return guarded([&]() -> ft::Status {
    if (!engine || (!tokens && count) || !request)
      return ft::invalidArgument("ft_submit: a NULL argument");
    ft::Request wanted;
    wanted.tokens.assign(tokens, tokens + count);
    wanted.maxNewTokens = max_new_tokens;
    if (sampling) {
      FT_ASSIGN_OR_RETURN(wanted.sampling, paramsOf(*sampling));
    }
    FT_ASSIGN_OR_RETURN(*request, engine->engine->submit(std::move(wanted)));
    if (engine->tokenizer)
      engine->decoders[*request] =
          std::make_unique<ft::text::StreamDecoder>(*engine->tokenizer);
    return ft::Status::success();
  });
}

ft_status ft_cancel(ft_engine *engine, uint64_t request) {
  return guarded([&]() -> ft::Status {
    if (!engine)
      return ft::invalidArgument("ft_cancel: a NULL engine");
    engine->engine->cancel(request);
    return ft::Status::success();
  });
}

ft_status ft_poll(ft_engine *engine, ft_event *event, int *have_event) {
  return guarded([&]() -> ft::Status {
    if (!engine || !event || !have_event)
      return ft::invalidArgument("ft_poll: a NULL argument");
    while (engine->events.empty() && !engine->engine->idle()) {
      FT_ASSIGN_OR_RETURN(std::vector<ft::Event> events,
                          engine->engine->step());
      engine->events.assign(events.begin(), events.end());
    }
    *have_event = !engine->events.empty();
    if (*have_event)
      give(*engine, *event);
    return ft::Status::success();
  });
}

ft_status ft_logprobs(ft_engine *engine, const ft_logprob **list,
                      size_t *count) {
  return guarded([&]() -> ft::Status {
    if (!engine || !list || !count)
      return ft::invalidArgument("ft_logprobs: a NULL argument");
    *list = engine->logprobs.data();
    *count = engine->logprobs.size();
    return ft::Status::success();
  });
}
