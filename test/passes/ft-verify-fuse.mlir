// RUN: ft-opt %s --ft-verify-fuse --split-input-file -verify-diagnostics

module attributes {ft.axes = ["tokens"]} {
  // expected-error @below {{has no step kind after the fuse phase}}
  ft.entry @e(%x: !ft.packed<tokens, 8xf32>) -> !ft.packed<tokens, 8xf32> {
    ft.return %x : !ft.packed<tokens, 8xf32>
  }
}

// -----

module attributes {ft.axes = ["tokens"]} {
  ft.entry @e(%x: !ft.packed<tokens, 8xf32>) -> !ft.packed<tokens, 8xf32> attributes {entry = "e", kind = #ft.step_kind<1, 0>} {
    // expected-error @below {{is outside ft.fused after the fuse phase}}
    %y = ft.silu %x : !ft.packed<tokens, 8xf32>
    ft.return %y : !ft.packed<tokens, 8xf32>
  }
}

// -----

// Nothing stands in front that it could be run with.
module attributes {ft.axes = ["tokens", "sequences"], ft.dtype = bf16} {
  ft.entry @e(%q: !ft.packed<tokens, 2x64xbf16>, %s: !ft.sequences<tokens, sequences>) -> !ft.packed<tokens, 2x64xbf16> attributes {entry = "e", kind = #ft.step_kind<1, 0>} {
    // expected-error @below {{joins the step in front, with which the capability table has no implementation of it}}
    %a = ft.fused attention (%q, %s) "attention" attributes {joins} {
    ^bb0(%0: !ft.packed<tokens, 2x64xbf16>, %3: !ft.sequences<tokens, sequences>):
      %4 = ft.attention %0, %0, %0 at %3 {scale = 0.125 : f64} : (!ft.packed<tokens, 2x64xbf16>, !ft.packed<tokens, 2x64xbf16>, !ft.packed<tokens, 2x64xbf16>, !ft.sequences<tokens, sequences>) -> !ft.packed<tokens, 2x64xbf16>
      ft.yield %4 : !ft.packed<tokens, 2x64xbf16>
    } : (!ft.packed<tokens, 2x64xbf16>, !ft.sequences<tokens, sequences>) -> !ft.packed<tokens, 2x64xbf16>
    ft.return %a : !ft.packed<tokens, 2x64xbf16>
  }
}

// -----

module attributes {ft.axes = ["tokens"]} {
  ft.entry @e(%x: !ft.packed<tokens, 8xf32>) -> !ft.packed<tokens, 8xf32> attributes {entry = "e", kind = #ft.step_kind<1, 0>} {
    // expected-error @below {{joins the step in front, with which the capability table has no implementation of it}}
    %y = ft.fused row (%x) "silu" attributes {joins} {
    ^bb0(%p: !ft.packed<tokens, 8xf32>):
      %0 = ft.silu %p : !ft.packed<tokens, 8xf32>
      ft.yield %0 : !ft.packed<tokens, 8xf32>
    } : (!ft.packed<tokens, 8xf32>) -> !ft.packed<tokens, 8xf32>
    ft.return %y : !ft.packed<tokens, 8xf32>
  }
}

// -----

// SiLU in the epilogue: the GEMV template can, a library cannot.
module attributes {ft.axes = ["tokens"]} {
  ft.param @w : tensor<8x8xf32> = #ft.recipe<"generator" {name = "a", shape = array<i64: 8, 8>}>
  ft.entry @small(%x: !ft.packed<tokens, 8xf32>) -> !ft.packed<tokens, 8xf32> attributes {entry = "e", kind = #ft.step_kind<1, 8>} {
    %y = ft.fused gemm (%x) "w" {
    ^bb0(%p: !ft.packed<tokens, 8xf32>):
      %0 = ft.linear %p, @w : (!ft.packed<tokens, 8xf32>) -> !ft.packed<tokens, 8xf32>
      %1 = ft.silu %0 : !ft.packed<tokens, 8xf32>
      ft.yield %1 : !ft.packed<tokens, 8xf32>
    } : (!ft.packed<tokens, 8xf32>) -> !ft.packed<tokens, 8xf32>
    ft.return %y : !ft.packed<tokens, 8xf32>
  }
  ft.entry @large(%x: !ft.packed<tokens, 8xf32>) -> !ft.packed<tokens, 8xf32> attributes {entry = "e", kind = #ft.step_kind<9, 0>} {
    // expected-error @below {{has no implementation in the capability table for this step kind}}
    %y = ft.fused gemm (%x) "w" {
    ^bb0(%p: !ft.packed<tokens, 8xf32>):
      %0 = ft.linear %p, @w : (!ft.packed<tokens, 8xf32>) -> !ft.packed<tokens, 8xf32>
      %1 = ft.silu %0 : !ft.packed<tokens, 8xf32>
      ft.yield %1 : !ft.packed<tokens, 8xf32>
    } : (!ft.packed<tokens, 8xf32>) -> !ft.packed<tokens, 8xf32>
    ft.return %y : !ft.packed<tokens, 8xf32>
  }
}

// -----

module attributes {ft.axes = ["tokens"]} {
  ft.entry @e(%x: !ft.packed<tokens, 8xf32>) -> !ft.packed<tokens, 8xf32> attributes {entry = "e", kind = #ft.step_kind<1, 8>} {
    // expected-error @below {{is no gemm: it must hold linears of one input}}
    %y = ft.fused gemm (%x) "w" {
    ^bb0(%p: !ft.packed<tokens, 8xf32>):
      %0 = ft.silu %p : !ft.packed<tokens, 8xf32>
      ft.yield %0 : !ft.packed<tokens, 8xf32>
    } : (!ft.packed<tokens, 8xf32>) -> !ft.packed<tokens, 8xf32>
    ft.return %y : !ft.packed<tokens, 8xf32>
  }
}

