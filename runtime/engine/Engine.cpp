//===- Engine.cpp - requests in, tokens out -------------------------------===//
#include "runtime/engine/Engine.h"

#include <algorithm>
#include <chrono>

namespace ft {

int Engine::findEntry(const Model &model, const char *name) {
  int entry = model.entryIndex(name);
  return entry >= 0 && !model.plan().caches.empty() &&
                 feedOutput(model.plan(), model.entry(entry)) >= 0
             ? entry
             : -1;
}

StatusOr<std::unique_ptr<Engine>> Engine::create(Model &model,
                                                 const EngineOptions &options) {
  int step = findEntry(model, "step");
  // On several ranks: the same without gathering the logits.
  int greedy = findEntry(model, "step_greedy");
  if (greedy < 0)
    greedy = step;
  if (step < 0)
    return unsupported("the plan '" + model.plan().name +
                       "' generates no text: it has no "
                       "causal entry 'step' with an output 'next_token'");
  int64_t ahead =
      options.stepsAhead ? options.stepsAhead : model.device().stepsAhead();
  return std::unique_ptr<Engine>(
      new Engine(model, step, greedy,
                 std::clamp<int64_t>(ahead, 1, EngineOptions::kMostAhead)));
}

Engine::Engine(Model &model, int step, int greedy, int64_t stepsAhead)
    : model_(model), step_(step), greedy_(greedy), stepsAhead_(stepsAhead),
      sampledColumns_(model.sampledColumns(step)),
      pool_(model.cachePages(), model.pageSize()) {
  for (int64_t slot = model.axisBound("sequences"); slot > 0; --slot)
    freeSlots_.push_back(int32_t(slot - 1));
}

/// Whether the prompt and the answer fit the context and the cache.
Status Engine::checkLength(const Request &request) const {
  int64_t total;
  if (__builtin_add_overflow(int64_t(request.tokens.size()),
                             request.maxNewTokens, &total))
    total = INT64_MAX;
  int64_t context = model_.bounds().pageColumns * pool_.pageSize();
  if (model_.plan().maxPositions)
    context = std::min(context, model_.plan().maxPositions);
  int64_t cached = pool_.totalPages() * pool_.pageSize();
  if (total > std::min(context, cached))
    return outOfRange(
        "a prompt of " + std::to_string(request.tokens.size()) +
        " tokens and " + std::to_string(request.maxNewTokens) +
        " new ones exceed " +
        (context <= cached ? "the context of " + std::to_string(context)
                           : "the cache of " + std::to_string(cached)) +
        " tokens; ask for fewer, or load with a larger --context");
  return Status::success();
}

StatusOr<RequestId> Engine::submit(Request request) {
  if (request.tokens.empty())
    return invalidArgument("an empty prompt: give at least one token");
  if (request.maxNewTokens < 1)
    return invalidArgument("at least one new token must be asked for, found " +
                           std::to_string(request.maxNewTokens));
  for (int32_t token : request.tokens)
    if (token < 0 || token >= model_.plan().vocabulary)
      return outOfRange("token " + std::to_string(token) +
                        " is outside the vocabulary of " +
                        std::to_string(model_.plan().vocabulary));
  FT_RETURN_IF_ERROR(checkLength(request));
  if (!request.sampling.isGreedy() && !sampledColumns_)
    return unsupported("the plan '" + model_.plan().name +
                       "' only takes the likeliest token: its 'next_token' is "
                       "not made by the operation sample; compile it again");
  if (sampledColumns_)
    FT_RETURN_IF_ERROR(checkSampling(
        request.sampling, std::min(model_.plan().vocabulary, sampledColumns_)));
  auto sequence = std::make_unique<Sequence>(pool_);
  sequence->id = nextId_++;
  sequence->prompt = int64_t(request.tokens.size());
  sequence->tokens = std::move(request.tokens);
  sequence->maxNewTokens = request.maxNewTokens;
  sequence->sampling = std::move(request.sampling);
  sequence->stops = sequence->sampling.stopTokens;
  const std::vector<int64_t> &ends = model_.plan().text.endTokens;
  if (request.stopAtEndTokens)
    sequence->stops.insert(sequence->stops.end(), ends.begin(), ends.end());
  if (sequence->stops.size() > size_t(plan::sampling::kMaxStops) &&
      sequence->sampling.minNewTokens > 0)
    return outOfRange(std::to_string(sequence->stops.size()) +
                      " end and stop tokens with min_new_tokens, at most " +
                      std::to_string(plan::sampling::kMaxStops) +
                      " are possible");
  waiting_.push_back(std::move(sequence));
  return waiting_.back()->id;
}

void Engine::cancel(RequestId id) {
  for (auto &sequence : waiting_)
    if (sequence->id == id)
      sequence->cancelled = true;
  for (auto &sequence : active_)
    if (sequence->id == id)
      sequence->cancelled = true;
}

void Engine::dropCancelled(std::vector<Event> &events) {
  auto drop = [&](auto &list) {
    std::erase_if(list, [&](auto &sequence) {
      if (sequence->cancelled)
        events.push_back({.request = sequence->id,
                          .token = -1,
                          .finished = true,
                          .reason = FinishReason::Cancelled,
                          .logprobs = {}});
      return sequence->cancelled;
    });
  };
  for (const auto &sequence : active_)
    if (sequence->cancelled)
      retire(*sequence);
  drop(active_);
  drop(waiting_);
}

/// The record of the sequence's tokens, and a state slot where it needs one:
/// there are as many slots as sequences can be active.
Status Engine::startSampling(Sequence &sequence) {
  const SamplingParams &params = sequence.sampling;
  int32_t slot = 0;
  if (params.usesState()) {
    slot = freeSlots_.back();
    freeSlots_.pop_back();
    FT_RETURN_IF_ERROR(model_.writeSamplingState(
        step_, slot,
        makeSamplingState(params, sequence.stops, sequence.tokens,
                          sampledColumns_)));
  }
  sequence.record = makeSamplingRecord(
      params, params.seed.value_or(sequence.id), sequence.prompt, slot);
  return Status::success();
}

void Engine::retire(const Sequence &sequence) {
  if (sequence.sampling.usesState())
    freeSlots_.push_back(sequence.record.slot);
}

Status Engine::admit() {
  // Pages for a whole answer are taken at admission: a sequence that has
  // started never runs out.
  size_t most =
      size_t(std::min(model_.axisBound("sequences"), model_.axisBound("rows")));
  while (!waiting_.empty() && active_.size() < most) {
    Sequence &next = *waiting_.front();
    int64_t total = next.prompt + next.maxNewTokens;
    if (pool_.pagesFor(total) > pool_.freePages())
      break;
    FT_RETURN_IF_ERROR(next.pages.reserve(total));
    FT_RETURN_IF_ERROR(startSampling(next));
    active_.push_back(std::move(waiting_.front()));
    waiting_.pop_front();
  }
  return Status::success();
}

void Engine::packBatch() {
  slices_.clear();
  inBatch_.clear();
  int64_t budget =
      model_.bounds().axes[size_t(model_.entry(step_).sequences[0].tokensAxis)];
  for (auto &sequence : active_) {
    int64_t pending = sequence->prompt + sequence->chosen - sequence->computed;
    int64_t count = std::min(pending, budget);
    if (sequence->chosen == sequence->maxNewTokens)
      continue;
    if (count == 0)
      break;
    budget -= count;
    addSlice(*sequence, count, count == pending);
  }
}

/// The next `count` tokens of the sequence: a part of its prompt, or the token
/// that was chosen last, which the device knows for some steps.
void Engine::addSlice(Sequence &sequence, int64_t count, bool last) {
  bool answer = sequence.computed >= sequence.prompt;
  SequenceSlice slice;
  slice.position = sequence.computed;
  if (answer && sequence.step + kFeedSteps > model_.steps())
    slice.place =
        feedPlace(sequence.step, sequence.row, model_.axisBound("rows"));
  // Any token of the sequence stands for one that the host has not seen.
  slice.tokens = answer
                     ? std::span(sequence.tokens).last(1)
                     : std::span(sequence.tokens)
                           .subspan(size_t(sequence.computed), size_t(count));
  slice.pages = std::span(sequence.pages.pages());
  slice.wanted = last ? WantedRows::Last : WantedRows::None;
  slice.sampling = sequence.record;
  slices_.push_back(slice);
  inBatch_.push_back(&sequence);
}

Status Engine::enqueue() {
  bool greedy = std::all_of(
      inBatch_.begin(), inBatch_.end(),
      [](const Sequence *sequence) { return sequence->sampling.isGreedy(); });
  Ahead ahead{.step = model_.steps(), .batch = {}, .rows = {}};
  FT_RETURN_IF_ERROR(
      model_.run(greedy ? greedy_ : step_, slices_, Results::Tokens));
  for (size_t i = 0; i < slices_.size(); ++i) {
    Sequence &sequence = *inBatch_[i];
    sequence.computed += int64_t(slices_[i].tokens.size());
    ahead.batch.push_back(sequence.id);
    if (slices_[i].wanted != WantedRows::Last)
      continue;
    ++sequence.chosen;
    sequence.step = ahead.step;
    sequence.row = int64_t(ahead.rows.size());
    ahead.rows.push_back(sequence.id);
  }
  ahead_.push_back(std::move(ahead));
  ++times_.steps;
  return Status::success();
}

/// Adds a token that a step of the sequence chose, and says what came of it.
Event Engine::addToken(Sequence &sequence, const ChosenToken &chosen) const {
  int32_t token = chosen.token;
  sequence.tokens.push_back(token);
  bool ended = std::find(sequence.stops.begin(), sequence.stops.end(), token) !=
               sequence.stops.end();
  bool full = int64_t(sequence.tokens.size()) ==
              sequence.prompt + sequence.maxNewTokens;
  Event event;
  event.request = sequence.id;
  event.token = token;
  event.finished = ended || full;
  event.reason = ended ? FinishReason::EndToken : FinishReason::Length;
  if (sequence.sampling.logprobs >= 0)
    event.logprobs =
        readLogprobs(chosen.result, token,
                     std::min(sequence.sampling.logprobs, sampledColumns_));
  return event;
}

Engine::Sequence *Engine::findActive(RequestId id) const {
  auto found =
      std::find_if(active_.begin(), active_.end(),
                   [&](const auto &sequence) { return sequence->id == id; });
  return found == active_.end() ? nullptr : found->get();
}

/// Waits for the oldest batch; whether a sequence of it still wanted it.
StatusOr<bool> Engine::collect(std::vector<Event> &events) {
  Ahead oldest = std::move(ahead_.front());
  ahead_.pop_front();
  auto begin = std::chrono::steady_clock::now();
  FT_ASSIGN_OR_RETURN(std::span<const ChosenToken> chosen,
                      model_.chosen(oldest.step));
  times_.waited +=
      std::chrono::duration<double>(std::chrono::steady_clock::now() - begin)
          .count();
  bool wanted =
      std::any_of(oldest.batch.begin(), oldest.batch.end(),
                  [&](RequestId id) { return findActive(id) != nullptr; });
  for (size_t row = 0; row < oldest.rows.size(); ++row) {
    Sequence *sequence = findActive(oldest.rows[row]);
    if (!sequence) {
      ++times_.dropped;
      continue;
    }
    events.push_back(addToken(*sequence, chosen[row]));
    if (events.back().finished) {
      retire(*sequence);
      std::erase_if(active_,
                    [&](auto &held) { return held.get() == sequence; });
    }
  }
  return wanted;
}

StatusOr<std::vector<Event>> Engine::step() {
  std::vector<Event> events;
  dropCancelled(events);
  FT_RETURN_IF_ERROR(admit());
  while (true) {
    while (int64_t(ahead_.size()) < stepsAhead_) {
      packBatch();
      if (slices_.empty())
        break;
      FT_RETURN_IF_ERROR(enqueue());
    }
    if (ahead_.empty())
      return events;
    FT_ASSIGN_OR_RETURN(bool wanted, collect(events));
    if (wanted || !events.empty())
      return events;
  }
}

} // namespace ft
