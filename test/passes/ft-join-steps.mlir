// One launch of sm_90a may make q, k and v and attend: the attention says so,
// where nothing but the merged linears stands in front of it.
// RUN: ft-opt %s --ft-join-steps --split-input-file | FileCheck %s
// RUN: ft-opt %s --ft-join-steps=archs=sm_80,ptx --split-input-file | FileCheck %s --check-prefix=OTHERS
// OTHERS-NOT: joins

// q, k and v of heads of 64 and their attention, in an encoder.
// CHECK-LABEL: ft.entry @e
// CHECK: ft.fused gemm
// CHECK: ft.fused attention {{.*}} "attention" attributes {joins} {
module attributes {ft.axes = ["tokens", "sequences"], ft.dtype = bf16} {
  ft.param @w : tensor<384x64xbf16> = #ft.recipe<"generator" {name = "iota", shape = array<i64: 384, 64>}>
  ft.param @q : tensor<128x64xbf16> view_of @w row 0
  ft.param @k : tensor<128x64xbf16> view_of @w row 128
  ft.param @v : tensor<128x64xbf16> view_of @w row 256
  ft.entry @e(%x: !ft.packed<tokens, 64xbf16>, %s: !ft.sequences<tokens, sequences>) -> !ft.packed<tokens, 2x64xbf16> attributes {entry = "e", kind = #ft.step_kind<1, 0>} {
    %q, %k, %v = ft.fused gemm (%x) "q+k+v" {
    ^bb0(%p: !ft.packed<tokens, 64xbf16>):
      %0 = ft.linear %p, @q : (!ft.packed<tokens, 64xbf16>) -> !ft.packed<tokens, 2x64xbf16>
      %1 = ft.linear %p, @k : (!ft.packed<tokens, 64xbf16>) -> !ft.packed<tokens, 2x64xbf16>
      %2 = ft.linear %p, @v : (!ft.packed<tokens, 64xbf16>) -> !ft.packed<tokens, 2x64xbf16>
      ft.yield %0, %1, %2 : !ft.packed<tokens, 2x64xbf16>, !ft.packed<tokens, 2x64xbf16>, !ft.packed<tokens, 2x64xbf16>
    } : (!ft.packed<tokens, 64xbf16>) -> (!ft.packed<tokens, 2x64xbf16>, !ft.packed<tokens, 2x64xbf16>, !ft.packed<tokens, 2x64xbf16>)
    %a = ft.fused attention (%q, %k, %v, %s) "attention" {
    ^bb0(%0: !ft.packed<tokens, 2x64xbf16>, %1: !ft.packed<tokens, 2x64xbf16>, %2: !ft.packed<tokens, 2x64xbf16>, %3: !ft.sequences<tokens, sequences>):
      %4 = ft.attention %0, %1, %2 at %3 {scale = 0.125 : f64} : (!ft.packed<tokens, 2x64xbf16>, !ft.packed<tokens, 2x64xbf16>, !ft.packed<tokens, 2x64xbf16>, !ft.sequences<tokens, sequences>) -> !ft.packed<tokens, 2x64xbf16>
      ft.yield %4 : !ft.packed<tokens, 2x64xbf16>
    } : (!ft.packed<tokens, 2x64xbf16>, !ft.packed<tokens, 2x64xbf16>, !ft.packed<tokens, 2x64xbf16>, !ft.sequences<tokens, sequences>) -> !ft.packed<tokens, 2x64xbf16>
    ft.return %a : !ft.packed<tokens, 2x64xbf16>
  }
}

// -----

// With biases, in f16.
// CHECK-LABEL: ft.entry @e
// CHECK: ft.fused gemm
// CHECK: ft.fused attention {{.*}} "attention" attributes {joins} {
module attributes {ft.axes = ["tokens", "sequences"], ft.dtype = f16} {
  ft.param @w : tensor<384x64xf16> = #ft.recipe<"generator" {name = "iota", shape = array<i64: 384, 64>}>
  ft.param @q : tensor<128x64xf16> view_of @w row 0
  ft.param @k : tensor<128x64xf16> view_of @w row 128
  ft.param @v : tensor<128x64xf16> view_of @w row 256
  ft.param @b : tensor<384xf16> = #ft.recipe<"generator" {name = "iota", shape = array<i64: 384>}>
  ft.param @q.b : tensor<128xf16> view_of @b row 0
  ft.param @k.b : tensor<128xf16> view_of @b row 128
  ft.param @v.b : tensor<128xf16> view_of @b row 256
  ft.entry @e(%x: !ft.packed<tokens, 64xf16>, %s: !ft.sequences<tokens, sequences>) -> !ft.packed<tokens, 2x64xf16> attributes {entry = "e", kind = #ft.step_kind<1, 0>} {
    %q, %k, %v = ft.fused gemm (%x) "q+k+v" {
    ^bb0(%p: !ft.packed<tokens, 64xf16>):
      %0 = ft.linear %p, @q bias @q.b : (!ft.packed<tokens, 64xf16>) -> !ft.packed<tokens, 2x64xf16>
      %1 = ft.linear %p, @k bias @k.b : (!ft.packed<tokens, 64xf16>) -> !ft.packed<tokens, 2x64xf16>
      %2 = ft.linear %p, @v bias @v.b : (!ft.packed<tokens, 64xf16>) -> !ft.packed<tokens, 2x64xf16>
      ft.yield %0, %1, %2 : !ft.packed<tokens, 2x64xf16>, !ft.packed<tokens, 2x64xf16>, !ft.packed<tokens, 2x64xf16>
    } : (!ft.packed<tokens, 64xf16>) -> (!ft.packed<tokens, 2x64xf16>, !ft.packed<tokens, 2x64xf16>, !ft.packed<tokens, 2x64xf16>)
    %a = ft.fused attention (%q, %k, %v, %s) "attention" {
    ^bb0(%0: !ft.packed<tokens, 2x64xf16>, %1: !ft.packed<tokens, 2x64xf16>, %2: !ft.packed<tokens, 2x64xf16>, %3: !ft.sequences<tokens, sequences>):
      %4 = ft.attention %0, %1, %2 at %3 {scale = 0.125 : f64} : (!ft.packed<tokens, 2x64xf16>, !ft.packed<tokens, 2x64xf16>, !ft.packed<tokens, 2x64xf16>, !ft.sequences<tokens, sequences>) -> !ft.packed<tokens, 2x64xf16>
      ft.yield %4 : !ft.packed<tokens, 2x64xf16>
    } : (!ft.packed<tokens, 2x64xf16>, !ft.packed<tokens, 2x64xf16>, !ft.packed<tokens, 2x64xf16>, !ft.sequences<tokens, sequences>) -> !ft.packed<tokens, 2x64xf16>
    ft.return %a : !ft.packed<tokens, 2x64xf16>
  }
}

