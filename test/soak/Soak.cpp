//===- Soak.cpp - random requests for a while, answers checked ------------===//
//
// Rounds of random requests through one engine, on models of random bounds. A
// round is run twice, which must give the same bits, and each request alone.
// Alone, other kernels may run, and a token within rounding of another may be
// taken: then both runs must agree on how likely it was. Memory must not grow.
//
//===----------------------------------------------------------------------===//
#include "runtime/engine/Engine.h"

#include <chrono>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>
#include <map>
#include <random>
#include <unistd.h>

namespace ft::soak {

namespace {

using Clock = std::chrono::steady_clock;

struct Options {
  std::string plan, device, weights = "random";
  double seconds = 60;
  uint32_t seed = 1;
};

struct Answer {
  std::vector<int32_t> tokens;
  std::vector<std::vector<TokenLogprob>> logprobs;
};

struct Counts {
  int64_t rounds = 0, answers = 0, tokens = 0, dropped = 0, cancelled = 0;
  int64_t close = 0;    // answers that part from those alone at a close call
  int64_t unlisted = 0; // of them: the token is not among the likeliest
};

class Soak {
public:
  explicit Soak(const Options &options)
      : options_(options), random_(options.seed) {}
  Status run();

private:
  int64_t upTo(int64_t most) {
    return std::uniform_int_distribution<int64_t>(0, most)(random_);
  }
  Status load();
  Request request();
  Status round();
  StatusOr<std::vector<Answer>> answers(const std::vector<Request> &requests,
                                        int64_t ahead);
  Status compareAlone(const std::vector<Request> &requests,
                      const std::vector<Answer> &together, size_t index);
  Status explain(std::vector<Request> requests, size_t index);
  Status checkMemory();

