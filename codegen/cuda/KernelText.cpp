//===- KernelText.cpp - a kernel and how it is launched -------------------===//
#include "codegen/cuda/KernelText.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"

using namespace mlir;
using namespace ft;
using namespace ft::codegen;

std::string KernelParams::add(StringRef type, StringRef name,
                              DictionaryAttr arg) {
  if (!llvm::is_contained(names_, name)) {
    names_.push_back(name.str());
    declarations_.push_back(
        (type + (type.ends_with("*") ? "" : " ") + name).str());
    args_.push_back(arg);
  }
  return name.str();
}

std::string KernelParams::addNumbered(StringRef type, StringRef prefix,
                                      DictionaryAttr arg) {
  std::string &name = numbered_[arg];
  if (name.empty())
    name = prefix.str() + std::to_string(counts_[prefix]++);
  return add(type, name, arg);
}

DictionaryAttr KernelParams::number_(StringRef key, int64_t value) {
  return builder_.getDictionaryAttr(
      builder_.getNamedAttr(key, builder_.getI64IntegerAttr(value)));
}

DictionaryAttr KernelParams::f32(double value) {
  return builder_.getDictionaryAttr(
      builder_.getNamedAttr("f32", builder_.getF64FloatAttr(value)));
}

DictionaryAttr KernelParams::weight(FlatSymbolRefAttr symbol) {
  return builder_.getDictionaryAttr(builder_.getNamedAttr("weight", symbol));
}

DictionaryAttr KernelParams::cache(FlatSymbolRefAttr symbol, int64_t layer,
                                   int64_t plane) {
  return builder_.getDictionaryAttr(
      {builder_.getNamedAttr("cache", symbol),
       builder_.getNamedAttr("layer", builder_.getI64IntegerAttr(layer)),
       builder_.getNamedAttr("plane", builder_.getI64IntegerAttr(plane))});
}

DictionaryAttr KernelParams::batch(StringRef field, int sequences) {
  SmallVector<NamedAttribute, 2> attrs{
      builder_.getNamedAttr("batch", builder_.getStringAttr(field))};
  if (sequences >= 0)
    attrs.push_back(
        builder_.getNamedAttr("of", builder_.getI64IntegerAttr(sequences)));
  return builder_.getDictionaryAttr(attrs);
}

DictionaryAttr KernelParams::nextBatch(StringRef field, int sequences) {
  return builder_.getDictionaryAttr(
      {builder_.getNamedAttr("batch", builder_.getStringAttr(field)),
       builder_.getNamedAttr("next_of",
                             builder_.getI64IntegerAttr(sequences))});
}

DictionaryAttr KernelParams::pageCount() {
  return builder_.getDictionaryAttr(
      builder_.getNamedAttr("page_count", builder_.getUnitAttr()));
}

DictionaryAttr KernelParams::tensorMap(DictionaryAttr of, int64_t columns,
                                       int64_t heads, int64_t boxHeads,
                                       int64_t boxRows) {
  SmallVector<NamedAttribute> attrs(of.getValue());
  for (auto [key, value] :
       {std::pair("columns", columns), std::pair("heads", heads),
        std::pair("box_heads", boxHeads), std::pair("box_rows", boxRows)})
    attrs.push_back(
        builder_.getNamedAttr(key, builder_.getI64IntegerAttr(value)));
  return builder_.getDictionaryAttr(attrs);
}

std::string KernelParams::declaration() const {
  return llvm::join(declarations_, ", ");
}

Attribute codegen::gridOver(Builder &builder, StringAttr axis, int64_t divisor,
                            int64_t factor, StringAttr plus) {
  SmallVector<NamedAttribute, 4> attrs{
      builder.getNamedAttr("axis", axis),
      builder.getNamedAttr("constant", builder.getI64IntegerAttr(factor)),
      builder.getNamedAttr("divisor", builder.getI64IntegerAttr(divisor))};
  if (plus)
    attrs.push_back(builder.getNamedAttr("plus", plus));
  return builder.getDictionaryAttr(attrs);
}
