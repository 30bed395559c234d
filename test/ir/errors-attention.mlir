// RUN: ft-opt %s --split-input-file -verify-diagnostics

// rope_c1: a flat row
module attributes {ft.axes = ["tokens", "sequences", "rows"]} {
  ft.param @t : tensor<9x8xf32> = #ft.recipe<"generator" {name = "iota", shape = array<i64: 9, 8>}>
  ft.entry @e(%x: !ft.packed<tokens, 8xf32>, %s: !ft.sequences<tokens, sequences>) {
    // expected-error @below {{rope_c1: expected rows of [heads, head size]}}
    %0 = ft.rope %x, @t at %s : (!ft.packed<tokens, 8xf32>, !ft.sequences<tokens, sequences>) -> !ft.packed<tokens, 8xf32>
    ft.return
  }
}

// -----

// rope_c2: another axis
module attributes {ft.axes = ["tokens", "sequences", "rows"]} {
  ft.param @t : tensor<9x8xf32> = #ft.recipe<"generator" {name = "iota", shape = array<i64: 9, 8>}>
  ft.entry @e(%y: !ft.packed<rows, 4x16xf32>, %s: !ft.sequences<tokens, sequences>) {
    // expected-error @below {{rope_c2: the sequences are along}}
    %0 = ft.rope %y, @t at %s : (!ft.packed<rows, 4x16xf32>, !ft.sequences<tokens, sequences>) -> !ft.packed<rows, 4x16xf32>
    ft.return
  }
}

// -----

// rope_c3: odd dims
module attributes {ft.axes = ["tokens", "sequences", "rows"]} {
  ft.param @t : tensor<9x7xf32> = #ft.recipe<"generator" {name = "iota", shape = array<i64: 9, 7>}>
  ft.entry @e(%h: !ft.packed<tokens, 4x16xf32>, %s: !ft.sequences<tokens, sequences>) {
    // expected-error @below {{rope_c3: expected a table of [positions, dims]}}
    %0 = ft.rope %h, @t at %s : (!ft.packed<tokens, 4x16xf32>, !ft.sequences<tokens, sequences>) -> !ft.packed<tokens, 4x16xf32>
    ft.return
  }
}

// -----

