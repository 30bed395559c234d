// RUN: ft-opt %s --ft-select-kernels=archs=sm_90a --split-input-file | FileCheck %s

// The residual sum is stored rounded, and normalised unrounded: both come from
// the same registers. A line of 96 bf16 is held by 16 threads, 8 elements each;
// the text knows no names and no strides. What no kernel writes is loaded before
// the wait for the one in front, which every thread makes.
// CHECK-LABEL: ft.kernel @row_add_layer_norm "row_add_layer_norm"
// CHECK-SAME:  const int count = counts[0];
// CHECK-SAME:  || row >= count || number >= lines) {\0A dependencyWait();
// CHECK-SAME:  line.load(v4, weight0);
// CHECK-SAME:  line.load(v5, weight1);
// CHECK-SAME:  dependencyWait();
// CHECK-SAME:  in0 + row * in0Stride
// CHECK-SAME:  v2[e] = v0[e] + v1[e];
// CHECK-SAME:  line.store(out0 + row * out0Stride, v2);
// CHECK-SAME:  row::inverseDeviation(line, v2, n3Mean, 9.99999996e-13f);
// CHECK:       ft.fused row {{.*}} "norm" attributes {launch = [{archs = ["sm_90a"]
// CHECK-SAME:  {i64 = 96 : i64}
// CHECK-SAME:  {weight = @block2.norm}
// CHECK-SAME:  block = array<i64: 128, 1, 1>
// CHECK-SAME:  grid = [{axis = "tokens", constant = 1 : i64, divisor = 8 : i64}, 1]
module attributes {ft.axes = ["tokens", "sequences", "rows"]} {
  ft.param @block2.norm : tensor<96xf32> = #ft.recipe<"literal" {shape = array<i64: 96>}>
  ft.param @block2.bias : tensor<96xf32> = #ft.recipe<"literal" {shape = array<i64: 96>}>
  ft.entry @step(%x: !ft.packed<tokens, 96xbf16>) -> (!ft.packed<tokens, 96xbf16>) attributes {arena = array<i64: 4096, 0, 0>} {
    %a = ft.fused row (%x) "a" attributes {slots = [#ft.slot<0 + [0, 0, 0] stride 96>]} {
    ^bb0(%0: !ft.packed<tokens, 96xbf16>):
      %1 = ft.relu %0 : !ft.packed<tokens, 96xbf16>
      ft.yield %1 : !ft.packed<tokens, 96xbf16>
    } : (!ft.packed<tokens, 96xbf16>) -> !ft.packed<tokens, 96xbf16>
    %b = ft.fused row (%a) "b" attributes {slots = [#ft.slot<0 + [192, 0, 0] stride 96>]} {
    ^bb0(%0: !ft.packed<tokens, 96xbf16>):
      %1 = ft.gelu %0 tanh : !ft.packed<tokens, 96xbf16>
      ft.yield %1 : !ft.packed<tokens, 96xbf16>
    } : (!ft.packed<tokens, 96xbf16>) -> !ft.packed<tokens, 96xbf16>
    %s, %n = ft.fused row (%a, %b) "norm" attributes {slots = [#ft.slot<0 + [384, 0, 0] stride 96>, #ft.slot<0 + [576, 0, 0] stride 96>]} {
    ^bb0(%0: !ft.packed<tokens, 96xbf16>, %1: !ft.packed<tokens, 96xbf16>):
      %2 = ft.add %0, %1 : (!ft.packed<tokens, 96xbf16>, !ft.packed<tokens, 96xbf16>) -> !ft.packed<tokens, 96xbf16>
      %3 = ft.layer_norm %2, @block2.norm bias @block2.bias {eps = 1.0e-12 : f64} : !ft.packed<tokens, 96xbf16>
      ft.yield %2, %3 : !ft.packed<tokens, 96xbf16>, !ft.packed<tokens, 96xbf16>
    } : (!ft.packed<tokens, 96xbf16>, !ft.packed<tokens, 96xbf16>) -> (!ft.packed<tokens, 96xbf16>, !ft.packed<tokens, 96xbf16>)
    ft.return %n : !ft.packed<tokens, 96xbf16>
  }
}

// -----

// Rope and append are three segments of one kernel: 8 query heads, 2 key heads
// (rotated, then stored), 2 value heads (copied). With 8 heads of 64 a CTA
// takes a row's heads at once. The merged columns have the stride of the GEMM, a
// library's call, behind which the kernel starts early.
// CHECK-LABEL: ft.kernel @row_rms_norm_rope_cache_append
// CHECK-SAME:  using L = row::Line<64, 8, 8, 1>;
// CHECK-SAME:  const row::Partner<L, 32, false, 8> pair{line};
// CHECK-SAME:  pair.load(
// CHECK-SAME:  row::rope<32, false>(
// CHECK-SAME:  const i64 cell0 = pageTable3[i64(sequenceIds3[row]) * pageColumns + position3 / 64] * i64(64) + position3 % 64;
// CHECK-SAME:  line.store(plane0 + cell0 * 128 + group * 64
// CHECK-SAME:  line.store(plane1 + cell1 * 128 + group * 64
// CHECK:       ft.fused gemm {{.*}} name = "library"
// CHECK:       {cache = @kv, layer = 5 : i64, plane = 0 : i64}
// CHECK-SAME:  {cache = @kv, layer = 5 : i64, plane = 1 : i64}
// CHECK-SAME:  dependent
module attributes {ft.axes = ["tokens", "sequences", "rows"]} {
  ft.param @rope : tensor<128x64xf32> = #ft.recipe<"generator" {name = "rope", shape = array<i64: 128, 64>}>
  ft.param @qnorm : tensor<64xf32> = #ft.recipe<"literal" {shape = array<i64: 64>}>
  ft.param @w : tensor<768x64xbf16> = #ft.recipe<"literal" {shape = array<i64: 768, 64>}>
  ft.param @wq : tensor<512x64xbf16> view_of @w row 0
  ft.param @wk : tensor<128x64xbf16> view_of @w row 512
  ft.param @wv : tensor<128x64xbf16> view_of @w row 640
  ft.cache @kv layers 8 page 64 [#ft.plane<"k", 2x64xbf16>, #ft.plane<"v", 2x64xbf16>]
  ft.entry @step(%x: !ft.packed<tokens, 64xbf16>, %seq: !ft.sequences<tokens, sequences>) -> (!ft.packed<tokens, 8x64xbf16>) attributes {arena = array<i64: 4096, 0, 0>} {
    %q, %k, %v = ft.fused gemm (%x) "qkv" attributes {slots = [#ft.slot<0 + [0, 0, 0] stride 768>, #ft.slot<1024 + [0, 0, 0] stride 768>, #ft.slot<1280 + [0, 0, 0] stride 768>]} {
    ^bb0(%0: !ft.packed<tokens, 64xbf16>):
      %1 = ft.linear %0, @wq : (!ft.packed<tokens, 64xbf16>) -> !ft.packed<tokens, 8x64xbf16>
      %2 = ft.linear %0, @wk : (!ft.packed<tokens, 64xbf16>) -> !ft.packed<tokens, 2x64xbf16>
      %3 = ft.linear %0, @wv : (!ft.packed<tokens, 64xbf16>) -> !ft.packed<tokens, 2x64xbf16>
      ft.yield %1, %2, %3 : !ft.packed<tokens, 8x64xbf16>, !ft.packed<tokens, 2x64xbf16>, !ft.packed<tokens, 2x64xbf16>
    } : (!ft.packed<tokens, 64xbf16>) -> (!ft.packed<tokens, 8x64xbf16>, !ft.packed<tokens, 2x64xbf16>, !ft.packed<tokens, 2x64xbf16>)
    %r = ft.fused row (%q, %k, %v, %seq) "rope" attributes {slots = [#ft.slot<0 + [1536, 0, 0] stride 512>]} {
    ^bb0(%0: !ft.packed<tokens, 8x64xbf16>, %1: !ft.packed<tokens, 2x64xbf16>, %2: !ft.packed<tokens, 2x64xbf16>, %s: !ft.sequences<tokens, sequences>):
      %n = ft.rms_norm %0, @qnorm {eps = 1.0e-6 : f64} : !ft.packed<tokens, 8x64xbf16>
      %3 = ft.rope %n, @rope at %s : (!ft.packed<tokens, 8x64xbf16>, !ft.sequences<tokens, sequences>) -> !ft.packed<tokens, 8x64xbf16>
      %4 = ft.rope %1, @rope at %s : (!ft.packed<tokens, 2x64xbf16>, !ft.sequences<tokens, sequences>) -> !ft.packed<tokens, 2x64xbf16>
      ft.cache_append %4, %2 to @kv layer 5 at %s : (!ft.packed<tokens, 2x64xbf16>, !ft.packed<tokens, 2x64xbf16>, !ft.sequences<tokens, sequences>) -> ()
      ft.yield %3 : !ft.packed<tokens, 8x64xbf16>
    } : (!ft.packed<tokens, 8x64xbf16>, !ft.packed<tokens, 2x64xbf16>, !ft.packed<tokens, 2x64xbf16>, !ft.sequences<tokens, sequences>) -> !ft.packed<tokens, 8x64xbf16>
    ft.return %r : !ft.packed<tokens, 8x64xbf16>
  }
}

// -----

// Rows that a batch wants, of two values; rows of sequences, and the second last
// one, which is zeros where there is none. What says which is not written by the
// kernel in front.
// CHECK-LABEL: ft.kernel @row_rows "row_rows"
// CHECK-SAME:  const i64 wanted = rows[row];\0A      dependencyWait();
// CHECK-SAME:  line.load(v0, in0 + wanted * in0Stride);
// CHECK-SAME:  line.load(v0, in1 + wanted * in1Stride);
// CHECK:       ft.kernel @row_segment_reduce "row_segment_reduce"
// CHECK-SAME:  const int token0 = cuTokens1[row];
// CHECK-SAME:  const bool token0Is = token0 < cuTokens1[row + 1];
// CHECK-SAME:  dependencyWait();
// CHECK-SAME:  line.load(v1, in0 + i64(token0Is ? token0 : 0) * in0Stride);
// CHECK-SAME:  v1[e] = token0Is ? v1[e] : 0.0f;
// CHECK-SAME:  const int token0 = cuTokens1[row + 1] - 2;
// CHECK-SAME:  const bool token0Is = token0 >= cuTokens1[row];
// CHECK:       ft.fused row {{.*}} "rows" attributes
// CHECK-SAME:  {batch = "rows"}
// CHECK-SAME:  grid = [{axis = "rows",
// CHECK:       ft.fused row {{.*}} "first" attributes
// CHECK-SAME:  {batch = "cu_tokens", of = 1 : i64}
// CHECK-SAME:  grid = [{axis = "sequences",
module attributes {ft.axes = ["tokens", "sequences", "rows"]} {
  ft.entry @step(%x: !ft.packed<tokens, 96xbf16>, %y: !ft.packed<tokens, 96xbf16>, %s: !ft.sequences<tokens, sequences>, %r: !ft.rows<rows, tokens>) -> (!ft.packed<rows, 96xbf16>, !ft.packed<rows, 96xbf16>, !ft.packed<sequences, 96xbf16>, !ft.packed<sequences, 96xbf16>) attributes {arena = array<i64: 0, 384, 384>} {
    %a, %b = ft.fused row (%x, %y, %r) "rows" attributes {slots = [#ft.slot<0 + [0, 384, 0] stride 96>, #ft.slot<0 + [0, 384, 192] stride 96>]} {
    ^bb0(%0: !ft.packed<tokens, 96xbf16>, %1: !ft.packed<tokens, 96xbf16>, %2: !ft.rows<rows, tokens>):
      %3 = ft.rows %0, %2 : (!ft.packed<tokens, 96xbf16>, !ft.rows<rows, tokens>) -> !ft.packed<rows, 96xbf16>
      %4 = ft.rows %1, %2 : (!ft.packed<tokens, 96xbf16>, !ft.rows<rows, tokens>) -> !ft.packed<rows, 96xbf16>
      ft.yield %3, %4 : !ft.packed<rows, 96xbf16>, !ft.packed<rows, 96xbf16>
    } : (!ft.packed<tokens, 96xbf16>, !ft.packed<tokens, 96xbf16>, !ft.rows<rows, tokens>) -> (!ft.packed<rows, 96xbf16>, !ft.packed<rows, 96xbf16>)
    %c, %d = ft.fused row (%x, %s, %y) "first" attributes {slots = [#ft.slot<0 + [0, 0, 0] stride 96>, #ft.slot<0 + [0, 192, 0] stride 96>]} {
    ^bb0(%0: !ft.packed<tokens, 96xbf16>, %1: !ft.sequences<tokens, sequences>, %2: !ft.packed<tokens, 96xbf16>):
      %3 = ft.segment_reduce "first" %0 at %1 : (!ft.packed<tokens, 96xbf16>, !ft.sequences<tokens, sequences>) -> !ft.packed<sequences, 96xbf16>
      %4 = ft.segment_reduce "last" %2 at %1 {index = 1 : i64} : (!ft.packed<tokens, 96xbf16>, !ft.sequences<tokens, sequences>) -> !ft.packed<sequences, 96xbf16>
      ft.yield %3, %4 : !ft.packed<sequences, 96xbf16>, !ft.packed<sequences, 96xbf16>
    } : (!ft.packed<tokens, 96xbf16>, !ft.sequences<tokens, sequences>, !ft.packed<tokens, 96xbf16>) -> (!ft.packed<sequences, 96xbf16>, !ft.packed<sequences, 96xbf16>)
    ft.return %a, %b, %c, %d : !ft.packed<rows, 96xbf16>, !ft.packed<rows, 96xbf16>, !ft.packed<sequences, 96xbf16>, !ft.packed<sequences, 96xbf16>
  }
}
