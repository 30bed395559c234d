//===- ExplainReport.h - what a plan does, in numbers -----------*- C++ -*-===//
#ifndef FT_TOOLS_FTC_EXPLAINREPORT_H
#define FT_TOOLS_FTC_EXPLAINREPORT_H

#include "codegen/plan/CostModel.h"
#include "ir/Ft.h"
#include "runtime/plan/Plan.h"

#include <optional>
#include <string>
#include <vector>

namespace ft {

/// Kernels of a part of a program, before and after fusion.
struct KernelCounts {
  int64_t primitives = 0; // an estimate, one kernel a framework primitive
  int64_t operations = 0; // one kernel a semantic operation
  int64_t kernels = 0;    // as compiled

  void add(const plan::Step &step);
};

struct StepReport {
  std::string name, pattern;
  std::vector<std::string> operations;
  std::vector<std::string> covers; // source values, where the source is known
  int64_t kernels = 0;
  std::string implementation; // "gemv", "library", "row_add_rms_norm", ""
  int64_t layer = -1;         // by the name; -1 = outside the layers
  codegen::Prediction prediction;
  int64_t liveBytes = 0; // of activations, while the step runs
};

/// What ranks send each other. Bytes are what each rank sends.
struct ExchangeReport {
  int64_t perLayer = 0;              // exchanges of a layer
  int64_t bytesPerTokenAndLayer = 0; // of the commonest kind of layer
  int64_t count = 0;                 // of the program
  int64_t bytes = 0;
  double microseconds = 0;
};

/// One program at one batch shape.
struct ProgramReport {
  std::string entry;
  int64_t minTokens = 1, maxTokens = 0;
  codegen::BatchShape batch;
  KernelCounts all;
  /// Of the commonest layer; absent where step names show no layers.
  std::optional<KernelCounts> layer;
  int64_t layers = 0;
  std::vector<StepReport> steps;
  codegen::Prediction total;
  ExchangeReport exchange;
  int64_t arenaBytes = 0; // at this batch
  int64_t workspaceBytes = 0;
};

/// An operation of the graph as imported.
struct SourceOp {
  std::string name, operation, type, place;
  std::vector<std::string> inputs; // names of values and @weights
  int64_t layer = -1;              // by the name
  /// The step that computes it, for each program of the entry; empty where
  /// none does.
  std::vector<std::string> steps;
};

struct SourceEntry {
  std::string name;
  std::vector<SourceOp> operations;
};

struct Report {
  std::string name, architecture, dtype;
  std::vector<std::string> targets;
  int64_t ranks = 1; // figures are of one rank
  int64_t kernelTexts = 0;
  int64_t planBytes = 0; // 0 = not written yet
  int64_t weightBytes = 0;
  int64_t cacheBytesPerToken = 0;
  std::vector<SourceEntry> source;   // empty where only the plan is known
  std::vector<std::string> warnings; // of its compilation, likewise
  std::vector<ProgramReport> programs;
};

/// Batch numbers the user gave; what is absent is chosen for each program.
struct ReportShape {
  std::optional<int64_t> tokens, context;
};

/// With `shape.tokens`, only the programs that this many tokens run.
Report makeReport(const plan::Plan &plan, const ReportShape &shape);

/// Adds the graph as imported, and what steps cover of it, to the report of the
/// plan that was made of `lowered`, the module after phase kernels.
void addSource(Report &report, mlir::ModuleOp source, mlir::ModuleOp lowered);

/// The number of the layer a name is in ("l3.qkv" and "layers.3.mlp" are in 3),
/// or -1.
int64_t layerOf(const std::string &name);

std::string reportText(const Report &report);
std::string reportJson(const Report &report);
/// One page without anything outside it.
std::string reportHtml(const Report &report);

} // namespace ft

#endif // FT_TOOLS_FTC_EXPLAINREPORT_H
