//===- RowAlgebra.h - row-wise values as products and sums ------*- C++ -*-===//
#ifndef FT_PASSES_RAISE_ROWALGEBRA_H
#define FT_PASSES_RAISE_ROWALGEBRA_H

#include "passes/raise/Weights.h"

#include <array>
#include <cmath>

namespace ft::passes::raise {

/// factor * base + number.
struct Linear {
  mlir::Value base;
  double factor = 1, number = 0;
};
Linear linearOf(mlir::Value value);

/// Coefficients of powers 0 to 3.
using Polynomial = std::array<double, 4>;
/// `value` as a polynomial of `x`; none where it is none or of higher degree.
std::optional<Polynomial> polynomialOf(mlir::Value value, mlir::Value x);

/// A value, or one over it.
struct Factor {
  mlir::Value value;
  bool inverse = false;
  bool operator==(const Factor &other) const {
    return value == other.value && inverse == other.inverse;
  }
};

/// scale * factors.
struct Product {
  double scale = 1;
  llvm::SmallVector<Factor> factors;

  /// Takes each of `used` out once.
  void remove(llvm::ArrayRef<Factor> used);
  /// first * scale * factors, as operations.
  mlir::Value rebuild(mlir::OpBuilder &builder, mlir::Value first,
                      mlir::Location loc) const;
};

/// Whether `op` multiplies or divides and is no factor of a larger product.
bool isProductRoot(mlir::Operation *op);
Product productOf(mlir::Value root);

/// Equal but for the digits that constants are commonly written with.
inline bool near(double a, double b) {
  return std::fabs(a - b) <= 1e-5 * std::fabs(b);
}

inline ir::ParamOp paramOf(ir::BroadcastOp op) {
  return ir::lookupParam(op, op.getWeightAttr());
}

/// Another value that says the same in one operation: a mean, sigmoid, relu,
/// softmax, normalize or bias; null where `op` is none of these.
mlir::Value respell(mlir::Operation *op, mlir::OpBuilder &builder,
                    Weights &weights);

/// A factor that is 1 / sqrt(mean(of^2) + eps).
struct InverseRoot {
  mlir::Value of;
  double eps = 0;
};
std::optional<InverseRoot> inverseRoot(const Factor &factor);

/// x, where `value` is x - mean(x); else null.
mlir::Value centeredOf(mlir::Value value);

} // namespace ft::passes::raise

#endif // FT_PASSES_RAISE_ROWALGEBRA_H
