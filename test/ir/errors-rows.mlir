// RUN: ft-opt %s --split-input-file -verify-diagnostics

// positions_c1: the wrong element type
module attributes {ft.axes = ["tokens", "sequences", "rows"]} {
  ft.entry @e(%s: !ft.sequences<tokens, sequences>) {
    // expected-error @below {{positions_c1: expected one i32 for each row}}
    %0 = ft.positions %s : (!ft.sequences<tokens, sequences>) -> !ft.packed<tokens, f32>
    ft.return
  }
}

// -----

// embedding_c1: ids are floats
module attributes {ft.axes = ["tokens", "sequences", "rows"]} {
  ft.param @t : tensor<3x8xf32> = #ft.recipe<"generator" {name = "iota", shape = array<i64: 3, 8>}>
  ft.entry @e(%x: !ft.packed<tokens, 8xf32>) {
    // expected-error @below {{embedding_c1: expected one i32 a row as ids}}
    %0 = ft.embedding %x, @t : (!ft.packed<tokens, 8xf32>) -> !ft.packed<tokens, 8xf32>
    ft.return
  }
}

// -----

// embedding_c2: a result along another axis
module attributes {ft.axes = ["tokens", "sequences", "rows"]} {
  ft.param @t : tensor<3x8xf32> = #ft.recipe<"generator" {name = "iota", shape = array<i64: 3, 8>}>
  ft.entry @e(%i: !ft.packed<tokens, i32>) {
    // expected-error @below {{embedding_c2: expected a row of floats}}
    %0 = ft.embedding %i, @t : (!ft.packed<tokens, i32>) -> !ft.packed<rows, 8xf32>
    ft.return
  }
}

// -----

// embedding_c3: a table with other columns
module attributes {ft.axes = ["tokens", "sequences", "rows"]} {
  ft.param @t : tensor<3x7xf32> = #ft.recipe<"generator" {name = "iota", shape = array<i64: 3, 7>}>
  ft.entry @e(%i: !ft.packed<tokens, i32>) {
    // expected-error @below {{embedding_c3: expected a table of [rows, 8]}}
    %0 = ft.embedding %i, @t : (!ft.packed<tokens, i32>) -> !ft.packed<tokens, 8xf32>
    ft.return
  }
}

// -----

// symbol_c1: no such weight
module attributes {ft.axes = ["tokens", "sequences", "rows"]} {
  ft.entry @e(%i: !ft.packed<tokens, i32>) {
    // expected-error @below {{symbol_c1: @t is no ft.param of this module}}
    %0 = ft.embedding %i, @t : (!ft.packed<tokens, i32>) -> !ft.packed<tokens, 8xf32>
    ft.return
  }
}

// -----

// broadcast_c1: integers
module attributes {ft.axes = ["tokens", "sequences", "rows"]} {
  ft.param @w : tensor<8xf32> = #ft.recipe<"generator" {name = "iota", shape = array<i64: 8>}>
  ft.entry @e() {
    // expected-error @below {{broadcast_c1: expected floats}}
    %0 = ft.broadcast @w : !ft.packed<tokens, 8xi32>
    ft.return
  }
}

// -----

// broadcast_c2: no suffix of the row
module attributes {ft.axes = ["tokens", "sequences", "rows"]} {
  ft.param @w : tensor<8xf32> = #ft.recipe<"generator" {name = "iota", shape = array<i64: 8>}>
  ft.entry @e() {
    // expected-error @below {{broadcast_c2: 'tensor<8xf32>' is no suffix of the row}}
    %0 = ft.broadcast @w : !ft.packed<tokens, 8x4xf32>
    ft.return
  }
}

// -----

// rows_c1: an input along another axis
module attributes {ft.axes = ["tokens", "sequences", "rows"]} {
  ft.entry @e(%y: !ft.packed<sequences, 8xf32>, %r: !ft.rows<rows, tokens>) {
    // expected-error @below {{rows_c1: expected an input along}}
    %0 = ft.rows %y, %r : (!ft.packed<sequences, 8xf32>, !ft.rows<rows, tokens>) -> !ft.packed<rows, 8xf32>
    ft.return
  }
}

