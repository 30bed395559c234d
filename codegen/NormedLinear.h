//===- NormedLinear.h - a norm's step and a linear's as one -----*- C++ -*-===//
#ifndef FT_CODEGEN_NORMEDLINEAR_H
#define FT_CODEGEN_NORMEDLINEAR_H

#include "ir/Ft.h"

namespace ft::codegen {

/// A fused gemm of a norm's step and the linears' behind it, which joins it, as
/// if fusion had made one of them: behind both while this lives. Its kernels'
/// launches are the norm's step's, through `renumber`.
class NormedLinear {
public:
  NormedLinear(ir::FusedOp norm, ir::FusedOp linear);
  NormedLinear(const NormedLinear &) = delete;
  ~NormedLinear() { fused_->erase(); }

  ir::FusedOp fused() const { return fused_; }
  /// A launch of fused() with the operands of the norm's step and the results
  /// of the one behind.
  static mlir::DictionaryAttr renumber(mlir::DictionaryAttr launch);

private:
  ir::FusedOp fused_;
};

} // namespace ft::codegen

#endif // FT_CODEGEN_NORMEDLINEAR_H
