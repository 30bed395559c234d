//===- FtStructure.cpp - entries and fused ops: text and structure --------===//
#include "ir/Ft.h"

#include "mlir/Interfaces/FunctionImplementation.h"

using namespace mlir;
using namespace ft::ir;

StringRef EntryOp::getEntryName() {
  return getEntry() ? *getEntry() : getSymName();
}

ParseResult EntryOp::parse(OpAsmParser &parser, OperationState &result) {
  auto buildType = [](Builder &builder, ArrayRef<Type> inputs,
                      ArrayRef<Type> results,
                      function_interface_impl::VariadicFlag, std::string &) {
    return builder.getFunctionType(inputs, results);
  };
  return function_interface_impl::parseFunctionOp(
      parser, result, /*allowVariadic=*/false,
      getFunctionTypeAttrName(result.name), buildType,
      getArgAttrsAttrName(result.name), getResAttrsAttrName(result.name));
}

void EntryOp::print(OpAsmPrinter &printer) {
  function_interface_impl::printFunctionOp(
      printer, *this, /*isVariadic=*/false, getFunctionTypeAttrName(),
      getArgAttrsAttrName(), getResAttrsAttrName());
}

// ft.fused row (%a, %b) "label" {region} : (types) -> types
ParseResult FusedOp::parse(OpAsmParser &parser, OperationState &result) {
  StringRef keyword;
  SMLoc loc = parser.getCurrentLocation();
  if (parser.parseKeyword(&keyword))
    return failure();
  std::optional<Pattern> pattern = symbolizePattern(keyword);
  if (!pattern)
    return parser.emitError(loc) << "unknown pattern '" << keyword << "'";
  result.addAttribute("pattern",
                      PatternAttr::get(parser.getContext(), *pattern));
  SmallVector<OpAsmParser::UnresolvedOperand> inputs;
  StringAttr label;
  FunctionType type;
  SMLoc operandsLoc = parser.getCurrentLocation();
  if (parser.parseOperandList(inputs, OpAsmParser::Delimiter::Paren) ||
      parser.parseAttribute(label, "label", result.attributes) ||
      parser.parseOptionalAttrDictWithKeyword(result.attributes) ||
      parser.parseRegion(*result.addRegion()) || parser.parseColonType(type))
    return failure();
  result.addTypes(type.getResults());
  return parser.resolveOperands(inputs, type.getInputs(), operandsLoc,
                                result.operands);
}

void FusedOp::print(OpAsmPrinter &printer) {
  printer << " " << stringifyPattern(getPattern()) << " (" << getInputs()
          << ") " << getLabelAttr();
  printer.printOptionalAttrDictWithKeyword((*this)->getAttrs(),
                                           {"pattern", "label"});
  printer << " ";
  printer.printRegion(getBody());
  printer << " : ";
  printer.printFunctionalType(*this);
}
