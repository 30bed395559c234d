//===- ShapeInference.cpp - result types from operands --------------------===//
#include "ir/ShapeInference.h"

#include "llvm/ADT/StringSet.h"
#include "llvm/ADT/StringSwitch.h"

using namespace mlir;
using namespace ft::ir;

using EmitError = function_ref<InFlightDiagnostic()>;
using Inferred = FailureOr<PackedType>;

/// "[64, 32]"
static std::string text(ArrayRef<int64_t> shape) {
  std::string out;
  llvm::raw_string_ostream stream(out);
  stream << "[";
  llvm::interleaveComma(shape, stream);
  stream << "]";
  return out;
}

static LogicalResult checkFloat(PackedType type, EmitError emitError) {
  if (isa<FloatType>(type.getElementType()))
    return success();
  return emitError() << "expected an operand of floats, found " << type;
}

static Inferred inferEmbedding(const OpOperands &in, EmitError emitError) {
  PackedType ids = in.values[0];
  ArrayRef<int64_t> table = in.weights[0].getShape();
  if (!ids.getElementType().isInteger(32) || !ids.getShape().empty())
    return emitError() << "expected one i32 a row as ids, found " << ids;
  if (table.size() != 2)
    return emitError() << "expected a table of two dimensions, found "
                       << text(table);
  return PackedType::get(ids.getAxis(), {table[1]},
                         in.weights[0].getElementType());
}

static Inferred inferLinear(const OpOperands &in, EmitError emitError) {
  ArrayRef<int64_t> weight = in.weights[0].getShape();
  int64_t k = in.values[0].getRowElements();
  if (failed(checkFloat(in.values[0], emitError)))
    return failure();
  if (weight.size() != 2 || weight[1] != k)
    return emitError() << "expected a weight of [N, " << k << "], found "
                       << text(weight);
  int64_t n = weight[0];
  if (in.weights.size() > 1 && in.weights[1].getShape() != ArrayRef(n))
    return emitError() << "expected a bias of [" << n << "], found "
                       << text(in.weights[1].getShape());
  if (in.heads < 0 || (in.heads && n % in.heads))
    return emitError() << "expected heads to divide the " << n
                       << " rows of the weight, found " << in.heads;
  if (in.heads)
    return in.values[0].withShape({in.heads, n / in.heads});
  return in.values[0].withShape({n});
}

static Inferred inferNorm(const OpOperands &in, EmitError emitError) {
  int64_t last = in.values[0].getLastDim();
  if (failed(checkFloat(in.values[0], emitError)))
    return failure();
  for (RankedTensorType weight : in.weights)
    if (weight.getShape() != ArrayRef(last))
      return emitError() << "expected a weight of [" << last << "], found "
                         << text(weight.getShape());
  return in.values[0];
}

static Inferred inferSame(const OpOperands &in, EmitError emitError) {
  if (failed(checkFloat(in.values[0], emitError)))
    return failure();
  return in.values[0];
}

static Inferred inferReduce(const OpOperands &in, EmitError emitError) {
  SmallVector<int64_t> shape(in.values[0].getShape());
  if (failed(checkFloat(in.values[0], emitError)))
    return failure();
  if (shape.empty())
    return emitError() << "expected a row of at least one dimension, found "
                       << in.values[0];
  shape.back() = 1;
  return in.values[0].withShape(shape);
}

static Inferred inferBinary(const OpOperands &in, EmitError emitError) {
  PackedType lhs = in.values[0], rhs = in.values[1];
  ArrayRef<int64_t> a = lhs.getShape(), b = rhs.getShape();
  auto mismatch = [&] {
    return emitError() << "expected operands of one axis, element type and "
                          "shape (1 repeats), found "
                       << lhs << " and " << rhs;
  };
  if (lhs.getAxis() != rhs.getAxis() || a.size() != b.size() ||
      lhs.getElementType() != rhs.getElementType())
    return mismatch();
  SmallVector<int64_t> shape;
  for (auto [x, y] : llvm::zip(a, b)) {
    if (x != y && x != 1 && y != 1)
      return mismatch();
    shape.push_back(std::max(x, y));
  }
  return lhs.withShape(shape);
}

