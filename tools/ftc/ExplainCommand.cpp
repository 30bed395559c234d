//===- ExplainCommand.cpp - ftc explain -----------------------------------===//
#include "tools/ftc/ExplainCommand.h"

#include "runtime/base/AtomicFile.h"
#include "runtime/plan/PlanFile.h"
#include "tools/ftc/ExplainReport.h"
#include "tools/ftc/Options.h"

#include <cstdio>
#include <filesystem>
#include <memory>

using namespace ft;

namespace {
struct ExplainArguments {
  ModelOptions model;
  ReportShape shape;
  bool json = false;
  std::string html; // where the page goes; empty = no page
};
} // namespace

static StatusOr<Report> explainModel(ExplainArguments &arguments) {
  FT_RETURN_IF_ERROR(arguments.model.finish());
  mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
  const CompileRequest &request = arguments.model.request;
  FT_ASSIGN_OR_RETURN(
      CompiledModel model,
      compileWithSource(request, /*machineCode=*/false, context));
  model.plan.targets = request.targets;
  Report report = makeReport(model.plan, arguments.shape);
  report.warnings = model.warnings;
  addSource(report, *model.source, *model.lowered);
  return report;
}

static StatusOr<Report> explainPlan(const ExplainArguments &arguments) {
  const std::string &path = arguments.model.request.model;
  FT_ASSIGN_OR_RETURN(auto file, plan::PlanFile::open(path));
  Report report = makeReport(file->plan(), arguments.shape);
  std::error_code error;
  uintmax_t bytes = std::filesystem::file_size(path, error);
  report.planBytes = error ? 0 : int64_t(bytes);
  return report;
}

/// Models are directories, .json or .mlir files; anything else is a plan.
static bool isModel(const std::string &path) {
  std::error_code error;
  std::string extension = std::filesystem::path(path).extension().string();
  return std::filesystem::is_directory(path, error) || extension == ".json" ||
         extension == ".mlir";
}

static Status run(ExplainArguments &arguments) {
  StatusOr<Report> report = isModel(arguments.model.request.model)
                                ? explainModel(arguments)
                                : explainPlan(arguments);
  if (!report.ok())
    return report.status();
  if (!arguments.html.empty())
    FT_RETURN_IF_ERROR(
        writeFileAtomically(arguments.html, reportHtml(*report)));
  if (!arguments.html.empty() && !arguments.json)
    return {};
  std::string text = arguments.json ? reportJson(*report) : reportText(*report);
  if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size() ||
      std::fflush(stdout) != 0)
    return resourceExhausted("stdout cannot be written");
  return {};
}

std::function<int()> ft::addExplainCommand(CLI::App &app) {
  auto arguments = std::make_shared<ExplainArguments>();
  CLI::App *command = app.add_subcommand(
      "explain", "Say what a model or a plan does: kernels before and after "
                 "fusion, bytes, FLOPs, memory, predicted time");
  arguments->model.addTo(*command);
  command
      ->add_option("--tokens", arguments->shape.tokens,
                   "Figures for this many tokens of one sequence")
      ->check(CLI::PositiveNumber);
  command
      ->add_option("--context", arguments->shape.context,
                   "Cached tokens before them")
      ->check(CLI::NonNegativeNumber);
  command->add_option("--html", arguments->html,
                      "Write it as a page, one file without anything outside "
                      "it, instead of text");
  command->add_flag("--json", arguments->json, "The same as JSON");
  command->footer("Examples:\n"
                  "  ftc explain ./bert-base\n"
                  "  ftc explain ./bert-base --html report.html\n"
                  "  ftc explain llama.plan --tokens 1 --context 2048 --json");
  return [arguments] { return report(run(*arguments)); };
}
