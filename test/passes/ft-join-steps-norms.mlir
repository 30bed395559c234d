// The linears around a norm may make it, or the ones behind as their prologue: the
// steps behind the first say so.
// RUN: ft-opt %s --ft-join-steps --split-input-file | FileCheck %s
// RUN: ft-opt %s --ft-join-steps=archs=sm_80,ptx --split-input-file | FileCheck %s --check-prefix=OTHERS
// OTHERS-NOT: joins

// An RMS norm between two linears: all three are one.
// CHECK-LABEL: ft.entry @e
// CHECK: ft.fused gemm {{.*}} "sum" {
// CHECK: ft.fused row {{.*}} "norm" attributes {joins}
// CHECK: ft.fused gemm {{.*}} "y" attributes {joins}
module attributes {ft.axes = ["tokens"], ft.dtype = bf16} {
  ft.param @o : tensor<64x72xbf16> = #ft.recipe<"generator" {name = "iota", shape = array<i64: 64, 72>}>
  ft.param @g : tensor<64xf32> = #ft.recipe<"generator" {name = "iota", shape = array<i64: 64>}>
  ft.param @up : tensor<128x64xbf16> = #ft.recipe<"generator" {name = "iota", shape = array<i64: 128, 64>}>
  ft.entry @e(%x: !ft.packed<tokens, 72xbf16>, %h: !ft.packed<tokens, 64xbf16>) -> (!ft.packed<tokens, 128xbf16>) attributes {causal, entry = "e", kind = #ft.step_kind<9, 64>} {
    %sum = ft.fused gemm (%x, %h) "sum" {
    ^bb0(%p: !ft.packed<tokens, 72xbf16>, %r: !ft.packed<tokens, 64xbf16>):
      %0 = ft.linear %p, @o : (!ft.packed<tokens, 72xbf16>) -> !ft.packed<tokens, 64xbf16>
      %1 = ft.add %r, %0 : (!ft.packed<tokens, 64xbf16>, !ft.packed<tokens, 64xbf16>) -> !ft.packed<tokens, 64xbf16>
      ft.yield %1 : !ft.packed<tokens, 64xbf16>
    } : (!ft.packed<tokens, 72xbf16>, !ft.packed<tokens, 64xbf16>) -> !ft.packed<tokens, 64xbf16>
    %norm = ft.fused row (%sum) "norm" {
    ^bb0(%p: !ft.packed<tokens, 64xbf16>):
      %0 = ft.rms_norm %p, @g {eps = 1.0e-05 : f64} : !ft.packed<tokens, 64xbf16>
      ft.yield %0 : !ft.packed<tokens, 64xbf16>
    } : (!ft.packed<tokens, 64xbf16>) -> !ft.packed<tokens, 64xbf16>
    %y = ft.fused gemm (%norm) "y" {
    ^bb0(%p: !ft.packed<tokens, 64xbf16>):
      %0 = ft.linear %p, @up : (!ft.packed<tokens, 64xbf16>) -> !ft.packed<tokens, 128xbf16>
      ft.yield %0 : !ft.packed<tokens, 128xbf16>
    } : (!ft.packed<tokens, 64xbf16>) -> !ft.packed<tokens, 128xbf16>
    ft.return %y : !ft.packed<tokens, 128xbf16>
  }
}

// -----

