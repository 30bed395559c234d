//===- CloneStepKinds.cpp - one clone of an entry per token range ---------===//
#include "passes/Passes.h"

using namespace mlir;
using namespace ft::ir;

namespace ft::passes {
#define GEN_PASS_DEF_CLONESTEPKINDS
#include "passes/Passes.h.inc"

namespace {

/// What one kernel family covers: the GEMV template to 8 tokens, skinny GEMMs
/// to 64, full tiles beyond.
constexpr int64_t kDefaultBounds[] = {8, 64};

struct CloneStepKinds : impl::CloneStepKindsBase<CloneStepKinds> {
  using CloneStepKindsBase::CloneStepKindsBase;

  void runOnOperation() override {
    SmallVector<int64_t> last(bounds.begin(), bounds.end());
    if (last.empty())
      last.assign(std::begin(kDefaultBounds), std::end(kDefaultBounds));
    if (last == SmallVector<int64_t>{0})
      last.clear();
    for (size_t i = 0; i < last.size(); ++i)
      if (last[i] <= (i == 0 ? 0 : last[i - 1])) {
        getOperation().emitError("bounds must be positive and ascending");
        return signalPassFailure();
      }
    for (EntryOp entry :
         llvm::make_early_inc_range(getOperation().getOps<EntryOp>()))
      cloneEntry(entry,
                 entry.getCausal() ? ArrayRef(last) : ArrayRef<int64_t>());
  }

private:
  void cloneEntry(EntryOp entry, ArrayRef<int64_t> last) {
    OpBuilder builder(entry);
    int64_t first = 1;
    for (int64_t bound : last) {
      auto clone = cast<EntryOp>(builder.clone(*entry));
      setKind(clone, first, bound);
      first = bound + 1;
    }
    setKind(entry, first, 0); // the original is the unbounded range
  }

  void setKind(EntryOp entry, int64_t first, int64_t last) {
    StringAttr name = entry.getSymNameAttr();
    entry.setEntryAttr(name);
    entry.setKindAttr(StepKindAttr::get(entry.getContext(), first, last));
    if (first == 1 && last == 0)
      return;
    std::string symbol = name.str() + "_" + std::to_string(first);
    if (last != 0)
      symbol += "_" + std::to_string(last);
    entry.setSymName(symbol);
  }
};

} // namespace
} // namespace ft::passes
