//===- FtPrimitives.td - the primitive level -------------------*- tablegen -*-//
//
// The closed set of operations that tensor frameworks decompose a transformer
// into, over padded tensors. They stand in padded entries only and are gone
// after the raise phase. Included by FtOps.td. Shapes and constraints:
// docs/spec.md; one verifier, from ir/PrimitiveTypes.h, checks them all.
//
//===----------------------------------------------------------------------===//
#ifndef FT_IR_FTPRIMITIVES_TD
#define FT_IR_FTPRIMITIVES_TD

/// Verified against the type that inferPrimitiveType finds, or, where the
/// result type says a wanted shape, against what that may be.
def Ft_Primitive : NativeOpTrait<"Primitive"> {
  let cppNamespace = "::ft::ir::OpTrait";
}

class Ft_PrimOp<string mnemonic, string formula>
    : Ft_Op<"prim." # mnemonic, [Pure, Ft_Primitive]> {
  let summary = formula;
  let results = (outs Ft_PaddedType:$result);
}

//===----------------------------------------------------------------------===//
// Sources
//===----------------------------------------------------------------------===//

def Ft_PrimParamOp : Ft_Op<"prim.param", [
    Pure, DeclareOpInterfaceMethods<SymbolUserOpInterface>]> {
  let summary = "a weight as a tensor";
  let arguments = (ins FlatSymbolRefAttr:$weight);
  let results = (outs Ft_PaddedType:$result);
  let assemblyFormat = "$weight attr-dict `:` type($result)";
}

def Ft_PrimConstantOp : Ft_PrimOp<"constant", "literal numbers"> {
  let description = [{
    One number for every element, or all of them in row-major order. Integers
    and truth values (0 and 1) are written as numbers too.
  }];
  let arguments = (ins F64ArrayAttr:$values);
  let assemblyFormat = "$values attr-dict `:` type($result)";
}

def Ft_PrimIotaOp : Ft_PrimOp<"iota", "the index along `axis`"> {
  let arguments = (ins I64Attr:$axis);
  let assemblyFormat = "`axis` $axis attr-dict `:` type($result)";
}

//===----------------------------------------------------------------------===//
// Elementwise
//===----------------------------------------------------------------------===//

class Ft_PrimUnaryOp<string mnemonic, string formula>
    : Ft_PrimOp<mnemonic, formula> {
  let arguments = (ins Ft_PaddedType:$input);
  let assemblyFormat =
      "$input attr-dict `:` functional-type(operands, results)";
}
def Ft_PrimExpOp : Ft_PrimUnaryOp<"exp", "e^x">;
def Ft_PrimLogOp : Ft_PrimUnaryOp<"log", "natural logarithm">;
def Ft_PrimTanhOp : Ft_PrimUnaryOp<"tanh", "tanh(x)">;
def Ft_PrimErfOp : Ft_PrimUnaryOp<"erf", "the error function">;
def Ft_PrimSqrtOp : Ft_PrimUnaryOp<"sqrt", "square root">;
def Ft_PrimRsqrtOp : Ft_PrimUnaryOp<"rsqrt", "1 / sqrt(x)">;
def Ft_PrimNegOp : Ft_PrimUnaryOp<"neg", "-x">;
def Ft_PrimAbsOp : Ft_PrimUnaryOp<"abs", "|x|">;
def Ft_PrimSinOp : Ft_PrimUnaryOp<"sin", "sine of x in radians">;
def Ft_PrimCosOp : Ft_PrimUnaryOp<"cos", "cosine of x in radians">;
def Ft_PrimFloorOp : Ft_PrimUnaryOp<"floor", "the largest integer <= x">;
def Ft_PrimSigmoidOp : Ft_PrimUnaryOp<"sigmoid", "1 / (1 + exp(-x))">;
def Ft_PrimReluOp : Ft_PrimUnaryOp<"relu", "max(x, 0)">;
def Ft_PrimNotOp : Ft_PrimUnaryOp<"not", "not x">;

def Ft_PrimCastOp : Ft_PrimUnaryOp<"cast", "the value as another type"> {
  let description = [{
    To i32: truncated towards zero. To i1: x is not 0. From i1: 0 or 1. All
    floats are f32 before the precision phase.
  }];
}

