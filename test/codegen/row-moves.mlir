// Moved elements are read from memory by their place: strides of the extents before
// the last by the group, of the last by the element; a concat by the operand that
// covers it. An i32 of the row becomes a number of the line; several are one for
// each element, or for each line, as a weight of one column is.
// RUN: ft-opt %s --ft-select-kernels=archs=sm_90a | FileCheck %s

// CHECK-LABEL: ft.kernel @row_rearrange "row_rearrange"
// CHECK-SAME:  v0[e] = line.inside(e) ? ft::toFloat(in0[row * in0Stride + 2 + line.index(e) * 8 + group / 1 % 3 * 1]) : 0.0f;
// CHECK-LABEL: ft.kernel @row_concat "row_concat"
// CHECK-SAME:  line.inside(e) ? line.index(e) < 8 ? ft::toFloat(in0[row * in0Stride + group * 8 + line.index(e) - 0]) : ft::toFloat(in1[row * in1Stride + group * 2 + line.index(e) - 8]) : 0.0f;
// CHECK-LABEL: ft.kernel @row_cumsum "row_cumsum"
// CHECK-SAME:  #include \22row_cumsum.cuh\22
// CHECK-SAME:  row::cumsum(v1, line, v0);
// CHECK-LABEL: ft.kernel @row_to_float_mul "row_to_float_mul"
// CHECK-SAME:  const float v0 = float(in{{[01]}}[row]);
// CHECK-LABEL: ft.kernel @argmax "argmax"
// CHECK-SAME:  argmax::run(x, stride, columns, argmax::Index{out}, counts, 0, nullptr, nullptr);
// CHECK-LABEL: ft.kernel @row_to_float_neg "row_to_float_neg"
// CHECK-SAME:  v0[e] = line.inside(e) ? float(in0[row * in0Stride + line.index(e)]) : 0.0f;
// CHECK-LABEL: ft.kernel @row_to_float_mul.1 "row_to_float_mul"
// CHECK-SAME:  const float v{{[0-9]+}} = toFloat(*(weight0 + group * 1));
// CHECK-SAME:  dependencyWait();
// CHECK-SAME:  const float v0 = float(in{{[01]}}[row * in{{[01]}}Stride + group * 1]);
// CHECK: ft.fused argmax
// CHECK-SAME: grid = [{axis = "tokens", constant = 1 : i64, divisor = 1 : i64}, 1, 2]
module attributes {ft.axes = ["tokens", "sequences", "rows"]} {
  ft.param @column : tensor<2x1xf32> = #ft.recipe<"tensor" {shape = array<i64: 2, 1>}>
  ft.entry @encode(%x: !ft.packed<tokens, 2x8xf32>, %i: !ft.packed<tokens, i32>) -> (!ft.packed<tokens, 8xf32>) attributes {arena = array<i64: 4096, 0, 0>} {
    %0 = ft.fused row (%x) "t" attributes {slots = [#ft.slot<0 + [0, 0, 0] stride 6>]} {
    ^bb0(%a: !ft.packed<tokens, 2x8xf32>):
      %1 = ft.rearrange %a from 2 by [1, 8] : (!ft.packed<tokens, 2x8xf32>) -> !ft.packed<tokens, 3x2xf32>
      ft.yield %1 : !ft.packed<tokens, 3x2xf32>
    } : (!ft.packed<tokens, 2x8xf32>) -> !ft.packed<tokens, 3x2xf32>
    %2 = ft.fused row (%x) "s" attributes {slots = [#ft.slot<0 + [64, 0, 0] stride 4>]} {
    ^bb0(%a: !ft.packed<tokens, 2x8xf32>):
      %1 = ft.rearrange %a from 2 by [8, 1] : (!ft.packed<tokens, 2x8xf32>) -> !ft.packed<tokens, 2x2xf32>
      ft.yield %1 : !ft.packed<tokens, 2x2xf32>
    } : (!ft.packed<tokens, 2x8xf32>) -> !ft.packed<tokens, 2x2xf32>
    %3 = ft.fused row (%x, %2) "c" attributes {slots = [#ft.slot<0 + [128, 0, 0] stride 20>]} {
    ^bb0(%a: !ft.packed<tokens, 2x8xf32>, %b: !ft.packed<tokens, 2x2xf32>):
      %1 = ft.concat %a, %b : (!ft.packed<tokens, 2x8xf32>, !ft.packed<tokens, 2x2xf32>) -> !ft.packed<tokens, 2x10xf32>
      ft.yield %1 : !ft.packed<tokens, 2x10xf32>
    } : (!ft.packed<tokens, 2x8xf32>, !ft.packed<tokens, 2x2xf32>) -> !ft.packed<tokens, 2x10xf32>
    %4 = ft.fused row (%3) "d" attributes {slots = [#ft.slot<0 + [256, 0, 0] stride 8>]} {
    ^bb0(%a: !ft.packed<tokens, 2x10xf32>):
      %1 = ft.rearrange %a from 0 by [1] : (!ft.packed<tokens, 2x10xf32>) -> !ft.packed<tokens, 8xf32>
      ft.yield %1 : !ft.packed<tokens, 8xf32>
    } : (!ft.packed<tokens, 2x10xf32>) -> !ft.packed<tokens, 8xf32>
    %8 = ft.fused row (%4) "u" attributes {slots = [#ft.slot<0 + [384, 0, 0] stride 8>]} {
    ^bb0(%a: !ft.packed<tokens, 8xf32>):
      %1 = ft.cumsum %a : !ft.packed<tokens, 8xf32>
      ft.yield %1 : !ft.packed<tokens, 8xf32>
    } : (!ft.packed<tokens, 8xf32>) -> !ft.packed<tokens, 8xf32>
    %5 = ft.fused row (%8, %i) "m" attributes {slots = [#ft.slot<0 + [512, 0, 0] stride 8>]} {
    ^bb0(%a: !ft.packed<tokens, 8xf32>, %b: !ft.packed<tokens, i32>):
      %1 = ft.to_float %b : (!ft.packed<tokens, i32>) -> !ft.packed<tokens, 1xf32>
      %7 = ft.mul %1, %a : (!ft.packed<tokens, 1xf32>, !ft.packed<tokens, 8xf32>) -> !ft.packed<tokens, 8xf32>
      ft.yield %7 : !ft.packed<tokens, 8xf32>
    } : (!ft.packed<tokens, 8xf32>, !ft.packed<tokens, i32>) -> !ft.packed<tokens, 8xf32>
    %6 = ft.fused argmax (%x) "a" attributes {slots = [#ft.slot<640 + [0, 0, 0] stride 2>]} {
    ^bb0(%a: !ft.packed<tokens, 2x8xf32>):
      %1 = ft.argmax %a : (!ft.packed<tokens, 2x8xf32>) -> !ft.packed<tokens, 2xi32>
      ft.yield %1 : !ft.packed<tokens, 2xi32>
    } : (!ft.packed<tokens, 2x8xf32>) -> !ft.packed<tokens, 2xi32>
    %7 = ft.fused row (%6) "n" attributes {slots = [#ft.slot<704 + [0, 0, 0] stride 2>]} {
    ^bb0(%a: !ft.packed<tokens, 2xi32>):
      %1 = ft.to_float %a : (!ft.packed<tokens, 2xi32>) -> !ft.packed<tokens, 2xf32>
      %9 = ft.neg %1 : !ft.packed<tokens, 2xf32>
      ft.yield %9 : !ft.packed<tokens, 2xf32>
    } : (!ft.packed<tokens, 2xi32>) -> !ft.packed<tokens, 2xf32>
    %10 = ft.fused row (%6, %x) "o" attributes {slots = [#ft.slot<768 + [0, 0, 0] stride 16>]} {
    ^bb0(%a: !ft.packed<tokens, 2xi32>, %b: !ft.packed<tokens, 2x8xf32>):
      %1 = ft.to_float %a : (!ft.packed<tokens, 2xi32>) -> !ft.packed<tokens, 2x1xf32>
      %9 = ft.mul %1, %b : (!ft.packed<tokens, 2x1xf32>, !ft.packed<tokens, 2x8xf32>) -> !ft.packed<tokens, 2x8xf32>
      %11 = ft.broadcast @column : !ft.packed<tokens, 2x1xf32>
      %12 = ft.mul %9, %11 : (!ft.packed<tokens, 2x8xf32>, !ft.packed<tokens, 2x1xf32>) -> !ft.packed<tokens, 2x8xf32>
      ft.yield %12 : !ft.packed<tokens, 2x8xf32>
    } : (!ft.packed<tokens, 2xi32>, !ft.packed<tokens, 2x8xf32>) -> !ft.packed<tokens, 2x8xf32>
    ft.return %5 : !ft.packed<tokens, 8xf32>
  }
}