// In f16.
// CHECK-LABEL: ft.entry @e
// CHECK: ft.fused row {{.*}} "norm" attributes {joins}
// CHECK: ft.fused gemm {{.*}} "y" attributes {joins}
module attributes {ft.axes = ["tokens"], ft.dtype = f16} {
  ft.param @o : tensor<64x72xf16> = #ft.recipe<"generator" {name = "iota", shape = array<i64: 64, 72>}>
  ft.param @g : tensor<64xf32> = #ft.recipe<"generator" {name = "iota", shape = array<i64: 64>}>
  ft.param @up : tensor<128x64xf16> = #ft.recipe<"generator" {name = "iota", shape = array<i64: 128, 64>}>
  ft.entry @e(%x: !ft.packed<tokens, 72xf16>, %h: !ft.packed<tokens, 64xf16>) -> (!ft.packed<tokens, 128xf16>) attributes {causal, entry = "e", kind = #ft.step_kind<9, 64>} {
    %sum = ft.fused gemm (%x, %h) "sum" {
    ^bb0(%p: !ft.packed<tokens, 72xf16>, %r: !ft.packed<tokens, 64xf16>):
      %0 = ft.linear %p, @o : (!ft.packed<tokens, 72xf16>) -> !ft.packed<tokens, 64xf16>
      %1 = ft.add %r, %0 : (!ft.packed<tokens, 64xf16>, !ft.packed<tokens, 64xf16>) -> !ft.packed<tokens, 64xf16>
      ft.yield %1 : !ft.packed<tokens, 64xf16>
    } : (!ft.packed<tokens, 72xf16>, !ft.packed<tokens, 64xf16>) -> !ft.packed<tokens, 64xf16>
    %norm = ft.fused row (%sum) "norm" {
    ^bb0(%p: !ft.packed<tokens, 64xf16>):
      %0 = ft.rms_norm %p, @g {eps = 1.0e-05 : f64} : !ft.packed<tokens, 64xf16>
      ft.yield %0 : !ft.packed<tokens, 64xf16>
    } : (!ft.packed<tokens, 64xf16>) -> !ft.packed<tokens, 64xf16>
    %y = ft.fused gemm (%norm) "y" {
    ^bb0(%p: !ft.packed<tokens, 64xf16>):
      %0 = ft.linear %p, @up : (!ft.packed<tokens, 64xf16>) -> !ft.packed<tokens, 128xf16>
      ft.yield %0 : !ft.packed<tokens, 128xf16>
    } : (!ft.packed<tokens, 64xf16>) -> !ft.packed<tokens, 128xf16>
    ft.return %y : !ft.packed<tokens, 128xf16>
  }
}

// -----

// A LayerNorm between two linears.
// CHECK-LABEL: ft.entry @e
// CHECK: ft.fused row {{.*}} "norm" attributes {joins}
// CHECK: ft.fused gemm {{.*}} "y" attributes {joins}
module attributes {ft.axes = ["tokens"], ft.dtype = bf16} {
  ft.param @o : tensor<64x72xbf16> = #ft.recipe<"generator" {name = "iota", shape = array<i64: 64, 72>}>
  ft.param @g : tensor<64xf32> = #ft.recipe<"generator" {name = "iota", shape = array<i64: 64>}>
  ft.param @up : tensor<128x64xbf16> = #ft.recipe<"generator" {name = "iota", shape = array<i64: 128, 64>}>
  ft.entry @e(%x: !ft.packed<tokens, 72xbf16>, %h: !ft.packed<tokens, 64xbf16>) -> (!ft.packed<tokens, 128xbf16>) attributes {causal, entry = "e", kind = #ft.step_kind<9, 64>} {
    %sum = ft.fused gemm (%x, %h) "sum" {
    ^bb0(%p: !ft.packed<tokens, 72xbf16>, %r: !ft.packed<tokens, 64xbf16>):
      %0 = ft.linear %p, @o : (!ft.packed<tokens, 72xbf16>) -> !ft.packed<tokens, 64xbf16>
      %1 = ft.add %r, %0 : (!ft.packed<tokens, 64xbf16>, !ft.packed<tokens, 64xbf16>) -> !ft.packed<tokens, 64xbf16>
      ft.yield %1 : !ft.packed<tokens, 64xbf16>
    } : (!ft.packed<tokens, 72xbf16>, !ft.packed<tokens, 64xbf16>) -> !ft.packed<tokens, 64xbf16>
    %norm = ft.fused row (%sum) "norm" {
    ^bb0(%p: !ft.packed<tokens, 64xbf16>):
      %0 = ft.layer_norm %p, @g {eps = 1.0e-05 : f64} : !ft.packed<tokens, 64xbf16>
      ft.yield %0 : !ft.packed<tokens, 64xbf16>
    } : (!ft.packed<tokens, 64xbf16>) -> !ft.packed<tokens, 64xbf16>
    %y = ft.fused gemm (%norm) "y" {
    ^bb0(%p: !ft.packed<tokens, 64xbf16>):
      %0 = ft.linear %p, @up : (!ft.packed<tokens, 64xbf16>) -> !ft.packed<tokens, 128xbf16>
      ft.yield %0 : !ft.packed<tokens, 128xbf16>
    } : (!ft.packed<tokens, 64xbf16>) -> !ft.packed<tokens, 128xbf16>
    ft.return %y : !ft.packed<tokens, 128xbf16>
  }
}

