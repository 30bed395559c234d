//===- RunBench.cpp - --bench: time prefill, decode and encode ------------===//
#include "runtime/base/AtomicFile.h"
#include "runtime/kv/PagePool.h"
#include "tools/ft-run/Floor.h"
#include "tools/ft-run/RunOptions.h"

#include <nlohmann/json.hpp>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <random>

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

/// Sequences of random tokens fed to one entry of a model.
class Bench {
public:
  Bench(Model &model, int entry, const RunOptions &options)
      : model_(model), entryIndex_(entry), entry_(model.entry(entry)),
        options_(options),
        pool_(model.cachePages(), std::max<int64_t>(1, model.pageSize())) {}

  Status run();
  Status writeTrace(const std::string &path);
  Json report() const;
  void print() const;

private:
  struct Sequence {
    std::vector<int32_t> tokens;
    int64_t computed = 0;
    std::optional<kv::PageList> pages;
    plan::SamplingRecord sampling;
  };
  Status start();
  Status startSampling(Sequence &sequence, int64_t number);
  Status prefill(double &milliseconds);
  Status decode(std::vector<double> *times);
  Status readTokens(bool append);
  StatusOr<double> timeCollectives(int64_t budget);
  std::vector<SequenceSlice> slices(int64_t budget) const;
  BatchShape shape(int64_t tokensEach, int64_t keysEach) const;
  Json section(const std::vector<double> &times, const BatchShape &shape) const;

  Model &model_;
  int entryIndex_;
  const plan::Entry &entry_;
  const RunOptions &options_;
  kv::PagePool pool_;
  std::mt19937 random_{1};
  std::vector<Sequence> sequences_;
  std::vector<double> prefillTimes_, decodeTimes_;
  int64_t decodeKernels_ = 0, prefillKernels_ = 0;
  double decodeCollectives_ = 0, prefillCollectives_ = 0; // ms of a batch
};

Status Bench::start() {
  sequences_.clear();
  int64_t vocabulary = std::max<int64_t>(1, model_.plan().vocabulary);
  std::uniform_int_distribution<int32_t> token(0, int32_t(vocabulary - 1));
  for (int64_t i = 0; i < options_.batch; ++i) {
    Sequence sequence;
    for (int64_t j = 0; j < options_.in; ++j)
      sequence.tokens.push_back(token(random_));
    if (entry_.causal) {
      sequence.pages.emplace(pool_);
      FT_RETURN_IF_ERROR(
          sequence.pages->reserve(options_.in + options_.out + 1));
    }
    FT_RETURN_IF_ERROR(startSampling(sequence, i));
    sequences_.push_back(std::move(sequence));
  }
  return Status::success();
}

/// What the command line asks of sampling; sequence `number` has its own slot.
Status Bench::startSampling(Sequence &sequence, int64_t number) {
  const SamplingParams &params = options_.sampling;
  int64_t columns = model_.sampledColumns(entryIndex_);
  if (!columns)
    return params.isGreedy()
               ? Status::success()
               : unsupported("--bench: the entry '" + entry_.name +
                             "' does not sample; leave out the sampling "
                             "options");
  FT_RETURN_IF_ERROR(checkSampling(params, columns));
  sequence.sampling =
      makeSamplingRecord(params, params.seed.value_or(1) + uint64_t(number),
                         options_.in, int32_t(number));
  if (!params.usesState())
    return Status::success();
  return model_.writeSamplingState(
      entryIndex_, int32_t(number),
      makeSamplingState(params, params.stopTokens, sequence.tokens, columns));
}

std::vector<SequenceSlice> Bench::slices(int64_t budget) const {
  std::vector<SequenceSlice> result;
  for (const Sequence &sequence : sequences_) {
    int64_t pending = int64_t(sequence.tokens.size()) - sequence.computed;
    int64_t count = std::min(pending, budget);
    if (count == 0)
      continue;
    budget -= count;
    SequenceSlice slice;
    slice.tokens = std::span(sequence.tokens)
                       .subspan(size_t(sequence.computed), size_t(count));
    slice.position = sequence.computed;
    if (sequence.pages)
      slice.pages = std::span(sequence.pages->pages());
    slice.wanted = count == pending ? WantedRows::Last : WantedRows::None;
    slice.sampling = sequence.sampling;
    result.push_back(std::move(slice));
  }
  return result;
}

Status Bench::readTokens(bool append) {
  // Reading an output waits for the batch; encoders have no token to read.
  int output = -1;
  for (size_t i = 0; i < entry_.outputs.size(); ++i)
    if (entry_.outputs[i].name == "next_token")
      output = int(i);
  if (output < 0)
    return model_.synchronize();
  std::vector<int32_t> next(sequences_.size());
  int64_t finished = 0;
  for (const Sequence &sequence : sequences_)
    finished += sequence.computed == int64_t(sequence.tokens.size());
  if (finished < int64_t(sequences_.size()))
    return model_.synchronize();
  FT_RETURN_IF_ERROR(model_.readOutput(entryIndex_, output, 0,
                                       int64_t(next.size()), next.data()));
  if (append)
    for (size_t i = 0; i < next.size(); ++i)
      sequences_[i].tokens.push_back(next[i]);
  return Status::success();
}

