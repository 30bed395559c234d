//===- EmitLaunch.h - launch attributes as plan structures ------*- C++ -*-===//
//
// The kernels phase writes `launch` on every ft.fused: an array of
// implementations, first match wins.
//
//   launch = [{archs = ["sm_90a", "ptx"], launches = [
//     {kernel = @row_3, grid = [{axis = "tokens", divisor = 4}, 2],
//      block = array<i64: 128>, shared = 0, args = [
//        {in = 0}, {out = 0}, {weight = @norm}, {batch = "counts"},
//        {cache = @kv, layer = 3, plane = 1}, {i32 = 64}, {f32 = 1.0e-5},
//        {bound = "tokens"}, {page_count}, {workspace = 0}]},
//     {gemm = @q, bias = @q.b, in = 0, out = 0, residual = 1,
//      epilogue = "relu", n = 4096, k = 1024},
//     {collective = "all_reduce", in = 0, out = 0, mesh = "tp",
//      elements = 4096, out_elements = 4096}]}]
//
// `in` and `out` number the fused op's operands and results. An implementation
// with `steps` and `packed` (plan::Implementation) runs the ops behind it, too:
// `next_out` numbers the results of the one behind it, `next_of` the operand of
// that one whose sequences a batch field belongs to. In a launch with `behind`
// all these numbers are those of the op so many behind.
//
//===----------------------------------------------------------------------===//
#ifndef FT_CODEGEN_PLAN_EMITLAUNCH_H
#define FT_CODEGEN_PLAN_EMITLAUNCH_H

#include "codegen/plan/EmitMeaning.h"

namespace ft::codegen {

/// Buffers that stand for a result in a launch: the root of a merged GEMM.
struct LaunchRefs {
  llvm::SmallVector<plan::Ref> inputs, outputs;
};

/// Appends the implementations of `fused` to `step`. `refs`: of the op itself,
/// then of those behind it, as far as launches name them.
mlir::LogicalResult emitLaunch(ir::FusedOp fused, const PlanIndex &index,
                               llvm::ArrayRef<LaunchRefs> refs,
                               plan::Step &step);

} // namespace ft::codegen

#endif // FT_CODEGEN_PLAN_EMITLAUNCH_H
