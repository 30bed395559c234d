//===- RunBench.cpp - --bench: time generation or an encoder --------------===//
#include "runtime/engine/Engine.h"
#include "tools/ft-run/KernelTimes.h"
#include "tools/ft-run/RunOptions.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <set>

namespace ft::run {

namespace {

using Clock = std::chrono::steady_clock;
using Json = nlohmann::ordered_json;

double millisecondsSince(Clock::time_point start) {
  return std::chrono::duration<double, std::milli>(Clock::now() - start)
      .count();
}

double quantile(std::vector<double> values, double q) {
  if (values.empty())
    return 0;
  std::sort(values.begin(), values.end());
  return values[size_t(q * double(values.size() - 1) + 0.5)];
}

/// A model timed as it is used: a causal one by the engine's loop, from
/// submitting prompts of random tokens to the last answer; an encoder batch by
/// batch.
class Bench {
public:
  Bench(Model &model, int entry, const RunOptions &options)
      : model_(model), entryIndex_(entry), entry_(model.entry(entry)),
        options_(options) {}

  Status run();
  Status profile();
  Json report(const Json &startUp) const;
  void printProfile() const {
    if (!profile_.empty())
      printKernels(profile_);
  }
  double firstTokenMs() const { return warmUp_.first; }
  double captureMs() const {
    return std::max(0.0, warmUp_.slowest - quantile(decodeTimes_, 0.5));
  }

private:
  /// The first round, which is not counted.
  struct WarmUp {
    double first = 0, slowest = 0; // first tokens, longest step after them
  };
  Status generate(bool counted);
  Status submit(Engine &engine);
  Status encode(bool counted);
  Status timeEncode(std::vector<double> &times);
  StatusOr<std::unique_ptr<FixedBatch>> batch(bool decode) const;
  BatchShape prompts() const {
    return batchShape(model_.plan(), entry_, promptLengths(options_));
  }
  Json section(const std::vector<double> &times, const BatchShape &shape) const;

