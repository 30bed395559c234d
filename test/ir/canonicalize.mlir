// RUN: ft-opt %s --canonicalize --split-input-file | FileCheck %s

module attributes {ft.axes = ["tokens"]} {
  // CHECK-LABEL: ft.entry @identities(%arg0
  // CHECK-NEXT: ft.return %arg0, %arg0, %arg0, %arg0
  ft.entry @identities(%x: !ft.packed<tokens, 8xf32>) -> (!ft.packed<tokens, 8xf32>, !ft.packed<tokens, 8xf32>, !ft.packed<tokens, 8xf32>, !ft.packed<tokens, 8xf32>) {
    %a = ft.scale %x by 1.0 : !ft.packed<tokens, 8xf32>
    %b = ft.offset %x by 0.0 : !ft.packed<tokens, 8xf32>
    %c = ft.cast %x : (!ft.packed<tokens, 8xf32>) -> !ft.packed<tokens, 8xf32>
    %n = ft.neg %x : !ft.packed<tokens, 8xf32>
    %d = ft.neg %n : !ft.packed<tokens, 8xf32>
    ft.return %a, %b, %c, %d : !ft.packed<tokens, 8xf32>, !ft.packed<tokens, 8xf32>, !ft.packed<tokens, 8xf32>, !ft.packed<tokens, 8xf32>
  }
  // A cast that rounds, a scale that is not one: both stay.
  // CHECK-LABEL: ft.entry @others
  // CHECK-NEXT: ft.scale
  // CHECK-NEXT: ft.cast
  ft.entry @others(%x: !ft.packed<tokens, 8xf32>) -> !ft.packed<tokens, 8xbf16> {
    %a = ft.scale %x by 2.0 : !ft.packed<tokens, 8xf32>
    %c = ft.cast %a : (!ft.packed<tokens, 8xf32>) -> !ft.packed<tokens, 8xbf16>
    ft.return %c : !ft.packed<tokens, 8xbf16>
  }
}

// -----

// Only wanted rows are normalised and multiplied.
module attributes {ft.axes = ["tokens", "sequences", "rows"]} {
  ft.param @n : tensor<8xf32> = #ft.recipe<"generator" {name = "iota", shape = array<i64: 8>}>
  ft.param @w : tensor<4x8xf32> = #ft.recipe<"generator" {name = "iota", shape = array<i64: 4, 8>}>
  // CHECK-LABEL: ft.entry @rows
  // CHECK-NEXT: %[[R:.*]] = ft.rows %{{.*}} -> !ft.packed<rows, 8xf32>
  // CHECK-NEXT: %[[N:.*]] = ft.rms_norm %[[R]]
  // CHECK-NEXT: %[[L:.*]] = ft.linear %[[N]]
  // CHECK-NEXT: ft.return %[[L]]
  ft.entry @rows(%x: !ft.packed<tokens, 8xf32>, %r: !ft.rows<rows, tokens>) -> !ft.packed<rows, 4xf32> {
    %n = ft.rms_norm %x, @n {eps = 0.0 : f64} : !ft.packed<tokens, 8xf32>
    %l = ft.linear %n, @w : (!ft.packed<tokens, 8xf32>) -> !ft.packed<tokens, 4xf32>
    %y = ft.rows %l, %r : (!ft.packed<tokens, 4xf32>, !ft.rows<rows, tokens>) -> !ft.packed<rows, 4xf32>
    ft.return %y : !ft.packed<rows, 4xf32>
  }
  // Every row is read as well: the gather stays where it is.
  // CHECK-LABEL: ft.entry @all_rows
  // CHECK-NEXT: %[[N:.*]] = ft.rms_norm
  // CHECK-NEXT: ft.rows %[[N]]
  ft.entry @all_rows(%x: !ft.packed<tokens, 8xf32>, %r: !ft.rows<rows, tokens>) -> (!ft.packed<rows, 8xf32>, !ft.packed<tokens, 8xf32>) {
    %n = ft.rms_norm %x, @n {eps = 0.0 : f64} : !ft.packed<tokens, 8xf32>
    %y = ft.rows %n, %r : (!ft.packed<tokens, 8xf32>, !ft.rows<rows, tokens>) -> !ft.packed<rows, 8xf32>
    ft.return %y, %n : !ft.packed<rows, 8xf32>, !ft.packed<tokens, 8xf32>
  }
  // A rope knows positions, which the gathered rows have lost.
  // CHECK-LABEL: ft.entry @rope
  // CHECK-NEXT: ft.rope
  // CHECK-NEXT: ft.rows
  ft.param @t : tensor<9x4xf32> = #ft.recipe<"generator" {name = "rope", shape = array<i64: 9, 4>}>
  ft.entry @rope(%x: !ft.packed<tokens, 2x4xf32>, %s: !ft.sequences<tokens, sequences>, %r: !ft.rows<rows, tokens>) -> !ft.packed<rows, 2x4xf32> {
    %n = ft.rope %x, @t at %s : (!ft.packed<tokens, 2x4xf32>, !ft.sequences<tokens, sequences>) -> !ft.packed<tokens, 2x4xf32>
    %y = ft.rows %n, %r : (!ft.packed<tokens, 2x4xf32>, !ft.rows<rows, tokens>) -> !ft.packed<rows, 2x4xf32>
    ft.return %y : !ft.packed<rows, 2x4xf32>
  }
}
