// In prompts, rope of q and k and append of k and v end the product of q-k-v
// where sm_90a is the only target; other architectures' call has no place for k
// and v.
// RUN: ft-opt %s "--ft-group-ops=preview=true archs=sm_90a" | FileCheck %s
// RUN: ft-opt %s "--ft-group-ops=archs=sm_90a" | FileCheck %s --check-prefix=NONE
// RUN: ft-opt %s "--ft-group-ops=preview=true archs=sm_90a,ptx" | FileCheck %s --check-prefix=NONE

// CHECK-LABEL: ft.entry @prompts
// CHECK: %[[Q:.*]] = ft.fused gemm (%{{.*}}, %{{.*}}) "q32+k32+v32"
// CHECK-NEXT: ^bb0
// CHECK-NEXT: ft.linear
// CHECK-NEXT: ft.linear
// CHECK-NEXT: ft.linear
// CHECK-NEXT: %[[R:.*]] = ft.rope
// CHECK-NEXT: ft.rope
// CHECK-NEXT: ft.cache_append
// CHECK-NEXT: ft.yield %[[R]] :
// CHECK: ft.fused attention (%[[Q]], %{{.*}})
// CHECK-NOT: ft.fused

// Neither small weights without --preview-kernels nor other architectures.
// NONE-LABEL: ft.entry @prompts
// NONE: ft.fused gemm
// NONE-NEXT: ^bb0
// NONE-NEXT: ft.linear
// NONE-NEXT: ft.linear
// NONE-NEXT: ft.linear
// NONE-NEXT: ft.yield
// NONE: ft.fused row

// CHECK-LABEL: ft.entry @interleaved
// CHECK: ft.fused gemm
// CHECK: ft.cache_append
// CHECK: ft.fused attention

// A roped q with a second reader is a result like any other.
// CHECK-LABEL: ft.entry @returned
// CHECK: %[[Q:.*]] = ft.fused gemm
// CHECK: ft.cache_append
// CHECK: ft.fused attention
// CHECK: ft.return %{{.*}}, %[[Q]] :

// Few tokens: attention takes rope and append.
// CHECK-LABEL: ft.entry @few
// CHECK: ft.fused gemm
// CHECK-NEXT: ^bb0
// CHECK-NEXT: ft.linear
// CHECK-NEXT: ft.linear
// CHECK-NEXT: ft.linear
// CHECK-NEXT: ft.yield
// CHECK: ft.fused attention
// CHECK: ft.cache_append

