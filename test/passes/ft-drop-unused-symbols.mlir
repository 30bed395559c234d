// RUN: ft-opt %s --ft-drop-unused-symbols | FileCheck %s

// A weight that only a dead view is of goes with it; one whose view is read stays.
module attributes {ft.axes = ["tokens"]} {
  // CHECK: ft.param @whole
  // CHECK-NOT: ft.param @dead
  // CHECK-NOT: ft.cache
  // CHECK: ft.param @half : tensor<4xf32> view_of @whole row 4
  // CHECK-NOT: ft.param @dead_view
  ft.param @whole : tensor<8xf32> = #ft.recipe<"generator" {name = "a", shape = array<i64: 8>}>
  ft.param @dead : tensor<8xf32> = #ft.recipe<"generator" {name = "a", shape = array<i64: 8>}>
  ft.cache @kv layers 1 page 64 [#ft.plane<"k", 8x8xf32>]
  ft.param @half : tensor<4xf32> view_of @whole row 4
  ft.param @dead_view : tensor<4xf32> view_of @dead row 0
  ft.entry @e(%x: !ft.packed<tokens, 4xf32>) -> !ft.packed<tokens, 4xf32> {
    %y = ft.rms_norm %x, @half {eps = 1.0e-5 : f64} : !ft.packed<tokens, 4xf32>
    ft.return %y : !ft.packed<tokens, 4xf32>
  }
}
