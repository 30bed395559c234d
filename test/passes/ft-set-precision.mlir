// RUN: ft-opt %s --ft-set-precision=dtype=bf16 --split-input-file | FileCheck %s
// RUN: ft-opt %s --ft-set-precision --split-input-file | FileCheck %s --check-prefix=AUTO
// RUN: ft-opt %s --ft-set-precision=dtype=tf32 --split-input-file | FileCheck %s --check-prefix=TF32
// RUN: not ft-opt %s --ft-set-precision=dtype=f8 2>&1 | FileCheck %s --check-prefix=BAD
// BAD: dtype must be auto, f32, tf32, f16 or bf16, found 'f8'

// Matrices, biases and cache planes are narrowed, norm weights are not; a linear
// that makes a result writes fp32 itself, another result gets a cast.
// TF32: module attributes {{.*}}ft.dtype = f32, {{.*}}ft.tf32
// CHECK: module attributes {{.*}}ft.dtype = bf16
// AUTO: module attributes {{.*}}ft.dtype = f16
module attributes {ft.axes = ["tokens", "sequences"], ft.model = {dtype = "f16"}} {
  // CHECK: ft.param @norm : tensor<64xf32>
  // CHECK: ft.param @w : tensor<8x64xbf16>
  // CHECK: ft.param @b : tensor<8xf32>
  // CHECK: ft.param @v : tensor<64x64xbf16>
  // CHECK: ft.param @c : tensor<64xbf16>
  // AUTO: ft.param @w : tensor<8x64xf16>
  ft.param @norm : tensor<64xf32> = #ft.recipe<"generator" {name = "iota", shape = array<i64: 64>}>
  ft.param @w : tensor<8x64xf32> = #ft.recipe<"generator" {name = "iota", shape = array<i64: 8, 64>}>
  ft.param @b : tensor<8xf32> = #ft.recipe<"generator" {name = "iota", shape = array<i64: 8>}>
  ft.param @v : tensor<64x64xf32> = #ft.recipe<"generator" {name = "iota", shape = array<i64: 64, 64>}>
  ft.param @c : tensor<64xf32> = #ft.recipe<"generator" {name = "iota", shape = array<i64: 64>}>
  // CHECK: #ft.plane<"k", 8x8xbf16>
  ft.cache @kv layers 1 page 64 [#ft.plane<"k", 8x8xf32>, #ft.plane<"v", 8x8xf32>]
  // CHECK: ft.entry @e(%[[X:.*]]: !ft.packed<tokens, 64xf32>) -> (!ft.packed<tokens, 64xf32>, !ft.packed<tokens, 8xf32>)
  ft.entry @e(%x: !ft.packed<tokens, 64xf32>) -> (!ft.packed<tokens, 64xf32>, !ft.packed<tokens, 8xf32>) {
    // CHECK: %[[IN:.*]] = ft.cast %[[X]] : (!ft.packed<tokens, 64xf32>) -> !ft.packed<tokens, 64xbf16>
    // CHECK: %[[V:.*]] = ft.linear %[[IN]], @v bias @c : ({{.*}}) -> !ft.packed<tokens, 64xbf16>
    // CHECK: %[[H:.*]] = ft.rms_norm %[[V]]
    // CHECK: %[[Y:.*]] = ft.linear %[[H]], @w bias @b : (!ft.packed<tokens, 64xbf16>) -> !ft.packed<tokens, 8xf32>
    // CHECK: %[[R:.*]] = ft.cast %[[H]] : (!ft.packed<tokens, 64xbf16>) -> !ft.packed<tokens, 64xf32>
    // CHECK: ft.return %[[R]], %[[Y]]
    %v = ft.linear %x, @v bias @c : (!ft.packed<tokens, 64xf32>) -> !ft.packed<tokens, 64xf32>
    %h = ft.rms_norm %v, @norm {eps = 1.0e-5 : f64} : !ft.packed<tokens, 64xf32>
    %y = ft.linear %h, @w bias @b : (!ft.packed<tokens, 64xf32>) -> !ft.packed<tokens, 8xf32>
    ft.return %h, %y : !ft.packed<tokens, 64xf32>, !ft.packed<tokens, 8xf32>
  }
}

// -----

// In fp32, too, a product reads what it adds from a buffer, not from an input.
// AUTO: ft.entry @residual(%[[X:.*]]: !ft.packed<tokens, 64xf32>)
// AUTO-NEXT: %[[B:.*]] = ft.cast %[[X]] : (!ft.packed<tokens, 64xf32>) -> !ft.packed<tokens, 64xf32>
// AUTO-NEXT: %[[A:.*]] = ft.silu
// AUTO-NEXT: %[[V:.*]] = ft.linear %[[A]], @v
// AUTO-NEXT: %[[R:.*]] = ft.relu %[[V]]
// AUTO-NEXT: %[[Y:.*]] = ft.add %[[R]], %[[B]]
// AUTO-NEXT: ft.return %[[Y]]
module attributes {ft.axes = ["tokens"]} {
  ft.param @v : tensor<64x64xf32> = #ft.recipe<"tensor" {file = "m.safetensors", shape = array<i64: 64, 64>, stored = f32, tensor = "v"}>
  ft.entry @residual(%x: !ft.packed<tokens, 64xf32>) -> !ft.packed<tokens, 64xf32> {
    %a = ft.silu %x : !ft.packed<tokens, 64xf32>
    %v = ft.linear %a, @v : (!ft.packed<tokens, 64xf32>) -> !ft.packed<tokens, 64xf32>
    %r = ft.relu %v : !ft.packed<tokens, 64xf32>
    %y = ft.add %r, %x : (!ft.packed<tokens, 64xf32>, !ft.packed<tokens, 64xf32>) -> !ft.packed<tokens, 64xf32>
    ft.return %y : !ft.packed<tokens, 64xf32>
  }
}

// -----

// fp32 changes nothing but the record of the choice; without a preference it is
// the default.
// AUTO: module attributes {ft.axes = ["tokens"], ft.dtype = f32}
// AUTO-NOT: ft.cast
module attributes {ft.axes = ["tokens"]} {
  ft.entry @e(%x: !ft.packed<tokens, 64xf32>) -> !ft.packed<tokens, 64xf32> {
    %y = ft.silu %x : !ft.packed<tokens, 64xf32>
    ft.return %y : !ft.packed<tokens, 64xf32>
  }
}

// -----

// The library reads its factor and the residual from buffers, not from inputs of
// the batch: such an input gets one copy, which all its readers share.
// AUTO: module attributes {ft.axes = ["tokens"], ft.dtype = f32}
module attributes {ft.axes = ["tokens"]} {
  ft.param @w : tensor<64x64xf32> = #ft.recipe<"generator" {name = "iota", shape = array<i64: 64, 64>}>
  // AUTO: ft.entry @read_and_added(%[[X:.*]]: !ft.packed<tokens, 64xf32>)
  ft.entry @read_and_added(%x: !ft.packed<tokens, 64xf32>) -> !ft.packed<tokens, 64xf32> {
    // AUTO-NEXT: %[[C:.*]] = ft.cast %[[X]]
    // AUTO-NEXT: %[[Y:.*]] = ft.linear %[[C]], @w
    // AUTO-NEXT: ft.add %[[C]], %[[Y]]
    %y = ft.linear %x, @w : (!ft.packed<tokens, 64xf32>) -> !ft.packed<tokens, 64xf32>
    %s = ft.add %x, %y : (!ft.packed<tokens, 64xf32>, !ft.packed<tokens, 64xf32>) -> !ft.packed<tokens, 64xf32>
    ft.return %s : !ft.packed<tokens, 64xf32>
  }
  // AUTO: ft.entry @added(%[[X:.*]]: !ft.packed<tokens, 64xf32>, %[[H:.*]]: !ft.packed<tokens, 64xf32>)
  ft.entry @added(%x: !ft.packed<tokens, 64xf32>, %h: !ft.packed<tokens, 64xf32>) -> !ft.packed<tokens, 64xf32> {
    // AUTO-NEXT: %[[C:.*]] = ft.cast %[[X]]
    // AUTO-NEXT: %[[N:.*]] = ft.silu %[[H]]
    // AUTO-NEXT: %[[Y:.*]] = ft.linear %[[N]], @w
    // AUTO-NEXT: ft.add %[[Y]], %[[C]]
    %n = ft.silu %h : !ft.packed<tokens, 64xf32>
    %z = ft.linear %n, @w : (!ft.packed<tokens, 64xf32>) -> !ft.packed<tokens, 64xf32>
    %s = ft.add %z, %x : (!ft.packed<tokens, 64xf32>, !ft.packed<tokens, 64xf32>) -> !ft.packed<tokens, 64xf32>
    ft.return %s : !ft.packed<tokens, 64xf32>
  }
}

// -----

// A bias has the type of what its linear writes; linears that share one write the
// same, even where one of them makes a result only.
// CHECK: ft.param @shared : tensor<64xbf16>
module attributes {ft.axes = ["tokens"]} {
  ft.param @w : tensor<64x64xf32> = #ft.recipe<"generator" {name = "iota", shape = array<i64: 64, 64>}>
  ft.param @shared : tensor<64xf32> = #ft.recipe<"generator" {name = "iota", shape = array<i64: 64>}>
  // CHECK: ft.entry @result
  ft.entry @result(%x: !ft.packed<tokens, 64xf32>) -> !ft.packed<tokens, 64xf32> {
    // CHECK: %[[Y:.*]] = ft.linear %{{.*}}, @w bias @shared : ({{.*}}) -> !ft.packed<tokens, 64xbf16>
    // CHECK: ft.cast %[[Y]] : (!ft.packed<tokens, 64xbf16>) -> !ft.packed<tokens, 64xf32>
    %y = ft.linear %x, @w bias @shared : (!ft.packed<tokens, 64xf32>) -> !ft.packed<tokens, 64xf32>
    ft.return %y : !ft.packed<tokens, 64xf32>
  }
  // CHECK: ft.entry @stored
  ft.entry @stored(%x: !ft.packed<tokens, 64xf32>) -> !ft.packed<tokens, 64xf32> {
    // CHECK: ft.linear %{{.*}}, @w bias @shared : ({{.*}}) -> !ft.packed<tokens, 64xbf16>
    %y = ft.linear %x, @w bias @shared : (!ft.packed<tokens, 64xf32>) -> !ft.packed<tokens, 64xf32>
    %z = ft.silu %y : !ft.packed<tokens, 64xf32>
    ft.return %z : !ft.packed<tokens, 64xf32>
  }
}