  Options options_;
  std::mt19937_64 random_;
  std::unique_ptr<Model> model_;
  int64_t context_ = 0;
  Counts counts_;
  int64_t host_ = 0, device_ = 0; // bytes after warming up
};

/// Bytes of this process in memory.
int64_t residentBytes() {
  std::ifstream file("/proc/self/statm");
  int64_t total = 0, resident = 0;
  file >> total >> resident;
  return resident * sysconf(_SC_PAGESIZE);
}

} // namespace

Status Soak::load() {
  model_.reset();
  FT_ASSIGN_OR_RETURN(auto file, plan::PlanFile::open(options_.plan));
  FT_ASSIGN_OR_RETURN(auto devices,
                      openDevices(options_.device, int(file->plan().ranks())));
  ModelOptions options;
  if (options_.weights == "random")
    options.randomSeed = 1;
  else
    options.weightsDir = options_.weights;
  // The first has the widest bounds: it runs every program, and so a library
  // that loads kernels when they are first called, before memory is looked at.
  bool first = counts_.rounds == 0;
  options.maxSequences = first ? 8 : 1 + upTo(7);
  options.maxTokens = options.maxSequences + (first ? 120 : upTo(120));
  int64_t positions = file->plan().maxPositions;
  int64_t most = positions ? std::min<int64_t>(positions, 192) : 192;
  context_ = first ? most : most / 4 + upTo(most - most / 4);
  options.context = context_;
  // Some requests wait for pages of others.
  options.cacheTokens = context_ * (1 + upTo(options.maxSequences - 1));
  options.poison = true;
  FT_ASSIGN_OR_RETURN(
      model_, Model::load(std::move(file), std::move(devices), options));
  return Status::success();
}

Request Soak::request() {
  Request request;
  int32_t vocabulary = int32_t(model_->plan().vocabulary);
  auto token = [&] { return int32_t(upTo(vocabulary - 1)); };
  int64_t prompt = 1 + upTo(context_ / 2 - 1);
  for (int64_t i = 0; i < prompt; ++i)
    request.tokens.push_back(token());
  request.maxNewTokens = 1 + upTo(context_ / 2 - 1);
  SamplingParams &sampling = request.sampling;
  sampling.seed = random_();
  sampling.temperature = upTo(2) ? 0.1 * double(upTo(15)) : 0;
  sampling.topK = upTo(1) ? upTo(50) : 0;
  sampling.topP = upTo(1) ? 0.5 + 0.05 * double(upTo(10)) : 1;
  sampling.minP = upTo(3) ? 0 : 0.05;
  if (!upTo(3))
    sampling.repetitionPenalty = 1.2;
  if (!upTo(3))
    sampling.frequencyPenalty = 0.3;
  if (!upTo(3))
    sampling.presencePenalty = 0.3;
  if (!upTo(3)) {
    int32_t liked = token();
    sampling.logitBias = {{liked, 2.0}, {(liked + 1) % vocabulary, -INFINITY}};
  }
  if (!upTo(3))
    sampling.badWords = {{token(), token()}, {token()}};
  if (!upTo(2))
    sampling.logprobs = upTo(5);
  // Some of them are likely to come up after a few tokens.
  if (upTo(1))
    for (int64_t i = upTo(30); i > 0; --i)
      sampling.stopTokens.push_back(token());
  if (!upTo(3))
    sampling.minNewTokens = upTo(4);
  return request;
}

StatusOr<std::vector<Answer>>
Soak::answers(const std::vector<Request> &requests, int64_t ahead) {
  FT_ASSIGN_OR_RETURN(auto engine,
                      Engine::create(*model_, {.stepsAhead = ahead}));
  std::map<RequestId, size_t> index;
  for (size_t i = 0; i < requests.size(); ++i) {
    FT_ASSIGN_OR_RETURN(RequestId id, engine->submit(requests[i]));
    index[id] = i;
  }
  // One more that is cancelled on its way.
  RequestId victim = 0;
  if (requests.size() > 1) {
    FT_ASSIGN_OR_RETURN(victim, engine->submit(requests[0]));
    ++counts_.cancelled;
  }
  std::vector<Answer> list(requests.size());
  for (int64_t step = 0; !engine->idle(); ++step) {
    if (step == 3 && victim)
      engine->cancel(victim);
    FT_ASSIGN_OR_RETURN(std::vector<Event> events, engine->step());
    for (const Event &event : events) {
      if (event.token < 0 || event.request == victim)
        continue;
      Answer &answer = list[index[event.request]];
      answer.tokens.push_back(event.token);
      answer.logprobs.push_back(event.logprobs);
    }
  }
  counts_.dropped += engine->times().dropped;
  return list;
}

/// Up to the first token in which they differ, which both must find about as
/// likely, the two runs must agree on the likelihood of each token.
Status Soak::explain(std::vector<Request> requests, size_t index) {
  // Logits of a few units: sums of 2^-8 of each through tens of bf16 layers
  // stay below, and another context's are whole units off.
  const double tolerance = model_->plan().dtype == DType::F32 ? 0.01 : 0.3;
  for (Request &request : requests)
    request.sampling.logprobs = plan::sampling::kMaxTop;
  FT_ASSIGN_OR_RETURN(std::vector<Answer> together, answers(requests, 0));
  FT_ASSIGN_OR_RETURN(std::vector<Answer> single,
                      answers({requests[index]}, 1));
  const Answer &a = together[index], &b = single[0];
  size_t common = std::min(a.tokens.size(), b.tokens.size());
  for (size_t i = 0; i < common; ++i) {
    bool differ = a.tokens[i] != b.tokens[i], listed = false;
    for (const TokenLogprob &entry : b.logprobs[i]) {
      if (entry.token != a.tokens[i])
        continue;
      listed = true;
      double distance = std::abs(entry.logprob - a.logprobs[i][0].logprob);
      if (distance > tolerance)
        return internalError("token " + std::to_string(i) + " of request " +
                             std::to_string(index) + " is " +
                             std::to_string(distance) +
                             " less or more likely in a batch than alone");
    }
    if (!differ)
      continue;
    counts_.unlisted += !listed;
    return Status::success();
  }
  return a.tokens.size() == b.tokens.size()
             ? Status::success()
             : internalError("request " + std::to_string(index) +
                             " ends elsewhere in a batch than alone");
}

Status Soak::compareAlone(const std::vector<Request> &requests,
                          const std::vector<Answer> &together, size_t index) {
  FT_ASSIGN_OR_RETURN(std::vector<Answer> single,
                      answers({requests[index]}, 1));
  if (single[0].tokens == together[index].tokens)
    return Status::success();
  ++counts_.close;
  return explain(requests, index);
}

Status Soak::round() {
  std::vector<Request> requests;
  for (int64_t i = upTo(11); i >= 0; --i)
    requests.push_back(request());
  int64_t ahead = 1 + upTo(EngineOptions::kMostAhead - 1);
  FT_ASSIGN_OR_RETURN(std::vector<Answer> first, answers(requests, ahead));
  FT_ASSIGN_OR_RETURN(std::vector<Answer> second, answers(requests, ahead));
  for (size_t i = 0; i < requests.size(); ++i) {
    if (first[i].tokens != second[i].tokens)
      return internalError("request " + std::to_string(i) +
                           " has another answer the second time");
    FT_RETURN_IF_ERROR(compareAlone(requests, first, i));
    ++counts_.answers;
    counts_.tokens += int64_t(first[i].tokens.size());
  }
  ++counts_.rounds;
  return Status::success();
}

Status Soak::checkMemory() {
  // Freed memory stays with the allocator in amounts that vary.
  constexpr int64_t kSlack = 64 << 20;
  int64_t grown = residentBytes() - host_;
  if (grown > kSlack)
    return internalError("the process grew by " + std::to_string(grown >> 20) +
                         " MiB");
  FT_ASSIGN_OR_RETURN(auto devices, openDevices(options_.device, 1));
  if (devices[0]->kind() == "cpu")
    return Status::success();
  FT_ASSIGN_OR_RETURN(MemoryInfo memory, devices[0]->memory());
  if (memory.free + kSlack < device_)
    return internalError("free device memory shrank by " +
                         std::to_string((device_ - memory.free) >> 20) +
                         " MiB; the driver counts what all processes took, so "
                         "another one on this GPU may be the cause");
  return Status::success();
}

Status Soak::run() {
  constexpr int64_t kRoundsOfAModel = 10;
  auto end = Clock::now() + std::chrono::duration<double>(options_.seconds);
  while (Clock::now() < end) {
    if (counts_.rounds % kRoundsOfAModel == 0) {
      model_.reset();
      if (counts_.rounds == kRoundsOfAModel) {
        host_ = residentBytes();
        FT_ASSIGN_OR_RETURN(auto devices, openDevices(options_.device, 1));
        FT_ASSIGN_OR_RETURN(MemoryInfo memory, devices[0]->memory());
        device_ = memory.free;
      } else if (counts_.rounds) {
        FT_RETURN_IF_ERROR(checkMemory());
      }
      FT_RETURN_IF_ERROR(load());
    }
    FT_RETURN_IF_ERROR(
        round().withContext("round " + std::to_string(counts_.rounds) +
                            " of seed " + std::to_string(options_.seed)));
  }
  std::printf("%lld rounds, %lld answers of %lld tokens right, %lld cancelled, "
              "%lld steps dropped; %lld close calls, %lld of them unlisted; "
              "%lld MiB resident\n",
              (long long)counts_.rounds, (long long)counts_.answers,
              (long long)counts_.tokens, (long long)counts_.cancelled,
              (long long)counts_.dropped, (long long)counts_.close,
              (long long)counts_.unlisted, (long long)(residentBytes() >> 20));
  return Status::success();
}

const char *const kUsage =
    "Usage: soak PLAN [--device cpu|cuda] [--weights DIR|random]\n"
    "            [--minutes N | --seconds N] [--seed N]\n"
    "Random requests of a causal plan (lengths, settings, stop tokens,\n"
    "cancellations), rounds of them twice and each request alone: other bits,\n"
    "other tokens or memory that grows are errors, exit code 1.\n"
    "Example: soak stories.plan --device cuda --seconds 240";

} // namespace ft::soak

int main(int argc, char **argv) {
  ft::soak::Options options;
  for (int i = 1; i < argc; ++i) {
    std::string flag = argv[i];
    if (flag.rfind("--", 0) != 0) {
      options.plan = flag;
      continue;
    }
    if (flag == "--help")
      return std::puts(ft::soak::kUsage), 0;
    const char *value = ++i < argc ? argv[i] : "";
    if (flag == "--device")
      options.device = value;
    else if (flag == "--weights")
      options.weights = value;
    else if (flag == "--minutes")
      options.seconds = 60 * std::atof(value);
    else if (flag == "--seconds")
      options.seconds = std::atof(value);
    else if (flag == "--seed")
      options.seed = uint32_t(std::atoll(value));
    else
      return std::fprintf(stderr, "soak: unknown option %s\n", flag.c_str()), 2;
  }
  if (options.plan.empty() || options.seconds <= 0)
    return std::fprintf(stderr, "soak: give a plan and a time above 0\n"), 2;
  ft::Status status = ft::soak::Soak(options).run();
  if (!status.ok())
    std::fprintf(stderr, "soak: %s\n", status.message().c_str());
  return status.ok() ? 0 : 1;
}
