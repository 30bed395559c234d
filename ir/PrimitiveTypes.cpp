//===- PrimitiveTypes.cpp - result types of primitives --------------------===//
#include "ir/PrimitiveTypes.h"

#include "llvm/ADT/StringSwitch.h"
#include "llvm/Support/MathExtras.h"

using namespace mlir;
using namespace ft::ir;

using EmitError = function_ref<InFlightDiagnostic()>;
using Inferred = FailureOr<PaddedType>;
using Shape = SmallVector<DimAttr>;

static int64_t integer(const PrimitiveOperands &in, StringRef name,
                       int64_t absent = 0) {
  auto attr = in.attrs.getAs<IntegerAttr>(name);
  return attr ? attr.getInt() : absent;
}

static ArrayRef<int64_t> integers(const PrimitiveOperands &in, StringRef name) {
  auto attr = in.attrs.getAs<DenseI64ArrayAttr>(name);
  return attr ? attr.asArrayRef() : ArrayRef<int64_t>();
}

static bool isNumber(Type type) { return type.isF32() || type.isInteger(32); }

/// prim_axis_c1: `axis` is one of `type`.
static LogicalResult checkAxis(int64_t axis, PaddedType type,
                               EmitError emitError) {
  if (axis >= 0 && axis < int64_t(type.getRank()))
    return success();
  return emitError() << "prim_axis_c1: expected an axis of " << type
                     << ", found " << axis;
}

//===----------------------------------------------------------------------===//
// Sources
//===----------------------------------------------------------------------===//

static Inferred inferConstant(const PrimitiveOperands &in,
                              EmitError emitError) {
  auto values = in.attrs.getAs<ArrayAttr>("values");
  int64_t given = values ? values.size() : 0;
  if (given != 1 && !in.wanted.getElements().is(given))
    return emitError() << "prim_constant_c1: expected one number or one for "
                          "each element of "
                       << in.wanted << ", found " << given;
  return in.wanted;
}

static Inferred inferIota(const PrimitiveOperands &in, EmitError emitError) {
  if (failed(checkAxis(integer(in, "axis"), in.wanted, emitError)))
    return failure();
  if (!isNumber(in.wanted.getElementType()))
    return emitError() << "prim_iota_c1: expected elements of i32 or f32, "
                          "found "
                       << in.wanted;
  return in.wanted;
}

//===----------------------------------------------------------------------===//
// Elementwise
//===----------------------------------------------------------------------===//

static Inferred inferUnary(const PrimitiveOperands &in, EmitError emitError) {
  Type element = in.values[0].getElementType();
  bool integers = in.op == "neg" || in.op == "abs";
  bool fits = in.op == "not"
                  ? element.isInteger(1)
                  : element.isF32() || (integers && element.isInteger(32));
  if (!fits)
    return emitError() << "prim_unary_c1: expected elements of "
                       << (in.op == "not" ? "i1"
                           : integers     ? "f32 or i32"
                                          : "f32")
                       << ", found " << in.values[0];
  return in.values[0];
}

static Inferred inferCast(const PrimitiveOperands &in, EmitError) {
  return in.values[0].withElementType(in.wanted.getElementType());
}

/// Shapes aligned at their last axes; 1 and missing axes repeat.
static FailureOr<Shape> broadcast(ArrayRef<DimAttr> a, ArrayRef<DimAttr> b) {
  if (a.size() < b.size())
    std::swap(a, b);
  Shape shape(a);
  for (size_t i = 0; i < b.size(); ++i) {
    DimAttr &dim = shape[a.size() - b.size() + i];
    if (dim.is(1))
      dim = b[i];
    else if (!b[i].is(1) && b[i] != dim)
      return failure();
  }
  return shape;
}

static Inferred broadcastOperands(const PrimitiveOperands &in, StringRef label,
                                  EmitError emitError) {
  Shape shape;
  for (PaddedType type : in.values) {
    FailureOr<Shape> both = broadcast(shape, type.getShape());
    if (failed(both)) {
      InFlightDiagnostic error = emitError();
      error << label
            << ": expected extents that agree or are 1, aligned at the last "
               "axis, found ";
      llvm::interleaveComma(in.values, error);
      return error;
    }
    shape = *both;
  }
  return in.values.back().withShape(shape);
}

