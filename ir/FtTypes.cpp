//===- FtTypes.cpp - types of the ft dialect ------------------------------===//
#include "ir/Ft.h"

#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/TypeSwitch.h"

#include <functional>
#include <numeric>

using namespace mlir;
using namespace ft::ir;

#define GET_TYPEDEF_CLASSES
#include "ir/FtTypes.cpp.inc"

void FtDialect::registerTypes() {
  addTypes<
#define GET_TYPEDEF_LIST
#include "ir/FtTypes.cpp.inc"
      >();
}

int64_t PackedType::getRowElements() const {
  return std::accumulate(getShape().begin(), getShape().end(), int64_t(1),
                         std::multiplies<int64_t>());
}

int64_t PackedType::getLastDim() const {
  return getShape().empty() ? 1 : getShape().back();
}

PackedType PackedType::withShape(ArrayRef<int64_t> shape) const {
  return get(getAxis(), shape, getElementType());
}

PackedType PackedType::withElementType(Type type) const {
  return get(getAxis(), getShape(), type);
}

PackedType PackedType::withAxis(StringAttr axis) const {
  return get(axis, getShape(), getElementType());
}

LogicalResult PackedType::verify(function_ref<InFlightDiagnostic()> emitError,
                                 StringAttr axis, ArrayRef<int64_t> shape,
                                 Type elementType) {
  for (int64_t extent : shape)
    if (extent <= 0)
      return emitError() << "packed_c1: extents must be positive, found "
                         << extent;
  if (!elementType.isF32() && !elementType.isF16() && !elementType.isBF16() &&
      !elementType.isInteger(32))
    return emitError() << "packed_c2: element type must be f32, f16, bf16 or "
                          "i32, found "
                       << elementType;
  return success();
}

/// Reads a bare axis name.
static StringAttr parseAxis(AsmParser &parser) {
  StringRef name;
  if (parser.parseKeyword(&name))
    return nullptr;
  return StringAttr::get(parser.getContext(), name);
}

// !ft.packed<tokens, 32x128xbf16>
Type PackedType::parse(AsmParser &parser) {
  SMLoc loc = parser.getCurrentLocation();
  SmallVector<int64_t> shape;
  Type elementType;
  if (parser.parseLess())
    return nullptr;
  StringAttr axis = parseAxis(parser);
  if (!axis || parser.parseComma() ||
      parser.parseDimensionList(shape, /*allowDynamic=*/false) ||
      parser.parseType(elementType) || parser.parseGreater())
    return nullptr;
  return parser.getChecked<PackedType>(loc, parser.getContext(), axis, shape,
                                       elementType);
}

void PackedType::print(AsmPrinter &printer) const {
  printer << "<" << getAxis().getValue() << ", ";
  for (int64_t extent : getShape())
    printer << extent << "x";
  printer << getElementType() << ">";
}

/// Reads `<a, b>`; both sequences and rows types are pairs of axes.
static ParseResult parseAxisPair(AsmParser &parser, StringAttr &a,
                                 StringAttr &b) {
  if (parser.parseLess() || !(a = parseAxis(parser)) || parser.parseComma() ||
      !(b = parseAxis(parser)) || parser.parseGreater())
    return failure();
  return success();
}

Type SequencesType::parse(AsmParser &parser) {
  StringAttr tokens, sequences;
  if (parseAxisPair(parser, tokens, sequences))
    return nullptr;
  return get(parser.getContext(), tokens, sequences);
}

void SequencesType::print(AsmPrinter &printer) const {
  printer << "<" << getTokens().getValue() << ", " << getSequences().getValue()
          << ">";
}

Type RowsType::parse(AsmParser &parser) {
  StringAttr rows, tokens;
  if (parseAxisPair(parser, rows, tokens))
    return nullptr;
  return get(parser.getContext(), rows, tokens);
}

void RowsType::print(AsmPrinter &printer) const {
  printer << "<" << getRows().getValue() << ", " << getTokens().getValue()
          << ">";
}
