//===- EntryCheck.h - one entry of a plan against its source ----*- C++ -*-===//
#ifndef FT_TOOLS_VERIFY_ENTRYCHECK_H
#define FT_TOOLS_VERIFY_ENTRYCHECK_H

#include "tools/verify/Compare.h"
#include "tools/verify/PlanMap.h"
#include "tools/verify/PlanRunner.h"
#include "tools/verify/StoredValues.h"
#include "tools/verify/Verify.h"

#include <map>
#include <set>

namespace ft::verify {

/// Runs one entry and compares it; made once, used once.
class EntryCheck {
public:
  EntryCheck(const SourceIndex &source, SourceWeights &weights,
             PlanRunner &runner, int entry, const VerifyOptions &options)
      : source_(source), weights_(weights), runner_(runner), entry_(entry),
        options_(options) {}

  /// Stops after the first run that differs.
  Status run(mlir::ModuleOp lowered, const std::vector<int64_t> &lengths);

  const EntryOutcome &outcome() const { return outcome_; }
  const std::optional<Difference> &difference() const { return difference_; }

private:
  /// How rows of a value lie and how far they may be off.
  struct Expected {
    const Tensor *value = nullptr;
    RowLayout layout;
    double tolerance = 0, floor = 0;
    /// What an argmax chose from; null for other values.
    const Expected *scores = nullptr;
    /// Elements of a row from one that it chose among to the next.
    int64_t apart = 1;
  };

  const plan::Entry &entry() const { return runner_.model().entry(entry_); }
  Status mapPrograms(mlir::ModuleOp lowered);
  Status evaluate();
  Status runCalls(const std::vector<Call> &calls);
  Status runCall(const Call &call);
  Status compareOutputs(const Call &call, const plan::Program &program);
  const Expected *expect(mlir::Value value);
  Status compare(mlir::Value source, int32_t buffer, const Call &call,
                 const plan::Program &program, std::optional<int32_t> step);
  void judge();
  /// Which tokens the rows of a buffer are: sequence and position.
  using Rows = std::vector<std::pair<int64_t, int64_t>>;
  struct RowsError {
    RowError worst;
    size_t row = 0;
  };
  RowsError compareRows(const Expected &expected, std::span<const double> found,
                        const Rows &rows) const;
  /// The same against what the source makes of what the plan stored.
  StatusOr<std::pair<RowsError, double>>
  compareDerived(mlir::Value source, const Expected &expected,
                 std::span<const double> found, const Rows &rows);
  void store(mlir::Value source, const Expected &expected,
             std::span<const double> found, const Rows &rows);
  RowError compareOne(const Expected &expected, std::span<const double> found,
                      int64_t sequence, int64_t at) const;
  /// Counts an agreement.
  void note(mlir::Value source, double tolerance, const RowError &error);
  void report(mlir::Value source, double tolerance, const RowError &error,
              const Call &call, const plan::Program &program,
              std::optional<int32_t> step, std::pair<int64_t, int64_t> row);

  const SourceIndex &source_;
  SourceWeights &weights_;
  PlanRunner &runner_;
  int entry_;
  const VerifyOptions &options_;
  PaddedBatch batch_;
  std::unique_ptr<Evaluator> evaluator_;
  std::vector<ProgramMap> maps_; // by program
  std::map<void *, std::optional<Expected>> expected_;
  std::set<void *> seen_;
  std::set<int> programsRun_;
  EntryOutcome outcome_;
  /// What the plan stored, once something differs.
  std::optional<StoredValues> stored_;
  std::set<void *> derived_; // agreed by what was stored before them only
  /// Of the call that runs: what differs and what agrees, in order.
  std::vector<std::pair<mlir::Value, Difference>> differences_;
  std::vector<mlir::Value> agreements_;
  std::optional<Difference> difference_;
};

} // namespace ft::verify

#endif // FT_TOOLS_VERIFY_ENTRYCHECK_H
