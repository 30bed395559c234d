// RUN: ft-opt %s --ft-select-kernels="archs=sm_90a,ptx" --split-input-file | FileCheck %s
// RUN: ft-opt %s --ft-select-kernels=archs=sm_80,ptx --split-input-file | FileCheck %s --check-prefix=OTHERS
// RUN: ft-opt %s --ft-select-kernels=archs=sm_90a,compute_90a,ptx --split-input-file | FileCheck %s --check-prefix=TEXT

// sm_90a's GEMV keeps its weights in a ring, one CTA a multiprocessor. A ring is
// no larger than a CTA's share of the weights, here the least of two stages, and
// a small one leaves registers to the kernels beside it. One and two rows of x
// follow; three and more are held in registers, by a kernel of their own, and a
// LayerNorm's scale and bias for a chunk of 1024 values of k follow. The row
// kernel in front is one of ours: the ring may fill while it ends. Others keep
// the GEMV that starts when the device is empty.
// CHECK-DAG: ft.kernel @gemv_ring_layer_norm{{.*}} __launch_bounds__(384, 2){{.*}}runRing<gemv::XIn::Shared, 2>{{.*}} {ft.archs = ["sm_90a"]}
// CHECK-DAG: ft.kernel @gemv_held_layer_norm{{.*}} __launch_bounds__(384, 2){{.*}}runRing<gemv::XIn::Registers, 2, 1>{{.*}} {ft.archs = ["sm_90a"]}
// CHECK-DAG: ft.kernel @gemv_layer_norm{{.*}} {ft.archs = ["ptx"]}
// CHECK:     ft.fused gemm
// CHECK-SAME: archs = ["sm_90a"]
// CHECK-SAME: dependent, grid = [132], kernel = @gemv_ring_layer_norm, resident, shared = 67584 : i64, shared_per_row = 320 : i64, shared_rows = 2 : i64}], name = "gemv", rows = array<i64: 1, 2>}
// CHECK-SAME: dependent, grid = [132], kernel = @gemv_held_layer_norm, resident, shared = 75776 : i64}], name = "gemv_held", rows = array<i64: 3, 8>}
// CHECK-SAME: archs = ["ptx"]
// CHECK-SAME: kernel = @gemv_layer_norm, resident, shared = 0 : i64
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

