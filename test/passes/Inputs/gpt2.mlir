// Two GPT-2 layers: learned positions, layer norms, biases, tied head.
module attributes {ft.axes = ["tokens", "sequences", "rows"]} {
  ft.param @wte : tensor<320x64xf32> =
    #ft.recipe<"tensor" {file = "model.safetensors", shape = array<i64: 320, 64>, stored = f32, tensor = "wte"}>
  ft.param @wpe : tensor<128x64xf32> =
    #ft.recipe<"tensor" {file = "model.safetensors", shape = array<i64: 128, 64>, stored = f32, tensor = "wpe"}>
  ft.param @ln : tensor<64xf32> =
    #ft.recipe<"tensor" {file = "model.safetensors", shape = array<i64: 64>, stored = f32, tensor = "ln"}>
  ft.param @ln.bias : tensor<64xf32> =
    #ft.recipe<"tensor" {file = "model.safetensors", shape = array<i64: 64>, stored = f32, tensor = "ln.bias"}>
  ft.param @l0.ln1 : tensor<64xf32> =
    #ft.recipe<"tensor" {file = "model.safetensors", shape = array<i64: 64>, stored = f32, tensor = "l0.ln1"}>
  ft.param @l0.ln1.bias : tensor<64xf32> =
    #ft.recipe<"tensor" {file = "model.safetensors", shape = array<i64: 64>, stored = f32, tensor = "l0.ln1.bias"}>
  ft.param @l0.q : tensor<64x64xf32> =
    #ft.recipe<"tensor" {file = "model.safetensors", shape = array<i64: 64, 64>, stored = f32, tensor = "l0.q"}>
  ft.param @l0.q.bias : tensor<64xf32> =
    #ft.recipe<"tensor" {file = "model.safetensors", shape = array<i64: 64>, stored = f32, tensor = "l0.q.bias"}>
  ft.param @l0.k : tensor<64x64xf32> =
    #ft.recipe<"tensor" {file = "model.safetensors", shape = array<i64: 64, 64>, stored = f32, tensor = "l0.k"}>
  ft.param @l0.k.bias : tensor<64xf32> =
    #ft.recipe<"tensor" {file = "model.safetensors", shape = array<i64: 64>, stored = f32, tensor = "l0.k.bias"}>
  ft.param @l0.v : tensor<64x64xf32> =
    #ft.recipe<"tensor" {file = "model.safetensors", shape = array<i64: 64, 64>, stored = f32, tensor = "l0.v"}>
  ft.param @l0.v.bias : tensor<64xf32> =
    #ft.recipe<"tensor" {file = "model.safetensors", shape = array<i64: 64>, stored = f32, tensor = "l0.v.bias"}>
  ft.param @l0.o : tensor<64x64xf32> =
    #ft.recipe<"tensor" {file = "model.safetensors", shape = array<i64: 64, 64>, stored = f32, tensor = "l0.o"}>
  ft.param @l0.o.bias : tensor<64xf32> =
    #ft.recipe<"tensor" {file = "model.safetensors", shape = array<i64: 64>, stored = f32, tensor = "l0.o.bias"}>
  ft.param @l0.ln2 : tensor<64xf32> =
    #ft.recipe<"tensor" {file = "model.safetensors", shape = array<i64: 64>, stored = f32, tensor = "l0.ln2"}>
  ft.param @l0.ln2.bias : tensor<64xf32> =
    #ft.recipe<"tensor" {file = "model.safetensors", shape = array<i64: 64>, stored = f32, tensor = "l0.ln2.bias"}>
  ft.param @l0.fc : tensor<256x64xf32> =
    #ft.recipe<"tensor" {file = "model.safetensors", shape = array<i64: 256, 64>, stored = f32, tensor = "l0.fc"}>
  ft.param @l0.fc.bias : tensor<256xf32> =
    #ft.recipe<"tensor" {file = "model.safetensors", shape = array<i64: 256>, stored = f32, tensor = "l0.fc.bias"}>
  ft.param @l0.proj : tensor<64x256xf32> =
    #ft.recipe<"tensor" {file = "model.safetensors", shape = array<i64: 64, 256>, stored = f32, tensor = "l0.proj"}>
  ft.param @l0.proj.bias : tensor<64xf32> =
    #ft.recipe<"tensor" {file = "model.safetensors", shape = array<i64: 64>, stored = f32, tensor = "l0.proj.bias"}>
  ft.param @l1.ln1 : tensor<64xf32> =
    #ft.recipe<"tensor" {file = "model.safetensors", shape = array<i64: 64>, stored = f32, tensor = "l1.ln1"}>
  ft.param @l1.ln1.bias : tensor<64xf32> =
    #ft.recipe<"tensor" {file = "model.safetensors", shape = array<i64: 64>, stored = f32, tensor = "l1.ln1.bias"}>
  ft.param @l1.q : tensor<64x64xf32> =
    #ft.recipe<"tensor" {file = "model.safetensors", shape = array<i64: 64, 64>, stored = f32, tensor = "l1.q"}>
  ft.param @l1.q.bias : tensor<64xf32> =
    #ft.recipe<"tensor" {file = "model.safetensors", shape = array<i64: 64>, stored = f32, tensor = "l1.q.bias"}>
  ft.param @l1.k : tensor<64x64xf32> =
    #ft.recipe<"tensor" {file = "model.safetensors", shape = array<i64: 64, 64>, stored = f32, tensor = "l1.k"}>
  ft.param @l1.k.bias : tensor<64xf32> =
    #ft.recipe<"tensor" {file = "model.safetensors", shape = array<i64: 64>, stored = f32, tensor = "l1.k.bias"}>
  ft.param @l1.v : tensor<64x64xf32> =
    #ft.recipe<"tensor" {file = "model.safetensors", shape = array<i64: 64, 64>, stored = f32, tensor = "l1.v"}>
  ft.param @l1.v.bias : tensor<64xf32> =
    #ft.recipe<"tensor" {file = "model.safetensors", shape = array<i64: 64>, stored = f32, tensor = "l1.v.bias"}>
  ft.param @l1.o : tensor<64x64xf32> =
    #ft.recipe<"tensor" {file = "model.safetensors", shape = array<i64: 64, 64>, stored = f32, tensor = "l1.o"}>
  ft.param @l1.o.bias : tensor<64xf32> =
    #ft.recipe<"tensor" {file = "model.safetensors", shape = array<i64: 64>, stored = f32, tensor = "l1.o.bias"}>
  ft.param @l1.ln2 : tensor<64xf32> =
    #ft.recipe<"tensor" {file = "model.safetensors", shape = array<i64: 64>, stored = f32, tensor = "l1.ln2"}>
  ft.param @l1.ln2.bias : tensor<64xf32> =
    #ft.recipe<"tensor" {file = "model.safetensors", shape = array<i64: 64>, stored = f32, tensor = "l1.ln2.bias"}>
  ft.param @l1.fc : tensor<256x64xf32> =
    #ft.recipe<"tensor" {file = "model.safetensors", shape = array<i64: 256, 64>, stored = f32, tensor = "l1.fc"}>
  ft.param @l1.fc.bias : tensor<256xf32> =
    #ft.recipe<"tensor" {file = "model.safetensors", shape = array<i64: 256>, stored = f32, tensor = "l1.fc.bias"}>
  ft.param @l1.proj : tensor<64x256xf32> =
    #ft.recipe<"tensor" {file = "model.safetensors", shape = array<i64: 64, 256>, stored = f32, tensor = "l1.proj"}>
  ft.param @l1.proj.bias : tensor<64xf32> =
    #ft.recipe<"tensor" {file = "model.safetensors", shape = array<i64: 64>, stored = f32, tensor = "l1.proj.bias"}>
  ft.cache @kv layers 2 page 64 [#ft.plane<"k", 4x16xf32>, #ft.plane<"v", 4x16xf32>]
  ft.entry @step(%ids: !ft.packed<tokens, i32> {ft.name = "input_ids", ft.role = "tokens", ft.limit = 320 : i64},
                 %seq: !ft.sequences<tokens, sequences> {ft.name = "sequences", ft.role = "sequences"},
                 %rows: !ft.rows<rows, tokens> {ft.name = "rows", ft.role = "rows"})
      -> (!ft.packed<rows, 320xf32> {ft.name = "logits"}, !ft.packed<rows, i32> {ft.name = "next_token"}) attributes {causal} {
    %e = ft.embedding %ids, @wte : (!ft.packed<tokens, i32>) -> !ft.packed<tokens, 64xf32>
    %p = ft.positions %seq : (!ft.sequences<tokens, sequences>) -> !ft.packed<tokens, i32>
    %pe = ft.embedding %p, @wpe : (!ft.packed<tokens, i32>) -> !ft.packed<tokens, 64xf32>
    %x0 = ft.add %e, %pe : (!ft.packed<tokens, 64xf32>, !ft.packed<tokens, 64xf32>) -> !ft.packed<tokens, 64xf32>
    %h0 = ft.layer_norm %x0, @l0.ln1 bias @l0.ln1.bias {eps = 1.0e-5 : f64} : !ft.packed<tokens, 64xf32>
    %q0 = ft.linear %h0, @l0.q bias @l0.q.bias : (!ft.packed<tokens, 64xf32>) -> !ft.packed<tokens, 4x16xf32>
    %k0 = ft.linear %h0, @l0.k bias @l0.k.bias : (!ft.packed<tokens, 64xf32>) -> !ft.packed<tokens, 4x16xf32>
    %v0 = ft.linear %h0, @l0.v bias @l0.v.bias : (!ft.packed<tokens, 64xf32>) -> !ft.packed<tokens, 4x16xf32>
    ft.cache_append %k0, %v0 to @kv layer 0 at %seq : (!ft.packed<tokens, 4x16xf32>, !ft.packed<tokens, 4x16xf32>, !ft.sequences<tokens, sequences>) -> ()
    %a0 = ft.attention %q0 at %seq cache @kv layer 0 {causal, scale = 0.25 : f64} : (!ft.packed<tokens, 4x16xf32>, !ft.sequences<tokens, sequences>) -> !ft.packed<tokens, 4x16xf32>
    %o0 = ft.linear %a0, @l0.o bias @l0.o.bias : (!ft.packed<tokens, 4x16xf32>) -> !ft.packed<tokens, 64xf32>
    %y0 = ft.add %o0, %x0 : (!ft.packed<tokens, 64xf32>, !ft.packed<tokens, 64xf32>) -> !ft.packed<tokens, 64xf32>
    %m0 = ft.layer_norm %y0, @l0.ln2 bias @l0.ln2.bias {eps = 1.0e-5 : f64} : !ft.packed<tokens, 64xf32>
    %f0 = ft.linear %m0, @l0.fc bias @l0.fc.bias : (!ft.packed<tokens, 64xf32>) -> !ft.packed<tokens, 256xf32>
    %g0 = ft.gelu %f0 tanh : !ft.packed<tokens, 256xf32>
    %d0 = ft.linear %g0, @l0.proj bias @l0.proj.bias : (!ft.packed<tokens, 256xf32>) -> !ft.packed<tokens, 64xf32>
    %x1 = ft.add %y0, %d0 : (!ft.packed<tokens, 64xf32>, !ft.packed<tokens, 64xf32>) -> !ft.packed<tokens, 64xf32>
    %h1 = ft.layer_norm %x1, @l1.ln1 bias @l1.ln1.bias {eps = 1.0e-5 : f64} : !ft.packed<tokens, 64xf32>
    %q1 = ft.linear %h1, @l1.q bias @l1.q.bias : (!ft.packed<tokens, 64xf32>) -> !ft.packed<tokens, 4x16xf32>
    %k1 = ft.linear %h1, @l1.k bias @l1.k.bias : (!ft.packed<tokens, 64xf32>) -> !ft.packed<tokens, 4x16xf32>
    %v1 = ft.linear %h1, @l1.v bias @l1.v.bias : (!ft.packed<tokens, 64xf32>) -> !ft.packed<tokens, 4x16xf32>
    ft.cache_append %k1, %v1 to @kv layer 1 at %seq : (!ft.packed<tokens, 4x16xf32>, !ft.packed<tokens, 4x16xf32>, !ft.sequences<tokens, sequences>) -> ()
    %a1 = ft.attention %q1 at %seq cache @kv layer 1 {causal, scale = 0.25 : f64} : (!ft.packed<tokens, 4x16xf32>, !ft.sequences<tokens, sequences>) -> !ft.packed<tokens, 4x16xf32>
    %o1 = ft.linear %a1, @l1.o bias @l1.o.bias : (!ft.packed<tokens, 4x16xf32>) -> !ft.packed<tokens, 64xf32>
    %y1 = ft.add %o1, %x1 : (!ft.packed<tokens, 64xf32>, !ft.packed<tokens, 64xf32>) -> !ft.packed<tokens, 64xf32>
    %m1 = ft.layer_norm %y1, @l1.ln2 bias @l1.ln2.bias {eps = 1.0e-5 : f64} : !ft.packed<tokens, 64xf32>
    %f1 = ft.linear %m1, @l1.fc bias @l1.fc.bias : (!ft.packed<tokens, 64xf32>) -> !ft.packed<tokens, 256xf32>
    %g1 = ft.gelu %f1 tanh : !ft.packed<tokens, 256xf32>
    %d1 = ft.linear %g1, @l1.proj bias @l1.proj.bias : (!ft.packed<tokens, 256xf32>) -> !ft.packed<tokens, 64xf32>
    %x2 = ft.add %y1, %d1 : (!ft.packed<tokens, 64xf32>, !ft.packed<tokens, 64xf32>) -> !ft.packed<tokens, 64xf32>
    %n = ft.layer_norm %x2, @ln bias @ln.bias {eps = 1.0e-5 : f64} : !ft.packed<tokens, 64xf32>
    %r = ft.rows %n, %rows : (!ft.packed<tokens, 64xf32>, !ft.rows<rows, tokens>) -> !ft.packed<rows, 64xf32>
    %logits = ft.linear %r, @wte : (!ft.packed<rows, 64xf32>) -> !ft.packed<rows, 320xf32>
    %next = ft.argmax %logits : (!ft.packed<rows, 320xf32>) -> !ft.packed<rows, i32>
    ft.return %logits, %next : !ft.packed<rows, 320xf32>, !ft.packed<rows, i32>
  }
}
