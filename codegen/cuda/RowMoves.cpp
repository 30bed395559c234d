//===- RowMoves.cpp - CUDA text of row ops that need others' elements -----===//
#include "codegen/cuda/OpText.h"
#include "codegen/cuda/RowSegment.h"

using namespace mlir;
using namespace ft;
using namespace ft::codegen;

std::string RowSegmentPrinter::inputPointer(BlockArgument argument) {
  unsigned number = argument.getArgNumber();
  Placement place = placementOf(fused_.getInputs()[number]);
  auto type = cast<ir::PackedType>(argument.getType());
  std::string name = "in" + std::to_string(number);
  params_.add(("const " + typeText(type.getElementType()) + " *").str(), name,
              params_.in(number));
  params_.add("i64", name + "Stride", params_.i64(place.rowStride));
  return name + "[row * " + name + "Stride + ";
}

/// The i32s of the row as numbers.
FailureOr<RowSegmentPrinter::Held> RowSegmentPrinter::toFloat(ir::ToFloatOp op,
                                                              View view) {
  if (op.getType().getRowElements() > 1)
    return toFloats(op, view);
  FailureOr<Held> held = index(op.getInput());
  if (failed(held))
    return failure();
  std::string name = fresh(View::Own);
  out_.line("const float " + name + " = float(" + held->name + ");");
  return Held{name, Kind::Number};
}

/// Each element of the line, or the one number of its group.
FailureOr<RowSegmentPrinter::Held> RowSegmentPrinter::toFloats(ir::ToFloatOp op,
                                                               View view) {
  auto argument = dyn_cast<BlockArgument>(op.getInput());
  if (!argument)
    return op->emitError("row program: several integers of a row must be an "
                         "input of the fused op");
  ir::PackedType type = op.getType();
  bool number = type.getLastDim() == 1 && segment_.last > 1;
  std::string place = groupOffset(type);
  if (!number)
    place += " + " + lineName(view) + ".index(e)";
  std::string element =
      "float(" + inputPointer(argument) + place.substr(3) + "])";
  std::string name = fresh(number ? View::Own : view);
  if (number) {
    out_.line("const float " + name + " = " + element + ";");
    return Held{name, Kind::Number};
  }
  out_.line("float " + name + "[L::kElements];");
  out_.eachElement("L::kElements", name + "[e] = " + lineName(view) +
                                       ".inside(e) ? " + element + " : 0.0f;");
  return Held{name, Kind::Elements};
}

/// Element e of the line, from where `op` says in its input's row.
std::string RowSegmentPrinter::placeOf(ir::RearrangeOp op) {
  ArrayRef<int64_t> shape = op.getType().getShape();
  std::string place = std::to_string(op.getOffset());
  int64_t inner = 1; // groups within one step of the extent
  for (size_t d = shape.size(); d-- > 0;) {
    std::string stride = " * " + std::to_string(op.getStrides()[d]);
    if (d + 1 == shape.size()) {
      place += " + line.index(e)" + stride;
      continue;
    }
    place += " + group / " + std::to_string(inner) + " % " +
             std::to_string(shape[d]) + stride;
    inner *= shape[d];
  }
  return place;
}

/// Likewise, from the operand that covers the place.
std::string RowSegmentPrinter::elementOf(ir::ConcatOp op) {
  std::string text;
  int64_t start = 0;
  for (Value operand : op->getOperands()) {
    int64_t last = cast<ir::PackedType>(operand.getType()).getLastDim();
    std::string element = "ft::toFloat(" +
                          inputPointer(cast<BlockArgument>(operand)) +
                          "group * " + std::to_string(last) +
                          " + line.index(e) - " + std::to_string(start) + "])";
    start += last;
    text += start == segment_.last
                ? element
                : "line.index(e) < " + std::to_string(start) + " ? " + element +
                      " : ";
  }
  return text;
}

/// Elements from anywhere in the rows of the fused op's inputs.
FailureOr<RowSegmentPrinter::Held> RowSegmentPrinter::move(Operation *op) {
  for (Value operand : op->getOperands())
    if (!isa<BlockArgument>(operand))
      return op->emitError("row program: moved elements must be those of an "
                           "input of the fused op");
  auto rearrange = dyn_cast<ir::RearrangeOp>(op);
  std::string text =
      rearrange ? "ft::toFloat(" +
                      inputPointer(cast<BlockArgument>(rearrange.getInput())) +
                      placeOf(rearrange) + "])"
                : elementOf(cast<ir::ConcatOp>(op));
  std::string name = fresh(View::Own);
  out_.comment(op->getName().stripDialect());
  out_.line("float " + name + "[L::kElements];");
  out_.eachElement("L::kElements",
                   name + "[e] = line.inside(e) ? " + text + " : 0.0f;");
  return Held{name, Kind::Elements};
}

/// Each element needs those before it, which other threads hold.
FailureOr<RowSegmentPrinter::Held> RowSegmentPrinter::cumsum(ir::CumsumOp op,
                                                             View view) {
  if (view == View::Partner)
    return op->emitError("row program: rope of a cumsum");
  FailureOr<Held> operand = value(op.getInput(), view);
  if (failed(operand))
    return failure();
  if (operand->kind != Kind::Elements) // a line of one element
    return operand;
  std::string name = fresh(view);
  out_.comment("cumsum");
  out_.line("float " + name + "[L::kElements];");
  out_.line("row::cumsum(" + name + ", line, " + operand->name + ");");
  return Held{name, Kind::Elements};
}
