// RUN: ft-opt %s --ft-group-ops --split-input-file | FileCheck %s

// The residual is added in the GEMM; with 1 to 8 tokens the norm before it too.
// CHECK-LABEL: ft.entry @small
// CHECK: %[[Y:.*]] = ft.fused gemm (%{{.*}}, %{{.*}}) "norm+w"
// CHECK:   ft.rms_norm
// CHECK-NEXT: ft.linear
// CHECK-NEXT: ft.add
// CHECK-NOT: ft.fused
// CHECK: ft.return %[[Y]]
// CHECK-LABEL: ft.entry @large
// CHECK: %[[N:.*]] = ft.fused row (%{{.*}}) "norm"
// CHECK: %[[Z:.*]] = ft.fused gemm (%[[N]], %{{.*}}) "w"
// CHECK:   ft.linear
// CHECK-NEXT: ft.add
// CHECK: ft.return %[[Z]]
module attributes {ft.axes = ["tokens"]} {
  ft.param @norm : tensor<64xf32> = #ft.recipe<"generator" {name = "a", shape = array<i64: 64>}>
  ft.param @w : tensor<64x64xf32> = #ft.recipe<"generator" {name = "a", shape = array<i64: 64, 64>}>
  ft.entry @small(%x: !ft.packed<tokens, 64xf32>, %r: !ft.packed<tokens, 64xf32>) -> !ft.packed<tokens, 64xf32>
      attributes {entry = "e", kind = #ft.step_kind<1, 8>} {
    %n = ft.rms_norm %x, @norm {eps = 1.0e-5 : f64} : !ft.packed<tokens, 64xf32>
    %y = ft.linear %n, @w : (!ft.packed<tokens, 64xf32>) -> !ft.packed<tokens, 64xf32>
    %z = ft.add %r, %y : (!ft.packed<tokens, 64xf32>, !ft.packed<tokens, 64xf32>) -> !ft.packed<tokens, 64xf32>
    ft.return %z : !ft.packed<tokens, 64xf32>
  }
  ft.entry @large(%x: !ft.packed<tokens, 64xf32>, %r: !ft.packed<tokens, 64xf32>) -> !ft.packed<tokens, 64xf32>
      attributes {entry = "e", kind = #ft.step_kind<9, 0>} {
    %n = ft.rms_norm %x, @norm {eps = 1.0e-5 : f64} : !ft.packed<tokens, 64xf32>
    %y = ft.linear %n, @w : (!ft.packed<tokens, 64xf32>) -> !ft.packed<tokens, 64xf32>
    %z = ft.add %r, %y : (!ft.packed<tokens, 64xf32>, !ft.packed<tokens, 64xf32>) -> !ft.packed<tokens, 64xf32>
    ft.return %z : !ft.packed<tokens, 64xf32>
  }
}

// -----

// A norm that something else reads is no prologue; a linear whose own result is
// read elsewhere takes no addition.
// CHECK-LABEL: ft.entry @shared
// CHECK: ft.fused row (%{{.*}}) "norm"
// CHECK: %[[L:.*]] = ft.fused gemm
// CHECK-NEXT: ^bb0
// CHECK-NEXT: ft.linear
// CHECK-NEXT: ft.yield
// CHECK: ft.fused row (%[[L]], %{{.*}}) "add"
module attributes {ft.axes = ["tokens"]} {
  ft.param @norm : tensor<64xf32> = #ft.recipe<"generator" {name = "a", shape = array<i64: 64>}>
  ft.param @w : tensor<64x64xf32> = #ft.recipe<"generator" {name = "a", shape = array<i64: 64, 64>}>
  ft.entry @shared(%x: !ft.packed<tokens, 64xf32>) -> (!ft.packed<tokens, 64xf32>, !ft.packed<tokens, 64xf32>)
      attributes {entry = "e", kind = #ft.step_kind<1, 8>} {
    %n = ft.rms_norm %x, @norm {eps = 1.0e-5 : f64} : !ft.packed<tokens, 64xf32>
    %y = ft.linear %n, @w : (!ft.packed<tokens, 64xf32>) -> !ft.packed<tokens, 64xf32>
    %z = ft.add %y, %n : (!ft.packed<tokens, 64xf32>, !ft.packed<tokens, 64xf32>) -> !ft.packed<tokens, 64xf32>
    ft.return %z, %y : !ft.packed<tokens, 64xf32>, !ft.packed<tokens, 64xf32>
  }
}