// -----

// A causal entry has caches and chunks.
// CHECK-LABEL: ft.entry @e
// CHECK: ft.fused gemm
// CHECK: ft.fused attention {{.*}} "attention" {
module attributes {ft.axes = ["tokens", "sequences"], ft.dtype = bf16} {
  ft.param @w : tensor<384x64xbf16> = #ft.recipe<"generator" {name = "iota", shape = array<i64: 384, 64>}>
  ft.param @q : tensor<128x64xbf16> view_of @w row 0
  ft.param @k : tensor<128x64xbf16> view_of @w row 128
  ft.param @v : tensor<128x64xbf16> view_of @w row 256
  ft.entry @e(%x: !ft.packed<tokens, 64xbf16>, %s: !ft.sequences<tokens, sequences>) -> !ft.packed<tokens, 2x64xbf16> attributes {causal, entry = "e", kind = #ft.step_kind<1, 0>} {
    %q, %k, %v = ft.fused gemm (%x) "q+k+v" {
    ^bb0(%p: !ft.packed<tokens, 64xbf16>):
      %0 = ft.linear %p, @q : (!ft.packed<tokens, 64xbf16>) -> !ft.packed<tokens, 2x64xbf16>
      %1 = ft.linear %p, @k : (!ft.packed<tokens, 64xbf16>) -> !ft.packed<tokens, 2x64xbf16>
      %2 = ft.linear %p, @v : (!ft.packed<tokens, 64xbf16>) -> !ft.packed<tokens, 2x64xbf16>
      ft.yield %0, %1, %2 : !ft.packed<tokens, 2x64xbf16>, !ft.packed<tokens, 2x64xbf16>, !ft.packed<tokens, 2x64xbf16>
    } : (!ft.packed<tokens, 64xbf16>) -> (!ft.packed<tokens, 2x64xbf16>, !ft.packed<tokens, 2x64xbf16>, !ft.packed<tokens, 2x64xbf16>)
    %a = ft.fused attention (%q, %k, %v, %s) "attention" {
    ^bb0(%0: !ft.packed<tokens, 2x64xbf16>, %1: !ft.packed<tokens, 2x64xbf16>, %2: !ft.packed<tokens, 2x64xbf16>, %3: !ft.sequences<tokens, sequences>):
      %4 = ft.attention %0, %1, %2 at %3 {scale = 0.125 : f64} : (!ft.packed<tokens, 2x64xbf16>, !ft.packed<tokens, 2x64xbf16>, !ft.packed<tokens, 2x64xbf16>, !ft.sequences<tokens, sequences>) -> !ft.packed<tokens, 2x64xbf16>
      ft.yield %4 : !ft.packed<tokens, 2x64xbf16>
    } : (!ft.packed<tokens, 2x64xbf16>, !ft.packed<tokens, 2x64xbf16>, !ft.packed<tokens, 2x64xbf16>, !ft.sequences<tokens, sequences>) -> !ft.packed<tokens, 2x64xbf16>
    ft.return %a : !ft.packed<tokens, 2x64xbf16>
  }
}

// -----

