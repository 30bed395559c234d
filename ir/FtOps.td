//===- FtOps.td - the operations of the ft dialect -------------*- tablegen -*-//
//
// Semantics, constraints (labelled like linear_c1) and formulas: docs/spec.md.
//
//===----------------------------------------------------------------------===//
#ifndef FT_IR_FTOPS_TD
#define FT_IR_FTOPS_TD

include "ir/FtDialect.td"
include "mlir/Interfaces/FunctionInterfaces.td"
include "mlir/Interfaces/InferTypeOpInterface.td"
include "mlir/Interfaces/SideEffectInterfaces.td"
include "mlir/IR/CommonAttrConstraints.td"
include "mlir/IR/SymbolInterfaces.td"
include "mlir/IR/RegionKindInterface.td"

class Ft_Op<string mnemonic, list<Trait> traits = []>
    : Op<Ft_Dialect, mnemonic, traits>;

/// Each output row depends on the same row of every packed operand only:
/// elementwise ops, reductions over the last axis, per-row table look-ups.
def Ft_RowWise : NativeOpTrait<"RowWise"> {
  let cppNamespace = "::ft::ir::OpTrait";
}

//===----------------------------------------------------------------------===//
// Module level: axes, weights, caches, entries
//===----------------------------------------------------------------------===//

def Ft_ParamOp : Ft_Op<"param", [
    Symbol, DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "a weight";
  let description = [{
    A weight, resident once, made by a recipe; or `view_of` another weight,
    from row `row` of its axis 0. The tensor type is the resident type: fp32 at
    import, chosen by the precision phase afterwards.

    ```mlir
    ft.param @l0.q : tensor<4096x4096xbf16> = #ft.recipe<"tensor" {...}>
    ft.param @l0.k : tensor<1024x4096xbf16> view_of @l0.qkv row 4096
    ```
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, TypeAttrOf<AnyRankedTensor>:$type,
                       OptionalAttr<Ft_RecipeAttr>:$recipe,
                       OptionalAttr<FlatSymbolRefAttr>:$view_of,
                       DefaultValuedAttr<I64Attr, "0">:$row);
  let assemblyFormat = [{
    $sym_name `:` $type (`=` $recipe^)? (`view_of` $view_of^ `row` $row)?
    attr-dict
  }];
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    ::mlir::RankedTensorType getTensorType() {
      return ::llvm::cast<::mlir::RankedTensorType>(getType());
    }
  }];
}

