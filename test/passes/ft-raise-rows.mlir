// RUN: ft-opt %s --ft-raise-rows | FileCheck %s
// Row-wise spellings of norms, activations and biases; nearest negatives.
module attributes {ft.axes = ["tokens", "sequences", "rows"]} {
  ft.param @w : tensor<8xf32> = #ft.recipe<"tensor" {file = "m.safetensors", shape = array<i64: 8>, stored = f32, tensor = "w"}>
  ft.param @m : tensor<8x8xf32> = #ft.recipe<"tensor" {file = "m.safetensors", shape = array<i64: 8, 8>, stored = f32, tensor = "m"}>
  ft.param @zero : tensor<1xf32> = #ft.recipe<"literal" {data = array<f32: 0.0>, shape = array<i64: 1>}>

  ft.param @small : tensor<1xf32> = #ft.recipe<"literal" {data = array<f32: 0.5>, shape = array<i64: 1>}>

  // CHECK-LABEL: ft.entry @rms_norm
  // CHECK: ft.rms_norm %{{.*}}, @w {eps = 1.000000e-05 : f64}
  // CHECK-NEXT: ft.return
  ft.entry @rms_norm(%x: !ft.packed<tokens, 8xf32> {ft.name = "x", ft.role = "data"}) -> (!ft.packed<tokens, 8xf32> {ft.name = "y"}) {
    %s = ft.square %x : !ft.packed<tokens, 8xf32>
    %m = ft.reduce_mean %s : (!ft.packed<tokens, 8xf32>) -> !ft.packed<tokens, 1xf32>
    %e = ft.offset %m by 1.0e-5 : !ft.packed<tokens, 1xf32>
    %r = ft.rsqrt %e : !ft.packed<tokens, 1xf32>
    %n = ft.mul %r, %x : (!ft.packed<tokens, 1xf32>, !ft.packed<tokens, 8xf32>) -> !ft.packed<tokens, 8xf32>
    %w = ft.broadcast @w : !ft.packed<tokens, 8xf32>
    %y = ft.mul %n, %w : (!ft.packed<tokens, 8xf32>, !ft.packed<tokens, 8xf32>) -> !ft.packed<tokens, 8xf32>
    ft.return %y : !ft.packed<tokens, 8xf32>
  }

  // Without a weight, ones; the remaining factors stay.
  // CHECK-LABEL: ft.entry @unweighted
  // CHECK: %[[N:.*]] = ft.rms_norm %[[X:.*]], @literal {eps = 0.000000e+00 : f64}
  // CHECK-NEXT: %[[S:.*]] = ft.scale %[[N]] by 3.000000e+00
  // CHECK-NEXT: ft.return %[[S]]
  ft.entry @unweighted(%x: !ft.packed<tokens, 8xf32> {ft.name = "x", ft.role = "data"}) -> (!ft.packed<tokens, 8xf32> {ft.name = "y"}) {
    %s = ft.square %x : !ft.packed<tokens, 8xf32>
    %m = ft.reduce_sum %s : (!ft.packed<tokens, 8xf32>) -> !ft.packed<tokens, 1xf32>
    %e = ft.scale %m by 0.125 : !ft.packed<tokens, 1xf32>
    %r = ft.sqrt %e : !ft.packed<tokens, 1xf32>
    %t = ft.scale %x by 3.0 : !ft.packed<tokens, 8xf32>
    %y = ft.div %t, %r : (!ft.packed<tokens, 8xf32>, !ft.packed<tokens, 1xf32>) -> !ft.packed<tokens, 8xf32>
    ft.return %y : !ft.packed<tokens, 8xf32>
  }

  // The statistics are of another value.
  // CHECK-LABEL: ft.entry @not_a_norm
  // CHECK-NOT: ft.rms_norm
  // CHECK: ft.return
  ft.entry @not_a_norm(%x: !ft.packed<tokens, 8xf32> {ft.name = "x", ft.role = "data"}, %z: !ft.packed<tokens, 8xf32> {ft.name = "z", ft.role = "data"}) -> (!ft.packed<tokens, 8xf32> {ft.name = "y"}) {
    %s = ft.square %z : !ft.packed<tokens, 8xf32>
    %m = ft.reduce_mean %s : (!ft.packed<tokens, 8xf32>) -> !ft.packed<tokens, 1xf32>
    %r = ft.rsqrt %m : !ft.packed<tokens, 1xf32>
    %y = ft.mul %r, %x : (!ft.packed<tokens, 1xf32>, !ft.packed<tokens, 8xf32>) -> !ft.packed<tokens, 8xf32>
    ft.return %y : !ft.packed<tokens, 8xf32>
  }