class Ft_PrimBinaryOp<string mnemonic, string formula>
    : Ft_PrimOp<mnemonic, formula> {
  let arguments = (ins Ft_PaddedType:$lhs, Ft_PaddedType:$rhs);
  let assemblyFormat =
      "$lhs `,` $rhs attr-dict `:` functional-type(operands, results)";
}
def Ft_PrimAddOp : Ft_PrimBinaryOp<"add", "x + y">;
def Ft_PrimSubOp : Ft_PrimBinaryOp<"sub", "x - y">;
def Ft_PrimMulOp : Ft_PrimBinaryOp<"mul", "x * y">;
def Ft_PrimDivOp : Ft_PrimBinaryOp<"div", "x / y; of integers, its floor">;
def Ft_PrimMaximumOp : Ft_PrimBinaryOp<"maximum", "the larger of x and y">;
def Ft_PrimMinimumOp : Ft_PrimBinaryOp<"minimum", "the smaller of x and y">;
def Ft_PrimPowOp : Ft_PrimBinaryOp<"pow", "x^y">;
def Ft_PrimModOp : Ft_PrimBinaryOp<"mod", "x - floor(x / y) * y">;
def Ft_PrimLtOp : Ft_PrimBinaryOp<"lt", "x < y">;
def Ft_PrimLeOp : Ft_PrimBinaryOp<"le", "x <= y">;
def Ft_PrimGtOp : Ft_PrimBinaryOp<"gt", "x > y">;
def Ft_PrimGeOp : Ft_PrimBinaryOp<"ge", "x >= y">;
def Ft_PrimEqOp : Ft_PrimBinaryOp<"eq", "x = y">;
def Ft_PrimNeOp : Ft_PrimBinaryOp<"ne", "x differs from y">;
def Ft_PrimAndOp : Ft_PrimBinaryOp<"and", "x and y">;
def Ft_PrimOrOp : Ft_PrimBinaryOp<"or", "x or y">;

def Ft_PrimSelectOp : Ft_PrimOp<"select", "x where the condition, else y"> {
  let arguments = (ins Ft_PaddedType:$condition, Ft_PaddedType:$lhs,
                       Ft_PaddedType:$rhs);
  let assemblyFormat = [{
    $condition `,` $lhs `,` $rhs attr-dict
    `:` functional-type(operands, results)
  }];
}

//===----------------------------------------------------------------------===//
// Products, reductions
//===----------------------------------------------------------------------===//

def Ft_PrimMatmulOp : Ft_PrimBinaryOp<"matmul",
    "the matrix product over the last two axes"> {
  let description = [{
    [..., M, K] by [..., K, N] to [..., M, N]; leading axes broadcast.
  }];
}

class Ft_PrimReduceOp<string mnemonic, string formula>
    : Ft_PrimOp<mnemonic, formula> {
  let arguments = (ins Ft_PaddedType:$input, DenseI64ArrayAttr:$axes,
                       UnitAttr:$keepdims);
  let assemblyFormat = [{
    $input `axes` $axes (`keepdims` $keepdims^)? attr-dict
    `:` functional-type(operands, results)
  }];
}
def Ft_PrimReduceSumOp : Ft_PrimReduceOp<"reduce_sum", "sum over `axes`">;
def Ft_PrimReduceMaxOp : Ft_PrimReduceOp<"reduce_max", "maximum over `axes`">;
def Ft_PrimReduceMinOp : Ft_PrimReduceOp<"reduce_min", "minimum over `axes`">;
def Ft_PrimReduceMeanOp : Ft_PrimReduceOp<"reduce_mean", "mean over `axes`">;

class Ft_PrimAxisOp<string mnemonic, string formula>
    : Ft_PrimOp<mnemonic, formula> {
  let arguments = (ins Ft_PaddedType:$input, I64Attr:$axis);
  let assemblyFormat = [{
    $input `axis` $axis attr-dict `:` functional-type(operands, results)
  }];
}
def Ft_PrimCumsumOp : Ft_PrimAxisOp<"cumsum",
    "the sum of the elements up to and with each, along `axis`">;
