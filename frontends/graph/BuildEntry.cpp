//===- BuildEntry.cpp - the ops of an entry, their types inferred ---------===//
#include "frontends/graph/BuildModule.h"
#include "frontends/graph/EntryFrame.h"
#include "frontends/graph/OpSchema.h"
#include "ir/ShapeInference.h"

#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/StringMap.h"

using namespace mlir;
using namespace ft;
using namespace ft::graph;
using namespace ft::ir;

namespace {

bool wantsSequences(const OpSchema &schema) {
  return schema.implicit == Implicit::Sequences ||
         schema.implicit == Implicit::SequencesAndRows;
}

bool wantsRows(const OpSchema &schema) {
  return schema.implicit == Implicit::Rows ||
         schema.implicit == Implicit::SequencesAndRows;
}

/// Builds one entry, node by node, in the order given.
class EntryBuilder {
public:
  EntryBuilder(const ModelGraph &graph, const Entry &entry, ModuleOp module,
               OpBuilder &builder)
      : graph_(graph), entry_(entry), symbols_(module), builder_(builder),
        frame_(entry, builder) {}

  LogicalResult build();

private:
  void addArguments();
  PackedType inputType(const Input &input);
  LogicalResult buildNode(const Node &node);
  LogicalResult countTokens(PatchesOp patches);
  LogicalResult checkImages();
  LogicalResult checkPlaces(EmbeddingOp embedding);
  void gather(const Node &node, const OpSchema &schema, OpOperands &types,
              OperationState &state);
  void addAttributes(const Node &node, const OpSchema &schema,
                     OpOperands &types, OperationState &state);
  void buildScore(const Node &node, Region &region, Location loc);

  StringAttr axis(size_t index) { return builder_.getStringAttr(kAxes[index]); }

  const ModelGraph &graph_;
  const Entry &entry_;
  SymbolTable symbols_;
  OpBuilder &builder_;
  EntryFrame frame_;
  llvm::StringMap<Value> values_;
  Value sequences_, rows_;
};

} // namespace

PackedType EntryBuilder::inputType(const Input &input) {
  Type element = input.dtype == DType::I32 ? Type(builder_.getI32Type())
                                           : Type(builder_.getF32Type());
  bool image = input.role == plan::InputRole::Image;
  return PackedType::get(axis(image ? 1 : 0), input.shape, element);
}

void EntryBuilder::addArguments() {
  for (const std::string &name : entry_.inputs) {
    const Input &input = *graph_.findInput(name);
    if (input.role == plan::InputRole::Mask)
      continue;
    values_[name] =
        frame_.addArgument(inputType(input), name, roleName(input.role));
    if (input.limit)
      frame_.limitIds(values_[name], input.limit);
  }
  MLIRContext *context = builder_.getContext();
  sequences_ = frame_.addArgument(SequencesType::get(context, axis(0), axis(1)),
                                  "", "sequences");
  bool hasRows = llvm::any_of(entry_.nodes, [](const Node &node) {
    return wantsRows(*findOpSchema(node.op, /*padded=*/false));
  });
  if (hasRows)
    rows_ = frame_.addArgument(RowsType::get(context, axis(2), axis(0)), "",
                               "rows");
}

/// Operands of the node into the operation and, as types, into `types`.
void EntryBuilder::gather(const Node &node, const OpSchema &schema,
                          OpOperands &types, OperationState &state) {
  for (size_t i = 0; i < node.in.size(); ++i) {
    const OperandSchema &operand =
        schema.operands[std::min(i, schema.operands.size() - 1)];
    if (operand.param) {
      auto symbol =
          FlatSymbolRefAttr::get(builder_.getContext(), node.in[i].substr(1));
      state.addAttribute(operand.name, symbol);
      types.weights.push_back(
          symbols_.lookup<ParamOp>(symbol.getValue()).getTensorType());
      continue;
    }
    Value value = values_.lookup(node.in[i]);
    state.addOperands(value);
    types.values.push_back(cast<PackedType>(value.getType()));
  }
  if (wantsSequences(schema)) {
    state.addOperands(sequences_);
    types.sequences = cast<SequencesType>(sequences_.getType());
  }
  if (wantsRows(schema)) {
    state.addOperands(rows_);
    types.rows = cast<RowsType>(rows_.getType());
  }
  if (node.op == "attention") {
    int32_t optional = node.in.size() == 3 ? 1 : 0;
    state.addAttribute(
        AttentionOp::getOperandSegmentSizeAttr(),
        builder_.getDenseI32ArrayAttr({1, optional, optional, 1}));
  }
}