// -----

// Its bias is of no type that the kernels read: a prologue alone.
// CHECK-LABEL: ft.entry @e
// CHECK: ft.fused row {{.*}} "norm" {
// CHECK: ft.fused gemm {{.*}} "y" attributes {joins}
module attributes {ft.axes = ["tokens"], ft.dtype = bf16} {
  ft.param @o : tensor<64x72xbf16> = #ft.recipe<"generator" {name = "iota", shape = array<i64: 64, 72>}>
  ft.param @g : tensor<64xf32> = #ft.recipe<"generator" {name = "iota", shape = array<i64: 64>}>
  ft.param @b : tensor<64xbf16> = #ft.recipe<"generator" {name = "iota", shape = array<i64: 64>}>
  ft.param @up : tensor<128x64xbf16> = #ft.recipe<"generator" {name = "iota", shape = array<i64: 128, 64>}>
  ft.entry @e(%x: !ft.packed<tokens, 72xbf16>, %h: !ft.packed<tokens, 64xbf16>) -> (!ft.packed<tokens, 128xbf16>) attributes {causal, entry = "e", kind = #ft.step_kind<9, 64>} {
    %sum = ft.fused gemm (%x, %h) "sum" {
    ^bb0(%p: !ft.packed<tokens, 72xbf16>, %r: !ft.packed<tokens, 64xbf16>):
      %0 = ft.linear %p, @o : (!ft.packed<tokens, 72xbf16>) -> !ft.packed<tokens, 64xbf16>
      %1 = ft.add %r, %0 : (!ft.packed<tokens, 64xbf16>, !ft.packed<tokens, 64xbf16>) -> !ft.packed<tokens, 64xbf16>
      ft.yield %1 : !ft.packed<tokens, 64xbf16>
    } : (!ft.packed<tokens, 72xbf16>, !ft.packed<tokens, 64xbf16>) -> !ft.packed<tokens, 64xbf16>
    %norm = ft.fused row (%sum) "norm" {
    ^bb0(%p: !ft.packed<tokens, 64xbf16>):
      %0 = ft.layer_norm %p, @g bias @b {eps = 1.0e-05 : f64} : !ft.packed<tokens, 64xbf16>
      ft.yield %0 : !ft.packed<tokens, 64xbf16>
    } : (!ft.packed<tokens, 64xbf16>) -> !ft.packed<tokens, 64xbf16>
    %y = ft.fused gemm (%norm) "y" {
    ^bb0(%p: !ft.packed<tokens, 64xbf16>):
      %0 = ft.linear %p, @up : (!ft.packed<tokens, 64xbf16>) -> !ft.packed<tokens, 128xbf16>
      ft.yield %0 : !ft.packed<tokens, 128xbf16>
    } : (!ft.packed<tokens, 64xbf16>) -> !ft.packed<tokens, 128xbf16>
    ft.return %y : !ft.packed<tokens, 128xbf16>
  }
}

// -----

