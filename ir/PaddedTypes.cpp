//===- PaddedTypes.cpp - extents with symbols, padded tensors -------------===//
#include "ir/Ft.h"

#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/MathExtras.h"

#include <limits>

using namespace mlir;
using namespace ft::ir;

//===----------------------------------------------------------------------===//
// Extents
//===----------------------------------------------------------------------===//

static bool byName(StringAttr a, StringAttr b) {
  return a.getValue() < b.getValue();
}

DimAttr DimAttr::literal(MLIRContext *context, int64_t extent) {
  return get(context, extent, {});
}

DimAttr DimAttr::symbol(StringAttr name) {
  return get(name.getContext(), 1, {name});
}

LogicalResult DimAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                              int64_t factor, ArrayRef<StringAttr> symbols) {
  if (factor < 1)
    return emitError() << "padded_c1: extents must be positive, found "
                       << factor;
  if (!llvm::is_sorted(symbols, byName))
    return emitError() << "padded_c1: symbols must be in alphabetical order";
  return success();
}

DimAttr DimAttr::operator*(DimAttr other) const {
  int64_t factor;
  if (llvm::MulOverflow(getFactor(), other.getFactor(), factor))
    factor = std::numeric_limits<int64_t>::max();
  SmallVector<StringAttr> symbols(getSymbols());
  llvm::append_range(symbols, other.getSymbols());
  llvm::sort(symbols, byName);
  return get(getContext(), factor, symbols);
}

DimAttr DimAttr::dividedBy(DimAttr divisor) const {
  if (getFactor() % divisor.getFactor())
    return nullptr;
  SmallVector<StringAttr> symbols(getSymbols());
  for (StringAttr name : divisor.getSymbols()) {
    auto found = llvm::find(symbols, name);
    if (found == symbols.end())
      return nullptr;
    symbols.erase(found);
  }
  return get(getContext(), getFactor() / divisor.getFactor(), symbols);
}

std::string DimAttr::str() const {
  std::string text;
  if (getFactor() != 1 || isLiteral())
    text = std::to_string(getFactor());
  for (StringAttr name : getSymbols())
    text += (text.empty() ? "" : "*") + name.str();
  return text;
}

FailureOr<DimAttr> DimAttr::parseDim(AsmParser &parser) {
  SMLoc loc = parser.getCurrentLocation();
  MLIRContext *context = parser.getContext();
  DimAttr dim = literal(context, 1);
  do {
    int64_t factor = 1;
    StringRef name;
    OptionalParseResult number = parser.parseOptionalInteger(factor);
    if (number.has_value() && failed(*number))
      return failure();
    if (number.has_value() && factor < 1)
      return parser.emitError(loc)
             << "padded_c1: extents must be positive, found " << factor;
    if (!number.has_value() && parser.parseKeyword(&name))
      return failure();
    dim = dim * (number.has_value() ? literal(context, factor)
                                    : symbol(StringAttr::get(context, name)));
  } while (succeeded(parser.parseOptionalStar()));
  return dim;
}

// #ft.dim<12*batch>
Attribute DimAttr::parse(AsmParser &parser, Type) {
  if (parser.parseLess())
    return nullptr;
  FailureOr<DimAttr> dim = parseDim(parser);
  if (failed(dim) || parser.parseGreater())
    return nullptr;
  return *dim;
}

void DimAttr::print(AsmPrinter &printer) const {
  printer << "<" << str() << ">";
}

//===----------------------------------------------------------------------===//
// Tensors
//===----------------------------------------------------------------------===//

LogicalResult PaddedType::verify(function_ref<InFlightDiagnostic()> emitError,
                                 ArrayRef<DimAttr>, Type elementType) {
  if (!elementType.isF32() && !elementType.isInteger(32) &&
      !elementType.isInteger(1))
    return emitError() << "padded_c2: element type must be f32, i32 or i1, "
                          "found "
                       << elementType;
  return success();
}

DimAttr PaddedType::getElements() const {
  DimAttr all = DimAttr::literal(getContext(), 1);
  for (DimAttr dim : getShape())
    all = all * dim;
  return all;
}

PaddedType PaddedType::withShape(ArrayRef<DimAttr> shape) const {
  return get(getContext(), shape, getElementType());
}

PaddedType PaddedType::withElementType(Type type) const {
  return get(getContext(), getShape(), type);
}

// !ft.padded<[batch, sequence, 64], f32>
Type PaddedType::parse(AsmParser &parser) {
  SMLoc loc = parser.getCurrentLocation();
  SmallVector<DimAttr> shape;
  Type elementType;
  auto parseOne = [&]() -> ParseResult {
    FailureOr<DimAttr> dim = DimAttr::parseDim(parser);
    if (failed(dim))
      return failure();
    shape.push_back(*dim);
    return success();
  };
  if (parser.parseLess() ||
      parser.parseCommaSeparatedList(AsmParser::Delimiter::Square, parseOne) ||
      parser.parseComma() || parser.parseType(elementType) ||
      parser.parseGreater())
    return nullptr;
  return parser.getChecked<PaddedType>(loc, parser.getContext(),
                                       ArrayRef<DimAttr>(shape), elementType);
}

void PaddedType::print(AsmPrinter &printer) const {
  printer << "<[";
  llvm::interleaveComma(getShape(), printer,
                        [&](DimAttr dim) { printer << dim.str(); });
  printer << "], " << getElementType() << ">";
}
