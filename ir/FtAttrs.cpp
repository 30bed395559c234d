//===- FtAttrs.cpp - attributes of the ft dialect -------------------------===//
#include "ir/Ft.h"

#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/TypeSwitch.h"

using namespace mlir;
using namespace ft::ir;

#define GET_ATTRDEF_CLASSES
#include "ir/FtAttrs.cpp.inc"

void FtDialect::registerAttrs() {
  addAttributes<
#define GET_ATTRDEF_LIST
#include "ir/FtAttrs.cpp.inc"
      >();
}

SmallVector<int64_t> RecipeAttr::getShape() const {
  SmallVector<int64_t> shape;
  if (auto array = getArgs().getAs<DenseI64ArrayAttr>("shape"))
    shape.assign(array.asArrayRef().begin(), array.asArrayRef().end());
  return shape;
}

// #ft.recipe<"slice"(<"tensor" {...}>, ...) {...}>
Attribute RecipeAttr::parse(AsmParser &parser, Type) {
  std::string op;
  SmallVector<RecipeAttr> of;
  DictionaryAttr args;
  NamedAttrList attributes;
  if (parser.parseLess() || parser.parseString(&op))
    return nullptr;
  auto parseOne = [&]() -> ParseResult {
    Attribute child = RecipeAttr::parse(parser, {});
    if (!child)
      return failure();
    of.push_back(cast<RecipeAttr>(child));
    return success();
  };
  if (succeeded(parser.parseOptionalLParen()) &&
      (parser.parseCommaSeparatedList(parseOne) || parser.parseRParen()))
    return nullptr;
  if (parser.parseOptionalAttrDict(attributes) || parser.parseGreater())
    return nullptr;
  args = attributes.getDictionary(parser.getContext());
  return get(parser.getContext(), StringAttr::get(parser.getContext(), op), of,
             args);
}

void RecipeAttr::print(AsmPrinter &printer) const {
  printer << "<" << getOp();
  if (!getOf().empty()) {
    printer << "(";
    llvm::interleaveComma(getOf(), printer,
                          [&](RecipeAttr child) { child.print(printer); });
    printer << ")";
  }
  if (!getArgs().empty())
    printer << " " << getArgs();
  printer << ">";
}

// #ft.plane<"k", 8x128xbf16>
Attribute PlaneAttr::parse(AsmParser &parser, Type) {
  std::string name;
  SmallVector<int64_t> shape;
  Type elementType;
  if (parser.parseLess() || parser.parseString(&name) || parser.parseComma() ||
      parser.parseDimensionList(shape, /*allowDynamic=*/false) ||
      parser.parseType(elementType) || parser.parseGreater())
    return nullptr;
  return get(parser.getContext(), StringAttr::get(parser.getContext(), name),
             shape, elementType);
}

void PlaneAttr::print(AsmPrinter &printer) const {
  printer << "<" << getName() << ", ";
  for (int64_t extent : getShape())
    printer << extent << "x";
  printer << getElementType() << ">";
}