// -----

module attributes {ft.axes = ["tokens"]} {
  ft.entry @e(%x: !ft.packed<tokens, 2x4xf32>, %y: !ft.packed<tokens, 1x4xf32>) -> !ft.packed<tokens, 2x4xf32> attributes {entry = "e", kind = #ft.step_kind<1, 8>} {
    %z = ft.fused row (%x, %y) "row" {
    ^bb0(%p: !ft.packed<tokens, 2x4xf32>, %q: !ft.packed<tokens, 1x4xf32>):
      %0 = ft.silu %q : !ft.packed<tokens, 1x4xf32>
      // expected-error @below {{cannot be computed in the row program before it}}
      %1 = ft.add %p, %0 : (!ft.packed<tokens, 2x4xf32>, !ft.packed<tokens, 1x4xf32>) -> !ft.packed<tokens, 2x4xf32>
      ft.yield %1 : !ft.packed<tokens, 2x4xf32>
    } : (!ft.packed<tokens, 2x4xf32>, !ft.packed<tokens, 1x4xf32>) -> !ft.packed<tokens, 2x4xf32>
    ft.return %z : !ft.packed<tokens, 2x4xf32>
  }
}

// -----

module attributes {ft.axes = ["tokens"]} {
  ft.entry @e(%x: !ft.packed<tokens, 8xf32>) -> !ft.packed<tokens, 8xf32> attributes {entry = "e", kind = #ft.step_kind<1, 8>} {
    // expected-error @below {{is no attention: it must hold one}}
    %z = ft.fused attention (%x) "a" {
    ^bb0(%p: !ft.packed<tokens, 8xf32>):
      %0 = ft.silu %p : !ft.packed<tokens, 8xf32>
      ft.yield %0 : !ft.packed<tokens, 8xf32>
    } : (!ft.packed<tokens, 8xf32>) -> !ft.packed<tokens, 8xf32>
    ft.return %z : !ft.packed<tokens, 8xf32>
  }
}

// -----

// An attention that appends has a kernel up to 64 tokens.
module attributes {ft.axes = ["tokens", "sequences"]} {
  ft.cache @kv layers 1 page 64 [#ft.plane<"k", 2x16xbf16>, #ft.plane<"v", 2x16xbf16>]
  ft.entry @e(%q: !ft.packed<tokens, 2x16xbf16>, %k: !ft.packed<tokens, 2x16xbf16>, %s: !ft.sequences<tokens, sequences>) -> !ft.packed<tokens, 2x16xbf16> attributes {causal, entry = "e", kind = #ft.step_kind<65, 0>} {
    // expected-error @below {{has no implementation in the capability table for this step kind}}
    %z = ft.fused attention (%k, %s, %q) "a" {
    ^bb0(%0: !ft.packed<tokens, 2x16xbf16>, %1: !ft.sequences<tokens, sequences>, %2: !ft.packed<tokens, 2x16xbf16>):
      ft.cache_append %0, %0 to @kv layer 0 at %1 : (!ft.packed<tokens, 2x16xbf16>, !ft.packed<tokens, 2x16xbf16>, !ft.sequences<tokens, sequences>) -> ()
      %3 = ft.attention %2 at %1 cache @kv layer 0 {causal, scale = 0.25 : f64} : (!ft.packed<tokens, 2x16xbf16>, !ft.sequences<tokens, sequences>) -> !ft.packed<tokens, 2x16xbf16>
      ft.yield %3 : !ft.packed<tokens, 2x16xbf16>
    } : (!ft.packed<tokens, 2x16xbf16>, !ft.sequences<tokens, sequences>, !ft.packed<tokens, 2x16xbf16>) -> !ft.packed<tokens, 2x16xbf16>
    ft.return %z : !ft.packed<tokens, 2x16xbf16>
  }
}

// -----

// A norm behind a GEMM: of a causal model only sm_90a's kernel in preview runs it
// in one launch.
module attributes {ft.axes = ["tokens"], ft.dtype = bf16} {
  ft.param @w : tensor<8x8xbf16> = #ft.recipe<"generator" {name = "a", shape = array<i64: 8, 8>}>
  ft.param @norm : tensor<8xf32> = #ft.recipe<"generator" {name = "a", shape = array<i64: 8>}>
  ft.entry @e(%x: !ft.packed<tokens, 8xbf16>) -> !ft.packed<tokens, 8xbf16> attributes {causal, entry = "e", kind = #ft.step_kind<65, 0>} {
    // expected-error @below {{has no implementation in the capability table for this step kind}}
    %y = ft.fused gemm (%x) "w" {
    ^bb0(%p: !ft.packed<tokens, 8xbf16>):
      %0 = ft.linear %p, @w : (!ft.packed<tokens, 8xbf16>) -> !ft.packed<tokens, 8xbf16>
      %1 = ft.rms_norm %0, @norm {eps = 1.0e-5 : f64} : !ft.packed<tokens, 8xbf16>
      ft.yield %1 : !ft.packed<tokens, 8xbf16>
    } : (!ft.packed<tokens, 8xbf16>) -> !ft.packed<tokens, 8xbf16>
    ft.return %y : !ft.packed<tokens, 8xbf16>
  }
}