void ft::graph::addAttribute(const AttrSchema &attr, const AttrValue &value,
                             Builder &builder, OperationState &state) {
  switch (attr.kind) {
  case AttrKind::Integer:
  case AttrKind::Axis:
  case AttrKind::Offset:
    state.addAttribute(attr.name,
                       builder.getI64IntegerAttr(std::get<int64_t>(value)));
    break;
  case AttrKind::Number:
    state.addAttribute(attr.name,
                       builder.getF64FloatAttr(std::get<double>(value)));
    break;
  case AttrKind::Flag:
    if (std::get<bool>(value))
      state.addAttribute(attr.name, builder.getUnitAttr());
    break;
  case AttrKind::Choice:
    state.addAttribute(attr.name,
                       builder.getStringAttr(std::get<std::string>(value)));
    break;
  case AttrKind::Cache:
    state.addAttribute(attr.name,
                       FlatSymbolRefAttr::get(builder.getContext(),
                                              std::get<std::string>(value)));
    break;
  case AttrKind::Axes:
  case AttrKind::Integers:
    state.addAttribute(attr.name, builder.getDenseI64ArrayAttr(
                                      std::get<std::vector<int64_t>>(value)));
    break;
  case AttrKind::Numbers:
    state.addAttribute(attr.name, builder.getF64ArrayAttr(
                                      std::get<std::vector<double>>(value)));
    break;
  case AttrKind::Extent:
  case AttrKind::Shape:
  case AttrKind::AnyShape:
    break; // in the result's type
  }
}

void EntryBuilder::addAttributes(const Node &node, const OpSchema &schema,
                                 OpOperands &types, OperationState &state) {
  types.axis = axis(0);
  for (auto &[name, value] : node.attrs) {
    const AttrSchema &attr = *findAttrSchema(schema, name);
    if (name == "heads")
      types.heads = std::get<int64_t>(value);
    if (name == "patch")
      llvm::append_range(types.patch, std::get<std::vector<int64_t>>(value));
    if (name == "shape")
      llvm::append_range(types.shape, std::get<std::vector<int64_t>>(value));
    if (name == "axis")
      types.axis = builder_.getStringAttr(std::get<std::string>(value));
    if (!attr.inIr)
      continue;
    if (attr.kind == AttrKind::Cache)
      types.cache = symbols_.lookup<CacheOp>(std::get<std::string>(value));
    addAttribute(attr, value, builder_, state);
  }
}

void EntryBuilder::buildScore(const Node &node, Region &region, Location loc) {
  if (node.score.empty())
    return;
  OpBuilder::InsertionGuard guard(builder_);
  Type f32 = builder_.getF32Type();
  Block *block = builder_.createBlock(&region, {}, {f32, f32, f32, f32},
                                      {loc, loc, loc, loc});
  SmallVector<Value> results;
  for (const ScoreInst &inst : node.score) {
    SmallVector<Value> args;
    for (const ScoreArg &arg : inst.args) {
      if (arg.kind == ScoreArg::Kind::Number)
        args.push_back(ScoreConstOp::create(
            builder_, loc, f32, builder_.getF64FloatAttr(arg.number)));
      else if (arg.kind == ScoreArg::Kind::Result)
        args.push_back(results[arg.result]);
      else
        args.push_back(block->getArgument(unsigned(arg.kind)));
    }
    if (inst.op == "table")
      results.push_back(ScoreTableOp::create(
          builder_, loc, f32,
          FlatSymbolRefAttr::get(builder_.getContext(), inst.table), args));
    else
      results.push_back(ScoreOp::create(builder_, loc, f32,
                                        builder_.getStringAttr(inst.op), args));
  }
  YieldOp::create(builder_, loc, ValueRange(results.back()));
}

