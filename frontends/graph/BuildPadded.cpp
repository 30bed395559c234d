//===- BuildPadded.cpp - the ops of an entry over padded tensors ----------===//
#include "frontends/graph/BuildModule.h"
#include "frontends/graph/EntryFrame.h"
#include "ir/PrimitiveTypes.h"
#include "ir/ShapeInference.h"

#include "llvm/ADT/StringMap.h"
#include "llvm/ADT/StringSet.h"

using namespace mlir;
using namespace ft;
using namespace ft::graph;
using namespace ft::ir;

namespace {

/// Builds one entry, node by node, in the order given.
class PaddedBuilder {
public:
  PaddedBuilder(const ModelGraph &graph, const Entry &entry, ModuleOp module,
                OpBuilder &builder)
      : graph_(graph), entry_(entry), symbols_(module), builder_(builder),
        frame_(entry, builder) {}

  LogicalResult build();

private:
  void addArguments();
  LogicalResult buildPrimitive(const Node &node, Location loc);
  LogicalResult buildSemantic(const Node &node, Location loc);
  LogicalResult gatherRows(const Node &node, Block &block, OpOperands &types,
                           OperationState &state,
                           SmallVectorImpl<Value> &inputs);
  Value operand(const std::string &name);
  void addAttributes(const Node &node, PrimitiveOperands &types,
                     OperationState &state);
  FailureOr<PaddedType>
  wantedType(const Node &node, const PrimitiveOperands &types, Location loc);
  FailureOr<SmallVector<DimAttr>> dims(const graph::Shape &shape, Location loc);
  FailureOr<PackedType> rowType(const Node &node, PaddedType type,
                                Location loc);

  Type elementType(const std::string &name) {
    if (name == "bool")
      return builder_.getI1Type();
    return name == "i32" ? Type(builder_.getI32Type())
                         : Type(builder_.getF32Type());
  }
  RankedTensorType weight(const std::string &name) {
    return symbols_.lookup<ParamOp>(StringRef(name).drop_front())
        .getTensorType();
  }

  const ModelGraph &graph_;
  const Entry &entry_;
  SymbolTable symbols_;
  OpBuilder &builder_;
  EntryFrame frame_;
  llvm::StringMap<Value> values_; // params too, with their '@'
  llvm::StringSet<> known_;       // symbols of the inputs
};

} // namespace

static DimAttr dimOf(const Extent &extent, MLIRContext *context) {
  DimAttr dim = DimAttr::literal(context, extent.factor);
  for (const std::string &symbol : extent.symbols)
    dim = dim * DimAttr::symbol(StringAttr::get(context, symbol));
  return dim;
}

void PaddedBuilder::addArguments() {
  MLIRContext *context = builder_.getContext();
  for (const std::string &name : entry_.inputs) {
    const Input &input = *graph_.findInput(name);
    SmallVector<DimAttr> shape;
    for (const Extent &extent : input.padded) {
      shape.push_back(dimOf(extent, context));
      for (const std::string &symbol : extent.symbols)
        known_.insert(symbol);
    }
    Type element = elementType(input.dtype == DType::I32 ? "i32" : "f32");
    values_[name] = frame_.addArgument(PaddedType::get(context, shape, element),
                                       name, roleName(input.role));
    if (input.limit)
      frame_.limitIds(values_[name], input.limit);
  }
}

/// The value `name`, or a param, which becomes one where it is first used.
Value PaddedBuilder::operand(const std::string &name) {
  Value &value = values_[name];
  if (value)
    return value;
  MLIRContext *context = builder_.getContext();
  StringRef symbol = StringRef(name).drop_front();
  SmallVector<DimAttr> shape;
  for (int64_t extent : weight(name).getShape())
    shape.push_back(DimAttr::literal(context, extent));
  value = PrimParamOp::create(
      builder_,
      locationOf(context, symbol, "/params/" + pointerToken(symbol.str())),
      PaddedType::get(context, shape, builder_.getF32Type()),
      FlatSymbolRefAttr::get(context, symbol));
  return value;
}