// No kernel in fp32.
// CHECK-LABEL: ft.entry @e
// CHECK: ft.fused gemm
// CHECK: ft.fused attention {{.*}} "attention" {
module attributes {ft.axes = ["tokens", "sequences"], ft.dtype = f32} {
  ft.param @w : tensor<384x64xf32> = #ft.recipe<"generator" {name = "iota", shape = array<i64: 384, 64>}>
  ft.param @q : tensor<128x64xf32> view_of @w row 0
  ft.param @k : tensor<128x64xf32> view_of @w row 128
  ft.param @v : tensor<128x64xf32> view_of @w row 256
  ft.entry @e(%x: !ft.packed<tokens, 64xf32>, %s: !ft.sequences<tokens, sequences>) -> !ft.packed<tokens, 2x64xf32> attributes {entry = "e", kind = #ft.step_kind<1, 0>} {
    %q, %k, %v = ft.fused gemm (%x) "q+k+v" {
    ^bb0(%p: !ft.packed<tokens, 64xf32>):
      %0 = ft.linear %p, @q : (!ft.packed<tokens, 64xf32>) -> !ft.packed<tokens, 2x64xf32>
      %1 = ft.linear %p, @k : (!ft.packed<tokens, 64xf32>) -> !ft.packed<tokens, 2x64xf32>
      %2 = ft.linear %p, @v : (!ft.packed<tokens, 64xf32>) -> !ft.packed<tokens, 2x64xf32>
      ft.yield %0, %1, %2 : !ft.packed<tokens, 2x64xf32>, !ft.packed<tokens, 2x64xf32>, !ft.packed<tokens, 2x64xf32>
    } : (!ft.packed<tokens, 64xf32>) -> (!ft.packed<tokens, 2x64xf32>, !ft.packed<tokens, 2x64xf32>, !ft.packed<tokens, 2x64xf32>)
    %a = ft.fused attention (%q, %k, %v, %s) "attention" {
    ^bb0(%0: !ft.packed<tokens, 2x64xf32>, %1: !ft.packed<tokens, 2x64xf32>, %2: !ft.packed<tokens, 2x64xf32>, %3: !ft.sequences<tokens, sequences>):
      %4 = ft.attention %0, %1, %2 at %3 {scale = 0.125 : f64} : (!ft.packed<tokens, 2x64xf32>, !ft.packed<tokens, 2x64xf32>, !ft.packed<tokens, 2x64xf32>, !ft.sequences<tokens, sequences>) -> !ft.packed<tokens, 2x64xf32>
      ft.yield %4 : !ft.packed<tokens, 2x64xf32>
    } : (!ft.packed<tokens, 2x64xf32>, !ft.packed<tokens, 2x64xf32>, !ft.packed<tokens, 2x64xf32>, !ft.sequences<tokens, sequences>) -> !ft.packed<tokens, 2x64xf32>
    ft.return %a : !ft.packed<tokens, 2x64xf32>
  }
}

// -----

// Heads of 32.
// CHECK-LABEL: ft.entry @e
// CHECK: ft.fused gemm
// CHECK: ft.fused attention {{.*}} "attention" {
module attributes {ft.axes = ["tokens", "sequences"], ft.dtype = bf16} {
  ft.param @w : tensor<192x64xbf16> = #ft.recipe<"generator" {name = "iota", shape = array<i64: 192, 64>}>
  ft.param @q : tensor<64x64xbf16> view_of @w row 0
  ft.param @k : tensor<64x64xbf16> view_of @w row 64
  ft.param @v : tensor<64x64xbf16> view_of @w row 128
  ft.entry @e(%x: !ft.packed<tokens, 64xbf16>, %s: !ft.sequences<tokens, sequences>) -> !ft.packed<tokens, 2x32xbf16> attributes {entry = "e", kind = #ft.step_kind<1, 0>} {
    %q, %k, %v = ft.fused gemm (%x) "q+k+v" {
    ^bb0(%p: !ft.packed<tokens, 64xbf16>):
      %0 = ft.linear %p, @q : (!ft.packed<tokens, 64xbf16>) -> !ft.packed<tokens, 2x32xbf16>
      %1 = ft.linear %p, @k : (!ft.packed<tokens, 64xbf16>) -> !ft.packed<tokens, 2x32xbf16>
      %2 = ft.linear %p, @v : (!ft.packed<tokens, 64xbf16>) -> !ft.packed<tokens, 2x32xbf16>
      ft.yield %0, %1, %2 : !ft.packed<tokens, 2x32xbf16>, !ft.packed<tokens, 2x32xbf16>, !ft.packed<tokens, 2x32xbf16>
    } : (!ft.packed<tokens, 64xbf16>) -> (!ft.packed<tokens, 2x32xbf16>, !ft.packed<tokens, 2x32xbf16>, !ft.packed<tokens, 2x32xbf16>)
    %a = ft.fused attention (%q, %k, %v, %s) "attention" {
    ^bb0(%0: !ft.packed<tokens, 2x32xbf16>, %1: !ft.packed<tokens, 2x32xbf16>, %2: !ft.packed<tokens, 2x32xbf16>, %3: !ft.sequences<tokens, sequences>):
      %4 = ft.attention %0, %1, %2 at %3 {scale = 0.125 : f64} : (!ft.packed<tokens, 2x32xbf16>, !ft.packed<tokens, 2x32xbf16>, !ft.packed<tokens, 2x32xbf16>, !ft.sequences<tokens, sequences>) -> !ft.packed<tokens, 2x32xbf16>
      ft.yield %4 : !ft.packed<tokens, 2x32xbf16>
    } : (!ft.packed<tokens, 2x32xbf16>, !ft.packed<tokens, 2x32xbf16>, !ft.packed<tokens, 2x32xbf16>, !ft.sequences<tokens, sequences>) -> !ft.packed<tokens, 2x32xbf16>
    ft.return %a : !ft.packed<tokens, 2x32xbf16>
  }
}

// -----

