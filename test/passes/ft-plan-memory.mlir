// RUN: ft-opt %s --ft-plan-memory --split-input-file | FileCheck %s

// A chain needs two buffers: each value takes the place of the last but one.
// CHECK-LABEL: ft.entry @chain
// 2 values of 64 x 2 bytes a token
// CHECK-SAME: arena = array<i64: 256, 0>
// first fit: 0
// CHECK: "a" attributes {slots = [#ft.slot<0 + [0, 0] stride 64>]}
// a is read here: 64 * 2 = 128
// CHECK: "b" attributes {slots = [#ft.slot<0 + [128, 0] stride 64>]}
// a is dead: 0
// CHECK: "c" attributes {slots = [#ft.slot<0 + [0, 0] stride 64>]}
module attributes {ft.axes = ["tokens", "rows"]} {
  ft.entry @chain(%x: !ft.packed<tokens, 64xbf16>) -> !ft.packed<tokens, 64xbf16> attributes {entry = "e", kind = #ft.step_kind<1, 0>} {
    %a = ft.fused row (%x) "a" {
    ^bb0(%p: !ft.packed<tokens, 64xbf16>):
      %0 = ft.silu %p : !ft.packed<tokens, 64xbf16>
      ft.yield %0 : !ft.packed<tokens, 64xbf16>
    } : (!ft.packed<tokens, 64xbf16>) -> !ft.packed<tokens, 64xbf16>
    %b = ft.fused row (%a) "b" {
    ^bb0(%p: !ft.packed<tokens, 64xbf16>):
      %0 = ft.silu %p : !ft.packed<tokens, 64xbf16>
      ft.yield %0 : !ft.packed<tokens, 64xbf16>
    } : (!ft.packed<tokens, 64xbf16>) -> !ft.packed<tokens, 64xbf16>
    %c = ft.fused row (%b) "c" {
    ^bb0(%p: !ft.packed<tokens, 64xbf16>):
      %0 = ft.silu %p : !ft.packed<tokens, 64xbf16>
      ft.yield %0 : !ft.packed<tokens, 64xbf16>
    } : (!ft.packed<tokens, 64xbf16>) -> !ft.packed<tokens, 64xbf16>
    ft.return %c : !ft.packed<tokens, 64xbf16>
  }
}

// -----

// An entry result stays to the end, a row is padded to 16 bytes, and the region
// of rows begins where that of tokens ends.
// CHECK-LABEL: ft.entry @regions
// tokens: 16 + 16; rows: 16
// CHECK-SAME: arena = array<i64: 32, 16>
// 5 * 2 = 10, padded to 16
// CHECK: "a" attributes {slots = [#ft.slot<0 + [0, 0] stride 5>]}
// a is a result: after its 16
// CHECK: "b" attributes {slots = [#ft.slot<0 + [16, 0] stride 5>]}
// 32 a token, then 0 in its region
// CHECK: "r" attributes {slots = [#ft.slot<0 + [32, 0] stride 5>]}
module attributes {ft.axes = ["tokens", "rows"]} {
  ft.entry @regions(%x: !ft.packed<tokens, 5xbf16>, %rows: !ft.rows<rows, tokens>) -> (!ft.packed<tokens, 5xbf16>, !ft.packed<rows, 5xbf16>) attributes {entry = "e", kind = #ft.step_kind<1, 0>} {
    %a = ft.fused row (%x) "a" {
    ^bb0(%p: !ft.packed<tokens, 5xbf16>):
      %0 = ft.silu %p : !ft.packed<tokens, 5xbf16>
      ft.yield %0 : !ft.packed<tokens, 5xbf16>
    } : (!ft.packed<tokens, 5xbf16>) -> !ft.packed<tokens, 5xbf16>
    %b = ft.fused row (%x) "b" {
    ^bb0(%p: !ft.packed<tokens, 5xbf16>):
      %0 = ft.relu %p : !ft.packed<tokens, 5xbf16>
      ft.yield %0 : !ft.packed<tokens, 5xbf16>
    } : (!ft.packed<tokens, 5xbf16>) -> !ft.packed<tokens, 5xbf16>
    %r = ft.fused row (%b, %rows) "r" {
    ^bb0(%p: !ft.packed<tokens, 5xbf16>, %q: !ft.rows<rows, tokens>):
      %0 = ft.rows %p, %q : (!ft.packed<tokens, 5xbf16>, !ft.rows<rows, tokens>) -> !ft.packed<rows, 5xbf16>
      ft.yield %0 : !ft.packed<rows, 5xbf16>
    } : (!ft.packed<tokens, 5xbf16>, !ft.rows<rows, tokens>) -> !ft.packed<rows, 5xbf16>
    ft.return %a, %r : !ft.packed<tokens, 5xbf16>, !ft.packed<rows, 5xbf16>
  }
}

