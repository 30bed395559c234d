//===- ParamShards.cpp - weights that each rank holds a part of -----------===//
#include "passes/partition/ParamShards.h"

#include "llvm/ADT/STLExtras.h"

using namespace mlir;
using namespace ft::ir;

namespace ft::passes {

void ParamShards::request(Operation *user, StringRef name, int64_t axis,
                          const Shard &shard) {
  auto symbol = user->getAttrOfType<FlatSymbolRefAttr>(name);
  auto &parts = parts_[symbol.getAttr()];
  auto *part = llvm::find_if(parts, [&](const Part &known) {
    return known.axis == axis && known.shard == shard;
  });
  if (part == parts.end()) {
    parts.push_back({axis, shard, {}});
    part = &parts.back();
  }
  part->uses.push_back({user, StringAttr::get(user->getContext(), name)});
}

FlatSymbolRefAttr ParamShards::rankTimes(int64_t step) {
  FlatSymbolRefAttr &symbol = rankTimes_[step];
  if (symbol)
    return symbol;
  MLIRContext *context = module_.getContext();
  OpBuilder builder = OpBuilder::atBlockBegin(module_.getBody());
  auto param = ParamOp::create(
      builder, module_.getLoc(), "rank_x_" + std::to_string(step),
      RankedTensorType::get({1}, builder.getF32Type()),
      rankRecipe(context, step, ranks_), FlatSymbolRefAttr(), 0);
  symbol = FlatSymbolRefAttr::get(symbols_.insert(param));
  return symbol;
}

/// A view's rows are those of the weight it is of.
RecipeAttr ParamShards::recipeOf(ParamOp param) {
  if (param.getRecipe())
    return *param.getRecipe();
  auto whole = symbols_.lookup<ParamOp>(param.getViewOfAttr().getAttr());
  RecipeAttr recipe = *whole.getRecipe();
  Shard rows{recipe.getShape().front(),
             recipe.getShape().front(),
             param.getTensorType().getDimSize(0),
             {Shard::Starts{int64_t(param.getRow())}}};
  return shardRecipe(recipe, 0, rows);
}

llvm::DenseMap<StringAttr, int64_t> ParamShards::countUses() {
  llvm::DenseMap<StringAttr, int64_t> uses;
  module_.walk([&](Operation *op) {
    for (NamedAttribute attribute : op->getAttrs())
      if (auto symbol = dyn_cast<FlatSymbolRefAttr>(attribute.getValue()))
        ++uses[symbol.getAttr()];
  });
  return uses;
}

void ParamShards::apply(ParamOp param, ArrayRef<Part> parts, int64_t uses) {
  RecipeAttr whole = recipeOf(param);
  RankedTensorType type = param.getTensorType();
  OpBuilder builder(param);
  builder.setInsertionPointAfter(param);
  for (const Part &part : parts) {
    RecipeAttr recipe = shardRecipe(whole, part.axis, part.shard);
    auto local =
        RankedTensorType::get(recipe.getShape(), type.getElementType());
    if (int64_t(part.uses.size()) == uses) {
      param.setRecipeAttr(recipe);
      param.setType(local);
      param.removeViewOfAttr();
      param.setRow(0);
      return;
    }
    auto copy = ParamOp::create(builder, param.getLoc(),
                                param.getSymName().str() + ".part", local,
                                recipe, FlatSymbolRefAttr(), 0);
    auto symbol = FlatSymbolRefAttr::get(symbols_.insert(copy));
    for (const Use &use : part.uses)
      use.user->setAttr(use.name, symbol);
  }
}

void ParamShards::apply() {
  llvm::DenseMap<StringAttr, int64_t> uses = countUses();
  for (auto &[name, parts] : parts_)
    apply(symbols_.lookup<ParamOp>(name), parts, uses.lookup(name));
}

} // namespace ft::passes
