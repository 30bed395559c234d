// Select, numbers and moved elements of rows: round trip, and a rearrangement that
// changes nothing folds.
// RUN: ft-opt %s -o %t.1 && ft-opt %t.1 | diff - %t.1
// RUN: ft-opt %s --canonicalize | FileCheck %s

module attributes {ft.axes = ["tokens", "sequences", "rows"]} {
  // CHECK: ft.entry @e(%[[X:.*]]: !ft.packed<tokens, 2x4xf32>, %[[I:.*]]: !ft.packed<tokens, i32>)
  ft.entry @e(%x: !ft.packed<tokens, 2x4xf32>, %i: !ft.packed<tokens, i32>) -> !ft.packed<tokens, 4x4xf32> {
    // CHECK-NEXT: %[[F:.*]] = ft.to_float %[[I]] : (!ft.packed<tokens, i32>) -> !ft.packed<tokens, 1x1xf32>
    %f = ft.to_float %i : (!ft.packed<tokens, i32>) -> !ft.packed<tokens, 1x1xf32>
    %same = ft.rearrange %x from 0 by [4, 1] : (!ft.packed<tokens, 2x4xf32>) -> !ft.packed<tokens, 2x4xf32>
    // CHECK-NEXT: %[[C:.*]] = ft.lt %[[X]], %[[F]]
    %c = ft.lt %same, %f : (!ft.packed<tokens, 2x4xf32>, !ft.packed<tokens, 1x1xf32>) -> !ft.packed<tokens, 2x4xf32>
    // CHECK-NEXT: %[[S:.*]] = ft.select %[[C]], %[[X]], %[[F]] :
    %s = ft.select %c, %x, %f : (!ft.packed<tokens, 2x4xf32>, !ft.packed<tokens, 2x4xf32>, !ft.packed<tokens, 1x1xf32>) -> !ft.packed<tokens, 2x4xf32>
    // CHECK-NEXT: %[[T:.*]] = ft.rearrange %[[S]] from 0 by [1, 4] : (!ft.packed<tokens, 2x4xf32>) -> !ft.packed<tokens, 4x2xf32>
    %t = ft.rearrange %s from 0 by [1, 4] : (!ft.packed<tokens, 2x4xf32>) -> !ft.packed<tokens, 4x2xf32>
    // CHECK-NEXT: ft.concat %[[T]], %[[T]] : (!ft.packed<tokens, 4x2xf32>, !ft.packed<tokens, 4x2xf32>) -> !ft.packed<tokens, 4x4xf32>
    %y = ft.concat %t, %t : (!ft.packed<tokens, 4x2xf32>, !ft.packed<tokens, 4x2xf32>) -> !ft.packed<tokens, 4x4xf32>
    ft.return %y : !ft.packed<tokens, 4x4xf32>
  }
}
