//===- Engine.h - requests in, tokens out -----------------------*- C++ -*-===//
//
// The engine owns the queue, admission, cache pages and stop rules of one
// loaded model; it packs the active sequences into batches and calls the
// model's entry points. A causal model's sequences are fed in chunks, prompts
// and decode steps mixed in one batch. One thread at a time.
//
//===----------------------------------------------------------------------===//
#ifndef FT_RUNTIME_ENGINE_ENGINE_H
#define FT_RUNTIME_ENGINE_ENGINE_H

#include "runtime/base/Status.h"
#include "runtime/engine/Model.h"
#include "runtime/kv/PagePool.h"
#include "runtime/sampling/SamplingParams.h"

#include <cstdint>
#include <deque>
#include <memory>
#include <vector>

namespace ft {

using RequestId = uint64_t;

struct Request {
  std::vector<int32_t> tokens; // the prompt, at least one token
  int64_t maxNewTokens = 128;
  bool stopAtEndTokens = true; // the plan's end tokens end the sequence
  SamplingParams sampling;
};

/// EndToken: one of the plan's end tokens or of the request's stop tokens.
enum class FinishReason { EndToken, Length, Cancelled };

/// What happened to a request in one step: a token, or the end.
struct Event {
  RequestId request = 0;
  int32_t token = -1; // a new token, or -1 for an end without one
  bool finished = false;
  FinishReason reason = FinishReason::Length;
  /// The token and the most likely ones, where the request asked for them.
  std::vector<TokenLogprob> logprobs;
};

class Engine {
public:
  /// REQUIRES: the model has the causal entry "step" with output "next_token";
  /// create() says so in a sentence where it has not.
  static StatusOr<std::unique_ptr<Engine>> create(Model &model);

  /// Queues a request. OutOfRange with the numbers if it can never fit the
  /// context or the cache, or if a sampling parameter is out of range;
  /// InvalidArgument for an empty prompt or a token outside the vocabulary;
  /// Unsupported if the plan cannot sample and the request asks for it.
  StatusOr<RequestId> submit(Request request);

  /// Ends a request; its Event comes with the next step. Unknown or finished
  /// ids are ignored.
  void cancel(RequestId id);

  /// Runs one batch and returns what it produced, in order of admission.
  StatusOr<std::vector<Event>> step();

  /// Nothing queued, nothing active.
  bool idle() const { return waiting_.empty() && active_.empty(); }

private:
  struct Sequence {
    RequestId id = 0;
    std::vector<int32_t> tokens; // prompt and generated
    int64_t computed = 0;        // tokens whose keys are in the cache
    int64_t prompt = 0;
    int64_t maxNewTokens = 0;
    SamplingParams sampling;
    std::vector<int32_t> stops; // tokens that end the sequence
    plan::SamplingRecord record;
    bool cancelled = false;
    kv::PageList pages;
    explicit Sequence(kv::PagePool &pool) : pages(pool) {}
  };

  /// An entry and its output of tokens; none where `entry` is negative.
  struct Door {
    int entry = -1, output = -1;
  };
  Engine(Model &model, Door step, Door greedy);
  static Door findDoor(const Model &model, const char *name);
  Status checkLength(const Request &request) const;
  Status startSampling(Sequence &sequence);
  void retire(const Sequence &sequence);
  void dropCancelled(std::vector<Event> &events);
  Status admit();
  void packBatch();
  Status collect(std::vector<Event> &events);
  StatusOr<Event> addToken(Sequence &sequence, int32_t token);

  Model &model_;
  Door step_, greedy_; // of any batch, of one that takes likeliest tokens only
  Door current_;       // of the current batch
  int64_t sampledColumns_; // 0 where the plan cannot sample
  kv::PagePool pool_;
  RequestId nextId_ = 1;
  std::deque<std::unique_ptr<Sequence>> waiting_;
  std::vector<std::unique_ptr<Sequence>> active_;
  std::vector<int32_t> freeSlots_;    // of the sampling state
  std::vector<SequenceSlice> slices_; // of the current batch
  std::vector<Sequence *> inBatch_;   // same order as slices_
};

} // namespace ft

#endif // FT_RUNTIME_ENGINE_ENGINE_H
