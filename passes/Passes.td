//===- Passes.td - the passes over ft IR ----------------------*- tablegen -*-//
//
// In the order of the phases that run them (passes/Pipelines.h); one pass a
// file, named like the pass; its test is test/passes/<flag>.mlir.
//
//===----------------------------------------------------------------------===//
#ifndef FT_PASSES_PASSES_TD
#define FT_PASSES_PASSES_TD

include "mlir/Pass/PassBase.td"

class FtPass<string name> : Pass<name, "::mlir::ModuleOp"> {
  let dependentDialects = ["::ft::ir::FtDialect"];
}

//===----------------------------------------------------------------------===//
// import, raise
//===----------------------------------------------------------------------===//

def VerifyImport : FtPass<"ft-verify-import"> {
  let summary = "check what holds after import";
  let description = [{
    Every float, in values, weights and cache planes, is fp32: storage types are
    chosen by the precision phase. Nothing is cloned, fused or placed yet.
  }];
}

def RaisePrimitives : FtPass<"ft-raise-primitives"> {
  let summary = "padded primitive entries to token-packed semantic ones";
  let description = [{
    An entry over `!ft.padded` values becomes one over `!ft.packed` values, or
    an error names the operation that cannot, its place and the property that
    failed. Attention, rotary embeddings, linears, embeddings and pooling are
    recognized by what they compute, in whatever spelling; each step is proven
    (docs/rationale/raising.md). Everything else that is row-wise becomes
    row-wise operations one to one. Causal attention of a `causal` entry gets a
    cache; its logits get `ft.rows` and `ft.argmax`.

    ```mlir
    // before
    %t = ft.prim.transpose %w [1, 0] : (!ft.padded<[8, 64], f32>) -> !ft.padded<[64, 8], f32>
    %y = ft.prim.matmul %x, %t : (!ft.padded<[batch, sequence, 64], f32>, !ft.padded<[64, 8], f32>) -> !ft.padded<[batch, sequence, 8], f32>
    // after
    %y = ft.linear %x, @w : (!ft.packed<tokens, 64xf32>) -> !ft.packed<tokens, 8xf32>
    ```
  }];
  let statistics = [
    Statistic<"numEntries", "entries", "Padded entries raised">
  ];
}

def RaiseRows : FtPass<"ft-raise-rows"> {
  let summary = "row-wise spellings of norms, activations and biases";
  let description = [{
    RMSNorm, LayerNorm, GELU, SiLU, softmax and biases of linears that are
    written out in row-wise operations become the one operation that says it.

    ```mlir
    // before
    %s = ft.sigmoid %x : !ft.packed<tokens, 64xf32>
    %y = ft.mul %x, %s : (!ft.packed<tokens, 64xf32>, !ft.packed<tokens, 64xf32>) -> !ft.packed<tokens, 64xf32>
    // after
    %y = ft.silu %x : !ft.packed<tokens, 64xf32>
    ```
  }];
  let statistics = [
    Statistic<"numRaised", "raised", "Operations recognized">
  ];
}

def VerifyRaise : FtPass<"ft-verify-raise"> {
  let summary = "check that entries hold semantic operations only";
  let description = [{
    Every operation of an entry is one of the ft dialect that docs/spec.md
    specifies; primitives of a frontend no longer exist.
  }];
}

//===----------------------------------------------------------------------===//
// precision
//===----------------------------------------------------------------------===//