  Model &model_;
  int entryIndex_;
  const plan::Entry &entry_;
  const RunOptions &options_;
  std::mt19937 random_{1};
  WarmUp warmUp_;
  std::vector<double> prefillTimes_, decodeTimes_, hostTimes_;
  std::unique_ptr<FixedBatch> encoded_;
  std::vector<double> sendingTimes_; // images sent to the device included
  int64_t kernels_ = 0;              // of the last section's batch
  double prefillExchange_ = 0, exchange_ = 0; // ms in collectives
  std::vector<KernelTimes> profile_;
};

Status Bench::submit(Engine &engine) {
  for (int64_t i = 0; const Length &length : promptLengths(options_)) {
    Request request;
    request.tokens = randomTokens(model_.plan(), length.tokens, random_);
    request.maxNewTokens = options_.out + 1;
    request.stopAtEndTokens = false;
    request.sampling = options_.sampling;
    request.sampling.seed = options_.sampling.seed.value_or(1) + uint64_t(i++);
    FT_RETURN_IF_ERROR(engine.submit(std::move(request)).status());
  }
  return Status::success();
}

/// A decode step is one that gives every sequence a token; its time is from
/// the step before to when its tokens are seen.
Status Bench::generate(bool counted) {
  FT_ASSIGN_OR_RETURN(auto engine, Engine::create(model_));
  FT_RETURN_IF_ERROR(submit(*engine));
  std::set<RequestId> started;
  double host = 0;
  int64_t steps = 0;
  auto begin = Clock::now();
  auto last = begin;
  while (!engine->idle()) {
    double waited = engine->times().waited;
    FT_ASSIGN_OR_RETURN(std::vector<Event> events, engine->step());
    double time = millisecondsSince(last);
    bool first = int64_t(started.size()) < options_.batch;
    for (const Event &event : events)
      started.insert(event.request);
    if (first && int64_t(started.size()) == options_.batch) {
      double all = millisecondsSince(begin);
      counted ? prefillTimes_.push_back(all) : void(warmUp_.first = all);
    } else if (!first && int64_t(events.size()) == options_.batch) {
      if (counted)
        decodeTimes_.push_back(time);
      else
        warmUp_.slowest = std::max(warmUp_.slowest, time);
      host += time - 1e3 * (engine->times().waited - waited);
      ++steps;
    }
    last = Clock::now();
  }
  if (counted && steps)
    hostTimes_.push_back(host / double(steps));
  return Status::success();
}

Status Bench::timeEncode(std::vector<double> &times) {
  auto begin = Clock::now();
  FT_RETURN_IF_ERROR(model_.run(entryIndex_, encoded_->slices()));
  FT_RETURN_IF_ERROR(model_.synchronize());
  times.push_back(millisecondsSince(begin));
  return Status::success();
}

/// Images and rows lie on the device already, as those of frameworks' timings
/// do; what sending images adds is timed beside.
Status Bench::encode(bool counted) {
  if (!encoded_) {
    FT_ASSIGN_OR_RETURN(encoded_, batch(/*decode=*/false));
  }
  std::vector<double> times;
  bool images = entry_.imageTokens() > 0;
  if (images && counted)
    FT_RETURN_IF_ERROR(timeEncode(sendingTimes_));
  encoded_->keepInputs(counted);
  FT_RETURN_IF_ERROR(timeEncode(counted ? prefillTimes_ : times));
  encoded_->keepInputs(false);
  if (!counted)
    warmUp_.first = times[0];
  return Status::success();
}

StatusOr<std::unique_ptr<FixedBatch>> Bench::batch(bool decode) const {
  FT_ASSIGN_OR_RETURN(auto fixed,
                      FixedBatch::make(model_, entryIndex_,
                                       decode ? decodeLengths(options_)
                                              : promptLengths(options_)));
  if (entry_.causal && options_.sampling.isGreedy()) // as the engine's steps
    fixed->setResults(Results::Tokens);
  return fixed;
}

Status Bench::run() {
  // The first round captures graphs and warms up.
  for (int64_t round = 0; round <= options_.repeat; ++round)
    FT_RETURN_IF_ERROR(entry_.causal ? generate(round > 0) : encode(round > 0));
  bool fits = prompts().counts[size_t(entry_.sequences[0].tokensAxis)] <=
              model_.bounds().axes[size_t(entry_.sequences[0].tokensAxis)];
  if (model_.plan().ranks() > 1 && fits) {
    FT_ASSIGN_OR_RETURN(auto fixed, batch(/*decode=*/false));
    FT_ASSIGN_OR_RETURN(auto times, timeKernels(model_, entryIndex_, *fixed));
    prefillExchange_ = collectiveMs(times);
  }
  FT_ASSIGN_OR_RETURN(auto fixed, batch(entry_.causal));
  if (model_.plan().ranks() > 1) {
    FT_ASSIGN_OR_RETURN(auto times, timeKernels(model_, entryIndex_, *fixed));
    exchange_ = collectiveMs(times);
  }
  FT_ASSIGN_OR_RETURN(kernels_, model_.kernelCount(entryIndex_, fixed->slices(),
                                                   fixed->results()));
  return Status::success();
}

Status Bench::profile() {
  bool decode = entry_.causal && options_.out;
  FT_ASSIGN_OR_RETURN(auto fixed, batch(decode));
  FT_ASSIGN_OR_RETURN(profile_, timeKernels(model_, entryIndex_, *fixed));
  if (!options_.trace.empty())
    FT_RETURN_IF_ERROR(writeTrace(model_, entryIndex_, *fixed, options_.trace));
  if (options_.chart.empty())
    return Status::success();
  return writeChart(profile_,
                    model_.plan().name + ", " + std::to_string(options_.batch) +
                        (decode ? " sequences, decode" : " sequences") +
                        ", a layer's kernels and their floors, " +
                        model_.device().describe(),
                    options_.chart);
}

Json Bench::section(const std::vector<double> &times,
                    const BatchShape &shape) const {
  Json json = {{"median_ms", quantile(times, 0.5)},
               {"p10_ms", quantile(times, 0.1)},
               {"p90_ms", quantile(times, 0.9)},
               {"p99_ms", quantile(times, 0.99)}};
  auto program = model_.programIndex(
      entryIndex_, shape.counts[size_t(entry_.sequences[0].tokensAxis)]);
  if (!program.ok())
    return json;
  Work work = countWork(entry_.programs[size_t(*program)], shape);
  json["bytes"] = work.bytes;
  json["flops"] = work.flops;
  if (work.linkBytes)
    json["link_bytes"] = work.linkBytes;
  auto ceilings = ceilingsFor(model_.device().describe(), model_.plan());
  if (!ceilings)
    return json;
  json["floor_ms"] = work.floorMs(*ceilings);
  json["share_of_floor"] = work.floorMs(*ceilings) / quantile(times, 0.5);
  return json;
}

/// Of all prompts.
int64_t tokensOf(const std::vector<Length> &lengths) {
  int64_t tokens = 0;
  for (const Length &length : lengths)
    tokens += length.tokens;
  return tokens;
}

Json Bench::report(const Json &startUp) const {
  const plan::Plan &plan = model_.plan();
  Json json = {{"model", plan.name},
               {"dtype", dtypeName(plan.dtype)},
               {"device", model_.device().describe()},
               {"batch", options_.batch},
               {"in", options_.in},
               {"in_least", options_.inLeast ? options_.inLeast : options_.in},
               {"prompt_tokens", tokensOf(promptLengths(options_))},
               {"ranks", plan.ranks()},
               {"memory_bytes", model_.memory().total()},
               {"start_up", startUp}};
  Json &first = json[entry_.causal ? "prefill" : "encode"];
  first = section(prefillTimes_, prompts());
  if (plan.ranks() > 1)
    first["collectives_ms"] = prefillExchange_;
  if (!entry_.causal)
    first["kernels"] = kernels_;
  if (!sendingTimes_.empty())
    first["median_ms_with_images_sent"] = quantile(sendingTimes_, 0.5);
  if (entry_.causal && options_.out) {
    json["out"] = options_.out;
    Json &decode = json["decode"];
    decode = section(decodeTimes_,
                     batchShape(plan, entry_, decodeLengths(options_)));
    decode["kernels"] = kernels_;
    if (plan.ranks() > 1)
      decode["collectives_ms"] = exchange_;
    decode["tokens_per_second"] =
        1e3 * double(options_.batch) / quantile(decodeTimes_, 0.5);
    decode["host_ms"] = quantile(hostTimes_, 0.5);
  }
  if (!profile_.empty())
    json["kernel_times"] = kernelsJson(profile_);
  return json;
}

void printSection(const char *name, const Json &part) {
  std::printf("%-8s %9.4f ms (p10 %.4f, p90 %.4f, p99 %.4f), %.3g GB, "
              "%.3g GFLOP",
              name, part["median_ms"].get<double>(),
              part["p10_ms"].get<double>(), part["p90_ms"].get<double>(),
              part["p99_ms"].get<double>(), part.value("bytes", 0.0) / 1e9,
              part.value("flops", 0.0) / 1e9);
  if (part.contains("floor_ms"))
    std::printf(", floor %.4f ms: %.1f %% of it",
                part["floor_ms"].get<double>(),
                100 * part["share_of_floor"].get<double>());
  if (part.contains("kernels"))
    std::printf(", %lld kernels", part["kernels"].get<long long>());
  if (part.contains("median_ms_with_images_sent"))
    std::printf(", %.4f ms with the images sent to the device",
                part["median_ms_with_images_sent"].get<double>());
  if (part.contains("host_ms"))
    std::printf(", host work %.4f ms", part["host_ms"].get<double>());
  if (part.contains("collectives_ms"))
    std::printf(", collectives %.4f ms when run step by step",
                part["collectives_ms"].get<double>());
  std::printf("\n");
}

void print(const Json &json) {
  std::printf("%s, %s, on %s", json["model"].get<std::string>().c_str(),
              json["dtype"].get<std::string>().c_str(),
              json["device"].get<std::string>().c_str());
  if (json["ranks"].get<long long>() > 1)
    std::printf(", the first of %lld ranks", json["ranks"].get<long long>());
  std::printf("\nstart-up");
  for (const auto &[name, time] : json["start_up"].items())
    std::printf("%s %s %.1f", name == "plan_ms" ? "" : ",",
                name.substr(0, name.size() - 3).c_str(), time.get<double>());
  std::printf(" ms\n");
  for (const char *name : {"prefill", "encode", "decode"})
    if (json.contains(name))
      printSection(name, json[name]);
}

/// The entry the options name; else that of the engine's loop.
StatusOr<int> benchEntry(const Model &model, const RunOptions &options) {
  if (!options.entry.empty()) {
    int entry = model.entryIndex(options.entry);
    if (entry < 0)
      return notFound("no entry '" + options.entry + "' in the plan");
    if (!model.entry(entry).causal)
      return entry;
  }
  // Where ranks decode without gathering the logits, that is what is timed.
  int greedy = model.entryIndex("step_greedy");
  if (greedy >= 0 && options.sampling.isGreedy())
    return greedy;
  return std::max(0, model.entryIndex("step"));
}

/// Bounds that just hold the batch, where the user chose none.
void fitOptions(const plan::Plan &plan, RunOptions &options) {
  int64_t tokens = 0;
  for (const plan::Entry &entry : plan.entries)
    if (options.entry.empty() || entry.name == options.entry)
      tokens = std::max(tokens, entry.imageTokens());
  if (tokens) {
    options.in = tokens; // an image has its own length
    options.inLeast = 0;
    options.out = -1;
  }
  if (!options.model.context)
    options.model.context = options.in + options.out + 1;
  if (!options.model.maxSequences)
    options.model.maxSequences = options.batch;
  if (!options.model.maxTokens)
    options.model.maxTokens = std::min<int64_t>(
        options.batch * options.in, plan.caches.empty() ? 1 << 20 : 8192);
}

} // namespace

StatusOr<int> runBench(RunOptions &options) {
  auto begin = Clock::now();
  if (options.inLeast > options.in)
    return invalidArgument("--in-least: expected at most --in, " +
                           std::to_string(options.in) + ", found " +
                           std::to_string(options.inLeast));
  FT_RETURN_IF_ERROR(applySampling(options));
  FT_ASSIGN_OR_RETURN(auto file, plan::PlanFile::open(options.plan));
  Json startUp = {{"plan_ms", millisecondsSince(begin)}};
  fitOptions(file->plan(), options);
  StartTimes times;
  FT_ASSIGN_OR_RETURN(auto model, openModel(options, std::move(file), &times));
  double loaded = millisecondsSince(begin);
  FT_ASSIGN_OR_RETURN(int entry, benchEntry(*model, options));
  Bench bench(*model, entry, options);
  FT_RETURN_IF_ERROR(bench.run());
  if (options.profile || !options.chart.empty())
    FT_RETURN_IF_ERROR(bench.profile());
  startUp["devices_ms"] = times.devices;
  startUp["weights_ms"] = times.weights;
  startUp["kernels_ms"] = times.kernels;
  startUp["first_answer_ms"] = bench.firstTokenMs();
  startUp["total_ms"] = loaded + bench.firstTokenMs();
  startUp["capture_ms"] = bench.captureMs();
  Json report = bench.report(startUp);
  if (options.json) {
    std::printf("%s\n", report.dump().c_str());
    return 0;
  }
  print(report);
  bench.printProfile();
  return 0;
}

} // namespace ft::run