// Rows of x that are not on 16 bytes.
// CHECK-LABEL: ft.entry @e
// CHECK: ft.fused gemm
// CHECK: ft.fused attention {{.*}} "attention" {
module attributes {ft.axes = ["tokens", "sequences"], ft.dtype = bf16} {
  ft.param @w : tensor<384x60xbf16> = #ft.recipe<"generator" {name = "iota", shape = array<i64: 384, 60>}>
  ft.param @q : tensor<128x60xbf16> view_of @w row 0
  ft.param @k : tensor<128x60xbf16> view_of @w row 128
  ft.param @v : tensor<128x60xbf16> view_of @w row 256
  ft.entry @e(%x: !ft.packed<tokens, 60xbf16>, %s: !ft.sequences<tokens, sequences>) -> !ft.packed<tokens, 2x64xbf16> attributes {entry = "e", kind = #ft.step_kind<1, 0>} {
    %q, %k, %v = ft.fused gemm (%x) "q+k+v" {
    ^bb0(%p: !ft.packed<tokens, 60xbf16>):
      %0 = ft.linear %p, @q : (!ft.packed<tokens, 60xbf16>) -> !ft.packed<tokens, 2x64xbf16>
      %1 = ft.linear %p, @k : (!ft.packed<tokens, 60xbf16>) -> !ft.packed<tokens, 2x64xbf16>
      %2 = ft.linear %p, @v : (!ft.packed<tokens, 60xbf16>) -> !ft.packed<tokens, 2x64xbf16>
      ft.yield %0, %1, %2 : !ft.packed<tokens, 2x64xbf16>, !ft.packed<tokens, 2x64xbf16>, !ft.packed<tokens, 2x64xbf16>
    } : (!ft.packed<tokens, 60xbf16>) -> (!ft.packed<tokens, 2x64xbf16>, !ft.packed<tokens, 2x64xbf16>, !ft.packed<tokens, 2x64xbf16>)
    %a = ft.fused attention (%q, %k, %v, %s) "attention" {
    ^bb0(%0: !ft.packed<tokens, 2x64xbf16>, %1: !ft.packed<tokens, 2x64xbf16>, %2: !ft.packed<tokens, 2x64xbf16>, %3: !ft.sequences<tokens, sequences>):
      %4 = ft.attention %0, %1, %2 at %3 {scale = 0.125 : f64} : (!ft.packed<tokens, 2x64xbf16>, !ft.packed<tokens, 2x64xbf16>, !ft.packed<tokens, 2x64xbf16>, !ft.sequences<tokens, sequences>) -> !ft.packed<tokens, 2x64xbf16>
      ft.yield %4 : !ft.packed<tokens, 2x64xbf16>
    } : (!ft.packed<tokens, 2x64xbf16>, !ft.packed<tokens, 2x64xbf16>, !ft.packed<tokens, 2x64xbf16>, !ft.sequences<tokens, sequences>) -> !ft.packed<tokens, 2x64xbf16>
    ft.return %a : !ft.packed<tokens, 2x64xbf16>
  }
}

// -----

// Fewer heads of keys than of queries.
// CHECK-LABEL: ft.entry @e
// CHECK: ft.fused gemm
// CHECK: ft.fused attention {{.*}} "attention" {
module attributes {ft.axes = ["tokens", "sequences"], ft.dtype = bf16} {
  ft.param @w : tensor<256x64xbf16> = #ft.recipe<"generator" {name = "iota", shape = array<i64: 256, 64>}>
  ft.param @q : tensor<128x64xbf16> view_of @w row 0
  ft.param @k : tensor<64x64xbf16> view_of @w row 128
  ft.param @v : tensor<64x64xbf16> view_of @w row 192
  ft.entry @e(%x: !ft.packed<tokens, 64xbf16>, %s: !ft.sequences<tokens, sequences>) -> !ft.packed<tokens, 2x64xbf16> attributes {entry = "e", kind = #ft.step_kind<1, 0>} {
    %q, %k, %v = ft.fused gemm (%x) "q+k+v" {
    ^bb0(%p: !ft.packed<tokens, 64xbf16>):
      %0 = ft.linear %p, @q : (!ft.packed<tokens, 64xbf16>) -> !ft.packed<tokens, 2x64xbf16>
      %1 = ft.linear %p, @k : (!ft.packed<tokens, 64xbf16>) -> !ft.packed<tokens, 1x64xbf16>
      %2 = ft.linear %p, @v : (!ft.packed<tokens, 64xbf16>) -> !ft.packed<tokens, 1x64xbf16>
      ft.yield %0, %1, %2 : !ft.packed<tokens, 2x64xbf16>, !ft.packed<tokens, 1x64xbf16>, !ft.packed<tokens, 1x64xbf16>
    } : (!ft.packed<tokens, 64xbf16>) -> (!ft.packed<tokens, 2x64xbf16>, !ft.packed<tokens, 1x64xbf16>, !ft.packed<tokens, 1x64xbf16>)
    %a = ft.fused attention (%q, %k, %v, %s) "attention" {
    ^bb0(%0: !ft.packed<tokens, 2x64xbf16>, %1: !ft.packed<tokens, 1x64xbf16>, %2: !ft.packed<tokens, 1x64xbf16>, %3: !ft.sequences<tokens, sequences>):
      %4 = ft.attention %0, %1, %2 at %3 {scale = 0.125 : f64} : (!ft.packed<tokens, 2x64xbf16>, !ft.packed<tokens, 1x64xbf16>, !ft.packed<tokens, 1x64xbf16>, !ft.sequences<tokens, sequences>) -> !ft.packed<tokens, 2x64xbf16>
      ft.yield %4 : !ft.packed<tokens, 2x64xbf16>
    } : (!ft.packed<tokens, 2x64xbf16>, !ft.packed<tokens, 1x64xbf16>, !ft.packed<tokens, 1x64xbf16>, !ft.sequences<tokens, sequences>) -> !ft.packed<tokens, 2x64xbf16>
    ft.return %a : !ft.packed<tokens, 2x64xbf16>
  }
}

