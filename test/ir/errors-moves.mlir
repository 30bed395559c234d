// The nearest wrong forms of select, to_float, rearrange and concat.
// RUN: ft-opt %s --split-input-file -verify-diagnostics

// select_c1: another axis
module attributes {ft.axes = ["tokens", "sequences", "rows"]} {
ft.entry @e(%x: !ft.packed<tokens, 2x4xf32>, %y: !ft.packed<tokens, 4x2xf32>, %i: !ft.packed<tokens, i32>, %r: !ft.packed<rows, 2x4xf32>) {
  // expected-error @below {{select_c1: expected operands of one axis, element type and shape (1 repeats)}}
  %0 = ft.select %x, %x, %r : (!ft.packed<tokens, 2x4xf32>, !ft.packed<tokens, 2x4xf32>, !ft.packed<rows, 2x4xf32>) -> !ft.packed<tokens, 2x4xf32>
  ft.return
}
}

// -----

// select_c2: the extents of one operand only
module attributes {ft.axes = ["tokens", "sequences", "rows"]} {
ft.entry @e(%x: !ft.packed<tokens, 2x4xf32>, %y: !ft.packed<tokens, 4x2xf32>, %i: !ft.packed<tokens, i32>, %r: !ft.packed<rows, 2x4xf32>) {
  // expected-error @below {{select_c2: expected '!ft.packed<tokens, 2x4xf32>', found}}
  %0 = ft.select %x, %x, %x : (!ft.packed<tokens, 2x4xf32>, !ft.packed<tokens, 2x4xf32>, !ft.packed<tokens, 2x4xf32>) -> !ft.packed<tokens, 2x1xf32>
  ft.return
}
}

// -----

// to_float_c1: a float
module attributes {ft.axes = ["tokens", "sequences", "rows"]} {
ft.entry @e(%x: !ft.packed<tokens, 2x4xf32>, %y: !ft.packed<tokens, 4x2xf32>, %i: !ft.packed<tokens, i32>, %r: !ft.packed<rows, 2x4xf32>) {
  // expected-error @below {{to_float_c1: expected rows of i32 and as many floats}}
  %0 = ft.to_float %x : (!ft.packed<tokens, 2x4xf32>) -> !ft.packed<tokens, 1xf32>
  ft.return
}
}

// -----

// to_float_c1: more than one float
module attributes {ft.axes = ["tokens", "sequences", "rows"]} {
ft.entry @e(%x: !ft.packed<tokens, 2x4xf32>, %y: !ft.packed<tokens, 4x2xf32>, %i: !ft.packed<tokens, i32>, %r: !ft.packed<rows, 2x4xf32>) {
  // expected-error @below {{to_float_c1}}
  %0 = ft.to_float %i : (!ft.packed<tokens, i32>) -> !ft.packed<tokens, 2x4xf32>
  ft.return
}
}

// -----

// rearrange_c1: a stride too few
module attributes {ft.axes = ["tokens", "sequences", "rows"]} {
ft.entry @e(%x: !ft.packed<tokens, 2x4xf32>, %y: !ft.packed<tokens, 4x2xf32>, %i: !ft.packed<tokens, i32>, %r: !ft.packed<rows, 2x4xf32>) {
  // expected-error @below {{rearrange_c1: expected floats of one axis and type, and a stride for each extent}}
  %0 = ft.rearrange %x from 0 by [1] : (!ft.packed<tokens, 2x4xf32>) -> !ft.packed<tokens, 2x4xf32>
  ft.return
}
}

// -----

// rearrange_c2: one place beyond the row
module attributes {ft.axes = ["tokens", "sequences", "rows"]} {
ft.entry @e(%x: !ft.packed<tokens, 2x4xf32>, %y: !ft.packed<tokens, 4x2xf32>, %i: !ft.packed<tokens, i32>, %r: !ft.packed<rows, 2x4xf32>) {
  // expected-error @below {{rearrange_c2: expected places among the 8 elements of}}
  %0 = ft.rearrange %x from 1 by [4, 1] : (!ft.packed<tokens, 2x4xf32>) -> !ft.packed<tokens, 2x4xf32>
  ft.return
}
}

// -----

// rearrange_c2: a place before the row
module attributes {ft.axes = ["tokens", "sequences", "rows"]} {
ft.entry @e(%x: !ft.packed<tokens, 2x4xf32>, %y: !ft.packed<tokens, 4x2xf32>, %i: !ft.packed<tokens, i32>, %r: !ft.packed<rows, 2x4xf32>) {
  // expected-error @below {{rearrange_c2}}
  %0 = ft.rearrange %x from 0 by [4, -1] : (!ft.packed<tokens, 2x4xf32>) -> !ft.packed<tokens, 2x4xf32>
  ft.return
}
}

// -----

// concat_c1: other groups
module attributes {ft.axes = ["tokens", "sequences", "rows"]} {
ft.entry @e(%x: !ft.packed<tokens, 2x4xf32>, %y: !ft.packed<tokens, 4x2xf32>, %i: !ft.packed<tokens, i32>, %r: !ft.packed<rows, 2x4xf32>) {
  // expected-error @below {{concat_c1: expected like operands but for the last extent}}
  %0 = ft.concat %x, %y : (!ft.packed<tokens, 2x4xf32>, !ft.packed<tokens, 4x2xf32>) -> !ft.packed<tokens, 2x4xf32>
  ft.return
}
}

// -----

// concat_c2: the extent of one operand
module attributes {ft.axes = ["tokens", "sequences", "rows"]} {
ft.entry @e(%x: !ft.packed<tokens, 2x4xf32>, %y: !ft.packed<tokens, 4x2xf32>, %i: !ft.packed<tokens, i32>, %r: !ft.packed<rows, 2x4xf32>) {
  // expected-error @below {{concat_c2: expected '!ft.packed<tokens, 2x8xf32>', found}}
  %0 = ft.concat %x, %x : (!ft.packed<tokens, 2x4xf32>, !ft.packed<tokens, 2x4xf32>) -> !ft.packed<tokens, 2x4xf32>
  ft.return
}
}

// -----

// binary_c1: mod of ids
module attributes {ft.axes = ["tokens", "sequences", "rows"]} {
ft.entry @e(%x: !ft.packed<tokens, 2x4xf32>, %y: !ft.packed<tokens, 4x2xf32>, %i: !ft.packed<tokens, i32>, %r: !ft.packed<rows, 2x4xf32>) {
  // expected-error @below {{binary_c1: expected floats of one axis, type and rank}}
  %0 = ft.mod %i, %i : (!ft.packed<tokens, i32>, !ft.packed<tokens, i32>) -> !ft.packed<tokens, i32>
  ft.return
}
}
