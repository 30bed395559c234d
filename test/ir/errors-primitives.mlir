// The nearest wrong form of every primitive, one constraint of docs/spec.md each.
// RUN: ft-opt %s --split-input-file -verify-diagnostics

// -----
ft.entry @e(%x: !ft.padded<[batch, sequence, 8], f32>, %ids: !ft.padded<[batch, sequence], i32>) -> !ft.padded<[batch, sequence, 8], f32> {
  // expected-error @+1 {{padded_c2: element type must be f32, i32 or i1, found 'f16'}}
  %0 = ft.prim.iota axis 0 : !ft.padded<[sequence], f16>
  ft.return %x : !ft.padded<[batch, sequence, 8], f32>
}
// -----
ft.entry @e(%x: !ft.padded<[batch, sequence, 8], f32>, %ids: !ft.padded<[batch, sequence], i32>) -> !ft.padded<[batch, sequence, 8], f32> {
  // expected-error @+1 {{padded_c1: extents must be positive, found 0}}
  %0 = ft.prim.iota axis 0 : !ft.padded<[0], i32>
  ft.return %x : !ft.padded<[batch, sequence, 8], f32>
}
// -----
ft.entry @e(%x: !ft.padded<[batch, sequence, 8], f32>, %ids: !ft.padded<[batch, sequence], i32>) -> !ft.padded<[batch, sequence, 8], f32> {
  // expected-error @+1 {{prim_c1: expected the result '!ft.padded<[batch, sequence, 8], f32>', found '!ft.padded<[batch, sequence, 4], f32>'}}
  %0 = ft.prim.exp %x : (!ft.padded<[batch, sequence, 8], f32>) -> !ft.padded<[batch, sequence, 4], f32>
  ft.return %x : !ft.padded<[batch, sequence, 8], f32>
}
// -----
ft.entry @e(%x: !ft.padded<[batch, sequence, 8], f32>, %ids: !ft.padded<[batch, sequence], i32>) -> !ft.padded<[batch, sequence, 8], f32> {
  // expected-error @+1 {{prim_c2: expected at most 2^62 elements}}
  %0 = ft.prim.expand %x : (!ft.padded<[batch, sequence, 8], f32>) -> !ft.padded<[4611686018427387904, batch, sequence, 8], f32>
  ft.return %x : !ft.padded<[batch, sequence, 8], f32>
}
// -----
ft.entry @e(%x: !ft.padded<[batch, sequence, 8], f32>, %ids: !ft.padded<[batch, sequence], i32>) -> !ft.padded<[batch, sequence, 8], f32> {
  // expected-error @+1 {{prim_axis_c1: expected an axis of '!ft.padded<[batch, sequence, 8], f32>', found 3}}
  %0 = ft.prim.softmax %x axis 3 : (!ft.padded<[batch, sequence, 8], f32>) -> !ft.padded<[batch, sequence, 8], f32>
  ft.return %x : !ft.padded<[batch, sequence, 8], f32>
}
// -----
ft.entry @e(%x: !ft.padded<[batch, sequence, 8], f32>, %ids: !ft.padded<[batch, sequence], i32>) -> !ft.padded<[batch, sequence, 8], f32> {
  // expected-error @+1 {{prim_axis_c2: expected elements of f32, found}}
  %0 = ft.prim.softmax %ids axis 1 : (!ft.padded<[batch, sequence], i32>) -> !ft.padded<[batch, sequence], i32>
  ft.return %x : !ft.padded<[batch, sequence, 8], f32>
}
// -----
ft.entry @e(%x: !ft.padded<[batch, sequence, 8], f32>, %ids: !ft.padded<[batch, sequence], i32>) -> !ft.padded<[batch, sequence, 8], f32> {
  // expected-error @+1 {{prim_constant_c1: expected one number or one for each element of '!ft.padded<[3], f32>', found 2}}
  %0 = ft.prim.constant [1.0, 2.0] : !ft.padded<[3], f32>
  ft.return %x : !ft.padded<[batch, sequence, 8], f32>
}
// -----
ft.entry @e(%x: !ft.padded<[batch, sequence, 8], f32>, %ids: !ft.padded<[batch, sequence], i32>) -> !ft.padded<[batch, sequence, 8], f32> {
  // expected-error @+1 {{prim_constant_c1}}
  %0 = ft.prim.constant [1.0, 2.0] : !ft.padded<[sequence], f32>
  ft.return %x : !ft.padded<[batch, sequence, 8], f32>
}
// -----
ft.entry @e(%x: !ft.padded<[batch, sequence, 8], f32>, %ids: !ft.padded<[batch, sequence], i32>) -> !ft.padded<[batch, sequence, 8], f32> {
  // expected-error @+1 {{prim_iota_c1: expected elements of i32 or f32}}
  %0 = ft.prim.iota axis 0 : !ft.padded<[sequence], i1>
  ft.return %x : !ft.padded<[batch, sequence, 8], f32>
}
// -----
ft.entry @e(%x: !ft.padded<[batch, sequence, 8], f32>, %ids: !ft.padded<[batch, sequence], i32>) -> !ft.padded<[batch, sequence, 8], f32> {
  // expected-error @+1 {{prim_unary_c1: expected elements of f32, found}}
  %0 = ft.prim.exp %ids : (!ft.padded<[batch, sequence], i32>) -> !ft.padded<[batch, sequence], i32>
  ft.return %x : !ft.padded<[batch, sequence, 8], f32>
}
// -----
ft.entry @e(%x: !ft.padded<[batch, sequence, 8], f32>, %ids: !ft.padded<[batch, sequence], i32>) -> !ft.padded<[batch, sequence, 8], f32> {
  // expected-error @+1 {{prim_unary_c1: expected elements of i1, found}}
  %0 = ft.prim.not %ids : (!ft.padded<[batch, sequence], i32>) -> !ft.padded<[batch, sequence], i32>
  ft.return %x : !ft.padded<[batch, sequence, 8], f32>
}
// -----
ft.entry @e(%x: !ft.padded<[batch, sequence, 8], f32>, %ids: !ft.padded<[batch, sequence], i32>) -> !ft.padded<[batch, sequence, 8], f32> {
  // expected-error @+1 {{prim_binary_c1: expected operands of one element type, f32 or i32, found}}
  %0 = ft.prim.add %x, %ids : (!ft.padded<[batch, sequence, 8], f32>, !ft.padded<[batch, sequence], i32>) -> !ft.padded<[batch, sequence, 8], f32>
  ft.return %x : !ft.padded<[batch, sequence, 8], f32>
}
// -----
ft.entry @e(%x: !ft.padded<[batch, sequence, 8], f32>, %ids: !ft.padded<[batch, sequence], i32>) -> !ft.padded<[batch, sequence, 8], f32> {
  // expected-error @+1 {{prim_binary_c1: expected operands of one element type, f32, found}}
  %0 = ft.prim.pow %ids, %ids : (!ft.padded<[batch, sequence], i32>, !ft.padded<[batch, sequence], i32>) -> !ft.padded<[batch, sequence], i32>
  ft.return %x : !ft.padded<[batch, sequence, 8], f32>
}
// -----
ft.entry @e(%x: !ft.padded<[batch, sequence, 8], f32>, %ids: !ft.padded<[batch, sequence], i32>) -> !ft.padded<[batch, sequence, 8], f32> {
  // expected-error @+1 {{prim_binary_c1: expected operands of one element type, i1, found}}
  %0 = ft.prim.and %ids, %ids : (!ft.padded<[batch, sequence], i32>, !ft.padded<[batch, sequence], i32>) -> !ft.padded<[batch, sequence], i32>
  ft.return %x : !ft.padded<[batch, sequence, 8], f32>
}
// -----
ft.entry @e(%x: !ft.padded<[batch, sequence, 8], f32>, %y: !ft.padded<[sequence, 4], f32>) -> !ft.padded<[batch, sequence, 8], f32> {
  // expected-error @+1 {{prim_binary_c2: expected extents that agree or are 1, aligned at the last axis, found}}
  %0 = ft.prim.add %x, %y : (!ft.padded<[batch, sequence, 8], f32>, !ft.padded<[sequence, 4], f32>) -> !ft.padded<[batch, sequence, 8], f32>
  ft.return %x : !ft.padded<[batch, sequence, 8], f32>
}
// -----
ft.entry @e(%x: !ft.padded<[batch, sequence, 8], f32>, %ids: !ft.padded<[batch, sequence], i32>) -> !ft.padded<[batch, sequence, 8], f32> {
  // expected-error @+1 {{prim_select_c1: expected a condition of i1}}
  %0 = ft.prim.select %ids, %x, %x : (!ft.padded<[batch, sequence], i32>, !ft.padded<[batch, sequence, 8], f32>, !ft.padded<[batch, sequence, 8], f32>) -> !ft.padded<[batch, sequence, 8], f32>
  ft.return %x : !ft.padded<[batch, sequence, 8], f32>
}
// -----
ft.entry @e(%x: !ft.padded<[batch, sequence, 8], f32>, %c: !ft.padded<[batch, sequence], i1>) -> !ft.padded<[batch, sequence, 8], f32> {
  // expected-error @+1 {{prim_select_c2}}
  %0 = ft.prim.select %c, %x, %x : (!ft.padded<[batch, sequence], i1>, !ft.padded<[batch, sequence, 8], f32>, !ft.padded<[batch, sequence, 8], f32>) -> !ft.padded<[batch, sequence, 8], f32>
  ft.return %x : !ft.padded<[batch, sequence, 8], f32>
}
// -----
ft.entry @e(%x: !ft.padded<[batch, sequence, 8], f32>, %ids: !ft.padded<[batch, sequence], i32>) -> !ft.padded<[batch, sequence, 8], f32> {
  // expected-error @+1 {{prim_matmul_c1: expected two tensors of f32 with at least two axes}}
  %0 = ft.prim.matmul %ids, %x : (!ft.padded<[batch, sequence], i32>, !ft.padded<[batch, sequence, 8], f32>) -> !ft.padded<[batch, sequence, 8], f32>
  ft.return %x : !ft.padded<[batch, sequence, 8], f32>
}
// -----
ft.entry @e(%x: !ft.padded<[batch, sequence, 8], f32>, %ids: !ft.padded<[batch, sequence], i32>) -> !ft.padded<[batch, sequence, 8], f32> {
  // expected-error @+1 {{prim_matmul_c2: expected [..., M, K] and [..., K, N], found}}
  %0 = ft.prim.matmul %x, %x : (!ft.padded<[batch, sequence, 8], f32>, !ft.padded<[batch, sequence, 8], f32>) -> !ft.padded<[batch, sequence, 8], f32>
  ft.return %x : !ft.padded<[batch, sequence, 8], f32>
}
// -----
ft.entry @e(%x: !ft.padded<[batch, sequence, 8], f32>, %y: !ft.padded<[3, 8, 8], f32>) -> !ft.padded<[batch, sequence, 8], f32> {
  // expected-error @+1 {{prim_matmul_c3: expected leading extents that agree or are 1}}
  %0 = ft.prim.matmul %x, %y : (!ft.padded<[batch, sequence, 8], f32>, !ft.padded<[3, 8, 8], f32>) -> !ft.padded<[batch, sequence, 8], f32>
  ft.return %x : !ft.padded<[batch, sequence, 8], f32>
}
// -----
ft.entry @e(%x: !ft.padded<[batch, sequence, 8], f32>, %ids: !ft.padded<[batch, sequence], i32>) -> !ft.padded<[batch, sequence, 8], f32> {
  // expected-error @+1 {{prim_reduce_c1: expected numbers to reduce, f32 for a mean}}
  %0 = ft.prim.reduce_mean %ids axes [1] : (!ft.padded<[batch, sequence], i32>) -> !ft.padded<[batch], i32>
  ft.return %x : !ft.padded<[batch, sequence, 8], f32>
}
// -----
ft.entry @e(%x: !ft.padded<[batch, sequence, 8], f32>, %ids: !ft.padded<[batch, sequence], i32>) -> !ft.padded<[batch, sequence, 8], f32> {
  // expected-error @+1 {{prim_reduce_c2: expected axes in rising order}}
  %0 = ft.prim.reduce_sum %x axes [2, 1] : (!ft.padded<[batch, sequence, 8], f32>) -> !ft.padded<[batch], f32>
  ft.return %x : !ft.padded<[batch, sequence, 8], f32>
}
// -----
ft.entry @e(%x: !ft.padded<[batch, sequence, 8], f32>, %ids: !ft.padded<[batch, sequence], i32>) -> !ft.padded<[batch, sequence, 8], f32> {
  // expected-error @+1 {{prim_transpose_c1: expected each axis of '!ft.padded<[batch, sequence, 8], f32>' once, found [0, 0, 2]}}
  %0 = ft.prim.transpose %x [0, 0, 2] : (!ft.padded<[batch, sequence, 8], f32>) -> !ft.padded<[batch, sequence, 8], f32>
  ft.return %x : !ft.padded<[batch, sequence, 8], f32>
}
// -----
ft.entry @e(%x: !ft.padded<[batch, sequence, 8], f32>, %ids: !ft.padded<[batch, sequence], i32>) -> !ft.padded<[batch, sequence, 8], f32> {
  // expected-error @+1 {{prim_reshape_c1: expected the 8*batch*sequence elements of}}
  %0 = ft.prim.reshape %x : (!ft.padded<[batch, sequence, 8], f32>) -> !ft.padded<[batch, 8], f32>
  ft.return %x : !ft.padded<[batch, sequence, 8], f32>
}
// -----
ft.entry @e(%x: !ft.padded<[batch, sequence, 8], f32>, %ids: !ft.padded<[batch, sequence], i32>) -> !ft.padded<[batch, sequence, 8], f32> {
  // expected-error @+1 {{prim_expand_c1: expected a shape that}}
  %0 = ft.prim.expand %x : (!ft.padded<[batch, sequence, 8], f32>) -> !ft.padded<[batch, sequence, 16], f32>
  ft.return %x : !ft.padded<[batch, sequence, 8], f32>
}
// -----
ft.entry @e(%x: !ft.padded<[batch, sequence, 8], f32>, %ids: !ft.padded<[batch, sequence], i32>) -> !ft.padded<[batch, sequence, 8], f32> {
  // expected-error @+1 {{prim_slice_c1: expected a step of at least 1}}
  %0 = ft.prim.slice %x axis 2 start 0 step 0 : (!ft.padded<[batch, sequence, 8], f32>) -> !ft.padded<[batch, sequence, 8], f32>
  ft.return %x : !ft.padded<[batch, sequence, 8], f32>
}
// -----
ft.entry @e(%x: !ft.padded<[batch, sequence, 8], f32>, %ids: !ft.padded<[batch, sequence], i32>) -> !ft.padded<[batch, sequence, 8], f32> {
  // expected-error @+1 {{prim_slice_c2: expected a range of the 8 elements along axis 2, found 4 from 5 in steps of 1}}
  %0 = ft.prim.slice %x axis 2 start 5 : (!ft.padded<[batch, sequence, 8], f32>) -> !ft.padded<[batch, sequence, 4], f32>
  ft.return %x : !ft.padded<[batch, sequence, 8], f32>
}
// -----
ft.entry @e(%x: !ft.padded<[batch, sequence, 8], f32>, %ids: !ft.padded<[batch, sequence], i32>) -> !ft.padded<[batch, sequence, 8], f32> {
  // expected-error @+1 {{prim_slice_c2}}
  %0 = ft.prim.slice %x axis 2 start 0 step 3 : (!ft.padded<[batch, sequence, 8], f32>) -> !ft.padded<[batch, sequence, 4], f32>
  ft.return %x : !ft.padded<[batch, sequence, 8], f32>
}
// -----
ft.entry @e(%x: !ft.padded<[batch, sequence, 8], f32>, %ids: !ft.padded<[batch, sequence], i32>) -> !ft.padded<[batch, sequence, 8], f32> {
  // expected-error @+1 {{prim_slice_c2}}
  %0 = ft.prim.slice %x axis 1 start -1 : (!ft.padded<[batch, sequence, 8], f32>) -> !ft.padded<[batch, 2, 8], f32>
  ft.return %x : !ft.padded<[batch, sequence, 8], f32>
}
// -----
ft.entry @e(%x: !ft.padded<[batch, sequence, 8], f32>, %ids: !ft.padded<[batch, sequence], i32>) -> !ft.padded<[batch, sequence, 8], f32> {
  // expected-error @+1 {{prim_slice_c2}}
  %0 = ft.prim.slice %x axis 1 start 1 : (!ft.padded<[batch, sequence, 8], f32>) -> !ft.padded<[batch, sequence, 8], f32>
  ft.return %x : !ft.padded<[batch, sequence, 8], f32>
}
// -----
ft.entry @e(%x: !ft.padded<[batch, sequence, 8], f32>, %y: !ft.padded<[batch, 1, 8], f32>) -> !ft.padded<[batch, sequence, 8], f32> {
  // expected-error @+1 {{prim_concat_c1: expected like types but for axis 1}}
  %0 = ft.prim.concat %x, %y axis 1 : (!ft.padded<[batch, sequence, 8], f32>, !ft.padded<[batch, 1, 8], f32>) -> !ft.padded<[batch, sequence, 8], f32>
  ft.return %x : !ft.padded<[batch, sequence, 8], f32>
}
// -----
ft.entry @e(%x: !ft.padded<[batch, sequence, 8], f32>, %ids: !ft.padded<[batch, sequence], i32>) -> !ft.padded<[batch, sequence, 8], f32> {
  // expected-error @+1 {{prim_gather_c1: expected ids of i32}}
  %0 = ft.prim.gather %x, %x axis 2 : (!ft.padded<[batch, sequence, 8], f32>, !ft.padded<[batch, sequence, 8], f32>) -> !ft.padded<[batch, sequence, 8], f32>
  ft.return %x : !ft.padded<[batch, sequence, 8], f32>
}
// -----
ft.entry @e(%x: !ft.padded<[batch, sequence, 8], f32>, %ids: !ft.padded<[batch, sequence], i32>) -> !ft.padded<[batch, sequence, 8], f32> {
  // expected-error @+1 {{prim_gather_c2: expected 1 leading axes before axis 0 that agree}}
  %0 = ft.prim.gather %x, %ids axis 0 batch 1 : (!ft.padded<[batch, sequence, 8], f32>, !ft.padded<[batch, sequence], i32>) -> !ft.padded<[batch, sequence, 8], f32>
  ft.return %x : !ft.padded<[batch, sequence, 8], f32>
}
// -----
ft.entry @e(%x: !ft.padded<[batch, sequence, 8], f32>, %ids: !ft.padded<[batch, sequence], i32>) -> !ft.padded<[batch, sequence, 8], f32> {
  // expected-error @+1 {{prim_apply_c2: expected a row of '!ft.padded<[batch, sequence, 8], f32>', found '!ft.packed<tokens, 4xf32>'}}
  %0 = ft.prim.apply(%x) {
  ^bb0(%a: !ft.packed<tokens, 4xf32>):
    ft.yield %a : !ft.packed<tokens, 4xf32>
  } : (!ft.padded<[batch, sequence, 8], f32>) -> !ft.padded<[batch, sequence, 8], f32>
  ft.return %x : !ft.padded<[batch, sequence, 8], f32>
}
// -----
ft.entry @e(%x: !ft.padded<[batch, sequence, 8], f32>, %ids: !ft.padded<[batch, sequence], i32>) -> !ft.padded<[batch, sequence, 8], f32> {
  // expected-error @+1 {{prim_apply_c3: expected the same leading axes of all tensors}}
  %0 = ft.prim.apply(%x) {
  ^bb0(%a: !ft.packed<tokens, 8xf32>):
    ft.yield %a : !ft.packed<tokens, 8xf32>
  } : (!ft.padded<[batch, sequence, 8], f32>) -> !ft.padded<[sequence, 8], f32>
  ft.return %x : !ft.padded<[batch, sequence, 8], f32>
}
// -----
ft.entry @e(%x: !ft.padded<[batch, sequence, 8], f32>, %ids: !ft.padded<[batch, sequence], i32>) -> !ft.padded<[batch, sequence, 8], f32> {
  // expected-error @+1 {{prim_apply_c1: expected at least one operand}}
  %0 = ft.prim.apply(%x) {
  ^bb0(%a: !ft.packed<tokens, 8xf32>):
    ft.yield %a, %a : !ft.packed<tokens, 8xf32>, !ft.packed<tokens, 8xf32>
  } : (!ft.padded<[batch, sequence, 8], f32>) -> !ft.padded<[batch, sequence, 8], f32>
  ft.return %x : !ft.padded<[batch, sequence, 8], f32>
}
// -----
ft.entry @e(%x: !ft.padded<[batch, sequence, 8], f32>, %ids: !ft.padded<[batch, sequence], i32>) -> !ft.padded<[batch, sequence, 8], f32> {
  // expected-error @+1 {{prim_apply_c4: 'ft.argmax' is no operation on rows alone}}
  %0 = ft.prim.apply(%x) {
  ^bb0(%a: !ft.packed<tokens, 8xf32>):
    %i = ft.argmax %a : (!ft.packed<tokens, 8xf32>) -> !ft.packed<tokens, i32>
    ft.yield %a : !ft.packed<tokens, 8xf32>
  } : (!ft.padded<[batch, sequence, 8], f32>) -> !ft.padded<[batch, sequence, 8], f32>
  ft.return %x : !ft.padded<[batch, sequence, 8], f32>
}
// -----
ft.entry @e(%x: !ft.padded<[batch, sequence, 8], f32>, %ids: !ft.padded<[batch, sequence], i32>) -> !ft.padded<[batch, sequence, 8], f32> {
  // expected-error @+1 {{entry_c7: no argument of the entry has the symbol 'sequense'}}
  %0 = ft.prim.iota axis 0 : !ft.padded<[sequense], i32>
  ft.return %x : !ft.padded<[batch, sequence, 8], f32>
}
// -----
// expected-error @+1 {{entry_c6: a padded entry has padded arguments only}}
ft.entry @e(%x: !ft.padded<[batch, sequence, 8], f32>, %y: !ft.packed<tokens, i32>) -> !ft.padded<[batch, sequence, 8], f32> {
  ft.return %x : !ft.padded<[batch, sequence, 8], f32>
}
// -----
module attributes {ft.axes = ["tokens"]} {
  ft.param @w : tensor<8xf32> = #ft.recipe<"generator" {name = "iota", shape = array<i64: 8>}>
  // expected-error @+1 {{entry_c3: results must be padded values}}
  ft.entry @e(%x: !ft.padded<[batch, sequence, 8], f32>) -> !ft.packed<tokens, 8xf32> {
    %0 = ft.broadcast @w : !ft.packed<tokens, 8xf32>
    ft.return %0 : !ft.packed<tokens, 8xf32>
  }
}
// -----
// expected-error @+1 {{entry_c2: argument 0 of '!ft.padded<[batch, sequence, 8], f32>' cannot have the role "mask"}}
ft.entry @e(%x: !ft.padded<[batch, sequence, 8], f32> {ft.role = "mask"}) -> !ft.padded<[batch, sequence, 8], f32> {
  ft.return %x : !ft.padded<[batch, sequence, 8], f32>
}
// -----
module attributes {ft.axes = ["tokens"]} {
  ft.param @w : tensor<8xf32> = #ft.recipe<"generator" {name = "iota", shape = array<i64: 8>}>
  ft.entry @e(%x: !ft.padded<[batch, sequence, 8], f32>) -> !ft.padded<[batch, sequence, 8], f32> {
    // expected-error @+1 {{prim_param_c1: expected the type of @w, 'tensor<8xf32>', found '!ft.padded<[4], f32>'}}
    %0 = ft.prim.param @w : !ft.padded<[4], f32>
    ft.return %x : !ft.padded<[batch, sequence, 8], f32>
  }
}