/// A condition and two values, as binary operands.
static Inferred inferSelect(const OpOperands &in, EmitError emitError) {
  OpOperands values = in;
  values.values.erase(values.values.begin());
  Inferred both = inferBinary(values, emitError);
  if (failed(both))
    return failure();
  values.values = {in.values[0], *both};
  return inferBinary(values, emitError);
}

static Inferred inferConcat(const OpOperands &in, EmitError emitError) {
  if (in.values.empty())
    return emitError() << "expected at least one operand";
  PackedType first = in.values[0];
  if (failed(checkFloat(first, emitError)))
    return failure();
  int64_t last = 0;
  for (PackedType next : in.values) {
    ArrayRef<int64_t> shape = next.getShape();
    if (shape.empty() || next.getAxis() != first.getAxis() ||
        next.getElementType() != first.getElementType() ||
        shape.drop_back() != first.getShape().drop_back())
      return emitError() << "expected like operands but for the last extent, "
                            "found "
                         << first << " and " << next;
    last += shape.back();
  }
  SmallVector<int64_t> shape(first.getShape());
  shape.back() = last;
  return first.withShape(shape);
}

static Inferred inferToFloat(const OpOperands &in, EmitError emitError) {
  PackedType x = in.values[0];
  if (!x.getElementType().isInteger(32))
    return emitError() << "expected rows of i32, found " << x;
  ArrayRef<int64_t> shape = x.getShape();
  return PackedType::get(x.getAxis(),
                         shape.empty() ? ArrayRef<int64_t>(1) : shape,
                         Float32Type::get(x.getContext()));
}

static Inferred inferRearrange(const OpOperands &in, EmitError emitError) {
  if (failed(checkFloat(in.values[0], emitError)))
    return failure();
  if (!llvm::all_of(in.shape, [](int64_t extent) { return extent > 0; }))
    return emitError() << "expected positive extents, found " << text(in.shape);
  return in.values[0].withShape(in.shape);
}

static Inferred inferRope(const OpOperands &in, EmitError emitError) {
  PackedType x = in.values[0];
  ArrayRef<int64_t> table = in.weights[0].getShape();
  if (failed(checkFloat(x, emitError)))
    return failure();
  if (x.getShape().size() != 2)
    return emitError() << "expected rows of [heads, head size], found " << x;
  if (table.size() != 2 || table[1] % 2 || table[1] > x.getLastDim())
    return emitError() << "expected a table of [positions, dims] with an even "
                          "number of dims up to "
                       << x.getLastDim() << ", found " << text(table);
  return x;
}

/// Keys and values as [kv heads, size], from operands or the cache's planes.
static FailureOr<std::pair<ArrayRef<int64_t>, ArrayRef<int64_t>>>
keysAndValues(const OpOperands &in, EmitError emitError) {
  if (in.values.size() == 3 && !in.cache)
    return std::make_pair(in.values[1].getShape(), in.values[2].getShape());
  if (in.values.size() != 1 || !in.cache)
    return emitError() << "expected keys and values as operands or in a "
                          "cache, found "
                       << (in.cache ? "both" : "neither or one");
  ArrayRef<Attribute> planes = CacheOp(in.cache).getPlanes().getValue();
  if (planes.size() != 2)
    return emitError() << "expected a cache of two planes, keys and values, "
                          "found "
                       << planes.size();
  return std::make_pair(cast<PlaneAttr>(planes[0]).getShape(),
                        cast<PlaneAttr>(planes[1]).getShape());
}

static Inferred inferAttention(const OpOperands &in, EmitError emitError) {
  auto kv = keysAndValues(in, emitError);
  if (failed(kv))
    return failure();
  for (PackedType type : in.values)
    if (failed(checkFloat(type, emitError)))
      return failure();
  PackedType q = in.values[0];
  ArrayRef<int64_t> query = q.getShape();
  auto [key, value] = *kv;
  if (query.size() != 2 || key.size() != 2 || value.size() != 2)
    return emitError() << "expected queries, keys and values of [heads, head "
                          "size], found "
                       << text(query) << ", " << text(key) << ", "
                       << text(value);
  if (key[0] != value[0] || query[0] % key[0])
    return emitError() << "expected as many value heads as key heads, and a "
                          "multiple of that in queries, found "
                       << query[0] << " queries, " << key[0] << " keys, "
                       << value[0] << " values";
  if (query[1] != key[1])
    return emitError() << "expected queries and keys of one head size, found "
                       << query[1] << " and " << key[1];
  return q.withShape({query[0], value[1]});
}

