// One layer with one kv head and biases on q, k and v.
module attributes {ft.axes = ["tokens", "sequences", "rows"]} {
  ft.param @embed : tensor<320x64xf32> =
    #ft.recipe<"tensor" {file = "model.safetensors", shape = array<i64: 320, 64>, stored = f32, tensor = "embed"}>
  ft.param @rope : tensor<128x16xf32> =
    #ft.recipe<"generator" {name = "rope", shape = array<i64: 128, 16>}>
  ft.param @norm : tensor<64xf32> =
    #ft.recipe<"tensor" {file = "model.safetensors", shape = array<i64: 64>, stored = f32, tensor = "norm"}>
  ft.param @head : tensor<320x64xf32> =
    #ft.recipe<"tensor" {file = "model.safetensors", shape = array<i64: 320, 64>, stored = f32, tensor = "head"}>
  ft.param @l0.norm1 : tensor<64xf32> =
    #ft.recipe<"tensor" {file = "model.safetensors", shape = array<i64: 64>, stored = f32, tensor = "l0.norm1"}>
  ft.param @l0.q : tensor<64x64xf32> =
    #ft.recipe<"tensor" {file = "model.safetensors", shape = array<i64: 64, 64>, stored = f32, tensor = "l0.q"}>
  ft.param @l0.q.bias : tensor<64xf32> =
    #ft.recipe<"tensor" {file = "model.safetensors", shape = array<i64: 64>, stored = f32, tensor = "l0.q.bias"}>
  ft.param @l0.k : tensor<16x64xf32> =
    #ft.recipe<"tensor" {file = "model.safetensors", shape = array<i64: 16, 64>, stored = f32, tensor = "l0.k"}>
  ft.param @l0.k.bias : tensor<16xf32> =
    #ft.recipe<"tensor" {file = "model.safetensors", shape = array<i64: 16>, stored = f32, tensor = "l0.k.bias"}>
  ft.param @l0.v : tensor<16x64xf32> =
    #ft.recipe<"tensor" {file = "model.safetensors", shape = array<i64: 16, 64>, stored = f32, tensor = "l0.v"}>
  ft.param @l0.v.bias : tensor<16xf32> =
    #ft.recipe<"tensor" {file = "model.safetensors", shape = array<i64: 16>, stored = f32, tensor = "l0.v.bias"}>
  ft.param @l0.o : tensor<64x64xf32> =
    #ft.recipe<"tensor" {file = "model.safetensors", shape = array<i64: 64, 64>, stored = f32, tensor = "l0.o"}>
  ft.param @l0.norm2 : tensor<64xf32> =
    #ft.recipe<"tensor" {file = "model.safetensors", shape = array<i64: 64>, stored = f32, tensor = "l0.norm2"}>
  ft.param @l0.gate : tensor<192x64xf32> =
    #ft.recipe<"tensor" {file = "model.safetensors", shape = array<i64: 192, 64>, stored = f32, tensor = "l0.gate"}>
  ft.param @l0.up : tensor<192x64xf32> =
    #ft.recipe<"tensor" {file = "model.safetensors", shape = array<i64: 192, 64>, stored = f32, tensor = "l0.up"}>
  ft.param @l0.down : tensor<64x192xf32> =
    #ft.recipe<"tensor" {file = "model.safetensors", shape = array<i64: 64, 192>, stored = f32, tensor = "l0.down"}>
  ft.cache @kv layers 1 page 64 [#ft.plane<"k", 1x16xf32>, #ft.plane<"v", 1x16xf32>]
  ft.entry @step(%ids: !ft.packed<tokens, i32> {ft.name = "input_ids", ft.role = "tokens", ft.limit = 320 : i64},
                 %seq: !ft.sequences<tokens, sequences> {ft.name = "sequences", ft.role = "sequences"},
                 %rows: !ft.rows<rows, tokens> {ft.name = "rows", ft.role = "rows"})
      -> (!ft.packed<rows, 320xf32> {ft.name = "logits"}, !ft.packed<rows, i32> {ft.name = "next_token"}) attributes {causal} {
    %x0 = ft.embedding %ids, @embed : (!ft.packed<tokens, i32>) -> !ft.packed<tokens, 64xf32>
    %h0 = ft.rms_norm %x0, @l0.norm1 {eps = 1.0e-5 : f64} : !ft.packed<tokens, 64xf32>
    %q0 = ft.linear %h0, @l0.q bias @l0.q.bias : (!ft.packed<tokens, 64xf32>) -> !ft.packed<tokens, 4x16xf32>
    %k0 = ft.linear %h0, @l0.k bias @l0.k.bias : (!ft.packed<tokens, 64xf32>) -> !ft.packed<tokens, 1x16xf32>
    %v0 = ft.linear %h0, @l0.v bias @l0.v.bias : (!ft.packed<tokens, 64xf32>) -> !ft.packed<tokens, 1x16xf32>
    %qr0 = ft.rope %q0, @rope at %seq : (!ft.packed<tokens, 4x16xf32>, !ft.sequences<tokens, sequences>) -> !ft.packed<tokens, 4x16xf32>
    %kr0 = ft.rope %k0, @rope at %seq : (!ft.packed<tokens, 1x16xf32>, !ft.sequences<tokens, sequences>) -> !ft.packed<tokens, 1x16xf32>
    ft.cache_append %kr0, %v0 to @kv layer 0 at %seq : (!ft.packed<tokens, 1x16xf32>, !ft.packed<tokens, 1x16xf32>, !ft.sequences<tokens, sequences>) -> ()
    %a0 = ft.attention %qr0 at %seq cache @kv layer 0 {causal, scale = 0.25 : f64} : (!ft.packed<tokens, 4x16xf32>, !ft.sequences<tokens, sequences>) -> !ft.packed<tokens, 4x16xf32>
    %o0 = ft.linear %a0, @l0.o : (!ft.packed<tokens, 4x16xf32>) -> !ft.packed<tokens, 64xf32>
    %y0 = ft.add %x0, %o0 : (!ft.packed<tokens, 64xf32>, !ft.packed<tokens, 64xf32>) -> !ft.packed<tokens, 64xf32>
    %m0 = ft.rms_norm %y0, @l0.norm2 {eps = 1.0e-5 : f64} : !ft.packed<tokens, 64xf32>
    %g0 = ft.linear %m0, @l0.gate : (!ft.packed<tokens, 64xf32>) -> !ft.packed<tokens, 192xf32>
    %u0 = ft.linear %m0, @l0.up : (!ft.packed<tokens, 64xf32>) -> !ft.packed<tokens, 192xf32>
    %s0 = ft.silu %g0 : !ft.packed<tokens, 192xf32>
    %w0 = ft.mul %s0, %u0 : (!ft.packed<tokens, 192xf32>, !ft.packed<tokens, 192xf32>) -> !ft.packed<tokens, 192xf32>
    %d0 = ft.linear %w0, @l0.down : (!ft.packed<tokens, 192xf32>) -> !ft.packed<tokens, 64xf32>
    %x1 = ft.add %y0, %d0 : (!ft.packed<tokens, 64xf32>, !ft.packed<tokens, 64xf32>) -> !ft.packed<tokens, 64xf32>
    %r = ft.rows %x1, %rows : (!ft.packed<tokens, 64xf32>, !ft.rows<rows, tokens>) -> !ft.packed<rows, 64xf32>
    %n = ft.rms_norm %r, @norm {eps = 1.0e-5 : f64} : !ft.packed<rows, 64xf32>
    %logits = ft.linear %n, @head : (!ft.packed<rows, 64xf32>) -> !ft.packed<rows, 320xf32>
    %next = ft.argmax %logits : (!ft.packed<rows, 320xf32>) -> !ft.packed<rows, i32>
    ft.return %logits, %next : !ft.packed<rows, 320xf32>, !ft.packed<rows, i32>
  }
}
