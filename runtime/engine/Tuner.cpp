//===- Tuner.cpp - the fastest right way to run each GEMM -----------------===//
#include "runtime/engine/Tuner.h"

#include "runtime/device/Addressing.h"
#include "runtime/engine/TunerCheck.h"
#include "runtime/plan/Tuning.h"

#include <algorithm>
#include <chrono>
#include <set>

namespace ft {

namespace {

using Clock = std::chrono::steady_clock;

/// Products in a run: enough that starting them does not count.
constexpr size_t kInstances = 20;
/// Of a run of fast products; runs are repeated until this has passed.
constexpr double kMeasured = 5e3; // microseconds
constexpr int kMinRuns = 3, kMaxRuns = 50;

double since(Clock::time_point start) {
  return std::chrono::duration<double, std::micro>(Clock::now() - start)
      .count();
}

/// The steps of one program that are the same GEMM, of different weights.
struct Problem {
  std::string name; // plan::gemmProblem
  const plan::Entry *entry;
  const plan::Program *program;
  std::vector<const plan::Step *> steps;
  std::vector<int64_t> rows; // to measure at
};

class Tuner {
public:
  Tuner(Model &model, Device &reference, const TuneOptions &options)
      : model_(model), plan_(model.plan()), device_(model.device()),
        reference_(reference), options_(options) {}

  StatusOr<plan::Tuning> run();

private:
  void findProblems(const plan::Entry &entry, const plan::Program &program);
  std::vector<int64_t> rowsFor(const plan::Program &program,
                               const plan::Step &step) const;
  std::vector<int64_t> countsFor(const Problem &problem, int64_t rows) const;
  Binding bindingFor(const plan::Entry &entry) const;
  StatusOr<plan::TunedGemm> tune(const Problem &problem, int64_t rows);
  Status agrees(const TunedStep &tuned, const TunerCheck &check,
                const std::vector<int64_t> &counts);
  StatusOr<double> measure(const Problem &problem, TunedStep &tuned,
                           const TunerCheck &check,
                           const std::vector<int64_t> &counts,
                           const plan::TunedGemm &choice);
  void passOver(const plan::TunedGemm &choice, const std::string &why) const;
  StatusOr<double> time(const Problem &problem, const TunedStep &tuned,
                        const std::vector<int64_t> &counts);