// -----

// Linears of one step are column ranges of one buffer, which lives as long as
// the last of them is read.
// CHECK-LABEL: ft.entry @columns
// 192 + 64 + 192, see below
// CHECK-SAME: arena = array<i64: 448>
// columns 0 to 63
// CHECK: "q+k" attributes {slots = [#ft.slot<0 + [0] stride 96>,
// from column 64: 64 * 2 = 128
// CHECK-SAME: #ft.slot<128 + [0] stride 96>]}
// after 96 * 2 = 192
// CHECK: "s" attributes {slots = [#ft.slot<0 + [192] stride 32>]}
// q is read here: 192 + 32 * 2 = 256
// CHECK: "t" attributes {slots = [#ft.slot<0 + [256] stride 96>]}
module attributes {ft.axes = ["tokens"]} {
  ft.param @both : tensor<96x64xbf16> = #ft.recipe<"generator" {name = "a", shape = array<i64: 96, 64>}>
  ft.param @q : tensor<64x64xbf16> view_of @both row 0
  ft.param @k : tensor<32x64xbf16> view_of @both row 64
  ft.param @w : tensor<96x64xbf16> = #ft.recipe<"generator" {name = "a", shape = array<i64: 96, 64>}>
  ft.entry @columns(%x: !ft.packed<tokens, 64xbf16>) -> (!ft.packed<tokens, 32xbf16>, !ft.packed<tokens, 96xbf16>) attributes {entry = "e", kind = #ft.step_kind<1, 0>} {
    %q, %k = ft.fused gemm (%x) "q+k" {
    ^bb0(%p: !ft.packed<tokens, 64xbf16>):
      %0 = ft.linear %p, @q : (!ft.packed<tokens, 64xbf16>) -> !ft.packed<tokens, 64xbf16>
      %1 = ft.linear %p, @k : (!ft.packed<tokens, 64xbf16>) -> !ft.packed<tokens, 32xbf16>
      ft.yield %0, %1 : !ft.packed<tokens, 64xbf16>, !ft.packed<tokens, 32xbf16>
    } : (!ft.packed<tokens, 64xbf16>) -> (!ft.packed<tokens, 64xbf16>, !ft.packed<tokens, 32xbf16>)
    %s = ft.fused row (%k) "s" {
    ^bb0(%p: !ft.packed<tokens, 32xbf16>):
      %0 = ft.silu %p : !ft.packed<tokens, 32xbf16>
      ft.yield %0 : !ft.packed<tokens, 32xbf16>
    } : (!ft.packed<tokens, 32xbf16>) -> !ft.packed<tokens, 32xbf16>
    %t = ft.fused gemm (%q) "t" {
    ^bb0(%p: !ft.packed<tokens, 64xbf16>):
      %0 = ft.linear %p, @w : (!ft.packed<tokens, 64xbf16>) -> !ft.packed<tokens, 96xbf16>
      ft.yield %0 : !ft.packed<tokens, 96xbf16>
    } : (!ft.packed<tokens, 64xbf16>) -> !ft.packed<tokens, 96xbf16>
    ft.return %s, %t : !ft.packed<tokens, 32xbf16>, !ft.packed<tokens, 96xbf16>
  }
}

// -----

