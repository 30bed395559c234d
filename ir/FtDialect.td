//===- FtDialect.td - the ft dialect, its types and attributes -*- tablegen -*-//
#ifndef FT_IR_FTDIALECT_TD
#define FT_IR_FTDIALECT_TD

include "mlir/IR/AttrTypeBase.td"
include "mlir/IR/DialectBase.td"
include "mlir/IR/OpBase.td"
include "mlir/IR/EnumAttr.td"

def Ft_Dialect : Dialect {
  let name = "ft";
  let cppNamespace = "::ft::ir";
  let summary = "Transformer programs over token-packed values";
  let description = [{
    Activations are rows along a symbolic axis (tokens, sequences or wanted
    rows) and carry no padding. Weights and caches are symbols. Only ops that
    look across tokens take a `!ft.sequences`. docs/spec.md is the
    specification of every op.
  }];
  let useDefaultTypePrinterParser = 1;
  let useDefaultAttributePrinterParser = 1;
  let extraClassDeclaration = [{
    void registerTypes();
    void registerAttrs();
  }];
}

//===----------------------------------------------------------------------===//
// Types
//===----------------------------------------------------------------------===//

class Ft_Type<string name, string typeMnemonic> : TypeDef<Ft_Dialect, name> {
  let mnemonic = typeMnemonic;
}

def Ft_PackedType : Ft_Type<"Packed", "packed"> {
  let summary = "rows of a static shape along a symbolic axis";
  let description = [{
    `!ft.packed<tokens, 32x128xbf16>`: one row of 32 x 128 elements for every
    token of the batch. `!ft.packed<tokens, i32>` holds one number a row. The
    element type is the type a value has when it is stored; inside `ft.fused`
    every float is computed in fp32.
  }];
  let parameters = (ins "::mlir::StringAttr":$axis,
                        ArrayRefParameter<"int64_t">:$shape,
                        "::mlir::Type":$elementType);
  let builders = [TypeBuilderWithInferredContext<(ins
      "::mlir::StringAttr":$axis, "::llvm::ArrayRef<int64_t>":$shape,
      "::mlir::Type":$elementType), [{
    return $_get(axis.getContext(), axis, shape, elementType);
  }]>];
  let hasCustomAssemblyFormat = 1;
  let genVerifyDecl = 1;
  let extraClassDeclaration = [{
    /// Elements of one row.
    int64_t getRowElements() const;
    /// The last extent, or 1 for a row of one number.
    int64_t getLastDim() const;
    PackedType withShape(::llvm::ArrayRef<int64_t> shape) const;
    PackedType withElementType(::mlir::Type type) const;
    PackedType withAxis(::mlir::StringAttr axis) const;
  }];
}

def Ft_SequencesType : Ft_Type<"Sequences", "sequences"> {
  let summary = "how tokens of a batch form sequences";
  let description = [{
    Cumulative lengths, positions and cache pages of a packed batch:
    `!ft.sequences<tokens, sequences>` groups the axis `tokens` into the axis
    `sequences`.
  }];
  let parameters = (ins "::mlir::StringAttr":$tokens,
                        "::mlir::StringAttr":$sequences);
  let hasCustomAssemblyFormat = 1;
}

def Ft_RowsType : Ft_Type<"Rows", "rows"> {
  let summary = "the wanted rows of a token axis";
  let description = [{
    `!ft.rows<rows, tokens>`: a list, along the axis `rows`, of indices into the
    axis `tokens`.
  }];
  let parameters = (ins "::mlir::StringAttr":$rows,
                        "::mlir::StringAttr":$tokens);
  let hasCustomAssemblyFormat = 1;
}

def Ft_PaddedType : Ft_Type<"Padded", "padded"> {
  let summary = "a padded tensor";
  let description = [{
    `!ft.padded<[batch, sequence, 768], f32>`: a row-major tensor whose extents
    are numbers, named symbols, or products of both such as `12*batch`. Values
    of the primitive level, before the raise phase.
  }];
  let parameters = (ins ArrayRefParameter<"::ft::ir::DimAttr">:$shape,
                        "::mlir::Type":$elementType);
  let hasCustomAssemblyFormat = 1;
  let genVerifyDecl = 1;
  let extraClassDeclaration = [{
    size_t getRank() const { return getShape().size(); }
    /// All extents multiplied.
    DimAttr getElements() const;
    PaddedType withShape(::llvm::ArrayRef<DimAttr> shape) const;
    PaddedType withElementType(::mlir::Type type) const;
  }];
}

/// What an entry may return.
def Ft_AnyTensor : AnyTypeOf<[Ft_PackedType, Ft_PaddedType]>;
def Ft_AnyValue : AnyTypeOf<[Ft_PackedType, Ft_SequencesType, Ft_RowsType]>;

//===----------------------------------------------------------------------===//
// Attributes
//===----------------------------------------------------------------------===//