// -----

// k and v are as long, but the other way round.
// CHECK-LABEL: ft.entry @e
// CHECK: ft.fused gemm
// CHECK: ft.fused attention {{.*}} "attention" {
module attributes {ft.axes = ["tokens", "sequences"], ft.dtype = bf16} {
  ft.param @w : tensor<384x64xbf16> = #ft.recipe<"generator" {name = "iota", shape = array<i64: 384, 64>}>
  ft.param @q : tensor<128x64xbf16> view_of @w row 0
  ft.param @k : tensor<128x64xbf16> view_of @w row 128
  ft.param @v : tensor<128x64xbf16> view_of @w row 256
  ft.entry @e(%x: !ft.packed<tokens, 64xbf16>, %s: !ft.sequences<tokens, sequences>) -> !ft.packed<tokens, 2x64xbf16> attributes {entry = "e", kind = #ft.step_kind<1, 0>} {
    %q, %k, %v = ft.fused gemm (%x) "q+k+v" {
    ^bb0(%p: !ft.packed<tokens, 64xbf16>):
      %0 = ft.linear %p, @q : (!ft.packed<tokens, 64xbf16>) -> !ft.packed<tokens, 2x64xbf16>
      %1 = ft.linear %p, @k : (!ft.packed<tokens, 64xbf16>) -> !ft.packed<tokens, 2x64xbf16>
      %2 = ft.linear %p, @v : (!ft.packed<tokens, 64xbf16>) -> !ft.packed<tokens, 2x64xbf16>
      ft.yield %0, %1, %2 : !ft.packed<tokens, 2x64xbf16>, !ft.packed<tokens, 2x64xbf16>, !ft.packed<tokens, 2x64xbf16>
    } : (!ft.packed<tokens, 64xbf16>) -> (!ft.packed<tokens, 2x64xbf16>, !ft.packed<tokens, 2x64xbf16>, !ft.packed<tokens, 2x64xbf16>)
    %a = ft.fused attention (%q, %v, %k, %s) "attention" {
    ^bb0(%0: !ft.packed<tokens, 2x64xbf16>, %1: !ft.packed<tokens, 2x64xbf16>, %2: !ft.packed<tokens, 2x64xbf16>, %3: !ft.sequences<tokens, sequences>):
      %4 = ft.attention %0, %1, %2 at %3 {scale = 0.125 : f64} : (!ft.packed<tokens, 2x64xbf16>, !ft.packed<tokens, 2x64xbf16>, !ft.packed<tokens, 2x64xbf16>, !ft.sequences<tokens, sequences>) -> !ft.packed<tokens, 2x64xbf16>
      ft.yield %4 : !ft.packed<tokens, 2x64xbf16>
    } : (!ft.packed<tokens, 2x64xbf16>, !ft.packed<tokens, 2x64xbf16>, !ft.packed<tokens, 2x64xbf16>, !ft.sequences<tokens, sequences>) -> !ft.packed<tokens, 2x64xbf16>
    ft.return %a : !ft.packed<tokens, 2x64xbf16>
  }
}

// -----

// Another step reads k: it has to be stored.
// CHECK-LABEL: ft.entry @e
// CHECK: ft.fused gemm
// CHECK: ft.fused attention {{.*}} "attention" {
module attributes {ft.axes = ["tokens", "sequences"], ft.dtype = bf16} {
  ft.param @w : tensor<384x64xbf16> = #ft.recipe<"generator" {name = "iota", shape = array<i64: 384, 64>}>
  ft.param @q : tensor<128x64xbf16> view_of @w row 0
  ft.param @k : tensor<128x64xbf16> view_of @w row 128
  ft.param @v : tensor<128x64xbf16> view_of @w row 256
  ft.entry @e(%x: !ft.packed<tokens, 64xbf16>, %s: !ft.sequences<tokens, sequences>) -> (!ft.packed<tokens, 2x64xbf16>, !ft.packed<tokens, 2x64xbf16>) attributes {entry = "e", kind = #ft.step_kind<1, 0>} {
    %q, %k, %v = ft.fused gemm (%x) "q+k+v" {
    ^bb0(%p: !ft.packed<tokens, 64xbf16>):
      %0 = ft.linear %p, @q : (!ft.packed<tokens, 64xbf16>) -> !ft.packed<tokens, 2x64xbf16>
      %1 = ft.linear %p, @k : (!ft.packed<tokens, 64xbf16>) -> !ft.packed<tokens, 2x64xbf16>
      %2 = ft.linear %p, @v : (!ft.packed<tokens, 64xbf16>) -> !ft.packed<tokens, 2x64xbf16>
      ft.yield %0, %1, %2 : !ft.packed<tokens, 2x64xbf16>, !ft.packed<tokens, 2x64xbf16>, !ft.packed<tokens, 2x64xbf16>
    } : (!ft.packed<tokens, 64xbf16>) -> (!ft.packed<tokens, 2x64xbf16>, !ft.packed<tokens, 2x64xbf16>, !ft.packed<tokens, 2x64xbf16>)
    %a = ft.fused attention (%q, %k, %v, %s) "attention" {
    ^bb0(%0: !ft.packed<tokens, 2x64xbf16>, %1: !ft.packed<tokens, 2x64xbf16>, %2: !ft.packed<tokens, 2x64xbf16>, %3: !ft.sequences<tokens, sequences>):
      %4 = ft.attention %0, %1, %2 at %3 {scale = 0.125 : f64} : (!ft.packed<tokens, 2x64xbf16>, !ft.packed<tokens, 2x64xbf16>, !ft.packed<tokens, 2x64xbf16>, !ft.sequences<tokens, sequences>) -> !ft.packed<tokens, 2x64xbf16>
      ft.yield %4 : !ft.packed<tokens, 2x64xbf16>
    } : (!ft.packed<tokens, 2x64xbf16>, !ft.packed<tokens, 2x64xbf16>, !ft.packed<tokens, 2x64xbf16>, !ft.sequences<tokens, sequences>) -> !ft.packed<tokens, 2x64xbf16>
    ft.return %a, %k : !ft.packed<tokens, 2x64xbf16>, !ft.packed<tokens, 2x64xbf16>
  }
}

