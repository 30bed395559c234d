//===- SelectKernels.cpp - the kernels phase ------------------------------===//
#include "codegen/SelectKernels.h"

#include "codegen/KernelChoice.h"

using namespace mlir;
using namespace ft;
using namespace ft::codegen;

namespace {

class SelectKernels
    : public PassWrapper<SelectKernels, OperationPass<ModuleOp>> {
public:
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(SelectKernels)
  SelectKernels() = default;
  SelectKernels(const SelectKernels &other)
      : PassWrapper(other), archList_(other.archList_),
        withPreview_(other.withPreview_) {}
  SelectKernels(std::vector<std::string> archs, bool preview)
      : archList_(std::move(archs)), withPreview_(preview) {}

  StringRef getArgument() const override { return "ft-select-kernels"; }
  StringRef getDescription() const override {
    return "Choose an implementation for every fused op and print its kernel";
  }
  void runOnOperation() override;

private:
  ListOption<std::string> archs_{*this, "archs",
                                 llvm::cl::desc("architectures: sm_80, sm_90a, "
                                                "sm_100f, compute_90a, "
                                                "compute_100f, ptx")};
  Option<bool> preview_{*this, "preview", llvm::cl::init(false),
                        llvm::cl::desc("kernels that are seldom faster yet")};
  std::vector<std::string> archList_;
  bool withPreview_ = false;
};

} // namespace

void SelectKernels::runOnOperation() {
  if (archList_.empty())
    archList_.assign(archs_.begin(), archs_.end());
  withPreview_ |= preview_;
  if (archList_.empty())
    return;
  ModuleOp module = getOperation();
  KernelTable table(module);
  KernelChoice choice(module, archList_, withPreview_, table);
  for (auto entry : llvm::to_vector(module.getOps<ir::EntryOp>())) {
    LaunchContext context{.preview = withPreview_,
                          .encoder = !entry.getCausal()};
    if (auto kind = entry.getKind())
      context.maxTokens = kind->getMaxTokens();
    choice.beginEntry();
    for (auto fused : llvm::to_vector(entry.getBody().getOps<ir::FusedOp>()))
      if (failed(choice.select(fused, context)))
        return signalPassFailure();
    if (int64_t bytes = choice.workspace())
      entry->setAttr("workspace",
                     Builder(&getContext()).getI64IntegerAttr(bytes));
  }
  table.nameArchs(archList_);
}

std::unique_ptr<Pass>
codegen::createSelectKernelsPass(std::vector<std::string> archs, bool preview) {
  return std::make_unique<SelectKernels>(std::move(archs), preview);
}

void codegen::registerCodegenPasses() { PassRegistration<SelectKernels>(); }
