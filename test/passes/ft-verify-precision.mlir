// RUN: ft-opt %s --ft-verify-precision --split-input-file -verify-diagnostics

// expected-error @below {{has no ft.dtype: the precision phase has not run}}
module attributes {ft.axes = ["tokens"]} {
}

// -----

// A cast to fp32 that makes a result is what the phase leaves.
module attributes {ft.axes = ["tokens"], ft.dtype = bf16} {
  ft.entry @e(%x: !ft.packed<tokens, 64xbf16>) -> !ft.packed<tokens, 64xf32> {
    %y = ft.silu %x : !ft.packed<tokens, 64xbf16>
    %z = ft.cast %y : (!ft.packed<tokens, 64xbf16>) -> !ft.packed<tokens, 64xf32>
    ft.return %z : !ft.packed<tokens, 64xf32>
  }
}

// -----

// The same cast in the middle of the program is not.
module attributes {ft.axes = ["tokens"], ft.dtype = bf16} {
  ft.entry @e(%x: !ft.packed<tokens, 64xbf16>) -> !ft.packed<tokens, 64xf32> {
    // expected-error @below {{makes a value of 'f32', but the module's ft.dtype is 'bf16' and it is no entry result}}
    %y = ft.cast %x : (!ft.packed<tokens, 64xbf16>) -> !ft.packed<tokens, 64xf32>
    %z = ft.silu %y : !ft.packed<tokens, 64xf32>
    ft.return %z : !ft.packed<tokens, 64xf32>
  }
}

// -----

module attributes {ft.axes = ["tokens"], ft.dtype = bf16} {
  ft.param @w : tensor<64x64xf32> = #ft.recipe<"generator" {name = "iota", shape = array<i64: 64, 64>}>
  ft.entry @e(%x: !ft.packed<tokens, 64xbf16>) -> !ft.packed<tokens, 64xf32> {
    // expected-error @below {{reads matrix @w of 'f32', but the module's ft.dtype is 'bf16'}}
    %y = ft.linear %x, @w : (!ft.packed<tokens, 64xbf16>) -> !ft.packed<tokens, 64xf32>
    ft.return %y : !ft.packed<tokens, 64xf32>
  }
}

// -----

module attributes {ft.axes = ["tokens"], ft.dtype = bf16} {
  ft.param @w : tensor<64x64xbf16> = #ft.recipe<"generator" {name = "iota", shape = array<i64: 64, 64>}>
  ft.param @b : tensor<64xbf16> = #ft.recipe<"generator" {name = "iota", shape = array<i64: 64>}>
  ft.entry @e(%x: !ft.packed<tokens, 64xbf16>) -> !ft.packed<tokens, 64xf32> {
    // expected-error @below {{writes 'f32' and has a bias of 'bf16'}}
    %y = ft.linear %x, @w bias @b : (!ft.packed<tokens, 64xbf16>) -> !ft.packed<tokens, 64xf32>
    ft.return %y : !ft.packed<tokens, 64xf32>
  }
}

// -----

module attributes {ft.axes = ["tokens"], ft.dtype = bf16} {
  // expected-error @below {{has a plane of 'f32', but the module's ft.dtype is 'bf16'}}
  ft.cache @kv layers 1 page 64 [#ft.plane<"k", 8x8xf32>, #ft.plane<"v", 8x8xf32>]
}
