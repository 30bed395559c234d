// RUN: ft-opt %s --ft-select-kernels=archs=sm_90a | FileCheck %s

// 33,000 outputs are a tile of 250 for each of 132 multiprocessors, 128,256 four
// of 243. Tiles begin on whole vectors of a row of results, which are stored so:
// 256 and 248. 64 tokens are wgmma's 64-row side, with all of a tile's rows of
// weights on the other; 32 tokens are the other. Rows of 16,804 results do not end
// on 16 bytes.
// CHECK: using Tile = skinny::Skinny<bf16, false, 64, 1, 1, 1, 1, 2, 256>;
// CHECK: using Tile = skinny::Skinny<bf16, false, 32, 2, 2, 1, 1, 2, 0>;
// CHECK: outStride = 16804;
// CHECK: using Tile = skinny::Skinny<bf16, false, 64, 1, 2, 1, 1, 0, 0>;
// CHECK: ft.fused gemm {{.*}} "one"
// CHECK-SAME: name = "skinny_64x256"
// CHECK: ft.fused gemm {{.*}} "four"
// CHECK-SAME: name = "skinny_64x248"
// CHECK-SAME: name = "skinny_32x248"
// CHECK-SAME: name = "skinny_16x248"
module attributes {ft.axes = ["tokens", "sequences", "rows"]} {
  ft.param @w : tensor<33000x4096xbf16> = #ft.recipe<"literal" {shape = array<i64: 33000, 4096>}>
  ft.param @v : tensor<128256x4096xbf16> = #ft.recipe<"literal" {shape = array<i64: 128256, 4096>}>
  ft.param @u : tensor<16804x4096xbf16> = #ft.recipe<"literal" {shape = array<i64: 16804, 4096>}>
  ft.entry @step(%x: !ft.packed<tokens, 4096xbf16>) -> (!ft.packed<tokens, 33000xbf16>, !ft.packed<tokens, 128256xbf16>, !ft.packed<tokens, 16804xbf16>) attributes {arena = array<i64: 33554432, 0, 0>, entry = "step", kind = #ft.step_kind<9, 64>} {
    %a = ft.fused gemm (%x) "one" attributes {slots = [#ft.slot<0 + [0, 0, 0] stride 33000>]} {
    ^bb0(%0: !ft.packed<tokens, 4096xbf16>):
      %1 = ft.linear %0, @w : (!ft.packed<tokens, 4096xbf16>) -> !ft.packed<tokens, 33000xbf16>
      ft.yield %1 : !ft.packed<tokens, 33000xbf16>
    } : (!ft.packed<tokens, 4096xbf16>) -> !ft.packed<tokens, 33000xbf16>
    %b = ft.fused gemm (%x) "four" attributes {slots = [#ft.slot<0 + [8388608, 0, 0] stride 128256>]} {
    ^bb0(%0: !ft.packed<tokens, 4096xbf16>):
      %1 = ft.linear %0, @v : (!ft.packed<tokens, 4096xbf16>) -> !ft.packed<tokens, 128256xbf16>
      ft.yield %1 : !ft.packed<tokens, 128256xbf16>
    } : (!ft.packed<tokens, 4096xbf16>) -> !ft.packed<tokens, 128256xbf16>
    %c = ft.fused gemm (%x) "uneven" attributes {slots = [#ft.slot<0 + [25165824, 0, 0] stride 16804>]} {
    ^bb0(%0: !ft.packed<tokens, 4096xbf16>):
      %1 = ft.linear %0, @u : (!ft.packed<tokens, 4096xbf16>) -> !ft.packed<tokens, 16804xbf16>
      ft.yield %1 : !ft.packed<tokens, 16804xbf16>
    } : (!ft.packed<tokens, 4096xbf16>) -> !ft.packed<tokens, 16804xbf16>
    ft.return %a, %b, %c : !ft.packed<tokens, 33000xbf16>, !ft.packed<tokens, 128256xbf16>, !ft.packed<tokens, 16804xbf16>
  }
}
