//===- VerifyCommand.cpp - ftc verify -------------------------------------===//
#include "tools/ftc/VerifyCommand.h"

#include "tools/ftc/Options.h"
#include "tools/verify/Verify.h"

#include <nlohmann/json.hpp>

#include <cstdio>
#include <memory>
#include <unistd.h>

using namespace ft;
using nlohmann::json;
using verify::Difference;
using verify::EntryOutcome;
using verify::Outcome;

namespace {
struct VerifyArguments {
  ModelOptions model;
  std::string weights;
  std::string device = "cpu";
  std::optional<double> tolerance;
  uint64_t seed = 1;
  bool json = false;
};
} // namespace

/// A line that is rewritten as work gets done, and removed at the end.
static void showProgress(const std::string &what, int64_t done, int64_t total) {
  constexpr int64_t kWidth = 30;
  int64_t filled = total > 0 ? done * kWidth / total : kWidth;
  std::string bar(size_t(filled), '#');
  bar.resize(size_t(kWidth), '.');
  std::fprintf(stderr, "\r\033[K%-20s [%s]", what.c_str(), bar.c_str());
  std::fflush(stderr);
}

static StatusOr<Outcome> verifyModel(VerifyArguments &arguments) {
  FT_RETURN_IF_ERROR(arguments.model.finish());
  CompileRequest &request = arguments.model.request;
  bool watched = isatty(STDERR_FILENO) != 0;
  request.progress = watched;
  mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
  // The CPU runs the steps that were fused for the targets, without machine
  // code.
  FT_ASSIGN_OR_RETURN(
      CompiledModel compiled,
      compileWithSource(request, arguments.device != "cpu", context));
  printWarnings(compiled.warnings);
  verify::VerifyOptions options;
  if (arguments.weights == "random")
    options.weights.seed = arguments.seed;
  else
    options.weights.directory = arguments.weights;
  options.device = arguments.device;
  options.tolerance = arguments.tolerance;
  options.seed = arguments.seed;
  if (watched)
    options.progress = showProgress;
  StatusOr<Outcome> outcome = verify::verifyPlan(
      *compiled.source, *compiled.lowered, compiled.plan, options);
  if (watched)
    std::fputs("\r\033[K", stderr);
  return outcome;
}

static json differenceJson(const Difference &difference) {
  return {{"entry", difference.entry},
          {"call", difference.call},
          {"program",
           {{"min_tokens", difference.minTokens},
            {"max_tokens", difference.maxTokens}}},
          {"step", difference.step},
          {"value", difference.value},
          {"operation", difference.operation},
          {"place", difference.place},
          {"covers", difference.covers},
          {"error", difference.error},
          {"tolerance", difference.tolerance},
          {"sequence", difference.sequence},
          {"position", difference.position},
          {"element", difference.element},
          {"expected", difference.expected},
          {"found", difference.found}};
}

static std::string outcomeJson(const Outcome &outcome) {
  json entries = json::array();
  for (const EntryOutcome &entry : outcome.entries)
    entries.push_back({{"entry", entry.entry},
                       {"runs", entry.calls},
                       {"programs", entry.programs},
                       {"programs_run", entry.programsRun},
                       {"values", entry.values},
                       {"compared", entry.compared},
                       {"derived", entry.derived},
                       {"worst",
                        {{"value", entry.worstValue},
                         {"error", entry.worstError},
                         {"tolerance", entry.worstTolerance}}}});
  json out = {{"device", outcome.device},
              {"ok", !outcome.difference.has_value()},
              {"entries", std::move(entries)}};
  if (outcome.difference)
    out["difference"] = differenceJson(*outcome.difference);
  return out.dump(1, ' ', false, json::error_handler_t::replace) + "\n";
}

static std::string outcomeText(const Outcome &outcome) {
  std::string out = "on " + outcome.device + ", against the source in fp64\n";
  for (const EntryOutcome &entry : outcome.entries) {
    char line[512];
    std::snprintf(
        line, sizeof line,
        "%s: %lld runs through %lld of %lld programs, %lld comparisons of "
        "%lld values; worst %s, off by %.2g of %.2g allowed\n",
        entry.entry.c_str(), (long long)entry.calls,
        (long long)entry.programsRun, (long long)entry.programs,
        (long long)entry.compared, (long long)entry.values,
        entry.worstValue.empty() ? "nothing" : entry.worstValue.c_str(),
        entry.worstError, entry.worstTolerance);
    out += line;
    if (entry.derived > 0)
      out += "  " + std::to_string(entry.derived) +
             " of them by what the plan stored before them: steps and steep "
             "functions turn roundings into differences of any size\n";
  }
  if (!outcome.difference)
    out += "the plan computes what the source says\n";
  return out;
}

static Status run(VerifyArguments &arguments) {
  FT_ASSIGN_OR_RETURN(Outcome outcome, verifyModel(arguments));
  std::string text =
      arguments.json ? outcomeJson(outcome) : outcomeText(outcome);
  if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size() ||
      std::fflush(stdout) != 0)
    return resourceExhausted("stdout cannot be written");
  if (outcome.difference)
    return internalError(outcome.difference->text());
  return {};
}

std::function<int()> ft::addVerifyCommand(CLI::App &app) {
  auto arguments = std::make_shared<VerifyArguments>();
  CLI::App *command = app.add_subcommand(
      "verify", "Check that compilation changed nothing: the plan, step by "
                "step, against the graph as imported, evaluated in fp64");
  arguments->model.addTo(*command);
  command->add_option("--weights", arguments->weights,
                      "Their directory instead of the model's own, or random");
  command
      ->add_option("--device", arguments->device,
                   "Where the plan runs: cpu or cuda")
      ->check(CLI::IsMember({"cpu", "cuda"}));
  command
      ->add_option("--tolerance", arguments->tolerance,
                   "Relative error that a row of any value may have; "
                   "otherwise by dtype and depth (docs/verify.md)")
      ->check(CLI::PositiveNumber);
  command->add_option("--seed", arguments->seed,
                      "Of the inputs and of random weights");
  command->add_flag("--json", arguments->json, "The outcome as JSON");
  command->footer("Examples:\n"
                  "  ftc verify ./gpt2\n"
                  "  ftc verify model.json --weights random --dtype bf16\n"
                  "  ftc verify ./bert-base --device cuda --json");
  return [arguments] { return report(run(*arguments)); };
}
