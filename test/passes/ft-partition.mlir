// RUN: ft-opt %s --ft-partition=tp=2 --split-input-file | FileCheck %s
// RUN: ft-opt %s --ft-partition=tp=1 --split-input-file | FileCheck %s --check-prefix=ONE

// One rank changes nothing.
// ONE-NOT: ft.mesh
// ONE-NOT: ft.all_reduce
// ONE-NOT: starts

// The features between two linears are split: the first linear keeps rows of
// its weight and bias, the second columns; its result is summed over the ranks
// and its bias added once, after that.
// CHECK: module attributes {{.*}}ft.mesh = {tp = 2 : i64}
// CHECK:       ft.param @up : tensor<4x4xf32> = <"slice"(<"tensor"
// CHECK-SAME:    starts = array<i64: 0, 4>
// CHECK:       ft.param @up.b : tensor<4xf32> =
// CHECK-SAME:    starts = array<i64: 0, 4>
// CHECK:       ft.param @down : tensor<4x4xf32> =
// CHECK-SAME:    axis = 1 : i64, shape = array<i64: 4, 4>, starts = array<i64: 0, 4>
// CHECK:       ft.param @down.b : tensor<4xf32> = <"tensor"
// CHECK-LABEL: ft.entry @mlp
// CHECK:         %[[H:.*]] = ft.linear %{{.*}}, @up bias @up.b {{.*}} -> !ft.packed<tokens, 4xf32>
// CHECK:         %[[A:.*]] = ft.gelu %[[H]]
// CHECK:         %[[P:.*]] = ft.linear %[[A]], @down :
// CHECK:         %[[R:.*]] = ft.all_reduce %[[P]] over "tp"
// CHECK:         %[[B:.*]] = ft.broadcast @down.b
// CHECK:         %[[Y:.*]] = ft.add %[[R]], %[[B]]
// CHECK:         ft.return %[[Y]]
module attributes {ft.axes = ["tokens"]} {
  ft.param @up : tensor<8x4xf32> = #ft.recipe<"tensor" {shape = array<i64: 8, 4>}>
  ft.param @up.b : tensor<8xf32> = #ft.recipe<"tensor" {shape = array<i64: 8>}>
  ft.param @down : tensor<4x8xf32> = #ft.recipe<"tensor" {shape = array<i64: 4, 8>}>
  ft.param @down.b : tensor<4xf32> = #ft.recipe<"tensor" {shape = array<i64: 4>}>
  ft.entry @mlp(%x: !ft.packed<tokens, 4xf32> {ft.role = "data"})
      -> (!ft.packed<tokens, 4xf32> {ft.name = "y"}) {
    %h = ft.linear %x, @up bias @up.b : (!ft.packed<tokens, 4xf32>) -> !ft.packed<tokens, 8xf32>
    %a = ft.gelu %h : !ft.packed<tokens, 8xf32>
    %y = ft.linear %a, @down bias @down.b : (!ft.packed<tokens, 8xf32>) -> !ft.packed<tokens, 4xf32>
    ft.return %y : !ft.packed<tokens, 4xf32>
  }
}

// -----

// A norm over the features needs every one: nothing there is split, and the
// next pair of linears is.
// CHECK-LABEL: ft.entry @norm_between
// CHECK:         ft.linear %{{.*}}, @a {{.*}} -> !ft.packed<tokens, 8xf32>
// CHECK:         ft.rms_norm
// CHECK-NOT:     ft.all_reduce
// CHECK:         ft.linear %{{.*}}, @b {{.*}} -> !ft.packed<tokens, 4xf32>
// CHECK:         ft.linear %{{.*}}, @c {{.*}} -> !ft.packed<tokens, 8xf32>
// CHECK:         ft.all_reduce
module attributes {ft.axes = ["tokens"]} {
  ft.param @a : tensor<8x8xf32> = #ft.recipe<"tensor" {shape = array<i64: 8, 8>}>
  ft.param @b : tensor<8x8xf32> = #ft.recipe<"tensor" {shape = array<i64: 8, 8>}>
  ft.param @c : tensor<8x8xf32> = #ft.recipe<"tensor" {shape = array<i64: 8, 8>}>
  ft.param @n : tensor<8xf32> = #ft.recipe<"tensor" {shape = array<i64: 8>}>
  ft.entry @norm_between(%x: !ft.packed<tokens, 8xf32> {ft.role = "data"})
      -> (!ft.packed<tokens, 8xf32> {ft.name = "y"}) {
    %0 = ft.linear %x, @a : (!ft.packed<tokens, 8xf32>) -> !ft.packed<tokens, 8xf32>
    %1 = ft.rms_norm %0, @n {eps = 1.0e-5 : f64} : !ft.packed<tokens, 8xf32>
    %2 = ft.linear %1, @b : (!ft.packed<tokens, 8xf32>) -> !ft.packed<tokens, 8xf32>
    %3 = ft.linear %2, @c : (!ft.packed<tokens, 8xf32>) -> !ft.packed<tokens, 8xf32>
    ft.return %3 : !ft.packed<tokens, 8xf32>
  }
}

