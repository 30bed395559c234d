//===- ImportCommand.cpp - ftc import -------------------------------------===//
#include "tools/ftc/ImportCommand.h"

#include "frontends/Frontend.h"
#include "frontends/json/ModelJson.h"
#include "runtime/base/AtomicFile.h"
#include "tools/ftc/Options.h"

#include <cstdio>
#include <filesystem>
#include <memory>

using namespace ft;

namespace {
struct ImportArguments {
  std::string path;
  std::string output = "-";
  ImportOptions options;
  bool emitIr = false;
  bool printSchema = false;
  bool printOps = false;
  bool printPrimitives = false;
};
} // namespace

/// The model as model.json, or its IR.
static StatusOr<std::string> importText(const ImportArguments &arguments) {
  // Building the IR is the check of shapes; it is wanted in both cases.
  mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
  FT_ASSIGN_OR_RETURN(auto module,
                      importModel(arguments.path, arguments.options, context));
  if (arguments.emitIr) {
    std::string text;
    llvm::raw_string_ostream stream(text);
    module->print(stream);
    return text + "\n";
  }
  FT_ASSIGN_OR_RETURN(graph::ModelGraph graph,
                      readModel(arguments.path, arguments.options));
  std::error_code ignored;
  std::filesystem::path file = arguments.output == "-"
                                   ? std::filesystem::path("model.json")
                                   : std::filesystem::path(arguments.output);
  return json::writeModelJson(
      graph, std::filesystem::absolute(file, ignored).parent_path().string());
}

static StatusOr<std::string> outputText(const ImportArguments &arguments) {
  if (arguments.printSchema)
    return json::modelJsonSchema();
  if (arguments.printOps)
    return json::opReference();
  if (arguments.printPrimitives)
    return json::primitiveReference();
  if (arguments.path.empty())
    return invalidArgument("expected a model: ftc import MODEL");
  return importText(arguments);
}

static Status run(const ImportArguments &arguments) {
  FT_ASSIGN_OR_RETURN(std::string text, outputText(arguments));
  if (arguments.output != "-")
    return writeFileAtomically(arguments.output, text);
  if (std::fwrite(text.data(), 1, text.size(), stdout) != text.size() ||
      std::fflush(stdout) != 0)
    return resourceExhausted("stdout cannot be written");
  return {};
}

std::function<int()> ft::addImportCommand(CLI::App &app) {
  auto arguments = std::make_shared<ImportArguments>();
  CLI::App *command = app.add_subcommand(
      "import", "Write a model as model.json, readable and editable");
  command->add_option("model", arguments->path,
                      "A Hugging Face model directory or a model.json");
  command->add_option("-o,--output", arguments->output,
                      "The file to write; - is stdout, the default");
  addImportOptions(*command, arguments->options);
  command->add_flag("--emit-ir", arguments->emitIr,
                    "Write the IR of phase import instead");
  command->add_flag("--print-schema", arguments->printSchema,
                    "Write the JSON Schema of model.json instead");
  command->add_flag("--print-ops", arguments->printOps,
                    "Write the table of operations as Markdown instead");
  command->add_flag("--print-primitives", arguments->printPrimitives,
                    "Write the table of primitives as Markdown instead");
  return [arguments] {
    Status status = run(*arguments);
    if (status.ok())
      return 0;
    std::fprintf(stderr, "ftc: error: %s\n", status.message().c_str());
    return 1;
  };
}
