// RUN: ft-opt %s --ft-verify-schedule --split-input-file -verify-diagnostics

module attributes {ft.axes = ["tokens"]} {
  ft.entry @e(%x: !ft.packed<tokens, 8xf32>) -> !ft.packed<tokens, 8xf32> attributes {entry = "e", kind = #ft.step_kind<1, 0>, arena = array<i64: 64>} {
    %a = ft.fused row (%x) "a" attributes {slots = [#ft.slot<0 + [0] stride 8>]} {
    ^bb0(%p: !ft.packed<tokens, 8xf32>):
      %0 = ft.silu %p : !ft.packed<tokens, 8xf32>
      ft.yield %0 : !ft.packed<tokens, 8xf32>
    } : (!ft.packed<tokens, 8xf32>) -> !ft.packed<tokens, 8xf32>
    %b = ft.fused row (%a) "b" attributes {slots = [#ft.slot<0 + [32] stride 8>]} {
    ^bb0(%p: !ft.packed<tokens, 8xf32>):
      %0 = ft.relu %p : !ft.packed<tokens, 8xf32>
      ft.yield %0 : !ft.packed<tokens, 8xf32>
    } : (!ft.packed<tokens, 8xf32>) -> !ft.packed<tokens, 8xf32>
    ft.return %b : !ft.packed<tokens, 8xf32>
  }
}

// -----

// Half a row too close: a is still read while b is written.
module attributes {ft.axes = ["tokens"]} {
  ft.entry @e(%x: !ft.packed<tokens, 8xf32>) -> !ft.packed<tokens, 8xf32> attributes {entry = "e", kind = #ft.step_kind<1, 0>, arena = array<i64: 64>} {
    %a = ft.fused row (%x) "a" attributes {slots = [#ft.slot<0 + [0] stride 8>]} {
    ^bb0(%p: !ft.packed<tokens, 8xf32>):
      %0 = ft.silu %p : !ft.packed<tokens, 8xf32>
      ft.yield %0 : !ft.packed<tokens, 8xf32>
    } : (!ft.packed<tokens, 8xf32>) -> !ft.packed<tokens, 8xf32>
    // expected-error @below {{shares bytes with the live value}}
    %b = ft.fused row (%a) "b" attributes {slots = [#ft.slot<0 + [16] stride 8>]} {
    ^bb0(%p: !ft.packed<tokens, 8xf32>):
      %0 = ft.relu %p : !ft.packed<tokens, 8xf32>
      ft.yield %0 : !ft.packed<tokens, 8xf32>
    } : (!ft.packed<tokens, 8xf32>) -> !ft.packed<tokens, 8xf32>
    ft.return %b : !ft.packed<tokens, 8xf32>
  }
}

// -----

module attributes {ft.axes = ["tokens"]} {
  ft.entry @e(%x: !ft.packed<tokens, 8xf32>) -> !ft.packed<tokens, 8xf32> attributes {entry = "e", kind = #ft.step_kind<1, 0>, arena = array<i64: 48>} {
    %a = ft.fused row (%x) "a" attributes {slots = [#ft.slot<0 + [0] stride 8>]} {
    ^bb0(%p: !ft.packed<tokens, 8xf32>):
      %0 = ft.silu %p : !ft.packed<tokens, 8xf32>
      ft.yield %0 : !ft.packed<tokens, 8xf32>
    } : (!ft.packed<tokens, 8xf32>) -> !ft.packed<tokens, 8xf32>
    // expected-error @below {{slot lies outside its region}}
    %b = ft.fused row (%a) "b" attributes {slots = [#ft.slot<0 + [32] stride 8>]} {
    ^bb0(%p: !ft.packed<tokens, 8xf32>):
      %0 = ft.relu %p : !ft.packed<tokens, 8xf32>
      ft.yield %0 : !ft.packed<tokens, 8xf32>
    } : (!ft.packed<tokens, 8xf32>) -> !ft.packed<tokens, 8xf32>
    ft.return %b : !ft.packed<tokens, 8xf32>
  }
}

// -----

module attributes {ft.axes = ["tokens"]} {
  ft.entry @e(%x: !ft.packed<tokens, 8xf32>) -> !ft.packed<tokens, 8xf32> attributes {entry = "e", kind = #ft.step_kind<1, 0>, arena = array<i64: 64>} {
    // expected-error @below {{slot lies outside its region}}
    %a = ft.fused row (%x) "a" attributes {slots = [#ft.slot<0 + [8] stride 8>]} {
    ^bb0(%p: !ft.packed<tokens, 8xf32>):
      %0 = ft.silu %p : !ft.packed<tokens, 8xf32>
      ft.yield %0 : !ft.packed<tokens, 8xf32>
    } : (!ft.packed<tokens, 8xf32>) -> !ft.packed<tokens, 8xf32>
    %b = ft.fused row (%a) "b" attributes {slots = [#ft.slot<0 + [32] stride 8>]} {
    ^bb0(%p: !ft.packed<tokens, 8xf32>):
      %0 = ft.relu %p : !ft.packed<tokens, 8xf32>
      ft.yield %0 : !ft.packed<tokens, 8xf32>
    } : (!ft.packed<tokens, 8xf32>) -> !ft.packed<tokens, 8xf32>
    ft.return %b : !ft.packed<tokens, 8xf32>
  }
}

// -----

// Columns 4 to 11 of rows of 8.
module attributes {ft.axes = ["tokens"]} {
  ft.entry @e(%x: !ft.packed<tokens, 8xf32>) -> !ft.packed<tokens, 8xf32> attributes {entry = "e", kind = #ft.step_kind<1, 0>, arena = array<i64: 64>} {
    // expected-error @below {{slot lies outside its region}}
    %a = ft.fused row (%x) "a" attributes {slots = [#ft.slot<16 + [0] stride 8>]} {
    ^bb0(%p: !ft.packed<tokens, 8xf32>):
      %0 = ft.silu %p : !ft.packed<tokens, 8xf32>
      ft.yield %0 : !ft.packed<tokens, 8xf32>
    } : (!ft.packed<tokens, 8xf32>) -> !ft.packed<tokens, 8xf32>
    %b = ft.fused row (%a) "b" attributes {slots = [#ft.slot<0 + [32] stride 8>]} {
    ^bb0(%p: !ft.packed<tokens, 8xf32>):
      %0 = ft.relu %p : !ft.packed<tokens, 8xf32>
      ft.yield %0 : !ft.packed<tokens, 8xf32>
    } : (!ft.packed<tokens, 8xf32>) -> !ft.packed<tokens, 8xf32>
    ft.return %b : !ft.packed<tokens, 8xf32>
  }
}

// -----

module attributes {ft.axes = ["tokens"]} {
  // expected-error @below {{has no arena size for each of ft.axes}}
  ft.entry @e(%x: !ft.packed<tokens, 8xf32>) -> !ft.packed<tokens, 8xf32> attributes {entry = "e", kind = #ft.step_kind<1, 0>} {
    %a = ft.fused row (%x) "a" attributes {slots = [#ft.slot<0 + [0] stride 8>]} {
    ^bb0(%p: !ft.packed<tokens, 8xf32>):
      %0 = ft.silu %p : !ft.packed<tokens, 8xf32>
      ft.yield %0 : !ft.packed<tokens, 8xf32>
    } : (!ft.packed<tokens, 8xf32>) -> !ft.packed<tokens, 8xf32>
    %b = ft.fused row (%a) "b" attributes {slots = [#ft.slot<0 + [32] stride 8>]} {
    ^bb0(%p: !ft.packed<tokens, 8xf32>):
      %0 = ft.relu %p : !ft.packed<tokens, 8xf32>
      ft.yield %0 : !ft.packed<tokens, 8xf32>
    } : (!ft.packed<tokens, 8xf32>) -> !ft.packed<tokens, 8xf32>
    ft.return %b : !ft.packed<tokens, 8xf32>
  }
}

// -----

// a is dead where c is written.
module attributes {ft.axes = ["tokens"]} {
  ft.entry @e(%x: !ft.packed<tokens, 8xf32>) -> !ft.packed<tokens, 8xf32> attributes {entry = "e", kind = #ft.step_kind<1, 0>, arena = array<i64: 64>} {
    %a = ft.fused row (%x) "a" attributes {slots = [#ft.slot<0 + [0] stride 8>]} {
    ^bb0(%p: !ft.packed<tokens, 8xf32>):
      %0 = ft.silu %p : !ft.packed<tokens, 8xf32>
      ft.yield %0 : !ft.packed<tokens, 8xf32>
    } : (!ft.packed<tokens, 8xf32>) -> !ft.packed<tokens, 8xf32>
    %b = ft.fused row (%a) "b" attributes {slots = [#ft.slot<0 + [32] stride 8>]} {
    ^bb0(%p: !ft.packed<tokens, 8xf32>):
      %0 = ft.silu %p : !ft.packed<tokens, 8xf32>
      ft.yield %0 : !ft.packed<tokens, 8xf32>
    } : (!ft.packed<tokens, 8xf32>) -> !ft.packed<tokens, 8xf32>
    %c = ft.fused row (%b) "c" attributes {slots = [#ft.slot<0 + [0] stride 8>]} {
    ^bb0(%p: !ft.packed<tokens, 8xf32>):
      %0 = ft.silu %p : !ft.packed<tokens, 8xf32>
      ft.yield %0 : !ft.packed<tokens, 8xf32>
    } : (!ft.packed<tokens, 8xf32>) -> !ft.packed<tokens, 8xf32>
    ft.return %c : !ft.packed<tokens, 8xf32>
  }
}

// -----

// One launch may run b and c: a is still read while c is written.
module attributes {ft.axes = ["tokens"]} {
  ft.entry @e(%x: !ft.packed<tokens, 8xf32>) -> !ft.packed<tokens, 8xf32> attributes {entry = "e", kind = #ft.step_kind<1, 0>, arena = array<i64: 64>} {
    %a = ft.fused row (%x) "a" attributes {slots = [#ft.slot<0 + [0] stride 8>]} {
    ^bb0(%p: !ft.packed<tokens, 8xf32>):
      %0 = ft.silu %p : !ft.packed<tokens, 8xf32>
      ft.yield %0 : !ft.packed<tokens, 8xf32>
    } : (!ft.packed<tokens, 8xf32>) -> !ft.packed<tokens, 8xf32>
    %b = ft.fused row (%a) "b" attributes {slots = [#ft.slot<0 + [32] stride 8>]} {
    ^bb0(%p: !ft.packed<tokens, 8xf32>):
      %0 = ft.silu %p : !ft.packed<tokens, 8xf32>
      ft.yield %0 : !ft.packed<tokens, 8xf32>
    } : (!ft.packed<tokens, 8xf32>) -> !ft.packed<tokens, 8xf32>
    // expected-error @below {{shares bytes with the live value}}
    %c = ft.fused row (%b) "c" attributes {joins, slots = [#ft.slot<0 + [0] stride 8>]} {
    ^bb0(%p: !ft.packed<tokens, 8xf32>):
      %0 = ft.silu %p : !ft.packed<tokens, 8xf32>
      ft.yield %0 : !ft.packed<tokens, 8xf32>
    } : (!ft.packed<tokens, 8xf32>) -> !ft.packed<tokens, 8xf32>
    ft.return %c : !ft.packed<tokens, 8xf32>
  }
}

// -----

// So it is where one launch may run three steps.
module attributes {ft.axes = ["tokens"]} {
  ft.entry @e(%x: !ft.packed<tokens, 8xf32>) -> !ft.packed<tokens, 8xf32> attributes {entry = "e", kind = #ft.step_kind<1, 0>, arena = array<i64: 96>} {
    %a = ft.fused row (%x) "a" attributes {slots = [#ft.slot<0 + [0] stride 8>]} {
    ^bb0(%p: !ft.packed<tokens, 8xf32>):
      %0 = ft.silu %p : !ft.packed<tokens, 8xf32>
      ft.yield %0 : !ft.packed<tokens, 8xf32>
    } : (!ft.packed<tokens, 8xf32>) -> !ft.packed<tokens, 8xf32>
    %b = ft.fused row (%a) "b" attributes {slots = [#ft.slot<0 + [32] stride 8>]} {
    ^bb0(%p: !ft.packed<tokens, 8xf32>):
      %0 = ft.silu %p : !ft.packed<tokens, 8xf32>
      ft.yield %0 : !ft.packed<tokens, 8xf32>
    } : (!ft.packed<tokens, 8xf32>) -> !ft.packed<tokens, 8xf32>
    %c = ft.fused row (%b) "c" attributes {joins, slots = [#ft.slot<0 + [64] stride 8>]} {
    ^bb0(%p: !ft.packed<tokens, 8xf32>):
      %0 = ft.silu %p : !ft.packed<tokens, 8xf32>
      ft.yield %0 : !ft.packed<tokens, 8xf32>
    } : (!ft.packed<tokens, 8xf32>) -> !ft.packed<tokens, 8xf32>
    // expected-error @below {{shares bytes with the live value}}
    %d = ft.fused row (%c) "d" attributes {joins, slots = [#ft.slot<0 + [0] stride 8>]} {
    ^bb0(%p: !ft.packed<tokens, 8xf32>):
      %0 = ft.silu %p : !ft.packed<tokens, 8xf32>
      ft.yield %0 : !ft.packed<tokens, 8xf32>
    } : (!ft.packed<tokens, 8xf32>) -> !ft.packed<tokens, 8xf32>
    ft.return %d : !ft.packed<tokens, 8xf32>
  }
}