// -----

// rows_c2: another shape
module attributes {ft.axes = ["tokens", "sequences", "rows"]} {
  ft.entry @e(%x: !ft.packed<tokens, 8xf32>, %r: !ft.rows<rows, tokens>) {
    // expected-error @below {{rows_c2: expected}}
    %0 = ft.rows %x, %r : (!ft.packed<tokens, 8xf32>, !ft.rows<rows, tokens>) -> !ft.packed<rows, 4xf32>
    ft.return
  }
}

// -----

// linear_c1: another axis
module attributes {ft.axes = ["tokens", "sequences", "rows"]} {
  ft.param @w : tensor<4x8xf32> = #ft.recipe<"generator" {name = "iota", shape = array<i64: 4, 8>}>
  ft.entry @e(%x: !ft.packed<tokens, 8xf32>) {
    // expected-error @below {{linear_c1: input and result have different axes}}
    %0 = ft.linear %x, @w : (!ft.packed<tokens, 8xf32>) -> !ft.packed<rows, 4xf32>
    ft.return
  }
}

// -----

// linear_c2: integers
module attributes {ft.axes = ["tokens", "sequences", "rows"]} {
  ft.param @w : tensor<4x8xf32> = #ft.recipe<"generator" {name = "iota", shape = array<i64: 4, 8>}>
  ft.entry @e(%y: !ft.packed<tokens, 8xi32>) {
    // expected-error @below {{linear_c2: expected floats}}
    %0 = ft.linear %y, @w : (!ft.packed<tokens, 8xi32>) -> !ft.packed<tokens, 4xf32>
    ft.return
  }
}

// -----

// linear_c3: K differs
module attributes {ft.axes = ["tokens", "sequences", "rows"]} {
  ft.param @w : tensor<4x9xf32> = #ft.recipe<"generator" {name = "iota", shape = array<i64: 4, 9>}>
  ft.entry @e(%x: !ft.packed<tokens, 8xf32>) {
    // expected-error @below {{linear_c3: expected @w to be [4, 8]}}
    %0 = ft.linear %x, @w : (!ft.packed<tokens, 8xf32>) -> !ft.packed<tokens, 4xf32>
    ft.return
  }
}

// -----

// linear_c4: a bias of K
module attributes {ft.axes = ["tokens", "sequences", "rows"]} {
  ft.param @w : tensor<4x8xf32> = #ft.recipe<"generator" {name = "iota", shape = array<i64: 4, 8>}>
  ft.param @b : tensor<8xf32> = #ft.recipe<"generator" {name = "iota", shape = array<i64: 8>}>
  ft.entry @e(%x: !ft.packed<tokens, 8xf32>) {
    // expected-error @below {{linear_c4: expected @b to be [4]}}
    %0 = ft.linear %x, @w bias @b : (!ft.packed<tokens, 8xf32>) -> !ft.packed<tokens, 4xf32>
    ft.return
  }
}

// -----

// rms_norm_c1: a negative eps
module attributes {ft.axes = ["tokens", "sequences", "rows"]} {
  ft.param @w : tensor<8xf32> = #ft.recipe<"generator" {name = "iota", shape = array<i64: 8>}>
  ft.entry @e(%x: !ft.packed<tokens, 8xf32>) {
    // expected-error @below {{rms_norm_c1: expected a row of floats and an eps >= 0}}
    %0 = ft.rms_norm %x, @w {eps = -1.0 : f64} : !ft.packed<tokens, 8xf32>
    ft.return
  }
}

// -----

// rms_norm_c2: a weight of the whole row of heads
module attributes {ft.axes = ["tokens", "sequences", "rows"]} {
  ft.param @w : tensor<64xf32> = #ft.recipe<"generator" {name = "iota", shape = array<i64: 64>}>
  ft.entry @e(%h: !ft.packed<tokens, 4x16xf32>) {
    // expected-error @below {{rms_norm_c2: expected @w to be [16]}}
    %0 = ft.rms_norm %h, @w {eps = 0.0 : f64} : !ft.packed<tokens, 4x16xf32>
    ft.return
  }
}

