// RUN: ft-opt %s --ft-partition=tp=2 --split-input-file | FileCheck %s

// A tied table is padded, split and resident once. Lookups give zeros for
// another rank's rows and are summed; argmax compares a pair a rank, without
// the padding; logits that are returned are gathered without it.
// CHECK:       ft.param @rank_x_8 : tensor<1xf32>
// CHECK:       ft.param @embed : tensor<8x4xf32> = <"slice"(<"pad"(<"tensor" {shape = array<i64: 11, 4>}>) {axis = 0 : i64, shape = array<i64: 16, 4>}>)
// CHECK-SAME:    starts = array<i64: 0, 8>
// CHECK-LABEL: ft.entry @tied
// CHECK:         %[[E:.*]] = ft.embedding %{{.*}}, @embed from @rank_x_8
// CHECK:         %[[X:.*]] = ft.all_reduce %[[E]] over "tp"
// CHECK:         %[[P:.*]] = ft.embedding %{{.*}}, @positions :
// CHECK:         ft.add %[[X]], %[[P]]
// CHECK:         %[[L:.*]] = ft.linear %{{.*}}, @embed : {{.*}} -> !ft.packed<rows, 8xf32>
// CHECK:         %[[CAP:.*]] = ft.tanh %[[L]]
// CHECK:         %[[G:.*]] = ft.all_gather %[[CAP]] over "tp" : (!ft.packed<rows, 8xf32>) -> !ft.packed<rows, 11xf32>
// CHECK:         %[[BEST:.*]] = ft.local_argmax %[[CAP]], @rank_x_8 limit 11
// CHECK:         %[[ALL:.*]] = ft.all_gather %[[BEST]] over "tp" : (!ft.packed<rows, 2xf32>) -> !ft.packed<rows, 4xf32>
// CHECK:         %[[N:.*]] = ft.merge_argmax %[[ALL]]
// CHECK:         ft.return %[[G]], %[[N]]

// Its twin for greedy decoding gathers no logits.
// CHECK-LABEL: ft.entry @tied_greedy
// CHECK-SAME:    -> (!ft.packed<rows, i32> {ft.name = "next_token"})
// CHECK:         ft.tanh
// CHECK-NEXT:    ft.local_argmax
// CHECK-NEXT:    ft.all_gather
// CHECK-NEXT:    %[[N:.*]] = ft.merge_argmax
// CHECK-NEXT:    ft.return %[[N]] : !ft.packed<rows, i32>
module attributes {ft.axes = ["tokens", "sequences", "rows"]} {
  ft.param @embed : tensor<11x4xf32> = #ft.recipe<"tensor" {shape = array<i64: 11, 4>}>
  ft.param @positions : tensor<16x4xf32> = #ft.recipe<"tensor" {shape = array<i64: 16, 4>}>
  ft.entry @tied(%ids: !ft.packed<tokens, i32> {ft.role = "tokens", ft.limit = 11 : i64},
                 %seq: !ft.sequences<tokens, sequences> {ft.role = "sequences"},
                 %rows: !ft.rows<rows, tokens> {ft.role = "rows"})
      -> (!ft.packed<rows, 11xf32> {ft.name = "logits"}, !ft.packed<rows, i32> {ft.name = "next_token"}) {
    %e = ft.embedding %ids, @embed : (!ft.packed<tokens, i32>) -> !ft.packed<tokens, 4xf32>
    %i = ft.positions %seq : (!ft.sequences<tokens, sequences>) -> !ft.packed<tokens, i32>
    %p = ft.embedding %i, @positions : (!ft.packed<tokens, i32>) -> !ft.packed<tokens, 4xf32>
    %x = ft.add %e, %p : (!ft.packed<tokens, 4xf32>, !ft.packed<tokens, 4xf32>) -> !ft.packed<tokens, 4xf32>
    %r = ft.rows %x, %rows : (!ft.packed<tokens, 4xf32>, !ft.rows<rows, tokens>) -> !ft.packed<rows, 4xf32>
    %l = ft.linear %r, @embed : (!ft.packed<rows, 4xf32>) -> !ft.packed<rows, 11xf32>
    %c = ft.tanh %l : !ft.packed<rows, 11xf32>
    %n = ft.argmax %c : (!ft.packed<rows, 11xf32>) -> !ft.packed<rows, i32>
    ft.return %c, %n : !ft.packed<rows, 11xf32>, !ft.packed<rows, i32>
  }
}

// -----

// Results that are no vocabulary, such as a pooler's, are small: their linears
// stay whole.
// CHECK-LABEL: ft.entry @pooler
// CHECK:         ft.all_reduce
// CHECK:         ft.linear %{{.*}}, @pool {{.*}} -> !ft.packed<sequences, 4xf32>
// CHECK-NOT:     ft.all_gather
module attributes {ft.axes = ["tokens", "sequences"]} {
  ft.param @embed : tensor<12x4xf32> = #ft.recipe<"tensor" {shape = array<i64: 12, 4>}>
  ft.param @up : tensor<8x4xf32> = #ft.recipe<"tensor" {shape = array<i64: 8, 4>}>
  ft.param @down : tensor<4x8xf32> = #ft.recipe<"tensor" {shape = array<i64: 4, 8>}>
  ft.param @pool : tensor<4x4xf32> = #ft.recipe<"tensor" {shape = array<i64: 4, 4>}>
  ft.entry @pooler(%ids: !ft.packed<tokens, i32> {ft.role = "segments", ft.limit = 12 : i64},
                   %seq: !ft.sequences<tokens, sequences> {ft.role = "sequences"})
      -> (!ft.packed<sequences, 4xf32> {ft.name = "pooler_output"}) {
    %e = ft.embedding %ids, @embed : (!ft.packed<tokens, i32>) -> !ft.packed<tokens, 4xf32>
    %h = ft.linear %e, @up : (!ft.packed<tokens, 4xf32>) -> !ft.packed<tokens, 8xf32>
    %y = ft.linear %h, @down : (!ft.packed<tokens, 8xf32>) -> !ft.packed<tokens, 4xf32>
    %s = ft.segment_reduce "first" %y at %seq : (!ft.packed<tokens, 4xf32>, !ft.sequences<tokens, sequences>) -> !ft.packed<sequences, 4xf32>
    %p = ft.linear %s, @pool : (!ft.packed<sequences, 4xf32>) -> !ft.packed<sequences, 4xf32>
    %t = ft.tanh %p : !ft.packed<sequences, 4xf32>
    ft.return %t : !ft.packed<sequences, 4xf32>
  }
}