// cache_append_c1: another axis
module attributes {ft.axes = ["tokens", "sequences", "rows"]} {
  ft.cache @kv layers 2 page 64 [#ft.plane<"k", 2x16xf32>, #ft.plane<"v", 2x16xf32>]
  ft.entry @e(%y: !ft.packed<rows, 2x16xf32>, %s: !ft.sequences<tokens, sequences>) {
    // expected-error @below {{cache_append_c1: expected floats along}}
    ft.cache_append %y, %y to @kv layer 0 at %s : (!ft.packed<rows, 2x16xf32>, !ft.packed<rows, 2x16xf32>, !ft.sequences<tokens, sequences>) -> ()
    ft.return
  }
}

// -----

// cache_append_c2: a layer the cache lacks
module attributes {ft.axes = ["tokens", "sequences", "rows"]} {
  ft.cache @kv layers 2 page 64 [#ft.plane<"k", 2x16xf32>, #ft.plane<"v", 2x16xf32>]
  ft.entry @e(%k: !ft.packed<tokens, 2x16xf32>, %s: !ft.sequences<tokens, sequences>) {
    // expected-error @below {{cache_append_c2: layer 2 of a cache of 2}}
    ft.cache_append %k, %k to @kv layer 2 at %s : (!ft.packed<tokens, 2x16xf32>, !ft.packed<tokens, 2x16xf32>, !ft.sequences<tokens, sequences>) -> ()
    ft.return
  }
}

// -----

// cache_append_c3: as many heads as queries
module attributes {ft.axes = ["tokens", "sequences", "rows"]} {
  ft.cache @kv layers 2 page 64 [#ft.plane<"k", 2x16xf32>, #ft.plane<"v", 2x16xf32>]
  ft.entry @e(%h: !ft.packed<tokens, 4x16xf32>, %s: !ft.sequences<tokens, sequences>) {
    // expected-error @below {{cache_append_c3: key and value do not have the shapes of the planes}}
    ft.cache_append %h, %h to @kv layer 0 at %s : (!ft.packed<tokens, 4x16xf32>, !ft.packed<tokens, 4x16xf32>, !ft.sequences<tokens, sequences>) -> ()
    ft.return
  }
}

// -----

// symbol_c2: no such cache
module attributes {ft.axes = ["tokens", "sequences", "rows"]} {
  ft.entry @e(%k: !ft.packed<tokens, 2x16xf32>, %s: !ft.sequences<tokens, sequences>) {
    // expected-error @below {{symbol_c2: @kv is no ft.cache of this module}}
    ft.cache_append %k, %k to @kv layer 0 at %s : (!ft.packed<tokens, 2x16xf32>, !ft.packed<tokens, 2x16xf32>, !ft.sequences<tokens, sequences>) -> ()
    ft.return
  }
}

// -----

// attention_c1: neither operands nor cache
module attributes {ft.axes = ["tokens", "sequences", "rows"]} {
  ft.entry @e(%h: !ft.packed<tokens, 4x16xf32>, %s: !ft.sequences<tokens, sequences>) {
    // expected-error @below {{attention_c1: needs keys and values}}
    %0 = ft.attention %h at %s {scale = 1.0 : f64} : (!ft.packed<tokens, 4x16xf32>, !ft.sequences<tokens, sequences>) -> !ft.packed<tokens, 4x16xf32>
    ft.return
  }
}

// -----

// attention_c2: keys along another axis
module attributes {ft.axes = ["tokens", "sequences", "rows"]} {
  ft.entry @e(%h: !ft.packed<tokens, 4x16xf32>, %y: !ft.packed<rows, 2x16xf32>, %s: !ft.sequences<tokens, sequences>) {
    // expected-error @below {{attention_c2: expected floats along}}
    %0 = ft.attention %h, %y, %y at %s {scale = 1.0 : f64} : (!ft.packed<tokens, 4x16xf32>, !ft.packed<rows, 2x16xf32>, !ft.packed<rows, 2x16xf32>, !ft.sequences<tokens, sequences>) -> !ft.packed<tokens, 4x16xf32>
    ft.return
  }
}

// -----

// attention_c3: 3 kv heads for 4
module attributes {ft.axes = ["tokens", "sequences", "rows"]} {
  ft.entry @e(%h: !ft.packed<tokens, 4x16xf32>, %y: !ft.packed<tokens, 3x16xf32>, %s: !ft.sequences<tokens, sequences>) {
    // expected-error @below {{attention_c3: query rows}}
    %0 = ft.attention %h, %y, %y at %s {scale = 1.0 : f64} : (!ft.packed<tokens, 4x16xf32>, !ft.packed<tokens, 3x16xf32>, !ft.packed<tokens, 3x16xf32>, !ft.sequences<tokens, sequences>) -> !ft.packed<tokens, 4x16xf32>
    ft.return
  }
}

// -----

// attention_c4: a flat result
module attributes {ft.axes = ["tokens", "sequences", "rows"]} {
  ft.entry @e(%h: !ft.packed<tokens, 4x16xf32>, %k: !ft.packed<tokens, 2x16xf32>, %s: !ft.sequences<tokens, sequences>) {
    // expected-error @below {{attention_c4: expected rows of [4, 16]}}
    %0 = ft.attention %h, %k, %k at %s {scale = 1.0 : f64} : (!ft.packed<tokens, 4x16xf32>, !ft.packed<tokens, 2x16xf32>, !ft.packed<tokens, 2x16xf32>, !ft.sequences<tokens, sequences>) -> !ft.packed<tokens, 64xf32>
    ft.return
  }
}

// -----

// attention_c5: a region of one argument
module attributes {ft.axes = ["tokens", "sequences", "rows"]} {
  ft.entry @e(%h: !ft.packed<tokens, 4x16xf32>, %k: !ft.packed<tokens, 2x16xf32>, %s: !ft.sequences<tokens, sequences>) {
    // expected-error @below {{attention_c5: a score region takes four f32 and yields one}}
    %0 = ft.attention %h, %k, %k at %s {scale = 1.0 : f64} : (!ft.packed<tokens, 4x16xf32>, !ft.packed<tokens, 2x16xf32>, !ft.packed<tokens, 2x16xf32>, !ft.sequences<tokens, sequences>) -> !ft.packed<tokens, 4x16xf32> score { ^bb0(%z: f32): ft.yield %z : f32 }
    ft.return
  }
}

// -----

// attention_c6: a negative window
module attributes {ft.axes = ["tokens", "sequences", "rows"]} {
  ft.entry @e(%h: !ft.packed<tokens, 4x16xf32>, %k: !ft.packed<tokens, 2x16xf32>, %s: !ft.sequences<tokens, sequences>) {
    // expected-error @below {{attention_c6: window must not be negative}}
    %0 = ft.attention %h, %k, %k at %s {scale = 1.0 : f64, window = -1 : i64} : (!ft.packed<tokens, 4x16xf32>, !ft.packed<tokens, 2x16xf32>, !ft.packed<tokens, 2x16xf32>, !ft.sequences<tokens, sequences>) -> !ft.packed<tokens, 4x16xf32>
    ft.return
  }
}

// -----

// attention_c7: a layer the cache lacks
module attributes {ft.axes = ["tokens", "sequences", "rows"]} {
  ft.cache @kv layers 2 page 64 [#ft.plane<"k", 2x16xf32>, #ft.plane<"v", 2x16xf32>]
  ft.entry @e(%h: !ft.packed<tokens, 4x16xf32>, %s: !ft.sequences<tokens, sequences>) {
    // expected-error @below {{attention_c7: layer 5 of a cache of 2}}
    %0 = ft.attention %h at %s cache @kv layer 5 {scale = 1.0 : f64} : (!ft.packed<tokens, 4x16xf32>, !ft.sequences<tokens, sequences>) -> !ft.packed<tokens, 4x16xf32>
    ft.return
  }
}

// -----

// score_op_c1: a function that is not on the list
module attributes {ft.axes = ["tokens", "sequences", "rows"]} {
  ft.entry @e(%h: !ft.packed<tokens, 4x16xf32>, %k: !ft.packed<tokens, 2x16xf32>, %s: !ft.sequences<tokens, sequences>) {
    %0 = ft.attention %h, %k, %k at %s {scale = 1.0 : f64} : (!ft.packed<tokens, 4x16xf32>, !ft.packed<tokens, 2x16xf32>, !ft.packed<tokens, 2x16xf32>, !ft.sequences<tokens, sequences>) -> !ft.packed<tokens, 4x16xf32> score {
    ^bb0(%z: f32, %head: f32, %qp: f32, %kp: f32):
      // expected-error @below {{score_op_c1: unknown function "sin"}}
      %1 = ft.score.op "sin" %z
      ft.yield %1 : f32
    }
    ft.return
  }
}

// -----

// score_op_c2: one argument for two
module attributes {ft.axes = ["tokens", "sequences", "rows"]} {
  ft.entry @e(%h: !ft.packed<tokens, 4x16xf32>, %k: !ft.packed<tokens, 2x16xf32>, %s: !ft.sequences<tokens, sequences>) {
    %0 = ft.attention %h, %k, %k at %s {scale = 1.0 : f64} : (!ft.packed<tokens, 4x16xf32>, !ft.packed<tokens, 2x16xf32>, !ft.packed<tokens, 2x16xf32>, !ft.sequences<tokens, sequences>) -> !ft.packed<tokens, 4x16xf32> score {
    ^bb0(%z: f32, %head: f32, %qp: f32, %kp: f32):
      // expected-error @below {{score_op_c2: "add" takes 2 arguments, found 1}}
      %1 = ft.score.op "add" %z
      ft.yield %1 : f32
    }
    ft.return
  }
}

// -----

// score_table_c1: one index into a matrix
module attributes {ft.axes = ["tokens", "sequences", "rows"]} {
  ft.param @t : tensor<4x4xf32> = #ft.recipe<"generator" {name = "iota", shape = array<i64: 4, 4>}>
  ft.entry @e(%h: !ft.packed<tokens, 4x16xf32>, %k: !ft.packed<tokens, 2x16xf32>, %s: !ft.sequences<tokens, sequences>) {
    %0 = ft.attention %h, %k, %k at %s {scale = 1.0 : f64} : (!ft.packed<tokens, 4x16xf32>, !ft.packed<tokens, 2x16xf32>, !ft.packed<tokens, 2x16xf32>, !ft.sequences<tokens, sequences>) -> !ft.packed<tokens, 4x16xf32> score {
    ^bb0(%z: f32, %head: f32, %qp: f32, %kp: f32):
      // expected-error @below {{score_table_c1: 1 indices into}}
      %1 = ft.score.table @t[%z]
      ft.yield %1 : f32
    }
    ft.return
  }
}

// -----

// segment_reduce_c1: no such kind
module attributes {ft.axes = ["tokens", "sequences", "rows"]} {
  ft.entry @e(%x: !ft.packed<tokens, 8xf32>, %s: !ft.sequences<tokens, sequences>) {
    // expected-error @below {{segment_reduce_c1: expected mean, sum, max, first or last}}
    %0 = ft.segment_reduce "median" %x at %s : (!ft.packed<tokens, 8xf32>, !ft.sequences<tokens, sequences>) -> !ft.packed<sequences, 8xf32>
    ft.return
  }
}

// -----

// segment_reduce_c2: an input that is pooled already
module attributes {ft.axes = ["tokens", "sequences", "rows"]} {
  ft.entry @e(%y: !ft.packed<sequences, 8xf32>, %s: !ft.sequences<tokens, sequences>) {
    // expected-error @below {{segment_reduce_c2: expected floats along}}
    %0 = ft.segment_reduce "mean" %y at %s : (!ft.packed<sequences, 8xf32>, !ft.sequences<tokens, sequences>) -> !ft.packed<sequences, 8xf32>
    ft.return
  }
}

// -----

// segment_reduce_c3: a result along tokens
module attributes {ft.axes = ["tokens", "sequences", "rows"]} {
  ft.entry @e(%x: !ft.packed<tokens, 8xf32>, %s: !ft.sequences<tokens, sequences>) {
    // expected-error @below {{segment_reduce_c3: expected}}
    %0 = ft.segment_reduce "mean" %x at %s : (!ft.packed<tokens, 8xf32>, !ft.sequences<tokens, sequences>) -> !ft.packed<tokens, 8xf32>
    ft.return
  }
}

// -----

// segment_reduce_c4: the second mean
module attributes {ft.axes = ["tokens", "sequences", "rows"]} {
  ft.entry @e(%x: !ft.packed<tokens, 8xf32>, %s: !ft.sequences<tokens, sequences>) {
    // expected-error @below {{segment_reduce_c4: an index from 0 on counts from the first or the last row}}
    %0 = ft.segment_reduce "mean" %x at %s {index = 1 : i64} : (!ft.packed<tokens, 8xf32>, !ft.sequences<tokens, sequences>) -> !ft.packed<sequences, 8xf32>
    ft.return
  }
}

// -----

// argmax_c1: a number a row
module attributes {ft.axes = ["tokens", "sequences", "rows"]} {
  ft.entry @e(%h: !ft.packed<tokens, f32>) {
    // expected-error @below {{argmax_c1: expected a row of floats}}
    %0 = ft.argmax %h : (!ft.packed<tokens, f32>) -> !ft.packed<tokens, i32>
    ft.return
  }
}

// -----

// argmax_c2: one i32 for rows of heads
module attributes {ft.axes = ["tokens", "sequences", "rows"]} {
  ft.entry @e(%h: !ft.packed<tokens, 4x16xf32>) {
    %0 = ft.argmax %h : (!ft.packed<tokens, 4x16xf32>) -> !ft.packed<tokens, 4xi32>
    // expected-error @below {{argmax_c2: expected an i32 for each part along the last extent, found '!ft.packed<tokens, i32>'}}
    %1 = ft.argmax %h : (!ft.packed<tokens, 4x16xf32>) -> !ft.packed<tokens, i32>
    ft.return
  }
}

// -----

// argmax_c2: a float result
module attributes {ft.axes = ["tokens", "sequences", "rows"]} {
  ft.entry @e(%x: !ft.packed<tokens, 8xf32>) {
    // expected-error @below {{argmax_c2: expected an i32 for each part}}
    %0 = ft.argmax %x : (!ft.packed<tokens, 8xf32>) -> !ft.packed<tokens, f32>
    ft.return
  }
}

// -----

// sample_c1: rows of heads
module attributes {ft.axes = ["tokens", "sequences", "rows"]} {
  ft.entry @e(%h: !ft.packed<rows, 4x16xf32>, %s: !ft.sequences<tokens, sequences>, %r: !ft.rows<rows, tokens>) {
    // expected-error @below {{sample_c1: expected a row of floats along 'rows'}}
    %0 = ft.sample %h at %s, %r : (!ft.packed<rows, 4x16xf32>, !ft.sequences<tokens, sequences>, !ft.rows<rows, tokens>) -> !ft.packed<rows, i32>
    ft.return
  }
}

// -----

// sample_c1: logits of every token
module attributes {ft.axes = ["tokens", "sequences", "rows"]} {
  ft.entry @e(%x: !ft.packed<tokens, 8xf32>, %s: !ft.sequences<tokens, sequences>, %r: !ft.rows<rows, tokens>) {
    // expected-error @below {{sample_c1: expected a row of floats along 'rows'}}
    %0 = ft.sample %x at %s, %r : (!ft.packed<tokens, 8xf32>, !ft.sequences<tokens, sequences>, !ft.rows<rows, tokens>) -> !ft.packed<rows, i32>
    ft.return
  }
}

// -----

// sample_c2: rows of other tokens
module attributes {ft.axes = ["tokens", "sequences", "rows"]} {
  ft.entry @e(%x: !ft.packed<rows, 8xf32>, %s: !ft.sequences<tokens, sequences>, %r: !ft.rows<rows, sequences>) {
    // expected-error @below {{sample_c2: expected rows of the sequences' 'tokens'}}
    %0 = ft.sample %x at %s, %r : (!ft.packed<rows, 8xf32>, !ft.sequences<tokens, sequences>, !ft.rows<rows, sequences>) -> !ft.packed<rows, i32>
    ft.return
  }
}

// -----

// sample_c3: a float result
module attributes {ft.axes = ["tokens", "sequences", "rows"]} {
  ft.entry @e(%x: !ft.packed<rows, 8xf32>, %s: !ft.sequences<tokens, sequences>, %r: !ft.rows<rows, tokens>) {
    // expected-error @below {{sample_c3: expected one i32 a row}}
    %0 = ft.sample %x at %s, %r : (!ft.packed<rows, 8xf32>, !ft.sequences<tokens, sequences>, !ft.rows<rows, tokens>) -> !ft.packed<rows, f32>
    ft.return
  }
}
