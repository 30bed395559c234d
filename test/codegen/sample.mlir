// RUN: ft-opt %s --ft-select-kernels=archs=sm_90a --split-input-file | FileCheck %s

// Eight blocks of a cluster hold the keys of 32768 logits: 4096 each, of four
// bytes. Where there are no clusters, they meet in the workspace.
// CHECK-LABEL: ft.kernel @sample
// CHECK-SAME:  void FT_CLUSTER_OF_ROWS __launch_bounds__(512, 2)
// CHECK-SAME:  sample::run(x, stride, columns, out, counts, 2,
// CHECK:       workspace = 66048 : i64
// CHECK:       {batch = "sampling"}, {batch = "sampling_state"}, {i64 = 83712 : i64}, {i32 = 4096 : i64}, {workspace = 0 : i64}, {workspace = 65536 : i64}
// CHECK-SAME:  grid = [{{.*}}, 8]
// CHECK-SAME:  shared = 16384 : i64
module attributes {ft.axes = ["tokens", "sequences", "rows"]} {
  ft.entry @step(%x: !ft.packed<rows, 32768xf32>, %s: !ft.sequences<tokens, sequences>, %r: !ft.rows<rows, tokens>) -> (!ft.packed<rows, i32>) attributes {arena = array<i64: 0, 0, 131088>, entry = "step", kind = #ft.step_kind<1, 8>} {
    %a = ft.fused row (%x) "a" attributes {slots = [#ft.slot<0 + [0, 0, 0] stride 32768>]} {
    ^bb0(%0: !ft.packed<rows, 32768xf32>):
      %1 = ft.relu %0 : !ft.packed<rows, 32768xf32>
      ft.yield %1 : !ft.packed<rows, 32768xf32>
    } : (!ft.packed<rows, 32768xf32>) -> !ft.packed<rows, 32768xf32>
    %b = ft.fused sample (%a, %s, %r) "b" attributes {slots = [#ft.slot<0 + [0, 0, 131072] stride 1>]} {
    ^bb0(%0: !ft.packed<rows, 32768xf32>, %1: !ft.sequences<tokens, sequences>, %2: !ft.rows<rows, tokens>):
      %3 = ft.sample %0 at %1, %2 : (!ft.packed<rows, 32768xf32>, !ft.sequences<tokens, sequences>, !ft.rows<rows, tokens>) -> !ft.packed<rows, i32>
      ft.yield %3 : !ft.packed<rows, i32>
    } : (!ft.packed<rows, 32768xf32>, !ft.sequences<tokens, sequences>, !ft.rows<rows, tokens>) -> !ft.packed<rows, i32>
    ft.return %b : !ft.packed<rows, i32>
  }
}

// -----

// An unbounded range has one cluster a row and no workspace; half a million
// logits do not fit its shared memory.
// CHECK-LABEL: ft.kernel @sample
// CHECK-NOT:   workspace
// CHECK:       {i32 = 0 : i64}, {i64 = 0 : i64}, {i64 = 0 : i64}
// CHECK-SAME:  grid = [{{.*}}, 8]
// CHECK-SAME:  shared = 0 : i64
module attributes {ft.axes = ["tokens", "sequences", "rows"]} {
  ft.entry @step(%x: !ft.packed<rows, 524288xbf16>, %s: !ft.sequences<tokens, sequences>, %r: !ft.rows<rows, tokens>) -> (!ft.packed<rows, i32>) attributes {arena = array<i64: 0, 0, 1048592>, entry = "step", kind = #ft.step_kind<65, 0>} {
    %a = ft.fused row (%x) "a" attributes {slots = [#ft.slot<0 + [0, 0, 0] stride 524288>]} {
    ^bb0(%0: !ft.packed<rows, 524288xbf16>):
      %1 = ft.relu %0 : !ft.packed<rows, 524288xbf16>
      ft.yield %1 : !ft.packed<rows, 524288xbf16>
    } : (!ft.packed<rows, 524288xbf16>) -> !ft.packed<rows, 524288xbf16>
    %b = ft.fused sample (%a, %s, %r) "b" attributes {slots = [#ft.slot<0 + [0, 0, 1048576] stride 1>]} {
    ^bb0(%0: !ft.packed<rows, 524288xbf16>, %1: !ft.sequences<tokens, sequences>, %2: !ft.rows<rows, tokens>):
      %3 = ft.sample %0 at %1, %2 : (!ft.packed<rows, 524288xbf16>, !ft.sequences<tokens, sequences>, !ft.rows<rows, tokens>) -> !ft.packed<rows, i32>
      ft.yield %3 : !ft.packed<rows, i32>
    } : (!ft.packed<rows, 524288xbf16>, !ft.sequences<tokens, sequences>, !ft.rows<rows, tokens>) -> !ft.packed<rows, i32>
    ft.return %b : !ft.packed<rows, i32>
  }
}
