// RUN: ft-opt %s --split-input-file -verify-diagnostics

// param_c1: neither recipe nor view
module attributes {ft.axes = ["tokens"]} {
  // expected-error @below {{param_c1: needs either a recipe or view_of}}
  ft.param @w : tensor<8xf32>
}

// -----

// param_c2: integers
module attributes {ft.axes = ["tokens"]} {
  // expected-error @below {{param_c2: expected a static shape of f32, f16 or bf16}}
  ft.param @w : tensor<8xi32> = #ft.recipe<"generator" {name = "iota", shape = array<i64: 8>}>
}

// -----

// param_c3: a recipe of another shape
module attributes {ft.axes = ["tokens"]} {
  // expected-error @below {{param_c3: recipe makes another shape}}
  ft.param @w : tensor<9xf32> = #ft.recipe<"generator" {name = "iota", shape = array<i64: 8>}>
}

// -----

// param_c4: an unknown operation inside the recipe
module attributes {ft.axes = ["tokens"]} {
  // expected-error @below {{param_c4: unknown recipe operation "gather"}}
  ft.param @w : tensor<8xf32> = #ft.recipe<"scale"(<"gather" {shape = array<i64: 8>}>) {shape = array<i64: 8>, value = 2.0 : f64}>
}

// -----

// param_c5: one row beyond the end
module attributes {ft.axes = ["tokens"]} {
  ft.param @w : tensor<8xf32> = #ft.recipe<"generator" {name = "iota", shape = array<i64: 8>}>
  // expected-error @below {{param_c5: rows 5 to 9 of}}
  ft.param @v : tensor<4xf32> view_of @w row 5
}

// -----

// param_c5: a view of a view
module attributes {ft.axes = ["tokens"]} {
  ft.param @w : tensor<8xf32> = #ft.recipe<"generator" {name = "iota", shape = array<i64: 8>}>
  ft.param @v : tensor<4xf32> view_of @w row 4
  // expected-error @below {{param_c5: @v is no weight with a recipe}}
  ft.param @u : tensor<2xf32> view_of @v row 0
}

// -----