// Two steps: x is dead where the attention stores its result.
// CHECK-LABEL: ft.entry @apart
// CHECK: "x" attributes {slots = [#ft.slot<0 + [0, 0] stride 128>]}
// after 128 * 2 = 256
// CHECK: "q+k+v" attributes {slots = [#ft.slot<0 + [256, 0] stride 384>
// first fit: 0
// CHECK: "attention" attributes {slots = [#ft.slot<0 + [0, 0] stride 128>]}
module attributes {ft.axes = ["tokens", "sequences"], ft.dtype = bf16} {
  ft.param @w : tensor<384x128xbf16> = #ft.recipe<"generator" {name = "iota", shape = array<i64: 384, 128>}>
  ft.param @q : tensor<128x128xbf16> view_of @w row 0
  ft.param @k : tensor<128x128xbf16> view_of @w row 128
  ft.param @v : tensor<128x128xbf16> view_of @w row 256
  ft.entry @apart(%y: !ft.packed<tokens, 128xbf16>, %s: !ft.sequences<tokens, sequences>) -> !ft.packed<tokens, 2x64xbf16> attributes {entry = "e", kind = #ft.step_kind<1, 0>} {
    %x = ft.fused row (%y) "x" {
    ^bb0(%p: !ft.packed<tokens, 128xbf16>):
      %0 = ft.relu %p : !ft.packed<tokens, 128xbf16>
      ft.yield %0 : !ft.packed<tokens, 128xbf16>
    } : (!ft.packed<tokens, 128xbf16>) -> !ft.packed<tokens, 128xbf16>
    %q, %k, %v = ft.fused gemm (%x) "q+k+v" {
    ^bb0(%p: !ft.packed<tokens, 128xbf16>):
      %0 = ft.linear %p, @q : (!ft.packed<tokens, 128xbf16>) -> !ft.packed<tokens, 2x64xbf16>
      %1 = ft.linear %p, @k : (!ft.packed<tokens, 128xbf16>) -> !ft.packed<tokens, 2x64xbf16>
      %2 = ft.linear %p, @v : (!ft.packed<tokens, 128xbf16>) -> !ft.packed<tokens, 2x64xbf16>
      ft.yield %0, %1, %2 : !ft.packed<tokens, 2x64xbf16>, !ft.packed<tokens, 2x64xbf16>, !ft.packed<tokens, 2x64xbf16>
    } : (!ft.packed<tokens, 128xbf16>) -> (!ft.packed<tokens, 2x64xbf16>, !ft.packed<tokens, 2x64xbf16>, !ft.packed<tokens, 2x64xbf16>)
    %a = ft.fused attention (%q, %k, %v, %s) "attention" {
    ^bb0(%0: !ft.packed<tokens, 2x64xbf16>, %1: !ft.packed<tokens, 2x64xbf16>, %2: !ft.packed<tokens, 2x64xbf16>, %3: !ft.sequences<tokens, sequences>):
      %4 = ft.attention %0, %1, %2 at %3 {scale = 0.125 : f64} : (!ft.packed<tokens, 2x64xbf16>, !ft.packed<tokens, 2x64xbf16>, !ft.packed<tokens, 2x64xbf16>, !ft.sequences<tokens, sequences>) -> !ft.packed<tokens, 2x64xbf16>
      ft.yield %4 : !ft.packed<tokens, 2x64xbf16>
    } : (!ft.packed<tokens, 2x64xbf16>, !ft.packed<tokens, 2x64xbf16>, !ft.packed<tokens, 2x64xbf16>, !ft.sequences<tokens, sequences>) -> !ft.packed<tokens, 2x64xbf16>
    ft.return %a : !ft.packed<tokens, 2x64xbf16>
  }
}

// -----

