//===- DropUnusedSymbols.cpp - weights and caches that no entry reads -----===//
#include "passes/Passes.h"

using namespace mlir;
using namespace ft::ir;

namespace ft::passes {
#define GEN_PASS_DEF_DROPUNUSEDSYMBOLS
#include "passes/Passes.h.inc"

namespace {
struct DropUnusedSymbols : impl::DropUnusedSymbolsBase<DropUnusedSymbols> {
  void runOnOperation() override {
    ModuleOp module = getOperation();
    llvm::DenseSet<StringAttr> used;
    auto noteUses = [&](Operation *op) {
      for (NamedAttribute attribute : op->getAttrs())
        if (auto symbol = dyn_cast<FlatSymbolRefAttr>(attribute.getValue()))
          used.insert(symbol.getAttr());
    };
    for (EntryOp entry : module.getOps<EntryOp>())
      entry.walk(noteUses);
    // A view is of a resident weight, never of a view: one step suffices.
    for (ParamOp param : module.getOps<ParamOp>())
      if (used.contains(param.getSymNameAttr()))
        noteUses(param);
    for (Operation &op : llvm::make_early_inc_range(module.getOps())) {
      if (!isa<ParamOp, CacheOp>(op) ||
          used.contains(SymbolTable::getSymbolName(&op)))
        continue;
      op.erase();
      ++numErased;
    }
  }
};
} // namespace
} // namespace ft::passes