FailureOr<SmallVector<DimAttr>> PaddedBuilder::dims(const graph::Shape &shape,
                                                    Location loc) {
  SmallVector<DimAttr> dims;
  for (const Extent &extent : shape) {
    for (const std::string &symbol : extent.symbols)
      if (!known_.contains(symbol)) {
        std::vector<std::string> names;
        for (auto &known : known_)
          names.push_back(known.getKey().str());
        return emitError(loc) << "no input of the entry has the symbol '"
                              << symbol << "'" << suggestion(symbol, names);
      }
    // -1 is checked by whoever may have it.
    dims.push_back(extent.factor < 0 ? DimAttr()
                                     : dimOf(extent, builder_.getContext()));
  }
  return dims;
}

//===----------------------------------------------------------------------===//
// Primitives
//===----------------------------------------------------------------------===//

/// Sets what a reshape to `shape` leaves open, if anything.
static LogicalResult fillShape(SmallVector<DimAttr> &shape, PaddedType from,
                               Location loc) {
  DimAttr rest = from.getElements();
  DimAttr *open = nullptr;
  for (DimAttr &dim : shape) {
    if (!dim)
      open = &dim;
    else if (rest)
      rest = rest.dividedBy(dim);
  }
  if (open && !rest)
    return emitError(loc) << "'reshape': the other extents do not divide the "
                          << from.getElements().str() << " elements of "
                          << from;
  if (open)
    *open = rest;
  return success();
}

/// The type that the node's shape, size and dtype say; null where none do.
FailureOr<PaddedType> PaddedBuilder::wantedType(const Node &node,
                                                const PrimitiveOperands &types,
                                                Location loc) {
  MLIRContext *context = builder_.getContext();
  auto attr = [&](const char *name) -> const AttrValue * {
    auto found = node.attrs.find(name);
    return found == node.attrs.end() ? nullptr : &found->second;
  };
  bool makesType = node.op == "constant" || node.op == "iota";
  PaddedType type = types.values.empty() ? PaddedType() : types.values[0];
  if (makesType)
    type = PaddedType::get(context, {},
                           elementType(node.op == "iota" ? "i32" : "f32"));
  if (const AttrValue *dtype = attr("dtype"))
    type = type.withElementType(elementType(std::get<std::string>(*dtype)));
  if (const AttrValue *value = attr("shape")) {
    auto shape = dims(std::get<graph::Shape>(*value), loc);
    if (failed(shape) || (!makesType && failed(fillShape(*shape, type, loc))))
      return failure();
    return PaddedType::get(context, *shape, type.getElementType());
  }
  if (const AttrValue *value = attr("size")) {
    auto size = dims(std::get<graph::Shape>(*value), loc);
    auto axis = types.attrs.getAs<IntegerAttr>("axis").getInt();
    SmallVector<DimAttr> shape(type.getShape());
    if (failed(size))
      return failure();
    if (axis >= 0 && axis < int64_t(shape.size()))
      shape[axis] = size->front();
    type = type.withShape(shape);
  }
  return type;
}

/// `axis` counted from the front; what is no axis stays none.
static int64_t fromFront(int64_t axis, size_t rank) {
  return axis < 0 ? axis + int64_t(rank) : axis;
}