Status Bench::prefill(double &milliseconds) {
  auto begin = Clock::now();
  int64_t budget = model_.bounds().axes[size_t(entry_.sequences[0].tokensAxis)];
  while (true) {
    std::vector<SequenceSlice> batch = slices(budget);
    if (batch.empty())
      break;
    FT_RETURN_IF_ERROR(model_.run(entryIndex_, batch));
    int64_t left = budget;
    for (Sequence &sequence : sequences_) {
      int64_t count =
          std::min(int64_t(sequence.tokens.size()) - sequence.computed, left);
      sequence.computed += count;
      left -= count;
    }
  }
  FT_RETURN_IF_ERROR(readTokens(entry_.causal));
  milliseconds = millisecondsSince(begin);
  return Status::success();
}

Status Bench::decode(std::vector<double> *times) {
  for (int64_t i = 0; i < options_.out; ++i) {
    auto begin = Clock::now();
    FT_RETURN_IF_ERROR(
        model_.run(entryIndex_, slices(int64_t(sequences_.size()))));
    for (Sequence &sequence : sequences_)
      ++sequence.computed;
    FT_RETURN_IF_ERROR(readTokens(true));
    if (times)
      times->push_back(millisecondsSince(begin));
  }
  return Status::success();
}

/// Milliseconds that rank 0 spends in the collectives of the next batch, waits
/// for the other ranks included: the median of some profiled runs.
StatusOr<double> Bench::timeCollectives(int64_t budget) {
  constexpr int kRuns = 9;
  std::vector<SequenceSlice> batch = slices(budget);
  int64_t tokens = 0;
  for (const SequenceSlice &slice : batch)
    tokens += int64_t(slice.tokens.size());
  FT_ASSIGN_OR_RETURN(int program, model_.programIndex(entryIndex_, tokens));
  std::vector<double> sums;
  for (int run = 0; run < kRuns; ++run) {
    FT_ASSIGN_OR_RETURN(auto times, model_.profile(entryIndex_, batch));
    double sum = 0;
    for (const StepTime &time : times[0])
      if (entry_.programs[size_t(program)].steps[size_t(time.step)].pattern ==
          "collective")
        sum += time.duration / 1e3;
    sums.push_back(sum);
  }
  return quantile(sums, 0.5);
}

Status Bench::run() {
  bool group = model_.plan().ranks() > 1;
  int64_t budget = model_.bounds().axes[size_t(entry_.sequences[0].tokensAxis)];
  // The first round captures graphs and warms up; it is not counted.
  for (int64_t round = 0; round <= options_.repeat; ++round) {
    FT_RETURN_IF_ERROR(start());
    if (group && round == 0) {
      FT_ASSIGN_OR_RETURN(prefillCollectives_, timeCollectives(budget));
    }
    double milliseconds = 0;
    FT_RETURN_IF_ERROR(prefill(milliseconds));
    if (round)
      prefillTimes_.push_back(milliseconds);
    if (entry_.causal)
      FT_RETURN_IF_ERROR(decode(round ? &decodeTimes_ : nullptr));
  }
  if (entry_.causal) {
    if (group) {
      FT_ASSIGN_OR_RETURN(decodeCollectives_, timeCollectives(1 << 30));
    }
    FT_ASSIGN_OR_RETURN(decodeKernels_,
                        model_.kernelCount(entryIndex_, slices(1 << 30)));
  } else {
    FT_RETURN_IF_ERROR(start());
    FT_ASSIGN_OR_RETURN(prefillKernels_,
                        model_.kernelCount(entryIndex_, slices(1 << 30)));
  }
  return Status::success();
}

BatchShape Bench::shape(int64_t tokensEach, int64_t keysEach) const {
  BatchShape shape;
  int64_t n = options_.batch;
  for (const plan::Axis &axis : model_.plan().axes)
    shape.counts.push_back(axis.name == "tokens" ? n * tokensEach : n);
  shape.keys = n * keysEach;
  shape.queryKeys = n * tokensEach * keysEach;
  if (entry_.causal)
    shape.queryKeys -= n * tokensEach * (tokensEach - 1) / 2;
  return shape;
}

Json Bench::section(const std::vector<double> &times,
                    const BatchShape &shape) const {
  Json json = {{"median_ms", quantile(times, 0.5)},
               {"p10_ms", quantile(times, 0.1)},
               {"p90_ms", quantile(times, 0.9)}};
  auto program = model_.programIndex(
      entryIndex_, shape.counts[size_t(entry_.sequences[0].tokensAxis)]);
  if (!program.ok())
    return json;
  Work work = countWork(entry_.programs[size_t(*program)], shape);
  json["bytes"] = work.bytes;
  json["flops"] = work.flops;
  if (work.linkBytes)
    json["link_bytes"] = work.linkBytes;
  auto ceilings = ceilingsFor(model_.device().describe(), model_.plan().dtype);
  if (!ceilings)
    return json;
  json["floor_ms"] = work.floorMs(*ceilings);
  json["share_of_floor"] = work.floorMs(*ceilings) / quantile(times, 0.5);
  return json;
}