def SetPrecision : FtPass<"ft-set-precision"> {
  let summary = "choose the type in which values, weights and caches are stored";
  let description = [{
    Activations, cache planes and the matrices and biases of linears and
    embeddings become `dtype`; weights of norms, broadcasts, rope and score
    tables stay fp32. Entry arguments and results keep fp32: a linear that makes
    a result writes fp32 itself, anything else gets an `ft.cast`. A bias has the
    type of what its linear writes, so linears that share one write the same.
    Where values stay fp32, an argument that a linear or an addition reads is
    copied: library calls read buffers. This pass changes rounding.

    ```mlir
    // before
    %h = ft.rms_norm %x, @norm {eps = 1.0e-5 : f64} : !ft.packed<tokens, 64xf32>
    %y = ft.linear %h, @w : (!ft.packed<tokens, 64xf32>) -> !ft.packed<tokens, 8xf32>
    ft.return %h, %y : !ft.packed<tokens, 64xf32>, !ft.packed<tokens, 8xf32>
    // after, dtype=bf16
    %h = ft.rms_norm %x, @norm {eps = 1.0e-5 : f64} : !ft.packed<tokens, 64xbf16>
    %y = ft.linear %h, @w : (!ft.packed<tokens, 64xbf16>) -> !ft.packed<tokens, 8xf32>
    %c = ft.cast %h : (!ft.packed<tokens, 64xbf16>) -> !ft.packed<tokens, 64xf32>
    ft.return %c, %y : !ft.packed<tokens, 64xf32>, !ft.packed<tokens, 8xf32>
    ```
  }];
  let options = [
    Option<"dtype", "dtype", "std::string", /*default=*/"\"auto\"",
           "f32, tf32, f16, bf16, or auto: `dtype` of the module's ft.model, else f32">
  ];
  let statistics = [
    Statistic<"numCasts", "casts", "Casts put before entry results">
  ];
}

def VerifyPrecision : FtPass<"ft-verify-precision"> {
  let summary = "check that every stored type is the module's ft.dtype";
  let description = [{
    Packed floats are of the module's `ft.dtype`, except entry arguments, their
    direct loads, and what makes an entry result; matrices and cache planes too.
    Runs again after partition, which may change no type.
  }];
}

//===----------------------------------------------------------------------===//
// partition
//===----------------------------------------------------------------------===//

def Partition : FtPass<"ft-partition"> {
  let summary = "split the program over the ranks of a device mesh";
  let description = [{
    Megatron's splits, found by propagation from the linears: attention by
    query heads, with the kv heads they read (divided, or repeated on several
    ranks); the features between two linears; the vocabulary of embeddings and
    of the linears that make logits. Where features or tokens do not divide,
    zeros pad them; heads that do not divide are an error. The first linear of
    such a pair keeps some rows of its weight, the second some columns: its
    result is summed over the ranks, its bias added afterwards. Logits that an
    entry returns are gathered; argmax gathers a pair a rank. The program stays
    the same for all ranks: recipes of weights have a start for each.

    ```mlir
    // before, tp=2
    %h = ft.linear %x, @up : (!ft.packed<tokens, 64xf32>) -> !ft.packed<tokens, 256xf32>
    %a = ft.relu %h : !ft.packed<tokens, 256xf32>
    %y = ft.linear %a, @down : (!ft.packed<tokens, 256xf32>) -> !ft.packed<tokens, 64xf32>
    // after
    %h = ft.linear %x, @up : (!ft.packed<tokens, 64xf32>) -> !ft.packed<tokens, 128xf32>
    %a = ft.relu %h : !ft.packed<tokens, 128xf32>
    %p = ft.linear %a, @down : (!ft.packed<tokens, 128xf32>) -> !ft.packed<tokens, 64xf32>
    %y = ft.all_reduce %p over "tp" : !ft.packed<tokens, 64xf32>
    ```
  }];
  let options = [
    Option<"tp", "tp", "int64_t", /*default=*/"1",
           "ranks that share every tensor; 1 changes nothing">
  ];
  let statistics = [
    Statistic<"numReductions", "reductions", "Sums over the ranks">
  ];
}

//===----------------------------------------------------------------------===//
// fuse
//===----------------------------------------------------------------------===//

def MergeLinears : FtPass<"ft-merge-linears"> {
  let summary = "give linears of one input adjacent rows of one weight";
  let description = [{
    Linears with the same input (q, k, v; gate, up) can run as one GEMM when
    their weights lie one after the other. A new weight concatenates them, the
    originals become views of it, so each is still resident once and still
    usable elsewhere. Biases are merged where every linear has one; where only
    some do, or a weight belongs to another merge already, nothing changes.

    ```mlir
    // before
    ft.param @l0.k : tensor<32x64xf32> = #ft.recipe<...>
    ft.param @l0.v : tensor<32x64xf32> = #ft.recipe<...>
    // after
    ft.param @"l0.k+v" : tensor<64x64xf32> = #ft.recipe<"concat"(<...>, <...>) ...>
    ft.param @l0.k : tensor<32x64xf32> view_of @"l0.k+v" row 0
    ft.param @l0.v : tensor<32x64xf32> view_of @"l0.k+v" row 32
    ```
  }];
  let statistics = [
    Statistic<"numMerged", "merged-weights", "Weights that became views">
  ];
}

