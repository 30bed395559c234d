//===- MergeLinears.cpp - adjacent rows for linears of one input ----------===//
#include "passes/FormFused.h"
#include "passes/Passes.h"

#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/STLExtras.h"

using namespace mlir;
using namespace ft::ir;

namespace ft::passes {
#define GEN_PASS_DEF_MERGELINEARS
#include "passes/Passes.h.inc"

namespace {

using Linears = SmallVector<LinearOp>;

/// The linears of `entry` by input, in block order.
llvm::MapVector<Value, Linears> linearsByInput(EntryOp entry) {
  llvm::MapVector<Value, Linears> groups;
  for (LinearOp linear : entry.getBody().getOps<LinearOp>())
    groups[linear.getInput()].push_back(linear);
  return groups;
}

struct MergeLinears : impl::MergeLinearsBase<MergeLinears> {
  void runOnOperation() override {
    SymbolTable symbols(getOperation());
    symbols_ = &symbols;
    for (ParamOp param : getOperation().getOps<ParamOp>())
      if (param.getViewOfAttr())
        viewed_.insert(param.getViewOfAttr().getAttr());
    for (EntryOp entry : getOperation().getOps<EntryOp>())
      for (auto &[input, linears] : linearsByInput(entry))
        if (canMerge(linears))
          merge(linears);
  }

private:
  /// Resident, not viewed by others, and not twice in one merge.
  bool areFree(ArrayRef<ParamOp> params) {
    llvm::SmallPtrSet<Operation *, 4> seen;
    return llvm::all_of(params, [&](ParamOp param) {
      return param && param.getRecipe() &&
             !viewed_.contains(param.getSymNameAttr()) &&
             param.getTensorType().getElementType() ==
                 ParamOp(params.front()).getTensorType().getElementType() &&
             seen.insert(param).second;
    });
  }

  SmallVector<ParamOp> weights(ArrayRef<LinearOp> linears) {
    return llvm::map_to_vector(linears, [&](LinearOp linear) {
      return symbols_->lookup<ParamOp>(linear.getWeightAttr().getAttr());
    });
  }

  SmallVector<ParamOp> biases(ArrayRef<LinearOp> linears) {
    return llvm::map_to_vector(linears, [&](LinearOp linear) {
      return symbols_->lookup<ParamOp>(linear.getBiasAttr().getAttr());
    });
  }

  bool canMerge(ArrayRef<LinearOp> linears) {
    if (linears.size() < 2)
      return false;
    int64_t biased = llvm::count_if(linears, [](LinearOp linear) {
      return linear.getBiasAttr() != nullptr;
    });
    Type element = LinearOp(linears.front()).getType().getElementType();
    bool sameType = llvm::all_of(linears, [&](LinearOp linear) {
      return linear.getType().getElementType() == element;
    });
    if (!sameType || (biased != 0 && biased != int64_t(linears.size())))
      return false;
    return areFree(weights(linears)) &&
           (biased == 0 || areFree(biases(linears)));
  }

  void merge(ArrayRef<LinearOp> linears) {
    concatenate(weights(linears));
    if (LinearOp(linears.front()).getBiasAttr())
      concatenate(biases(linears));
  }

  /// Makes `params` views of one new weight that holds their rows in order.
  void concatenate(ArrayRef<ParamOp> params) {
    ParamOp first = params.front();
    for (ParamOp param : params)
      if (param->isBeforeInBlock(first))
        first = param;
    SmallVector<StringRef> names;
    SmallVector<RecipeAttr> recipes;
    int64_t rows = 0;
    for (ParamOp param : params) {
      names.push_back(param.getSymName());
      recipes.push_back(*param.getRecipe());
      rows += param.getTensorType().getDimSize(0);
    }
    SmallVector<int64_t> shape(first.getTensorType().getShape());
    shape.front() = rows;
    OpBuilder builder(first);
    NamedAttrList args;
    args.set("axis", builder.getI64IntegerAttr(0));
    args.set("shape", builder.getDenseI64ArrayAttr(shape));
    auto recipe =
        RecipeAttr::get(builder.getContext(), builder.getStringAttr("concat"),
                        recipes, args.getDictionary(builder.getContext()));
    auto type =
        RankedTensorType::get(shape, first.getTensorType().getElementType());
    auto merged = ParamOp::create(builder, first.getLoc(), joinNames(names),
                                  type, recipe, FlatSymbolRefAttr(), 0);
    StringAttr name = symbols_->insert(merged); // made unique where taken
    viewed_.insert(name);
    makeViews(params, name);
  }

  void makeViews(ArrayRef<ParamOp> params, StringAttr merged) {
    int64_t row = 0;
    for (ParamOp param : params) {
      param.removeRecipeAttr();
      param.setViewOf(merged);
      param.setRow(row);
      row += param.getTensorType().getDimSize(0);
      ++numMerged;
    }
  }

  SymbolTable *symbols_ = nullptr;
  llvm::DenseSet<StringAttr> viewed_; // weights that others are views of
};

} // namespace
} // namespace ft::passes
