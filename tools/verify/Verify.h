//===- Verify.h - a plan against the graph it was compiled from -*- C++ -*-===//
//
// Evaluates every entry of an imported module (Evaluator.h) and runs the plan
// made of it on a device, step by step: each buffer that holds a named value of
// the source is compared with that value.
//
//===----------------------------------------------------------------------===//
#ifndef FT_TOOLS_VERIFY_VERIFY_H
#define FT_TOOLS_VERIFY_VERIFY_H

#include "ir/Ft.h"
#include "runtime/base/Status.h"
#include "runtime/plan/Plan.h"
#include "tools/verify/SourceWeights.h"

#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace ft::verify {

struct VerifyOptions {
  WeightChoice weights;
  std::string device = "cpu";
  std::optional<double> tolerance; // for every value; else by dtype and depth
  uint64_t seed = 1;               // of the inputs
  /// What is done and how much of it, in all parts.
  std::function<void(const std::string &what, int64_t done, int64_t total)>
      progress;
};

/// A value of the plan that is not that of the source.
struct Difference {
  std::string entry, call;              // which run
  int64_t minTokens = 0, maxTokens = 0; // of the program that ran
  std::string step; // of the plan; empty for an entry's result
  std::string value, operation, place; // in the source
  std::vector<std::string> covers;     // source values that the step computes
  double error = 0, tolerance = 0;
  int64_t sequence = 0, position = 0, element = 0;
  double expected = 0, found = 0;

  std::string text() const; // one sentence
};

/// What one entry showed.
struct EntryOutcome {
  std::string entry;
  int64_t calls = 0, programs = 0, programsRun = 0;
  int64_t values = 0;   // of the source that agreed at least once
  int64_t compared = 0; // buffers that agreed in all
  /// Of `values`, those that agree with what the source makes of what the plan
  /// stored before them, and not with the source alone.
  int64_t derived = 0;
  /// The largest share of its tolerance that an agreement took, and where.
  double worst = 0;
  std::string worstValue;
  double worstError = 0, worstTolerance = 0;
};

struct Outcome {
  std::string device;
  std::vector<EntryOutcome> entries;
  std::optional<Difference> difference; // the first
};

/// `source` is the module after phase import, `lowered` what the passes made of
/// a copy of it by the end of phase kernels, `plan` what was emitted. The error
/// is for what kept the plan from running.
StatusOr<Outcome> verifyPlan(mlir::ModuleOp source, mlir::ModuleOp lowered,
                             const plan::Plan &plan,
                             const VerifyOptions &options);

} // namespace ft::verify

#endif // FT_TOOLS_VERIFY_VERIFY_H