// -----

// The largest of each part is no pair a rank: its linear stays whole.
// CHECK-LABEL: ft.entry @parts
// CHECK:         ft.all_reduce
// CHECK:         %[[L:.*]] = ft.linear %{{.*}}, @codes : {{.*}} -> !ft.packed<tokens, 4x8xf32>
// CHECK-NEXT:    %[[N:.*]] = ft.argmax %[[L]] : {{.*}} -> !ft.packed<tokens, 4xi32>
// CHECK-NEXT:    ft.return %[[N]]
module attributes {ft.axes = ["tokens", "sequences"]} {
  ft.param @embed : tensor<12x4xf32> = #ft.recipe<"tensor" {shape = array<i64: 12, 4>}>
  ft.param @up : tensor<8x4xf32> = #ft.recipe<"tensor" {shape = array<i64: 8, 4>}>
  ft.param @down : tensor<4x8xf32> = #ft.recipe<"tensor" {shape = array<i64: 4, 8>}>
  ft.param @codes : tensor<32x4xf32> = #ft.recipe<"tensor" {shape = array<i64: 32, 4>}>
  ft.entry @parts(%ids: !ft.packed<tokens, i32> {ft.role = "tokens", ft.limit = 12 : i64}) -> !ft.packed<tokens, 4xi32> {
    %e = ft.embedding %ids, @embed : (!ft.packed<tokens, i32>) -> !ft.packed<tokens, 4xf32>
    %u = ft.linear %e, @up : (!ft.packed<tokens, 4xf32>) -> !ft.packed<tokens, 8xf32>
    %d = ft.linear %u, @down : (!ft.packed<tokens, 8xf32>) -> !ft.packed<tokens, 4xf32>
    %l = ft.linear %d, @codes : (!ft.packed<tokens, 4xf32>) -> !ft.packed<tokens, 4x8xf32>
    %n = ft.argmax %l : (!ft.packed<tokens, 4x8xf32>) -> !ft.packed<tokens, 4xi32>
    ft.return %n : !ft.packed<tokens, 4xi32>
  }
}

// -----

// Every rank draws from the whole row; the twin takes the largest of it.
// CHECK-LABEL: ft.entry @drawn
// CHECK:         %[[L:.*]] = ft.linear %{{.*}}, @embed
// CHECK:         %[[G:.*]] = ft.all_gather %[[L]] over "tp" : (!ft.packed<rows, 8xf32>) -> !ft.packed<rows, 11xf32>
// CHECK:         %[[N:.*]] = ft.sample %[[G]] at
// CHECK:         ft.return %[[G]], %[[N]]
// CHECK-LABEL: ft.entry @drawn_greedy
// CHECK-SAME:    -> (!ft.packed<rows, i32> {ft.name = "next_token"})
// CHECK:         ft.local_argmax
// CHECK-NEXT:    ft.all_gather
// CHECK-NEXT:    %[[N:.*]] = ft.merge_argmax
// CHECK-NEXT:    ft.return %[[N]] : !ft.packed<rows, i32>
// CHECK-NOT:   ft.entry
module attributes {ft.axes = ["tokens", "sequences", "rows"]} {
  ft.param @embed : tensor<11x4xf32> = #ft.recipe<"tensor" {shape = array<i64: 11, 4>}>
  ft.entry @drawn(%ids: !ft.packed<tokens, i32> {ft.role = "tokens", ft.limit = 11 : i64},
                  %seq: !ft.sequences<tokens, sequences> {ft.role = "sequences"},
                  %rows: !ft.rows<rows, tokens> {ft.role = "rows"})
      -> (!ft.packed<rows, 11xf32> {ft.name = "logits"}, !ft.packed<rows, i32> {ft.name = "next_token"}) {
    %e = ft.embedding %ids, @embed : (!ft.packed<tokens, i32>) -> !ft.packed<tokens, 4xf32>
    %r = ft.rows %e, %rows : (!ft.packed<tokens, 4xf32>, !ft.rows<rows, tokens>) -> !ft.packed<rows, 4xf32>
    %l = ft.linear %r, @embed : (!ft.packed<rows, 4xf32>) -> !ft.packed<rows, 11xf32>
    %n = ft.sample %l at %seq, %rows : (!ft.packed<rows, 11xf32>, !ft.sequences<tokens, sequences>, !ft.rows<rows, tokens>) -> !ft.packed<rows, i32>
    ft.return %l, %n : !ft.packed<rows, 11xf32>, !ft.packed<rows, i32>
  }
}
