// Behind a GEMM, a norm of the whole row and operations that no library call
// has are fused where one architecture has a kernel that does it all; the
// others run a call and a row program.
// RUN: ft-opt %s "--ft-group-ops=preview=true archs=sm_90a,ptx" --split-input-file | FileCheck %s
// RUN: ft-opt %s "--ft-group-ops=preview=true archs=sm_80,ptx" --split-input-file | FileCheck %s --check-prefix=NONE
// RUN: ft-opt %s --ft-group-ops --split-input-file | FileCheck %s --check-prefixes=CHECK,DEFAULT

// Without sm_90a's kernel nothing is gained.
// NONE-LABEL: ft.entry @post
// NONE: ft.fused row ({{.*}}) "norm"
// NONE-LABEL: ft.entry @pre
// NONE: ft.fused row ({{.*}}) "norm"

// The sum is read by the norm alone: one result.
// CHECK-LABEL: ft.entry @post
// CHECK: %[[Y:.*]] = ft.fused gemm (%{{.*}}, %{{.*}}) "w+norm"
// CHECK: ft.linear
// CHECK-NEXT: %[[S:.*]] = ft.add
// CHECK-NEXT: %[[N:.*]] = ft.layer_norm %[[S]]
// CHECK-NEXT: ft.yield %[[N]] :
// CHECK-NOT: ft.fused
// CHECK: ft.return %[[Y]]

// It is the next residual, too: two results. The second GEMM's sum has no norm.
// CHECK-LABEL: ft.entry @pre
// CHECK: %[[P:.*]]:2 = ft.fused gemm (%{{.*}}, %{{.*}}) "w+norm"
// CHECK: ft.linear
// CHECK-NEXT: %[[S:.*]] = ft.add
// CHECK-NEXT: %[[N:.*]] = ft.rms_norm %[[S]]
// CHECK-NEXT: ft.yield %[[S]], %[[N]] :
// CHECK: ft.fused gemm (%[[P]]#1, %[[P]]#0) "v"
// CHECK-NOT: ft.fused
module attributes {ft.axes = ["tokens"], ft.dtype = bf16} {
  ft.param @norm : tensor<64xf32> = #ft.recipe<"generator" {name = "a", shape = array<i64: 64>}>
  ft.param @w : tensor<64x64xbf16> = #ft.recipe<"generator" {name = "a", shape = array<i64: 64, 64>}>
  ft.param @v : tensor<64x64xbf16> = #ft.recipe<"generator" {name = "b", shape = array<i64: 64, 64>}>
  ft.entry @post(%x: !ft.packed<tokens, 64xbf16>, %r: !ft.packed<tokens, 64xbf16>) -> !ft.packed<tokens, 64xbf16>
      attributes {entry = "e", kind = #ft.step_kind<1, 0>} {
    %y = ft.linear %x, @w : (!ft.packed<tokens, 64xbf16>) -> !ft.packed<tokens, 64xbf16>
    %z = ft.add %y, %r : (!ft.packed<tokens, 64xbf16>, !ft.packed<tokens, 64xbf16>) -> !ft.packed<tokens, 64xbf16>
    %n = ft.layer_norm %z, @norm {eps = 1.0e-5 : f64} : !ft.packed<tokens, 64xbf16>
    ft.return %n : !ft.packed<tokens, 64xbf16>
  }
  ft.entry @pre(%x: !ft.packed<tokens, 64xbf16>, %r: !ft.packed<tokens, 64xbf16>) -> !ft.packed<tokens, 64xbf16>
      attributes {entry = "f", kind = #ft.step_kind<1, 0>} {
    %y = ft.linear %x, @w : (!ft.packed<tokens, 64xbf16>) -> !ft.packed<tokens, 64xbf16>
    %z = ft.add %r, %y : (!ft.packed<tokens, 64xbf16>, !ft.packed<tokens, 64xbf16>) -> !ft.packed<tokens, 64xbf16>
    %n = ft.rms_norm %z, @norm {eps = 1.0e-5 : f64} : !ft.packed<tokens, 64xbf16>
    %m = ft.linear %n, @v : (!ft.packed<tokens, 64xbf16>) -> !ft.packed<tokens, 64xbf16>
    %o = ft.add %z, %m : (!ft.packed<tokens, 64xbf16>, !ft.packed<tokens, 64xbf16>) -> !ft.packed<tokens, 64xbf16>
    ft.return %o : !ft.packed<tokens, 64xbf16>
  }
}

