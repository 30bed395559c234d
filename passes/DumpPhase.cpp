//===- DumpPhase.cpp - the module after a phase, as a numbered file -------===//
#include "passes/Passes.h"
#include "passes/Pipelines.h"

#include "mlir/Support/FileUtilities.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/ToolOutputFile.h"

using namespace mlir;

namespace ft::passes {
namespace {

/// Not in Passes.td: it takes a phase of the pipeline it is part of.
class DumpPhase : public PassWrapper<DumpPhase, OperationPass<ModuleOp>> {
public:
  MLIR_DEFINE_EXPLICIT_INTERNAL_INLINE_TYPE_ID(DumpPhase)
  DumpPhase(Phase phase, llvm::StringRef directory)
      : phase_(phase), directory_(directory) {}

  llvm::StringRef getName() const override { return "ft-dump-phase"; }

  void runOnOperation() override {
    llvm::SmallString<128> path(directory_);
    std::string name = std::to_string(static_cast<int>(phase_) + 1) + "." +
                       phaseName(phase_).str() + ".mlir";
    llvm::sys::path::append(path, name);
    std::string message;
    if (std::error_code error = llvm::sys::fs::create_directories(directory_))
      message = "cannot create " + directory_ + ": " + error.message();
    auto file = message.empty() ? openOutputFile(path, &message) : nullptr;
    if (!file) {
      getOperation().emitError(message);
      return signalPassFailure();
    }
    getOperation().print(file->os(), OpPrintingFlags().useLocalScope());
    file->os().flush();
    if (file->os().has_error()) {
      std::string reason = file->os().error().message();
      file->os().clear_error();
      getOperation().emitError("cannot write ") << path << ": " << reason;
      return signalPassFailure();
    }
    file->keep();
    markAllAnalysesPreserved();
  }

private:
  Phase phase_;
  std::string directory_;
};

} // namespace

std::unique_ptr<Pass> createDumpPass(Phase phase, llvm::StringRef directory) {
  return std::make_unique<DumpPhase>(phase, directory);
}

} // namespace ft::passes
