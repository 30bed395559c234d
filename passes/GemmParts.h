//===- GemmParts.h - linears with their prologue and epilogue ---*- C++ -*-===//
#ifndef FT_PASSES_GEMMPARTS_H
#define FT_PASSES_GEMMPARTS_H

#include "passes/Capability.h"

namespace ft::passes {

/// The operations of one GEMM kernel, by what they do in it. Both fusion, which
/// grows it from a linear, and whoever reads a fused gemm use this form.
struct GemmParts {
  mlir::Operation *norm = nullptr;           // prologue
  llvm::SmallVector<ir::LinearOp> linears;   // ascending rows of one weight
  mlir::Operation *gateActivation = nullptr; // of one of two linears
  ir::MulOp gateProduct;                     // activation * the other linear
  llvm::SmallVector<mlir::Operation *> unary;
  ir::AddOp residual;
  mlir::Operation *outNorm = nullptr; // of the sum's whole row
  ir::RopeOp queryRope, keyRope;      // of the first and the second of three
  ir::CacheAppendOp append;           // of the roped second and the third

  /// What the capability table looks at.
  GemmForm form() const;
  /// Every operation, in an order that respects uses.
  llvm::SmallVector<mlir::Operation *> ops() const;
  /// What the output's norm reads, or what is stored without one.
  mlir::Value sum() const;
  /// The added value; null without a residual.
  mlir::Value residualValue() const;
};

/// The linears that read `linear`'s input through adjacent views of the weight
/// it reads a view of (and so their biases); `linear` alone otherwise.
llvm::SmallVector<ir::LinearOp> adjacentLinears(ir::LinearOp linear,
                                                mlir::SymbolTable &symbols);

/// Grows `linears` by every neighbour that keeps an implementation.
GemmParts growGemm(llvm::ArrayRef<ir::LinearOp> linears,
                   const KernelContext &ctx);

/// The parts of a fused gemm; failure where the region holds anything else.
mlir::FailureOr<GemmParts> analyzeGemm(ir::FusedOp fused);

} // namespace ft::passes

#endif // FT_PASSES_GEMMPARTS_H