// -----

// Rows of more columns than eight CTAs hold, a norm of each head, a step kind of
// few tokens: row programs.
// CHECK-LABEL: ft.entry @wide
// CHECK: ft.fused gemm
// CHECK: ft.fused row ({{.*}}) "norm"
// CHECK-LABEL: ft.entry @heads
// CHECK: ft.fused gemm
// CHECK: ft.fused row ({{.*}}) "head"
// CHECK-LABEL: ft.entry @few
// CHECK: ft.fused gemm
// CHECK: ft.fused row ({{.*}}) "head"
module attributes {ft.axes = ["tokens"], ft.dtype = f16} {
  ft.param @norm : tensor<1544xf32> = #ft.recipe<"generator" {name = "a", shape = array<i64: 1544>}>
  ft.param @head : tensor<64xf32> = #ft.recipe<"generator" {name = "a", shape = array<i64: 64>}>
  ft.param @w : tensor<1544x64xf16> = #ft.recipe<"generator" {name = "a", shape = array<i64: 1544, 64>}>
  ft.param @u : tensor<128x64xf16> = #ft.recipe<"generator" {name = "a", shape = array<i64: 128, 64>}>
  ft.param @v : tensor<64x64xf16> = #ft.recipe<"generator" {name = "a", shape = array<i64: 64, 64>}>
  ft.entry @wide(%x: !ft.packed<tokens, 64xf16>) -> !ft.packed<tokens, 1544xf16>
      attributes {entry = "e", kind = #ft.step_kind<1, 0>} {
    %y = ft.linear %x, @w : (!ft.packed<tokens, 64xf16>) -> !ft.packed<tokens, 1544xf16>
    %n = ft.rms_norm %y, @norm {eps = 1.0e-5 : f64} : !ft.packed<tokens, 1544xf16>
    ft.return %n : !ft.packed<tokens, 1544xf16>
  }
  ft.entry @heads(%x: !ft.packed<tokens, 64xf16>) -> !ft.packed<tokens, 2x64xf16>
      attributes {entry = "f", kind = #ft.step_kind<1, 0>} {
    %y = ft.linear %x, @u : (!ft.packed<tokens, 64xf16>) -> !ft.packed<tokens, 2x64xf16>
    %n = ft.rms_norm %y, @head {eps = 1.0e-5 : f64} : !ft.packed<tokens, 2x64xf16>
    ft.return %n : !ft.packed<tokens, 2x64xf16>
  }
  ft.entry @few(%x: !ft.packed<tokens, 64xf16>) -> !ft.packed<tokens, 64xf16>
      attributes {entry = "g", kind = #ft.step_kind<9, 64>} {
    %y = ft.linear %x, @v : (!ft.packed<tokens, 64xf16>) -> !ft.packed<tokens, 64xf16>
    %n = ft.rms_norm %y, @head {eps = 1.0e-5 : f64} : !ft.packed<tokens, 64xf16>
    ft.return %n : !ft.packed<tokens, 64xf16>
  }
}

// -----

