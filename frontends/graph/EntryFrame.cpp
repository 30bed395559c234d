//===- EntryFrame.cpp - an entry while its body is built ------------------===//
#include "frontends/graph/EntryFrame.h"

#include "frontends/graph/BuildModule.h"

using namespace mlir;
using namespace ft;
using namespace ft::graph;
using namespace ft::ir;

EntryFrame::EntryFrame(const Entry &entry, OpBuilder &builder)
    : entry_(entry), builder_(builder), guard_(builder),
      loc_(locationOf(builder.getContext(), entry.name, entryPlace(entry))) {
  OperationState state(loc_, EntryOp::getOperationName());
  state.addAttribute("sym_name", builder_.getStringAttr(entry_.name));
  state.addAttribute("function_type",
                     TypeAttr::get(builder_.getFunctionType({}, {})));
  if (entry_.causal)
    state.addAttribute("causal", builder_.getUnitAttr());
  state.addRegion();
  op_ = cast<EntryOp>(builder_.create(state));
  builder_.createBlock(&op_.getBody());
}

Value EntryFrame::addArgument(Type type, StringRef name, StringRef role) {
  argAttrs_.emplace_back();
  if (!name.empty())
    argAttrs_.back().set(kNameAttr, builder_.getStringAttr(name));
  argAttrs_.back().set(kRoleAttr, builder_.getStringAttr(role));
  return op_.getBody().front().addArgument(type, loc_);
}

void EntryFrame::limitIds(Value ids, int64_t rows) {
  auto argument = dyn_cast<BlockArgument>(ids);
  if (!argument || argument.getOwner() != &op_.getBody().front())
    return;
  NamedAttrList &attrs = argAttrs_[argument.getArgNumber()];
  auto old = dyn_cast_or_null<IntegerAttr>(attrs.get(kLimitAttr));
  if (!old || old.getInt() > rows)
    attrs.set(kLimitAttr, builder_.getI64IntegerAttr(rows));
}

int64_t EntryFrame::makeTokens(Value argument, int64_t tokens) {
  NamedAttrList &attrs =
      argAttrs_[cast<BlockArgument>(argument).getArgNumber()];
  if (auto known = dyn_cast_or_null<IntegerAttr>(attrs.get(kTokensAttr)))
    return known.getInt();
  if (tokens)
    attrs.set(kTokensAttr, builder_.getI64IntegerAttr(tokens));
  return tokens;
}

void EntryFrame::finish(ValueRange results) {
  SmallVector<Attribute> argAttrs, resultAttrs;
  MLIRContext *context = builder_.getContext();
  for (const Output &output : entry_.outputs)
    resultAttrs.push_back(builder_.getDictionaryAttr(
        builder_.getNamedAttr(kNameAttr, builder_.getStringAttr(output.name))));
  for (NamedAttrList &attrs : argAttrs_)
    argAttrs.push_back(attrs.getDictionary(context));
  ReturnOp::create(builder_, loc_, results);
  op_.setFunctionType(builder_.getFunctionType(
      op_.getBody().front().getArgumentTypes(), TypeRange(results)));
  op_.setArgAttrsAttr(builder_.getArrayAttr(argAttrs));
  op_.setResAttrsAttr(builder_.getArrayAttr(resultAttrs));
}
