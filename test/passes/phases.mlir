// Every family through every phase: kernels of the last layer, and dumps.
// RUN: rm -rf %t
// RUN: ft-opt %S/Inputs/llama.mlir "--ft-to-schedule=dtype=bf16 dump=%t" -o /dev/null
// RUN: ls %t | FileCheck %s --check-prefix=FILES
// FILES: 1.import.mlir
// FILES-NEXT: 2.raise.mlir
// FILES-NEXT: 3.precision.mlir
// FILES-NEXT: 4.partition.mlir
// FILES-NEXT: 5.fuse.mlir
// FILES-NEXT: 6.schedule.mlir
// RUN: ft-opt %t/6.schedule.mlir --ft-verify-schedule | FileCheck %s --check-prefix=LLAMA
// RUN: not ft-opt %S/Inputs/llama.mlir "--ft-to-schedule=dump=/dev/null/x" 2>&1 | FileCheck %s --check-prefix=DIR
// DIR: error: cannot create /dev/null/x

// Five kernels a layer with 1 to 8 tokens.
// LLAMA-LABEL: ft.entry @step_1_8
// LLAMA: ft.fused gemm {{.*}} "l1.norm1+q+k+v"
// LLAMA: ft.fused attention {{.*}} "l1.rope+cache_append+attention"
// LLAMA: ft.fused gemm {{.*}} "l1.o"
// LLAMA: ft.fused gemm {{.*}} "l1.norm2+gate+up"
// LLAMA: ft.fused gemm {{.*}} "l1.down"
// LLAMA-NEXT: ^bb0
// LLAMA-NOT: ft.fused {{.*}} "l1
// LLAMA: ft.fused row {{.*}} "norm"
// LLAMA: ft.fused gemm {{.*}} "head"
// LLAMA: ft.fused argmax
// Nine with a library's GEMMs.
// LLAMA-LABEL: ft.entry @step_65
// LLAMA: ft.fused row {{.*}} "l1.norm1"
// LLAMA: ft.fused gemm {{.*}} "l1.q+k+v"
// LLAMA: ft.fused row {{.*}} "l1.rope+cache_append"
// LLAMA: ft.fused attention {{.*}} "l1.attention"
// LLAMA: ft.fused gemm {{.*}} "l1.o"
// LLAMA: ft.fused row {{.*}} "l1.norm2"
// LLAMA: ft.fused gemm {{.*}} "l1.gate+up"
// LLAMA: ft.fused row {{.*}} "l1.silu+mul"
// LLAMA: ft.fused gemm {{.*}} "l1.down"
// LLAMA: ft.fused row {{.*}} "norm"

// RUN: ft-opt %S/Inputs/bert.mlir --ft-to-schedule=dtype=bf16 | FileCheck %s --check-prefix=BERT
// RUN: ft-opt %S/Inputs/bert.mlir --ft-to-schedule=dtype=f32 | FileCheck %s --check-prefix=CALLS
// Embeddings of words, types and positions and their norm are one kernel; a
// layer is five steps, its norms and GELU fused to the GEMMs in front. The last
// norm is with its cast to what is answered.
// BERT: ft.fused row {{.*}} "word+type+position+ln"
// BERT: ft.fused gemm {{.*}} "l0.q+k+v"
// BERT: ft.fused attention {{.*}} "l0.attention"
// BERT: ft.fused gemm {{.*}} "l0.o+ln1"
// BERT: ft.add
// BERT: ft.layer_norm
// BERT: ft.fused gemm {{.*}} "l0.fc"
// BERT: ft.gelu
// BERT: ft.fused gemm {{.*}} "l0.proj+ln2"
// BERT: ft.add
// BERT: ft.fused gemm {{.*}} "l1.q+k+v"
// BERT: ft.fused gemm {{.*}} "l1.proj"
// BERT: ft.fused row {{.*}} "l1.ln2"
// BERT: ft.layer_norm
// BERT: ft.cast
// BERT: ft.fused row {{.*}} "segment_reduce"
// BERT: ft.fused gemm {{.*}} "pooler"
// BERT: ft.tanh
// BERT: ft.fused row {{.*}} "cast"
// Eight where a library multiplies.
// CALLS: ft.fused gemm {{.*}} "l0.q+k+v"
// CALLS: ft.fused attention {{.*}} "l0.attention"
// CALLS: ft.fused gemm {{.*}} "l0.o"
// CALLS: ft.add
// CALLS: ft.fused row {{.*}} "l0.ln1"
// CALLS: ft.fused gemm {{.*}} "l0.fc"
// CALLS: ft.fused row {{.*}} "l0.gelu"
// CALLS: ft.fused gemm {{.*}} "l0.proj"
// CALLS: ft.add
// CALLS: ft.fused row {{.*}} "l0.ln2"
// CALLS: ft.fused gemm {{.*}} "l1.q+k+v"
// CALLS: ft.fused row {{.*}} "segment_reduce"
// CALLS: ft.fused gemm {{.*}} "pooler"
// CALLS: ft.fused row {{.*}} "tanh"

// RUN: ft-opt %S/Inputs/gpt2.mlir --ft-to-schedule=dtype=f16 | FileCheck %s --check-prefix=GPT2
// The tanh form of GELU is in a library's epilogue; the residual too.
// GPT2-LABEL: ft.entry @step_65
// GPT2: ft.fused row {{.*}} "wte+wpe+l0.ln1"
// GPT2: ft.fused row {{.*}} "l1.ln1"
// GPT2: ft.fused gemm {{.*}} "l1.q+k+v"
// GPT2: ft.fused row {{.*}} "l1.cache_append"
// GPT2: ft.fused attention {{.*}} "l1.attention"
// GPT2: ft.fused row {{.*}} "l1.rows"
// GPT2-NEXT: ^bb0
// GPT2-NEXT: = ft.rows
// GPT2-NEXT: = ft.rows
// GPT2-NEXT: ft.yield
// GPT2: ft.fused gemm {{.*}} "l1.o"
// GPT2: ft.fused row {{.*}} "l1.ln2"
// GPT2: ft.fused gemm {{.*}} "l1.fc"
// GPT2: ft.gelu
// GPT2: ft.fused gemm {{.*}} "l1.proj"
// GPT2: ft.fused row {{.*}} "ln"
// GPT2-NEXT: ^bb0
// GPT2-NEXT: ft.layer_norm

// RUN: ft-opt %S/Inputs/qwen3.mlir --ft-to-schedule=dtype=bf16 | FileCheck %s --check-prefix=QWEN
// QWEN: ft.fused row {{.*}} "l0.qnorm+knorm"
// QWEN-NEXT: ^bb0
// QWEN-NEXT: ft.rms_norm
// QWEN-NEXT: ft.rms_norm
// QWEN-NEXT: ft.rope
// QWEN-NEXT: ft.rope
// QWEN-NEXT: ft.cache_append
// RUN: ft-opt %S/Inputs/mqa.mlir --ft-to-schedule=dtype=bf16 | FileCheck %s --check-prefix=MQA
// MQA: ft.param @"l0.q+k+v.bias" : tensor<96xbf16>

// -O0: as many steps as the entry has operations.
// RUN: ft-opt %S/Inputs/mqa.mlir "--ft-to-schedule=optimize=false" | FileCheck %s --check-prefix=O0
// O0-NOT: view_of
// O0-LABEL: ft.entry @step(
// O0-COUNT-22: ft.fused
// O0-NOT: ft.fused