// cache_c1: no layers
module attributes {ft.axes = ["tokens"]} {
  // expected-error @below {{cache_c1: layers and page size must be positive}}
  ft.cache @kv layers 0 page 64 [#ft.plane<"k", 8xf32>]
}

// -----

// cache_c2: two planes of one name
module attributes {ft.axes = ["tokens"]} {
  // expected-error @below {{cache_c2: two planes are named "k"}}
  ft.cache @kv layers 1 page 64 [#ft.plane<"k", 8xf32>, #ft.plane<"k", 8xf32>]
}

// -----

// entry_c1: two arguments of one name
module attributes {ft.axes = ["tokens"]} {
  // expected-error @below {{entry_c1: two values are named "x"}}
  ft.entry @e(%a: !ft.packed<tokens, 8xf32> {ft.name = "x"}, %b: !ft.packed<tokens, 8xf32> {ft.name = "x"}) {
    ft.return
  }
}

// -----

// entry_c2: floats as ids
module attributes {ft.axes = ["tokens"]} {
  // expected-error @below {{entry_c2: argument 0 of}}
  ft.entry @e(%a: !ft.packed<tokens, 8xf32> {ft.role = "tokens"}) {
    ft.return
  }
}

// -----

// entry_c3: a result that is no packed value
module attributes {ft.axes = ["tokens"]} {
  // expected-error @below {{entry_c3: results must be packed values}}
  "ft.entry"() <{function_type = () -> i32, sym_name = "e"}> ({
    "ft.return"() : () -> ()
  }) : () -> ()
}

// -----

// entry_c4: an empty range
module attributes {ft.axes = ["tokens"]} {
  // expected-error @below {{entry_c4: empty token range}}
  ft.entry @e(%a: !ft.packed<tokens, 8xf32>) attributes {entry = "e", kind = #ft.step_kind<9, 8>} {
    ft.return
  }
}

// -----

// entry_c5: an axis the module lacks
module attributes {ft.axes = ["tokens"]} {
  // expected-error @below {{entry_c5: axis 'rows' is not in the module's ft.axes}}
  ft.entry @e(%a: !ft.packed<rows, 8xf32>) {
    ft.return
  }
}

// -----

// return_c1: nothing for one result
module attributes {ft.axes = ["tokens"]} {
  ft.entry @e(%a: !ft.packed<tokens, 8xf32>) -> !ft.packed<tokens, 8xf32> {
    // expected-error @below {{return_c1: returns , but the entry}}
    ft.return
  }
}

// -----

// fused_c1: an argument of another type
module attributes {ft.axes = ["tokens"]} {
  ft.entry @e(%a: !ft.packed<tokens, 8xf32>) {
    // expected-error @below {{fused_c1: region arguments differ from the inputs}}
    %0 = ft.fused row (%a) "f" {
    ^bb0(%p: !ft.packed<tokens, 4xf32>):
      %1 = ft.silu %p : !ft.packed<tokens, 4xf32>
      ft.yield %1 : !ft.packed<tokens, 4xf32>
    } : (!ft.packed<tokens, 8xf32>) -> !ft.packed<tokens, 4xf32>
    ft.return
  }
}

// -----

// fused_c2: a result of another type
module attributes {ft.axes = ["tokens"]} {
  ft.entry @e(%a: !ft.packed<tokens, 8xf32>) {
    // expected-error @below {{fused_c2: must yield values of its result types}}
    %0 = ft.fused row (%a) "f" {
    ^bb0(%p: !ft.packed<tokens, 8xf32>):
      %1 = ft.silu %p : !ft.packed<tokens, 8xf32>
      ft.yield %1 : !ft.packed<tokens, 8xf32>
    } : (!ft.packed<tokens, 8xf32>) -> !ft.packed<tokens, 4xf32>
    ft.return
  }
}

// -----

// fused_c3: two slots for one result
module attributes {ft.axes = ["tokens"]} {
  ft.entry @e(%a: !ft.packed<tokens, 8xf32>) {
    // expected-error @below {{fused_c3: has 2 slots for 1 results}}
    %0 = ft.fused row (%a) "f" attributes {slots = [#ft.slot<0 + [0] stride 8>, #ft.slot<0 + [0] stride 8>]} {
    ^bb0(%p: !ft.packed<tokens, 8xf32>):
      %1 = ft.silu %p : !ft.packed<tokens, 8xf32>
      ft.yield %1 : !ft.packed<tokens, 8xf32>
    } : (!ft.packed<tokens, 8xf32>) -> !ft.packed<tokens, 8xf32>
    ft.return
  }
}

// -----

// packed_c1: an extent of zero
module attributes {ft.axes = ["tokens"]} {
  // expected-error @below {{packed_c1: extents must be positive, found 0}}
  ft.entry @e(%a: !ft.packed<tokens, 0xf32>) {
    ft.return
  }
}

// -----

// packed_c2: a type that is not stored
module attributes {ft.axes = ["tokens"]} {
  // expected-error @below {{packed_c2: element type must be}}
  ft.entry @e(%a: !ft.packed<tokens, 8xf64>) {
    ft.return
  }
}

// -----

// entry_c8: an image of unknown length
module attributes {ft.axes = ["tokens", "sequences", "rows"]} {
  // expected-error @below {{entry_c8: images, and nothing else, say how many tokens one makes, found argument 0}}
  ft.entry @e(%i: !ft.packed<sequences, 3x4x6xf32> {ft.role = "image"}) {
    ft.return
  }
}

// -----

// entry_c8: tokens that make tokens
module attributes {ft.axes = ["tokens", "sequences", "rows"]} {
  // expected-error @below {{entry_c8: images, and nothing else, say how many tokens one makes, found argument 0}}
  ft.entry @e(%i: !ft.packed<tokens, i32> {ft.role = "tokens", ft.tokens = 4 : i64}) {
    ft.return
  }
}

// -----

// entry_c2: an image without channels
module attributes {ft.axes = ["tokens", "sequences", "rows"]} {
  // expected-error @below {{entry_c2: argument 0 of}}
  ft.entry @e(%i: !ft.packed<sequences, 4x6xf32> {ft.role = "image", ft.tokens = 4 : i64}) {
    ft.return
  }
}
