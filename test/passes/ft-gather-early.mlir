// RUN: ft-opt %s --ft-gather-early --split-input-file | FileCheck %s

// The sum behind o is read by the gather alone: o and the sum have wanted rows,
// of the attention's and of the residual's. What else reads the norm in front
// keeps its tokens.
// CHECK-LABEL: ft.entry @step_65
// CHECK: %[[X:.*]] = ft.relu
// CHECK: %[[A:.*]] = ft.silu %[[X]]
// CHECK-DAG: %[[AR:.*]] = ft.rows %[[A]], %{{.*}} -> !ft.packed<rows, 8xf32>
// CHECK-DAG: %[[XR:.*]] = ft.rows %[[X]], %{{.*}} -> !ft.packed<rows, 8xf32>
// CHECK: %[[O:.*]] = ft.linear %[[AR]], @w : (!ft.packed<rows, 8xf32>) -> !ft.packed<rows, 8xf32>
// CHECK: %[[S:.*]] = ft.add %[[XR]], %[[O]] : (!ft.packed<rows, 8xf32>, !ft.packed<rows, 8xf32>) -> !ft.packed<rows, 8xf32>
// CHECK: ft.return %[[A]], %[[S]]
// Few tokens are all wanted.
// CHECK-LABEL: ft.entry @step_1_8
// CHECK: %[[T:.*]] = ft.add
// CHECK: ft.rows %[[T]]
module attributes {ft.axes = ["tokens", "sequences", "rows"]} {
  ft.param @w : tensor<8x8xf32> = #ft.recipe<"literal" {shape = array<i64: 8, 8>}>
  ft.entry @step_65(%in: !ft.packed<tokens, 8xf32>, %r: !ft.rows<rows, tokens>) -> (!ft.packed<tokens, 8xf32>, !ft.packed<rows, 8xf32>) attributes {causal, entry = "step", kind = #ft.step_kind<65, 0>} {
    %x = ft.relu %in : !ft.packed<tokens, 8xf32>
    %a = ft.silu %x : !ft.packed<tokens, 8xf32>
    %o = ft.linear %a, @w : (!ft.packed<tokens, 8xf32>) -> !ft.packed<tokens, 8xf32>
    %s = ft.add %x, %o : (!ft.packed<tokens, 8xf32>, !ft.packed<tokens, 8xf32>) -> !ft.packed<tokens, 8xf32>
    %y = ft.rows %s, %r : (!ft.packed<tokens, 8xf32>, !ft.rows<rows, tokens>) -> !ft.packed<rows, 8xf32>
    ft.return %a, %y : !ft.packed<tokens, 8xf32>, !ft.packed<rows, 8xf32>
  }
  ft.entry @step_1_8(%in: !ft.packed<tokens, 8xf32>, %r: !ft.rows<rows, tokens>) -> !ft.packed<rows, 8xf32> attributes {causal, entry = "step", kind = #ft.step_kind<1, 8>} {
    %o = ft.linear %in, @w : (!ft.packed<tokens, 8xf32>) -> !ft.packed<tokens, 8xf32>
    %s = ft.add %in, %o : (!ft.packed<tokens, 8xf32>, !ft.packed<tokens, 8xf32>) -> !ft.packed<tokens, 8xf32>
    %y = ft.rows %s, %r : (!ft.packed<tokens, 8xf32>, !ft.rows<rows, tokens>) -> !ft.packed<rows, 8xf32>
    ft.return %y : !ft.packed<rows, 8xf32>
  }
}

// -----