// A prologue of large ones it is not.
// CHECK-LABEL: ft.entry @e
// CHECK: ft.fused row {{.*}} "norm" {
// CHECK: ft.fused gemm {{.*}} "y" {
module attributes {ft.axes = ["tokens"], ft.dtype = bf16} {
  ft.param @o : tensor<64x72xbf16> = #ft.recipe<"generator" {name = "iota", shape = array<i64: 64, 72>}>
  ft.param @g : tensor<64xf32> = #ft.recipe<"generator" {name = "iota", shape = array<i64: 64>}>
  ft.param @b : tensor<64xbf16> = #ft.recipe<"generator" {name = "iota", shape = array<i64: 64>}>
  ft.param @up : tensor<65600x64xbf16> = #ft.recipe<"generator" {name = "iota", shape = array<i64: 65600, 64>}>
  ft.entry @e(%x: !ft.packed<tokens, 72xbf16>, %h: !ft.packed<tokens, 64xbf16>) -> (!ft.packed<tokens, 65600xbf16>) attributes {causal, entry = "e", kind = #ft.step_kind<9, 64>} {
    %sum = ft.fused gemm (%x, %h) "sum" {
    ^bb0(%p: !ft.packed<tokens, 72xbf16>, %r: !ft.packed<tokens, 64xbf16>):
      %0 = ft.linear %p, @o : (!ft.packed<tokens, 72xbf16>) -> !ft.packed<tokens, 64xbf16>
      %1 = ft.add %r, %0 : (!ft.packed<tokens, 64xbf16>, !ft.packed<tokens, 64xbf16>) -> !ft.packed<tokens, 64xbf16>
      ft.yield %1 : !ft.packed<tokens, 64xbf16>
    } : (!ft.packed<tokens, 72xbf16>, !ft.packed<tokens, 64xbf16>) -> !ft.packed<tokens, 64xbf16>
    %norm = ft.fused row (%sum) "norm" {
    ^bb0(%p: !ft.packed<tokens, 64xbf16>):
      %0 = ft.layer_norm %p, @g bias @b {eps = 1.0e-05 : f64} : !ft.packed<tokens, 64xbf16>
      ft.yield %0 : !ft.packed<tokens, 64xbf16>
    } : (!ft.packed<tokens, 64xbf16>) -> !ft.packed<tokens, 64xbf16>
    %y = ft.fused gemm (%norm) "y" {
    ^bb0(%p: !ft.packed<tokens, 64xbf16>):
      %0 = ft.linear %p, @up : (!ft.packed<tokens, 64xbf16>) -> !ft.packed<tokens, 65600xbf16>
      ft.yield %0 : !ft.packed<tokens, 65600xbf16>
    } : (!ft.packed<tokens, 64xbf16>) -> !ft.packed<tokens, 65600xbf16>
    ft.return %y : !ft.packed<tokens, 65600xbf16>
  }
}

// -----

