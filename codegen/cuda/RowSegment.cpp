//===- RowSegment.cpp - CUDA text of one segment of a row op --------------===//
#include "codegen/cuda/RowSegment.h"

#include "codegen/cuda/OpText.h"

using namespace mlir;
using namespace ft;
using namespace ft::codegen;

std::string RowSegmentPrinter::fresh(View view) {
  return (view == View::Own ? "v" : "p") + std::to_string(count_++);
}

/// Weights are numbered by first use, never named, so that texts are shared.
std::string RowSegmentPrinter::weightParam(FlatSymbolRefAttr symbol) {
  ir::ParamOp param = ir::lookupParam(fused_, symbol);
  StringRef type = typeText(param.getTensorType().getElementType());
  return params_.addNumbered(("const " + type + " *").str(), "weight",
                             params_.weight(symbol));
}

/// `+ group * last`, or nothing for a value that all groups share.
std::string RowSegmentPrinter::groupOffset(ir::PackedType type) {
  bool shared = type.getRowElements() == type.getLastDim();
  if (shared)
    return "";
  return " + group * " + std::to_string(type.getLastDim());
}

RowSegmentPrinter::Held RowSegmentPrinter::load(ir::PackedType type,
                                                const std::string &pointer,
                                                View view, CudaPrinter &out) {
  if (type.getLastDim() == 1 && segment_.last > 1) {
    std::string name = fresh(View::Own);
    out.line("const float " + name + " = toFloat(*(" + pointer + "));");
    return {name, Kind::Number};
  }
  std::string name = fresh(view);
  out.line("float " + name + "[L::kElements];");
  out.line(lineName(view) + ".load(" + name + ", " + pointer + ");");
  return {name, Kind::Elements};
}

FailureOr<RowSegmentPrinter::Held>
RowSegmentPrinter::argument(BlockArgument argument, View view) {
  unsigned number = argument.getArgNumber();
  auto type = cast<ir::PackedType>(argument.getType());
  Placement place = placementOf(fused_.getInputs()[number]);
  std::string name = "in" + std::to_string(number);
  StringRef element = typeText(type.getElementType());
  params_.add(("const " + element + " *").str(), name, params_.in(number));
  params_.add("i64", name + "Stride", params_.i64(place.rowStride));
  return load(type, name + " + row * " + name + "Stride" + groupOffset(type),
              view);
}

/// Row `row` of what `op` reads, straight from memory.
FailureOr<RowSegmentPrinter::Held>
RowSegmentPrinter::gather(Operation *op, const std::string &row, View view) {
  auto source = dyn_cast<BlockArgument>(op->getOperand(0));
  if (!source)
    return op->emitError("row program: ")
           << op->getName().stripDialect()
           << " must be the first op of its fused op";
  unsigned number = source.getArgNumber();
  auto type = cast<ir::PackedType>(source.getType());
  Placement place = placementOf(fused_.getInputs()[number]);
  std::string name = "in" + std::to_string(number);
  StringRef element = typeText(type.getElementType());
  params_.add(("const " + element + " *").str(), name, params_.in(number));
  params_.add("i64", name + "Stride", params_.i64(place.rowStride));
  return load(type,
              name + " + " + row + " * " + name + "Stride" + groupOffset(type),
              view);
}

/// A row of the batch's wanted rows.
FailureOr<RowSegmentPrinter::Held> RowSegmentPrinter::gather(ir::RowsOp op,
                                                             View view) {
  std::string rows = params_.add("const int *", "rows", params_.batch("rows"));
  std::string &wanted = gathered_[rows];
  if (wanted.empty()) {
    wanted = "wanted";
    ahead_.line("const i64 " + wanted + " = " + rows + "[row];");
  }
  return gather(op.getOperation(), wanted, view);
}

