//===- Form.h - a padded value as axes and a formula ------------*- C++ -*-===//
#ifndef FT_PASSES_RAISE_FORM_H
#define FT_PASSES_RAISE_FORM_H

#include "passes/raise/Expr.h"

namespace ft::passes::raise {

/// An axis of a padded value: dimensions from the outer to the inner one. An
/// extent of 1 has none, 12*batch has two.
using Axis = llvm::SmallVector<const Dim *, 2>;

/// What one padded value is: element [indices along `axes`] is `expr`. Every
/// dimension stands in one axis.
struct Form {
  llvm::SmallVector<Axis> axes;
  const Node *expr = nullptr;

  llvm::SmallVector<const Dim *> dims() const;
  /// The literal dimensions, in order.
  llvm::SmallVector<const Dim *> rowDims() const;
  llvm::SmallVector<const Dim *> sequenceDims() const;
  const Dim *batchDim() const; // null if none
};

/// Which symbols of extents are the batch and the sequence axis.
struct Symbols {
  mlir::StringAttr batch, sequence;
};

/// The layout operations; null, where a shape cannot be said as dimensions.
class Layout {
public:
  Layout(Exprs &exprs, Symbols symbols) : exprs_(exprs), symbols_(symbols) {}

  /// New dimensions for an extent; none where a symbol is unknown.
  std::optional<Axis> axisOf(ir::DimAttr extent);
  /// The extent of a dimension.
  ir::DimAttr extentOf(const Dim *dim, mlir::MLIRContext *context);

  /// `form` with dimensions of its own.
  Form freshen(const Form &form);
  /// The same elements in the shape `type`.
  std::optional<Form> reshape(const Form &form, ir::PaddedType type);
  /// Makes the axes a and b of two values run along the same dimensions, those
  /// of `a`, splitting where one is finer; a missing one repeats. False where
  /// they do not match. `all` are the values whose formulas are rewritten.
  bool unify(Form &a, size_t axisA, Form &b, size_t axisB);
  /// The dimensions of `axis` from the number `first` on as one.
  bool mergeFrom(Form &form, size_t axis, size_t first);
  /// Replaces what `axis` has by one dimension.
  const Dim *mergeAxis(Form &form, size_t axis);
  /// Splits `dim` of `form` into `outer` times `inner`.
  void split(Form &form, const Dim *dim, int64_t outer, int64_t inner);
  /// One dimension in place of several neighbouring literal ones, in the given
  /// formulas; null for none.
  const Dim *merge(llvm::ArrayRef<const Dim *> dims,
                   llvm::ArrayRef<const Node **> exprs);

private:
  bool mergeUntil(Form &form, llvm::SmallVectorImpl<const Dim *> &dims,
                  int64_t part);

  Exprs &exprs_;
  Symbols symbols_;
};

/// Elements [start, start + size) of each row of a [rows, width] matrix.
struct Cut {
  int64_t rows, width, start, size;
};
/// How the elements start + sum of index * step, `terms` from the largest step
/// to the smallest, are cut out of `total` ones that lie in a row: one cut of
/// what the one before leaves; none where they are no ranges in order.
std::optional<llvm::SmallVector<Cut>>
cutsOf(int64_t total, double start,
       llvm::ArrayRef<std::pair<const Dim *, double>> terms);

/// Row-major: sum of index * stride.
const Node *flatIndex(Exprs &exprs, llvm::ArrayRef<const Node *> indices,
                      llvm::ArrayRef<int64_t> extents);
/// The indices along `dims` of element `number` in row-major order.
DimMap indexOf(Exprs &exprs, llvm::ArrayRef<const Dim *> dims, int64_t number);
llvm::SmallVector<int64_t> sizesOf(llvm::ArrayRef<const Dim *> dims);

} // namespace ft::passes::raise

#endif // FT_PASSES_RAISE_FORM_H