  Model &model_;
  const plan::Plan &plan_;
  Device &device_;
  Device &reference_;
  const TuneOptions &options_;
  std::vector<Problem> problems_;
  std::set<std::pair<std::string, int64_t>> known_;
};

} // namespace

/// Whether the step reads and writes real numbers only, which can be random.
static bool canTune(const plan::Program &program, const plan::Step &step) {
  auto isReal = [&](int32_t buffer) {
    DType type = program.buffers[size_t(buffer)].dtype;
    return type == DType::F32 || type == DType::F16 || type == DType::BF16;
  };
  for (const plan::MeaningOp &op : step.meaning)
    for (const plan::Ref &ref : op.in)
      if (ref.kind != plan::RefKind::Buffer &&
          ref.kind != plan::RefKind::Temp && ref.kind != plan::RefKind::Weight)
        return false;
  return !step.writes.empty() &&
         std::all_of(step.reads.begin(), step.reads.end(), isReal) &&
         std::all_of(step.writes.begin(), step.writes.end(), isReal);
}

std::vector<int64_t> Tuner::rowsFor(const plan::Program &program,
                                    const plan::Step &step) const {
  int64_t low = step.axis == 0 ? program.minTokens : 1;
  int64_t high = model_.bounds().axes[size_t(step.axis)];
  // Wanted rows and sequences are no more than tokens, either.
  if (program.maxTokens > 0)
    high = std::min(high, program.maxTokens);
  std::vector<int64_t> rows;
  for (int64_t count : options_.rows)
    if (count >= low && count <= high)
      rows.push_back(count);
  return rows;
}

void Tuner::findProblems(const plan::Entry &entry,
                         const plan::Program &program) {
  size_t first = problems_.size();
  for (const plan::Step &step : program.steps) {
    std::string name = plan::gemmProblem(plan_, program, step);
    if (name.empty() || !canTune(program, step))
      continue;
    auto at = std::find_if(problems_.begin() + long(first), problems_.end(),
                           [&](const Problem &p) { return p.name == name; });
    if (at != problems_.end()) {
      at->steps.push_back(&step);
      continue;
    }
    Problem problem{name, &entry, &program, {&step}, {}};
    for (int64_t rows : rowsFor(program, step))
      if (known_.insert({name, rows}).second)
        problem.rows.push_back(rows);
    problems_.push_back(std::move(problem));
  }
}

std::vector<int64_t> Tuner::countsFor(const Problem &problem,
                                      int64_t rows) const {
  std::vector<int64_t> counts = model_.bounds().axes;
  for (int64_t &count : counts)
    count = std::min(count, rows);
  // Rows other than tokens: any number of tokens that the program takes.
  if (problem.steps[0]->axis != 0)
    counts[0] = std::max(counts[0], problem.program->minTokens);
  return counts;
}

Binding Tuner::bindingFor(const plan::Entry &entry) const {
  Binding binding = model_.binding();
  binding.layout = makeBatchLayout(plan_, entry, binding.bounds);
  binding.tuning = nullptr;
  binding.feed = nullptr; // a step alone chooses no token
  return binding;
}

/// `step` without the implementations that run more than it, or some batches
/// only: they go before any that a tuning chooses from.
static plan::Step alone(plan::Step step) {
  std::erase_if(step.implementations, [](const plan::Implementation &way) {
    return way.isSpecial();
  });
  return step;
}

/// `step` with the weights of `other`, a step of the same problem.
static plan::Step withWeights(plan::Step step, const plan::Step &other) {
  auto copy = [](plan::Ref &to, const plan::Ref &from) {
    if (to.kind == plan::RefKind::Weight && from.kind == plan::RefKind::Weight)
      to = from;
  };
  for (size_t op = 0; op < step.meaning.size(); ++op)
    for (size_t i = 0; i < step.meaning[op].in.size(); ++i)
      copy(step.meaning[op].in[i], other.meaning[op].in[i]);
  size_t ways =
      std::min(step.implementations.size(), other.implementations.size());
  for (size_t w = 0; w < ways; ++w) {
    auto &launches = step.implementations[w].launches;
    const auto &from = other.implementations[w].launches;
    for (size_t l = 0; l < std::min(launches.size(), from.size()); ++l) {
      auto *call = std::get_if<plan::GemmCall>(&launches[l]);
      auto *source = std::get_if<plan::GemmCall>(&from[l]);
      if (call && source)
        call->weight = source->weight, call->bias = source->bias;
      auto *kernel = std::get_if<plan::KernelLaunch>(&launches[l]);
      auto *model = std::get_if<plan::KernelLaunch>(&from[l]);
      for (size_t a = 0;
           kernel && model && a < kernel->args.size() && a < model->args.size();
           ++a)
        copy(kernel->args[a].ref, model->args[a].ref);
    }
  }
  return step;
}

/// An error where the step does not run, or not as on the CPU.
Status Tuner::agrees(const TunedStep &tuned, const TunerCheck &check,
                     const std::vector<int64_t> &counts) {
  plan::Program single = tuned.program;
  single.steps = {tuned.step};
  FT_RETURN_IF_ERROR(check.poison(tuned));
  FT_ASSIGN_OR_RETURN(auto executable, device_.load(tuned.file, tuned.entry,
                                                    single, tuned.binding));
  FT_RETURN_IF_ERROR(executable->run(counts));
  FT_ASSIGN_OR_RETURN(double difference, check.difference(tuned));
  if (difference <= check.bound())
    return Status::success();
  return internalError("it differs from the CPU by " +
                       std::to_string(difference) + ", " +
                       std::to_string(check.bound()) + " is allowed");
}

void Tuner::passOver(const plan::TunedGemm &choice,
                     const std::string &why) const {
  if (options_.warn)
    options_.warn(choice.problem + " of " + std::to_string(choice.rows) +
                  " rows: '" + choice.choice + "' is passed over: " + why);
}

/// Microseconds a product: the median of runs of many, whose weights change so
/// that caches hold no more of them than in the model.
StatusOr<double> Tuner::time(const Problem &problem, const TunedStep &tuned,
                             const std::vector<int64_t> &counts) {
  plan::Program chain = tuned.program;
  chain.steps.clear();
  for (size_t i = 0; i < std::max(kInstances, problem.steps.size()); ++i)
    chain.steps.push_back(withWeights(
        tuned.step, alone(*problem.steps[i % problem.steps.size()])));
  FT_ASSIGN_OR_RETURN(auto executable, device_.load(tuned.file, tuned.entry,
                                                    chain, tuned.binding));
  // The second run is captured, where the device captures.
  for (int warm = 0; warm < 2; ++warm)
    FT_RETURN_IF_ERROR(executable->run(counts));
  FT_RETURN_IF_ERROR(device_.synchronize());
  std::vector<double> times;
  double total = 0;
  for (int run = 0; run < kMaxRuns && (run < kMinRuns || total < kMeasured);
       ++run) {
    Clock::time_point start = Clock::now();
    FT_RETURN_IF_ERROR(executable->run(counts));
    FT_RETURN_IF_ERROR(device_.synchronize());
    times.push_back(since(start));
    total += times.back();
  }
  std::nth_element(times.begin(), times.begin() + long(times.size() / 2),
                   times.end());
  return times[times.size() / 2] / double(chain.steps.size());
}

/// `time` of a choice that agrees with the CPU.
StatusOr<double> Tuner::measure(const Problem &problem, TunedStep &tuned,
                                const TunerCheck &check,
                                const std::vector<int64_t> &counts,
                                const plan::TunedGemm &choice) {
  plan::Tuning forced{{}, {choice}};
  tuned.binding.tuning = &forced;
  Status right = agrees(tuned, check, counts);
  StatusOr<double> taken =
      right.ok() ? time(problem, tuned, counts) : StatusOr<double>(right);
  tuned.binding.tuning = nullptr;
  return taken;
}

static StatusOr<plan::TunedGemm> fastest(std::vector<plan::TunedGemm> right,
                                         const std::string &problem,
                                         int64_t rows) {
  if (right.empty())
    return internalError(problem + " of " + std::to_string(rows) +
                         " rows: no way of running it is left");
  std::stable_sort(right.begin(), right.end(),
                   [](const plan::TunedGemm &a, const plan::TunedGemm &b) {
                     return a.microseconds < b.microseconds;
                   });
  if (right.size() > 1) {
    right[0].runnerUp = right[1].choice;
    right[0].runnerUpMicroseconds = right[1].microseconds;
  }
  return right[0];
}

StatusOr<plan::TunedGemm> Tuner::tune(const Problem &problem, int64_t rows) {
  plan::Step step = alone(*problem.steps.front());
  std::vector<int64_t> counts = countsFor(problem, rows);
  TunedStep tuned{model_.file(), *problem.entry, *problem.program,
                  step,          device_,        bindingFor(*problem.entry)};
  std::vector<int32_t> written(counts.begin(), counts.end());
  FT_RETURN_IF_ERROR(device_.copyIn(
      tuned.binding.batch + tuned.binding.layout.counts, written.data(),
      int64_t(written.size() * sizeof(int32_t))));
  FT_ASSIGN_OR_RETURN(TunerCheck check,
                      TunerCheck::make(tuned, rows, reference_));
  plan::Program single = *problem.program;
  single.steps = {step};
  FT_ASSIGN_OR_RETURN(
      auto asked, device_.load(tuned.file, tuned.entry, single, tuned.binding));
  FT_ASSIGN_OR_RETURN(auto candidates, asked->candidates(0, counts));
  for (const Candidate &candidate : candidates)
    if (candidate.name.empty())
      return unsupported("the plan '" + plan_.name +
                         "' was made by an older ftc, whose implementations "
                         "have no names to choose by; compile it again");

  std::vector<plan::TunedGemm> right;
  for (const Candidate &candidate : candidates) {
    plan::TunedGemm choice;
    choice.problem = problem.name;
    choice.rows = rows;
    choice.choice = candidate.name;
    choice.algorithm = candidate.algorithm;
    StatusOr<double> taken =
        candidate.refusal.empty()
            ? measure(problem, tuned, check, counts, choice)
            : StatusOr<double>(unsupported(candidate.refusal));
    if (!taken.ok()) {
      passOver(choice, taken.status().message());
      continue;
    }
    choice.microseconds = *taken;
    right.push_back(std::move(choice));
  }
  return fastest(std::move(right), problem.name, rows);
}

StatusOr<plan::Tuning> Tuner::run() {
  for (const plan::Entry &entry : plan_.entries)
    for (const plan::Program &program : entry.programs)
      findProblems(entry, program);
  int total = 0, done = 0;
  for (const Problem &problem : problems_)
    total += int(problem.rows.size());
  plan::Tuning tuning;
  tuning.machine = device_.machine();
  for (const Problem &problem : problems_)
    for (int64_t rows : problem.rows) {
      FT_ASSIGN_OR_RETURN(plan::TunedGemm gemm, tune(problem, rows));
      tuning.gemms.push_back(std::move(gemm));
      if (options_.progress)
        options_.progress(++done, total, tuning.gemms.back());
    }
  if (tuning.gemms.empty())
    return unsupported("the plan '" + plan_.name +
                       "' has no matrix product to tune at these sizes; raise "
                       "--max-tokens");
  return tuning;
}

StatusOr<plan::Tuning> tuneGemms(Model &model, Device &reference,
                                 const TuneOptions &options) {
  return Tuner(model, reference, options).run();
}

} // namespace ft