/// The first or last row of the sequence, or one so many behind or before it;
/// zeros where it has none.
FailureOr<RowSegmentPrinter::Held>
RowSegmentPrinter::oneOfSequence(ir::SegmentReduceOp op, View view) {
  int sequences = int(inputOf(op.getSequences()));
  std::string from = "cuTokens" + std::to_string(sequences);
  params_.add("const int *", from, params_.batch("cu_tokens", sequences));
  bool first = op.getKind() == "first";
  auto index = int64_t(op.getIndex());
  std::string &token =
      gathered_[from + op.getKind().str() + std::to_string(index)];
  if (token.empty()) {
    token = "token" + std::to_string(count_++);
    ahead_.line("const int " + token + " = " + from +
                (first ? "[row]" + (index ? " + " + std::to_string(index) : "")
                       : "[row + 1] - " + std::to_string(index + 1)) +
                ";");
    ahead_.line(
        "const bool " + token + "Is = " + token +
        (first ? " < " + from + "[row + 1];" : " >= " + from + "[row];"));
  }
  std::string is = token + "Is";
  FailureOr<Held> held =
      gather(op.getOperation(), "i64(" + is + " ? " + token + " : 0)", view);
  if (failed(held))
    return failure();
  return keepIf(is, *held);
}

/// `held`, or zeros.
RowSegmentPrinter::Held RowSegmentPrinter::keepIf(const std::string &condition,
                                                  Held held) {
  if (held.kind == Kind::Elements) {
    out_.eachElement("L::kElements", held.name + "[e] = " + condition + " ? " +
                                         held.name + "[e] : 0.0f;");
    return held;
  }
  std::string name = fresh(View::Own);
  out_.line("const float " + name + " = " + condition + " ? " + held.name +
            " : 0.0f;");
  return {name, Kind::Number};
}

std::string RowSegmentPrinter::position(Value sequences) {
  std::string operand = std::to_string(inputOf(sequences));
  std::string &name = positions_[operand];
  if (name.empty()) {
    name = "position" + operand;
    params_.add("const int *", "positions" + operand,
                params_.batch("positions", int(inputOf(sequences))));
    ahead_.line("const int " + name + " = positions" + operand + "[row];");
  }
  return name;
}

/// An i32 number of the row: an input's, or a position.
FailureOr<RowSegmentPrinter::Held> RowSegmentPrinter::index(Value value) {
  if (auto positions = value.getDefiningOp<ir::PositionsOp>()) {
    std::string text = position(positions.getSequences());
    if (positions.getOffset() != 0)
      text = "(" + text + " + " + std::to_string(positions.getOffset()) + ")";
    if (positions.getMost())
      text = "min(" + text + ", " + std::to_string(*positions.getMost()) + ")";
    return Held{text, Kind::Index};
  }
  auto argument = dyn_cast<BlockArgument>(value);
  if (!argument)
    return fused_.emitError("row program: an index is neither an input nor a "
                            "position");
  unsigned number = argument.getArgNumber();
  std::string name = "in" + std::to_string(number);
  params_.add("const int *", name, params_.in(number));
  return Held{name + "[row]", Kind::Index};
}

FailureOr<RowSegmentPrinter::Held>
RowSegmentPrinter::embedding(ir::EmbeddingOp op, View view) {
  FailureOr<Held> id = index(op.getIds());
  if (failed(id))
    return failure();
  auto type = op.getType();
  std::string table = weightParam(op.getTableAttr());
  if (!op.getFirstAttr())
    return load(type,
                table + " + i64(" + id->name + ") * " +
                    std::to_string(type.getRowElements()) + groupOffset(type),
                view);
  // A range of the table: the row that another rank holds is zeros here.
  std::string row = fresh(View::Own), mine = fresh(View::Own);
  ir::ParamOp param = ir::lookupParam(fused_, op.getTableAttr());
  out_.line("const int " + row + " = " + id->name + " - int(*" +
            weightParam(op.getFirstAttr()) + ");");
  out_.line("const bool " + mine + " = " + row + " >= 0 && " + row + " < " +
            std::to_string(param.getTensorType().getDimSize(0)) + ";");
  Held held =
      load(type,
           table + " + i64(" + mine + " ? " + row + " : 0) * " +
               std::to_string(type.getRowElements()) + groupOffset(type),
           view);
  return keepIf(mine, held);
}

