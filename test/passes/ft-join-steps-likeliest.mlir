// The linear in front of a choice of tokens may keep of each row the largest output
// alone: the choice says so.
// RUN: ft-opt %s --ft-join-steps --split-input-file | FileCheck %s
// RUN: ft-opt %s --ft-join-steps=archs=sm_80,ptx --split-input-file | FileCheck %s --check-prefix=OTHERS
// OTHERS-NOT: joins

// The linear in front may keep the largest alone, also where they are returned.
// CHECK-LABEL: ft.entry @step
// CHECK: ft.fused sample {{.*}} "sample" attributes {joins}
module attributes {ft.axes = ["tokens", "sequences", "rows"], ft.dtype = bf16} {
  ft.param @head : tensor<1000x64xbf16> = #ft.recipe<"generator" {name = "iota", shape = array<i64: 1000, 64>}>
  ft.entry @step(%x: !ft.packed<rows, 64xbf16>, %s: !ft.sequences<tokens, sequences>, %r: !ft.rows<rows, tokens>) -> (!ft.packed<rows, 1000xf32>, !ft.packed<rows, i32>) attributes {causal, entry = "step", kind = #ft.step_kind<1, 8>} {
    %l = ft.fused gemm (%x) "head" {
    ^bb0(%p: !ft.packed<rows, 64xbf16>):
      %0 = ft.linear %p, @head : (!ft.packed<rows, 64xbf16>) -> !ft.packed<rows, 1000xbf16>
      %1 = ft.cast %0 : (!ft.packed<rows, 1000xbf16>) -> !ft.packed<rows, 1000xf32>
      ft.yield %1 : !ft.packed<rows, 1000xf32>
    } : (!ft.packed<rows, 64xbf16>) -> !ft.packed<rows, 1000xf32>
    %t = ft.fused sample (%l, %s, %r) "sample" {
    ^bb0(%p: !ft.packed<rows, 1000xf32>, %q: !ft.sequences<tokens, sequences>, %o: !ft.rows<rows, tokens>):
      %0 = ft.sample %p at %q, %o : (!ft.packed<rows, 1000xf32>, !ft.sequences<tokens, sequences>, !ft.rows<rows, tokens>) -> !ft.packed<rows, i32>
      ft.yield %0 : !ft.packed<rows, i32>
    } : (!ft.packed<rows, 1000xf32>, !ft.sequences<tokens, sequences>, !ft.rows<rows, tokens>) -> !ft.packed<rows, i32>
    ft.return %l, %t : !ft.packed<rows, 1000xf32>, !ft.packed<rows, i32>
  }
}

// -----

// With as many rows as a tile of tokens has.
// CHECK-LABEL: ft.entry @step
// CHECK: ft.fused sample {{.*}} "sample" attributes {joins}
module attributes {ft.axes = ["tokens", "sequences", "rows"], ft.dtype = f16} {
  ft.param @head : tensor<1000x64xf16> = #ft.recipe<"generator" {name = "iota", shape = array<i64: 1000, 64>}>
  ft.entry @step(%x: !ft.packed<rows, 64xf16>, %s: !ft.sequences<tokens, sequences>, %r: !ft.rows<rows, tokens>) -> (!ft.packed<rows, 1000xf32>, !ft.packed<rows, i32>) attributes {causal, entry = "step", kind = #ft.step_kind<9, 64>} {
    %l = ft.fused gemm (%x) "head" {
    ^bb0(%p: !ft.packed<rows, 64xf16>):
      %0 = ft.linear %p, @head : (!ft.packed<rows, 64xf16>) -> !ft.packed<rows, 1000xf16>
      %1 = ft.cast %0 : (!ft.packed<rows, 1000xf16>) -> !ft.packed<rows, 1000xf32>
      ft.yield %1 : !ft.packed<rows, 1000xf32>
    } : (!ft.packed<rows, 64xf16>) -> !ft.packed<rows, 1000xf32>
    %t = ft.fused sample (%l, %s, %r) "sample" {
    ^bb0(%p: !ft.packed<rows, 1000xf32>, %q: !ft.sequences<tokens, sequences>, %o: !ft.rows<rows, tokens>):
      %0 = ft.sample %p at %q, %o : (!ft.packed<rows, 1000xf32>, !ft.sequences<tokens, sequences>, !ft.rows<rows, tokens>) -> !ft.packed<rows, i32>
      ft.yield %0 : !ft.packed<rows, i32>
    } : (!ft.packed<rows, 1000xf32>, !ft.sequences<tokens, sequences>, !ft.rows<rows, tokens>) -> !ft.packed<rows, i32>
    ft.return %l, %t : !ft.packed<rows, 1000xf32>, !ft.packed<rows, i32>
  }
}

// -----

