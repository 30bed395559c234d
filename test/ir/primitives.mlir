// Every primitive prints and parses to the same text, with the result type that
// its operands give.
// RUN: ft-opt %s -o %t.1 && ft-opt %t.1 -o %t.2 && diff %t.1 %t.2
// RUN: ft-opt %s --emit-bytecode -o %t.bc && ft-opt %t.bc | diff - %t.1
// RUN: ft-opt %s | FileCheck %s

module attributes {ft.axes = ["tokens", "sequences", "rows"]} {
  ft.param @w : tensor<8x8xf32> = #ft.recipe<"generator" {name = "iota", shape = array<i64: 8, 8>}>
  // CHECK: ft.entry @e(%{{.*}}: !ft.padded<[batch, sequence], i32> {ft.name = "ids", ft.role = "tokens"}
  // CHECK-SAME: %{{.*}}: !ft.padded<[batch, sequence], i32> {ft.name = "mask", ft.role = "mask"}
  ft.entry @e(%ids: !ft.padded<[batch, sequence], i32> {ft.name = "ids", ft.role = "tokens"},
              %mask: !ft.padded<[batch, sequence], i32> {ft.name = "mask", ft.role = "mask"})
      -> (!ft.padded<[batch, sequence, 8], f32> {ft.name = "y"}) {
    // CHECK-NEXT: ft.prim.param @w : <[8, 8], f32>
    %w = ft.prim.param @w : !ft.padded<[8, 8], f32>
    // CHECK-NEXT: ft.prim.gather %{{.*}} axis 0 : (!ft.padded<[8, 8], f32>, !ft.padded<[batch, sequence], i32>) -> !ft.padded<[batch, sequence, 8], f32>
    %x = ft.prim.gather %w, %ids axis 0 : (!ft.padded<[8, 8], f32>, !ft.padded<[batch, sequence], i32>) -> !ft.padded<[batch, sequence, 8], f32>
    // CHECK-NEXT: ft.prim.constant [5.000000e-01] : <[], f32>
    %half = ft.prim.constant [0.5] : !ft.padded<[], f32>
    // CHECK-NEXT: ft.prim.constant [0xFFF0000000000000 : f64] : <[], f32>
    %low = ft.prim.constant [0xFFF0000000000000 : f64] : !ft.padded<[], f32>
    %two = ft.prim.constant [2.0] : !ft.padded<[], i32>
    // CHECK: ft.prim.iota axis 0 : <[sequence], i32>
    %i = ft.prim.iota axis 0 : !ft.padded<[sequence], i32>
    %m = ft.prim.mul %x, %half : (!ft.padded<[batch, sequence, 8], f32>, !ft.padded<[], f32>) -> !ft.padded<[batch, sequence, 8], f32>
    %e = ft.prim.exp %m : (!ft.padded<[batch, sequence, 8], f32>) -> !ft.padded<[batch, sequence, 8], f32>
    // CHECK: ft.prim.reshape {{.*}} -> !ft.padded<[batch*sequence, 8], f32>
    %flat = ft.prim.reshape %e : (!ft.padded<[batch, sequence, 8], f32>) -> !ft.padded<[sequence*batch, 8], f32>
    %heads = ft.prim.reshape %flat : (!ft.padded<[batch*sequence, 8], f32>) -> !ft.padded<[batch, sequence, 2, 4], f32>
    // CHECK: ft.prim.transpose %{{.*}} [0, 2, 1, 3]
    %q = ft.prim.transpose %heads [0, 2, 1, 3] : (!ft.padded<[batch, sequence, 2, 4], f32>) -> !ft.padded<[batch, 2, sequence, 4], f32>
    %kt = ft.prim.transpose %heads [0, 2, 3, 1] : (!ft.padded<[batch, sequence, 2, 4], f32>) -> !ft.padded<[batch, 2, 4, sequence], f32>
    %s = ft.prim.matmul %q, %kt : (!ft.padded<[batch, 2, sequence, 4], f32>, !ft.padded<[batch, 2, 4, sequence], f32>) -> !ft.padded<[batch, 2, sequence, sequence], f32>
    %bh = ft.prim.reshape %s : (!ft.padded<[batch, 2, sequence, sequence], f32>) -> !ft.padded<[2*batch, sequence, sequence], f32>
    %s4 = ft.prim.reshape %bh : (!ft.padded<[2*batch, sequence, sequence], f32>) -> !ft.padded<[batch, 2, sequence, sequence], f32>
    %row = ft.prim.reshape %i : (!ft.padded<[sequence], i32>) -> !ft.padded<[sequence, 1], i32>
    // CHECK: ft.prim.le {{.*}} -> !ft.padded<[sequence, sequence], i1>
    %causal = ft.prim.le %i, %row : (!ft.padded<[sequence], i32>, !ft.padded<[sequence, 1], i32>) -> !ft.padded<[sequence, sequence], i1>
    %m1 = ft.prim.reshape %mask : (!ft.padded<[batch, sequence], i32>) -> !ft.padded<[batch, 1, 1, sequence], i32>
    %real = ft.prim.cast %m1 : (!ft.padded<[batch, 1, 1, sequence], i32>) -> !ft.padded<[batch, 1, 1, sequence], i1>
    %seen = ft.prim.and %causal, %real : (!ft.padded<[sequence, sequence], i1>, !ft.padded<[batch, 1, 1, sequence], i1>) -> !ft.padded<[batch, 1, sequence, sequence], i1>
    // CHECK: ft.prim.expand {{.*}} -> !ft.padded<[batch, 2, sequence, sequence], i1>
    %all = ft.prim.expand %seen : (!ft.padded<[batch, 1, sequence, sequence], i1>) -> !ft.padded<[batch, 2, sequence, sequence], i1>
    %masked = ft.prim.select %all, %s4, %low : (!ft.padded<[batch, 2, sequence, sequence], i1>, !ft.padded<[batch, 2, sequence, sequence], f32>, !ft.padded<[], f32>) -> !ft.padded<[batch, 2, sequence, sequence], f32>
    // CHECK: ft.prim.softmax %{{.*}} axis 3 :
    %p = ft.prim.softmax %masked axis 3 : (!ft.padded<[batch, 2, sequence, sequence], f32>) -> !ft.padded<[batch, 2, sequence, sequence], f32>
    // CHECK: ft.prim.reduce_max %{{.*}} axes [1, 3] keepdims :
    %r = ft.prim.reduce_max %p axes [1, 3] keepdims : (!ft.padded<[batch, 2, sequence, sequence], f32>) -> !ft.padded<[batch, 1, sequence, 1], f32>
    %sum = ft.prim.reduce_sum %r axes [0, 1, 2, 3] : (!ft.padded<[batch, 1, sequence, 1], f32>) -> !ft.padded<[], f32>
    %c = ft.prim.cumsum %mask axis 1 : (!ft.padded<[batch, sequence], i32>) -> !ft.padded<[batch, sequence], i32>
    // CHECK: ft.prim.slice %{{.*}} axis 2 start 1 step 2 :
    %odd = ft.prim.slice %x axis 2 start 1 step 2 : (!ft.padded<[batch, sequence, 8], f32>) -> !ft.padded<[batch, sequence, 4], f32>
    %last = ft.prim.slice %x axis 1 start -1 : (!ft.padded<[batch, sequence, 8], f32>) -> !ft.padded<[batch, 1, 8], f32>
    %table = ft.prim.slice %w axis 0 start 0 : (!ft.padded<[8, 8], f32>) -> !ft.padded<[sequence, 8], f32>
    %y = ft.prim.concat %odd, %odd axis 2 : (!ft.padded<[batch, sequence, 4], f32>, !ft.padded<[batch, sequence, 4], f32>) -> !ft.padded<[batch, sequence, 8], f32>
    // CHECK: ft.prim.argmax %{{.*}} axis 1 keepdims :
    %best = ft.prim.argmax %y axis 1 keepdims : (!ft.padded<[batch, sequence, 8], f32>) -> !ft.padded<[batch, 1, 8], i32>
    %first = ft.prim.slice %best axis 2 start 0 : (!ft.padded<[batch, 1, 8], i32>) -> !ft.padded<[batch, 1, 1], i32>
    %which = ft.prim.reshape %first : (!ft.padded<[batch, 1, 1], i32>) -> !ft.padded<[batch], i32>
    // CHECK: ft.prim.gather %{{.*}} axis 1 batch 1 : {{.*}} -> !ft.padded<[batch, 8], f32>
    %pooled = ft.prim.gather %y, %which axis 1 batch 1 : (!ft.padded<[batch, sequence, 8], f32>, !ft.padded<[batch], i32>) -> !ft.padded<[batch, 8], f32>
    // CHECK: ft.prim.apply(%{{.*}}) {
    // CHECK-NEXT: ^bb0(%{{.*}}: !ft.packed<tokens, 8xf32>):
    %z = ft.prim.apply(%y) {
    ^bb0(%a: !ft.packed<tokens, 8xf32>):
      %0 = ft.linear %a, @w : (!ft.packed<tokens, 8xf32>) -> !ft.packed<tokens, 8xf32>
      ft.yield %0 : !ft.packed<tokens, 8xf32>
    } : (!ft.padded<[batch, sequence, 8], f32>) -> !ft.padded<[batch, sequence, 8], f32>
    ft.return %z : !ft.padded<[batch, sequence, 8], f32>
  }
}
