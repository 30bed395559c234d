//===- Evaluator.h - an imported entry, op by op in fp64 --------*- C++ -*-===//
//
// The judge of compilations: the entry as it was imported, before raising, on
// padded tensors, one operation after the other, whole sequences without a
// cache, all numbers double. Written from docs/spec.md; it shares nothing with
// the passes or with the devices' operations.
//
//===----------------------------------------------------------------------===//
#ifndef FT_TOOLS_VERIFY_EVALUATOR_H
#define FT_TOOLS_VERIFY_EVALUATOR_H

#include "tools/verify/SourceIndex.h"
#include "tools/verify/SourceWeights.h"
#include "tools/verify/Tensor.h"

#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/STLFunctionalExtras.h"

#include <map>
#include <optional>
#include <string>

namespace ft::verify {

/// A batch of whole sequences, padded on the right with zeros.
struct PaddedBatch {
  std::vector<int64_t> lengths;
  int64_t sequence = 0;                 // the longest
  std::map<std::string, Tensor> inputs; // by name; [batch, sequence, ...]
  /// What the source calls the extents of padded values.
  std::string batchSymbol, sequenceSymbol;

  int64_t batch() const { return int64_t(lengths.size()); }
};

/// The extents of a packed or padded value for this batch.
Shape shapeFor(mlir::Type type, const PaddedBatch &batch);

/// What evaluating an operation needs.
class EvalContext {
public:
  EvalContext(const SourceIndex &index, SourceWeights &weights,
              const PaddedBatch &batch)
      : index(index), weights(weights), batch(batch) {}

  const Tensor &value(mlir::Value value) const {
    return values.find(value)->second;
  }
  Shape shapeOf(mlir::Type type) const { return shapeFor(type, batch); }
  /// Which of `rows` rows of the result of `op` are no padding.
  std::vector<bool> realRows(mlir::Operation *op, int64_t rows) const;
  /// The result of a row-wise operation whose rows are those of `input`, a
  /// value of type `from`: leading extents of the one, row of the other.
  static Shape rowsLike(const Tensor &input, mlir::Type from, mlir::Type to);

  const SourceIndex &index;
  SourceWeights &weights;
  const PaddedBatch &batch;
  llvm::DenseMap<mlir::Value, Tensor> values;
};

/// The value of an operation's result; nothing for an operation that is not of
/// the group.
using Evaluated = std::optional<StatusOr<Tensor>>;
Evaluated evaluateRowWise(mlir::Operation *op, const EvalContext &context);
Evaluated evaluateRowMoves(mlir::Operation *op, const EvalContext &context);
Evaluated evaluateAcrossRows(mlir::Operation *op, const EvalContext &context);
Evaluated evaluatePrimitive(mlir::Operation *op, const EvalContext &context);
Evaluated evaluateShapes(mlir::Operation *op, const EvalContext &context);

class Evaluator {
public:
  Evaluator(const SourceIndex &index, SourceWeights &weights,
            const PaddedBatch &batch)
      : context_(index, weights, batch) {}

  /// Evaluates everything; afterwards outputs and the values that `keep` says
  /// are there. `progress` gets operations done and in all.
  Status run(llvm::function_ref<bool(mlir::Value)> keep,
             llvm::function_ref<void(int64_t, int64_t)> progress);

  /// Evaluates `target` alone, from values that were given and inputs. Steps in
  /// between (floor, comparisons) go up or down, by the sign of `nudge`, where
  /// their operand is within fp32's rounding of the edge.
  StatusOr<Tensor> derive(mlir::Value target, int nudge);
  void give(mlir::Value value, const Tensor &tensor) {
    context_.values[value] = tensor;
  }
  /// Operations on the longest way from given values to `target`.
  int64_t depthOf(mlir::Value target) const;

  /// Null for a value that was not kept.
  const Tensor *find(mlir::Value value) const {
    auto found = context_.values.find(value);
    return found == context_.values.end() ? nullptr : &found->second;
  }

private:
  Status bindInputs();
  llvm::DenseMap<mlir::Operation *, int64_t> missing(mlir::Value target) const;
  Status evaluate(mlir::Operation *op);
  Status apply(ir::PrimApplyOp op);

  EvalContext context_;
};

} // namespace ft::verify

#endif // FT_TOOLS_VERIFY_EVALUATOR_H
