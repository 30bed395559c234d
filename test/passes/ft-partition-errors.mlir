// RUN: ft-opt %s --split-input-file --verify-diagnostics --ft-partition=tp=3

module attributes {ft.axes = ["tokens", "sequences"]} {
  ft.param @q : tensor<8x4xf32> = #ft.recipe<"tensor" {shape = array<i64: 8, 4>}>
  ft.param @k : tensor<4x4xf32> = #ft.recipe<"tensor" {shape = array<i64: 4, 4>}>
  ft.param @v : tensor<4x4xf32> = #ft.recipe<"tensor" {shape = array<i64: 4, 4>}>
  ft.param @o : tensor<4x8xf32> = #ft.recipe<"tensor" {shape = array<i64: 4, 8>}>
  ft.cache @kv layers 1 page 16 [#ft.plane<"k", 2x2xf32>, #ft.plane<"v", 2x2xf32>]
  ft.entry @heads(%x: !ft.packed<tokens, 4xf32> {ft.role = "data"}, %seq: !ft.sequences<tokens, sequences> {ft.role = "sequences"})
      -> (!ft.packed<tokens, 4xf32> {ft.name = "y"}) attributes {causal} {
    %q = ft.linear %x, @q : (!ft.packed<tokens, 4xf32>) -> !ft.packed<tokens, 4x2xf32>
    %k = ft.linear %x, @k : (!ft.packed<tokens, 4xf32>) -> !ft.packed<tokens, 2x2xf32>
    %v = ft.linear %x, @v : (!ft.packed<tokens, 4xf32>) -> !ft.packed<tokens, 2x2xf32>
    ft.cache_append %k, %v to @kv layer 0 at %seq : (!ft.packed<tokens, 2x2xf32>, !ft.packed<tokens, 2x2xf32>, !ft.sequences<tokens, sequences>) -> ()
    // expected-error @+1 {{its axis of query heads, 4, does not divide over tp 3; tp 1, 2 or 4 would do}}
    %a = ft.attention %q at %seq cache @kv layer 0 {causal, scale = 1.0 : f64} : (!ft.packed<tokens, 4x2xf32>, !ft.sequences<tokens, sequences>) -> !ft.packed<tokens, 4x2xf32>
    %y = ft.linear %a, @o : (!ft.packed<tokens, 4x2xf32>) -> !ft.packed<tokens, 4xf32>
    ft.return %y : !ft.packed<tokens, 4xf32>
  }
}

// -----

// 1 / 0 times a zero weight is no zero.
module attributes {ft.axes = ["tokens"]} {
  ft.param @up : tensor<8x4xf32> = #ft.recipe<"tensor" {shape = array<i64: 8, 4>}>
  ft.param @down : tensor<4x8xf32> = #ft.recipe<"tensor" {shape = array<i64: 4, 8>}>
  ft.entry @not_finite(%x: !ft.packed<tokens, 4xf32> {ft.role = "data"})
      -> (!ft.packed<tokens, 4xf32> {ft.name = "y"}) {
    // expected-error @+1 {{its axis of features, 8, does not divide over tp 3, and zeros after it would not stay finite; tp 1, 2, 4 or 8 would do}}
    %h = ft.linear %x, @up : (!ft.packed<tokens, 4xf32>) -> !ft.packed<tokens, 8xf32>
    %a = ft.reciprocal %h : !ft.packed<tokens, 8xf32>
    %y = ft.linear %a, @down : (!ft.packed<tokens, 8xf32>) -> !ft.packed<tokens, 4xf32>
    ft.return %y : !ft.packed<tokens, 4xf32>
  }
}

// -----

// expected-error @+1 {{no axis of this program can be split over tp 3; tp 1 would do}}
module attributes {ft.axes = ["tokens"]} {
  ft.param @up : tensor<9x4xf32> = #ft.recipe<"tensor" {shape = array<i64: 9, 4>}>
  ft.entry @nothing(%x: !ft.packed<tokens, 4xf32> {ft.role = "data"})
      -> (!ft.packed<tokens, 9xf32> {ft.name = "y"}) {
    %y = ft.linear %x, @up : (!ft.packed<tokens, 4xf32>) -> !ft.packed<tokens, 9xf32>
    ft.return %y : !ft.packed<tokens, 9xf32>
  }
}

// -----

// The result of one attention is the query of the next through one linear.
module attributes {ft.axes = ["tokens", "sequences"]} {
  ft.param @q : tensor<6x6xf32> = #ft.recipe<"tensor" {shape = array<i64: 6, 6>}>
  ft.entry @back_to_back(%x: !ft.packed<tokens, 6xf32> {ft.role = "data"}, %seq: !ft.sequences<tokens, sequences> {ft.role = "sequences"})
      -> (!ft.packed<tokens, 6xf32> {ft.name = "y"}) {
    %q = ft.linear %x, @q : (!ft.packed<tokens, 6xf32>) -> !ft.packed<tokens, 6x1xf32>
    %a = ft.attention %q, %q, %q at %seq {scale = 1.0 : f64} : (!ft.packed<tokens, 6x1xf32>, !ft.packed<tokens, 6x1xf32>, !ft.packed<tokens, 6x1xf32>, !ft.sequences<tokens, sequences>) -> !ft.packed<tokens, 6x1xf32>
    %p = ft.linear %a, @q : (!ft.packed<tokens, 6x1xf32>) -> !ft.packed<tokens, 6x1xf32>
    // expected-error @+1 {{its axis of query heads, 6, is made from another split axis by one linear; tp 1 would do}}
    %b = ft.attention %p, %p, %p at %seq {scale = 1.0 : f64} : (!ft.packed<tokens, 6x1xf32>, !ft.packed<tokens, 6x1xf32>, !ft.packed<tokens, 6x1xf32>, !ft.sequences<tokens, sequences>) -> !ft.packed<tokens, 6x1xf32>
    %y = ft.linear %b, @q : (!ft.packed<tokens, 6x1xf32>) -> !ft.packed<tokens, 6xf32>
    ft.return %y : !ft.packed<tokens, 6xf32>
  }
}