// The first row of each sequence, too; not the second, which a sequence may
// lack: zeros are not what a linear makes of zeros. Nor what another reads
// whole, a sum without a linear, or what knows positions.
// CHECK-LABEL: ft.entry @first
// CHECK: %[[F:.*]] = ft.segment_reduce "first" %{{.*}} -> !ft.packed<sequences, 8xf32>
// CHECK: ft.linear %[[F]]
// CHECK-LABEL: ft.entry @second
// CHECK: %[[L:.*]] = ft.linear %arg0
// CHECK: ft.segment_reduce "first" %[[L]]
// CHECK-LABEL: ft.entry @whole
// CHECK: %[[L:.*]] = ft.linear %arg0
// CHECK: ft.segment_reduce "first" %[[L]]
// CHECK-LABEL: ft.entry @sum
// CHECK: %[[L:.*]] = ft.add %arg0
// CHECK: ft.segment_reduce "first" %[[L]]
// CHECK-LABEL: ft.entry @places
// CHECK: %[[R:.*]] = ft.rope %arg0
// CHECK: %[[F:.*]] = ft.segment_reduce "first" %[[R]]
// CHECK: ft.linear %[[F]]
module attributes {ft.axes = ["tokens", "sequences", "rows"]} {
  ft.param @w : tensor<8x8xf32> = #ft.recipe<"literal" {shape = array<i64: 8, 8>}>
  ft.param @rope : tensor<16x8xf32> = #ft.recipe<"literal" {shape = array<i64: 16, 8>}>
  ft.entry @first(%x: !ft.packed<tokens, 8xf32>, %s: !ft.sequences<tokens, sequences>) -> !ft.packed<sequences, 8xf32> attributes {entry = "first", kind = #ft.step_kind<1, 0>} {
    %o = ft.linear %x, @w : (!ft.packed<tokens, 8xf32>) -> !ft.packed<tokens, 8xf32>
    %y = ft.segment_reduce "first" %o at %s : (!ft.packed<tokens, 8xf32>, !ft.sequences<tokens, sequences>) -> !ft.packed<sequences, 8xf32>
    ft.return %y : !ft.packed<sequences, 8xf32>
  }
  ft.entry @second(%x: !ft.packed<tokens, 8xf32>, %s: !ft.sequences<tokens, sequences>) -> !ft.packed<sequences, 8xf32> attributes {entry = "second", kind = #ft.step_kind<1, 0>} {
    %o = ft.linear %x, @w : (!ft.packed<tokens, 8xf32>) -> !ft.packed<tokens, 8xf32>
    %y = ft.segment_reduce "first" %o at %s {index = 1 : i64} : (!ft.packed<tokens, 8xf32>, !ft.sequences<tokens, sequences>) -> !ft.packed<sequences, 8xf32>
    ft.return %y : !ft.packed<sequences, 8xf32>
  }
  ft.entry @whole(%x: !ft.packed<tokens, 8xf32>, %s: !ft.sequences<tokens, sequences>) -> (!ft.packed<tokens, 8xf32>, !ft.packed<sequences, 8xf32>) attributes {entry = "whole", kind = #ft.step_kind<1, 0>} {
    %o = ft.linear %x, @w : (!ft.packed<tokens, 8xf32>) -> !ft.packed<tokens, 8xf32>
    %y = ft.segment_reduce "first" %o at %s : (!ft.packed<tokens, 8xf32>, !ft.sequences<tokens, sequences>) -> !ft.packed<sequences, 8xf32>
    ft.return %o, %y : !ft.packed<tokens, 8xf32>, !ft.packed<sequences, 8xf32>
  }
  ft.entry @sum(%x: !ft.packed<tokens, 8xf32>, %z: !ft.packed<tokens, 8xf32>, %s: !ft.sequences<tokens, sequences>) -> !ft.packed<sequences, 8xf32> attributes {entry = "sum", kind = #ft.step_kind<1, 0>} {
    %o = ft.add %x, %z : (!ft.packed<tokens, 8xf32>, !ft.packed<tokens, 8xf32>) -> !ft.packed<tokens, 8xf32>
    %y = ft.segment_reduce "first" %o at %s : (!ft.packed<tokens, 8xf32>, !ft.sequences<tokens, sequences>) -> !ft.packed<sequences, 8xf32>
    ft.return %y : !ft.packed<sequences, 8xf32>
  }
  ft.entry @places(%x: !ft.packed<tokens, 1x8xf32>, %s: !ft.sequences<tokens, sequences>) -> !ft.packed<sequences, 8xf32> attributes {entry = "places", kind = #ft.step_kind<1, 0>} {
    %p = ft.rope %x, @rope at %s : (!ft.packed<tokens, 1x8xf32>, !ft.sequences<tokens, sequences>) -> !ft.packed<tokens, 1x8xf32>
    %o = ft.linear %p, @w : (!ft.packed<tokens, 1x8xf32>) -> !ft.packed<tokens, 8xf32>
    %y = ft.segment_reduce "first" %o at %s : (!ft.packed<tokens, 8xf32>, !ft.sequences<tokens, sequences>) -> !ft.packed<sequences, 8xf32>
    ft.return %y : !ft.packed<sequences, 8xf32>
  }
}