// -----

// A step in between.
// CHECK-LABEL: ft.entry @e
// CHECK: ft.fused gemm
// CHECK: ft.fused attention {{.*}} "attention" {
module attributes {ft.axes = ["tokens", "sequences"], ft.dtype = bf16} {
  ft.param @w : tensor<384x64xbf16> = #ft.recipe<"generator" {name = "iota", shape = array<i64: 384, 64>}>
  ft.param @q : tensor<128x64xbf16> view_of @w row 0
  ft.param @k : tensor<128x64xbf16> view_of @w row 128
  ft.param @v : tensor<128x64xbf16> view_of @w row 256
  ft.entry @e(%x: !ft.packed<tokens, 64xbf16>, %s: !ft.sequences<tokens, sequences>) -> !ft.packed<tokens, 2x64xbf16> attributes {entry = "e", kind = #ft.step_kind<1, 0>} {
    %q, %k, %v = ft.fused gemm (%x) "q+k+v" {
    ^bb0(%p: !ft.packed<tokens, 64xbf16>):
      %0 = ft.linear %p, @q : (!ft.packed<tokens, 64xbf16>) -> !ft.packed<tokens, 2x64xbf16>
      %1 = ft.linear %p, @k : (!ft.packed<tokens, 64xbf16>) -> !ft.packed<tokens, 2x64xbf16>
      %2 = ft.linear %p, @v : (!ft.packed<tokens, 64xbf16>) -> !ft.packed<tokens, 2x64xbf16>
      ft.yield %0, %1, %2 : !ft.packed<tokens, 2x64xbf16>, !ft.packed<tokens, 2x64xbf16>, !ft.packed<tokens, 2x64xbf16>
    } : (!ft.packed<tokens, 64xbf16>) -> (!ft.packed<tokens, 2x64xbf16>, !ft.packed<tokens, 2x64xbf16>, !ft.packed<tokens, 2x64xbf16>)
    %r = ft.fused row (%x) "relu" {
    ^bb0(%p: !ft.packed<tokens, 64xbf16>):
      %0 = ft.relu %p : !ft.packed<tokens, 64xbf16>
      ft.yield %0 : !ft.packed<tokens, 64xbf16>
    } : (!ft.packed<tokens, 64xbf16>) -> !ft.packed<tokens, 64xbf16>
    %a = ft.fused attention (%q, %k, %v, %s) "attention" {
    ^bb0(%0: !ft.packed<tokens, 2x64xbf16>, %1: !ft.packed<tokens, 2x64xbf16>, %2: !ft.packed<tokens, 2x64xbf16>, %3: !ft.sequences<tokens, sequences>):
      %4 = ft.attention %0, %1, %2 at %3 {scale = 0.125 : f64} : (!ft.packed<tokens, 2x64xbf16>, !ft.packed<tokens, 2x64xbf16>, !ft.packed<tokens, 2x64xbf16>, !ft.sequences<tokens, sequences>) -> !ft.packed<tokens, 2x64xbf16>
      ft.yield %4 : !ft.packed<tokens, 2x64xbf16>
    } : (!ft.packed<tokens, 2x64xbf16>, !ft.packed<tokens, 2x64xbf16>, !ft.packed<tokens, 2x64xbf16>, !ft.sequences<tokens, sequences>) -> !ft.packed<tokens, 2x64xbf16>
    ft.return %a : !ft.packed<tokens, 2x64xbf16>
  }
}

// -----

