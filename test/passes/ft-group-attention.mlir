// RUN: ft-opt %s --ft-group-ops --split-input-file | FileCheck %s

// Rope of q and k, append and attention are one step up to 64 tokens.
// CHECK-LABEL: ft.entry @e
// CHECK-NEXT: ft.fused attention (%{{.*}}, %{{.*}}, %{{.*}}, %{{.*}}) "rope+cache_append+attention
// CHECK-NEXT: ^bb0
// CHECK-NEXT: ft.rope
// CHECK-NEXT: ft.rope
// CHECK-NEXT: ft.cache_append
// CHECK-NEXT: ft.attention
// CHECK-NEXT: ft.yield
// CHECK-NOT: ft.fused
module attributes {ft.axes = ["tokens", "sequences"]} {
  ft.param @rope : tensor<128x16xf32> = #ft.recipe<"generator" {name = "rope", shape = array<i64: 128, 16>}>
  ft.cache @kv layers 1 page 64 [#ft.plane<"k", 2x16xbf16>, #ft.plane<"v", 2x16xbf16>]
  ft.entry @e(%q: !ft.packed<tokens, 4x16xbf16>, %k: !ft.packed<tokens, 2x16xbf16>, %v: !ft.packed<tokens, 2x16xbf16>, %s: !ft.sequences<tokens, sequences>) -> !ft.packed<tokens, 4x16xbf16>
      attributes {causal, entry = "e", kind = #ft.step_kind<1, 64>} {
    %rq = ft.rope %q, @rope at %s : (!ft.packed<tokens, 4x16xbf16>, !ft.sequences<tokens, sequences>) -> !ft.packed<tokens, 4x16xbf16>
    %rk = ft.rope %k, @rope at %s : (!ft.packed<tokens, 2x16xbf16>, !ft.sequences<tokens, sequences>) -> !ft.packed<tokens, 2x16xbf16>
    ft.cache_append %rk, %v to @kv layer 0 at %s : (!ft.packed<tokens, 2x16xbf16>, !ft.packed<tokens, 2x16xbf16>, !ft.sequences<tokens, sequences>) -> ()
    %a = ft.attention %rq at %s cache @kv layer 0 {causal, scale = 0.25 : f64} : (!ft.packed<tokens, 4x16xbf16>, !ft.sequences<tokens, sequences>) -> !ft.packed<tokens, 4x16xbf16>
    ft.return %a : !ft.packed<tokens, 4x16xbf16>
  }
}

// -----

// Norms of the heads before them, too.
// CHECK-LABEL: ft.entry @e
// CHECK-NEXT: ft.fused attention (%{{.*}}, %{{.*}}, %{{.*}}, %{{.*}}) "qn+kn"
// CHECK-NEXT: ^bb0
// CHECK-NEXT: ft.rms_norm
// CHECK-NEXT: ft.rms_norm
// CHECK-NEXT: ft.rope
// CHECK-NEXT: ft.rope
// CHECK-NEXT: ft.cache_append
// CHECK-NEXT: ft.attention
// CHECK-NOT: ft.fused
module attributes {ft.axes = ["tokens", "sequences"]} {
  ft.param @rope : tensor<128x16xf32> = #ft.recipe<"generator" {name = "rope", shape = array<i64: 128, 16>}>
  ft.param @qn : tensor<16xf32> = #ft.recipe<"literal" {shape = array<i64: 16>}>
  ft.param @kn : tensor<16xf32> = #ft.recipe<"literal" {shape = array<i64: 16>}>
  ft.cache @kv layers 1 page 64 [#ft.plane<"k", 2x16xbf16>, #ft.plane<"v", 2x16xbf16>]
  ft.entry @e(%q: !ft.packed<tokens, 4x16xbf16>, %k: !ft.packed<tokens, 2x16xbf16>, %v: !ft.packed<tokens, 2x16xbf16>, %s: !ft.sequences<tokens, sequences>) -> !ft.packed<tokens, 4x16xbf16>
      attributes {causal, entry = "e", kind = #ft.step_kind<1, 8>} {
    %nq = ft.rms_norm %q, @qn {eps = 1.0e-6 : f64} : !ft.packed<tokens, 4x16xbf16>
    %nk = ft.rms_norm %k, @kn {eps = 1.0e-6 : f64} : !ft.packed<tokens, 2x16xbf16>
    %rq = ft.rope %nq, @rope at %s : (!ft.packed<tokens, 4x16xbf16>, !ft.sequences<tokens, sequences>) -> !ft.packed<tokens, 4x16xbf16>
    %rk = ft.rope %nk, @rope at %s : (!ft.packed<tokens, 2x16xbf16>, !ft.sequences<tokens, sequences>) -> !ft.packed<tokens, 2x16xbf16>
    ft.cache_append %rk, %v to @kv layer 0 at %s : (!ft.packed<tokens, 2x16xbf16>, !ft.packed<tokens, 2x16xbf16>, !ft.sequences<tokens, sequences>) -> ()
    %a = ft.attention %rq at %s cache @kv layer 0 {causal, scale = 0.25 : f64} : (!ft.packed<tokens, 4x16xbf16>, !ft.sequences<tokens, sequences>) -> !ft.packed<tokens, 4x16xbf16>
    ft.return %a : !ft.packed<tokens, 4x16xbf16>
  }
}

// -----

// Without a rotation the append alone joins.
// CHECK-LABEL: ft.entry @e
// CHECK-NEXT: ft.fused attention (%{{.*}}, %{{.*}}, %{{.*}}, %{{.*}}) "cache_append+attention
// CHECK-NEXT: ^bb0
// CHECK-NEXT: ft.cache_append
// CHECK-NEXT: ft.attention
// CHECK-NOT: ft.fused
module attributes {ft.axes = ["tokens", "sequences"]} {
  ft.param @rope : tensor<128x16xf32> = #ft.recipe<"generator" {name = "rope", shape = array<i64: 128, 16>}>
  ft.cache @kv layers 1 page 64 [#ft.plane<"k", 2x16xbf16>, #ft.plane<"v", 2x16xbf16>]
  ft.entry @e(%q: !ft.packed<tokens, 4x16xbf16>, %k: !ft.packed<tokens, 2x16xbf16>, %v: !ft.packed<tokens, 2x16xbf16>, %s: !ft.sequences<tokens, sequences>) -> !ft.packed<tokens, 4x16xbf16>
      attributes {causal, entry = "e", kind = #ft.step_kind<1, 8>} {
    ft.cache_append %k, %v to @kv layer 0 at %s : (!ft.packed<tokens, 2x16xbf16>, !ft.packed<tokens, 2x16xbf16>, !ft.sequences<tokens, sequences>) -> ()
    %a = ft.attention %q at %s cache @kv layer 0 {causal, scale = 0.25 : f64} : (!ft.packed<tokens, 4x16xbf16>, !ft.sequences<tokens, sequences>) -> !ft.packed<tokens, 4x16xbf16>
    ft.return %a : !ft.packed<tokens, 4x16xbf16>
  }
}

// -----

// Where something else reads the rotated q, or the tables differ, ropes stay in
// a row program; the append still joins.
// CHECK-LABEL: ft.entry @e
// CHECK-NEXT: ft.fused row
// CHECK-NEXT: ^bb0
// CHECK-NEXT: ft.rope
// CHECK-NEXT: ft.rope
// CHECK-NEXT: ft.yield
// CHECK: ft.fused attention
// CHECK-NEXT: ^bb0
// CHECK-NEXT: ft.cache_append
// CHECK-NEXT: ft.attention
// CHECK-NEXT: ft.yield
module attributes {ft.axes = ["tokens", "sequences"]} {
  ft.param @rope : tensor<128x16xf32> = #ft.recipe<"generator" {name = "rope", shape = array<i64: 128, 16>}>
  ft.cache @kv layers 1 page 64 [#ft.plane<"k", 2x16xbf16>, #ft.plane<"v", 2x16xbf16>]
  ft.entry @e(%q: !ft.packed<tokens, 4x16xbf16>, %k: !ft.packed<tokens, 2x16xbf16>, %v: !ft.packed<tokens, 2x16xbf16>, %s: !ft.sequences<tokens, sequences>) -> !ft.packed<tokens, 4x16xbf16>
      attributes {causal, entry = "e", kind = #ft.step_kind<1, 8>} {
    %rq = ft.rope %q, @rope at %s : (!ft.packed<tokens, 4x16xbf16>, !ft.sequences<tokens, sequences>) -> !ft.packed<tokens, 4x16xbf16>
    %rk = ft.rope %k, @rope at %s : (!ft.packed<tokens, 2x16xbf16>, !ft.sequences<tokens, sequences>) -> !ft.packed<tokens, 2x16xbf16>
    ft.cache_append %rk, %v to @kv layer 0 at %s : (!ft.packed<tokens, 2x16xbf16>, !ft.packed<tokens, 2x16xbf16>, !ft.sequences<tokens, sequences>) -> ()
    %a = ft.attention %rq at %s cache @kv layer 0 {causal, scale = 0.25 : f64} : (!ft.packed<tokens, 4x16xbf16>, !ft.sequences<tokens, sequences>) -> !ft.packed<tokens, 4x16xbf16>
    %b = ft.add %a, %rq : (!ft.packed<tokens, 4x16xbf16>, !ft.packed<tokens, 4x16xbf16>) -> !ft.packed<tokens, 4x16xbf16>
    ft.return %b : !ft.packed<tokens, 4x16xbf16>
  }
}

// -----

// CHECK-LABEL: ft.entry @e
// CHECK-NEXT: ft.fused row
// CHECK: ft.fused attention
// CHECK-NEXT: ^bb0
// CHECK-NEXT: ft.cache_append
// CHECK-NEXT: ft.attention
// CHECK-NEXT: ft.yield
module attributes {ft.axes = ["tokens", "sequences"]} {
  ft.param @rope : tensor<128x16xf32> = #ft.recipe<"generator" {name = "rope", shape = array<i64: 128, 16>}>
  ft.param @other : tensor<128x16xf32> = #ft.recipe<"generator" {name = "rope", shape = array<i64: 128, 16>}>
  ft.cache @kv layers 1 page 64 [#ft.plane<"k", 2x16xbf16>, #ft.plane<"v", 2x16xbf16>]
  ft.entry @e(%q: !ft.packed<tokens, 4x16xbf16>, %k: !ft.packed<tokens, 2x16xbf16>, %v: !ft.packed<tokens, 2x16xbf16>, %s: !ft.sequences<tokens, sequences>) -> !ft.packed<tokens, 4x16xbf16>
      attributes {causal, entry = "e", kind = #ft.step_kind<1, 8>} {
    %rq = ft.rope %q, @rope at %s : (!ft.packed<tokens, 4x16xbf16>, !ft.sequences<tokens, sequences>) -> !ft.packed<tokens, 4x16xbf16>
    %rk = ft.rope %k, @other at %s : (!ft.packed<tokens, 2x16xbf16>, !ft.sequences<tokens, sequences>) -> !ft.packed<tokens, 2x16xbf16>
    ft.cache_append %rk, %v to @kv layer 0 at %s : (!ft.packed<tokens, 2x16xbf16>, !ft.packed<tokens, 2x16xbf16>, !ft.sequences<tokens, sequences>) -> ()
    %a = ft.attention %rq at %s cache @kv layer 0 {causal, scale = 0.25 : f64} : (!ft.packed<tokens, 4x16xbf16>, !ft.sequences<tokens, sequences>) -> !ft.packed<tokens, 4x16xbf16>
    ft.return %a : !ft.packed<tokens, 4x16xbf16>
  }
}

// -----

// More tokens, fp32, an attention of the old contents: two steps as before.
// CHECK-LABEL: ft.entry @e
// CHECK-NEXT: ft.fused row
// CHECK: ft.fused attention
// CHECK-NEXT: ^bb0
// CHECK-NEXT: ft.attention
module attributes {ft.axes = ["tokens", "sequences"]} {
  ft.param @rope : tensor<128x16xf32> = #ft.recipe<"generator" {name = "rope", shape = array<i64: 128, 16>}>
  ft.cache @kv layers 1 page 64 [#ft.plane<"k", 2x16xbf16>, #ft.plane<"v", 2x16xbf16>]
  ft.entry @e(%q: !ft.packed<tokens, 4x16xbf16>, %k: !ft.packed<tokens, 2x16xbf16>, %v: !ft.packed<tokens, 2x16xbf16>, %s: !ft.sequences<tokens, sequences>) -> !ft.packed<tokens, 4x16xbf16>
      attributes {causal, entry = "e", kind = #ft.step_kind<65, 0>} {
    %rq = ft.rope %q, @rope at %s : (!ft.packed<tokens, 4x16xbf16>, !ft.sequences<tokens, sequences>) -> !ft.packed<tokens, 4x16xbf16>
    %rk = ft.rope %k, @rope at %s : (!ft.packed<tokens, 2x16xbf16>, !ft.sequences<tokens, sequences>) -> !ft.packed<tokens, 2x16xbf16>
    ft.cache_append %rk, %v to @kv layer 0 at %s : (!ft.packed<tokens, 2x16xbf16>, !ft.packed<tokens, 2x16xbf16>, !ft.sequences<tokens, sequences>) -> ()
    %a = ft.attention %rq at %s cache @kv layer 0 {causal, scale = 0.25 : f64} : (!ft.packed<tokens, 4x16xbf16>, !ft.sequences<tokens, sequences>) -> !ft.packed<tokens, 4x16xbf16>
    ft.return %a : !ft.packed<tokens, 4x16xbf16>
  }
}

// -----

// CHECK-LABEL: ft.entry @e
// CHECK-NEXT: ft.fused row
// CHECK: ft.fused attention
// CHECK-NEXT: ^bb0
// CHECK-NEXT: ft.attention
module attributes {ft.axes = ["tokens", "sequences"]} {
  ft.param @rope : tensor<128x16xf32> = #ft.recipe<"generator" {name = "rope", shape = array<i64: 128, 16>}>
  ft.cache @kv layers 1 page 64 [#ft.plane<"k", 2x16xf32>, #ft.plane<"v", 2x16xf32>]
  ft.entry @e(%q: !ft.packed<tokens, 4x16xf32>, %k: !ft.packed<tokens, 2x16xf32>, %v: !ft.packed<tokens, 2x16xf32>, %s: !ft.sequences<tokens, sequences>) -> !ft.packed<tokens, 4x16xf32>
      attributes {causal, entry = "e", kind = #ft.step_kind<1, 8>} {
    %rq = ft.rope %q, @rope at %s : (!ft.packed<tokens, 4x16xf32>, !ft.sequences<tokens, sequences>) -> !ft.packed<tokens, 4x16xf32>
    %rk = ft.rope %k, @rope at %s : (!ft.packed<tokens, 2x16xf32>, !ft.sequences<tokens, sequences>) -> !ft.packed<tokens, 2x16xf32>
    ft.cache_append %rk, %v to @kv layer 0 at %s : (!ft.packed<tokens, 2x16xf32>, !ft.packed<tokens, 2x16xf32>, !ft.sequences<tokens, sequences>) -> ()
    %a = ft.attention %rq at %s cache @kv layer 0 {causal, scale = 0.25 : f64} : (!ft.packed<tokens, 4x16xf32>, !ft.sequences<tokens, sequences>) -> !ft.packed<tokens, 4x16xf32>
    ft.return %a : !ft.packed<tokens, 4x16xf32>
  }
}

// -----

// CHECK-LABEL: ft.entry @e
// CHECK: ft.fused attention
// CHECK-NEXT: ^bb0
// CHECK-NEXT: ft.attention
// CHECK: ft.fused row
// CHECK-NEXT: ^bb0
// CHECK: ft.cache_append
module attributes {ft.axes = ["tokens", "sequences"]} {
  ft.param @rope : tensor<128x16xf32> = #ft.recipe<"generator" {name = "rope", shape = array<i64: 128, 16>}>
  ft.cache @kv layers 1 page 64 [#ft.plane<"k", 2x16xbf16>, #ft.plane<"v", 2x16xbf16>]
  ft.entry @e(%q: !ft.packed<tokens, 4x16xbf16>, %k: !ft.packed<tokens, 2x16xbf16>, %v: !ft.packed<tokens, 2x16xbf16>, %s: !ft.sequences<tokens, sequences>) -> !ft.packed<tokens, 4x16xbf16>
      attributes {causal, entry = "e", kind = #ft.step_kind<1, 8>} {
    %rq = ft.rope %q, @rope at %s : (!ft.packed<tokens, 4x16xbf16>, !ft.sequences<tokens, sequences>) -> !ft.packed<tokens, 4x16xbf16>
    %rk = ft.rope %k, @rope at %s : (!ft.packed<tokens, 2x16xbf16>, !ft.sequences<tokens, sequences>) -> !ft.packed<tokens, 2x16xbf16>
    %a = ft.attention %rq at %s cache @kv layer 0 {causal, scale = 0.25 : f64} : (!ft.packed<tokens, 4x16xbf16>, !ft.sequences<tokens, sequences>) -> !ft.packed<tokens, 4x16xbf16>
    ft.cache_append %rk, %v to @kv layer 0 at %s : (!ft.packed<tokens, 2x16xbf16>, !ft.packed<tokens, 2x16xbf16>, !ft.sequences<tokens, sequences>) -> ()
    ft.return %a : !ft.packed<tokens, 4x16xbf16>
  }
}

// -----

// Of two attentions after an append the first takes it.
// CHECK-LABEL: ft.entry @e
// CHECK: ft.fused attention
// CHECK-NEXT: ^bb0
// CHECK-NEXT: ft.cache_append
// CHECK-NEXT: ft.attention
// CHECK-NEXT: ft.yield
// CHECK: ft.fused attention
// CHECK-NEXT: ^bb0
// CHECK-NEXT: ft.attention
// CHECK-NEXT: ft.yield
module attributes {ft.axes = ["tokens", "sequences"]} {
  ft.param @rope : tensor<128x16xf32> = #ft.recipe<"generator" {name = "rope", shape = array<i64: 128, 16>}>
  ft.cache @kv layers 1 page 64 [#ft.plane<"k", 2x16xbf16>, #ft.plane<"v", 2x16xbf16>]
  ft.entry @e(%q: !ft.packed<tokens, 4x16xbf16>, %k: !ft.packed<tokens, 2x16xbf16>, %v: !ft.packed<tokens, 2x16xbf16>, %s: !ft.sequences<tokens, sequences>) -> !ft.packed<tokens, 4x16xbf16>
      attributes {causal, entry = "e", kind = #ft.step_kind<1, 8>} {
    ft.cache_append %k, %v to @kv layer 0 at %s : (!ft.packed<tokens, 2x16xbf16>, !ft.packed<tokens, 2x16xbf16>, !ft.sequences<tokens, sequences>) -> ()
    %a = ft.attention %q at %s cache @kv layer 0 {causal, scale = 0.25 : f64} : (!ft.packed<tokens, 4x16xbf16>, !ft.sequences<tokens, sequences>) -> !ft.packed<tokens, 4x16xbf16>
    %b = ft.attention %a at %s cache @kv layer 0 {causal, scale = 0.25 : f64} : (!ft.packed<tokens, 4x16xbf16>, !ft.sequences<tokens, sequences>) -> !ft.packed<tokens, 4x16xbf16>
    ft.return %b : !ft.packed<tokens, 4x16xbf16>
  }
}

// -----

// With one query head of a kv head, too.
// CHECK-LABEL: ft.entry @single
// CHECK-NEXT: ft.fused attention (%{{.*}}, %{{.*}}, %{{.*}}, %{{.*}}) "cache_append+attention
module attributes {ft.axes = ["tokens", "sequences"]} {
  ft.cache @kv layers 1 page 64 [#ft.plane<"k", 2x16xbf16>, #ft.plane<"v", 2x16xbf16>]
  ft.entry @single(%q: !ft.packed<tokens, 2x16xbf16>, %k: !ft.packed<tokens, 2x16xbf16>, %v: !ft.packed<tokens, 2x16xbf16>, %s: !ft.sequences<tokens, sequences>) -> !ft.packed<tokens, 2x16xbf16>
      attributes {causal, entry = "single", kind = #ft.step_kind<1, 8>} {
    ft.cache_append %k, %v to @kv layer 0 at %s : (!ft.packed<tokens, 2x16xbf16>, !ft.packed<tokens, 2x16xbf16>, !ft.sequences<tokens, sequences>) -> ()
    %a = ft.attention %q at %s cache @kv layer 0 {causal, scale = 0.25 : f64} : (!ft.packed<tokens, 2x16xbf16>, !ft.sequences<tokens, sequences>) -> !ft.packed<tokens, 2x16xbf16>
    ft.return %a : !ft.packed<tokens, 2x16xbf16>
  }
}
