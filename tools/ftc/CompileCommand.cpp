//===- CompileCommand.cpp - ftc compile -----------------------------------===//
#include "tools/ftc/CompileCommand.h"

#include "runtime/base/AtomicFile.h"
#include "runtime/plan/PlanFile.h"
#include "runtime/plan/Tuning.h"
#include "tools/ftc/Options.h"

#include <cstdio>
#include <filesystem>
#include <memory>
#include <unistd.h>

using namespace ft;
using passes::Phase;

namespace {
struct CompileArguments {
  ModelOptions model;
  std::string output;
  std::string emit;
  std::string tuning;
  bool noCache = false;
};
} // namespace

static Status writeText(const std::string &output, const std::string &text) {
  if (!output.empty() && output != "-")
    return writeFileAtomically(output, text);
  if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size() ||
      std::fflush(stdout) != 0)
    return resourceExhausted("stdout cannot be written");
  return {};
}

/// The IR after the phase asked for; after `plan`, the plan's JSON header.
static Status emitPhase(const CompileArguments &arguments) {
  std::optional<Phase> phase = passes::parsePhase(arguments.emit);
  if (!phase)
    return invalidArgument("--emit: unknown phase '" + arguments.emit + "'");
  mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
  const CompileRequest &request = arguments.model.request;
  Phase last = *phase == Phase::Plan ? Phase::Kernels : *phase;
  Warnings warnings;
  FT_ASSIGN_OR_RETURN(auto module,
                      lowerModel(request, last, context, warnings));
  printWarnings(warnings);
  if (*phase == Phase::Plan) {
    FT_ASSIGN_OR_RETURN(plan::Plan plan, makePlan(request, *module));
    return writeText(arguments.output, plan::planToJson(plan, 1) + "\n");
  }
  std::string text;
  llvm::raw_string_ostream stream(text);
  module->print(stream);
  return writeText(arguments.output, text);
}

/// `llama` for the directory llama/ and for llama.json.
static std::string defaultOutput(const std::string &model) {
  std::filesystem::path path(model);
  if (!path.has_filename())
    path = path.parent_path();
  return path.stem().string() + ".plan";
}

static Status run(CompileArguments &arguments) {
  FT_RETURN_IF_ERROR(arguments.model.finish());
  CompileRequest &request = arguments.model.request;
  request.cache = !arguments.noCache;
  request.progress = isatty(STDERR_FILENO) != 0;
  if (!request.dumpDirectory.empty()) {
    std::error_code error;
    std::filesystem::create_directories(request.dumpDirectory, error);
    if (error)
      return invalidArgument("--dump-phases: cannot create " +
                             request.dumpDirectory + ": " + error.message());
  }
  if (!arguments.tuning.empty()) {
    FT_ASSIGN_OR_RETURN(request.tuning, plan::readTuning(arguments.tuning));
  }
  if (!arguments.emit.empty())
    return emitPhase(arguments);
  Warnings warnings;
  FT_ASSIGN_OR_RETURN(plan::Plan plan, compileModel(request, warnings));
  printWarnings(warnings);
  return plan::writePlan(plan, arguments.output.empty()
                                   ? defaultOutput(request.model)
                                   : arguments.output);
}

std::function<int()> ft::addCompileCommand(CLI::App &app) {
  auto arguments = std::make_shared<CompileArguments>();
  CLI::App *command = app.add_subcommand(
      "compile", "Compile a model to a plan, which ft-run executes");
  arguments->model.addTo(*command);
  command->add_option("-o,--output", arguments->output,
                      "The plan to write; the model's name with .plan "
                      "otherwise");
  command->add_option("--emit", arguments->emit,
                      "Print the program after a phase instead: import, "
                      "raise, precision, partition, fuse, schedule, kernels; "
                      "plan prints the plan's JSON header");
  command->add_option("--dump-phases", arguments->model.request.dumpDirectory,
                      "A folder for one numbered file a phase");
  command->add_option("--tuning", arguments->tuning,
                      "A file of ft-run --tune: its choices go into the plan, "
                      "for the machine they were measured on");
  command->add_flag("--no-cache", arguments->noCache,
                    "Compile every kernel anew and keep none");
  command->footer("Examples:\n"
                  "  ftc compile ./Llama-3.1-8B -o llama.plan\n"
                  "  ftc compile model.json --dtype bf16 --target sm_90a\n"
                  "  ftc compile ./bert-base --emit=fuse");
  return [arguments] { return report(run(*arguments)); };
}
