//===- SelectKernels.cpp - the kernels phase ------------------------------===//
#include "codegen/SelectKernels.h"

#include "codegen/cuda/GemmMatch.h"
#include "codegen/cuda/RowProgram.h"
#include "codegen/cuda/Templates.h"

#include "ir/Ft.h"

#include "llvm/ADT/StringMap.h"

#include <algorithm>

using namespace mlir;
using namespace ft;
using namespace ft::codegen;

namespace {

/// The kernel texts of a module: equal texts are one ft.kernel.
class KernelTable {
public:
  explicit KernelTable(ModuleOp module)
      : builder_(OpBuilder::atBlockBegin(module.getBody())),
        location_(module.getLoc()) {}

  FlatSymbolRefAttr add(const KernelText &text) {
    FlatSymbolRefAttr &symbol = symbols_[text.source];
    if (symbol)
      return symbol;
    int count = names_[text.function]++;
    std::string name = text.function;
    if (count > 0)
      name += "." + std::to_string(count);
    ir::KernelOp::create(builder_, location_, name, text.function, text.source);
    symbol = FlatSymbolRefAttr::get(builder_.getContext(), name);
    return symbol;
  }

private:
  OpBuilder builder_;
  Location location_;
  llvm::StringMap<FlatSymbolRefAttr> symbols_;
  llvm::StringMap<int> names_;
};

class SelectKernels
    : public PassWrapper<SelectKernels, OperationPass<ModuleOp>> {
public:
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(SelectKernels)
  SelectKernels() = default;
  SelectKernels(const SelectKernels &other)
      : PassWrapper(other), archList_(other.archList_) {}
  explicit SelectKernels(std::vector<std::string> archs)
      : archList_(std::move(archs)) {}

  StringRef getArgument() const override { return "ft-select-kernels"; }
  StringRef getDescription() const override {
    return "Choose an implementation for every fused op and print its kernel";
  }
  void runOnOperation() override;

private:
  LogicalResult select(ir::FusedOp fused, const LaunchContext &context);
  FailureOr<DictionaryAttr> gemm(ir::FusedOp fused,
                                 const LaunchContext &context);
  DictionaryAttr collective(ir::FusedOp fused);
  FailureOr<DictionaryAttr> take(FailureOr<TemplateKernel> kernel);
  DictionaryAttr launch(const KernelText &text);

  ListOption<std::string> archs_{*this, "archs",
                                 llvm::cl::desc("architectures: sm_80, sm_90a, "
                                                "sm_100f, ptx")};
  std::vector<std::string> archList_;
  std::unique_ptr<KernelTable> table_;
  int64_t workspace_ = 0;
  bool afterKernel_ = false; // the launch in front is a kernel of ours
};

} // namespace

DictionaryAttr SelectKernels::launch(const KernelText &text) {
  Builder builder(&getContext());
  auto integer = [&](StringRef key, int64_t value) {
    return builder.getNamedAttr(key, builder.getI64IntegerAttr(value));
  };
  SmallVector<NamedAttribute, 6> attrs{
      builder.getNamedAttr("kernel", table_->add(text)),
      builder.getNamedAttr("grid", builder.getArrayAttr(text.grid)),
      builder.getNamedAttr("block", builder.getDenseI64ArrayAttr(text.block)),
      builder.getNamedAttr("args", builder.getArrayAttr(text.args)),
      integer("shared", text.sharedBytes)};
  if (text.sharedBytesPerRow > 0) {
    attrs.push_back(integer("shared_per_row", text.sharedBytesPerRow));
    attrs.push_back(integer("shared_rows", text.sharedRows));
  }
  if (text.residentGrid)
    attrs.push_back(builder.getNamedAttr("resident", builder.getUnitAttr()));
  // All our kernels wait for the one in front before they touch activations,
  // so each may start early behind another of ours.
  if (afterKernel_ && text.startsEarly)
    attrs.push_back(builder.getNamedAttr("dependent", builder.getUnitAttr()));
  return builder.getDictionaryAttr(attrs);
}

FailureOr<DictionaryAttr>
SelectKernels::take(FailureOr<TemplateKernel> kernel) {
  if (failed(kernel))
    return failure();
  workspace_ = std::max(workspace_, kernel->workspaceBytes);
  return launch(kernel->text);
}

