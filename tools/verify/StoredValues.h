//===- StoredValues.h - a value judged by what a plan stored ----*- C++ -*-===//
//
// Where the source has steps or steep functions (floor, comparisons, the sine
// of a large angle), a rounding before them may change a value by any amount,
// in a plan that computes what the source says. Such a value is computed anew
// from the values that the plan stored before it, which were judged before: if
// every value is what the source makes of those before it, so is the result.
//
//===----------------------------------------------------------------------===//
#ifndef FT_TOOLS_VERIFY_STOREDVALUES_H
#define FT_TOOLS_VERIFY_STOREDVALUES_H

#include "tools/verify/Evaluator.h"

#include <map>
#include <memory>

namespace ft::verify {

class StoredValues {
public:
  StoredValues(const SourceIndex &source, SourceWeights &weights,
               const PaddedBatch &batch, DType dtype)
      : source_(source), weights_(weights), batch_(batch), dtype_(dtype) {}

  /// The plan's numbers of a value, all rows; those that it has not computed
  /// yet are the source's.
  void store(mlir::Value value, Tensor numbers) {
    stored_[value] = std::move(numbers);
  }
  const Tensor *find(mlir::Value value) const {
    auto found = stored_.find(value);
    return found == stored_.end() ? nullptr : &found->second;
  }

  struct Derived {
    /// What the value may be: steps near their edges go either way, weights
    /// and inputs are as the source has them or rounded.
    std::vector<Tensor> ways;
    int64_t depth = 0; // of operations since what was stored
  };
  StatusOr<Derived> derive(mlir::Value value);

private:
  PaddedBatch rounded() const;
  void giveNearest(mlir::Value target, Evaluator &evaluator) const;

  const SourceIndex &source_;
  SourceWeights &weights_;
  const PaddedBatch &batch_;
  DType dtype_;
  llvm::DenseMap<mlir::Value, Tensor> stored_;
};

} // namespace ft::verify

#endif // FT_TOOLS_VERIFY_STOREDVALUES_H