def CloneStepKinds : FtPass<"ft-clone-step-kinds"> {
  let summary = "clone entries, one clone a range of token counts";
  let description = [{
    A causal entry runs with one token a sequence or with thousands; each range
    gets a program of its own, over the same weights, caches and signature.
    Other entries get one clone for every count.

    ```mlir
    ft.entry @step(...) attributes {causal} {...}
    // becomes
    ft.entry @step_1_8(...) attributes {causal, entry = "step", kind = #ft.step_kind<1, 8>} {...}
    ft.entry @step_9_64(...) attributes {causal, entry = "step", kind = #ft.step_kind<9, 64>} {...}
    ft.entry @step_65(...) attributes {causal, entry = "step", kind = #ft.step_kind<65, 0>} {...}
    ```
  }];
  let options = [
    ListOption<"bounds", "bounds", "int64_t",
               "last token count of every range but the unbounded last one, "
               "ascending (default 8,64; 0 alone: a single range)">
  ];
}

def GatherEarly : FtPass<"ft-gather-early"> {
  let summary = "gather wanted rows in front of the last layer's linears";
  let description = [{
    Of a prompt the logits of one row are wanted, of images the class token: the
    last layer's linears behind its attention make other rows for nobody. In
    step kinds without a bound, `rows` and the first row of a sequence move in
    front of all that makes rows one by one and is read by nothing else, if a
    linear is among it. Few tokens mostly are all wanted: their step kinds stay.

    ```mlir
    // before
    %o = ft.linear %a, @o : ...tokens...
    %y = ft.add %x, %o : ...tokens...
    %z = ft.rows %y, %wanted : ...
    // after
    %b = ft.rows %a, %wanted : ...
    %c = ft.rows %x, %wanted : ...
    %o = ft.linear %b, @o : ...rows...
    %z = ft.add %c, %o : ...rows...
    ```
  }];
  let statistics = [
    Statistic<"numNarrowed", "narrowed", "Operations that make fewer rows">
  ];
}

def GroupOps : FtPass<"ft-group-ops"> {
  let summary = "fuse operations into steps by the capability table";
  let description = [{
    Every operation ends up in an `ft.fused`, one a kernel: linears with the
    prologue and epilogue that an implementation exists for (passes/Capability),
    row programs as large as the order of operations allows, attention with its
    prologue, and patches, segment_reduce but of one row, argmax and sample alone. The algorithm is
    described in GroupOps.cpp.

    ```mlir
    // before
    %o = ft.linear %a, @o : ...
    %y = ft.add %x, %o : ...
    %m = ft.rms_norm %y, @norm {eps = 1.0e-5 : f64} : ...
    // after
    %y = ft.fused gemm (%a, %x) "o" {...ft.linear, ft.add...} : ...
    %m = ft.fused row (%y) "norm" {...ft.rms_norm...} : ...
    ```
  }];
  let options = [
    ListOption<"archs", "archs", "std::string",
               "architectures the kernels are for (default sm_90a,ptx)">,
    Option<"preview", "preview", "bool", "false",
           "kernels that are seldom faster yet">
  ];
  let statistics = [
    Statistic<"numOps", "ops", "Operations before">,
    Statistic<"numFused", "fused", "Steps after">
  ];
}

def SplitOps : FtPass<"ft-split-ops"> {
  let summary = "put every operation into a step of its own";
  let description = [{
    What `-O0` runs in place of ft-group-ops: one kernel an operation. A
    broadcast weight stays with the operation that reads it.

    ```mlir
    %y = ft.add %x, %o : ...
    // becomes
    %y = ft.fused row (%x, %o) "add" {...ft.add...} : ...
    ```
  }];
}