// -----

// Of two linears that are added the second adds, whichever comes first.
// CHECK-LABEL: ft.entry @parallel
// CHECK: %[[A:.*]] = ft.fused gemm (%{{.*}}) "a"
// CHECK: ft.fused gemm (%{{.*}}, %[[A]]) "b"
// CHECK:   ft.add
// CHECK-NOT: ft.fused
module attributes {ft.axes = ["tokens"]} {
  ft.param @a : tensor<64x64xf32> = #ft.recipe<"generator" {name = "a", shape = array<i64: 64, 64>}>
  ft.param @b : tensor<64x64xf32> = #ft.recipe<"generator" {name = "a", shape = array<i64: 64, 64>}>
  ft.entry @parallel(%x: !ft.packed<tokens, 64xf32>) -> !ft.packed<tokens, 64xf32>
      attributes {entry = "e", kind = #ft.step_kind<9, 0>} {
    %y = ft.linear %x, @a : (!ft.packed<tokens, 64xf32>) -> !ft.packed<tokens, 64xf32>
    %z = ft.linear %x, @b : (!ft.packed<tokens, 64xf32>) -> !ft.packed<tokens, 64xf32>
    %s = ft.add %y, %z : (!ft.packed<tokens, 64xf32>, !ft.packed<tokens, 64xf32>) -> !ft.packed<tokens, 64xf32>
    ft.return %s : !ft.packed<tokens, 64xf32>
  }
}

// -----

// A residual that is computed after the linear: the linear moves down to it.
// CHECK-LABEL: ft.entry @sinks
// CHECK: %[[R:.*]] = ft.fused row (%{{.*}}) "square"
// CHECK: ft.fused gemm (%{{.*}}, %[[R]]) "w"
// CHECK:   ft.add
module attributes {ft.axes = ["tokens"]} {
  ft.param @w : tensor<64x64xf32> = #ft.recipe<"generator" {name = "a", shape = array<i64: 64, 64>}>
  ft.entry @sinks(%x: !ft.packed<tokens, 64xf32>) -> !ft.packed<tokens, 64xf32>
      attributes {entry = "e", kind = #ft.step_kind<9, 0>} {
    %y = ft.linear %x, @w : (!ft.packed<tokens, 64xf32>) -> !ft.packed<tokens, 64xf32>
    %q = ft.square %x : !ft.packed<tokens, 64xf32>
    %z = ft.add %y, %q : (!ft.packed<tokens, 64xf32>, !ft.packed<tokens, 64xf32>) -> !ft.packed<tokens, 64xf32>
    ft.return %z : !ft.packed<tokens, 64xf32>
  }
}

// -----

// The library's epilogue has the tanh form of GELU, not the exact one.
// CHECK-LABEL: ft.entry @gelus
// CHECK: ft.fused gemm (%{{.*}}) "w"
// CHECK:   ft.gelu %{{.*}} tanh
// CHECK: ft.fused gemm (%{{.*}}) "w"
// CHECK-NEXT: ^bb0
// CHECK-NEXT: ft.linear
// CHECK-NEXT: ft.yield
// CHECK: ft.fused row (%{{.*}}) "gelu"
module attributes {ft.axes = ["tokens"]} {
  ft.param @w : tensor<64x64xf32> = #ft.recipe<"generator" {name = "a", shape = array<i64: 64, 64>}>
  ft.entry @gelus(%x: !ft.packed<tokens, 64xf32>) -> !ft.packed<tokens, 64xf32>
      attributes {entry = "e", kind = #ft.step_kind<9, 0>} {
    %y = ft.linear %x, @w : (!ft.packed<tokens, 64xf32>) -> !ft.packed<tokens, 64xf32>
    %a = ft.gelu %y tanh : !ft.packed<tokens, 64xf32>
    %z = ft.linear %a, @w : (!ft.packed<tokens, 64xf32>) -> !ft.packed<tokens, 64xf32>
    %b = ft.gelu %z : !ft.packed<tokens, 64xf32>
    ft.return %b : !ft.packed<tokens, 64xf32>
  }
}

// -----