static bool isComparison(StringRef op) {
  return llvm::StringSwitch<bool>(op)
      .Cases({"lt", "le", "gt", "ge", "eq", "ne"}, true)
      .Default(false);
}

static Inferred inferBinary(const PrimitiveOperands &in, EmitError emitError) {
  Type a = in.values[0].getElementType(), b = in.values[1].getElementType();
  bool logical = in.op == "and" || in.op == "or";
  bool fits = a == b && (logical                          ? a.isInteger(1)
                         : in.op == "pow"                 ? a.isF32()
                         : in.op == "eq" || in.op == "ne" ? true
                                                          : isNumber(a));
  if (!fits)
    return emitError() << "prim_binary_c1: expected operands of one element "
                          "type, "
                       << (logical          ? "i1"
                           : in.op == "pow" ? "f32"
                                            : "f32 or i32")
                       << ", found " << in.values[0] << " and " << in.values[1];
  Inferred type = broadcastOperands(in, "prim_binary_c2", emitError);
  if (succeeded(type) && isComparison(in.op))
    return type->withElementType(IntegerType::get(a.getContext(), 1));
  return type;
}

static Inferred inferSelect(const PrimitiveOperands &in, EmitError emitError) {
  if (!in.values[0].getElementType().isInteger(1) ||
      in.values[1].getElementType() != in.values[2].getElementType())
    return emitError() << "prim_select_c1: expected a condition of i1 and two "
                          "values of one element type, found "
                       << in.values[0] << ", " << in.values[1] << " and "
                       << in.values[2];
  return broadcastOperands(in, "prim_select_c2", emitError);
}

//===----------------------------------------------------------------------===//
// Products, reductions
//===----------------------------------------------------------------------===//

static Inferred inferMatmul(const PrimitiveOperands &in, EmitError emitError) {
  PaddedType lhs = in.values[0], rhs = in.values[1];
  ArrayRef<DimAttr> a = lhs.getShape(), b = rhs.getShape();
  if (!lhs.getElementType().isF32() || !rhs.getElementType().isF32() ||
      a.size() < 2 || b.size() < 2)
    return emitError() << "prim_matmul_c1: expected two tensors of f32 with at "
                          "least two axes, found "
                       << lhs << " and " << rhs;
  if (a.back() != b[b.size() - 2])
    return emitError() << "prim_matmul_c2: expected [..., M, K] and [..., K, "
                          "N], found "
                       << lhs << " and " << rhs;
  FailureOr<Shape> shape = broadcast(a.drop_back(2), b.drop_back(2));
  if (failed(shape))
    return emitError() << "prim_matmul_c3: expected leading extents that agree "
                          "or are 1, found "
                       << lhs << " and " << rhs;
  shape->append({a[a.size() - 2], b.back()});
  return lhs.withShape(*shape);
}

/// `shape` without `axis`, or with it as 1.
static void dropAxis(Shape &shape, int64_t axis, bool keep) {
  if (keep)
    shape[axis] = DimAttr::literal(shape[axis].getContext(), 1);
  else
    shape.erase(shape.begin() + axis);
}

static Inferred inferReduce(const PrimitiveOperands &in, EmitError emitError) {
  PaddedType x = in.values[0];
  ArrayRef<int64_t> axes = integers(in, "axes");
  bool number = in.op == "reduce_mean" ? x.getElementType().isF32()
                                       : isNumber(x.getElementType());
  if (!number)
    return emitError() << "prim_reduce_c1: expected numbers to reduce"
                       << (in.op == "reduce_mean" ? ", f32 for a mean" : "")
                       << ", found " << x;
  bool ordered = llvm::is_sorted(axes) &&
                 std::adjacent_find(axes.begin(), axes.end()) == axes.end();
  if (axes.empty() || !ordered)
    return emitError() << "prim_reduce_c2: expected axes in rising order";
  Shape shape(x.getShape());
  for (int64_t axis : llvm::reverse(axes)) {
    if (failed(checkAxis(axis, x, emitError)))
      return failure();
    dropAxis(shape, axis, in.attrs.contains("keepdims"));
  }
  return x.withShape(shape);
}