  // CHECK-LABEL: ft.entry @layer_norm
  // CHECK: ft.layer_norm %{{.*}}, @w bias @w {eps = 1.000000e-05 : f64}
  // CHECK-NEXT: ft.return
  ft.entry @layer_norm(%x: !ft.packed<tokens, 8xf32> {ft.name = "x", ft.role = "data"}) -> (!ft.packed<tokens, 8xf32> {ft.name = "y"}) {
    %mu = ft.reduce_mean %x : (!ft.packed<tokens, 8xf32>) -> !ft.packed<tokens, 1xf32>
    %c = ft.sub %x, %mu : (!ft.packed<tokens, 8xf32>, !ft.packed<tokens, 1xf32>) -> !ft.packed<tokens, 8xf32>
    %s = ft.square %c : !ft.packed<tokens, 8xf32>
    %m = ft.reduce_mean %s : (!ft.packed<tokens, 8xf32>) -> !ft.packed<tokens, 1xf32>
    %e = ft.offset %m by 1.0e-5 : !ft.packed<tokens, 1xf32>
    %r = ft.sqrt %e : !ft.packed<tokens, 1xf32>
    %n = ft.div %c, %r : (!ft.packed<tokens, 8xf32>, !ft.packed<tokens, 1xf32>) -> !ft.packed<tokens, 8xf32>
    %w = ft.broadcast @w : !ft.packed<tokens, 8xf32>
    %y = ft.mul %w, %n : (!ft.packed<tokens, 8xf32>, !ft.packed<tokens, 8xf32>) -> !ft.packed<tokens, 8xf32>
    %z = ft.add %w, %y : (!ft.packed<tokens, 8xf32>, !ft.packed<tokens, 8xf32>) -> !ft.packed<tokens, 8xf32>
    ft.return %z : !ft.packed<tokens, 8xf32>
  }

  // CHECK-LABEL: ft.entry @silu
  // CHECK: ft.silu
  // CHECK-NEXT: ft.return
  ft.entry @silu(%x: !ft.packed<tokens, 8xf32> {ft.name = "x", ft.role = "data"}) -> (!ft.packed<tokens, 8xf32> {ft.name = "y"}) {
    %n = ft.neg %x : !ft.packed<tokens, 8xf32>
    %e = ft.exp %n : !ft.packed<tokens, 8xf32>
    %d = ft.offset %e by 1.0 : !ft.packed<tokens, 8xf32>
    %y = ft.div %x, %d : (!ft.packed<tokens, 8xf32>, !ft.packed<tokens, 8xf32>) -> !ft.packed<tokens, 8xf32>
    ft.return %y : !ft.packed<tokens, 8xf32>
  }

  // GELU by sigmoid(1.702 x) is another function.
  // CHECK-LABEL: ft.entry @quick_gelu
  // CHECK: ft.scale %{{.*}} by 1.702
  // CHECK-NEXT: ft.sigmoid
  // CHECK-NEXT: ft.mul
  ft.entry @quick_gelu(%x: !ft.packed<tokens, 8xf32> {ft.name = "x", ft.role = "data"}) -> (!ft.packed<tokens, 8xf32> {ft.name = "y"}) {
    %k = ft.scale %x by 1.702 : !ft.packed<tokens, 8xf32>
    %s = ft.sigmoid %k : !ft.packed<tokens, 8xf32>
    %y = ft.mul %x, %s : (!ft.packed<tokens, 8xf32>, !ft.packed<tokens, 8xf32>) -> !ft.packed<tokens, 8xf32>
    ft.return %y : !ft.packed<tokens, 8xf32>
  }

  // CHECK-LABEL: ft.entry @gelu_tanh
  // CHECK: ft.gelu %{{.*}} tanh
  // CHECK-NEXT: ft.return
  ft.entry @gelu_tanh(%x: !ft.packed<tokens, 8xf32> {ft.name = "x", ft.role = "data"}) -> (!ft.packed<tokens, 8xf32> {ft.name = "y"}) {
    %2 = ft.square %x : !ft.packed<tokens, 8xf32>
    %3 = ft.mul %2, %x : (!ft.packed<tokens, 8xf32>, !ft.packed<tokens, 8xf32>) -> !ft.packed<tokens, 8xf32>
    %c = ft.scale %3 by 0.044715 : !ft.packed<tokens, 8xf32>
    %p = ft.add %x, %c : (!ft.packed<tokens, 8xf32>, !ft.packed<tokens, 8xf32>) -> !ft.packed<tokens, 8xf32>
    %k = ft.scale %p by 0.7978845608 : !ft.packed<tokens, 8xf32>
    %t = ft.tanh %k : !ft.packed<tokens, 8xf32>
    %o = ft.offset %t by 1.0 : !ft.packed<tokens, 8xf32>
    %h = ft.scale %x by 0.5 : !ft.packed<tokens, 8xf32>
    %y = ft.mul %h, %o : (!ft.packed<tokens, 8xf32>, !ft.packed<tokens, 8xf32>) -> !ft.packed<tokens, 8xf32>
    ft.return %y : !ft.packed<tokens, 8xf32>
  }

