// RUN: ft-opt %s --ft-clone-step-kinds | FileCheck %s
// RUN: ft-opt %s --ft-clone-step-kinds=bounds=4 | FileCheck %s --check-prefix=FOUR
// RUN: ft-opt %s --ft-clone-step-kinds=bounds=0 | FileCheck %s --check-prefix=ONE
// RUN: not ft-opt %s --ft-clone-step-kinds=bounds=8,8 2>&1 | FileCheck %s --check-prefix=BAD
// BAD: bounds must be positive and ascending

// A causal entry has a clone for each range, another entry one for all.
// CHECK: ft.entry @step_1_8({{.*}} entry = "step", kind = #ft.step_kind<1, 8>
// CHECK: ft.entry @step_9_64({{.*}} entry = "step", kind = #ft.step_kind<9, 64>
// CHECK: ft.entry @step_65({{.*}} entry = "step", kind = #ft.step_kind<65, 0>
// CHECK: ft.entry @encode({{.*}}{entry = "encode", kind = #ft.step_kind<1, 0>
// FOUR: ft.entry @step_1_4(
// FOUR: ft.entry @step_5(
// ONE: ft.entry @step({{.*}} kind = #ft.step_kind<1, 0>
// ONE: ft.entry @encode({{.*}} kind = #ft.step_kind<1, 0>
module attributes {ft.axes = ["tokens"]} {
  ft.entry @step(%x: !ft.packed<tokens, 64xf32>) -> !ft.packed<tokens, 64xf32> attributes {causal} {
    ft.return %x : !ft.packed<tokens, 64xf32>
  }
  ft.entry @encode(%x: !ft.packed<tokens, 64xf32>) -> !ft.packed<tokens, 64xf32> {
    ft.return %x : !ft.packed<tokens, 64xf32>
  }
}