def JoinSteps : FtPass<"ft-join-steps"> {
  let summary = "mark steps that one implementation may run with the one in front";
  let description = [{
    An encoder's attention gets `joins` where sm_90a has a kernel that makes q,
    k and v as well (JoinedCapability of passes/Capability): merged linears of
    16-bit types and nothing else are the step in front, and nobody else reads
    what they make; the attention is bidirectional within its sequences, over
    operands, with a positive scale, without a window or a score region.

    A choice of tokens gets it where sm_90a has a kernel that keeps of each row
    the largest output of the linear in front (LikeliestCapability): one linear
    of 16-bit types and what is fused around it but a norm behind, in step kinds
    of up to 64 tokens, whose result no other step reads; an entry may return it.

    In step kinds of 9 to 64 tokens, where a step is one norm of whole rows, whose
    only reader is the gemm behind, all of 16 bits: the norm and that gemm
    get it where the sum of the gemm in front is what is normed, as the two may
    make it (NormHalvesCapability); else the gemm behind alone, if its weights are
    small, as the norm may be its prologue (NormPrologueCapability). The norm's own
    weights are of fp32 for the former.

    All stay steps: the kernels are right for some architectures, numbers of rows
    and batches only.

    ```mlir
    %qkv:3 = ft.fused gemm (%x) "q+k+v" {...ft.linear, ft.linear, ft.linear...} : ...
    %a = ft.fused attention (%qkv#0, %qkv#1, %qkv#2, %s) "attention" {...} : ...
    // becomes
    %a = ft.fused attention (%qkv#0, %qkv#1, %qkv#2, %s) "attention" attributes {joins} {...} : ...
    ```
  }];
  let options = [
    ListOption<"archs", "archs", "std::string",
               "architectures the kernels are for (default sm_90a,ptx)">
  ];
  let statistics = [
    Statistic<"numJoined", "joined", "Steps marked">
  ];
}

def DropUnusedSymbols : FtPass<"ft-drop-unused-symbols"> {
  let summary = "erase weights and caches that no entry reads";
  let description = [{
    A weight is used by an operation of an entry or by a view that is.

    ```mlir
    ft.param @unused : tensor<8xf32> = #ft.recipe<...>   // erased
    ```
  }];
  let statistics = [
    Statistic<"numErased", "erased", "Weights and caches erased">
  ];
}

def VerifyFuse : FtPass<"ft-verify-fuse"> {
  let summary = "check that entries hold legal steps and nothing else";
  let description = [{
    Every entry has a step kind; it holds `ft.fused` and `ft.return` only; each
    fused op has the form of its pattern and, but for one op alone, an
    implementation in the capability table, one that `joins` for both steps.
  }];
  let options = [
    ListOption<"archs", "archs", "std::string",
               "architectures the kernels are for (default sm_90a,ptx)">,
    Option<"preview", "preview", "bool", "false",
           "kernels that are seldom faster yet">
  ];
}

//===----------------------------------------------------------------------===//
// schedule
//===----------------------------------------------------------------------===//

def PlanMemory : FtPass<"ft-plan-memory"> {
  let summary = "place every value in the arena by its lifetime";
  let description = [{
    The arena has a region for each axis, in the order of `ft.axes`. Inside one,
    values take the first gap that is free from their step to their last use;
    offsets and sizes are multiples of 16 bytes a row. A step's results never
    share bytes with its operands; entry results stay to the end. The linears of
    one step write column ranges of one buffer. The operands of a step that the
    next one `joins` live until that has run.

    ```mlir
    %y = ft.fused row (%x) "norm" attributes
      {slots = [#ft.slot<0 + [128, 0, 0] stride 64>]} {...}
    ```
  }];
  let statistics = [
    Statistic<"numBuffers", "buffers", "Buffers placed">
  ];
}

def VerifySchedule : FtPass<"ft-verify-schedule"> {
  let summary = "check that no two live values share bytes";
  let description = [{
    Compares every pair of values of every entry, independently of how
    ft-plan-memory placed them, and that all lie inside the arena.
  }];
}

#endif // FT_PASSES_PASSES_TD