/// A weight of the row's last extent.
RowSegmentPrinter::Held
RowSegmentPrinter::vectorWeight(FlatSymbolRefAttr symbol, View view) {
  std::string name = fresh(view), from = weightParam(symbol);
  CudaPrinter &out = staged_ ? out_ : weightText(view);
  if (staged_) {
    ir::ParamOp param = ir::lookupParam(fused_, symbol);
    StringRef type = typeText(param.getTensorType().getElementType());
    StagedWeight weight{from + "Staged", from, type.str()};
    if (llvm::none_of(*staged_, [&](const StagedWeight &known) {
          return known.parameter == from;
        }))
      staged_->push_back(weight);
    from = weight.name + ".element";
  }
  out.line("float " + name + "[L::kElements];");
  out.line(lineName(view) + ".load(" + name + ", " + from + ");");
  return {name, Kind::Elements};
}

FailureOr<RowSegmentPrinter::Held> RowSegmentPrinter::weight(ir::BroadcastOp op,
                                                             View view) {
  ir::ParamOp param = ir::lookupParam(fused_, op.getWeightAttr());
  int64_t elements = param.getTensorType().getNumElements();
  int64_t last = segment_.last;
  if (elements == 1 && last > 1) {
    std::string name = fresh(View::Own);
    ahead_.line("const float " + name + " = toFloat(*" +
                weightParam(op.getWeightAttr()) + ");");
    return Held{name, Kind::Number};
  }
  // One column is a number for each line.
  int64_t columns = op.getType().getLastDim();
  if (elements == last && columns == last)
    return vectorWeight(op.getWeightAttr(), view);
  int64_t groups = elements / columns;
  std::string group =
      groups == segment_.groups ? "group" : "group % " + std::to_string(groups);
  std::string pointer = weightParam(op.getWeightAttr()) + " + " + group +
                        " * " + std::to_string(columns);
  return load(op.getType(), pointer, view, weightText(view));
}

RowSegmentPrinter::Held RowSegmentPrinter::declare(Operation *op, View view,
                                                   const std::string &element) {
  std::string name = fresh(view);
  out_.comment(op->getName().stripDialect());
  out_.line("float " + name + "[L::kElements];");
  out_.eachElement("L::kElements", name + "[e] = " + element + ";");
  return {name, Kind::Elements};
}

FailureOr<RowSegmentPrinter::Held> RowSegmentPrinter::elementwise(Operation *op,
                                                                  View view) {
  SmallVector<std::string> operands;
  bool numbers = true;
  for (Value operand : op->getOperands()) {
    FailureOr<Held> held = value(operand, view);
    if (failed(held))
      return failure();
    numbers &= held->kind != Kind::Elements;
    operands.push_back(held->element());
  }
  std::optional<std::string> text = elementText(op, operands);
  if (!text)
    return op->emitError("row program: no device text for this op");
  if (!numbers)
    return declare(op, view, *text);
  std::string name = fresh(View::Own);
  out_.comment(op->getName().stripDialect());
  out_.line("const float " + name + " = " + *text + ";");
  return Held{name, Kind::Number};
}

