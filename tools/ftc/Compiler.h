//===- Compiler.h - from a model to a plan, in memory -----------*- C++ -*-===//
#ifndef FT_TOOLS_FTC_COMPILER_H
#define FT_TOOLS_FTC_COMPILER_H

#include "frontends/ImportOptions.h"
#include "ir/Ft.h"
#include "passes/Pipelines.h"
#include "runtime/base/Status.h"
#include "runtime/plan/Plan.h"

#include "mlir/IR/OwningOpRef.h"

#include <string>
#include <vector>

namespace ft {

/// What the user asked of `ftc compile` and `ftc explain`.
struct CompileRequest {
  std::string model; // a Hugging Face directory, model.json or .mlir
  std::string dtype = "auto";
  int64_t tp = 1; // ranks that share every tensor
  /// Architectures; empty for a plan that only the CPU can run.
  std::vector<std::string> targets = {"sm_90a", "ptx"};
  ImportOptions import; // of a Hugging Face directory
  std::string dumpDirectory;
  bool optimize = true;
  bool preview = false; // kernels that are seldom faster yet
  plan::Tuning tuning;  // put into the plan
  bool cache = true;
  bool progress = false; // on stderr
};

/// What the user should know of a compilation that succeeds, a sentence each.
using Warnings = std::vector<std::string>;

/// The module of `request` after phase `phase`; `context` owns it. Errors are
/// the first diagnostic.
StatusOr<mlir::OwningOpRef<mlir::ModuleOp>>
lowerModel(const CompileRequest &request, passes::Phase phase,
           mlir::MLIRContext &context, Warnings &warnings);

/// The plan of a module after phase kernels, without machine code.
StatusOr<plan::Plan> makePlan(const CompileRequest &request,
                              mlir::ModuleOp module);

/// Everything: the plan with machine code for every target.
StatusOr<plan::Plan> compileModel(const CompileRequest &request,
                                  Warnings &warnings);

/// A model as imported, as lowered by the end of phase kernels, and its plan.
struct CompiledModel {
  mlir::OwningOpRef<mlir::ModuleOp> source, lowered;
  plan::Plan plan;
  Warnings warnings;
};

/// As compileModel, keeping the modules; `context` owns them. Without
/// `machineCode` the plan runs on the CPU only.
StatusOr<CompiledModel> compileWithSource(const CompileRequest &request,
                                          bool machineCode,
                                          mlir::MLIRContext &context);

} // namespace ft

#endif // FT_TOOLS_FTC_COMPILER_H