static Inferred inferSoftmax(const PrimitiveOperands &in, EmitError emitError) {
  PaddedType x = in.values[0];
  bool fits = in.op == "cumsum" ? isNumber(x.getElementType())
                                : x.getElementType().isF32();
  if (!fits)
    return emitError() << "prim_axis_c2: expected elements of "
                       << (in.op == "cumsum" ? "f32 or i32" : "f32")
                       << ", found " << x;
  if (failed(checkAxis(integer(in, "axis"), x, emitError)))
    return failure();
  return x;
}

static Inferred inferArgmax(const PrimitiveOperands &in, EmitError emitError) {
  Inferred x = inferSoftmax(in, emitError);
  if (failed(x))
    return failure();
  Shape shape(x->getShape());
  dropAxis(shape, integer(in, "axis"), in.attrs.contains("keepdims"));
  return PaddedType::get(x->getContext(), shape,
                         IntegerType::get(x->getContext(), 32));
}

//===----------------------------------------------------------------------===//
// Shapes
//===----------------------------------------------------------------------===//

static Inferred inferTranspose(const PrimitiveOperands &in,
                               EmitError emitError) {
  PaddedType x = in.values[0];
  ArrayRef<int64_t> perm = integers(in, "perm");
  SmallVector<int64_t> sorted(perm);
  llvm::sort(sorted);
  if (!llvm::equal(sorted, llvm::seq<int64_t>(0, x.getRank()))) {
    InFlightDiagnostic error = emitError();
    error << "prim_transpose_c1: expected each axis of " << x
          << " once, found [";
    llvm::interleaveComma(perm, error);
    return error << "]";
  }
  Shape shape;
  for (int64_t axis : perm)
    shape.push_back(x.getShape()[axis]);
  return x.withShape(shape);
}

static Inferred inferReshape(const PrimitiveOperands &in, EmitError emitError) {
  PaddedType x = in.values[0];
  if (in.wanted.getElementType() != x.getElementType() ||
      in.wanted.getElements() != x.getElements())
    return emitError() << "prim_reshape_c1: expected the "
                       << x.getElements().str() << " elements of " << x
                       << ", found " << in.wanted;
  return in.wanted;
}

static Inferred inferExpand(const PrimitiveOperands &in, EmitError emitError) {
  PaddedType x = in.values[0];
  FailureOr<Shape> shape = broadcast(x.getShape(), in.wanted.getShape());
  if (in.wanted.getElementType() != x.getElementType() || failed(shape) ||
      ArrayRef(*shape) != in.wanted.getShape())
    return emitError() << "prim_expand_c1: expected a shape that " << x
                       << " broadcasts to, found " << in.wanted;
  return in.wanted;
}

/// Whether start, start + step, ... are in `extent` as far as can be known:
/// where one side is a symbol and the other a number, whoever runs it checks.
static bool inExtent(DimAttr extent, int64_t start, int64_t step,
                     DimAttr size) {
  int64_t last = (size.getFactor() - 1) * step;
  if (extent.isLiteral())
    return start >= 0 &&
           (!size.isLiteral() || start < extent.getFactor() - last);
  if (size.isLiteral())
    return start >= 0 || start + last <= -1;
  return size.getSymbols() == extent.getSymbols() && start >= 0 &&
         start < step && size.getFactor() <= extent.getFactor() / step;
}

static Inferred inferSlice(const PrimitiveOperands &in, EmitError emitError) {
  constexpr int64_t kLimit = int64_t(1) << 31; // of numbers, against overflow
  PaddedType x = in.values[0];
  int64_t axis = integer(in, "axis"), start = integer(in, "start");
  int64_t step = integer(in, "step", 1);
  if (failed(checkAxis(axis, x, emitError)))
    return failure();
  if (step < 1 || step > kLimit || start < -kLimit || start > kLimit)
    return emitError() << "prim_slice_c1: expected a step of at least 1 and a "
                          "start below 2^31, found "
                       << step << " and " << start;
  Shape shape(x.getShape());
  DimAttr extent = shape[axis];
  shape[axis] =
      in.wanted.getRank() == x.getRank() ? in.wanted.getShape()[axis] : extent;
  if (shape[axis].getFactor() > kLimit ||
      !inExtent(extent, start, step, shape[axis]))
    return emitError() << "prim_slice_c2: expected a range of the "
                       << extent.str() << " elements along axis " << axis
                       << ", found " << shape[axis].str() << " from " << start
                       << " in steps of " << step;
  return x.withShape(shape);
}