// A window.
// CHECK-LABEL: ft.entry @e
// CHECK: ft.fused gemm
// CHECK: ft.fused attention {{.*}} "attention" {
module attributes {ft.axes = ["tokens", "sequences"], ft.dtype = bf16} {
  ft.param @w : tensor<384x64xbf16> = #ft.recipe<"generator" {name = "iota", shape = array<i64: 384, 64>}>
  ft.param @q : tensor<128x64xbf16> view_of @w row 0
  ft.param @k : tensor<128x64xbf16> view_of @w row 128
  ft.param @v : tensor<128x64xbf16> view_of @w row 256
  ft.entry @e(%x: !ft.packed<tokens, 64xbf16>, %s: !ft.sequences<tokens, sequences>) -> !ft.packed<tokens, 2x64xbf16> attributes {entry = "e", kind = #ft.step_kind<1, 0>} {
    %q, %k, %v = ft.fused gemm (%x) "q+k+v" {
    ^bb0(%p: !ft.packed<tokens, 64xbf16>):
      %0 = ft.linear %p, @q : (!ft.packed<tokens, 64xbf16>) -> !ft.packed<tokens, 2x64xbf16>
      %1 = ft.linear %p, @k : (!ft.packed<tokens, 64xbf16>) -> !ft.packed<tokens, 2x64xbf16>
      %2 = ft.linear %p, @v : (!ft.packed<tokens, 64xbf16>) -> !ft.packed<tokens, 2x64xbf16>
      ft.yield %0, %1, %2 : !ft.packed<tokens, 2x64xbf16>, !ft.packed<tokens, 2x64xbf16>, !ft.packed<tokens, 2x64xbf16>
    } : (!ft.packed<tokens, 64xbf16>) -> (!ft.packed<tokens, 2x64xbf16>, !ft.packed<tokens, 2x64xbf16>, !ft.packed<tokens, 2x64xbf16>)
    %a = ft.fused attention (%q, %k, %v, %s) "attention" {
    ^bb0(%0: !ft.packed<tokens, 2x64xbf16>, %1: !ft.packed<tokens, 2x64xbf16>, %2: !ft.packed<tokens, 2x64xbf16>, %3: !ft.sequences<tokens, sequences>):
      %4 = ft.attention %0, %1, %2 at %3 {scale = 0.125 : f64, window = 16 : i64} : (!ft.packed<tokens, 2x64xbf16>, !ft.packed<tokens, 2x64xbf16>, !ft.packed<tokens, 2x64xbf16>, !ft.sequences<tokens, sequences>) -> !ft.packed<tokens, 2x64xbf16>
      ft.yield %4 : !ft.packed<tokens, 2x64xbf16>
    } : (!ft.packed<tokens, 2x64xbf16>, !ft.packed<tokens, 2x64xbf16>, !ft.packed<tokens, 2x64xbf16>, !ft.sequences<tokens, sequences>) -> !ft.packed<tokens, 2x64xbf16>
    ft.return %a : !ft.packed<tokens, 2x64xbf16>
  }
}

// -----

// A scale that is not positive: maxima are taken before it.
// CHECK-LABEL: ft.entry @e
// CHECK: ft.fused gemm
// CHECK: ft.fused attention {{.*}} "attention" {
module attributes {ft.axes = ["tokens", "sequences"], ft.dtype = bf16} {
  ft.param @w : tensor<384x64xbf16> = #ft.recipe<"generator" {name = "iota", shape = array<i64: 384, 64>}>
  ft.param @q : tensor<128x64xbf16> view_of @w row 0
  ft.param @k : tensor<128x64xbf16> view_of @w row 128
  ft.param @v : tensor<128x64xbf16> view_of @w row 256
  ft.entry @e(%x: !ft.packed<tokens, 64xbf16>, %s: !ft.sequences<tokens, sequences>) -> !ft.packed<tokens, 2x64xbf16> attributes {entry = "e", kind = #ft.step_kind<1, 0>} {
    %q, %k, %v = ft.fused gemm (%x) "q+k+v" {
    ^bb0(%p: !ft.packed<tokens, 64xbf16>):
      %0 = ft.linear %p, @q : (!ft.packed<tokens, 64xbf16>) -> !ft.packed<tokens, 2x64xbf16>
      %1 = ft.linear %p, @k : (!ft.packed<tokens, 64xbf16>) -> !ft.packed<tokens, 2x64xbf16>
      %2 = ft.linear %p, @v : (!ft.packed<tokens, 64xbf16>) -> !ft.packed<tokens, 2x64xbf16>
      ft.yield %0, %1, %2 : !ft.packed<tokens, 2x64xbf16>, !ft.packed<tokens, 2x64xbf16>, !ft.packed<tokens, 2x64xbf16>
    } : (!ft.packed<tokens, 64xbf16>) -> (!ft.packed<tokens, 2x64xbf16>, !ft.packed<tokens, 2x64xbf16>, !ft.packed<tokens, 2x64xbf16>)
    %a = ft.fused attention (%q, %k, %v, %s) "attention" {
    ^bb0(%0: !ft.packed<tokens, 2x64xbf16>, %1: !ft.packed<tokens, 2x64xbf16>, %2: !ft.packed<tokens, 2x64xbf16>, %3: !ft.sequences<tokens, sequences>):
      %4 = ft.attention %0, %1, %2 at %3 {scale = -0.125 : f64} : (!ft.packed<tokens, 2x64xbf16>, !ft.packed<tokens, 2x64xbf16>, !ft.packed<tokens, 2x64xbf16>, !ft.sequences<tokens, sequences>) -> !ft.packed<tokens, 2x64xbf16>
      ft.yield %4 : !ft.packed<tokens, 2x64xbf16>
    } : (!ft.packed<tokens, 2x64xbf16>, !ft.packed<tokens, 2x64xbf16>, !ft.packed<tokens, 2x64xbf16>, !ft.sequences<tokens, sequences>) -> !ft.packed<tokens, 2x64xbf16>
    ft.return %a : !ft.packed<tokens, 2x64xbf16>
  }
}

// -----