// One launch may run both: x is read while the result is stored.
// CHECK-LABEL: ft.entry @joined
// CHECK: "x" attributes {slots = [#ft.slot<0 + [0, 0] stride 128>]}
// CHECK: "q+k+v" attributes {slots = [#ft.slot<0 + [256, 0] stride 384>
// after 256 + 384 * 2 = 1024
// CHECK: "attention" attributes {joins, slots = [#ft.slot<0 + [1024, 0] stride 128>]}
module attributes {ft.axes = ["tokens", "sequences"], ft.dtype = bf16} {
  ft.param @w : tensor<384x128xbf16> = #ft.recipe<"generator" {name = "iota", shape = array<i64: 384, 128>}>
  ft.param @q : tensor<128x128xbf16> view_of @w row 0
  ft.param @k : tensor<128x128xbf16> view_of @w row 128
  ft.param @v : tensor<128x128xbf16> view_of @w row 256
  ft.entry @joined(%y: !ft.packed<tokens, 128xbf16>, %s: !ft.sequences<tokens, sequences>) -> !ft.packed<tokens, 2x64xbf16> attributes {entry = "e", kind = #ft.step_kind<1, 0>} {
    %x = ft.fused row (%y) "x" {
    ^bb0(%p: !ft.packed<tokens, 128xbf16>):
      %0 = ft.relu %p : !ft.packed<tokens, 128xbf16>
      ft.yield %0 : !ft.packed<tokens, 128xbf16>
    } : (!ft.packed<tokens, 128xbf16>) -> !ft.packed<tokens, 128xbf16>
    %q, %k, %v = ft.fused gemm (%x) "q+k+v" {
    ^bb0(%p: !ft.packed<tokens, 128xbf16>):
      %0 = ft.linear %p, @q : (!ft.packed<tokens, 128xbf16>) -> !ft.packed<tokens, 2x64xbf16>
      %1 = ft.linear %p, @k : (!ft.packed<tokens, 128xbf16>) -> !ft.packed<tokens, 2x64xbf16>
      %2 = ft.linear %p, @v : (!ft.packed<tokens, 128xbf16>) -> !ft.packed<tokens, 2x64xbf16>
      ft.yield %0, %1, %2 : !ft.packed<tokens, 2x64xbf16>, !ft.packed<tokens, 2x64xbf16>, !ft.packed<tokens, 2x64xbf16>
    } : (!ft.packed<tokens, 128xbf16>) -> (!ft.packed<tokens, 2x64xbf16>, !ft.packed<tokens, 2x64xbf16>, !ft.packed<tokens, 2x64xbf16>)
    %a = ft.fused attention (%q, %k, %v, %s) "attention" attributes {joins} {
    ^bb0(%0: !ft.packed<tokens, 2x64xbf16>, %1: !ft.packed<tokens, 2x64xbf16>, %2: !ft.packed<tokens, 2x64xbf16>, %3: !ft.sequences<tokens, sequences>):
      %4 = ft.attention %0, %1, %2 at %3 {scale = 0.125 : f64} : (!ft.packed<tokens, 2x64xbf16>, !ft.packed<tokens, 2x64xbf16>, !ft.packed<tokens, 2x64xbf16>, !ft.sequences<tokens, sequences>) -> !ft.packed<tokens, 2x64xbf16>
      ft.yield %4 : !ft.packed<tokens, 2x64xbf16>
    } : (!ft.packed<tokens, 2x64xbf16>, !ft.packed<tokens, 2x64xbf16>, !ft.packed<tokens, 2x64xbf16>, !ft.sequences<tokens, sequences>) -> !ft.packed<tokens, 2x64xbf16>
    ft.return %a : !ft.packed<tokens, 2x64xbf16>
  }
}

// -----

// One launch may run the last three: x is read while the last result is stored.
// CHECK-LABEL: ft.entry @three
// CHECK: "x" attributes {slots = [#ft.slot<0 + [0] stride 64>]}
// CHECK: "a" attributes {slots = [#ft.slot<0 + [128] stride 64>]}
// CHECK: "b" attributes {joins, slots = [#ft.slot<0 + [256] stride 64>]}
// CHECK: "c" attributes {joins, slots = [#ft.slot<0 + [384] stride 64>]}
module attributes {ft.axes = ["tokens"], ft.dtype = bf16} {
  ft.entry @three(%y: !ft.packed<tokens, 64xbf16>) -> !ft.packed<tokens, 64xbf16> attributes {entry = "e", kind = #ft.step_kind<1, 0>} {
    %x = ft.fused row (%y) "x" {
    ^bb0(%p: !ft.packed<tokens, 64xbf16>):
      %0 = ft.relu %p : !ft.packed<tokens, 64xbf16>
      ft.yield %0 : !ft.packed<tokens, 64xbf16>
    } : (!ft.packed<tokens, 64xbf16>) -> !ft.packed<tokens, 64xbf16>
    %a = ft.fused row (%x) "a" {
    ^bb0(%p: !ft.packed<tokens, 64xbf16>):
      %0 = ft.relu %p : !ft.packed<tokens, 64xbf16>
      ft.yield %0 : !ft.packed<tokens, 64xbf16>
    } : (!ft.packed<tokens, 64xbf16>) -> !ft.packed<tokens, 64xbf16>
    %b = ft.fused row (%a) "b" attributes {joins} {
    ^bb0(%p: !ft.packed<tokens, 64xbf16>):
      %0 = ft.relu %p : !ft.packed<tokens, 64xbf16>
      ft.yield %0 : !ft.packed<tokens, 64xbf16>
    } : (!ft.packed<tokens, 64xbf16>) -> !ft.packed<tokens, 64xbf16>
    %c = ft.fused row (%b) "c" attributes {joins} {
    ^bb0(%p: !ft.packed<tokens, 64xbf16>):
      %0 = ft.relu %p : !ft.packed<tokens, 64xbf16>
      ft.yield %0 : !ft.packed<tokens, 64xbf16>
    } : (!ft.packed<tokens, 64xbf16>) -> !ft.packed<tokens, 64xbf16>
    ft.return %c : !ft.packed<tokens, 64xbf16>
  }
}
