//===- Engine.cpp - requests in, tokens out -------------------------------===//
#include "runtime/engine/Engine.h"

#include <algorithm>

namespace ft {

static int findOutput(const plan::Entry &entry, const std::string &name) {
  for (size_t i = 0; i < entry.outputs.size(); ++i)
    if (entry.outputs[i].name == name)
      return int(i);
  return -1;
}

Engine::Door Engine::findDoor(const Model &model, const char *name) {
  int entry = model.entryIndex(name);
  if (entry < 0 || !model.entry(entry).causal || model.plan().caches.empty())
    return {};
  int output = findOutput(model.entry(entry), "next_token");
  return output < 0 ? Door{} : Door{entry, output};
}

StatusOr<std::unique_ptr<Engine>> Engine::create(Model &model) {
  Door step = findDoor(model, "step");
  // On several ranks: the same without gathering the logits.
  Door greedy = findDoor(model, "step_greedy");
  if (greedy.entry < 0)
    greedy = step;
  if (step.entry < 0)
    return unsupported("the plan '" + model.plan().name +
                       "' generates no text: it has no "
                       "causal entry 'step' with an output 'next_token'");
  return std::unique_ptr<Engine>(new Engine(model, step, greedy));
}

Engine::Engine(Model &model, Door step, Door greedy)
    : model_(model), step_(step), greedy_(greedy), current_(greedy),
      sampledColumns_(model.sampledColumns(step.entry)),
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
        step_.entry, slot,
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
      model_.bounds()
          .axes[size_t(model_.entry(step_.entry).sequences[0].tokensAxis)];
  for (auto &sequence : active_) {
    int64_t pending = int64_t(sequence->tokens.size()) - sequence->computed;
    int64_t count = std::min(pending, budget);
    if (count == 0)
      break;
    budget -= count;
    SequenceSlice slice;
    slice.tokens = std::span(sequence->tokens)
                       .subspan(size_t(sequence->computed), size_t(count));
    slice.position = sequence->computed;
    slice.pages = std::span(sequence->pages.pages());
    slice.wanted = count == pending ? WantedRows::Last : WantedRows::None;
    slice.sampling = sequence->record;
    slices_.push_back(slice);
    inBatch_.push_back(sequence.get());
  }
  bool greedy = std::all_of(
      inBatch_.begin(), inBatch_.end(),
      [](const Sequence *sequence) { return sequence->sampling.isGreedy(); });
  current_ = greedy ? greedy_ : step_;
}

/// Adds a token that the sequence's last step made, and says what came of it.
StatusOr<Event> Engine::addToken(Sequence &sequence, int32_t token) {
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
  if (sequence.sampling.logprobs >= 0) {
    FT_ASSIGN_OR_RETURN(
        plan::SamplingResult result,
        model_.readSamplingResult(step_.entry, sequence.record.slot));
    event.logprobs = readLogprobs(
        result, token, std::min(sequence.sampling.logprobs, sampledColumns_));
  }
  return event;
}

Status Engine::collect(std::vector<Event> &events) {
  std::vector<Sequence *> finishedRows;
  for (size_t i = 0; i < slices_.size(); ++i) {
    inBatch_[i]->computed += int64_t(slices_[i].tokens.size());
    if (slices_[i].wanted == WantedRows::Last)
      finishedRows.push_back(inBatch_[i]);
  }
  std::vector<int32_t> next(finishedRows.size());
  if (!next.empty())
    FT_RETURN_IF_ERROR(model_.readOutput(current_.entry, current_.output, 0,
                                         int64_t(next.size()), next.data()));
  for (size_t i = 0; i < next.size(); ++i) {
    Sequence &sequence = *finishedRows[i];
    FT_ASSIGN_OR_RETURN(Event event, addToken(sequence, next[i]));
    events.push_back(event);
    if (event.finished) {
      retire(sequence);
      std::erase_if(active_,
                    [&](auto &held) { return held.get() == &sequence; });
    }
  }
  return Status::success();
}

StatusOr<std::vector<Event>> Engine::step() {
  std::vector<Event> events;
  dropCancelled(events);
  FT_RETURN_IF_ERROR(admit());
  packBatch();
  if (slices_.empty())
    return events;
  FT_RETURN_IF_ERROR(model_.run(current_.entry, slices_));
  FT_RETURN_IF_ERROR(collect(events));
  return events;
}

} // namespace ft
