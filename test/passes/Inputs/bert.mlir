// Two BERT layers: segments, post-norms, erf GELU, pooler.
module attributes {ft.axes = ["tokens", "sequences", "rows"]} {
  ft.param @word : tensor<320x64xf32> =
    #ft.recipe<"tensor" {file = "model.safetensors", shape = array<i64: 320, 64>, stored = f32, tensor = "word"}>
  ft.param @position : tensor<128x64xf32> =
    #ft.recipe<"tensor" {file = "model.safetensors", shape = array<i64: 128, 64>, stored = f32, tensor = "position"}>
  ft.param @type : tensor<2x64xf32> =
    #ft.recipe<"tensor" {file = "model.safetensors", shape = array<i64: 2, 64>, stored = f32, tensor = "type"}>
  ft.param @ln : tensor<64xf32> =
    #ft.recipe<"tensor" {file = "model.safetensors", shape = array<i64: 64>, stored = f32, tensor = "ln"}>
  ft.param @ln.bias : tensor<64xf32> =
    #ft.recipe<"tensor" {file = "model.safetensors", shape = array<i64: 64>, stored = f32, tensor = "ln.bias"}>
  ft.param @pooler : tensor<64x64xf32> =
    #ft.recipe<"tensor" {file = "model.safetensors", shape = array<i64: 64, 64>, stored = f32, tensor = "pooler"}>
  ft.param @pooler.bias : tensor<64xf32> =
    #ft.recipe<"tensor" {file = "model.safetensors", shape = array<i64: 64>, stored = f32, tensor = "pooler.bias"}>
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
  ft.param @l0.ln1 : tensor<64xf32> =
    #ft.recipe<"tensor" {file = "model.safetensors", shape = array<i64: 64>, stored = f32, tensor = "l0.ln1"}>
  ft.param @l0.ln1.bias : tensor<64xf32> =
    #ft.recipe<"tensor" {file = "model.safetensors", shape = array<i64: 64>, stored = f32, tensor = "l0.ln1.bias"}>
  ft.param @l0.fc : tensor<256x64xf32> =
    #ft.recipe<"tensor" {file = "model.safetensors", shape = array<i64: 256, 64>, stored = f32, tensor = "l0.fc"}>
  ft.param @l0.fc.bias : tensor<256xf32> =
    #ft.recipe<"tensor" {file = "model.safetensors", shape = array<i64: 256>, stored = f32, tensor = "l0.fc.bias"}>
  ft.param @l0.proj : tensor<64x256xf32> =
    #ft.recipe<"tensor" {file = "model.safetensors", shape = array<i64: 64, 256>, stored = f32, tensor = "l0.proj"}>
  ft.param @l0.proj.bias : tensor<64xf32> =
    #ft.recipe<"tensor" {file = "model.safetensors", shape = array<i64: 64>, stored = f32, tensor = "l0.proj.bias"}>
  ft.param @l0.ln2 : tensor<64xf32> =
    #ft.recipe<"tensor" {file = "model.safetensors", shape = array<i64: 64>, stored = f32, tensor = "l0.ln2"}>
  ft.param @l0.ln2.bias : tensor<64xf32> =
    #ft.recipe<"tensor" {file = "model.safetensors", shape = array<i64: 64>, stored = f32, tensor = "l0.ln2.bias"}>
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
  ft.param @l1.ln1 : tensor<64xf32> =
    #ft.recipe<"tensor" {file = "model.safetensors", shape = array<i64: 64>, stored = f32, tensor = "l1.ln1"}>
  ft.param @l1.ln1.bias : tensor<64xf32> =
    #ft.recipe<"tensor" {file = "model.safetensors", shape = array<i64: 64>, stored = f32, tensor = "l1.ln1.bias"}>
  ft.param @l1.fc : tensor<256x64xf32> =
    #ft.recipe<"tensor" {file = "model.safetensors", shape = array<i64: 256, 64>, stored = f32, tensor = "l1.fc"}>
  ft.param @l1.fc.bias : tensor<256xf32> =
    #ft.recipe<"tensor" {file = "model.safetensors", shape = array<i64: 256>, stored = f32, tensor = "l1.fc.bias"}>
  ft.param @l1.proj : tensor<64x256xf32> =
    #ft.recipe<"tensor" {file = "model.safetensors", shape = array<i64: 64, 256>, stored = f32, tensor = "l1.proj"}>
  ft.param @l1.proj.bias : tensor<64xf32> =
    #ft.recipe<"tensor" {file = "model.safetensors", shape = array<i64: 64>, stored = f32, tensor = "l1.proj.bias"}>
  ft.param @l1.ln2 : tensor<64xf32> =
    #ft.recipe<"tensor" {file = "model.safetensors", shape = array<i64: 64>, stored = f32, tensor = "l1.ln2"}>
  ft.param @l1.ln2.bias : tensor<64xf32> =
    #ft.recipe<"tensor" {file = "model.safetensors", shape = array<i64: 64>, stored = f32, tensor = "l1.ln2.bias"}>
  ft.entry @encode(%ids: !ft.packed<tokens, i32> {ft.name = "input_ids", ft.role = "tokens", ft.limit = 320 : i64},
                   %types: !ft.packed<tokens, i32> {ft.name = "token_type_ids", ft.role = "segments", ft.limit = 2 : i64},
                   %seq: !ft.sequences<tokens, sequences> {ft.name = "sequences", ft.role = "sequences"})
      -> (!ft.packed<tokens, 64xf32> {ft.name = "last_hidden_state"}, !ft.packed<sequences, 64xf32> {ft.name = "pooler_output"})
      attributes {ft.mask = "attention_mask"} {
    %e = ft.embedding %ids, @word : (!ft.packed<tokens, i32>) -> !ft.packed<tokens, 64xf32>
    %t = ft.embedding %types, @type : (!ft.packed<tokens, i32>) -> !ft.packed<tokens, 64xf32>
    %et = ft.add %e, %t : (!ft.packed<tokens, 64xf32>, !ft.packed<tokens, 64xf32>) -> !ft.packed<tokens, 64xf32>
    %p = ft.positions %seq : (!ft.sequences<tokens, sequences>) -> !ft.packed<tokens, i32>
    %pe = ft.embedding %p, @position : (!ft.packed<tokens, i32>) -> !ft.packed<tokens, 64xf32>
    %es = ft.add %et, %pe : (!ft.packed<tokens, 64xf32>, !ft.packed<tokens, 64xf32>) -> !ft.packed<tokens, 64xf32>
    %x0 = ft.layer_norm %es, @ln bias @ln.bias {eps = 1.0e-12 : f64} : !ft.packed<tokens, 64xf32>
    %q0 = ft.linear %x0, @l0.q bias @l0.q.bias : (!ft.packed<tokens, 64xf32>) -> !ft.packed<tokens, 4x16xf32>
    %k0 = ft.linear %x0, @l0.k bias @l0.k.bias : (!ft.packed<tokens, 64xf32>) -> !ft.packed<tokens, 4x16xf32>
    %v0 = ft.linear %x0, @l0.v bias @l0.v.bias : (!ft.packed<tokens, 64xf32>) -> !ft.packed<tokens, 4x16xf32>
    %a0 = ft.attention %q0, %k0, %v0 at %seq {scale = 0.25 : f64} : (!ft.packed<tokens, 4x16xf32>, !ft.packed<tokens, 4x16xf32>, !ft.packed<tokens, 4x16xf32>, !ft.sequences<tokens, sequences>) -> !ft.packed<tokens, 4x16xf32>
    %o0 = ft.linear %a0, @l0.o bias @l0.o.bias : (!ft.packed<tokens, 4x16xf32>) -> !ft.packed<tokens, 64xf32>
    %r0 = ft.add %o0, %x0 : (!ft.packed<tokens, 64xf32>, !ft.packed<tokens, 64xf32>) -> !ft.packed<tokens, 64xf32>
    %y0 = ft.layer_norm %r0, @l0.ln1 bias @l0.ln1.bias {eps = 1.0e-12 : f64} : !ft.packed<tokens, 64xf32>
    %f0 = ft.linear %y0, @l0.fc bias @l0.fc.bias : (!ft.packed<tokens, 64xf32>) -> !ft.packed<tokens, 256xf32>
    %g0 = ft.gelu %f0 : !ft.packed<tokens, 256xf32>
    %d0 = ft.linear %g0, @l0.proj bias @l0.proj.bias : (!ft.packed<tokens, 256xf32>) -> !ft.packed<tokens, 64xf32>
    %z0 = ft.add %d0, %y0 : (!ft.packed<tokens, 64xf32>, !ft.packed<tokens, 64xf32>) -> !ft.packed<tokens, 64xf32>
    %x1 = ft.layer_norm %z0, @l0.ln2 bias @l0.ln2.bias {eps = 1.0e-12 : f64} : !ft.packed<tokens, 64xf32>
    %q1 = ft.linear %x1, @l1.q bias @l1.q.bias : (!ft.packed<tokens, 64xf32>) -> !ft.packed<tokens, 4x16xf32>
    %k1 = ft.linear %x1, @l1.k bias @l1.k.bias : (!ft.packed<tokens, 64xf32>) -> !ft.packed<tokens, 4x16xf32>
    %v1 = ft.linear %x1, @l1.v bias @l1.v.bias : (!ft.packed<tokens, 64xf32>) -> !ft.packed<tokens, 4x16xf32>
    %a1 = ft.attention %q1, %k1, %v1 at %seq {scale = 0.25 : f64} : (!ft.packed<tokens, 4x16xf32>, !ft.packed<tokens, 4x16xf32>, !ft.packed<tokens, 4x16xf32>, !ft.sequences<tokens, sequences>) -> !ft.packed<tokens, 4x16xf32>
    %o1 = ft.linear %a1, @l1.o bias @l1.o.bias : (!ft.packed<tokens, 4x16xf32>) -> !ft.packed<tokens, 64xf32>
    %r1 = ft.add %o1, %x1 : (!ft.packed<tokens, 64xf32>, !ft.packed<tokens, 64xf32>) -> !ft.packed<tokens, 64xf32>
    %y1 = ft.layer_norm %r1, @l1.ln1 bias @l1.ln1.bias {eps = 1.0e-12 : f64} : !ft.packed<tokens, 64xf32>
    %f1 = ft.linear %y1, @l1.fc bias @l1.fc.bias : (!ft.packed<tokens, 64xf32>) -> !ft.packed<tokens, 256xf32>
    %g1 = ft.gelu %f1 : !ft.packed<tokens, 256xf32>
    %d1 = ft.linear %g1, @l1.proj bias @l1.proj.bias : (!ft.packed<tokens, 256xf32>) -> !ft.packed<tokens, 64xf32>
    %z1 = ft.add %d1, %y1 : (!ft.packed<tokens, 64xf32>, !ft.packed<tokens, 64xf32>) -> !ft.packed<tokens, 64xf32>
    %x2 = ft.layer_norm %z1, @l1.ln2 bias @l1.ln2.bias {eps = 1.0e-12 : f64} : !ft.packed<tokens, 64xf32>
    %first = ft.segment_reduce "first" %x2 at %seq : (!ft.packed<tokens, 64xf32>, !ft.sequences<tokens, sequences>) -> !ft.packed<sequences, 64xf32>
    %pl = ft.linear %first, @pooler bias @pooler.bias : (!ft.packed<sequences, 64xf32>) -> !ft.packed<sequences, 64xf32>
    %pooled = ft.tanh %pl : !ft.packed<sequences, 64xf32>
    ft.return %x2, %pooled : !ft.packed<tokens, 64xf32>, !ft.packed<sequences, 64xf32>
  }
}