// A score region.
// CHECK-LABEL: ft.entry @e
// CHECK: ft.fused gemm
// CHECK: ft.fused attention {{.*}} "attention" {
module attributes {ft.axes = ["tokens", "sequences"], ft.dtype = bf16} {
  ft.param @w : tensor<384x64xbf16> = #ft.recipe<"generator" {name = "iota", shape = array<i64: 384, 64>}>
  ft.param @q : tensor<128x64xbf16> view_of @w row 0
  ft.param @k : tensor<128x64xbf16> view_of @w row 128
  ft.param @v : tensor<128x64xbf16> view_of @w row 256
  ft.entry @e(%x: !ft.packed<tokens, 64xbf16>, %s: !ft.sequences<tokens, sequences>) -> !ft.packed<tokens, 2x64xbf16> attributes {entry = "e", kind = #ft.step_kind<1, 0>} {
    %q, %k, %v = ft.fused gemm (%x) "q+k+v" {
    ^bb0(%p: !ft.packed<tokens, 64xbf16>):
      %0 = ft.linear %p, @q : (!ft.packed<tokens, 64xbf16>) -> !ft.packed<tokens, 2x64xbf16>
      %1 = ft.linear %p, @k : (!ft.packed<tokens, 64xbf16>) -> !ft.packed<tokens, 2x64xbf16>
      %2 = ft.linear %p, @v : (!ft.packed<tokens, 64xbf16>) -> !ft.packed<tokens, 2x64xbf16>
      ft.yield %0, %1, %2 : !ft.packed<tokens, 2x64xbf16>, !ft.packed<tokens, 2x64xbf16>, !ft.packed<tokens, 2x64xbf16>
    } : (!ft.packed<tokens, 64xbf16>) -> (!ft.packed<tokens, 2x64xbf16>, !ft.packed<tokens, 2x64xbf16>, !ft.packed<tokens, 2x64xbf16>)
    %a = ft.fused attention (%q, %k, %v, %s) "attention" {
    ^bb0(%0: !ft.packed<tokens, 2x64xbf16>, %1: !ft.packed<tokens, 2x64xbf16>, %2: !ft.packed<tokens, 2x64xbf16>, %3: !ft.sequences<tokens, sequences>):
      %4 = ft.attention %0, %1, %2 at %3 {scale = 0.125 : f64} : (!ft.packed<tokens, 2x64xbf16>, !ft.packed<tokens, 2x64xbf16>, !ft.packed<tokens, 2x64xbf16>, !ft.sequences<tokens, sequences>) -> !ft.packed<tokens, 2x64xbf16> score {
      ^bb0(%z: f32, %h: f32, %i: f32, %j: f32):
        %5 = ft.score.op "neg" %z
        ft.yield %5 : f32
      }
      ft.yield %4 : !ft.packed<tokens, 2x64xbf16>
    } : (!ft.packed<tokens, 2x64xbf16>, !ft.packed<tokens, 2x64xbf16>, !ft.packed<tokens, 2x64xbf16>, !ft.sequences<tokens, sequences>) -> !ft.packed<tokens, 2x64xbf16>
    ft.return %a : !ft.packed<tokens, 2x64xbf16>
  }
}

// -----

// A mask within the sequence.
// CHECK-LABEL: ft.entry @e
// CHECK: ft.fused gemm
// CHECK: ft.fused attention {{.*}} "attention" {
module attributes {ft.axes = ["tokens", "sequences"], ft.dtype = bf16} {
  ft.param @w : tensor<384x64xbf16> = #ft.recipe<"generator" {name = "iota", shape = array<i64: 384, 64>}>
  ft.param @q : tensor<128x64xbf16> view_of @w row 0
  ft.param @k : tensor<128x64xbf16> view_of @w row 128
  ft.param @v : tensor<128x64xbf16> view_of @w row 256
  ft.entry @e(%x: !ft.packed<tokens, 64xbf16>, %s: !ft.sequences<tokens, sequences>) -> !ft.packed<tokens, 2x64xbf16> attributes {entry = "e", kind = #ft.step_kind<1, 0>} {
    %q, %k, %v = ft.fused gemm (%x) "q+k+v" {
    ^bb0(%p: !ft.packed<tokens, 64xbf16>):
      %0 = ft.linear %p, @q : (!ft.packed<tokens, 64xbf16>) -> !ft.packed<tokens, 2x64xbf16>
      %1 = ft.linear %p, @k : (!ft.packed<tokens, 64xbf16>) -> !ft.packed<tokens, 2x64xbf16>
      %2 = ft.linear %p, @v : (!ft.packed<tokens, 64xbf16>) -> !ft.packed<tokens, 2x64xbf16>
      ft.yield %0, %1, %2 : !ft.packed<tokens, 2x64xbf16>, !ft.packed<tokens, 2x64xbf16>, !ft.packed<tokens, 2x64xbf16>
    } : (!ft.packed<tokens, 64xbf16>) -> (!ft.packed<tokens, 2x64xbf16>, !ft.packed<tokens, 2x64xbf16>, !ft.packed<tokens, 2x64xbf16>)
    %a = ft.fused attention (%q, %k, %v, %s) "attention" {
    ^bb0(%0: !ft.packed<tokens, 2x64xbf16>, %1: !ft.packed<tokens, 2x64xbf16>, %2: !ft.packed<tokens, 2x64xbf16>, %3: !ft.sequences<tokens, sequences>):
      %4 = ft.attention %0, %1, %2 at %3 {causal, scale = 0.125 : f64} : (!ft.packed<tokens, 2x64xbf16>, !ft.packed<tokens, 2x64xbf16>, !ft.packed<tokens, 2x64xbf16>, !ft.sequences<tokens, sequences>) -> !ft.packed<tokens, 2x64xbf16>
      ft.yield %4 : !ft.packed<tokens, 2x64xbf16>
    } : (!ft.packed<tokens, 2x64xbf16>, !ft.packed<tokens, 2x64xbf16>, !ft.packed<tokens, 2x64xbf16>, !ft.sequences<tokens, sequences>) -> !ft.packed<tokens, 2x64xbf16>
    ft.return %a : !ft.packed<tokens, 2x64xbf16>
  }
}