// An erf GELU before the norm goes with it; a gated product, whose rows are
// half as long, has no call and row program, so it stays apart.
// CHECK-LABEL: ft.entry @erf
// CHECK: ft.fused gemm
// CHECK: ft.gelu
// CHECK-NEXT: ft.yield
// CHECK-NOT: ft.fused
// CHECK-LABEL: ft.entry @gated
// CHECK: ft.fused gemm
// CHECK: ft.fused row
module attributes {ft.axes = ["tokens"], ft.dtype = f16} {
  ft.param @both : tensor<128x64xf16> = #ft.recipe<"generator" {name = "a", shape = array<i64: 128, 64>}>
  ft.param @gate : tensor<64x64xf16> view_of @both row 0
  ft.param @up : tensor<64x64xf16> view_of @both row 64
  ft.param @w : tensor<64x64xf16> = #ft.recipe<"generator" {name = "a", shape = array<i64: 64, 64>}>
  ft.entry @erf(%x: !ft.packed<tokens, 64xf16>) -> !ft.packed<tokens, 64xf16>
      attributes {entry = "e", kind = #ft.step_kind<1, 0>} {
    %y = ft.linear %x, @w : (!ft.packed<tokens, 64xf16>) -> !ft.packed<tokens, 64xf16>
    %g = ft.gelu %y : !ft.packed<tokens, 64xf16>
    ft.return %g : !ft.packed<tokens, 64xf16>
  }
  ft.entry @gated(%x: !ft.packed<tokens, 64xf16>) -> !ft.packed<tokens, 64xf16>
      attributes {entry = "f", kind = #ft.step_kind<1, 0>} {
    %g = ft.linear %x, @gate : (!ft.packed<tokens, 64xf16>) -> !ft.packed<tokens, 64xf16>
    %u = ft.linear %x, @up : (!ft.packed<tokens, 64xf16>) -> !ft.packed<tokens, 64xf16>
    %s = ft.silu %g : !ft.packed<tokens, 64xf16>
    %p = ft.mul %s, %u : (!ft.packed<tokens, 64xf16>, !ft.packed<tokens, 64xf16>) -> !ft.packed<tokens, 64xf16>
    ft.return %p : !ft.packed<tokens, 64xf16>
  }
}

// -----

// By default only an encoder's, and of weights up to 5 Mi elements; a norm that is
// cast for another reader stays with its cast.
// DEFAULT-LABEL: ft.entry @causal
// DEFAULT: ft.fused row ({{.*}}) "norm"
// DEFAULT-LABEL: ft.entry @large
// DEFAULT: ft.fused row ({{.*}}) "norm"
// CHECK-LABEL: ft.entry @answer
// CHECK: ft.fused row ({{.*}}) "norm"
// CHECK: ft.layer_norm
// CHECK-NEXT: ft.cast
module attributes {ft.axes = ["tokens"], ft.dtype = f16} {
  ft.param @norm : tensor<64xf32> = #ft.recipe<"generator" {name = "a", shape = array<i64: 64>}>
  ft.param @w : tensor<64x64xf16> = #ft.recipe<"generator" {name = "a", shape = array<i64: 64, 64>}>
  ft.param @deep : tensor<64x81928xf16> = #ft.recipe<"generator" {name = "a", shape = array<i64: 64, 81928>}>
  ft.entry @causal(%x: !ft.packed<tokens, 64xf16>) -> !ft.packed<tokens, 64xf16>
      attributes {causal, entry = "e", kind = #ft.step_kind<65, 0>} {
    %y = ft.linear %x, @w : (!ft.packed<tokens, 64xf16>) -> !ft.packed<tokens, 64xf16>
    %n = ft.rms_norm %y, @norm {eps = 1.0e-5 : f64} : !ft.packed<tokens, 64xf16>
    ft.return %n : !ft.packed<tokens, 64xf16>
  }
  ft.entry @large(%x: !ft.packed<tokens, 81928xf16>) -> !ft.packed<tokens, 64xf16>
      attributes {entry = "f", kind = #ft.step_kind<1, 0>} {
    %y = ft.linear %x, @deep : (!ft.packed<tokens, 81928xf16>) -> !ft.packed<tokens, 64xf16>
    %n = ft.rms_norm %y, @norm {eps = 1.0e-5 : f64} : !ft.packed<tokens, 64xf16>
    ft.return %n : !ft.packed<tokens, 64xf16>
  }
  ft.entry @answer(%x: !ft.packed<tokens, 64xf16>) -> !ft.packed<tokens, 64xf32>
      attributes {entry = "g", kind = #ft.step_kind<1, 0>} {
    %y = ft.linear %x, @w : (!ft.packed<tokens, 64xf16>) -> !ft.packed<tokens, 64xf16>
    %n = ft.layer_norm %y, @norm {eps = 1.0e-5 : f64} : !ft.packed<tokens, 64xf16>
    %c = ft.cast %n : (!ft.packed<tokens, 64xf16>) -> !ft.packed<tokens, 64xf32>
    ft.return %c : !ft.packed<tokens, 64xf32>
  }
}