// A norm between large ones is joined.
// CHECK-LABEL: ft.entry @e
// CHECK: ft.fused row {{.*}} "norm" attributes {joins}
// CHECK: ft.fused gemm {{.*}} "y" attributes {joins}
module attributes {ft.axes = ["tokens"], ft.dtype = bf16} {
  ft.param @o : tensor<64x72xbf16> = #ft.recipe<"generator" {name = "iota", shape = array<i64: 64, 72>}>
  ft.param @g : tensor<64xf32> = #ft.recipe<"generator" {name = "iota", shape = array<i64: 64>}>
  ft.param @up : tensor<65600x64xbf16> = #ft.recipe<"generator" {name = "iota", shape = array<i64: 65600, 64>}>
  ft.entry @e(%x: !ft.packed<tokens, 72xbf16>, %h: !ft.packed<tokens, 64xbf16>) -> (!ft.packed<tokens, 65600xbf16>) attributes {causal, entry = "e", kind = #ft.step_kind<9, 64>} {
    %sum = ft.fused gemm (%x, %h) "sum" {
    ^bb0(%p: !ft.packed<tokens, 72xbf16>, %r: !ft.packed<tokens, 64xbf16>):
      %0 = ft.linear %p, @o : (!ft.packed<tokens, 72xbf16>) -> !ft.packed<tokens, 64xbf16>
      %1 = ft.add %r, %0 : (!ft.packed<tokens, 64xbf16>, !ft.packed<tokens, 64xbf16>) -> !ft.packed<tokens, 64xbf16>
      ft.yield %1 : !ft.packed<tokens, 64xbf16>
    } : (!ft.packed<tokens, 72xbf16>, !ft.packed<tokens, 64xbf16>) -> !ft.packed<tokens, 64xbf16>
    %norm = ft.fused row (%sum) "norm" {
    ^bb0(%p: !ft.packed<tokens, 64xbf16>):
      %0 = ft.rms_norm %p, @g {eps = 1.0e-05 : f64} : !ft.packed<tokens, 64xbf16>
      ft.yield %0 : !ft.packed<tokens, 64xbf16>
    } : (!ft.packed<tokens, 64xbf16>) -> !ft.packed<tokens, 64xbf16>
    %y = ft.fused gemm (%norm) "y" {
    ^bb0(%p: !ft.packed<tokens, 64xbf16>):
      %0 = ft.linear %p, @up : (!ft.packed<tokens, 64xbf16>) -> !ft.packed<tokens, 65600xbf16>
      ft.yield %0 : !ft.packed<tokens, 65600xbf16>
    } : (!ft.packed<tokens, 64xbf16>) -> !ft.packed<tokens, 65600xbf16>
    ft.return %y : !ft.packed<tokens, 65600xbf16>
  }
}

// -----

// More than the norm is in its step.
// CHECK-LABEL: ft.entry @e
// CHECK: ft.fused row {{.*}} "norm" {
// CHECK: ft.fused gemm {{.*}} "y" {
module attributes {ft.axes = ["tokens"], ft.dtype = bf16} {
  ft.param @o : tensor<64x72xbf16> = #ft.recipe<"generator" {name = "iota", shape = array<i64: 64, 72>}>
  ft.param @g : tensor<64xf32> = #ft.recipe<"generator" {name = "iota", shape = array<i64: 64>}>
  ft.param @up : tensor<128x64xbf16> = #ft.recipe<"generator" {name = "iota", shape = array<i64: 128, 64>}>
  ft.entry @e(%x: !ft.packed<tokens, 72xbf16>, %h: !ft.packed<tokens, 64xbf16>) -> (!ft.packed<tokens, 128xbf16>) attributes {causal, entry = "e", kind = #ft.step_kind<9, 64>} {
    %sum = ft.fused gemm (%x, %h) "sum" {
    ^bb0(%p: !ft.packed<tokens, 72xbf16>, %r: !ft.packed<tokens, 64xbf16>):
      %0 = ft.linear %p, @o : (!ft.packed<tokens, 72xbf16>) -> !ft.packed<tokens, 64xbf16>
      %1 = ft.add %r, %0 : (!ft.packed<tokens, 64xbf16>, !ft.packed<tokens, 64xbf16>) -> !ft.packed<tokens, 64xbf16>
      ft.yield %1 : !ft.packed<tokens, 64xbf16>
    } : (!ft.packed<tokens, 72xbf16>, !ft.packed<tokens, 64xbf16>) -> !ft.packed<tokens, 64xbf16>
    %norm = ft.fused row (%sum) "norm" {
    ^bb0(%p: !ft.packed<tokens, 64xbf16>):
      %0 = ft.rms_norm %p, @g {eps = 1.0e-05 : f64} : !ft.packed<tokens, 64xbf16>
      %1 = ft.silu %0 : !ft.packed<tokens, 64xbf16>
      ft.yield %1 : !ft.packed<tokens, 64xbf16>
    } : (!ft.packed<tokens, 64xbf16>) -> !ft.packed<tokens, 64xbf16>
    %y = ft.fused gemm (%norm) "y" {
    ^bb0(%p: !ft.packed<tokens, 64xbf16>):
      %0 = ft.linear %p, @up : (!ft.packed<tokens, 64xbf16>) -> !ft.packed<tokens, 128xbf16>
      ft.yield %0 : !ft.packed<tokens, 128xbf16>
    } : (!ft.packed<tokens, 64xbf16>) -> !ft.packed<tokens, 128xbf16>
    ft.return %y : !ft.packed<tokens, 128xbf16>
  }
}

