//===- SourceWeights.h - the weights of an imported module ------*- C++ -*-===//
//
// Recipes and generators are evaluated here, by their definitions in
// docs/plan-format.md and whole, not by the runtime's ranges. Only the stored
// tensors come through runtime/weights: its safetensors reader and its random
// numbers are the one thing that the evaluator and a plan share.
//
//===----------------------------------------------------------------------===//
#ifndef FT_TOOLS_VERIFY_SOURCEWEIGHTS_H
#define FT_TOOLS_VERIFY_SOURCEWEIGHTS_H

#include "ir/Ft.h"
#include "runtime/weights/TensorSource.h"
#include "tools/verify/Tensor.h"

#include <map>
#include <memory>
#include <optional>

namespace ft::verify {

/// Where stored tensors come from.
struct WeightChoice {
  std::string directory;        // empty = where the model was imported from
  std::optional<uint64_t> seed; // random numbers instead of files
};

class SourceWeights {
public:
  using Ptr = std::shared_ptr<const WeightTensor>;

  /// `compiled` is the plan made of `source`; random numbers ask it which
  /// tensors are scales of norms. Both outlive the result.
  SourceWeights(mlir::ModuleOp source, const plan::Plan &compiled,
                const WeightChoice &choice);

  /// Rows from `positions` on of generated tables are not needed.
  void setPositions(int64_t positions) { positions_ = positions; }

  /// Rounds what get() returns to `dtype`, as a plan may store it; none: not.
  void setRounding(std::optional<DType> dtype) {
    if (rounding_ != dtype)
      small_.clear();
    rounding_ = dtype;
  }

  /// The weight `symbol`, made anew unless it is small. Generated tables may
  /// have fewer rows than declared.
  StatusOr<Ptr> get(mlir::FlatSymbolRefAttr symbol);

private:
  void addLeaves(const plan::Recipe &recipe);
  StatusOr<WeightTensor> make(ir::ParamOp param);
  StatusOr<WeightTensor> make(ir::RecipeAttr recipe);
  StatusOr<WeightTensor> readTensor(ir::RecipeAttr recipe);
  StatusOr<std::vector<WeightTensor>> makeParts(ir::RecipeAttr recipe);

  mlir::ModuleOp source_;
  int64_t positions_ = 0;
  std::optional<DType> rounding_;
  plan::Plan files_; // the files and, as they are met, the tensors of source_
  std::unique_ptr<TensorSource> tensors_;
  /// Random tensors: the plan's leaf of each name.
  std::map<std::string, const plan::Recipe *> leaves_;
  bool random_ = false;
  std::vector<std::unique_ptr<plan::Recipe>> ownLeaves_;
  std::map<std::string, Ptr> small_;
};

/// Numbers as `dtype` holds them.
void roundTo(DType dtype, std::vector<float> &numbers);

/// A table that a recipe names: rope, alibi or iota, at most `rows` rows.
StatusOr<WeightTensor> generateTable(ir::RecipeAttr recipe, int64_t rows);

} // namespace ft::verify

#endif // FT_TOOLS_VERIFY_SOURCEWEIGHTS_H