// Heads that are no multiple of 32, or turned in part; keys that something else
// reads; a layer that is read before it is appended to.
// CHECK-LABEL: ft.entry @narrow
// CHECK: ft.fused gemm
// CHECK-NEXT: ^bb0
// CHECK-NEXT: ft.linear
// CHECK-NEXT: ft.linear
// CHECK-NEXT: ft.linear
// CHECK-NEXT: ft.yield
// CHECK-LABEL: ft.entry @part
// CHECK: ft.fused gemm
// CHECK-NEXT: ^bb0
// CHECK-NEXT: ft.linear
// CHECK-NEXT: ft.linear
// CHECK-NEXT: ft.linear
// CHECK-NEXT: ft.yield
// CHECK-LABEL: ft.entry @keys
// CHECK: ft.fused gemm
// CHECK-NEXT: ^bb0
// CHECK-NEXT: ft.linear
// CHECK-NEXT: ft.linear
// CHECK-NEXT: ft.linear
// CHECK-NEXT: ft.yield
// CHECK-LABEL: ft.entry @before
// CHECK: ft.fused gemm
// CHECK-NEXT: ^bb0
// CHECK-NEXT: ft.linear
// CHECK-NEXT: ft.linear
// CHECK-NEXT: ft.linear
// CHECK-NEXT: ft.yield
module attributes {ft.axes = ["tokens", "sequences"], ft.dtype = bf16} {
  ft.param @qkv32 : tensor<256x64xbf16> = #ft.recipe<"generator" {name = "a", shape = array<i64: 256, 64>}>
  ft.param @q32 : tensor<128x64xbf16> view_of @qkv32 row 0
  ft.param @k32 : tensor<64x64xbf16> view_of @qkv32 row 128
  ft.param @v32 : tensor<64x64xbf16> view_of @qkv32 row 192
  ft.param @qkv48 : tensor<384x64xbf16> = #ft.recipe<"generator" {name = "a", shape = array<i64: 384, 64>}>
  ft.param @q48 : tensor<192x64xbf16> view_of @qkv48 row 0
  ft.param @k48 : tensor<96x64xbf16> view_of @qkv48 row 192
  ft.param @v48 : tensor<96x64xbf16> view_of @qkv48 row 288
  ft.param @rope : tensor<128x32xf32> = #ft.recipe<"generator" {name = "rope", shape = array<i64: 128, 32>}>
  ft.param @rope48 : tensor<128x48xf32> = #ft.recipe<"generator" {name = "rope", shape = array<i64: 128, 48>}>
  ft.param @half : tensor<128x16xf32> = #ft.recipe<"generator" {name = "rope", shape = array<i64: 128, 16>}>
  ft.cache @kv32 layers 1 page 64 [#ft.plane<"k", 2x32xbf16>, #ft.plane<"v", 2x32xbf16>]
  ft.cache @kv48 layers 1 page 64 [#ft.plane<"k", 2x48xbf16>, #ft.plane<"v", 2x48xbf16>]
  ft.entry @prompts(%x: !ft.packed<tokens, 64xbf16>, %s: !ft.sequences<tokens, sequences>) -> !ft.packed<tokens, 4x32xbf16>
      attributes {causal, entry = "prompts", kind = #ft.step_kind<65, 0>} {
    %q = ft.linear %x, @q32 : (!ft.packed<tokens, 64xbf16>) -> !ft.packed<tokens, 4x32xbf16>
    %k = ft.linear %x, @k32 : (!ft.packed<tokens, 64xbf16>) -> !ft.packed<tokens, 2x32xbf16>
    %v = ft.linear %x, @v32 : (!ft.packed<tokens, 64xbf16>) -> !ft.packed<tokens, 2x32xbf16>
    %rq = ft.rope %q, @rope at %s : (!ft.packed<tokens, 4x32xbf16>, !ft.sequences<tokens, sequences>) -> !ft.packed<tokens, 4x32xbf16>
    %rk = ft.rope %k, @rope at %s : (!ft.packed<tokens, 2x32xbf16>, !ft.sequences<tokens, sequences>) -> !ft.packed<tokens, 2x32xbf16>
    ft.cache_append %rk, %v to @kv32 layer 0 at %s : (!ft.packed<tokens, 2x32xbf16>, !ft.packed<tokens, 2x32xbf16>, !ft.sequences<tokens, sequences>) -> ()
    %a = ft.attention %rq at %s cache @kv32 layer 0 {causal, scale = 0.25 : f64} : (!ft.packed<tokens, 4x32xbf16>, !ft.sequences<tokens, sequences>) -> !ft.packed<tokens, 4x32xbf16>
    ft.return %a : !ft.packed<tokens, 4x32xbf16>
  }
  ft.entry @interleaved(%x: !ft.packed<tokens, 64xbf16>, %s: !ft.sequences<tokens, sequences>) -> !ft.packed<tokens, 4x32xbf16>
      attributes {causal, entry = "interleaved", kind = #ft.step_kind<65, 0>} {
    %q = ft.linear %x, @q32 : (!ft.packed<tokens, 64xbf16>) -> !ft.packed<tokens, 4x32xbf16>
    %k = ft.linear %x, @k32 : (!ft.packed<tokens, 64xbf16>) -> !ft.packed<tokens, 2x32xbf16>
    %v = ft.linear %x, @v32 : (!ft.packed<tokens, 64xbf16>) -> !ft.packed<tokens, 2x32xbf16>
    %rq = ft.rope %q, @rope at %s interleaved : (!ft.packed<tokens, 4x32xbf16>, !ft.sequences<tokens, sequences>) -> !ft.packed<tokens, 4x32xbf16>
    %rk = ft.rope %k, @rope at %s interleaved : (!ft.packed<tokens, 2x32xbf16>, !ft.sequences<tokens, sequences>) -> !ft.packed<tokens, 2x32xbf16>
    ft.cache_append %rk, %v to @kv32 layer 0 at %s : (!ft.packed<tokens, 2x32xbf16>, !ft.packed<tokens, 2x32xbf16>, !ft.sequences<tokens, sequences>) -> ()
    %a = ft.attention %rq at %s cache @kv32 layer 0 {causal, scale = 0.25 : f64} : (!ft.packed<tokens, 4x32xbf16>, !ft.sequences<tokens, sequences>) -> !ft.packed<tokens, 4x32xbf16>
    ft.return %a : !ft.packed<tokens, 4x32xbf16>
  }
  ft.entry @returned(%x: !ft.packed<tokens, 64xbf16>, %s: !ft.sequences<tokens, sequences>) -> (!ft.packed<tokens, 4x32xbf16>, !ft.packed<tokens, 4x32xbf16>)
      attributes {causal, entry = "returned", kind = #ft.step_kind<65, 0>} {
    %q = ft.linear %x, @q32 : (!ft.packed<tokens, 64xbf16>) -> !ft.packed<tokens, 4x32xbf16>
    %k = ft.linear %x, @k32 : (!ft.packed<tokens, 64xbf16>) -> !ft.packed<tokens, 2x32xbf16>
    %v = ft.linear %x, @v32 : (!ft.packed<tokens, 64xbf16>) -> !ft.packed<tokens, 2x32xbf16>
    %rq = ft.rope %q, @rope at %s : (!ft.packed<tokens, 4x32xbf16>, !ft.sequences<tokens, sequences>) -> !ft.packed<tokens, 4x32xbf16>
    %rk = ft.rope %k, @rope at %s : (!ft.packed<tokens, 2x32xbf16>, !ft.sequences<tokens, sequences>) -> !ft.packed<tokens, 2x32xbf16>
    ft.cache_append %rk, %v to @kv32 layer 0 at %s : (!ft.packed<tokens, 2x32xbf16>, !ft.packed<tokens, 2x32xbf16>, !ft.sequences<tokens, sequences>) -> ()
    %a = ft.attention %rq at %s cache @kv32 layer 0 {causal, scale = 0.25 : f64} : (!ft.packed<tokens, 4x32xbf16>, !ft.sequences<tokens, sequences>) -> !ft.packed<tokens, 4x32xbf16>
    ft.return %a, %rq : !ft.packed<tokens, 4x32xbf16>, !ft.packed<tokens, 4x32xbf16>
  }
  ft.entry @few(%x: !ft.packed<tokens, 64xbf16>, %s: !ft.sequences<tokens, sequences>) -> !ft.packed<tokens, 4x32xbf16>
      attributes {causal, entry = "few", kind = #ft.step_kind<9, 64>} {
    %q = ft.linear %x, @q32 : (!ft.packed<tokens, 64xbf16>) -> !ft.packed<tokens, 4x32xbf16>
    %k = ft.linear %x, @k32 : (!ft.packed<tokens, 64xbf16>) -> !ft.packed<tokens, 2x32xbf16>
    %v = ft.linear %x, @v32 : (!ft.packed<tokens, 64xbf16>) -> !ft.packed<tokens, 2x32xbf16>
    %rq = ft.rope %q, @rope at %s : (!ft.packed<tokens, 4x32xbf16>, !ft.sequences<tokens, sequences>) -> !ft.packed<tokens, 4x32xbf16>
    %rk = ft.rope %k, @rope at %s : (!ft.packed<tokens, 2x32xbf16>, !ft.sequences<tokens, sequences>) -> !ft.packed<tokens, 2x32xbf16>
    ft.cache_append %rk, %v to @kv32 layer 0 at %s : (!ft.packed<tokens, 2x32xbf16>, !ft.packed<tokens, 2x32xbf16>, !ft.sequences<tokens, sequences>) -> ()
    %a = ft.attention %rq at %s cache @kv32 layer 0 {causal, scale = 0.25 : f64} : (!ft.packed<tokens, 4x32xbf16>, !ft.sequences<tokens, sequences>) -> !ft.packed<tokens, 4x32xbf16>
    ft.return %a : !ft.packed<tokens, 4x32xbf16>
  }
  ft.entry @narrow(%x: !ft.packed<tokens, 64xbf16>, %s: !ft.sequences<tokens, sequences>) -> !ft.packed<tokens, 4x48xbf16>
      attributes {causal, entry = "narrow", kind = #ft.step_kind<65, 0>} {
    %q = ft.linear %x, @q48 : (!ft.packed<tokens, 64xbf16>) -> !ft.packed<tokens, 4x48xbf16>
    %k = ft.linear %x, @k48 : (!ft.packed<tokens, 64xbf16>) -> !ft.packed<tokens, 2x48xbf16>
    %v = ft.linear %x, @v48 : (!ft.packed<tokens, 64xbf16>) -> !ft.packed<tokens, 2x48xbf16>
    %rq = ft.rope %q, @rope48 at %s : (!ft.packed<tokens, 4x48xbf16>, !ft.sequences<tokens, sequences>) -> !ft.packed<tokens, 4x48xbf16>
    %rk = ft.rope %k, @rope48 at %s : (!ft.packed<tokens, 2x48xbf16>, !ft.sequences<tokens, sequences>) -> !ft.packed<tokens, 2x48xbf16>
    ft.cache_append %rk, %v to @kv48 layer 0 at %s : (!ft.packed<tokens, 2x48xbf16>, !ft.packed<tokens, 2x48xbf16>, !ft.sequences<tokens, sequences>) -> ()
    %a = ft.attention %rq at %s cache @kv48 layer 0 {causal, scale = 0.25 : f64} : (!ft.packed<tokens, 4x48xbf16>, !ft.sequences<tokens, sequences>) -> !ft.packed<tokens, 4x48xbf16>
    ft.return %a : !ft.packed<tokens, 4x48xbf16>
  }
  ft.entry @part(%x: !ft.packed<tokens, 64xbf16>, %s: !ft.sequences<tokens, sequences>) -> !ft.packed<tokens, 4x32xbf16>
      attributes {causal, entry = "part", kind = #ft.step_kind<65, 0>} {
    %q = ft.linear %x, @q32 : (!ft.packed<tokens, 64xbf16>) -> !ft.packed<tokens, 4x32xbf16>
    %k = ft.linear %x, @k32 : (!ft.packed<tokens, 64xbf16>) -> !ft.packed<tokens, 2x32xbf16>
    %v = ft.linear %x, @v32 : (!ft.packed<tokens, 64xbf16>) -> !ft.packed<tokens, 2x32xbf16>
    %rq = ft.rope %q, @half at %s : (!ft.packed<tokens, 4x32xbf16>, !ft.sequences<tokens, sequences>) -> !ft.packed<tokens, 4x32xbf16>
    %rk = ft.rope %k, @half at %s : (!ft.packed<tokens, 2x32xbf16>, !ft.sequences<tokens, sequences>) -> !ft.packed<tokens, 2x32xbf16>
    ft.cache_append %rk, %v to @kv32 layer 0 at %s : (!ft.packed<tokens, 2x32xbf16>, !ft.packed<tokens, 2x32xbf16>, !ft.sequences<tokens, sequences>) -> ()
    %a = ft.attention %rq at %s cache @kv32 layer 0 {causal, scale = 0.25 : f64} : (!ft.packed<tokens, 4x32xbf16>, !ft.sequences<tokens, sequences>) -> !ft.packed<tokens, 4x32xbf16>
    ft.return %a : !ft.packed<tokens, 4x32xbf16>
  }
  ft.entry @keys(%x: !ft.packed<tokens, 64xbf16>, %s: !ft.sequences<tokens, sequences>) -> (!ft.packed<tokens, 4x32xbf16>, !ft.packed<tokens, 2x32xbf16>)
      attributes {causal, entry = "keys", kind = #ft.step_kind<65, 0>} {
    %q = ft.linear %x, @q32 : (!ft.packed<tokens, 64xbf16>) -> !ft.packed<tokens, 4x32xbf16>
    %k = ft.linear %x, @k32 : (!ft.packed<tokens, 64xbf16>) -> !ft.packed<tokens, 2x32xbf16>
    %v = ft.linear %x, @v32 : (!ft.packed<tokens, 64xbf16>) -> !ft.packed<tokens, 2x32xbf16>
    %rq = ft.rope %q, @rope at %s : (!ft.packed<tokens, 4x32xbf16>, !ft.sequences<tokens, sequences>) -> !ft.packed<tokens, 4x32xbf16>
    %rk = ft.rope %k, @rope at %s : (!ft.packed<tokens, 2x32xbf16>, !ft.sequences<tokens, sequences>) -> !ft.packed<tokens, 2x32xbf16>
    ft.cache_append %rk, %v to @kv32 layer 0 at %s : (!ft.packed<tokens, 2x32xbf16>, !ft.packed<tokens, 2x32xbf16>, !ft.sequences<tokens, sequences>) -> ()
    %a = ft.attention %rq at %s cache @kv32 layer 0 {causal, scale = 0.25 : f64} : (!ft.packed<tokens, 4x32xbf16>, !ft.sequences<tokens, sequences>) -> !ft.packed<tokens, 4x32xbf16>
    ft.return %a, %rk : !ft.packed<tokens, 4x32xbf16>, !ft.packed<tokens, 2x32xbf16>
  }
  ft.entry @before(%x: !ft.packed<tokens, 64xbf16>, %s: !ft.sequences<tokens, sequences>, %y: !ft.packed<tokens, 4x32xbf16>) -> (!ft.packed<tokens, 4x32xbf16>, !ft.packed<tokens, 4x32xbf16>)
      attributes {causal, entry = "before", kind = #ft.step_kind<65, 0>} {
    %q = ft.linear %x, @q32 : (!ft.packed<tokens, 64xbf16>) -> !ft.packed<tokens, 4x32xbf16>
    %k = ft.linear %x, @k32 : (!ft.packed<tokens, 64xbf16>) -> !ft.packed<tokens, 2x32xbf16>
    %v = ft.linear %x, @v32 : (!ft.packed<tokens, 64xbf16>) -> !ft.packed<tokens, 2x32xbf16>
    %b = ft.attention %y at %s cache @kv32 layer 0 {causal, scale = 0.25 : f64} : (!ft.packed<tokens, 4x32xbf16>, !ft.sequences<tokens, sequences>) -> !ft.packed<tokens, 4x32xbf16>
    %rq = ft.rope %q, @rope at %s : (!ft.packed<tokens, 4x32xbf16>, !ft.sequences<tokens, sequences>) -> !ft.packed<tokens, 4x32xbf16>
    %rk = ft.rope %k, @rope at %s : (!ft.packed<tokens, 2x32xbf16>, !ft.sequences<tokens, sequences>) -> !ft.packed<tokens, 2x32xbf16>
    ft.cache_append %rk, %v to @kv32 layer 0 at %s : (!ft.packed<tokens, 2x32xbf16>, !ft.packed<tokens, 2x32xbf16>, !ft.sequences<tokens, sequences>) -> ()
    %a = ft.attention %rq at %s cache @kv32 layer 0 {causal, scale = 0.25 : f64} : (!ft.packed<tokens, 4x32xbf16>, !ft.sequences<tokens, sequences>) -> !ft.packed<tokens, 4x32xbf16>
    ft.return %a, %b : !ft.packed<tokens, 4x32xbf16>, !ft.packed<tokens, 4x32xbf16>
  }
}