// -----

// Of a chain of three linears the first two are a pair; no linear is split on
// both sides.
// CHECK-LABEL: ft.entry @chain
// CHECK:         ft.linear %{{.*}}, @a {{.*}} -> !ft.packed<tokens, 4xf32>
// CHECK:         ft.linear %{{.*}}, @b {{.*}} -> !ft.packed<tokens, 8xf32>
// CHECK:         ft.all_reduce
// CHECK:         ft.linear %{{.*}}, @c {{.*}} -> !ft.packed<tokens, 8xf32>
// CHECK-NOT:     ft.all_reduce
module attributes {ft.axes = ["tokens"]} {
  ft.param @a : tensor<8x8xf32> = #ft.recipe<"tensor" {shape = array<i64: 8, 8>}>
  ft.param @b : tensor<8x8xf32> = #ft.recipe<"tensor" {shape = array<i64: 8, 8>}>
  ft.param @c : tensor<8x8xf32> = #ft.recipe<"tensor" {shape = array<i64: 8, 8>}>
  ft.entry @chain(%x: !ft.packed<tokens, 8xf32> {ft.role = "data"})
      -> (!ft.packed<tokens, 8xf32> {ft.name = "y"}) {
    %0 = ft.linear %x, @a : (!ft.packed<tokens, 8xf32>) -> !ft.packed<tokens, 8xf32>
    %1 = ft.linear %0, @b : (!ft.packed<tokens, 8xf32>) -> !ft.packed<tokens, 8xf32>
    %2 = ft.linear %1, @c : (!ft.packed<tokens, 8xf32>) -> !ft.packed<tokens, 8xf32>
    ft.return %2 : !ft.packed<tokens, 8xf32>
  }
}

// -----

// Weights that an elementwise operation reads follow its split; a number that
// is repeated does not. Features that do not divide get zeros: 5 over 2 ranks
// becomes 8 and 8.
// CHECK:       ft.param @up : tensor<8x4xf32> = <"slice"(<"pad"(<"tensor" {shape = array<i64: 5, 4>}>) {axis = 0 : i64, shape = array<i64: 16, 4>}>)
// CHECK-SAME:    starts = array<i64: 0, 8>
// CHECK:       ft.param @down : tensor<4x8xf32> = <"slice"(<"pad"(<"tensor"
// CHECK-SAME:    shape = array<i64: 4, 16>
// CHECK-SAME:    axis = 1 : i64, shape = array<i64: 4, 8>, starts = array<i64: 0, 8>
// CHECK:       ft.param @gain : tensor<8xf32> = <"slice"(<"pad"
// CHECK-LABEL: ft.entry @padded
// CHECK:         ft.broadcast @gain : <tokens, 8xf32>
// CHECK:         ft.all_reduce
module attributes {ft.axes = ["tokens"]} {
  ft.param @up : tensor<5x4xf32> = #ft.recipe<"tensor" {shape = array<i64: 5, 4>}>
  ft.param @down : tensor<4x5xf32> = #ft.recipe<"tensor" {shape = array<i64: 4, 5>}>
  ft.param @gain : tensor<5xf32> = #ft.recipe<"tensor" {shape = array<i64: 5>}>
  ft.entry @padded(%x: !ft.packed<tokens, 4xf32> {ft.role = "data"})
      -> (!ft.packed<tokens, 4xf32> {ft.name = "y"}) {
    %h = ft.linear %x, @up : (!ft.packed<tokens, 4xf32>) -> !ft.packed<tokens, 5xf32>
    %g = ft.broadcast @gain : !ft.packed<tokens, 5xf32>
    %m = ft.mul %h, %g : (!ft.packed<tokens, 5xf32>, !ft.packed<tokens, 5xf32>) -> !ft.packed<tokens, 5xf32>
    %e = ft.exp %m : !ft.packed<tokens, 5xf32>
    %y = ft.linear %e, @down : (!ft.packed<tokens, 5xf32>) -> !ft.packed<tokens, 4xf32>
    ft.return %y : !ft.packed<tokens, 4xf32>
  }
}

// -----