// Values of 4 x 16 and of 64 elements a row are different segments; a value that
// would need both runs in a kernel of its own.
// CHECK-LABEL: ft.entry @segments
// CHECK: ft.fused row (%{{.*}}, %{{.*}}) "silu+relu"
// CHECK-NOT: ft.fused
// CHECK-LABEL: ft.entry @reduction
// CHECK: ft.fused row (%{{.*}}) "reduce_max+sub+exp"
// CHECK-NOT: ft.fused
module attributes {ft.axes = ["tokens"]} {
  ft.entry @segments(%x: !ft.packed<tokens, 4x16xf32>, %y: !ft.packed<tokens, 64xf32>) -> (!ft.packed<tokens, 4x16xf32>, !ft.packed<tokens, 64xf32>)
      attributes {entry = "e", kind = #ft.step_kind<9, 0>} {
    %a = ft.silu %x : !ft.packed<tokens, 4x16xf32>
    %b = ft.relu %y : !ft.packed<tokens, 64xf32>
    ft.return %a, %b : !ft.packed<tokens, 4x16xf32>, !ft.packed<tokens, 64xf32>
  }
  ft.entry @reduction(%x: !ft.packed<tokens, 4x16xf32>) -> !ft.packed<tokens, 4x16xf32>
      attributes {entry = "e", kind = #ft.step_kind<9, 0>} {
    %m = ft.reduce_max %x : (!ft.packed<tokens, 4x16xf32>) -> !ft.packed<tokens, 4x1xf32>
    %s = ft.sub %x, %m : (!ft.packed<tokens, 4x16xf32>, !ft.packed<tokens, 4x1xf32>) -> !ft.packed<tokens, 4x16xf32>
    %e = ft.exp %s : !ft.packed<tokens, 4x16xf32>
    ft.return %e : !ft.packed<tokens, 4x16xf32>
  }
}

// -----

// Groups of 1 and of 4 cannot share a segment.
// CHECK-LABEL: ft.entry @groups
// CHECK: ft.fused row (%{{.*}}) "silu"
// CHECK: ft.fused row (%{{.*}}, %{{.*}}) "add"
module attributes {ft.axes = ["tokens"]} {
  ft.entry @groups(%x: !ft.packed<tokens, 1x16xf32>, %y: !ft.packed<tokens, 4x16xf32>) -> !ft.packed<tokens, 4x16xf32>
      attributes {entry = "e", kind = #ft.step_kind<9, 0>} {
    %a = ft.silu %x : !ft.packed<tokens, 1x16xf32>
    %b = ft.add %a, %y : (!ft.packed<tokens, 1x16xf32>, !ft.packed<tokens, 4x16xf32>) -> !ft.packed<tokens, 4x16xf32>
    ft.return %b : !ft.packed<tokens, 4x16xf32>
  }
}

// -----