// With more they are two.
// CHECK-LABEL: ft.entry @step
// CHECK: ft.fused sample {{.*}} "sample" {
module attributes {ft.axes = ["tokens", "sequences", "rows"], ft.dtype = bf16} {
  ft.param @head : tensor<1000x64xbf16> = #ft.recipe<"generator" {name = "iota", shape = array<i64: 1000, 64>}>
  ft.entry @step(%x: !ft.packed<rows, 64xbf16>, %s: !ft.sequences<tokens, sequences>, %r: !ft.rows<rows, tokens>) -> (!ft.packed<rows, 1000xf32>, !ft.packed<rows, i32>) attributes {causal, entry = "step", kind = #ft.step_kind<65, 0>} {
    %l = ft.fused gemm (%x) "head" {
    ^bb0(%p: !ft.packed<rows, 64xbf16>):
      %0 = ft.linear %p, @head : (!ft.packed<rows, 64xbf16>) -> !ft.packed<rows, 1000xbf16>
      %1 = ft.cast %0 : (!ft.packed<rows, 1000xbf16>) -> !ft.packed<rows, 1000xf32>
      ft.yield %1 : !ft.packed<rows, 1000xf32>
    } : (!ft.packed<rows, 64xbf16>) -> !ft.packed<rows, 1000xf32>
    %t = ft.fused sample (%l, %s, %r) "sample" {
    ^bb0(%p: !ft.packed<rows, 1000xf32>, %q: !ft.sequences<tokens, sequences>, %o: !ft.rows<rows, tokens>):
      %0 = ft.sample %p at %q, %o : (!ft.packed<rows, 1000xf32>, !ft.sequences<tokens, sequences>, !ft.rows<rows, tokens>) -> !ft.packed<rows, i32>
      ft.yield %0 : !ft.packed<rows, i32>
    } : (!ft.packed<rows, 1000xf32>, !ft.sequences<tokens, sequences>, !ft.rows<rows, tokens>) -> !ft.packed<rows, i32>
    ft.return %l, %t : !ft.packed<rows, 1000xf32>, !ft.packed<rows, i32>
  }
}

// -----

// Another step reads the logits.
// CHECK-LABEL: ft.entry @step
// CHECK: ft.fused sample {{.*}} "sample" {
module attributes {ft.axes = ["tokens", "sequences", "rows"], ft.dtype = bf16} {
  ft.param @head : tensor<1000x64xbf16> = #ft.recipe<"generator" {name = "iota", shape = array<i64: 1000, 64>}>
  ft.entry @step(%x: !ft.packed<rows, 64xbf16>, %s: !ft.sequences<tokens, sequences>, %r: !ft.rows<rows, tokens>) -> (!ft.packed<rows, 1000xf32>, !ft.packed<rows, i32>, !ft.packed<rows, 1000xf32>) attributes {causal, entry = "step", kind = #ft.step_kind<1, 8>} {
    %l = ft.fused gemm (%x) "head" {
    ^bb0(%p: !ft.packed<rows, 64xbf16>):
      %0 = ft.linear %p, @head : (!ft.packed<rows, 64xbf16>) -> !ft.packed<rows, 1000xbf16>
      %1 = ft.cast %0 : (!ft.packed<rows, 1000xbf16>) -> !ft.packed<rows, 1000xf32>
      ft.yield %1 : !ft.packed<rows, 1000xf32>
    } : (!ft.packed<rows, 64xbf16>) -> !ft.packed<rows, 1000xf32>
    %t = ft.fused sample (%l, %s, %r) "sample" {
    ^bb0(%p: !ft.packed<rows, 1000xf32>, %q: !ft.sequences<tokens, sequences>, %o: !ft.rows<rows, tokens>):
      %0 = ft.sample %p at %q, %o : (!ft.packed<rows, 1000xf32>, !ft.sequences<tokens, sequences>, !ft.rows<rows, tokens>) -> !ft.packed<rows, i32>
      ft.yield %0 : !ft.packed<rows, i32>
    } : (!ft.packed<rows, 1000xf32>, !ft.sequences<tokens, sequences>, !ft.rows<rows, tokens>) -> !ft.packed<rows, i32>
    %z = ft.fused row (%l) "relu" {
    ^bb0(%p: !ft.packed<rows, 1000xf32>):
      %0 = ft.relu %p : !ft.packed<rows, 1000xf32>
      ft.yield %0 : !ft.packed<rows, 1000xf32>
    } : (!ft.packed<rows, 1000xf32>) -> !ft.packed<rows, 1000xf32>
    ft.return %l, %t, %z : !ft.packed<rows, 1000xf32>, !ft.packed<rows, i32>, !ft.packed<rows, 1000xf32>
  }
}

// -----

// No 16-bit types.
// CHECK-LABEL: ft.entry @step
// CHECK: ft.fused sample {{.*}} "sample" {
module attributes {ft.axes = ["tokens", "sequences", "rows"], ft.dtype = f32} {
  ft.param @head : tensor<1000x64xf32> = #ft.recipe<"generator" {name = "iota", shape = array<i64: 1000, 64>}>
  ft.entry @step(%x: !ft.packed<rows, 64xf32>, %s: !ft.sequences<tokens, sequences>, %r: !ft.rows<rows, tokens>) -> (!ft.packed<rows, 1000xf32>, !ft.packed<rows, i32>) attributes {causal, entry = "step", kind = #ft.step_kind<1, 8>} {
    %l = ft.fused gemm (%x) "head" {
    ^bb0(%p: !ft.packed<rows, 64xf32>):
      %0 = ft.linear %p, @head : (!ft.packed<rows, 64xf32>) -> !ft.packed<rows, 1000xf32>
      ft.yield %0 : !ft.packed<rows, 1000xf32>
    } : (!ft.packed<rows, 64xf32>) -> !ft.packed<rows, 1000xf32>
    %t = ft.fused sample (%l, %s, %r) "sample" {
    ^bb0(%p: !ft.packed<rows, 1000xf32>, %q: !ft.sequences<tokens, sequences>, %o: !ft.rows<rows, tokens>):
      %0 = ft.sample %p at %q, %o : (!ft.packed<rows, 1000xf32>, !ft.sequences<tokens, sequences>, !ft.rows<rows, tokens>) -> !ft.packed<rows, i32>
      ft.yield %0 : !ft.packed<rows, i32>
    } : (!ft.packed<rows, 1000xf32>, !ft.sequences<tokens, sequences>, !ft.rows<rows, tokens>) -> !ft.packed<rows, i32>
    ft.return %l, %t : !ft.packed<rows, 1000xf32>, !ft.packed<rows, i32>
  }
}