class Ft_Attr<string name, string attrMnemonic> : AttrDef<Ft_Dialect, name> {
  let mnemonic = attrMnemonic;
}

def Ft_RecipeAttr : Ft_Attr<"Recipe", "recipe"> {
  let summary = "how a weight is made from the checkpoint";
  let description = [{
    A tree of logical operations (docs/plan-format.md, "Recipes"), for example
    `#ft.recipe<"slice"(<"tensor" {file = "model.safetensors", tensor =
    "h.0.attn.c_attn.weight", shape = [768, 2304], stored = f32}>) {axis = 1,
    start = 0, shape = [768, 768]}>`. Ops: tensor, literal, generator, slice,
    concat, transpose, reshape, scale, offset, interleave, pad. `shape` is the
    shape of the node's result and is always present. A slice has `start`, or
    `starts`, one for each rank.
  }];
  let parameters = (ins "::mlir::StringAttr":$op,
                        OptionalArrayRefParameter<"::ft::ir::RecipeAttr">:$of,
                        "::mlir::DictionaryAttr":$args);
  let hasCustomAssemblyFormat = 1;
  let extraClassDeclaration = [{
    ::llvm::SmallVector<int64_t> getShape() const;
  }];
}

def Ft_DimAttr : Ft_Attr<"Dim", "dim"> {
  let summary = "an extent: a number, a symbol, or a product of both";
  let description = [{
    `#ft.dim<64>`, `#ft.dim<batch>`, `#ft.dim<12*batch*sequence>`: a factor
    times symbols, which are in alphabetical order.
  }];
  let parameters = (ins "int64_t":$factor,
                        OptionalArrayRefParameter<"::mlir::StringAttr">:$symbols);
  let hasCustomAssemblyFormat = 1;
  let genVerifyDecl = 1;
  let extraClassDeclaration = [{
    static DimAttr literal(::mlir::MLIRContext *context, int64_t extent);
    static DimAttr symbol(::mlir::StringAttr name);
    bool isLiteral() const { return getSymbols().empty(); }
    /// Whether this is the number `extent`.
    bool is(int64_t extent) const {
      return isLiteral() && getFactor() == extent;
    }
    /// The factor of a product beyond 63 bits stays at their maximum.
    DimAttr operator*(DimAttr other) const;
    /// This over `divisor`; null where that is no extent.
    DimAttr dividedBy(DimAttr divisor) const;
    /// "12*batch"
    std::string str() const;
    static ::mlir::FailureOr<DimAttr> parseDim(::mlir::AsmParser &parser);
  }];
}

def Ft_PlaneAttr : Ft_Attr<"Plane", "plane"> {
  let summary = "one plane of a cache: a name, a shape per token, a type";
  let parameters = (ins "::mlir::StringAttr":$name,
                        ArrayRefParameter<"int64_t">:$shape,
                        "::mlir::Type":$elementType);
  let hasCustomAssemblyFormat = 1; // #ft.plane<"k", 8x128xbf16>
}

def Ft_StepKindAttr : Ft_Attr<"StepKind", "step_kind"> {
  let summary = "the token range a clone of an entry is made for";
  let description = [{`#ft.step_kind<1, 8>`; a maximum of 0 is unbounded.}];
  let parameters = (ins "int64_t":$minTokens, "int64_t":$maxTokens);
  let assemblyFormat = "`<` $minTokens `,` $maxTokens `>`";
}

def Ft_SlotAttr : Ft_Attr<"Slot", "slot"> {
  let summary = "where a value lies in the arena";
  let description = [{
    Byte offset `constant + sum(perAxis[i] * bound(axis i))` (axes in the order
    of the module's `ft.axes`) and the distance of rows in elements. A value
    whose stride exceeds its row is a range of columns of a wider buffer.
  }];
  let parameters = (ins "int64_t":$constant,
                        ArrayRefParameter<"int64_t">:$perAxis,
                        "int64_t":$rowStride);
  let assemblyFormat =
      "`<` $constant `+` `[` $perAxis `]` `stride` $rowStride `>`";
}

def Ft_Pattern : I32Enum<"Pattern", "what kind of kernel runs a fused op", [
    I32EnumCase<"Row", 0, "row">,
    I32EnumCase<"Gemm", 1, "gemm">,
    I32EnumCase<"Attention", 2, "attention">,
    I32EnumCase<"SegmentReduce", 3, "segment_reduce">,
    I32EnumCase<"Argmax", 4, "argmax">,
    I32EnumCase<"Collective", 5, "collective">,
    I32EnumCase<"Sample", 6, "sample">,
    I32EnumCase<"Patches", 7, "patches">]> {
  let cppNamespace = "::ft::ir";
}
def Ft_PatternAttr : EnumAttr<Ft_Dialect, Ft_Pattern, "pattern">;

#endif // FT_IR_FTDIALECT_TD