// Two summands of one sum, as where attention and MLP are parallel, are reduced
// together; their biases follow.
// CHECK-LABEL: ft.entry @parallel
// CHECK:         %[[P:.*]] = ft.linear %{{.*}}, @down :
// CHECK:         %[[Q:.*]] = ft.linear %{{.*}}, @down2 :
// CHECK-NOT:     ft.all_reduce
// CHECK:         %[[S:.*]] = ft.add %[[P]], %[[Q]]
// CHECK:         %[[R:.*]] = ft.all_reduce %[[S]]
// CHECK:         ft.broadcast @bias
// CHECK:         %[[B:.*]] = ft.add %[[R]],
// CHECK:         %[[Y:.*]] = ft.add %arg0, %[[B]]
// CHECK-NOT:     ft.all_reduce
// CHECK:         ft.return %[[Y]]
module attributes {ft.axes = ["tokens"]} {
  ft.param @up : tensor<8x4xf32> = #ft.recipe<"tensor" {shape = array<i64: 8, 4>}>
  ft.param @down : tensor<4x8xf32> = #ft.recipe<"tensor" {shape = array<i64: 4, 8>}>
  ft.param @down2 : tensor<4x8xf32> = #ft.recipe<"tensor" {shape = array<i64: 4, 8>}>
  ft.param @bias : tensor<4xf32> = #ft.recipe<"tensor" {shape = array<i64: 4>}>
  ft.entry @parallel(%x: !ft.packed<tokens, 4xf32> {ft.role = "data"})
      -> (!ft.packed<tokens, 4xf32> {ft.name = "y"}) {
    %h = ft.linear %x, @up : (!ft.packed<tokens, 4xf32>) -> !ft.packed<tokens, 8xf32>
    %a = ft.relu %h : !ft.packed<tokens, 8xf32>
    %p = ft.linear %a, @down bias @bias : (!ft.packed<tokens, 8xf32>) -> !ft.packed<tokens, 4xf32>
    %b = ft.tanh %h : !ft.packed<tokens, 8xf32>
    %q = ft.linear %b, @down2 : (!ft.packed<tokens, 8xf32>) -> !ft.packed<tokens, 4xf32>
    %s = ft.add %x, %p : (!ft.packed<tokens, 4xf32>, !ft.packed<tokens, 4xf32>) -> !ft.packed<tokens, 4xf32>
    %y = ft.add %s, %q : (!ft.packed<tokens, 4xf32>, !ft.packed<tokens, 4xf32>) -> !ft.packed<tokens, 4xf32>
    ft.return %y : !ft.packed<tokens, 4xf32>
  }
}

// -----

// A sum that something else reads between cannot wait for the second summand.
// CHECK-LABEL: ft.entry @read_between
// CHECK-COUNT-2: ft.all_reduce
module attributes {ft.axes = ["tokens"]} {
  ft.param @up : tensor<8x4xf32> = #ft.recipe<"tensor" {shape = array<i64: 8, 4>}>
  ft.param @down : tensor<4x8xf32> = #ft.recipe<"tensor" {shape = array<i64: 4, 8>}>
  ft.entry @read_between(%x: !ft.packed<tokens, 4xf32> {ft.role = "data"})
      -> (!ft.packed<tokens, 4xf32> {ft.name = "y"}, !ft.packed<tokens, 4xf32> {ft.name = "z"}) {
    %h = ft.linear %x, @up : (!ft.packed<tokens, 4xf32>) -> !ft.packed<tokens, 8xf32>
    %p = ft.linear %h, @down : (!ft.packed<tokens, 8xf32>) -> !ft.packed<tokens, 4xf32>
    %b = ft.tanh %h : !ft.packed<tokens, 8xf32>
    %q = ft.linear %b, @down : (!ft.packed<tokens, 8xf32>) -> !ft.packed<tokens, 4xf32>
    %s = ft.add %x, %p : (!ft.packed<tokens, 4xf32>, !ft.packed<tokens, 4xf32>) -> !ft.packed<tokens, 4xf32>
    %y = ft.add %s, %q : (!ft.packed<tokens, 4xf32>, !ft.packed<tokens, 4xf32>) -> !ft.packed<tokens, 4xf32>
    ft.return %y, %s : !ft.packed<tokens, 4xf32>, !ft.packed<tokens, 4xf32>
  }
}

// -----