// Of 4096 values of k one row is in shared memory. CTAs that hold more have all
// that a multiprocessor has beside the template's own 11 KB: whole stages, here
// six, and four chunks of the norm's weights.
// CHECK-DAG: ft.kernel @gemv_ring_rms_norm{{.*}} __launch_bounds__(384, 1){{.*}}runRing<gemv::XIn::Shared, 1>
// CHECK-DAG: ft.kernel @gemv_held_rms_norm{{.*}} __launch_bounds__(384, 1){{.*}}runRing<gemv::XIn::Registers, 1, 4>
// CHECK:     ft.fused gemm
// CHECK-SAME: archs = ["sm_90a"], launches = [{{.*}}dependent, grid = [132], kernel = @gemv_ring_rms_norm, resident, shared = 221184 : i64}], name = "gemv", rows = array<i64: 1, 1>}
// CHECK-SAME: archs = ["sm_90a"], launches = [{{.*}}dependent, grid = [132], kernel = @gemv_held_rms_norm, resident, shared = 219136 : i64}], name = "gemv_held", rows = array<i64: 2, 8>}
// CHECK-SAME: archs = ["ptx"]
// CHECK-SAME: kernel = @gemv_rms_norm, {{.*}} name = "gemv"}
module attributes {ft.axes = ["tokens", "sequences", "rows"]} {
  ft.param @norm : tensor<4096xf32> = #ft.recipe<"literal" {shape = array<i64: 4096>}>
  ft.param @w : tensor<4096x4096xbf16> = #ft.recipe<"literal" {shape = array<i64: 4096, 4096>}>
  ft.entry @step(%x: !ft.packed<tokens, 4096xbf16>) -> (!ft.packed<tokens, 4096xbf16>) attributes {arena = array<i64: 1048576, 0, 0>, entry = "step", kind = #ft.step_kind<1, 8>} {
    %a = ft.fused row (%x) "a" attributes {slots = [#ft.slot<0 + [0, 0, 0] stride 4096>]} {
    ^bb0(%0: !ft.packed<tokens, 4096xbf16>):
      %1 = ft.relu %0 : !ft.packed<tokens, 4096xbf16>
      ft.yield %1 : !ft.packed<tokens, 4096xbf16>
    } : (!ft.packed<tokens, 4096xbf16>) -> !ft.packed<tokens, 4096xbf16>
    %b = ft.fused gemm (%a) "b" attributes {slots = [#ft.slot<0 + [524288, 0, 0] stride 4096>]} {
    ^bb0(%0: !ft.packed<tokens, 4096xbf16>):
      %1 = ft.rms_norm %0, @norm {eps = 1.0e-5 : f64} : !ft.packed<tokens, 4096xbf16>
      %2 = ft.linear %1, @w : (!ft.packed<tokens, 4096xbf16>) -> !ft.packed<tokens, 4096xbf16>
      ft.yield %2 : !ft.packed<tokens, 4096xbf16>
    } : (!ft.packed<tokens, 4096xbf16>) -> !ft.packed<tokens, 4096xbf16>
    ft.return %b : !ft.packed<tokens, 4096xbf16>
  }
}

// -----

// Of more, two CTAs hold half each, here four chunks, for any number of rows, and
// share 63 rows of w. In pairs 14 KB are the template's own.
// CHECK:     ft.kernel @gemv_held_rms_norm{{.*}} __cluster_dims__(2) __launch_bounds__(384, 1){{.*}}runRing<gemv::XIn::Registers, 1, 4, 2>
// CHECK-NOT: gemv_ring
// CHECK:     ft.fused gemm
// CHECK-SAME: archs = ["sm_90a"], launches = [{{.*}}cluster = 2 : i64, dependent, grid = [132], kernel = @gemv_held_rms_norm, resident, shared = 185344 : i64}], name = "gemv_held"}
// CHECK-SAME: archs = ["ptx"]
module attributes {ft.axes = ["tokens", "sequences", "rows"]} {
  ft.param @norm : tensor<8192xf32> = #ft.recipe<"literal" {shape = array<i64: 8192>}>
  ft.param @w : tensor<4096x8192xbf16> = #ft.recipe<"literal" {shape = array<i64: 4096, 8192>}>
  ft.entry @step(%x: !ft.packed<tokens, 8192xbf16>) -> (!ft.packed<tokens, 4096xbf16>) attributes {arena = array<i64: 1048576, 0, 0>, entry = "step", kind = #ft.step_kind<1, 8>} {
    %a = ft.fused row (%x) "a" attributes {slots = [#ft.slot<0 + [0, 0, 0] stride 8192>]} {
    ^bb0(%0: !ft.packed<tokens, 8192xbf16>):
      %1 = ft.relu %0 : !ft.packed<tokens, 8192xbf16>
      ft.yield %1 : !ft.packed<tokens, 8192xbf16>
    } : (!ft.packed<tokens, 8192xbf16>) -> !ft.packed<tokens, 8192xbf16>
    %b = ft.fused gemm (%a) "b" attributes {slots = [#ft.slot<0 + [524288, 0, 0] stride 4096>]} {
    ^bb0(%0: !ft.packed<tokens, 8192xbf16>):
      %1 = ft.rms_norm %0, @norm {eps = 1.0e-5 : f64} : !ft.packed<tokens, 8192xbf16>
      %2 = ft.linear %1, @w : (!ft.packed<tokens, 8192xbf16>) -> !ft.packed<tokens, 4096xbf16>
      ft.yield %2 : !ft.packed<tokens, 4096xbf16>
    } : (!ft.packed<tokens, 8192xbf16>) -> !ft.packed<tokens, 4096xbf16>
    ft.return %b : !ft.packed<tokens, 4096xbf16>
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

// -----

// No kernel of three rows where there never are so many. Ring and row together are more than
// half: no other ring fits beside it.
// CHECK-LABEL: ft.kernel @gemv_ring "gemv_ring"
// CHECK-SAME: __launch_bounds__(384, 1){{.*}}runRing<gemv::XIn::Shared, 1>
// CHECK:      ft.fused gemm
// CHECK-SAME: kernel = @gemv_ring, resident, shared = 135168 : i64, shared_per_row = 4160 : i64, shared_rows = 2 : i64}], name = "gemv"}
// CHECK-NOT:  gemv_held
module attributes {ft.axes = ["tokens", "sequences", "rows"]} {
  ft.param @w : tensor<3072x2048xbf16> = #ft.recipe<"literal" {shape = array<i64: 3072, 2048>}>
  ft.entry @step(%x: !ft.packed<tokens, 2048xbf16>) -> (!ft.packed<tokens, 3072xbf16>) attributes {arena = array<i64: 1048576, 0, 0>, entry = "step", kind = #ft.step_kind<1, 2>} {
    %a = ft.fused row (%x) "a" attributes {slots = [#ft.slot<0 + [0, 0, 0] stride 2048>]} {
    ^bb0(%0: !ft.packed<tokens, 2048xbf16>):
      %1 = ft.relu %0 : !ft.packed<tokens, 2048xbf16>
      ft.yield %1 : !ft.packed<tokens, 2048xbf16>
    } : (!ft.packed<tokens, 2048xbf16>) -> !ft.packed<tokens, 2048xbf16>
    %b = ft.fused gemm (%a) "b" attributes {slots = [#ft.slot<0 + [524288, 0, 0] stride 3072>]} {
    ^bb0(%0: !ft.packed<tokens, 2048xbf16>):
      %2 = ft.linear %0, @w : (!ft.packed<tokens, 2048xbf16>) -> !ft.packed<tokens, 3072xbf16>
      ft.yield %2 : !ft.packed<tokens, 3072xbf16>
    } : (!ft.packed<tokens, 2048xbf16>) -> !ft.packed<tokens, 3072xbf16>
    ft.return %b : !ft.packed<tokens, 3072xbf16>
  }
}