// -----

// The norm is read elsewhere.
// CHECK-LABEL: ft.entry @e
// CHECK: ft.fused row {{.*}} "norm" {
// CHECK: ft.fused gemm {{.*}} "y" {
module attributes {ft.axes = ["tokens"], ft.dtype = bf16} {
  ft.param @o : tensor<64x72xbf16> = #ft.recipe<"generator" {name = "iota", shape = array<i64: 64, 72>}>
  ft.param @g : tensor<64xf32> = #ft.recipe<"generator" {name = "iota", shape = array<i64: 64>}>
  ft.param @up : tensor<128x64xbf16> = #ft.recipe<"generator" {name = "iota", shape = array<i64: 128, 64>}>
  ft.entry @e(%x: !ft.packed<tokens, 72xbf16>, %h: !ft.packed<tokens, 64xbf16>) -> (!ft.packed<tokens, 128xbf16>, !ft.packed<tokens, 64xbf16>) attributes {causal, entry = "e", kind = #ft.step_kind<9, 64>} {
    %sum = ft.fused gemm (%x, %h) "sum" {
    ^bb0(%p: !ft.packed<tokens, 72xbf16>, %r: !ft.packed<tokens, 64xbf16>):
      %0 = ft.linear %p, @o : (!ft.packed<tokens, 72xbf16>) -> !ft.packed<tokens, 64xbf16>
      %1 = ft.add %r, %0 : (!ft.packed<tokens, 64xbf16>, !ft.packed<tokens, 64xbf16>) -> !ft.packed<tokens, 64xbf16>
      ft.yield %1 : !ft.packed<tokens, 64xbf16>
    } : (!ft.packed<tokens, 72xbf16>, !ft.packed<tokens, 64xbf16>) -> !ft.packed<tokens, 64xbf16>
    %norm = ft.fused row (%sum) "norm" {
    ^bb0(%p: !ft.packed<tokens, 64xbf16>):
      %0 = ft.rms_norm %p, @g {eps = 1.0e-05 : f64} : !ft.packed<tokens, 64xbf16>
      ft.yield %0 : !ft.packed<tokens, 64xbf16>
    } : (!ft.packed<tokens, 64xbf16>) -> !ft.packed<tokens, 64xbf16>
    %y = ft.fused gemm (%norm) "y" {
    ^bb0(%p: !ft.packed<tokens, 64xbf16>):
      %0 = ft.linear %p, @up : (!ft.packed<tokens, 64xbf16>) -> !ft.packed<tokens, 128xbf16>
      ft.yield %0 : !ft.packed<tokens, 128xbf16>
    } : (!ft.packed<tokens, 64xbf16>) -> !ft.packed<tokens, 128xbf16>
    ft.return %y, %norm : !ft.packed<tokens, 128xbf16>, !ft.packed<tokens, 64xbf16>
  }
}

// -----

