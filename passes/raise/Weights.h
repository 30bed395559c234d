//===- Weights.h - weights that raising makes of weights --------*- C++ -*-===//
#ifndef FT_PASSES_RAISE_WEIGHTS_H
#define FT_PASSES_RAISE_WEIGHTS_H

#include "passes/raise/Form.h"

namespace ft::passes::raise {

/// The module's weights; a slice or transpose is a new one, made once.
class Weights {
public:
  explicit Weights(mlir::ModuleOp module);

  /// A weight whose element at the indices along `dims` is `node`, of `shape`,
  /// which holds the dimensions in order; null where no recipe says that.
  mlir::FlatSymbolRefAttr find(const Node *node,
                               llvm::ArrayRef<const Dim *> dims,
                               llvm::ArrayRef<int64_t> shape);
  /// Known numbers as a weight; null if they are too many to be kept in a plan.
  mlir::FlatSymbolRefAttr literal(llvm::ArrayRef<float> data,
                                  llvm::ArrayRef<int64_t> shape);
  /// The same elements as a vector.
  mlir::FlatSymbolRefAttr flat(mlir::FlatSymbolRefAttr symbol);
  /// Of `shape`, repeated along the extents of 1 that are longer in `wanted`.
  mlir::FlatSymbolRefAttr repeated(mlir::FlatSymbolRefAttr symbol,
                                   llvm::ArrayRef<int64_t> shape,
                                   llvm::ArrayRef<int64_t> wanted);
  /// Times a number.
  mlir::FlatSymbolRefAttr scaled(mlir::FlatSymbolRefAttr symbol, double by);
  /// The weight that `recipe` makes, named after `base` where it is new.
  mlir::FlatSymbolRefAttr of(ir::RecipeAttr recipe, llvm::StringRef base);

  /// The recipe that find() makes a weight of.
  ir::RecipeAttr recipeOf(const Node *node, llvm::ArrayRef<const Dim *> dims,
                          llvm::ArrayRef<int64_t> shape);
  /// The table of a rotary embedding whose frequencies `frequencies` makes.
  mlir::FlatSymbolRefAttr rotations(ir::RecipeAttr frequencies,
                                    int64_t positions);
  /// Known numbers, as a recipe.
  ir::RecipeAttr numbers(llvm::ArrayRef<float> data,
                         llvm::ArrayRef<int64_t> shape);
  /// What a weight is made by.
  ir::RecipeAttr recipe(mlir::StringAttr symbol) {
    return *symbols_.lookup<ir::ParamOp>(symbol).getRecipe();
  }

  /// Cosines and sines of a rotary embedding: find() for both, side by side.
  mlir::FlatSymbolRefAttr sideBySide(const Node *left, const Node *right,
                                     llvm::ArrayRef<const Dim *> dims);
  ir::RecipeAttr node(llvm::StringRef op, llvm::ArrayRef<ir::RecipeAttr> of,
                      llvm::ArrayRef<int64_t> shape,
                      llvm::ArrayRef<mlir::NamedAttribute> more = {});
  mlir::Builder &builder() { return builder_; }

private:
  ir::RecipeAttr view(ir::RecipeAttr recipe, double start,
                      llvm::ArrayRef<std::pair<const Dim *, double>> terms);
  ir::RecipeAttr reshape(ir::RecipeAttr recipe, llvm::ArrayRef<int64_t> shape);
  ir::RecipeAttr transpose(ir::RecipeAttr recipe);
  ir::RecipeAttr withNumber(llvm::StringRef op, ir::RecipeAttr recipe,
                            double value);
  ir::RecipeAttr columns(llvm::ArrayRef<ir::RecipeAttr> parts);
  ir::RecipeAttr range(ir::RecipeAttr recipe, int64_t start, int64_t size);

  mlir::ModuleOp module_;
  mlir::SymbolTable symbols_;
  mlir::OpBuilder builder_;
  llvm::DenseMap<mlir::Attribute, mlir::StringAttr> made_; // by recipe
};

/// The most elements that a plan holds as literals (docs/plan-format.md).
inline constexpr int64_t kMaxLiteral = 16384;

} // namespace ft::passes::raise

#endif // FT_PASSES_RAISE_WEIGHTS_H