/// a + b where an extent can say that, else null.
static DimAttr sum(DimAttr a, DimAttr b) {
  int64_t factor;
  if (a.getSymbols() != b.getSymbols() ||
      llvm::AddOverflow(a.getFactor(), b.getFactor(), factor))
    return nullptr;
  return DimAttr::get(a.getContext(), factor, a.getSymbols());
}

static Inferred inferConcat(const PrimitiveOperands &in, EmitError emitError) {
  if (in.values.empty())
    return emitError() << "prim_concat_c1: expected at least one operand";
  PaddedType first = in.values[0];
  int64_t axis = integer(in, "axis");
  if (failed(checkAxis(axis, first, emitError)))
    return failure();
  Shape shape(first.getShape());
  for (PaddedType next : ArrayRef(in.values).drop_front()) {
    Shape other(next.getShape());
    if (other.size() == shape.size())
      shape[axis] = other[axis] = sum(shape[axis], other[axis]);
    if (next.getElementType() != first.getElementType() || shape != other ||
        !shape[axis])
      return emitError() << "prim_concat_c1: expected like types but for axis "
                         << axis << ", found " << first << " and " << next;
  }
  return first.withShape(shape);
}

static Inferred inferGather(const PrimitiveOperands &in, EmitError emitError) {
  PaddedType x = in.values[0], ids = in.values[1];
  int64_t axis = integer(in, "axis"), batch = integer(in, "batch");
  if (failed(checkAxis(axis, x, emitError)))
    return failure();
  if (!ids.getElementType().isInteger(32))
    return emitError() << "prim_gather_c1: expected ids of i32, found " << ids;
  if (batch < 0 || batch > axis || batch > int64_t(ids.getRank()) ||
      x.getShape().take_front(batch) != ids.getShape().take_front(batch))
    return emitError() << "prim_gather_c2: expected " << batch
                       << " leading axes before axis " << axis
                       << " that agree, found " << x << " and " << ids;
  Shape shape(x.getShape().take_front(axis));
  llvm::append_range(shape, ids.getShape().drop_front(batch));
  llvm::append_range(shape, x.getShape().drop_front(axis + 1));
  return x.withShape(shape);
}

Inferred ft::ir::inferPrimitiveType(const PrimitiveOperands &in,
                                    EmitError emitError) {
  using Infer = Inferred (*)(const PrimitiveOperands &, EmitError);
  Infer infer =
      llvm::StringSwitch<Infer>(in.op)
          .Case("constant", inferConstant)
          .Case("iota", inferIota)
          .Cases({"exp", "log", "tanh", "erf", "sqrt", "rsqrt", "neg"},
                 inferUnary)
          .Cases({"abs", "sin", "cos", "floor", "sigmoid", "relu", "not"},
                 inferUnary)
          .Case("cast", inferCast)
          .Case("select", inferSelect)
          .Case("matmul", inferMatmul)
          .Cases({"reduce_sum", "reduce_max", "reduce_min", "reduce_mean"},
                 inferReduce)
          .Cases({"softmax", "cumsum"}, inferSoftmax)
          .Case("argmax", inferArgmax)
          .Case("transpose", inferTranspose)
          .Case("reshape", inferReshape)
          .Case("expand", inferExpand)
          .Case("slice", inferSlice)
          .Case("concat", inferConcat)
          .Case("gather", inferGather)
          .Default(inferBinary);
  Inferred type = infer(in, emitError);
  // No tensor of a file is near this; beyond it products would overflow.
  constexpr int64_t kMaxElements = int64_t(1) << 62;
  if (succeeded(type) && type->getElements().getFactor() > kMaxElements)
    return emitError() << "prim_c2: expected at most 2^62 elements for each "
                          "value of the symbols, found "
                       << *type;
  return type;
}