/// Norms, softmax and reductions. Their numbers belong to the line, so the
/// partner view shares those of the thread's own.
FailureOr<RowSegmentPrinter::Held> RowSegmentPrinter::lineWise(Operation *op,
                                                               View view) {
  const LineOp *text = lineOp(op);
  FailureOr<Held> own = value(op->getOperand(0), View::Own);
  if (failed(own))
    return failure();
  if (own->kind != Kind::Elements)
    return op->emitError("row program: reduces a line of one number");
  std::string &prefix = numbers_[op];
  bool first = prefix.empty();
  if (first)
    prefix = "n" + std::to_string(count_++);
  SmallVector<std::pair<std::string, std::string>> values{{"0", own->name}};
  if (auto eps = op->getAttrOfType<FloatAttr>("eps"))
    values.push_back({"eps", floatLiteral(eps.getValueAsDouble())});
  if (first)
    out_.comment(op->getName().stripDialect());
  for (const LineNumber &number : text->numbers) {
    std::string name = prefix + number.name.str();
    if (first)
      out_.line("const float " + name + " = " +
                substitute(number.text, values) + ";");
    values.push_back({number.name.str(), name});
  }
  if (text->element.empty())
    return Held{values.back().second, Kind::Number};
  FailureOr<Held> operand = value(op->getOperand(0), view);
  if (failed(operand))
    return failure();
  values.front().second = operand->element();
  std::string element = text->element.str();
  if (auto weight = op->getAttrOfType<FlatSymbolRefAttr>("weight"))
    values.push_back({"w", vectorWeight(weight, view).element()});
  if (auto bias = op->getAttrOfType<FlatSymbolRefAttr>("bias"))
    values.push_back({"b", vectorWeight(bias, view).element()});
  else if (StringRef(element).ends_with(" + $b"))
    element.resize(element.size() - StringRef(" + $b").size());
  std::string name = fresh(view);
  out_.line("float " + name + "[L::kElements];");
  out_.eachElement("L::kElements",
                   name + "[e] = " + substitute(element, values) + ";");
  return Held{name, Kind::Elements};
}

/// The rotation needs each element's partner: the input is made a second time,
/// seen from the partner's place. Loads of it hit the cache.
FailureOr<RowSegmentPrinter::Held> RowSegmentPrinter::rope(ir::RopeOp op,
                                                           View view) {
  if (view == View::Partner)
    return op.emitError("row program: rope of a rope");
  auto table = ir::lookupParam(fused_, op.getTableAttr());
  int64_t dims = table.getTensorType().getDimSize(1);
  std::string shape = std::to_string(dims / 2) + ", " +
                      (op.getInterleaved() ? "true" : "false");
  FailureOr<Held> own = value(op.getInput(), View::Own);
  if (failed(own))
    return failure();
  out_.comment("rope, pairs " +
               llvm::Twine(op.getInterleaved() ? "interleaved" : "half apart"));
  if (pairShape_.empty())
    out_.line("const row::Partner<L, " + shape + ", " +
              std::to_string(segment_.vector) + "> pair{line};");
  else if (pairShape_ != shape)
    return op.emitError("row program: ropes of two shapes share values");
  pairShape_ = shape;
  FailureOr<Held> pair = value(op.getInput(), View::Partner);
  if (failed(pair))
    return failure();
  std::string at = position(op.getSequences());
  std::string name = fresh(View::Own);
  out_.line("float " + name + "[L::kElements];");
  out_.line("row::rope<" + shape + ">(" + name + ", line, " + own->name + ", " +
            pair->name + ", " + weightParam(op.getTableAttr()) + " + i64(" +
            at + ") * " + std::to_string(dims) + ");");
  return Held{name, Kind::Elements};
}

FailureOr<RowSegmentPrinter::Held> RowSegmentPrinter::operation(Operation *op,
                                                                View view) {
  if (auto broadcast = dyn_cast<ir::BroadcastOp>(op))
    return weight(broadcast, view);
  if (auto lookup = dyn_cast<ir::EmbeddingOp>(op))
    return embedding(lookup, view);
  if (auto rows = dyn_cast<ir::RowsOp>(op))
    return gather(rows, view);
  if (auto reduce = dyn_cast<ir::SegmentReduceOp>(op))
    return oneOfSequence(reduce, view);
  if (auto rotation = dyn_cast<ir::RopeOp>(op))
    return rope(rotation, view);
  if (auto number = dyn_cast<ir::ToFloatOp>(op))
    return toFloat(number, view);
  if (isa<ir::RearrangeOp, ir::ConcatOp>(op))
    return move(op);
  if (auto running = dyn_cast<ir::CumsumOp>(op))
    return cumsum(running, view);
  if (lineOp(op))
    return lineWise(op, view);
  return elementwise(op, view);
}

