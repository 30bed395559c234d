//===- Verify.cpp - a plan against the graph it was compiled from ---------===//
#include "tools/verify/Verify.h"

#include "tools/verify/EntryCheck.h"

#include <cstdio>

using namespace mlir;
using namespace ft;
using namespace ft::verify;

std::string Difference::text() const {
  char numbers[256];
  std::snprintf(numbers, sizeof numbers,
                "sequence %lld, position %lld, element %lld is %.9g where the "
                "source gives %.9g; the row is off by %.3g, the tolerance is "
                "%.3g",
                (long long)sequence, (long long)position, (long long)element,
                found, expected, error, tolerance);
  std::string out = "value '" + value + "' (";
  out += operation.empty() ? "an input" : operation;
  out += ", " + place + ") differs ";
  out += step.empty() ? "as a result" : "after step '" + step + "'";
  out += " of entry '" + entry + "', program for " + std::to_string(minTokens) +
         (maxTokens ? " to " + std::to_string(maxTokens) : " or more") +
         " tokens, fed " + call + ": " + numbers;
  if (covers.size() < 2)
    return out;
  out += "; the step computes";
  for (const std::string &name : covers)
    out += (&name == &covers[0] ? " " : ", ") + name;
  return out;
}

/// The entry of this name, or the one whose twin with fewer results it is
/// (docs/rationale/partition.md).
static ir::EntryOp findEntry(ModuleOp source, llvm::StringRef name) {
  name.consume_back("_greedy");
  for (auto entry : source.getOps<ir::EntryOp>())
    if (entry.getSymName() == name)
      return entry;
  return {};
}

StatusOr<Outcome> verify::verifyPlan(ModuleOp source, ModuleOp lowered,
                                     const plan::Plan &plan,
                                     const VerifyOptions &options) {
  // Bounds that hold the batches of all entries.
  std::vector<int64_t> lengths;
  for (const plan::Entry &entry : plan.entries) {
    std::vector<int64_t> own = chooseLengths(plan, entry);
    lengths.resize(std::max(lengths.size(), own.size()));
    for (size_t i = 0; i < own.size(); ++i)
      lengths[i] = std::max(lengths[i], own[i]);
  }
  auto loading = [&](int64_t done, int64_t total) {
    if (options.progress)
      options.progress("loading weights", done, total);
  };
  FT_ASSIGN_OR_RETURN(auto runner,
                      PlanRunner::load(plan, options.device, options.weights,
                                       lengths, loading));
  SourceWeights weights(source, plan, options.weights);
  weights.setPositions(*std::max_element(lengths.begin(), lengths.end()));
  Outcome outcome;
  outcome.device = runner->model().device().describe();
  for (size_t i = 0; i < plan.entries.size() && !outcome.difference; ++i) {
    ir::EntryOp entry = findEntry(source, plan.entries[i].name);
    if (!entry)
      return internalError("the source has no entry '" + plan.entries[i].name +
                           "'");
    SourceIndex index(entry);
    EntryCheck check(index, weights, *runner, int(i), options);
    FT_RETURN_IF_ERROR(
        check.run(lowered, chooseLengths(plan, plan.entries[i])));
    outcome.entries.push_back(check.outcome());
    outcome.difference = check.difference();
  }
  return outcome;
}
