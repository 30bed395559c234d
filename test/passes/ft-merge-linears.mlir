// RUN: ft-opt %s --ft-merge-linears --split-input-file | FileCheck %s

// Linears of one input become views of one weight, in program order; so do
// their biases.
module attributes {ft.axes = ["tokens"]} {
  // CHECK: ft.param @"l0.q+k" : tensor<96x64xf32> = <"concat"(<"generator" {name = "a"{{.*}}>, <"generator" {name = "b"{{.*}}>) {axis = 0 : i64, shape = array<i64: 96, 64>}>
  // CHECK: ft.param @l0.q : tensor<64x64xf32> view_of @"l0.q+k" row 0
  // CHECK: ft.param @l0.k : tensor<32x64xf32> view_of @"l0.q+k" row 64
  // CHECK: ft.param @"l0.q+k.bias" : tensor<96xf32> = <"concat"
  // CHECK: ft.param @l0.q.bias : tensor<64xf32> view_of @"l0.q+k.bias" row 0
  // CHECK: ft.param @l0.k.bias : tensor<32xf32> view_of @"l0.q+k.bias" row 64
  ft.param @l0.q : tensor<64x64xf32> = #ft.recipe<"generator" {name = "a", shape = array<i64: 64, 64>}>
  ft.param @l0.k : tensor<32x64xf32> = #ft.recipe<"generator" {name = "b", shape = array<i64: 32, 64>}>
  ft.param @l0.q.bias : tensor<64xf32> = #ft.recipe<"generator" {name = "c", shape = array<i64: 64>}>
  ft.param @l0.k.bias : tensor<32xf32> = #ft.recipe<"generator" {name = "d", shape = array<i64: 32>}>
  ft.entry @e(%x: !ft.packed<tokens, 64xf32>) -> (!ft.packed<tokens, 64xf32>, !ft.packed<tokens, 32xf32>) {
    %q = ft.linear %x, @l0.q bias @l0.q.bias : (!ft.packed<tokens, 64xf32>) -> !ft.packed<tokens, 64xf32>
    %k = ft.linear %x, @l0.k bias @l0.k.bias : (!ft.packed<tokens, 64xf32>) -> !ft.packed<tokens, 32xf32>
    ft.return %q, %k : !ft.packed<tokens, 64xf32>, !ft.packed<tokens, 32xf32>
  }
}

// -----

// Only one of two has a bias: one GEMM cannot run both.
module attributes {ft.axes = ["tokens"]} {
  // CHECK-NOT: view_of
  // CHECK-LABEL: ft.entry @one_bias
  ft.param @q : tensor<64x64xf32> = #ft.recipe<"generator" {name = "a", shape = array<i64: 64, 64>}>
  ft.param @k : tensor<32x64xf32> = #ft.recipe<"generator" {name = "b", shape = array<i64: 32, 64>}>
  ft.param @bias : tensor<64xf32> = #ft.recipe<"generator" {name = "c", shape = array<i64: 64>}>
  ft.entry @one_bias(%x: !ft.packed<tokens, 64xf32>) -> (!ft.packed<tokens, 64xf32>, !ft.packed<tokens, 32xf32>) {
    %q = ft.linear %x, @q bias @bias : (!ft.packed<tokens, 64xf32>) -> !ft.packed<tokens, 64xf32>
    %k = ft.linear %x, @k : (!ft.packed<tokens, 64xf32>) -> !ft.packed<tokens, 32xf32>
    ft.return %q, %k : !ft.packed<tokens, 64xf32>, !ft.packed<tokens, 32xf32>
  }
}

// -----

// A second entry over the same weights reuses the first one's merge.
module attributes {ft.axes = ["tokens"]} {
  // CHECK-COUNT-1: "concat"
  // CHECK-NOT: "concat"
  // CHECK-LABEL: ft.entry @second
  ft.param @q : tensor<64x64xf32> = #ft.recipe<"generator" {name = "a", shape = array<i64: 64, 64>}>
  ft.param @k : tensor<32x64xf32> = #ft.recipe<"generator" {name = "b", shape = array<i64: 32, 64>}>
  ft.entry @first(%x: !ft.packed<tokens, 64xf32>) -> (!ft.packed<tokens, 64xf32>, !ft.packed<tokens, 32xf32>) {
    %q = ft.linear %x, @q : (!ft.packed<tokens, 64xf32>) -> !ft.packed<tokens, 64xf32>
    %k = ft.linear %x, @k : (!ft.packed<tokens, 64xf32>) -> !ft.packed<tokens, 32xf32>
    ft.return %q, %k : !ft.packed<tokens, 64xf32>, !ft.packed<tokens, 32xf32>
  }
  ft.entry @second(%x: !ft.packed<tokens, 64xf32>) -> (!ft.packed<tokens, 64xf32>, !ft.packed<tokens, 32xf32>) {
    %q = ft.linear %x, @q : (!ft.packed<tokens, 64xf32>) -> !ft.packed<tokens, 64xf32>
    %k = ft.linear %x, @k : (!ft.packed<tokens, 64xf32>) -> !ft.packed<tokens, 32xf32>
    ft.return %q, %k : !ft.packed<tokens, 64xf32>, !ft.packed<tokens, 32xf32>
  }
}
