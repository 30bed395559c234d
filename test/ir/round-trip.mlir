// Printing and parsing twice gives the same text, for every op and attribute.
// RUN: ft-opt %s -o %t.1 && ft-opt %t.1 -o %t.2 && diff %t.1 %t.2
// RUN: ft-opt %s --emit-bytecode -o %t.bc && ft-opt %t.bc | diff - %t.1
// RUN: ft-opt %s | FileCheck %s

// CHECK: module attributes {ft.axes = ["tokens", "sequences", "rows"]}
module attributes {ft.axes = ["tokens", "sequences", "rows"]} {
  // CHECK-NEXT: ft.param @w : tensor<8x8xf32> = <"concat"(<"tensor" {file = "m.safetensors", shape = array<i64: 4, 8>, stored = bf16, tensor = "a"}>, <"generator" {name = "iota", shape = array<i64: 4, 8>}>) {axis = 0 : i64, shape = array<i64: 8, 8>}>
  ft.param @w : tensor<8x8xf32> = #ft.recipe<"concat"(<"tensor" {file = "m.safetensors", tensor = "a", stored = bf16, shape = array<i64: 4, 8>}>, <"generator" {name = "iota", shape = array<i64: 4, 8>}>) {axis = 0 : i64, shape = array<i64: 8, 8>}>
  // CHECK-NEXT: ft.param @v : tensor<4x8xf32> view_of @w row 4
  ft.param @v : tensor<4x8xf32> view_of @w row 4
  ft.param @b : tensor<8xf32> = #ft.recipe<"literal" {shape = array<i64: 8>, data = dense<0.5> : tensor<8xf32>}>
  ft.param @t : tensor<9x4xf32> = #ft.recipe<"generator" {name = "rope", shape = array<i64: 9, 4>}>
  // CHECK: ft.cache @kv layers 2 page 64 [#ft.plane<"k", 2x4xf32>, #ft.plane<"v", 2x4xf32>]
  ft.cache @kv layers 2 page 64 [#ft.plane<"k", 2x4xf32>, #ft.plane<"v", 2x4xf32>]
  // CHECK: ft.entry @all(%{{.*}}: !ft.packed<tokens, i32> {ft.limit = 8 : i64, ft.name = "ids", ft.role = "tokens"}
  // CHECK-SAME: -> (!ft.packed<rows, i32> {ft.name = "next"}) attributes {causal}
  ft.entry @all(%ids: !ft.packed<tokens, i32> {ft.name = "ids", ft.role = "tokens", ft.limit = 8 : i64},
                %s: !ft.sequences<tokens, sequences> {ft.role = "sequences"},
                %r: !ft.rows<rows, tokens> {ft.role = "rows"})
      -> (!ft.packed<rows, i32> {ft.name = "next"}) attributes {causal} {
    %e = ft.embedding %ids, @w : (!ft.packed<tokens, i32>) -> !ft.packed<tokens, 8xf32>
    // CHECK: ft.positions %{{.*}} {most = 3 : i64} :
    %cut = ft.positions %s {most = 3 : i64} : (!ft.sequences<tokens, sequences>) -> !ft.packed<tokens, i32>
    // CHECK: ft.positions %{{.*}} {offset = 2 : i64} : (!ft.sequences<tokens, sequences>) -> !ft.packed<tokens, i32>
    %p = ft.positions %s {offset = 2 : i64} : (!ft.sequences<tokens, sequences>) -> !ft.packed<tokens, i32>
    %pe = ft.embedding %p, @t : (!ft.packed<tokens, i32>) -> !ft.packed<tokens, 4xf32>
    // CHECK: ft.broadcast @b : <tokens, 8xf32>
    %bb = ft.broadcast @b : !ft.packed<tokens, 8xf32>
    %x = ft.add %e, %bb : (!ft.packed<tokens, 8xf32>, !ft.packed<tokens, 8xf32>) -> !ft.packed<tokens, 8xf32>
    // CHECK: ft.layer_norm %{{.*}}, @b bias @b {eps = 1.000000e-05 : f64}
    %n = ft.layer_norm %x, @b bias @b {eps = 1.0e-5 : f64} : !ft.packed<tokens, 8xf32>
    // CHECK: ft.linear %{{.*}}, @w bias @b : (!ft.packed<tokens, 8xf32>) -> !ft.packed<tokens, 2x4xf32>
    %q = ft.linear %n, @w bias @b : (!ft.packed<tokens, 8xf32>) -> !ft.packed<tokens, 2x4xf32>
    // CHECK: ft.rope %{{.*}}, @t at %{{.*}} interleaved
    %qr = ft.rope %q, @t at %s interleaved : (!ft.packed<tokens, 2x4xf32>, !ft.sequences<tokens, sequences>) -> !ft.packed<tokens, 2x4xf32>
    ft.cache_append %qr, %q to @kv layer 1 at %s : (!ft.packed<tokens, 2x4xf32>, !ft.packed<tokens, 2x4xf32>, !ft.sequences<tokens, sequences>) -> ()
    // CHECK: ft.attention %{{.*}} at %{{.*}} cache @kv layer 1 {causal, scale = 5.000000e-01 : f64, window = 3 : i64}
    // CHECK-SAME: score {
    // CHECK: ft.score.op "add"
    %a = ft.attention %qr at %s cache @kv layer 1 {causal, window = 3 : i64, scale = 0.5 : f64} : (!ft.packed<tokens, 2x4xf32>, !ft.sequences<tokens, sequences>) -> !ft.packed<tokens, 2x4xf32> score {
    ^bb0(%score: f32, %head: f32, %qp: f32, %kp: f32):
      %c = ft.score.const 2.0
      %t = ft.score.table @t[%head, %kp]
      %m = ft.score.op "mul" %c, %t
      %y = ft.score.op "add" %score, %m
      ft.yield %y : f32
    }
    // CHECK: ft.gelu %{{.*}} tanh : <tokens, 2x4xf32>
    %g = ft.gelu %a tanh : !ft.packed<tokens, 2x4xf32>
    // CHECK: ft.scale %{{.*}} by 3.000000e+00
    %sc = ft.scale %g by 3.0 : !ft.packed<tokens, 2x4xf32>
    %sum = ft.reduce_sum %sc : (!ft.packed<tokens, 2x4xf32>) -> !ft.packed<tokens, 2x1xf32>
    %d = ft.div %sc, %sum : (!ft.packed<tokens, 2x4xf32>, !ft.packed<tokens, 2x1xf32>) -> !ft.packed<tokens, 2x4xf32>
    %o = ft.linear %d, @w : (!ft.packed<tokens, 2x4xf32>) -> !ft.packed<tokens, 8xf32>
    %no = ft.normalize %o {eps = 1.0e-12 : f64} : !ft.packed<tokens, 8xf32>
    // CHECK: ft.segment_reduce "mean" %{{.*}} at %{{.*}} : (!ft.packed<tokens, 8xf32>, !ft.sequences<tokens, sequences>) -> !ft.packed<sequences, 8xf32>
    %pool = ft.segment_reduce "mean" %no at %s : (!ft.packed<tokens, 8xf32>, !ft.sequences<tokens, sequences>) -> !ft.packed<sequences, 8xf32>
    // CHECK: ft.segment_reduce "first" %{{.*}} at %{{.*}} {index = 1 : i64} :
    %second = ft.segment_reduce "first" %no at %s {index = 1 : i64} : (!ft.packed<tokens, 8xf32>, !ft.sequences<tokens, sequences>) -> !ft.packed<sequences, 8xf32>
    // CHECK: ft.rows %{{.*}}, %{{.*}} : (!ft.packed<tokens, 8xf32>, !ft.rows<rows, tokens>) -> !ft.packed<rows, 8xf32>
    %w = ft.rows %no, %r : (!ft.packed<tokens, 8xf32>, !ft.rows<rows, tokens>) -> !ft.packed<rows, 8xf32>
    // CHECK: ft.fused argmax (%{{.*}}) "next" attributes {slots = [#ft.slot<4 + [16, 0, 32] stride 1>]} {
    %next = ft.fused argmax (%w) "next" attributes {slots = [#ft.slot<4 + [16, 0, 32] stride 1>]} {
    ^bb0(%in: !ft.packed<rows, 8xf32>):
      %i = ft.argmax %in : (!ft.packed<rows, 8xf32>) -> !ft.packed<rows, i32>
      ft.yield %i : !ft.packed<rows, i32>
    } : (!ft.packed<rows, 8xf32>) -> !ft.packed<rows, i32>
    // CHECK: ft.fused sample (%{{.*}}, %{{.*}}, %{{.*}}) "token" {
    %token = ft.fused sample (%w, %s, %r) "token" {
    ^bb0(%in: !ft.packed<rows, 8xf32>, %at: !ft.sequences<tokens, sequences>, %of: !ft.rows<rows, tokens>):
      // CHECK: ft.sample %{{.*}} at %{{.*}}, %{{.*}} : (!ft.packed<rows, 8xf32>, !ft.sequences<tokens, sequences>, !ft.rows<rows, tokens>) -> !ft.packed<rows, i32>
      %i = ft.sample %in at %at, %of : (!ft.packed<rows, 8xf32>, !ft.sequences<tokens, sequences>, !ft.rows<rows, tokens>) -> !ft.packed<rows, i32>
      ft.yield %i : !ft.packed<rows, i32>
    } : (!ft.packed<rows, 8xf32>, !ft.sequences<tokens, sequences>, !ft.rows<rows, tokens>) -> !ft.packed<rows, i32>
    ft.return %next : !ft.packed<rows, i32>
  }
  // CHECK: ft.entry @see(%{{.*}}: !ft.packed<sequences, 3x4x6xf32> {ft.name = "pixels", ft.role = "image", ft.tokens = 5 : i64}
  ft.entry @see(%image: !ft.packed<sequences, 3x4x6xf32> {ft.name = "pixels", ft.role = "image", ft.tokens = 5 : i64},
                %s: !ft.sequences<tokens, sequences> {ft.role = "sequences"})
      -> (!ft.packed<tokens, 18xf32> {ft.name = "patches"}) {
    // CHECK: ft.patches %{{.*}} at %{{.*}} by [2, 3] {prefix = 1 : i64} : (!ft.packed<sequences, 3x4x6xf32>, !ft.sequences<tokens, sequences>) -> !ft.packed<tokens, 18xf32>
    %p = ft.patches %image at %s by [2, 3] {prefix = 1 : i64} : (!ft.packed<sequences, 3x4x6xf32>, !ft.sequences<tokens, sequences>) -> !ft.packed<tokens, 18xf32>
    ft.return %p : !ft.packed<tokens, 18xf32>
  }
}
