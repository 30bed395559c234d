// RUN: ft-opt %s --ft-select-kernels="archs=sm_90a,ptx" --split-input-file | FileCheck %s
// RUN: ft-opt %s --ft-select-kernels=archs=sm_80,ptx --split-input-file | FileCheck %s --check-prefix=OTHERS
// RUN: ft-opt %s --ft-select-kernels=archs=sm_90a,compute_90a,ptx --split-input-file | FileCheck %s --check-prefix=TEXT

// sm_90a's GEMV keeps its weights in a ring: one CTA a multiprocessor that takes
// all its shared memory, 227 KB less the template's own 11 KB. The row kernel in
// front is one of ours: the ring may fill while it ends. Others keep the GEMV
// that starts when the device is empty.
// CHECK-DAG: ft.kernel @gemv_ring_layer_norm{{.*}} {ft.archs = ["sm_90a"]}
// CHECK-DAG: ft.kernel @gemv_layer_norm{{.*}} {ft.archs = ["ptx"]}
// CHECK:     ft.fused gemm
// CHECK:     archs = ["sm_90a"]
// CHECK: dependent, grid = [132], kernel = @gemv_ring_layer_norm, resident, shared = 221184 : i64
// CHECK: archs = ["ptx"]
// CHECK: kernel = @gemv_layer_norm, resident, shared = 0 : i64
// OTHERS-NOT: gemv_{{held|ring}}

// PTX for that architecture alone is of the same kernel.
// TEXT-DAG: ft.kernel @gemv_ring_layer_norm{{.*}} {ft.archs = ["compute_90a", "sm_90a"]}
// TEXT-DAG: ft.kernel @gemv_layer_norm{{.*}} {ft.archs = ["ptx"]}
// TEXT:     archs = ["sm_90a", "compute_90a"]
// TEXT:     kernel = @gemv_ring_layer_norm
// TEXT:     archs = ["ptx"]
module attributes {ft.axes = ["tokens", "sequences", "rows"]} {
  ft.param @norm : tensor<104xf32> = #ft.recipe<"literal" {shape = array<i64: 104>}>
  ft.param @w : tensor<48x104xbf16> = #ft.recipe<"literal" {shape = array<i64: 48, 104>}>
  ft.entry @step(%x: !ft.packed<tokens, 104xbf16>) -> (!ft.packed<tokens, 48xbf16>) attributes {arena = array<i64: 4096, 0, 0>, entry = "step", kind = #ft.step_kind<1, 8>} {
    %a = ft.fused row (%x) "a" attributes {slots = [#ft.slot<0 + [0, 0, 0] stride 104>]} {
    ^bb0(%0: !ft.packed<tokens, 104xbf16>):
      %1 = ft.relu %0 : !ft.packed<tokens, 104xbf16>
      ft.yield %1 : !ft.packed<tokens, 104xbf16>
    } : (!ft.packed<tokens, 104xbf16>) -> !ft.packed<tokens, 104xbf16>
    %b = ft.fused gemm (%a) "b" attributes {slots = [#ft.slot<0 + [256, 0, 0] stride 48>]} {
    ^bb0(%0: !ft.packed<tokens, 104xbf16>):
      %1 = ft.layer_norm %0, @norm {eps = 1.0e-5 : f64} : !ft.packed<tokens, 104xbf16>
      %2 = ft.linear %1, @w : (!ft.packed<tokens, 104xbf16>) -> !ft.packed<tokens, 48xbf16>
      ft.yield %2 : !ft.packed<tokens, 48xbf16>
    } : (!ft.packed<tokens, 104xbf16>) -> !ft.packed<tokens, 48xbf16>
    ft.return %b : !ft.packed<tokens, 48xbf16>
  }
}

// -----

// Rows that do not start on 16 bytes cannot be copied so.
// CHECK-LABEL: ft.kernel @gemv "gemv"
// CHECK-NOT: gemv_{{held|ring}}
module attributes {ft.axes = ["tokens", "sequences", "rows"]} {
  ft.param @w : tensor<48x100xbf16> = #ft.recipe<"literal" {shape = array<i64: 48, 100>}>
  ft.entry @step(%x: !ft.packed<tokens, 100xbf16>) -> (!ft.packed<tokens, 48xbf16>) attributes {arena = array<i64: 4096, 0, 0>, entry = "step", kind = #ft.step_kind<1, 8>} {
    %a = ft.fused row (%x) "a" attributes {slots = [#ft.slot<0 + [0, 0, 0] stride 100>]} {
    ^bb0(%0: !ft.packed<tokens, 100xbf16>):
      %1 = ft.relu %0 : !ft.packed<tokens, 100xbf16>
      ft.yield %1 : !ft.packed<tokens, 100xbf16>
    } : (!ft.packed<tokens, 100xbf16>) -> !ft.packed<tokens, 100xbf16>
    %b = ft.fused gemm (%a) "b" attributes {slots = [#ft.slot<0 + [256, 0, 0] stride 48>]} {
    ^bb0(%0: !ft.packed<tokens, 100xbf16>):
      %1 = ft.linear %0, @w : (!ft.packed<tokens, 100xbf16>) -> !ft.packed<tokens, 48xbf16>
      ft.yield %1 : !ft.packed<tokens, 48xbf16>
    } : (!ft.packed<tokens, 100xbf16>) -> !ft.packed<tokens, 48xbf16>
    ft.return %b : !ft.packed<tokens, 48xbf16>
  }
}
