//===- NormedLinear.cpp - a norm's step and a linear's as one -------------===//
#include "codegen/NormedLinear.h"

#include "mlir/IR/IRMapping.h"

using namespace mlir;
using namespace ft;
using namespace ft::codegen;

NormedLinear::NormedLinear(ir::FusedOp norm, ir::FusedOp linear) {
  OpBuilder builder(linear->getContext());
  builder.setInsertionPointAfter(linear);
  SmallVector<Value> inputs(norm.getInputs());
  Block &before = norm.getBody().front(), &behind = linear.getBody().front();
  fused_ = ir::FusedOp::create(
      builder, linear.getLoc(), linear.getResultTypes(), inputs,
      ir::Pattern::Gemm, linear.getLabel(), linear.getSlotsAttr(),
      /*launch=*/nullptr);
  Block &body = fused_.getBody().emplaceBlock();
  builder.setInsertionPointToEnd(&body);
  IRMapping map;
  for (BlockArgument argument : before.getArguments())
    map.map(argument, body.addArgument(argument.getType(), linear.getLoc()));
  for (Operation &op : before.without_terminator())
    builder.clone(op, map);
  Value normed = map.lookup(before.getTerminator()->getOperand(0));
  for (BlockArgument argument : behind.getArguments())
    map.map(argument, normed);
  for (Operation &op : behind)
    builder.clone(op, map);
}

DictionaryAttr NormedLinear::renumber(DictionaryAttr launch) {
  Builder builder(launch.getContext());
  SmallVector<Attribute> args;
  for (auto arg :
       launch.getAs<ArrayAttr>("args").getAsRange<DictionaryAttr>()) {
    NamedAttrList dict(arg);
    if (Attribute number = dict.erase("out"))
      dict.set("next_out", number);
    args.push_back(dict.getDictionary(launch.getContext()));
  }
  NamedAttrList made(launch);
  made.set("args", builder.getArrayAttr(args));
  return made.getDictionary(launch.getContext());
}