// -----

// layer_norm_c1: one number a row
module attributes {ft.axes = ["tokens", "sequences", "rows"]} {
  ft.param @w : tensor<1xf32> = #ft.recipe<"generator" {name = "iota", shape = array<i64: 1>}>
  ft.entry @e(%y: !ft.packed<tokens, f32>) {
    // expected-error @below {{layer_norm_c1: expected a row of floats}}
    %0 = ft.layer_norm %y, @w {eps = 0.0 : f64} : !ft.packed<tokens, f32>
    ft.return
  }
}

// -----

// layer_norm_c2: another weight
module attributes {ft.axes = ["tokens", "sequences", "rows"]} {
  ft.param @w : tensor<7xf32> = #ft.recipe<"generator" {name = "iota", shape = array<i64: 7>}>
  ft.entry @e(%x: !ft.packed<tokens, 8xf32>) {
    // expected-error @below {{layer_norm_c2: expected @w to be [8]}}
    %0 = ft.layer_norm %x, @w {eps = 0.0 : f64} : !ft.packed<tokens, 8xf32>
    ft.return
  }
}

// -----

// layer_norm_c3: another bias
module attributes {ft.axes = ["tokens", "sequences", "rows"]} {
  ft.param @w : tensor<8xf32> = #ft.recipe<"generator" {name = "iota", shape = array<i64: 8>}>
  ft.param @b : tensor<7xf32> = #ft.recipe<"generator" {name = "iota", shape = array<i64: 7>}>
  ft.entry @e(%x: !ft.packed<tokens, 8xf32>) {
    // expected-error @below {{layer_norm_c3: expected @b to be [8]}}
    %0 = ft.layer_norm %x, @w bias @b {eps = 0.0 : f64} : !ft.packed<tokens, 8xf32>
    ft.return
  }
}

// -----

// cast_c1: another shape
module attributes {ft.axes = ["tokens", "sequences", "rows"]} {
  ft.entry @e(%x: !ft.packed<tokens, 8xf32>) {
    // expected-error @below {{cast_c1: changes more than the float type}}
    %0 = ft.cast %x : (!ft.packed<tokens, 8xf32>) -> !ft.packed<tokens, 4xbf16>
    ft.return
  }
}

// -----

// binary_c1: different element types
module attributes {ft.axes = ["tokens", "sequences", "rows"]} {
  ft.entry @e(%x: !ft.packed<tokens, 8xf32>, %y: !ft.packed<tokens, 8xbf16>) {
    // expected-error @below {{binary_c1: expected floats of one axis, type and rank}}
    %0 = ft.add %x, %y : (!ft.packed<tokens, 8xf32>, !ft.packed<tokens, 8xbf16>) -> !ft.packed<tokens, 8xf32>
    ft.return
  }
}

// -----

// binary_c2: extents 8 and 4
module attributes {ft.axes = ["tokens", "sequences", "rows"]} {
  ft.entry @e(%x: !ft.packed<tokens, 8xf32>, %y: !ft.packed<tokens, 4xf32>) {
    // expected-error @below {{binary_c2: extents must agree or be 1}}
    %0 = ft.mul %x, %y : (!ft.packed<tokens, 8xf32>, !ft.packed<tokens, 4xf32>) -> !ft.packed<tokens, 8xf32>
    ft.return
  }
}

// -----

// binary_c3: the smaller result
module attributes {ft.axes = ["tokens", "sequences", "rows"]} {
  ft.entry @e(%x: !ft.packed<tokens, 8xf32>, %y: !ft.packed<tokens, 1xf32>) {
    // expected-error @below {{binary_c3: expected}}
    %0 = ft.sub %x, %y : (!ft.packed<tokens, 8xf32>, !ft.packed<tokens, 1xf32>) -> !ft.packed<tokens, 1xf32>
    ft.return
  }
}

// -----

// reduce_c1: the extent dropped, not kept
module attributes {ft.axes = ["tokens", "sequences", "rows"]} {
  ft.entry @e(%h: !ft.packed<tokens, 4x16xf32>) {
    // expected-error @below {{reduce_c1: expected floats with the last extent kept as 1}}
    %0 = ft.reduce_sum %h : (!ft.packed<tokens, 4x16xf32>) -> !ft.packed<tokens, 4xf32>
    ft.return
  }
}