FailureOr<RowSegmentPrinter::Held> RowSegmentPrinter::value(Value value,
                                                            View view) {
  Key key{value.getAsOpaquePointer(), view};
  auto it = held_.find(key);
  if (it != held_.end())
    return it->second;
  FailureOr<Held> held = value.getDefiningOp()
                             ? operation(value.getDefiningOp(), view)
                             : argument(cast<BlockArgument>(value), view);
  if (failed(held))
    return failure();
  held_[key] = *held;
  return held;
}

//===----------------------------------------------------------------------===//
// Stores
//===----------------------------------------------------------------------===//

/// The address of the token's row in a cache plane.
std::string RowSegmentPrinter::cacheRow(const RowSink &sink) {
  ir::CacheAppendOp append = sink.append;
  ir::CacheOp cache = ir::lookupCache(fused_, append.getCacheAttr());
  auto plane = cast<ir::PlaneAttr>(cache.getPlanes()[sink.number]);
  int operand = int(inputOf(append.getSequences()));
  std::string number = std::to_string(operand);
  std::string at = position(append.getSequences());
  params_.add(("const int *"), "sequenceIds" + number,
              params_.batch("sequence_ids", operand));
  params_.add("const int *", "pageTable" + number,
              params_.batch("page_table", operand));
  params_.add("int", "pageColumns", params_.pageCount());
  std::string name = params_.addNumbered(
      (typeText(plane.getElementType()) + " *").str(), "plane",
      params_.cache(append.getCacheAttr(), append.getLayer(), sink.number));
  std::string size = std::to_string(cache.getPageSize());
  std::string cell = "cell" + std::to_string(sink.number);
  ahead_.comment("cache_append: the token's place in its page");
  ahead_.line("const i64 " + cell + " = pageTable" + number +
              "[i64(sequenceIds" + number + "[row]) * pageColumns + " + at +
              " / " + size + "] * i64(" + size + ") + " + at + " % " + size +
              ";");
  return name + " + " + cell + " * " +
         std::to_string(segment_.groups * segment_.last);
}

LogicalResult RowSegmentPrinter::store(const RowSink &sink) {
  auto type = cast<ir::PackedType>(sink.value.getType());
  bool isIndex = type.getElementType().isInteger(32);
  FailureOr<Held> held =
      isIndex ? index(sink.value) : value(sink.value, View::Own);
  if (failed(held))
    return failure();
  std::string pointer;
  if (sink.append) {
    pointer = cacheRow(sink) + groupOffset(type);
  } else {
    Value result = fused_.getResult(sink.number);
    std::string name = "out" + std::to_string(sink.number);
    auto stored = cast<ir::PackedType>(result.getType());
    params_.add((typeText(stored.getElementType()) + " *").str(), name,
                params_.out(sink.number));
    params_.add("i64", name + "Stride",
                params_.i64(placementOf(result).rowStride));
    pointer = name + " + row * " + name + "Stride" + groupOffset(stored);
  }
  if (held->kind == Kind::Elements) {
    out_.line("line.store(" + pointer + ", " + held->name + ");");
    return success();
  }
  std::string element = isIndex ? "int" : typeText(type.getElementType()).str();
  std::string number =
      isIndex ? held->name : "fromFloat<" + element + ">(" + held->name + ")";
  out_.line("if (line.first == 0)");
  out_.line("  *(" + pointer + ") = " + number + ";");
  return success();
}

LogicalResult RowSegmentPrinter::run() {
  for (const RowSink &sink : segment_.sinks)
    if (failed(store(sink)))
      return failure();
  return success();
}
