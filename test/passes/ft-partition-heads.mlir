// RUN: ft-opt %s --ft-partition=tp=2 --split-input-file | FileCheck %s

// Query heads are divided, and with them the rows of their weight, the columns
// of the weight after attention, kv heads and the cache. A norm of each head is
// no norm over heads: its weight stays whole.
// CHECK:       ft.param @q : tensor<4x4xf32> = <"slice"(
// CHECK-SAME:    starts = array<i64: 0, 4>
// CHECK:       ft.param @k : tensor<2x4xf32> = <"slice"(
// CHECK-SAME:    starts = array<i64: 0, 2>
// CHECK:       ft.param @o : tensor<4x4xf32> = <"slice"(
// CHECK-SAME:    axis = 1 : i64, shape = array<i64: 4, 4>, starts = array<i64: 0, 4>
// CHECK:       ft.param @norm : tensor<2xf32> = <"tensor"
// CHECK:       ft.cache @kv layers 1 page 16 [#ft.plane<"k", 1x2xf32>, #ft.plane<"v", 1x2xf32>]
// CHECK-LABEL: ft.entry @grouped
// CHECK:         ft.rms_norm %{{.*}}, @norm {{.*}} : <tokens, 2x2xf32>
// CHECK:         ft.attention {{.*}} -> !ft.packed<tokens, 2x2xf32>
// CHECK:         ft.all_reduce
module attributes {ft.axes = ["tokens", "sequences"]} {
  ft.param @q : tensor<8x4xf32> = #ft.recipe<"tensor" {shape = array<i64: 8, 4>}>
  ft.param @k : tensor<4x4xf32> = #ft.recipe<"tensor" {shape = array<i64: 4, 4>}>
  ft.param @v : tensor<4x4xf32> = #ft.recipe<"tensor" {shape = array<i64: 4, 4>}>
  ft.param @o : tensor<4x8xf32> = #ft.recipe<"tensor" {shape = array<i64: 4, 8>}>
  ft.param @norm : tensor<2xf32> = #ft.recipe<"tensor" {shape = array<i64: 2>}>
  ft.cache @kv layers 1 page 16 [#ft.plane<"k", 2x2xf32>, #ft.plane<"v", 2x2xf32>]
  ft.entry @grouped(%x: !ft.packed<tokens, 4xf32> {ft.role = "data"}, %seq: !ft.sequences<tokens, sequences> {ft.role = "sequences"})
      -> (!ft.packed<tokens, 4xf32> {ft.name = "y"}) attributes {causal} {
    %q = ft.linear %x, @q : (!ft.packed<tokens, 4xf32>) -> !ft.packed<tokens, 4x2xf32>
    %k = ft.linear %x, @k : (!ft.packed<tokens, 4xf32>) -> !ft.packed<tokens, 2x2xf32>
    %v = ft.linear %x, @v : (!ft.packed<tokens, 4xf32>) -> !ft.packed<tokens, 2x2xf32>
    %n = ft.rms_norm %q, @norm {eps = 1.0e-5 : f64} : !ft.packed<tokens, 4x2xf32>
    ft.cache_append %k, %v to @kv layer 0 at %seq : (!ft.packed<tokens, 2x2xf32>, !ft.packed<tokens, 2x2xf32>, !ft.sequences<tokens, sequences>) -> ()
    %a = ft.attention %n at %seq cache @kv layer 0 {causal, scale = 1.0 : f64} : (!ft.packed<tokens, 4x2xf32>, !ft.sequences<tokens, sequences>) -> !ft.packed<tokens, 4x2xf32>
    %y = ft.linear %a, @o : (!ft.packed<tokens, 4x2xf32>) -> !ft.packed<tokens, 4xf32>
    ft.return %y : !ft.packed<tokens, 4xf32>
  }
}

// -----

// One kv head: every rank holds it, and its weights are no slices.
// CHECK:       ft.param @k : tensor<2x4xf32> = <"tensor"
// CHECK:       ft.cache @kv layers 1 page 16 [#ft.plane<"k", 1x2xf32>, #ft.plane<"v", 1x2xf32>]
// CHECK-LABEL: ft.entry @one_kv_head
// CHECK:         ft.attention {{.*}} -> !ft.packed<tokens, 2x2xf32>
module attributes {ft.axes = ["tokens", "sequences"]} {
  ft.param @q : tensor<8x4xf32> = #ft.recipe<"tensor" {shape = array<i64: 8, 4>}>
  ft.param @k : tensor<2x4xf32> = #ft.recipe<"tensor" {shape = array<i64: 2, 4>}>
  ft.param @v : tensor<2x4xf32> = #ft.recipe<"tensor" {shape = array<i64: 2, 4>}>
  ft.param @o : tensor<4x8xf32> = #ft.recipe<"tensor" {shape = array<i64: 4, 8>}>
  ft.cache @kv layers 1 page 16 [#ft.plane<"k", 1x2xf32>, #ft.plane<"v", 1x2xf32>]
  ft.entry @one_kv_head(%x: !ft.packed<tokens, 4xf32> {ft.role = "data"}, %seq: !ft.sequences<tokens, sequences> {ft.role = "sequences"})
      -> (!ft.packed<tokens, 4xf32> {ft.name = "y"}) attributes {causal} {
    %q = ft.linear %x, @q : (!ft.packed<tokens, 4xf32>) -> !ft.packed<tokens, 4x2xf32>
    %k = ft.linear %x, @k : (!ft.packed<tokens, 4xf32>) -> !ft.packed<tokens, 1x2xf32>
    %v = ft.linear %x, @v : (!ft.packed<tokens, 4xf32>) -> !ft.packed<tokens, 1x2xf32>
    ft.cache_append %k, %v to @kv layer 0 at %seq : (!ft.packed<tokens, 1x2xf32>, !ft.packed<tokens, 1x2xf32>, !ft.sequences<tokens, sequences>) -> ()
    %a = ft.attention %q at %seq cache @kv layer 0 {causal, scale = 1.0 : f64} : (!ft.packed<tokens, 4x2xf32>, !ft.sequences<tokens, sequences>) -> !ft.packed<tokens, 4x2xf32>
    %y = ft.linear %a, @o : (!ft.packed<tokens, 4x2xf32>) -> !ft.packed<tokens, 4xf32>
    ft.return %y : !ft.packed<tokens, 4xf32>
  }
}

// -----

// 6 query heads over 3 kv heads: rank 0 has queries of kv heads 0, 0, 1, rank 1
// of 1, 2, 2. A group of 2 and a part of 3 share no group, so each query head
// gets a kv head of its own, three a rank, some of them twice.
// CHECK:       ft.param @k : tensor<6x4xf32> = <"concat"(
// CHECK-SAME:    shape = array<i64: 2, 4>, starts = array<i64: 0, 2>
// CHECK-SAME:    shape = array<i64: 2, 4>, starts = array<i64: 0, 4>
// CHECK-SAME:    shape = array<i64: 2, 4>, starts = array<i64: 2, 4>
// CHECK-SAME:    shape = array<i64: 6, 4>
// CHECK-LABEL: ft.entry @uneven
// CHECK:         ft.attention {{.*}} : (!ft.packed<tokens, 3x2xf32>, !ft.packed<tokens, 3x2xf32>, !ft.packed<tokens, 3x2xf32>,
module attributes {ft.axes = ["tokens", "sequences"]} {
  ft.param @q : tensor<12x4xf32> = #ft.recipe<"tensor" {shape = array<i64: 12, 4>}>
  ft.param @k : tensor<6x4xf32> = #ft.recipe<"tensor" {shape = array<i64: 6, 4>}>
  ft.param @v : tensor<6x4xf32> = #ft.recipe<"tensor" {shape = array<i64: 6, 4>}>
  ft.param @o : tensor<4x12xf32> = #ft.recipe<"tensor" {shape = array<i64: 4, 12>}>
  ft.entry @uneven(%x: !ft.packed<tokens, 4xf32> {ft.role = "data"}, %seq: !ft.sequences<tokens, sequences> {ft.role = "sequences"})
      -> (!ft.packed<tokens, 4xf32> {ft.name = "y"}) attributes {causal} {
    %q = ft.linear %x, @q : (!ft.packed<tokens, 4xf32>) -> !ft.packed<tokens, 6x2xf32>
    %k = ft.linear %x, @k : (!ft.packed<tokens, 4xf32>) -> !ft.packed<tokens, 3x2xf32>
    %v = ft.linear %x, @v : (!ft.packed<tokens, 4xf32>) -> !ft.packed<tokens, 3x2xf32>
    %a = ft.attention %q, %k, %v at %seq {scale = 1.0 : f64} : (!ft.packed<tokens, 6x2xf32>, !ft.packed<tokens, 3x2xf32>, !ft.packed<tokens, 3x2xf32>, !ft.sequences<tokens, sequences>) -> !ft.packed<tokens, 6x2xf32>
    %y = ft.linear %a, @o : (!ft.packed<tokens, 6x2xf32>) -> !ft.packed<tokens, 4xf32>
    ft.return %y : !ft.packed<tokens, 4xf32>
  }
}

// -----

// 12 query heads over 3 kv heads: groups of 4 and parts of 6 share groups of 2;
// the blocks 0, 0, 1 and 1, 2, 2 are three heads a rank for six queries.
// CHECK:       ft.param @k : tensor<6x4xf32> = <"concat"(
// CHECK-SAME:    starts = array<i64: 0, 2>
// CHECK-SAME:    starts = array<i64: 0, 4>
// CHECK-SAME:    starts = array<i64: 2, 4>
// CHECK:       ft.cache @kv layers 1 page 16 [#ft.plane<"k", 3x2xf32>, #ft.plane<"v", 3x2xf32>]
// CHECK-LABEL: ft.entry @three_kv_heads
// CHECK:         ft.attention {{.*}} -> !ft.packed<tokens, 6x2xf32>
module attributes {ft.axes = ["tokens", "sequences"]} {
  ft.param @q : tensor<24x4xf32> = #ft.recipe<"tensor" {shape = array<i64: 24, 4>}>
  ft.param @k : tensor<6x4xf32> = #ft.recipe<"tensor" {shape = array<i64: 6, 4>}>
  ft.param @v : tensor<6x4xf32> = #ft.recipe<"tensor" {shape = array<i64: 6, 4>}>
  ft.param @o : tensor<4x24xf32> = #ft.recipe<"tensor" {shape = array<i64: 4, 24>}>
  ft.cache @kv layers 1 page 16 [#ft.plane<"k", 3x2xf32>, #ft.plane<"v", 3x2xf32>]
  ft.entry @three_kv_heads(%x: !ft.packed<tokens, 4xf32> {ft.role = "data"}, %seq: !ft.sequences<tokens, sequences> {ft.role = "sequences"})
      -> (!ft.packed<tokens, 4xf32> {ft.name = "y"}) attributes {causal} {
    %q = ft.linear %x, @q : (!ft.packed<tokens, 4xf32>) -> !ft.packed<tokens, 12x2xf32>
    %k = ft.linear %x, @k : (!ft.packed<tokens, 4xf32>) -> !ft.packed<tokens, 3x2xf32>
    %v = ft.linear %x, @v : (!ft.packed<tokens, 4xf32>) -> !ft.packed<tokens, 3x2xf32>
    ft.cache_append %k, %v to @kv layer 0 at %seq : (!ft.packed<tokens, 3x2xf32>, !ft.packed<tokens, 3x2xf32>, !ft.sequences<tokens, sequences>) -> ()
    %a = ft.attention %q at %seq cache @kv layer 0 {causal, scale = 1.0 : f64} : (!ft.packed<tokens, 12x2xf32>, !ft.sequences<tokens, sequences>) -> !ft.packed<tokens, 12x2xf32>
    %y = ft.linear %a, @o : (!ft.packed<tokens, 12x2xf32>) -> !ft.packed<tokens, 4xf32>
    ft.return %y : !ft.packed<tokens, 4xf32>
  }
}

// -----

// Tables that a score region indexes by the head are split with the heads, in
// whichever extent; arithmetic on the head sees its number among all heads.
// CHECK:       ft.param @rank_x_2 : tensor<1xf32> = <"slice"(<"generator" {name = "iota", numbers = {step = 2.000000e+00 : f64}, shape = array<i64: 2>}>)
// CHECK:       ft.param @slopes : tensor<2xf32> = <"slice"(<"generator"
// CHECK-SAME:    axis = 0 : i64, shape = array<i64: 2>, starts = array<i64: 0, 2>
// CHECK:       ft.param @bias : tensor<8x2xf32> = <"slice"(
// CHECK-SAME:    axis = 1 : i64, shape = array<i64: 8, 2>, starts = array<i64: 0, 2>
// CHECK-LABEL: ft.entry @score
// CHECK:         ^bb0(%{{.*}}: f32, %[[H:.*]]: f32, %{{.*}}: f32, %{{.*}}: f32):
// CHECK:           %[[ZERO:.*]] = ft.score.const 0.0
// CHECK:           %[[FIRST:.*]] = ft.score.table @rank_x_2[%[[ZERO]]]
// CHECK:           %[[ALL:.*]] = ft.score.op "add" %[[H]], %[[FIRST]]
// CHECK:           %[[SLOPE:.*]] = ft.score.table @slopes[%[[H]]]
// CHECK:           ft.score.table @bias[%{{.*}}, %[[H]]]
// CHECK:           ft.score.op "mul" %[[SLOPE]], %[[ALL]]
module attributes {ft.axes = ["tokens", "sequences"]} {
  ft.param @q : tensor<8x4xf32> = #ft.recipe<"tensor" {shape = array<i64: 8, 4>}>
  ft.param @k : tensor<8x4xf32> = #ft.recipe<"tensor" {shape = array<i64: 8, 4>}>
  ft.param @v : tensor<8x4xf32> = #ft.recipe<"tensor" {shape = array<i64: 8, 4>}>
  ft.param @o : tensor<4x8xf32> = #ft.recipe<"tensor" {shape = array<i64: 4, 8>}>
  ft.param @slopes : tensor<4xf32> = #ft.recipe<"generator" {name = "alibi", shape = array<i64: 4>}>
  ft.param @bias : tensor<8x4xf32> = #ft.recipe<"tensor" {shape = array<i64: 8, 4>}>
  ft.cache @kv layers 1 page 16 [#ft.plane<"k", 4x2xf32>, #ft.plane<"v", 4x2xf32>]
  ft.entry @score(%x: !ft.packed<tokens, 4xf32> {ft.role = "data"}, %seq: !ft.sequences<tokens, sequences> {ft.role = "sequences"})
      -> (!ft.packed<tokens, 4xf32> {ft.name = "y"}) attributes {causal} {
    %q = ft.linear %x, @q : (!ft.packed<tokens, 4xf32>) -> !ft.packed<tokens, 4x2xf32>
    %k = ft.linear %x, @k : (!ft.packed<tokens, 4xf32>) -> !ft.packed<tokens, 4x2xf32>
    %v = ft.linear %x, @v : (!ft.packed<tokens, 4xf32>) -> !ft.packed<tokens, 4x2xf32>
    ft.cache_append %k, %v to @kv layer 0 at %seq : (!ft.packed<tokens, 4x2xf32>, !ft.packed<tokens, 4x2xf32>, !ft.sequences<tokens, sequences>) -> ()
    %a = ft.attention %q at %seq cache @kv layer 0 {causal, scale = 1.0 : f64} : (!ft.packed<tokens, 4x2xf32>, !ft.sequences<tokens, sequences>) -> !ft.packed<tokens, 4x2xf32> score {
    ^bb0(%s: f32, %h: f32, %qp: f32, %kp: f32):
      %slope = ft.score.table @slopes[%h]
      %d = ft.score.op "sub" %kp, %qp
      %b = ft.score.table @bias[%d, %h]
      %m = ft.score.op "mul" %slope, %h
      %t = ft.score.op "add" %m, %b
      %r = ft.score.op "add" %s, %t
      ft.yield %r : f32
    }
    %y = ft.linear %a, @o : (!ft.packed<tokens, 4x2xf32>) -> !ft.packed<tokens, 4xf32>
    ft.return %y : !ft.packed<tokens, 4xf32>
  }
}

// -----

// Two attentions of one cache: which kv heads a rank reads does not depend on the
// number of query heads.
// CHECK:       ft.cache @kv layers 2 page 16 [#ft.plane<"k", 1x1xf32>, #ft.plane<"v", 1x1xf32>]
// CHECK-LABEL: ft.entry @shared
// CHECK:         ft.attention {{.*}} -> !ft.packed<tokens, 6x1xf32>
// CHECK:         ft.attention {{.*}} -> !ft.packed<tokens, 3x1xf32>
module attributes {ft.axes = ["tokens", "sequences"]} {
  ft.param @q : tensor<12x4xf32> = #ft.recipe<"tensor" {shape = array<i64: 12, 4>}>
  ft.param @p : tensor<6x4xf32> = #ft.recipe<"tensor" {shape = array<i64: 6, 4>}>
  ft.cache @kv layers 2 page 16 [#ft.plane<"k", 2x1xf32>, #ft.plane<"v", 2x1xf32>]
  ft.entry @shared(%x: !ft.packed<tokens, 4xf32> {ft.role = "data"}, %seq: !ft.sequences<tokens, sequences> {ft.role = "sequences"})
      -> (!ft.packed<tokens, 4xf32> {ft.name = "y"}) attributes {causal} {
    %q = ft.linear %x, @q : (!ft.packed<tokens, 4xf32>) -> !ft.packed<tokens, 12x1xf32>
    %a = ft.attention %q at %seq cache @kv layer 0 {causal, scale = 1.0 : f64} : (!ft.packed<tokens, 12x1xf32>, !ft.sequences<tokens, sequences>) -> !ft.packed<tokens, 12x1xf32>
    %p = ft.linear %x, @p : (!ft.packed<tokens, 4xf32>) -> !ft.packed<tokens, 6x1xf32>
    %b = ft.attention %p at %seq cache @kv layer 1 {causal, scale = 1.0 : f64} : (!ft.packed<tokens, 6x1xf32>, !ft.sequences<tokens, sequences>) -> !ft.packed<tokens, 6x1xf32>
    ft.return %x : !ft.packed<tokens, 4xf32>
  }
}