Json Bench::report() const {
  Json json = {{"model", model_.plan().name},
               {"dtype", dtypeName(model_.plan().dtype)},
               {"device", model_.device().describe()},
               {"batch", options_.batch},
               {"in", options_.in},
               {"ranks", model_.plan().ranks()},
               {"memory_bytes", model_.memory().total()}};
  Json &first = json[entry_.causal ? "prefill" : "encode"];
  first = section(prefillTimes_, shape(options_.in, options_.in));
  if (model_.plan().ranks() > 1)
    first["collectives_ms"] = prefillCollectives_;
  if (prefillKernels_)
    json["encode"]["kernels"] = prefillKernels_;
  if (!entry_.causal || !options_.out)
    return json;
  json["out"] = options_.out;
  json["decode"] =
      section(decodeTimes_, shape(1, options_.in + options_.out / 2));
  json["decode"]["kernels"] = decodeKernels_;
  if (model_.plan().ranks() > 1)
    json["decode"]["collectives_ms"] = decodeCollectives_;
  json["decode"]["tokens_per_second"] =
      1e3 * double(options_.batch) / quantile(decodeTimes_, 0.5);
  return json;
}

void Bench::print() const {
  Json json = report();
  std::printf("%s, %s, on %s", model_.plan().name.c_str(),
              json["dtype"].get<std::string>().c_str(),
              json["device"].get<std::string>().c_str());
  if (model_.plan().ranks() > 1)
    std::printf(", the first of %lld ranks", (long long)model_.plan().ranks());
  std::printf("\n");
  for (const char *name : {"prefill", "encode", "decode"}) {
    if (!json.contains(name))
      continue;
    const Json &part = json[name];
    std::printf("%-8s %9.4f ms (p10 %.4f, p90 %.4f), %.3g GB, %.3g GFLOP", name,
                part["median_ms"].get<double>(), part["p10_ms"].get<double>(),
                part["p90_ms"].get<double>(), part.value("bytes", 0.0) / 1e9,
                part.value("flops", 0.0) / 1e9);
    if (part.contains("floor_ms"))
      std::printf(", floor %.4f ms: %.1f %% of it",
                  part["floor_ms"].get<double>(),
                  100 * part["share_of_floor"].get<double>());
    if (part.contains("kernels"))
      std::printf(", %lld kernels", part["kernels"].get<long long>());
    if (part.contains("collectives_ms"))
      std::printf(", collectives %.4f ms when run step by step",
                  part["collectives_ms"].get<double>());
    std::printf("\n");
  }
}

Status Bench::writeTrace(const std::string &path) {
  std::vector<SequenceSlice> batch = slices(1 << 30);
  FT_ASSIGN_OR_RETURN(auto times, model_.profile(entryIndex_, batch));
  int64_t tokens = 0;
  for (const SequenceSlice &slice : batch)
    tokens += int64_t(slice.tokens.size());
  FT_ASSIGN_OR_RETURN(int program, model_.programIndex(entryIndex_, tokens));
  Json events = Json::array();
  for (size_t rank = 0; rank < times.size(); ++rank)
    for (const StepTime &time : times[rank]) {
      const plan::Step &step =
          entry_.programs[size_t(program)].steps[size_t(time.step)];
      events.push_back({{"name", step.name},
                        {"cat", step.pattern},
                        {"ph", "X"},
                        {"pid", 0},
                        {"tid", rank},
                        {"ts", time.microseconds},
                        {"dur", time.duration}});
    }
  Json trace = {{"traceEvents", events}, {"displayTimeUnit", "ns"}};
  return writeFileAtomically(path, trace.dump());
}

} // namespace

StatusOr<int> runBench(RunOptions &options) {
  FT_RETURN_IF_ERROR(applySampling(options));
  FT_ASSIGN_OR_RETURN(auto file, plan::PlanFile::open(options.plan));
  int64_t longest = options.in + options.out + 1;
  if (!options.model.context)
    options.model.context = longest;
  if (!options.model.maxSequences)
    options.model.maxSequences = options.batch;
  if (!options.model.maxTokens)
    options.model.maxTokens =
        std::min<int64_t>(options.batch * options.in,
                          file->plan().caches.empty() ? 1 << 20 : 8192);
  FT_ASSIGN_OR_RETURN(auto model, openModel(options, std::move(file)));
  // Where ranks decode without gathering the logits, that is what is timed.
  int entry = options.entry.empty()
                  ? std::max(0, model->entryIndex("step_greedy"))
                  : model->entryIndex(options.entry);
  if (entry < 0)
    return notFound("no entry '" + options.entry + "' in the plan");
  Bench bench(*model, entry, options);
  FT_RETURN_IF_ERROR(bench.run());
  if (!options.profile.empty())
    FT_RETURN_IF_ERROR(bench.writeTrace(options.profile));
  if (options.json)
    std::printf("%s\n", bench.report().dump().c_str());
  else
    bench.print();
  return 0;
}

} // namespace ft::run