// Views of a fused checkpoint's tensor: GPT-2's transposed columns.
// CHECK:       ft.param @up : tensor<4x4xf32> = <"slice"(<"transpose"(<"slice"(<"tensor" {shape = array<i64: 4, 24>}>) {axis = 1 : i64, shape = array<i64: 4, 8>, start = 8 : i64}>) {shape = array<i64: 8, 4>}>)
// CHECK-SAME:    axis = 0 : i64, shape = array<i64: 4, 4>, starts = array<i64: 0, 4>
// A weight that another reader wants in whole: the part is a weight of its own,
// and so is the part of a view of other rows.
// CHECK:       ft.param @down : tensor<8x8xf32> = <"tensor"
// CHECK:       ft.param @down.part : tensor<8x4xf32> = <"slice"(<"tensor"
// CHECK:       ft.param @view : tensor<4x4xf32> = <"slice"(<"slice"(<"tensor" {shape = array<i64: 16, 4>}>) {axis = 0 : i64, shape = array<i64: 8, 4>, start = 4 : i64}>)
// CHECK-LABEL: ft.entry @views
// CHECK:         ft.linear %{{.*}}, @down.part
// CHECK:         ft.linear %{{.*}}, @down :
module attributes {ft.axes = ["tokens"]} {
  ft.param @up : tensor<8x4xf32> = #ft.recipe<"transpose"(<"slice"(<"tensor" {shape = array<i64: 4, 24>}>) {axis = 1 : i64, shape = array<i64: 4, 8>, start = 8 : i64}>) {shape = array<i64: 8, 4>}>
  ft.param @down : tensor<8x8xf32> = #ft.recipe<"tensor" {shape = array<i64: 8, 8>}>
  ft.param @rows : tensor<16x4xf32> = #ft.recipe<"tensor" {shape = array<i64: 16, 4>}>
  ft.param @view : tensor<8x4xf32> view_of @rows row 4
  ft.entry @views(%x: !ft.packed<tokens, 4xf32> {ft.role = "data"})
      -> (!ft.packed<tokens, 8xf32> {ft.name = "y"}) {
    %h = ft.linear %x, @up : (!ft.packed<tokens, 4xf32>) -> !ft.packed<tokens, 8xf32>
    %v = ft.linear %x, @view : (!ft.packed<tokens, 4xf32>) -> !ft.packed<tokens, 8xf32>
    %a = ft.mul %h, %v : (!ft.packed<tokens, 8xf32>, !ft.packed<tokens, 8xf32>) -> !ft.packed<tokens, 8xf32>
    %p = ft.linear %a, @down : (!ft.packed<tokens, 8xf32>) -> !ft.packed<tokens, 8xf32>
    %y = ft.linear %p, @down : (!ft.packed<tokens, 8xf32>) -> !ft.packed<tokens, 8xf32>
    ft.return %y : !ft.packed<tokens, 8xf32>
  }
}

// -----

// fp16 summands are stored in fp32 until they are added up; those of a table are
// not, since all but one are zero.
// CHECK-LABEL: ft.entry @half
// CHECK:         ft.all_reduce %{{.*}} over "tp" : <tokens, 4xf16>
// CHECK:         %[[P:.*]] = ft.linear %{{.*}}, @down : (!ft.packed<tokens, 4xf16>) -> !ft.packed<tokens, 4xf32>
// CHECK:         %[[R:.*]] = ft.all_reduce %[[P]] over "tp" : <tokens, 4xf32>
// CHECK:         %[[C:.*]] = ft.cast %[[R]] : (!ft.packed<tokens, 4xf32>) -> !ft.packed<tokens, 4xf16>
// CHECK:         ft.add %{{.*}}, %[[C]]
module attributes {ft.axes = ["tokens"], ft.dtype = f16} {
  ft.param @embed : tensor<6x4xf16> = #ft.recipe<"tensor" {shape = array<i64: 6, 4>}>
  ft.param @up : tensor<8x4xf16> = #ft.recipe<"tensor" {shape = array<i64: 8, 4>}>
  ft.param @down : tensor<4x8xf16> = #ft.recipe<"tensor" {shape = array<i64: 4, 8>}>
  ft.entry @half(%ids: !ft.packed<tokens, i32> {ft.role = "tokens", ft.limit = 6 : i64})
      -> (!ft.packed<tokens, 4xf32> {ft.name = "y"}) {
    %x = ft.embedding %ids, @embed : (!ft.packed<tokens, i32>) -> !ft.packed<tokens, 4xf16>
    %h = ft.linear %x, @up : (!ft.packed<tokens, 4xf16>) -> !ft.packed<tokens, 8xf16>
    %p = ft.linear %h, @down : (!ft.packed<tokens, 8xf16>) -> !ft.packed<tokens, 4xf16>
    %s = ft.add %x, %p : (!ft.packed<tokens, 4xf16>, !ft.packed<tokens, 4xf16>) -> !ft.packed<tokens, 4xf16>
    %y = ft.cast %s : (!ft.packed<tokens, 4xf16>) -> !ft.packed<tokens, 4xf32>
    ft.return %y : !ft.packed<tokens, 4xf32>
  }
}