/// Attributes into `state` and `types`: defaults filled in, axes counted from
/// the front.
void PaddedBuilder::addAttributes(const Node &node, PrimitiveOperands &types,
                                  OperationState &state) {
  const OpSchema &schema = *findOpSchema(node.op, /*padded=*/true);
  size_t rank = types.values.empty() ? 0 : types.values[0].getRank();
  if (auto shape = node.attrs.find("shape");
      shape != node.attrs.end() && types.values.empty())
    rank = std::get<graph::Shape>(shape->second).size();
  for (const AttrSchema &attr : schema.attrs) {
    auto given = node.attrs.find(attr.name);
    bool isAxis = attr.kind == AttrKind::Axis || attr.kind == AttrKind::Axes;
    if (!attr.inIr || (given == node.attrs.end() && !isAxis &&
                       !(attr.kind == AttrKind::Flag && attr.absent == "true")))
      continue;
    AttrValue value;
    if (given != node.attrs.end())
      value = given->second;
    else if (attr.kind == AttrKind::Axis)
      value = int64_t(-1);
    else if (attr.kind == AttrKind::Axes)
      value = std::vector<int64_t>{-1};
    else
      value = true;
    if (auto *axis = std::get_if<int64_t>(&value); axis && isAxis)
      *axis = fromFront(*axis, rank);
    if (auto *axes = std::get_if<std::vector<int64_t>>(&value)) {
      for (int64_t &axis : *axes)
        axis = fromFront(axis, rank);
      if (attr.name == "axes")
        llvm::sort(*axes);
    }
    addAttribute(attr, value, builder_, state);
  }
  types.attrs = state.attributes.getDictionary(builder_.getContext());
}

/// A start from the end is one from the front where the extent is a number.
static void foldStart(const PrimitiveOperands &types, Builder &builder,
                      OperationState &state) {
  auto axis = types.attrs.getAs<IntegerAttr>("axis").getInt();
  auto start = types.attrs.getAs<IntegerAttr>("start").getInt();
  ArrayRef<DimAttr> shape = types.values[0].getShape();
  if (start < 0 && axis >= 0 && axis < int64_t(shape.size()) &&
      shape[axis].isLiteral())
    state.attributes.set(
        "start", builder.getI64IntegerAttr(start + shape[axis].getFactor()));
}

LogicalResult PaddedBuilder::buildPrimitive(const Node &node, Location loc) {
  OperationState state(loc, "ft.prim." + node.op);
  PrimitiveOperands types;
  types.op = node.op;
  for (const std::string &name : node.in) {
    Value value = operand(name);
    state.addOperands(value);
    types.values.push_back(cast<PaddedType>(value.getType()));
  }
  addAttributes(node, types, state);
  FailureOr<PaddedType> wanted = wantedType(node, types, loc);
  if (failed(wanted))
    return failure();
  types.wanted = *wanted;
  if (node.op == "slice") {
    foldStart(types, builder_, state);
    types.attrs = state.attributes.getDictionary(builder_.getContext());
  }
  FailureOr<PaddedType> type = inferPrimitiveType(
      types, [&] { return emitError(loc) << "'" << node.op << "': "; });
  if (failed(type))
    return failure();
  // A look-up in a table of known rows.
  if (node.op == "gather" && types.values[0].getShape()[0].isLiteral() &&
      types.attrs.getAs<IntegerAttr>("axis").getInt() == 0)
    frame_.limitIds(state.operands[1],
                    types.values[0].getShape()[0].getFactor());
  state.addTypes(*type);
  values_[node.out] = builder_.create(state)->getResult(0);
  return success();
}

/// The row that the node reads of `type`: nothing of ids, for a linear as many
/// axes as its weight has columns, else the last axis.
FailureOr<PackedType> PaddedBuilder::rowType(const Node &node, PaddedType type,
                                             Location loc) {
  ArrayRef<DimAttr> shape = type.getShape();
  int64_t wanted =
      node.op == "linear" ? weight(node.in[1]).getShape().back() : 0;
  size_t axes = node.op == "embedding" || node.op == "to_float" ? 0 : 1;
  int64_t elements = 1;
  SmallVector<int64_t> row;
  auto take = [&] {
    if (row.size() == shape.size() ||
        !shape[shape.size() - row.size() - 1].isLiteral())
      return false;
    row.insert(row.begin(), shape[shape.size() - row.size() - 1].getFactor());
    elements *= row.front();
    return true;
  };
  bool fits = true;
  while (fits && (row.size() < axes || elements < wanted))
    fits = take();
  if (!fits ||
      !(type.getElementType().isF32() || type.getElementType().isInteger(32)))
    return emitError(loc) << "'" << node.op << "': expected "
                          << (wanted
                                  ? "last axes of " + std::to_string(wanted) +
                                        " elements together"
                                  : std::string("a last axis that is a "
                                                "number"))
                          << ", found " << type;
  return PackedType::get(builder_.getStringAttr(kAxes[0]), row,
                         type.getElementType());
}

