//===- Compiler.cpp - from a model to a plan, in memory -------------------===//
#include "tools/ftc/Compiler.h"

#include "codegen/CompileKernels.h"
#include "codegen/SelectKernels.h"
#include "codegen/cuda/KernelCache.h"
#include "codegen/plan/EmitPlan.h"
#include "frontends/Frontend.h"

#include "mlir/IR/Diagnostics.h"
#include "mlir/Parser/Parser.h"
#include "llvm/ADT/StringExtras.h"

#include <cstdio>

using namespace ft;
using passes::Phase;

namespace {

/// Keeps the first error said while it lives, and every warning; each
/// diagnostic of ours is a whole sentence of its own.
class FirstError {
public:
  explicit FirstError(mlir::MLIRContext &context, Warnings *warnings = nullptr)
      : handler_(&context, [this, warnings](mlir::Diagnostic &diagnostic) {
          std::string text =
              placeOf(diagnostic.getLocation()) + diagnostic.str();
          bool warning =
              diagnostic.getSeverity() == mlir::DiagnosticSeverity::Warning;
          if (warning && warnings)
            warnings->push_back(text);
          bool error =
              diagnostic.getSeverity() == mlir::DiagnosticSeverity::Error;
          if (error && text_.empty())
            text_ = text;
        }) {}

  Status status(const std::string &fallback) const {
    return invalidArgument(text_.empty() ? fallback : text_);
  }

private:
  static std::string placeOf(mlir::Location location) {
    if (auto file = mlir::dyn_cast<mlir::FileLineColLoc>(location))
      return file.getFilename().str() + ":" + std::to_string(file.getLine()) +
             ":" + std::to_string(file.getColumn()) + ": ";
    if (auto name = mlir::dyn_cast<mlir::NameLoc>(location)) {
      // A value's name around the place of its node in the model's file.
      if (auto place = mlir::dyn_cast<mlir::NameLoc>(name.getChildLoc()))
        return place.getName().str() + " (" + name.getName().str() + "): ";
      return name.getName().str() + ": ";
    }
    return "";
  }

  std::string text_;
  mlir::ScopedDiagnosticHandler handler_;
};

} // namespace

static StatusOr<mlir::OwningOpRef<mlir::ModuleOp>>
loadModel(const CompileRequest &request, mlir::MLIRContext &context) {
  if (!llvm::StringRef(request.model).ends_with(".mlir"))
    return importModel(request.model, request.import, context);
  FT_RETURN_IF_ERROR(refuseImportOptions(request.model, request.import));
  FirstError error(context);
  context.loadDialect<ir::FtDialect>();
  auto module = mlir::parseSourceFile<mlir::ModuleOp>(request.model, &context);
  if (!module)
    return error.status("cannot read " + request.model);
  return module;
}

/// Runs every phase up to `phase` on an imported module.
static Status lower(const CompileRequest &request, Phase phase,
                    mlir::ModuleOp module, Warnings &warnings) {
  passes::PipelineOptions options;
  options.dtype = request.dtype;
  options.tp = request.tp;
  options.archs = request.targets;
  options.preview = request.preview;
  options.optimize = request.optimize;
  options.dumpDirectory = request.dumpDirectory;
  options.addKernels = [&](mlir::OpPassManager &manager) {
    manager.addPass(
        codegen::createSelectKernelsPass(request.targets, request.preview));
  };
  mlir::PassManager manager(module.getContext());
  passes::buildPipeline(manager, options, phase);
  FirstError error(*module.getContext(), &warnings);
  if (mlir::failed(manager.run(module)))
    return error.status("the passes failed without saying why");
  return {};
}

StatusOr<mlir::OwningOpRef<mlir::ModuleOp>>
ft::lowerModel(const CompileRequest &request, Phase phase,
               mlir::MLIRContext &context, Warnings &warnings) {
  FT_ASSIGN_OR_RETURN(auto module, loadModel(request, context));
  FT_RETURN_IF_ERROR(lower(request, phase, *module, warnings));
  return module;
}

StatusOr<plan::Plan> ft::makePlan(const CompileRequest &request,
                                  mlir::ModuleOp module) {
  FirstError error(*module.getContext());
  auto plan = codegen::emitPlan(module);
  if (mlir::failed(plan))
    return error.status("the plan phase failed without saying why");
  plan->tuning = request.tuning;
  plan->provenance["ftc"] = FT_VERSION;
  plan->provenance["source"] = request.model;
  return std::move(*plan);
}

/// A line that is rewritten as images get ready, and removed at the end.
static void showProgress(int done, int total) {
  if (done == total)
    std::fputs("\r\033[K", stderr);
  else
    std::fprintf(stderr, "\rcompiling kernels: %d of %d", done, total);
  std::fflush(stderr);
}

/// Adds machine code for every target to `plan`, which was made of `module`.
static Status addImages(const CompileRequest &request, mlir::ModuleOp module,
                        plan::Plan &plan, Warnings &warnings) {
  codegen::CompileOptions options;
  options.targets = request.targets;
  if (request.cache)
    options.cacheDirectory = codegen::KernelCache::defaultDirectory();
  if (request.progress)
    options.progress = showProgress;
  if (request.targets.empty())
    return {};
  std::vector<codegen::KernelWarning> ofKernels;
  FT_RETURN_IF_ERROR(codegen::compileKernels(module, options, plan, ofKernels));
  for (const codegen::KernelWarning &warning : ofKernels)
    warnings.push_back("kernel " + warning.kernel + " for " + warning.target +
                       " " + warning.text);
  return {};
}

StatusOr<plan::Plan> ft::compileModel(const CompileRequest &request,
                                      Warnings &warnings) {
  mlir::MLIRContext context(mlir::MLIRContext::Threading::DISABLED);
  FT_ASSIGN_OR_RETURN(auto module,
                      lowerModel(request, Phase::Kernels, context, warnings));
  FT_ASSIGN_OR_RETURN(plan::Plan plan, makePlan(request, *module));
  FT_RETURN_IF_ERROR(addImages(request, *module, plan, warnings));
  return plan;
}

StatusOr<CompiledModel> ft::compileWithSource(const CompileRequest &request,
                                              bool machineCode,
                                              mlir::MLIRContext &context) {
  CompiledModel model;
  FT_ASSIGN_OR_RETURN(model.source, loadModel(request, context));
  model.lowered = model.source->clone();
  FT_RETURN_IF_ERROR(
      lower(request, Phase::Kernels, *model.lowered, model.warnings));
  FT_ASSIGN_OR_RETURN(model.plan, makePlan(request, *model.lowered));
  if (machineCode)
    FT_RETURN_IF_ERROR(
        addImages(request, *model.lowered, model.plan, model.warnings));
  return model;
}