// An append joins no kernel before the attention that reads the layer's old
// contents, though its operands are ready.
// CHECK-LABEL: ft.entry @order
// CHECK: ft.fused row (%{{.*}}) "silu"
// CHECK: ft.fused attention
// CHECK: ft.fused row (%{{.*}}, %{{.*}}) "cache_append.0"
module attributes {ft.axes = ["tokens", "sequences"]} {
  ft.cache @kv layers 1 page 64 [#ft.plane<"k", 4x16xf32>, #ft.plane<"v", 4x16xf32>]
  ft.entry @order(%x: !ft.packed<tokens, 4x16xf32>, %k: !ft.packed<tokens, 4x16xf32>, %s: !ft.sequences<tokens, sequences>) -> !ft.packed<tokens, 4x16xf32>
      attributes {entry = "e", kind = #ft.step_kind<9, 0>} {
    %q = ft.silu %x : !ft.packed<tokens, 4x16xf32>
    %a = ft.attention %q at %s cache @kv layer 0 {scale = 1.0 : f64} : (!ft.packed<tokens, 4x16xf32>, !ft.sequences<tokens, sequences>) -> !ft.packed<tokens, 4x16xf32>
    ft.cache_append %k, %k to @kv layer 0 at %s : (!ft.packed<tokens, 4x16xf32>, !ft.packed<tokens, 4x16xf32>, !ft.sequences<tokens, sequences>) -> ()
    ft.return %a : !ft.packed<tokens, 4x16xf32>
  }
}

// -----

// gate and up, adjacent rows of one weight, are one GEMM; activation and
// product are its epilogue with 1 to 8 tokens only.
// CHECK-LABEL: ft.entry @gated_small
// CHECK: ft.fused gemm (%{{.*}}) "gate+up"
// CHECK-NEXT: ^bb0
// CHECK-NEXT: ft.linear %{{.*}}, @gate
// CHECK-NEXT: ft.linear %{{.*}}, @up
// CHECK-NEXT: ft.silu
// CHECK-NEXT: ft.mul
// CHECK-LABEL: ft.entry @gated_large
// CHECK: %[[G:.*]]:2 = ft.fused gemm (%{{.*}}) "gate+up"
// CHECK: ft.fused row (%[[G]]#0, %[[G]]#1) "silu+mul"
module attributes {ft.axes = ["tokens"]} {
  ft.param @both : tensor<64x64xf32> = #ft.recipe<"generator" {name = "a", shape = array<i64: 64, 64>}>
  ft.param @gate : tensor<32x64xf32> view_of @both row 0
  ft.param @up : tensor<32x64xf32> view_of @both row 32
  ft.entry @gated_small(%x: !ft.packed<tokens, 64xf32>) -> !ft.packed<tokens, 32xf32>
      attributes {entry = "e", kind = #ft.step_kind<1, 8>} {
    %u = ft.linear %x, @up : (!ft.packed<tokens, 64xf32>) -> !ft.packed<tokens, 32xf32>
    %g = ft.linear %x, @gate : (!ft.packed<tokens, 64xf32>) -> !ft.packed<tokens, 32xf32>
    %s = ft.silu %g : !ft.packed<tokens, 32xf32>
    %m = ft.mul %s, %u : (!ft.packed<tokens, 32xf32>, !ft.packed<tokens, 32xf32>) -> !ft.packed<tokens, 32xf32>
    ft.return %m : !ft.packed<tokens, 32xf32>
  }
  ft.entry @gated_large(%x: !ft.packed<tokens, 64xf32>) -> !ft.packed<tokens, 32xf32>
      attributes {entry = "e", kind = #ft.step_kind<65, 0>} {
    %g = ft.linear %x, @gate : (!ft.packed<tokens, 64xf32>) -> !ft.packed<tokens, 32xf32>
    %u = ft.linear %x, @up : (!ft.packed<tokens, 64xf32>) -> !ft.packed<tokens, 32xf32>
    %s = ft.silu %g : !ft.packed<tokens, 32xf32>
    %m = ft.mul %s, %u : (!ft.packed<tokens, 32xf32>, !ft.packed<tokens, 32xf32>) -> !ft.packed<tokens, 32xf32>
    ft.return %m : !ft.packed<tokens, 32xf32>
  }
}

// -----

// What moves elements reads them from memory: a weight that it joins is stored by a
// step before. Others have it in theirs.
// CHECK-LABEL: ft.entry @joined
// CHECK: %[[A:.*]]:2 = ft.fused row (%{{.*}}) "add"
// CHECK: %[[V:.*]] = ft.broadcast @w
// CHECK: ft.add %{{.*}}, %[[V]]
// CHECK: %[[W:.*]] = ft.broadcast @w
// CHECK: ft.yield %{{.*}}, %[[W]]
// CHECK: ft.fused row (%[[A]]#0, %[[A]]#1) "concat"
module attributes {ft.axes = ["tokens"]} {
  ft.param @w : tensor<64xf32> = #ft.recipe<"generator" {name = "a", shape = array<i64: 64>}>
  ft.entry @joined(%x: !ft.packed<tokens, 64xf32>) -> !ft.packed<tokens, 128xf32>
      attributes {entry = "e", kind = #ft.step_kind<1, 0>} {
    %w = ft.broadcast @w : !ft.packed<tokens, 64xf32>
    %a = ft.add %x, %w : (!ft.packed<tokens, 64xf32>, !ft.packed<tokens, 64xf32>) -> !ft.packed<tokens, 64xf32>
    %c = ft.concat %a, %w : (!ft.packed<tokens, 64xf32>, !ft.packed<tokens, 64xf32>) -> !ft.packed<tokens, 128xf32>
    ft.return %c : !ft.packed<tokens, 128xf32>
  }
}
