// RUN: ft-opt %s --ft-select-kernels=archs=sm_90a --split-input-file | FileCheck %s

// Up to 8 tokens a normalised linear is one kernel: the bucket's rows of 100
// values, rounded up to 128, and 32 more between rows, lie in shared memory. As
// many CTAs run as the device holds, and start when it is empty; the row kernel
// behind may start early.
// CHECK-LABEL: ft.kernel @gemv_layer_norm
// CHECK-SAME:  __launch_bounds__(256, 2)
// CHECK:       kernel = @gemv_layer_norm, resident, shared = 0 : i64, shared_per_row = 320 : i64, shared_rows = 8 : i64
// CHECK-NOT:   dependent
// CHECK:       ft.fused row
// CHECK:       dependent, grid
module attributes {ft.axes = ["tokens", "sequences", "rows"]} {
  ft.param @norm : tensor<100xf32> = #ft.recipe<"literal" {shape = array<i64: 100>}>
  ft.param @w : tensor<48x100xbf16> = #ft.recipe<"literal" {shape = array<i64: 48, 100>}>
  ft.entry @step(%x: !ft.packed<tokens, 100xbf16>) -> (!ft.packed<tokens, 48xbf16>) attributes {arena = array<i64: 4096, 0, 0>, entry = "step", kind = #ft.step_kind<1, 8>} {
    %a = ft.fused row (%x) "a" attributes {slots = [#ft.slot<0 + [0, 0, 0] stride 100>]} {
    ^bb0(%0: !ft.packed<tokens, 100xbf16>):
      %1 = ft.relu %0 : !ft.packed<tokens, 100xbf16>
      ft.yield %1 : !ft.packed<tokens, 100xbf16>
    } : (!ft.packed<tokens, 100xbf16>) -> !ft.packed<tokens, 100xbf16>
    %b = ft.fused gemm (%a) "b" attributes {slots = [#ft.slot<0 + [256, 0, 0] stride 48>]} {
    ^bb0(%0: !ft.packed<tokens, 100xbf16>):
      %1 = ft.layer_norm %0, @norm {eps = 1.0e-5 : f64} : !ft.packed<tokens, 100xbf16>
      %2 = ft.linear %1, @w : (!ft.packed<tokens, 100xbf16>) -> !ft.packed<tokens, 48xbf16>
      ft.yield %2 : !ft.packed<tokens, 48xbf16>
    } : (!ft.packed<tokens, 100xbf16>) -> !ft.packed<tokens, 48xbf16>
    %c = ft.fused row (%b) "c" attributes {slots = [#ft.slot<0 + [384, 0, 0] stride 48>]} {
    ^bb0(%0: !ft.packed<tokens, 48xbf16>):
      %1 = ft.relu %0 : !ft.packed<tokens, 48xbf16>
      ft.yield %1 : !ft.packed<tokens, 48xbf16>
    } : (!ft.packed<tokens, 48xbf16>) -> !ft.packed<tokens, 48xbf16>
    ft.return %c : !ft.packed<tokens, 48xbf16>
  }
}

// -----

// The same width in fp32 keeps its sums in registers, one CTA on a
// multiprocessor; without a norm, x needs no shared memory.
// CHECK-LABEL: ft.kernel @gemv
// CHECK-SAME:  __launch_bounds__(256, 1)
// CHECK:       kernel = @gemv, resident, shared = 0 : i64
module attributes {ft.axes = ["tokens", "sequences", "rows"]} {
  ft.param @w : tensor<48x100xf32> = #ft.recipe<"literal" {shape = array<i64: 48, 100>}>
  ft.entry @step(%x: !ft.packed<tokens, 100xf32>) -> (!ft.packed<tokens, 48xf32>) attributes {arena = array<i64: 4096, 0, 0>, entry = "step", kind = #ft.step_kind<1, 8>} {
    %a = ft.fused row (%x) "a" attributes {slots = [#ft.slot<0 + [0, 0, 0] stride 100>]} {
    ^bb0(%0: !ft.packed<tokens, 100xf32>):
      %1 = ft.relu %0 : !ft.packed<tokens, 100xf32>
      ft.yield %1 : !ft.packed<tokens, 100xf32>
    } : (!ft.packed<tokens, 100xf32>) -> !ft.packed<tokens, 100xf32>
    %b = ft.fused gemm (%a) "b" attributes {slots = [#ft.slot<0 + [400, 0, 0] stride 48>]} {
    ^bb0(%0: !ft.packed<tokens, 100xf32>):
      %1 = ft.linear %0, @w : (!ft.packed<tokens, 100xf32>) -> !ft.packed<tokens, 48xf32>
      ft.yield %1 : !ft.packed<tokens, 48xf32>
    } : (!ft.packed<tokens, 100xf32>) -> !ft.packed<tokens, 48xf32>
    ft.return %b : !ft.packed<tokens, 48xf32>
  }
}