def Ft_CacheOp : Ft_Op<"cache", [Symbol]> {
  let summary = "a paged cache of per-token planes";
  let description = [{
    ```mlir
    ft.cache @kv layers 32 page 64 [#ft.plane<"k", 8x128xbf16>,
                                    #ft.plane<"v", 8x128xbf16>]
    ```
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, I64Attr:$layers,
                       I64Attr:$page_size, TypedArrayAttrBase<Ft_PlaneAttr,
                       "array of cache planes">:$planes);
  let assemblyFormat =
      "$sym_name `layers` $layers `page` $page_size $planes attr-dict";
  let hasVerifier = 1;
}

def Ft_KernelOp : Ft_Op<"kernel", [Symbol]> {
  let summary = "the text of a kernel";
  let description = [{
    CUDA text with one extern "C" function `function`; launches name the kernel
    by its symbol. Equal texts are one kernel.

    ```mlir
    ft.kernel @row_0 "ft_row_0" source "extern \"C\" __global__ ..."
    ```
  }];
  let arguments = (ins SymbolNameAttr:$sym_name, StrAttr:$function,
                       StrAttr:$source);
  let assemblyFormat = "$sym_name $function `source` $source attr-dict";
}

def Ft_EntryOp : Ft_Op<"entry", [
    FunctionOpInterface, IsolatedFromAbove, SingleBlock,
    DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "an entry point of the plan";
  let description = [{
    A function over packed values, or, before the raise phase, over padded
    ones. Arguments carry `ft.name` and `ft.role` ("tokens", "positions",
    "segments", "data", "image", "sequences", "rows"; of padded values also
    "mask"), where ids are looked up `ft.limit`, and, of images, `ft.tokens`, the
    tokens that one makes; results carry `ft.name`. `causal` entries may
    be fed in chunks through their cache. After cloning, `kind` is the token
    range and `entry` the name of the entry the clone belongs to. `arena` (after
    schedule) is the size of the activations: bytes for each row of every axis,
    in the order of the module's `ft.axes`.
  }];
  let arguments = (ins SymbolNameAttr:$sym_name,
                       TypeAttrOf<FunctionType>:$function_type,
                       OptionalAttr<DictArrayAttr>:$arg_attrs,
                       OptionalAttr<DictArrayAttr>:$res_attrs,
                       UnitAttr:$causal,
                       OptionalAttr<StrAttr>:$entry,
                       OptionalAttr<Ft_StepKindAttr>:$kind,
                       OptionalAttr<DenseI64ArrayAttr>:$arena);
  let regions = (region SizedRegion<1>:$body);
  let hasCustomAssemblyFormat = 1;
  let hasVerifier = 1;
  let hasRegionVerifier = 1;
  let extraClassDeclaration = [{
    ::llvm::ArrayRef<::mlir::Type> getArgumentTypes() {
      return getFunctionType().getInputs();
    }
    ::llvm::ArrayRef<::mlir::Type> getResultTypes() {
      return getFunctionType().getResults();
    }
    ::mlir::Region *getCallableRegion() { return &getBody(); }
    /// `entry` if this is a clone, else the symbol name.
    ::llvm::StringRef getEntryName();
  }];
}

def Ft_ReturnOp : Ft_Op<"return", [Pure, Terminator, HasParent<"EntryOp">]> {
  let summary = "the results of an entry";
  let arguments = (ins Variadic<Ft_AnyTensor>:$operands);
  let assemblyFormat = "attr-dict ($operands^ `:` type($operands))?";
  let hasVerifier = 1;
}

def Ft_FusedOp : Ft_Op<"fused", [IsolatedFromAbove, SingleBlock]> {
  let summary = "one step: the semantic ops that one kernel covers";
  let description = [{
    The region is the meaning: semantic ops, in fp32 between the loads of the
    operands and the stores of the results, each result rounded once to its
    element type. After the fuse phase an entry holds nothing but `ft.fused` and
    `ft.return`. `slots` (after schedule) has one entry a result; `launch`
    (after kernels) is the implementation. `joins`: one implementation may run it
    with the step in front, whose operands then live until it has run.

    ```mlir
    %n = ft.fused row (%x) "l0.norm1" {
    ^bb0(%a: !ft.packed<tokens, 64xbf16>):
      %0 = ft.rms_norm %a, @l0.norm1 {eps = 1.0e-5 : f64} : ...
      ft.yield %0 : ...
    } : (!ft.packed<tokens, 64xbf16>) -> !ft.packed<tokens, 64xbf16>
    ```
  }];
  let arguments = (ins Variadic<Ft_AnyValue>:$inputs,
                       Ft_PatternAttr:$pattern,
                       StrAttr:$label,
                       OptionalAttr<TypedArrayAttrBase<Ft_SlotAttr,
                         "array of slots">>:$slots,
                       OptionalAttr<ArrayAttr>:$launch,
                       UnitAttr:$joins);
  let results = (outs Variadic<Ft_PackedType>:$results);
  let regions = (region SizedRegion<1>:$body);
  let hasCustomAssemblyFormat = 1;
  let hasVerifier = 1;
}

def Ft_YieldOp : Ft_Op<"yield", [Pure, Terminator, ParentOneOf<[
    "FusedOp", "AttentionOp", "PrimApplyOp"]>]> {
  let summary = "the stored results of a fused op, or a score region's result";
  let arguments = (ins Variadic<AnyType>:$operands);
  let assemblyFormat = "attr-dict ($operands^ `:` type($operands))?";
}

//===----------------------------------------------------------------------===//
// Sources of rows
//===----------------------------------------------------------------------===//

def Ft_PositionsOp : Ft_Op<"positions", [Pure]> {
  let summary = "the position of every token in its sequence, at most `most`";
  let arguments = (ins Ft_SequencesType:$sequences,
                       DefaultValuedAttr<I64Attr, "0">:$offset,
                       OptionalAttr<I64Attr>:$most);
  let results = (outs Ft_PackedType:$result);
  let assemblyFormat = "$sequences attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
}

def Ft_PatchesOp : Ft_Op<"patches", [Pure]> {
  let summary = "the patches of every sequence's image, one a token";
  let description = [{
    The image of a sequence is [channels, height, width]; its patches of `patch`
    (height, width), without overlap, row by row, are its tokens from position
    `prefix` on: rows of [channels, patch height, patch width]. What is left at
    the right and lower border is in no patch. Other tokens are rows of zeros.
    A convolution whose stride is its kernel is this and `ft.linear`.

    ```mlir
    %p = ft.patches %image at %seq by [16, 16] {prefix = 1 : i64}
      : (!ft.packed<sequences, 3x224x224xf32>, !ft.sequences<tokens, sequences>)
        -> !ft.packed<tokens, 768xf16>
    ```
  }];
  let arguments = (ins Ft_PackedType:$image, Ft_SequencesType:$sequences,
                       DenseI64ArrayAttr:$patch,
                       DefaultValuedAttr<I64Attr, "0">:$prefix);
  let results = (outs Ft_PackedType:$result);
  let assemblyFormat = [{
    $image `at` $sequences `by` $patch attr-dict
    `:` functional-type(operands, results)
  }];
  let hasVerifier = 1;
  let extraClassDeclaration = [{
    /// Patches along height and width; none where the types do not verify.
    std::pair<int64_t, int64_t> getGrid();
    /// Tokens that an image makes, those of the prefix included.
    int64_t getTokens() {
      return int64_t(getPrefix()) + getGrid().first * getGrid().second;
    }
  }];
}

def Ft_EmbeddingOp : Ft_Op<"embedding", [
    Pure, Ft_RowWise, DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "row ids[t] of a table";
  let description = [{
    Where a rank holds a range of the table's rows, `first` is a weight of one
    element, the number of its first row: the row is ids[t] - first, and zeros
    where the rank does not hold it.
  }];
  let arguments = (ins Ft_PackedType:$ids, FlatSymbolRefAttr:$table,
                       OptionalAttr<FlatSymbolRefAttr>:$first);
  let results = (outs Ft_PackedType:$result);
  let assemblyFormat = [{
    $ids `,` $table (`from` $first^)? attr-dict
    `:` functional-type(operands, results)
  }];
  let hasVerifier = 1;
}

def Ft_BroadcastOp : Ft_Op<"broadcast", [
    Pure, Ft_RowWise, DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "a weight, the same for every row";
  let description = [{
    The weight's shape is a suffix of the result's row shape (scalars have
    shape [1]); missing leading extents repeat it.
  }];
  let arguments = (ins FlatSymbolRefAttr:$weight);
  let results = (outs Ft_PackedType:$result);
  let assemblyFormat = "$weight attr-dict `:` type($result)";
  let hasVerifier = 1;
}

def Ft_RowsOp : Ft_Op<"rows", [Pure]> {
  let summary = "the wanted rows of a packed value";
  let arguments = (ins Ft_PackedType:$input, Ft_RowsType:$rows);
  let results = (outs Ft_PackedType:$result);
  let assemblyFormat =
      "$input `,` $rows attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
  let hasCanonicalizer = 1;
}

//===----------------------------------------------------------------------===//
// Linear, norms, elementwise
//===----------------------------------------------------------------------===//

def Ft_LinearOp : Ft_Op<"linear", [
    Pure, DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "x * weight^T + bias";
  let description = [{
    `weight` is [N, K]; K is the product of x's row shape, N the product of the
    result's: a factored result such as 32x128 makes heads an axis.
  }];
  let arguments = (ins Ft_PackedType:$input, FlatSymbolRefAttr:$weight,
                       OptionalAttr<FlatSymbolRefAttr>:$bias);
  let results = (outs Ft_PackedType:$result);
  let assemblyFormat = [{
    $input `,` $weight (`bias` $bias^)? attr-dict
    `:` functional-type(operands, results)
  }];
  let hasVerifier = 1;
}

def Ft_RmsNormOp : Ft_Op<"rms_norm", [
    Pure, Ft_RowWise, SameOperandsAndResultType,
    DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "x / sqrt(mean(x^2) + eps) * weight over the last extent";
  let arguments = (ins Ft_PackedType:$input, FlatSymbolRefAttr:$weight,
                       F64Attr:$eps);
  let results = (outs Ft_PackedType:$result);
  let assemblyFormat = "$input `,` $weight attr-dict `:` type($result)";
  let hasVerifier = 1;
}

def Ft_LayerNormOp : Ft_Op<"layer_norm", [
    Pure, Ft_RowWise, SameOperandsAndResultType,
    DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "(x - mean) / sqrt(var + eps) * weight + bias, last extent";
  let arguments = (ins Ft_PackedType:$input, FlatSymbolRefAttr:$weight,
                       OptionalAttr<FlatSymbolRefAttr>:$bias, F64Attr:$eps);
  let results = (outs Ft_PackedType:$result);
  let assemblyFormat =
      "$input `,` $weight (`bias` $bias^)? attr-dict `:` type($result)";
  let hasVerifier = 1;
}

class Ft_UnaryOp<string mnemonic, string formula>
    : Ft_Op<mnemonic, [Pure, Ft_RowWise, SameOperandsAndResultType]> {
  let summary = formula;
  let arguments = (ins Ft_PackedType:$input);
  let results = (outs Ft_PackedType:$result);
  let assemblyFormat = "$input attr-dict `:` type($result)";
}
def Ft_SiluOp : Ft_UnaryOp<"silu", "x / (1 + exp(-x))">;
def Ft_ReluOp : Ft_UnaryOp<"relu", "max(x, 0)">;
def Ft_TanhOp : Ft_UnaryOp<"tanh", "tanh(x)">;
def Ft_SigmoidOp : Ft_UnaryOp<"sigmoid", "1 / (1 + exp(-x))">;
def Ft_ExpOp : Ft_UnaryOp<"exp", "e^x">;
def Ft_LogOp : Ft_UnaryOp<"log", "natural logarithm">;
def Ft_SqrtOp : Ft_UnaryOp<"sqrt", "square root">;
def Ft_RsqrtOp : Ft_UnaryOp<"rsqrt", "1 / sqrt(x)">;
def Ft_NegOp : Ft_UnaryOp<"neg", "-x"> {
  let hasFolder = 1;
}
def Ft_AbsOp : Ft_UnaryOp<"abs", "|x|">;
def Ft_ErfOp : Ft_UnaryOp<"erf", "the error function">;
def Ft_SquareOp : Ft_UnaryOp<"square", "x * x">;
def Ft_ReciprocalOp : Ft_UnaryOp<"reciprocal", "1 / x">;
def Ft_SinOp : Ft_UnaryOp<"sin", "sine of x in radians">;
def Ft_CosOp : Ft_UnaryOp<"cos", "cosine of x in radians">;
def Ft_FloorOp : Ft_UnaryOp<"floor", "the largest integer <= x">;
def Ft_TruncOp : Ft_UnaryOp<"trunc", "x without its fraction">;

def Ft_GeluOp : Ft_Op<"gelu", [Pure, Ft_RowWise, SameOperandsAndResultType]> {
  let summary = "GELU, exact (erf) or by tanh";
  let arguments = (ins Ft_PackedType:$input, UnitAttr:$tanh);
  let results = (outs Ft_PackedType:$result);
  let assemblyFormat = "$input (`tanh` $tanh^)? attr-dict `:` type($result)";
}

class Ft_ScalarOp<string mnemonic, string formula>
    : Ft_Op<mnemonic, [Pure, Ft_RowWise, SameOperandsAndResultType]> {
  let summary = formula;
  let arguments = (ins Ft_PackedType:$input, F64Attr:$by);
  let results = (outs Ft_PackedType:$result);
  let assemblyFormat = "$input `by` $by attr-dict `:` type($result)";
  let hasFolder = 1;
}
def Ft_CastOp : Ft_Op<"cast", [Pure, Ft_RowWise]> {
  let summary = "the same value, stored as another float type";
  let description = [{
    The identity inside `ft.fused`, where every float is fp32; where its result
    is stored, one rounding. The precision phase puts it before entry results.
  }];
  let arguments = (ins Ft_PackedType:$input);
  let results = (outs Ft_PackedType:$result);
  let assemblyFormat =
      "$input attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
  let hasFolder = 1;
}

def Ft_ScaleOp : Ft_ScalarOp<"scale", "x * by">;
def Ft_OffsetOp : Ft_ScalarOp<"offset", "x + by">;

class Ft_BinaryOp<string mnemonic, string formula>
    : Ft_Op<mnemonic, [Pure, Ft_RowWise]> {
  let summary = formula;
  let description = [{
    Extents are equal or 1; an extent of 1 repeats. Both operands have the same
    axis and element type.
  }];
  let arguments = (ins Ft_PackedType:$lhs, Ft_PackedType:$rhs);
  let results = (outs Ft_PackedType:$result);
  let assemblyFormat =
      "$lhs `,` $rhs attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
}
def Ft_AddOp : Ft_BinaryOp<"add", "x + y">;
def Ft_SubOp : Ft_BinaryOp<"sub", "x - y">;
def Ft_MulOp : Ft_BinaryOp<"mul", "x * y">;
def Ft_DivOp : Ft_BinaryOp<"div", "x / y">;
def Ft_MaximumOp : Ft_BinaryOp<"maximum", "the larger of x and y">;
def Ft_MinimumOp : Ft_BinaryOp<"minimum", "the smaller of x and y">;
def Ft_PowOp : Ft_BinaryOp<"pow", "x^y">;
def Ft_ModOp : Ft_BinaryOp<"mod", "x - floor(x / y) * y">;
def Ft_LtOp : Ft_BinaryOp<"lt", "1 where x < y, else 0">;
def Ft_LeOp : Ft_BinaryOp<"le", "1 where x <= y, else 0">;
def Ft_EqOp : Ft_BinaryOp<"eq", "1 where x = y, else 0">;

def Ft_SelectOp : Ft_Op<"select", [Pure, Ft_RowWise]> {
  let summary = "x where the condition is not 0, else y";
  let description = [{Extents repeat as those of binary operations do.}];
  let arguments = (ins Ft_PackedType:$condition, Ft_PackedType:$lhs,
                       Ft_PackedType:$rhs);
  let results = (outs Ft_PackedType:$result);
  let assemblyFormat = [{
    $condition `,` $lhs `,` $rhs attr-dict
    `:` functional-type(operands, results)
  }];
  let hasVerifier = 1;
}

def Ft_ToFloatOp : Ft_Op<"to_float", [Pure, Ft_RowWise]> {
  let summary = "the i32s of every row as floats";
  let arguments = (ins Ft_PackedType:$input);
  let results = (outs Ft_PackedType:$result);
  let assemblyFormat =
      "$input attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
}

def Ft_RearrangeOp : Ft_Op<"rearrange", [Pure, Ft_RowWise]> {
  let summary = "the elements of a row in other places";
  let description = [{
    Element [i, j, ...] of the result's row is element `offset` + i *
    `strides`[0] + j * `strides`[1] + ... of the input's row: slices,
    transposes, reshapes and repetitions within a row.
  }];
  let arguments = (ins Ft_PackedType:$input, I64Attr:$offset,
                       DenseI64ArrayAttr:$strides);
  let results = (outs Ft_PackedType:$result);
  let assemblyFormat = [{
    $input `from` $offset `by` $strides attr-dict
    `:` functional-type(operands, results)
  }];
  let hasVerifier = 1;
  let hasFolder = 1;
}

def Ft_ConcatOp : Ft_Op<"concat", [Pure, Ft_RowWise]> {
  let summary = "rows one after the other along their last extent";
  let arguments = (ins Variadic<Ft_PackedType>:$inputs);
  let results = (outs Ft_PackedType:$result);
  let assemblyFormat =
      "$inputs attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
}

class Ft_ReduceOp<string mnemonic, string formula>
    : Ft_Op<mnemonic, [Pure, Ft_RowWise]> {
  let summary = formula;
  let arguments = (ins Ft_PackedType:$input);
  let results = (outs Ft_PackedType:$result);
  let assemblyFormat =
      "$input attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
}
def Ft_ReduceSumOp : Ft_ReduceOp<"reduce_sum", "sum over the last extent, kept as 1">;
def Ft_ReduceMaxOp : Ft_ReduceOp<"reduce_max", "maximum over the last extent, kept as 1">;
def Ft_ReduceMeanOp : Ft_ReduceOp<"reduce_mean", "mean over the last extent, kept as 1">;

def Ft_SoftmaxOp : Ft_UnaryOp<"softmax", "softmax over the last extent">;
def Ft_CumsumOp : Ft_UnaryOp<"cumsum", "sum of the elements up to and with each, over the last extent">;

def Ft_NormalizeOp : Ft_Op<"normalize", [Pure, Ft_RowWise, SameOperandsAndResultType]> {
  let summary = "x / max(||x||_2, eps) over the last extent";
  let arguments = (ins Ft_PackedType:$input, F64Attr:$eps);
  let results = (outs Ft_PackedType:$result);
  let assemblyFormat = "$input attr-dict `:` type($result)";
}

//===----------------------------------------------------------------------===//
// Positions, attention, caches
//===----------------------------------------------------------------------===//

def Ft_RopeOp : Ft_Op<"rope", [
    Pure, Ft_RowWise, DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "rotary position embedding of every head";
  let description = [{
    `table` is [positions, dims]: cos in columns 0 .. dims/2-1, sin after them.
    Pairs are (j, j + dims/2), or (2j, 2j + 1) where `interleaved`. Elements
    from `dims` on pass through.
  }];
  let arguments = (ins Ft_PackedType:$input, Ft_SequencesType:$sequences,
                       FlatSymbolRefAttr:$table, UnitAttr:$interleaved);
  let results = (outs Ft_PackedType:$result);
  let assemblyFormat = [{
    $input `,` $table `at` $sequences (`interleaved` $interleaved^)? attr-dict
    `:` functional-type(operands, results)
  }];
  let hasVerifier = 1;
}

def Ft_CacheAppendOp : Ft_Op<"cache_append", [
    MemoryEffects<[MemWrite]>, Ft_RowWise,
    DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "store this batch's K and V rows in their cache pages";
  let arguments = (ins Ft_PackedType:$key, Ft_PackedType:$value,
                       Ft_SequencesType:$sequences, FlatSymbolRefAttr:$cache,
                       I64Attr:$layer);
  let assemblyFormat = [{
    $key `,` $value `to` $cache `layer` $layer `at` $sequences attr-dict
    `:` functional-type(operands, results)
  }];
  let hasVerifier = 1;
}

def Ft_AttentionOp : Ft_Op<"attention", [
    MemoryEffects<[MemRead]>, AttrSizedOperandSegments,
    DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "softmax(scale * q k^T, masked) v within each sequence";
  let description = [{
    Keys and values are either operands (the sequence's own tokens) or layer
    `layer` of `cache` (positions 0 .. kv_length - 1, this batch's included,
    appended before). Query head h reads kv head h / (heads / kv heads).
    `causal`: key position <= query position. `window` w > 0: key position >
    query position - w, and, where not causal, key position < query position +
    w. The score region maps (score, head, query position, key position), all
    f32, to the score that enters the softmax. A row with no key gives 0.
  }];
  let arguments = (ins Ft_PackedType:$query, Optional<Ft_PackedType>:$key,
                       Optional<Ft_PackedType>:$value,
                       Ft_SequencesType:$sequences,
                       OptionalAttr<FlatSymbolRefAttr>:$cache,
                       DefaultValuedAttr<I64Attr, "0">:$layer,
                       F64Attr:$scale, UnitAttr:$causal,
                       DefaultValuedAttr<I64Attr, "0">:$window);
  let results = (outs Ft_PackedType:$result);
  let regions = (region MaxSizedRegion<1>:$score);
  let assemblyFormat = [{
    $query (`,` $key^ `,` $value)? `at` $sequences
    (`cache` $cache^ `layer` $layer)? attr-dict
    `:` functional-type(operands, results) (`score` $score^)?
  }];
  let hasVerifier = 1;
}

def Ft_ScoreConstOp : Ft_Op<"score.const", [Pure]> {
  let summary = "a constant of a score region";
  let arguments = (ins F64Attr:$value);
  let results = (outs F32:$result);
  let assemblyFormat = "$value attr-dict";
}
def Ft_ScoreTableOp : Ft_Op<"score.table", [
    Pure, DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "weight[i] or weight[i, j] in a score region";
  let description = [{Indices are fp32, truncated and clamped to the table.}];
  let arguments = (ins FlatSymbolRefAttr:$weight, Variadic<F32>:$indices);
  let results = (outs F32:$result);
  let assemblyFormat = "$weight `[` $indices `]` attr-dict";
}
def Ft_ScoreOp : Ft_Op<"score.op", [Pure]> {
  let summary = "arithmetic in a score region";
  let description = [{
    `fn` is one of add, sub, mul, div, max, min, neg, abs, exp, log, tanh,
    floor, lt, le, eq (1 or 0) and select (condition, then, else).
  }];
  let arguments = (ins StrAttr:$fn, Variadic<F32>:$args);
  let results = (outs F32:$result);
  let assemblyFormat = "$fn $args attr-dict";
  let hasVerifier = 1;
}

//===----------------------------------------------------------------------===//
// Across rows, out of a program
//===----------------------------------------------------------------------===//

def Ft_SegmentReduceOp : Ft_Op<"segment_reduce", [Pure]> {
  let summary = "one row a sequence: its mean, sum, max, first or last row";
  let description = [{
    `index` counts on from the first row, or back from the last: with "first"
    and 1, the second one. A sequence without that row gives zeros.
  }];
  let arguments = (ins Ft_PackedType:$input, Ft_SequencesType:$sequences,
                       StrAttr:$kind, DefaultValuedAttr<I64Attr, "0">:$index);
  let results = (outs Ft_PackedType:$result);
  let assemblyFormat = [{
    $kind $input `at` $sequences attr-dict
    `:` functional-type(operands, results)
  }];
  let hasVerifier = 1;
}

def Ft_ArgmaxOp : Ft_Op<"argmax", [Pure]> {
  let summary = "index of the largest element along the last extent, lowest on a tie";
  let arguments = (ins Ft_PackedType:$input);
  let results = (outs Ft_PackedType:$result);
  let assemblyFormat = "$input attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
}

def Ft_SampleOp : Ft_Op<"sample", [MemoryEffects<[MemWrite]>]> {
  let summary = "the next token of each wanted row, by its sequence's settings";
  let description = [{
    Settings and seeds are no values: they travel with the batch, one record a
    row (docs/sampling.md). Where a sequence has none, the largest element's
    index, the lowest on a tie, as `argmax` gives it. The token is added to the
    sequence's state, which penalties and bad words read.
  }];
  let arguments = (ins Ft_PackedType:$input, Ft_SequencesType:$sequences,
                       Ft_RowsType:$rows);
  let results = (outs Ft_PackedType:$result);
  let assemblyFormat = [{
    $input `at` $sequences `,` $rows attr-dict
    `:` functional-type(operands, results)
  }];
  let hasVerifier = 1;
}

//===----------------------------------------------------------------------===//
// Between ranks
//===----------------------------------------------------------------------===//

def Ft_AllReduceOp : Ft_Op<"all_reduce", [
    Pure, SameOperandsAndResultType,
    DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "the sum over the ranks of a mesh axis";
  let description = [{
    Sums are fp32, in the order of the ranks, rounded once: every rank gets the
    same bits. Mesh axes are those of the module's `ft.mesh`.
  }];
  let arguments = (ins Ft_PackedType:$input, StrAttr:$mesh);
  let results = (outs Ft_PackedType:$result);
  let assemblyFormat = "$input `over` $mesh attr-dict `:` type($result)";
}

def Ft_AllGatherOp : Ft_Op<"all_gather", [
    Pure, DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "the ranks' rows after each other, along the first extent";
  let description = [{
    The result's first extent is at most the input's times the ranks; what goes
    beyond it is the padding of the last ranks and is dropped.
  }];
  let arguments = (ins Ft_PackedType:$input, StrAttr:$mesh);
  let results = (outs Ft_PackedType:$result);
  let assemblyFormat = [{
    $input `over` $mesh attr-dict `:` functional-type(operands, results)
  }];
}

def Ft_ReduceScatterOp : Ft_Op<"reduce_scatter", [
    Pure, DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "this rank's part, along the first extent, of the sum";
  let arguments = (ins Ft_PackedType:$input, StrAttr:$mesh);
  let results = (outs Ft_PackedType:$result);
  let assemblyFormat = [{
    $input `over` $mesh attr-dict `:` functional-type(operands, results)
  }];
}

def Ft_LocalArgmaxOp : Ft_Op<"local_argmax", [
    Pure, DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "the largest element of a rank's columns, and its index";
  let description = [{
    The rank holds columns `first` to `first + columns - 1` of a row of `limit`
    elements; columns from `limit` on are padding and never win. The result is
    (value, index in the whole row), both f32; where the rank holds no column,
    (-inf, limit).

    ```mlir
    %best = ft.local_argmax %logits, @logits.first limit 50257
      : (!ft.packed<rows, 25136xf32>) -> !ft.packed<rows, 2xf32>
    ```
  }];
  let arguments = (ins Ft_PackedType:$input, FlatSymbolRefAttr:$first,
                       I64Attr:$limit);
  let results = (outs Ft_PackedType:$result);
  let assemblyFormat = [{
    $input `,` $first `limit` $limit attr-dict
    `:` functional-type(operands, results)
  }];
  let hasVerifier = 1;
}

def Ft_MergeArgmaxOp : Ft_Op<"merge_argmax", [Pure]> {
  let summary = "the index of the best of several (value, index) pairs";
  let description = [{The lowest index on a tie, as `ft.argmax` of the whole row.}];
  let arguments = (ins Ft_PackedType:$input);
  let results = (outs Ft_PackedType:$result);
  let assemblyFormat = "$input attr-dict `:` functional-type(operands, results)";
  let hasVerifier = 1;
}
include "ir/FtPrimitives.td"

#endif // FT_IR_FTOPS_TD