/// The GEMV template where the range is small, else the library.
FailureOr<DictionaryAttr> SelectKernels::gemm(ir::FusedOp fused,
                                              const LaunchContext &context) {
  FailureOr<GemmMatch> match = matchGemm(fused);
  if (failed(match))
    return failure();
  if (gemvTakes(*match, context))
    return take(emitGemv(fused, *match, context));
  FailureOr<LibraryEpilogue> epilogue = matchLibraryEpilogue(fused, *match);
  if (failed(epilogue))
    return failure();
  Builder builder(&getContext());
  auto integer = [&](StringRef key, int64_t value) {
    return builder.getNamedAttr(key, builder.getI64IntegerAttr(value));
  };
  SmallVector<NamedAttribute, 8> attrs{
      builder.getNamedAttr("gemm", match->weight),
      integer("in", match->input.getArgNumber()),
      integer("out", 0),
      integer("n", match->n),
      integer("k", match->k),
      builder.getNamedAttr("epilogue",
                           builder.getStringAttr(epilogue->activation))};
  if (match->bias)
    attrs.push_back(builder.getNamedAttr("bias", match->bias));
  if (epilogue->residual >= 0)
    attrs.push_back(integer("residual", epilogue->residual));
  return builder.getDictionaryAttr(attrs);
}

/// A call of the communicator: what verifyAlone has checked holds one op.
DictionaryAttr SelectKernels::collective(ir::FusedOp fused) {
  Builder builder(&getContext());
  Operation &op = fused.getBody().front().front();
  auto integer = [&](StringRef key, int64_t value) {
    return builder.getNamedAttr(key, builder.getI64IntegerAttr(value));
  };
  auto elements = [](Value value) {
    return cast<ir::PackedType>(value.getType()).getRowElements();
  };
  return builder.getDictionaryAttr(
      {builder.getNamedAttr("collective",
                            builder.getStringAttr(op.getName().stripDialect())),
       builder.getNamedAttr("mesh", op.getAttr("mesh")), integer("in", 0),
       integer("out", 0), integer("elements", elements(op.getOperand(0))),
       integer("out_elements", elements(op.getResult(0)))});
}

LogicalResult SelectKernels::select(ir::FusedOp fused,
                                    const LaunchContext &context) {
  FailureOr<DictionaryAttr> chosen = failure();
  switch (fused.getPattern()) {
  case ir::Pattern::Row:
    if (FailureOr<KernelText> text = emitRowProgram(fused); succeeded(text))
      chosen = launch(*text);
    break;
  case ir::Pattern::Gemm:
    chosen = gemm(fused, context);
    break;
  case ir::Pattern::Attention:
    chosen = take(emitAttention(fused, context));
    break;
  case ir::Pattern::SegmentReduce:
    chosen = take(emitSegmentReduce(fused));
    break;
  case ir::Pattern::Argmax:
    chosen = take(emitArgmax(fused, context));
    break;
  case ir::Pattern::Sample:
    chosen = take(emitSample(fused, context));
    break;
  case ir::Pattern::Collective:
    chosen = collective(fused);
    break;
  }
  if (failed(chosen))
    return failure();
  afterKernel_ = chosen->contains("kernel");
  Builder builder(&getContext());
  SmallVector<Attribute> archs;
  for (const std::string &arch : archList_)
    archs.push_back(builder.getStringAttr(arch));
  auto implementation = builder.getDictionaryAttr(
      {builder.getNamedAttr("archs", builder.getArrayAttr(archs)),
       builder.getNamedAttr("launches",
                            builder.getArrayAttr({Attribute(*chosen)}))});
  fused.setLaunchAttr(builder.getArrayAttr({Attribute(implementation)}));
  return success();
}

void SelectKernels::runOnOperation() {
  if (archList_.empty())
    archList_.assign(archs_.begin(), archs_.end());
  if (archList_.empty())
    return;
  ModuleOp module = getOperation();
  table_ = std::make_unique<KernelTable>(module);
  for (auto entry : llvm::to_vector(module.getOps<ir::EntryOp>())) {
    LaunchContext context;
    if (auto kind = entry.getKind())
      context.maxTokens = kind->getMaxTokens();
    workspace_ = 0;
    afterKernel_ = false;
    for (auto fused : entry.getBody().getOps<ir::FusedOp>())
      if (failed(select(fused, context)))
        return signalPassFailure();
    if (workspace_ > 0)
      entry->setAttr("workspace",
                     Builder(&getContext()).getI64IntegerAttr(workspace_));
  }
}

std::unique_ptr<Pass>
codegen::createSelectKernelsPass(std::vector<std::string> archs) {
  return std::make_unique<SelectKernels>(std::move(archs));
}

void codegen::registerCodegenPasses() { PassRegistration<SelectKernels>(); }
