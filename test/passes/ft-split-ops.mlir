// RUN: ft-opt %s --ft-split-ops | FileCheck %s

// One step an operation; a broadcast weight stays with each of its readers.
module attributes {ft.axes = ["tokens"]} {
  ft.param @w : tensor<8xf32> = #ft.recipe<"generator" {name = "a", shape = array<i64: 8>}>
  // CHECK-LABEL: ft.entry @e
  // CHECK: ft.fused row (%{{.*}}) "add"
  // CHECK:   ft.broadcast @w
  // CHECK-NEXT: ft.add
  // CHECK: ft.fused row (%{{.*}}) "mul"
  // CHECK:   ft.broadcast @w
  // CHECK-NEXT: ft.mul
  // CHECK: ft.fused row (%{{.*}}) "silu"
  // CHECK-NOT: ft.fused
  ft.entry @e(%x: !ft.packed<tokens, 8xf32>) -> !ft.packed<tokens, 8xf32> {
    %b = ft.broadcast @w : !ft.packed<tokens, 8xf32>
    %y = ft.add %x, %b : (!ft.packed<tokens, 8xf32>, !ft.packed<tokens, 8xf32>) -> !ft.packed<tokens, 8xf32>
    %z = ft.mul %y, %b : (!ft.packed<tokens, 8xf32>, !ft.packed<tokens, 8xf32>) -> !ft.packed<tokens, 8xf32>
    %s = ft.silu %z : !ft.packed<tokens, 8xf32>
    ft.return %s : !ft.packed<tokens, 8xf32>
  }
}
