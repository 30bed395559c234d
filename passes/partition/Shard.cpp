//===- Shard.cpp - which elements of an axis each rank holds --------------===//
#include "passes/partition/Shard.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/Support/MathExtras.h"

#include <numeric>

using namespace mlir;
using namespace ft::ir;

namespace ft::passes {

/// An axis that needs padding gets some more of it, so that rows stay aligned.
static constexpr int64_t kPaddedMultiple = 8;

Shard Shard::even(int64_t whole, int64_t ranks) {
  int64_t local = llvm::divideCeil(whole, ranks);
  if (whole % ranks != 0)
    local = llvm::alignTo(local, kPaddedMultiple);
  Shard shard{whole, local * ranks, local, {Starts()}};
  for (int64_t rank = 0; rank < ranks; ++rank)
    shard.starts.front().push_back(rank * local);
  return shard;
}

/// Blocks that follow each other on every rank are one block.
static void joinBlocks(Shard &shard) {
  int64_t block = shard.block;
  for (auto [number, starts] : llvm::enumerate(shard.starts))
    for (auto [first, start] : llvm::zip(shard.starts.front(), starts))
      if (start != first + int64_t(number) * block)
        return;
  shard.block = shard.local();
  shard.starts.resize(1);
}

Shard Shard::keyHeads(int64_t heads, int64_t ranks) {
  int64_t common = std::gcd(heads, ranks);
  int64_t local = heads / common, shared = ranks / common;
  Shard shard{heads, heads, 1, {}};
  for (int64_t head = 0; head < local; ++head) {
    Starts &starts = shard.starts.emplace_back();
    for (int64_t rank = 0; rank < ranks; ++rank)
      starts.push_back((rank * local + head) / shared);
  }
  joinBlocks(shard);
  return shard;
}

Shard Shard::times(int64_t count) const {
  Shard shard = *this;
  shard.whole *= count;
  shard.padded *= count;
  shard.block *= count;
  for (Starts &list : shard.starts)
    for (int64_t &start : list)
      start *= count;
  return shard;
}

//===----------------------------------------------------------------------===//
// Recipes
//===----------------------------------------------------------------------===//

static RecipeAttr makeRecipe(MLIRContext *context, StringRef op,
                             ArrayRef<RecipeAttr> of, ArrayRef<int64_t> shape,
                             NamedAttrList args) {
  args.set("shape", DenseI64ArrayAttr::get(context, shape));
  return RecipeAttr::get(context, StringAttr::get(context, op), of,
                         args.getDictionary(context));
}

static RecipeAttr slice(RecipeAttr recipe, int64_t axis, int64_t size,
                        ArrayRef<int64_t> starts) {
  Builder builder(recipe.getContext());
  SmallVector<int64_t> shape = recipe.getShape();
  if (shape[axis] == size)
    return recipe; // the whole, on every rank
  shape[axis] = size;
  NamedAttrList args;
  args.set("axis", builder.getI64IntegerAttr(axis));
  if (llvm::all_equal(starts))
    args.set("start", builder.getI64IntegerAttr(starts.front()));
  else
    args.set("starts", builder.getDenseI64ArrayAttr(starts));
  return makeRecipe(recipe.getContext(), "slice", recipe, shape, args);
}

RecipeAttr shardRecipe(RecipeAttr recipe, int64_t axis, const Shard &shard) {
  MLIRContext *context = recipe.getContext();
  NamedAttrList args;
  args.set("axis", Builder(context).getI64IntegerAttr(axis));
  SmallVector<int64_t> shape = recipe.getShape();
  if (shard.padded > shard.whole) {
    shape[axis] = shard.padded;
    recipe = makeRecipe(context, "pad", recipe, shape, args);
  }
  SmallVector<RecipeAttr> blocks;
  for (const Shard::Starts &starts : shard.starts)
    blocks.push_back(slice(recipe, axis, shard.block, starts));
  if (blocks.size() == 1)
    return blocks.front();
  shape[axis] = shard.local();
  return makeRecipe(context, "concat", blocks, shape, args);
}

RecipeAttr rankRecipe(MLIRContext *context, int64_t step, int64_t ranks) {
  Builder builder(context);
  NamedAttrList args, numbers;
  numbers.set("step", builder.getF64FloatAttr(double(step)));
  args.set("name", builder.getStringAttr("iota"));
  args.set("numbers", numbers.getDictionary(context));
  RecipeAttr all = makeRecipe(context, "generator", {}, {ranks}, args);
  return slice(all, 0, 1, Shard::even(ranks, ranks).starts.front());
}

} // namespace ft::passes