// -----

// positions_c2: a negative limit
module attributes {ft.axes = ["tokens", "sequences", "rows"]} {
  ft.entry @e(%s: !ft.sequences<tokens, sequences>) {
    // expected-error @below {{positions_c2: expected a limit from 0 on, found -1}}
    %0 = ft.positions %s {most = -1 : i64} : (!ft.sequences<tokens, sequences>) -> !ft.packed<tokens, i32>
    ft.return
  }
}

// -----

// patches_c1: an image of every token
module attributes {ft.axes = ["tokens", "sequences", "rows"]} {
  ft.entry @e(%i: !ft.packed<tokens, 3x4x6xf32>, %s: !ft.sequences<tokens, sequences>) {
    // expected-error @below {{patches_c1: expected floats of [channels, height, width] along 'sequences'}}
    %0 = ft.patches %i at %s by [2, 3] : (!ft.packed<tokens, 3x4x6xf32>, !ft.sequences<tokens, sequences>) -> !ft.packed<tokens, 18xf32>
    ft.return
  }
}

// -----

// patches_c1: no channels
module attributes {ft.axes = ["tokens", "sequences", "rows"]} {
  ft.entry @e(%i: !ft.packed<sequences, 4x6xf32>, %s: !ft.sequences<tokens, sequences>) {
    // expected-error @below {{patches_c1: expected floats of}}
    %0 = ft.patches %i at %s by [2, 3] : (!ft.packed<sequences, 4x6xf32>, !ft.sequences<tokens, sequences>) -> !ft.packed<tokens, 18xf32>
    ft.return
  }
}

// -----

// patches_c2: a patch wider than the image
module attributes {ft.axes = ["tokens", "sequences", "rows"]} {
  ft.entry @e(%i: !ft.packed<sequences, 3x4x6xf32>, %s: !ft.sequences<tokens, sequences>) {
    // expected-error @below {{patches_c2: expected the height and width of a patch within the image}}
    %0 = ft.patches %i at %s by [2, 7] : (!ft.packed<sequences, 3x4x6xf32>, !ft.sequences<tokens, sequences>) -> !ft.packed<tokens, 18xf32>
    ft.return
  }
}

// -----

// patches_c2: one extent
module attributes {ft.axes = ["tokens", "sequences", "rows"]} {
  ft.entry @e(%i: !ft.packed<sequences, 3x4x6xf32>, %s: !ft.sequences<tokens, sequences>) {
    // expected-error @below {{patches_c2: expected the height and width of a patch within the image}}
    %0 = ft.patches %i at %s by [2] : (!ft.packed<sequences, 3x4x6xf32>, !ft.sequences<tokens, sequences>) -> !ft.packed<tokens, 18xf32>
    ft.return
  }
}

// -----

// patches_c2: a negative prefix
module attributes {ft.axes = ["tokens", "sequences", "rows"]} {
  ft.entry @e(%i: !ft.packed<sequences, 3x4x6xf32>, %s: !ft.sequences<tokens, sequences>) {
    // expected-error @below {{and a prefix from 0 on}}
    %0 = ft.patches %i at %s by [2, 3] {prefix = -1 : i64} : (!ft.packed<sequences, 3x4x6xf32>, !ft.sequences<tokens, sequences>) -> !ft.packed<tokens, 18xf32>
    ft.return
  }
}

// -----

// patches_c3: rows of another patch
module attributes {ft.axes = ["tokens", "sequences", "rows"]} {
  ft.entry @e(%i: !ft.packed<sequences, 3x4x6xf32>, %s: !ft.sequences<tokens, sequences>) {
    // expected-error @below {{patches_c3: expected rows of 12 floats along 'tokens'}}
    %0 = ft.patches %i at %s by [2, 2] : (!ft.packed<sequences, 3x4x6xf32>, !ft.sequences<tokens, sequences>) -> !ft.packed<tokens, 18xf32>
    ft.return
  }
}