def Ft_PrimSoftmaxOp : Ft_PrimAxisOp<"softmax", "softmax along `axis`">;

def Ft_PrimArgmaxOp : Ft_PrimOp<"argmax",
    "index of the largest element along `axis`, the lowest on a tie"> {
  let arguments = (ins Ft_PaddedType:$input, I64Attr:$axis, UnitAttr:$keepdims);
  let assemblyFormat = [{
    $input `axis` $axis (`keepdims` $keepdims^)? attr-dict
    `:` functional-type(operands, results)
  }];
}

//===----------------------------------------------------------------------===//
// Shapes
//===----------------------------------------------------------------------===//

def Ft_PrimTransposeOp : Ft_PrimOp<"transpose", "axes in another order"> {
  let description = [{Axis i of the result is axis perm[i] of the input.}];
  let arguments = (ins Ft_PaddedType:$input, DenseI64ArrayAttr:$perm);
  let assemblyFormat =
      "$input $perm attr-dict `:` functional-type(operands, results)";
}

def Ft_PrimReshapeOp : Ft_PrimUnaryOp<"reshape",
    "the same elements, in row-major order, in another shape">;

def Ft_PrimExpandOp : Ft_PrimUnaryOp<"expand",
    "repeated along extents of 1 and new leading axes">;

def Ft_PrimSliceOp : Ft_PrimOp<"slice", "a range of one axis"> {
  let description = [{
    Elements start, start + step, ... of `axis`, as many as the result's extent
    says. A negative start counts from the end and stands only where the extent
    is symbolic.
  }];
  let arguments = (ins Ft_PaddedType:$input, I64Attr:$axis, I64Attr:$start,
                       DefaultValuedAttr<I64Attr, "1">:$step);
  let assemblyFormat = [{
    $input `axis` $axis `start` $start (`step` $step^)? attr-dict
    `:` functional-type(operands, results)
  }];
}

def Ft_PrimConcatOp : Ft_PrimOp<"concat", "one after the other along `axis`"> {
  let arguments = (ins Variadic<Ft_PaddedType>:$inputs, I64Attr:$axis);
  let assemblyFormat = [{
    $inputs `axis` $axis attr-dict `:` functional-type(operands, results)
  }];
}

def Ft_PrimGatherOp : Ft_PrimOp<"gather", "elements of `axis` picked by ids"> {
  let description = [{
    The input's shape with `axis` replaced by the axes of ids. The first
    `batch` axes of both are one: each of their indices gathers for itself.
    batch 0 is a table look-up.
  }];
  let arguments = (ins Ft_PaddedType:$input, Ft_PaddedType:$ids, I64Attr:$axis,
                       DefaultValuedAttr<I64Attr, "0">:$batch);
  let assemblyFormat = [{
    $input `,` $ids `axis` $axis (`batch` $batch^)? attr-dict
    `:` functional-type(operands, results)
  }];
}

//===----------------------------------------------------------------------===//
// Semantic operations among primitives
//===----------------------------------------------------------------------===//

def Ft_PrimApplyOp : Ft_Op<"prim.apply", [
    Pure, IsolatedFromAbove, SingleBlock]> {
  let summary = "semantic ops on each row of padded tensors";
  let description = [{
    The region maps one row of every operand, its trailing axes, to the row of
    the result. The leading axes are those of all operands and of the result.

    ```mlir
    %y = ft.prim.apply(%x) {
    ^bb0(%a: !ft.packed<tokens, 64xf32>):
      %0 = ft.linear %a, @w : (!ft.packed<tokens, 64xf32>) -> !ft.packed<tokens, 8xf32>
      ft.yield %0 : !ft.packed<tokens, 8xf32>
    } : (!ft.padded<[batch, sequence, 64], f32>) -> !ft.padded<[batch, sequence, 8], f32>
    ```
  }];
  let arguments = (ins Variadic<Ft_PaddedType>:$inputs);
  let results = (outs Ft_PaddedType:$result);
  let regions = (region SizedRegion<1>:$body);
  let assemblyFormat = [{
    `(` $inputs `)` attr-dict-with-keyword $body
    `:` functional-type(operands, results)
  }];
  let hasVerifier = 1;
}

#endif // FT_IR_FTPRIMITIVES_TD