/// Operands and attributes of the op on one row, whose arguments stand in
/// `block`; the tensors that they are rows of into `inputs`.
LogicalResult PaddedBuilder::gatherRows(const Node &node, Block &block,
                                        OpOperands &types,
                                        OperationState &state,
                                        SmallVectorImpl<Value> &inputs) {
  const OpSchema &schema = *findOpSchema(node.op, /*padded=*/true);
  types.op = node.op;
  for (size_t i = 0; i < node.in.size(); ++i) {
    if (schema.operands[i].param) {
      state.addAttribute(
          schema.operands[i].name,
          FlatSymbolRefAttr::get(builder_.getContext(), node.in[i].substr(1)));
      types.weights.push_back(weight(node.in[i]));
      continue;
    }
    inputs.push_back(operand(node.in[i]));
    FailureOr<PackedType> row = rowType(
        node, cast<PaddedType>(inputs.back().getType()), state.location);
    if (failed(row))
      return failure();
    types.values.push_back(*row);
    state.addOperands(block.addArgument(*row, state.location));
  }
  for (auto &[name, value] : node.attrs) {
    const AttrSchema &attr = *findAttrSchema(schema, name);
    if (name == "heads")
      types.heads = std::get<int64_t>(value);
    if (name == "shape")
      llvm::append_range(types.shape, std::get<std::vector<int64_t>>(value));
    if (attr.inIr)
      addAttribute(attr, value, builder_, state);
  }
  return success();
}

LogicalResult PaddedBuilder::buildSemantic(const Node &node, Location loc) {
  if (!findOpSchema(node.op, /*padded=*/true)->isRowWise())
    return emitError(loc) << "'" << node.op
                          << "' knows sequences and stands in packed entries "
                             "only; this entry has padded inputs";
  OperationState state(loc, "ft." + node.op);
  OpOperands types;
  SmallVector<Value> inputs;
  auto block = std::make_unique<Block>();
  if (failed(gatherRows(node, *block, types, state, inputs)))
    return failure();
  FailureOr<PackedType> row = inferResultType(
      types, [&] { return emitError(loc) << "'" << node.op << "': "; });
  if (failed(row))
    return failure();
  state.addTypes(*row);
  if (node.op == "embedding")
    frame_.limitIds(inputs[0], types.weights[0].getShape()[0]);
  auto first = cast<PaddedType>(inputs[0].getType());
  SmallVector<DimAttr> shape(
      first.getShape().drop_back(types.values[0].getShape().size()));
  for (int64_t extent : row->getShape())
    shape.push_back(DimAttr::literal(builder_.getContext(), extent));
  auto apply = PrimApplyOp::create(
      builder_, loc,
      first.withShape(shape).withElementType(row->getElementType()), inputs);
  values_[node.out] = apply;
  OpBuilder::InsertionGuard guard(builder_);
  apply.getBody().push_back(block.release());
  builder_.setInsertionPointToEnd(&apply.getBody().front());
  Operation *op = builder_.create(state);
  YieldOp::create(builder_, loc, op->getResults());
  return success();
}

LogicalResult PaddedBuilder::build() {
  addArguments();
  for (const Node &node : entry_.nodes) {
    Location loc =
        locationOf(builder_.getContext(), node.out, nodePlace(entry_, node));
    bool primitive = findOpSchema(node.op, /*padded=*/true)->primitive;
    if (failed(primitive ? buildPrimitive(node, loc)
                         : buildSemantic(node, loc)))
      return failure();
  }
  SmallVector<Value> results;
  for (const Output &output : entry_.outputs)
    results.push_back(values_.lookup(output.value));
  frame_.finish(results);
  return success();
}

LogicalResult ft::graph::buildPaddedEntry(const ModelGraph &graph,
                                          const Entry &entry, ModuleOp module,
                                          OpBuilder &builder) {
  return PaddedBuilder(graph, entry, module, builder).build();
}