LogicalResult EntryBuilder::buildNode(const Node &node) {
  const OpSchema &schema = *findOpSchema(node.op, /*padded=*/false);
  Location loc =
      locationOf(builder_.getContext(), node.out.empty() ? node.op : node.out,
                 nodePlace(entry_, node));
  OperationState state(loc, "ft." + node.op);
  OpOperands types;
  types.op = node.op;
  gather(node, schema, types, state);
  addAttributes(node, schema, types, state);
  if (schema.hasResult) {
    FailureOr<PackedType> type = inferResultType(
        types, [&] { return emitError(loc) << "'" << node.op << "': "; });
    if (failed(type))
      return failure();
    state.addTypes(*type);
  }
  if (schema.hasScore)
    state.addRegion();
  if (node.op == "embedding")
    frame_.limitIds(state.operands[0], types.weights[0].getShape()[0]);
  Operation *op = builder_.create(state);
  if (schema.hasResult)
    values_[node.out] = op->getResult(0);
  if (auto patches = dyn_cast<PatchesOp>(op))
    return countTokens(patches);
  if (schema.hasScore)
    buildScore(node, op->getRegion(0), loc);
  return success();
}

/// All images of an entry make as many tokens, its sequences.
LogicalResult EntryBuilder::countTokens(PatchesOp patches) {
  int64_t tokens = patches.getTokens();
  for (const std::string &name : entry_.inputs)
    if (graph_.findInput(name)->role == plan::InputRole::Image)
      if (int64_t known = frame_.makeTokens(values_[name], tokens);
          known != tokens)
        return patches.emitError()
               << "'patches': makes " << tokens
               << " tokens of an image, other patches of the entry make "
               << known;
  return success();
}

LogicalResult EntryBuilder::checkImages() {
  for (const std::string &name : entry_.inputs)
    if (graph_.findInput(name)->role == plan::InputRole::Image &&
        !frame_.makeTokens(values_[name], 0))
      return frame_.op()->emitError()
             << "no 'patches' say how many tokens the image '" << name
             << "' makes";
  WalkResult walk = frame_.op().walk([&](EmbeddingOp embedding) {
    return succeeded(checkPlaces(embedding)) ? WalkResult::advance()
                                             : WalkResult::interrupt();
  });
  return failure(walk.wasInterrupted());
}

/// Positions of images are known: a table that is too short is an error here,
/// not where it is read.
LogicalResult EntryBuilder::checkPlaces(EmbeddingOp embedding) {
  auto positions = embedding.getIds().getDefiningOp<PositionsOp>();
  int64_t tokens = 0;
  for (const std::string &name : entry_.inputs)
    if (graph_.findInput(name)->role == plan::InputRole::Image)
      tokens = frame_.makeTokens(values_[name], 0);
  if (!positions || !tokens)
    return success();
  int64_t last = tokens - 1 + int64_t(positions.getOffset());
  if (positions.getMost())
    last = std::min(last, int64_t(*positions.getMost()));
  int64_t rows = symbols_.lookup<ParamOp>(embedding.getTable())
                     .getTensorType()
                     .getDimSize(0);
  if (last < rows)
    return success();
  return embedding.emitError()
         << "'embedding': positions of an image go up to " << last << ", but @"
         << embedding.getTable() << " has " << rows << " rows";
}

LogicalResult EntryBuilder::build() {
  for (const std::string &name : entry_.inputs)
    if (graph_.findInput(name)->role == plan::InputRole::Mask)
      frame_.op()->setAttr("ft.mask", builder_.getStringAttr(name));
  addArguments();
  for (const Node &node : entry_.nodes)
    if (failed(buildNode(node)))
      return failure();
  if (failed(checkImages()))
    return failure();
  SmallVector<Value> results;
  for (const Output &output : entry_.outputs)
    results.push_back(values_.lookup(output.value));
  frame_.finish(results);
  return success();
}

LogicalResult ft::graph::buildEntry(const ModelGraph &graph, const Entry &entry,
                                    ModuleOp module, OpBuilder &builder) {
  if (entry.padded)
    return buildPaddedEntry(graph, entry, module, builder);
  return EntryBuilder(graph, entry, module, builder).build();
}