// No 16-bit types.
// CHECK-LABEL: ft.entry @e
// CHECK: ft.fused row {{.*}} "norm" {
// CHECK: ft.fused gemm {{.*}} "y" {
module attributes {ft.axes = ["tokens"], ft.dtype = f32} {
  ft.param @o : tensor<64x72xf32> = #ft.recipe<"generator" {name = "iota", shape = array<i64: 64, 72>}>
  ft.param @g : tensor<64xf32> = #ft.recipe<"generator" {name = "iota", shape = array<i64: 64>}>
  ft.param @up : tensor<128x64xf32> = #ft.recipe<"generator" {name = "iota", shape = array<i64: 128, 64>}>
  ft.entry @e(%x: !ft.packed<tokens, 72xf32>, %h: !ft.packed<tokens, 64xf32>) -> (!ft.packed<tokens, 128xf32>) attributes {causal, entry = "e", kind = #ft.step_kind<9, 64>} {
    %sum = ft.fused gemm (%x, %h) "sum" {
    ^bb0(%p: !ft.packed<tokens, 72xf32>, %r: !ft.packed<tokens, 64xf32>):
      %0 = ft.linear %p, @o : (!ft.packed<tokens, 72xf32>) -> !ft.packed<tokens, 64xf32>
      %1 = ft.add %r, %0 : (!ft.packed<tokens, 64xf32>, !ft.packed<tokens, 64xf32>) -> !ft.packed<tokens, 64xf32>
      ft.yield %1 : !ft.packed<tokens, 64xf32>
    } : (!ft.packed<tokens, 72xf32>, !ft.packed<tokens, 64xf32>) -> !ft.packed<tokens, 64xf32>
    %norm = ft.fused row (%sum) "norm" {
    ^bb0(%p: !ft.packed<tokens, 64xf32>):
      %0 = ft.rms_norm %p, @g {eps = 1.0e-05 : f64} : !ft.packed<tokens, 64xf32>
      ft.yield %0 : !ft.packed<tokens, 64xf32>
    } : (!ft.packed<tokens, 64xf32>) -> !ft.packed<tokens, 64xf32>
    %y = ft.fused gemm (%norm) "y" {
    ^bb0(%p: !ft.packed<tokens, 64xf32>):
      %0 = ft.linear %p, @up : (!ft.packed<tokens, 64xf32>) -> !ft.packed<tokens, 128xf32>
      ft.yield %0 : !ft.packed<tokens, 128xf32>
    } : (!ft.packed<tokens, 64xf32>) -> !ft.packed<tokens, 128xf32>
    ft.return %y : !ft.packed<tokens, 128xf32>
  }
}

// -----

// Rows that the kernels are not for.
// CHECK-LABEL: ft.entry @e
// CHECK: ft.fused row {{.*}} "norm" {
// CHECK: ft.fused gemm {{.*}} "y" {
module attributes {ft.axes = ["tokens"], ft.dtype = bf16} {
  ft.param @o : tensor<64x72xbf16> = #ft.recipe<"generator" {name = "iota", shape = array<i64: 64, 72>}>
  ft.param @g : tensor<64xf32> = #ft.recipe<"generator" {name = "iota", shape = array<i64: 64>}>
  ft.param @up : tensor<128x64xbf16> = #ft.recipe<"generator" {name = "iota", shape = array<i64: 128, 64>}>
  ft.entry @e(%x: !ft.packed<tokens, 72xbf16>, %h: !ft.packed<tokens, 64xbf16>) -> (!ft.packed<tokens, 128xbf16>) attributes {causal, entry = "e", kind = #ft.step_kind<1, 8>} {
    %sum = ft.fused gemm (%x, %h) "sum" {
    ^bb0(%p: !ft.packed<tokens, 72xbf16>, %r: !ft.packed<tokens, 64xbf16>):
      %0 = ft.linear %p, @o : (!ft.packed<tokens, 72xbf16>) -> !ft.packed<tokens, 64xbf16>
      %1 = ft.add %r, %0 : (!ft.packed<tokens, 64xbf16>, !ft.packed<tokens, 64xbf16>) -> !ft.packed<tokens, 64xbf16>
      ft.yield %1 : !ft.packed<tokens, 64xbf16>
    } : (!ft.packed<tokens, 72xbf16>, !ft.packed<tokens, 64xbf16>) -> !ft.packed<tokens, 64xbf16>
    %norm = ft.fused row (%sum) "norm" {
    ^bb0(%p: !ft.packed<tokens, 64xbf16>):
      %0 = ft.rms_norm %p, @g {eps = 1.0e-05 : f64} : !ft.packed<tokens, 64xbf16>
      ft.yield %0 : !ft.packed<tokens, 64xbf16>
    } : (!ft.packed<tokens, 64xbf16>) -> !ft.packed<tokens, 64xbf16>
    %y = ft.fused gemm (%norm) "y" {
    ^bb0(%p: !ft.packed<tokens, 64xbf16>):
      %0 = ft.linear %p, @up : (!ft.packed<tokens, 64xbf16>) -> !ft.packed<tokens, 128xbf16>
      ft.yield %0 : !ft.packed<tokens, 128xbf16>
    } : (!ft.packed<tokens, 64xbf16>) -> !ft.packed<tokens, 128xbf16>
    ft.return %y : !ft.packed<tokens, 128xbf16>
  }
}

