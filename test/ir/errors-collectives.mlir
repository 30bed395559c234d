// RUN: ft-opt %s --split-input-file --verify-diagnostics

module attributes {ft.axes = ["tokens"], ft.mesh = {tp = 2 : i64}} {
  ft.entry @mesh(%x: !ft.packed<tokens, 4xf32>) {
    // expected-error @+1 {{collective_c1: "pp" is no axis of the module's ft.mesh}}
    %0 = ft.all_reduce %x over "pp" : !ft.packed<tokens, 4xf32>
    ft.return
  }
}

// -----

module attributes {ft.axes = ["tokens"]} {
  ft.entry @no_mesh(%x: !ft.packed<tokens, 4xf32>) {
    // expected-error @+1 {{collective_c1: "tp" is no axis of the module's ft.mesh}}
    %0 = ft.all_gather %x over "tp" : (!ft.packed<tokens, 4xf32>) -> !ft.packed<tokens, 8xf32>
    ft.return
  }
}

// -----

module attributes {ft.axes = ["tokens"], ft.mesh = {tp = 2 : i64}} {
  ft.entry @ids(%x: !ft.packed<tokens, 4xi32>) {
    // expected-error @+1 {{collective_c2: expected floats, found '!ft.packed<tokens, 4xi32>'}}
    %0 = ft.all_reduce %x over "tp" : !ft.packed<tokens, 4xi32>
    ft.return
  }
}

// -----

module attributes {ft.axes = ["tokens"], ft.mesh = {tp = 2 : i64}} {
  ft.entry @too_wide(%x: !ft.packed<tokens, 4xf32>) {
    // expected-error @+1 {{all_gather_c1: expected up to 2 times the first extent of '!ft.packed<tokens, 4xf32>', found '!ft.packed<tokens, 9xf32>'}}
    %0 = ft.all_gather %x over "tp" : (!ft.packed<tokens, 4xf32>) -> !ft.packed<tokens, 9xf32>
    ft.return
  }
}

// -----

module attributes {ft.axes = ["tokens"], ft.mesh = {tp = 2 : i64}} {
  ft.entry @other_extent(%x: !ft.packed<tokens, 4x2xf32>) {
    // expected-error @+1 {{all_gather_c1: expected up to 2 times the first extent of '!ft.packed<tokens, 4x2xf32>', found '!ft.packed<tokens, 4x4xf32>'}}
    %0 = ft.all_gather %x over "tp" : (!ft.packed<tokens, 4x2xf32>) -> !ft.packed<tokens, 4x4xf32>
    ft.return
  }
}

// -----

module attributes {ft.axes = ["tokens"], ft.mesh = {tp = 2 : i64}} {
  ft.entry @half(%x: !ft.packed<tokens, 5xf32>) {
    // expected-error @+1 {{reduce_scatter_c1: expected floats and 1/2 of the first extent of '!ft.packed<tokens, 5xf32>', found '!ft.packed<tokens, 2xf32>'}}
    %0 = ft.reduce_scatter %x over "tp" : (!ft.packed<tokens, 5xf32>) -> !ft.packed<tokens, 2xf32>
    ft.return
  }
}

// -----

module attributes {ft.axes = ["tokens"]} {
  ft.param @first : tensor<1xf32> = #ft.recipe<"literal" {data = array<f32: 0.0>, shape = array<i64: 1>}>
  ft.entry @pair(%x: !ft.packed<tokens, 4xf32>) {
    // expected-error @+1 {{local_argmax_c1: expected a row of floats and a pair of f32, found '!ft.packed<tokens, 4xf32>' and '!ft.packed<tokens, 3xf32>'}}
    %0 = ft.local_argmax %x, @first limit 4 : (!ft.packed<tokens, 4xf32>) -> !ft.packed<tokens, 3xf32>
    ft.return
  }
}

// -----

module attributes {ft.axes = ["tokens"]} {
  ft.param @first : tensor<1xf32> = #ft.recipe<"literal" {data = array<f32: 0.0>, shape = array<i64: 1>}>
  ft.entry @inexact(%x: !ft.packed<tokens, 4xf32>) {
    // expected-error @+1 {{local_argmax_c2: expected 1 to 16777216 columns, found 16777217}}
    %0 = ft.local_argmax %x, @first limit 16777217 : (!ft.packed<tokens, 4xf32>) -> !ft.packed<tokens, 2xf32>
    ft.return
  }
}

// -----

module attributes {ft.axes = ["tokens"]} {
  ft.param @first : tensor<2xf32> = #ft.recipe<"literal" {data = array<f32: 0.0, 1.0>, shape = array<i64: 2>}>
  ft.entry @two_firsts(%x: !ft.packed<tokens, 4xf32>) {
    // expected-error @+1 {{local_argmax_c3: expected @first to be [1], found 'tensor<2xf32>'}}
    %0 = ft.local_argmax %x, @first limit 4 : (!ft.packed<tokens, 4xf32>) -> !ft.packed<tokens, 2xf32>
    ft.return
  }
}

// -----

module attributes {ft.axes = ["tokens"]} {
  ft.entry @odd(%x: !ft.packed<tokens, 3xf32>) {
    // expected-error @+1 {{merge_argmax_c1: expected pairs of f32, found '!ft.packed<tokens, 3xf32>'}}
    %0 = ft.merge_argmax %x : (!ft.packed<tokens, 3xf32>) -> !ft.packed<tokens, i32>
    ft.return
  }
}

// -----

module attributes {ft.axes = ["tokens"]} {
  ft.entry @index(%x: !ft.packed<tokens, 4xf32>) {
    // expected-error @+1 {{merge_argmax_c2: expected one i32 a row, found '!ft.packed<tokens, f32>'}}
    %0 = ft.merge_argmax %x : (!ft.packed<tokens, 4xf32>) -> !ft.packed<tokens, f32>
    ft.return
  }
}

// -----

module attributes {ft.axes = ["tokens"]} {
  ft.param @first : tensor<2xf32> = #ft.recipe<"literal" {data = array<f32: 0.0, 1.0>, shape = array<i64: 2>}>
  ft.param @table : tensor<4x4xf32> = #ft.recipe<"tensor" {shape = array<i64: 4, 4>}>
  ft.entry @lookup(%x: !ft.packed<tokens, i32>) {
    // expected-error @+1 {{embedding_c4: expected @first to be [1], found 'tensor<2xf32>'}}
    %0 = ft.embedding %x, @table from @first : (!ft.packed<tokens, i32>) -> !ft.packed<tokens, 4xf32>
    ft.return
  }
}