  // Another cubic coefficient.
  // CHECK-LABEL: ft.entry @not_gelu
  // CHECK-NOT: ft.gelu
  // CHECK: ft.return
  ft.entry @not_gelu(%x: !ft.packed<tokens, 8xf32> {ft.name = "x", ft.role = "data"}) -> (!ft.packed<tokens, 8xf32> {ft.name = "y"}) {
    %2 = ft.square %x : !ft.packed<tokens, 8xf32>
    %3 = ft.mul %2, %x : (!ft.packed<tokens, 8xf32>, !ft.packed<tokens, 8xf32>) -> !ft.packed<tokens, 8xf32>
    %c = ft.scale %3 by 0.0447 : !ft.packed<tokens, 8xf32>
    %p = ft.add %x, %c : (!ft.packed<tokens, 8xf32>, !ft.packed<tokens, 8xf32>) -> !ft.packed<tokens, 8xf32>
    %k = ft.scale %p by 0.7978845608 : !ft.packed<tokens, 8xf32>
    %t = ft.tanh %k : !ft.packed<tokens, 8xf32>
    %o = ft.offset %t by 1.0 : !ft.packed<tokens, 8xf32>
    %y = ft.mul %x, %o : (!ft.packed<tokens, 8xf32>, !ft.packed<tokens, 8xf32>) -> !ft.packed<tokens, 8xf32>
    ft.return %y : !ft.packed<tokens, 8xf32>
  }

  // CHECK-LABEL: ft.entry @others
  // CHECK-SAME: %[[X:.*]]: !ft.packed
  // CHECK-NEXT: %[[R:.*]] = ft.relu %[[X]]
  // CHECK-NEXT: %[[S:.*]] = ft.softmax %[[R]]
  // CHECK-NEXT: %[[N:.*]] = ft.normalize %[[S]] {eps = 5.000000e-01 : f64}
  // CHECK-NEXT: %[[L:.*]] = ft.linear %[[N]], @m bias @w
  // CHECK-NEXT: %[[G:.*]] = ft.sigmoid %[[L]]
  // CHECK-NEXT: ft.return %[[G]]
  ft.entry @others(%x: !ft.packed<tokens, 8xf32> {ft.name = "x", ft.role = "data"}) -> (!ft.packed<tokens, 8xf32> {ft.name = "y"}) {
    %z = ft.broadcast @zero : !ft.packed<tokens, 1xf32>
    %r = ft.maximum %x, %z : (!ft.packed<tokens, 8xf32>, !ft.packed<tokens, 1xf32>) -> !ft.packed<tokens, 8xf32>
    %a = ft.reduce_max %r : (!ft.packed<tokens, 8xf32>) -> !ft.packed<tokens, 1xf32>
    %d = ft.sub %r, %a : (!ft.packed<tokens, 8xf32>, !ft.packed<tokens, 1xf32>) -> !ft.packed<tokens, 8xf32>
    %e = ft.exp %d : !ft.packed<tokens, 8xf32>
    %s = ft.reduce_sum %e : (!ft.packed<tokens, 8xf32>) -> !ft.packed<tokens, 1xf32>
    %p = ft.div %e, %s : (!ft.packed<tokens, 8xf32>, !ft.packed<tokens, 1xf32>) -> !ft.packed<tokens, 8xf32>
    %q = ft.square %p : !ft.packed<tokens, 8xf32>
    %t = ft.reduce_sum %q : (!ft.packed<tokens, 8xf32>) -> !ft.packed<tokens, 1xf32>
    %u = ft.sqrt %t : !ft.packed<tokens, 1xf32>
    %small = ft.broadcast @small : !ft.packed<tokens, 1xf32>
    %v = ft.maximum %u, %small : (!ft.packed<tokens, 1xf32>, !ft.packed<tokens, 1xf32>) -> !ft.packed<tokens, 1xf32>
    %n = ft.div %p, %v : (!ft.packed<tokens, 8xf32>, !ft.packed<tokens, 1xf32>) -> !ft.packed<tokens, 8xf32>
    %l = ft.linear %n, @m : (!ft.packed<tokens, 8xf32>) -> !ft.packed<tokens, 8xf32>
    %b = ft.broadcast @w : !ft.packed<tokens, 8xf32>
    %y = ft.add %l, %b : (!ft.packed<tokens, 8xf32>, !ft.packed<tokens, 8xf32>) -> !ft.packed<tokens, 8xf32>
    %1 = ft.neg %y : !ft.packed<tokens, 8xf32>
    %2 = ft.exp %1 : !ft.packed<tokens, 8xf32>
    %3 = ft.offset %2 by 1.0 : !ft.packed<tokens, 8xf32>
    %4 = ft.reciprocal %3 : !ft.packed<tokens, 8xf32>
    ft.return %4 : !ft.packed<tokens, 8xf32>
  }
}