static Inferred inferRows(const OpOperands &in, EmitError emitError) {
  PackedType x = in.values[0];
  if (x.getAxis() != in.rows.getTokens())
    return emitError() << "expected rows along " << in.rows.getTokens()
                       << ", found " << x;
  return x.withAxis(in.rows.getRows());
}

static Inferred inferSegmentReduce(const OpOperands &in, EmitError emitError) {
  PackedType x = in.values[0];
  if (failed(checkFloat(x, emitError)))
    return failure();
  if (x.getAxis() != in.sequences.getTokens())
    return emitError() << "expected rows along " << in.sequences.getTokens()
                       << ", found " << x;
  return x.withAxis(in.sequences.getSequences());
}

static Inferred inferPatches(const OpOperands &in, EmitError emitError) {
  PackedType image = in.values[0];
  ArrayRef<int64_t> shape = image.getShape();
  if (failed(checkFloat(image, emitError)))
    return failure();
  if (shape.size() != 3 || image.getAxis() != in.sequences.getSequences())
    return emitError() << "expected an image of [channels, height, width], "
                          "found "
                       << image;
  ArrayRef<int64_t> patch = in.patch;
  bool fits = patch.size() == 2;
  for (size_t i = 0; fits && i < 2; ++i)
    fits = patch[i] >= 1 && patch[i] <= shape[i + 1];
  if (!fits)
    return emitError() << "expected the height and width of a patch within an "
                          "image of "
                       << shape[1] << " by " << shape[2] << ", found "
                       << text(patch);
  return image.withAxis(in.sequences.getTokens())
      .withShape({shape[0] * patch[0] * patch[1]});
}

static Inferred inferArgmax(const OpOperands &in, EmitError emitError) {
  PackedType x = in.values[0];
  if (failed(checkFloat(x, emitError)))
    return failure();
  if (x.getShape().empty())
    return emitError() << "expected rows of at least one dimension, found "
                       << x;
  return PackedType::get(x.getAxis(), x.getShape().drop_back(),
                         IntegerType::get(x.getContext(), 32));
}

static Inferred inferSample(const OpOperands &in, EmitError emitError) {
  PackedType x = in.values[0];
  if (x.getAxis() != in.rows.getRows())
    return emitError() << "expected rows along " << in.rows.getRows()
                       << ", found " << x;
  if (x.getShape().size() > 1)
    return emitError() << "expected rows of one dimension, found " << x;
  return inferArgmax(in, emitError);
}

static Inferred inferPositions(const OpOperands &in, EmitError) {
  MLIRContext *context = in.sequences.getContext();
  return PackedType::get(in.sequences.getTokens(), {},
                         IntegerType::get(context, 32));
}

static Inferred inferBroadcast(const OpOperands &in, EmitError) {
  return PackedType::get(in.axis, in.weights[0].getShape(),
                         in.weights[0].getElementType());
}

Inferred ft::ir::inferResultType(const OpOperands &in, EmitError emitError) {
  using Infer = Inferred (*)(const OpOperands &, EmitError);
  Infer infer =
      llvm::StringSwitch<Infer>(in.op)
          .Case("embedding", inferEmbedding)
          .Case("linear", inferLinear)
          .Cases({"rms_norm", "layer_norm"}, inferNorm)
          .Cases({"add", "sub", "mul", "div", "maximum", "minimum"},
                 inferBinary)
          .Cases({"pow", "mod", "lt", "le", "eq"}, inferBinary)
          .Case("select", inferSelect)
          .Case("concat", inferConcat)
          .Case("to_float", inferToFloat)
          .Case("rearrange", inferRearrange)
          .Cases({"reduce_sum", "reduce_max", "reduce_mean"}, inferReduce)
          .Case("rope", inferRope)
          .Case("attention", inferAttention)
          .Case("rows", inferRows)
          .Case("segment_reduce", inferSegmentReduce)
          .Case("patches", inferPatches)
          .Case("argmax", inferArgmax)
          .Case("sample", inferSample)
          .Case("positions", inferPositions)
          .Case("broadcast", inferBroadcast)
          .Default(inferSame);
  return infer(in, emitError);
}