// -----

// Rows that the kernels are not for.
// CHECK-LABEL: ft.entry @e
// CHECK: ft.fused row {{.*}} "norm" {
// CHECK: ft.fused gemm {{.*}} "y" {
module attributes {ft.axes = ["tokens"], ft.dtype = bf16} {
  ft.param @o : tensor<64x72xbf16> = #ft.recipe<"generator" {name = "iota", shape = array<i64: 64, 72>}>
  ft.param @g : tensor<64xf32> = #ft.recipe<"generator" {name = "iota", shape = array<i64: 64>}>
  ft.param @up : tensor<128x64xbf16> = #ft.recipe<"generator" {name = "iota", shape = array<i64: 128, 64>}>
  ft.entry @e(%x: !ft.packed<tokens, 72xbf16>, %h: !ft.packed<tokens, 64xbf16>) -> (!ft.packed<tokens, 128xbf16>) attributes {causal, entry = "e", kind = #ft.step_kind<65, 0>} {
    %sum = ft.fused gemm (%x, %h) "sum" {
    ^bb0(%p: !ft.packed<tokens, 72xbf16>, %r: !ft.packed<tokens, 64xbf16>):
      %0 = ft.linear %p, @o : (!ft.packed<tokens, 72xbf16>) -> !ft.packed<tokens, 64xbf16>
      %1 = ft.add %r, %0 : (!ft.packed<tokens, 64xbf16>, !ft.packed<tokens, 64xbf16>) -> !ft.packed<tokens, 64xbf16>
      ft.yield %1 : !ft.packed<tokens, 64xbf16>
    } : (!ft.packed<tokens, 72xbf16>, !ft.packed<tokens, 64xbf16>) -> !ft.packed<tokens, 64xbf16>
    %norm = ft.fused row (%sum) "norm" {
    ^bb0(%p: !ft.packed<tokens, 64xbf16>):
      %0 = ft.rms_norm %p, @g {eps = 1.0e-05 : f64} : !ft.packed<tokens, 64xbf16>
      ft.yield %0 : !ft.packed<tokens, 64xbf16>
    } : (!ft.packed<tokens, 64xbf16>) -> !ft.packed<tokens, 64xbf16>
    %y = ft.fused gemm (%norm) "y" {
    ^bb0(%p: !ft.packed<tokens, 64xbf16>):
      %0 = ft.linear %p, @up : (!ft.packed<tokens, 64xbf16>) -> !ft.packed<tokens, 128xbf16>
      ft.yield %0 : !ft.packed<tokens, 128xbf16>
    } : (!ft.packed<tokens, 64xbf16>) -> !ft.packed<tokens, 128xbf16>
    ft.return %y : !ft.packed<tokens, 128xbf16>
  }
}
