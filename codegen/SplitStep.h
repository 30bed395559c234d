//===- SplitStep.h - a fused gemm as two launches ---------------*- C++ -*-===//
#ifndef FT_CODEGEN_SPLITSTEP_H
#define FT_CODEGEN_SPLITSTEP_H

#include "codegen/cuda/GemmMatch.h"

#include "llvm/ADT/STLFunctionalExtras.h"

namespace ft::codegen {

/// A fused gemm that no single launch runs on some architecture, taken apart
/// there: what a library's call can do of it, stored in one of the step's own
/// results, and a row program that reads those rows and finishes them, most
/// often in place. Both are ft.fused behind the step while this lives; whoever
/// chooses kernels for them passes the launches through `renumber`.
class SplitStep {
public:
  /// Failure, without an error, where there is no such pair: the rows that the
  /// call would store have no result of their length, or its bias is not of
  /// that result's type.
  static mlir::FailureOr<SplitStep> make(ir::FusedOp fused,
                                         const GemmMatch &match);
  SplitStep(SplitStep &&other);
  ~SplitStep();

  ir::FusedOp call() const { return call_; }
  ir::FusedOp rows() const { return rows_; }
  /// A launch of call() or rows() with the operands and results of the step.
  mlir::DictionaryAttr renumber(ir::FusedOp part, mlir::DictionaryAttr launch);

private:
  SplitStep() = default;
  mlir::Attribute renumbered(ir::FusedOp part, mlir::DictionaryAttr argument,
                             mlir::StringRef key);

  ir::FusedOp fused_, call_, rows_;
  unsigned between_ = 0; // the result that holds what call() stores
};

} // namespace ft::codegen

#endif // FT_CODEGEN_SPLITSTEP_H
