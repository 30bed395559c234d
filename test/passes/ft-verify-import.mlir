// RUN: ft-opt %s --ft-verify-import --split-input-file -verify-diagnostics

module attributes {ft.axes = ["tokens"]} {
  ft.entry @good(%x: !ft.packed<tokens, 64xf32>) -> !ft.packed<tokens, 64xf32> {
    %y = ft.silu %x : !ft.packed<tokens, 64xf32>
    ft.return %y : !ft.packed<tokens, 64xf32>
  }
}

// -----

module attributes {ft.axes = ["tokens"]} {
  // expected-error @below {{import leaves weights in f32, found 'tensor<8xbf16>'}}
  ft.param @w : tensor<8xbf16> = #ft.recipe<"generator" {name = "iota", shape = array<i64: 8>}>
}

// -----

module attributes {ft.axes = ["tokens"]} {
  // expected-error @below {{import leaves cache planes in f32, found 'f16'}}
  ft.cache @kv layers 1 page 64 [#ft.plane<"k", 8x8xf16>]
}

// -----

module attributes {ft.axes = ["tokens"]} {
  ft.entry @e(%x: !ft.packed<tokens, 64xf16>) -> !ft.packed<tokens, 64xf16> {
    // expected-error @below {{import leaves values in f32}}
    %y = ft.silu %x : !ft.packed<tokens, 64xf16>
    ft.return %y : !ft.packed<tokens, 64xf16>
  }
}

// -----

module attributes {ft.axes = ["tokens"]} {
  // expected-error @below {{import makes no step kinds}}
  ft.entry @e(%x: !ft.packed<tokens, 64xf32>) -> !ft.packed<tokens, 64xf32> attributes {entry = "e", kind = #ft.step_kind<1, 0>} {
    ft.return %x : !ft.packed<tokens, 64xf32>
  }
}
