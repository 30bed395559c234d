// RUN: ft-opt %s --ft-verify-raise --split-input-file -verify-diagnostics

module attributes {ft.axes = ["tokens"]} {
  ft.entry @good(%x: !ft.packed<tokens, 64xf32>) -> !ft.packed<tokens, 64xf32> {
    %y = ft.silu %x : !ft.packed<tokens, 64xf32>
    ft.return %y : !ft.packed<tokens, 64xf32>
  }
}

// -----

module attributes {ft.axes = ["tokens"]} {
  ft.entry @primitive(%x: !ft.packed<tokens, 64xf32>) -> !ft.packed<tokens, 64xf32> {
    // expected-error @below {{is not a semantic operation; entry 'primitive' may hold nothing else after the raise phase}}
    %y = builtin.unrealized_conversion_cast %x : !ft.packed<tokens, 64xf32> to !ft.packed<tokens, 64xf32>
    ft.return %y : !ft.packed<tokens, 64xf32>
  }
}
