//===- KernelChoice.h - which kernels run a fused step ----------*- C++ -*-===//
//
// What ft-select-kernels asks for each step of an entry, in their order. Those
// of matrix products: GemmChoice.cpp; of several steps at once:
// JoinedChoice.cpp.
//
//===----------------------------------------------------------------------===//
#ifndef FT_CODEGEN_KERNELCHOICE_H
#define FT_CODEGEN_KERNELCHOICE_H

#include "codegen/KernelTable.h"
#include "codegen/cuda/GemmMatch.h"
#include "codegen/cuda/Templates.h"

#include "ir/Ft.h"

#include <string>
#include <vector>

namespace ft::codegen {

class KernelChoice {
public:
  /// Kernels go to `table`, which must outlive this.
  KernelChoice(mlir::ModuleOp module, std::vector<std::string> archs,
               bool preview, KernelTable &table)
      : module_(module), archs_(std::move(archs)), preview_(preview),
        table_(&table) {}

  /// Before the first step of an entry.
  void beginEntry() {
    workspace_ = 0;
    behindKernel_ = false;
  }
  /// Gives `fused` its `launch`; what it cannot run is said on it.
  mlir::LogicalResult select(ir::FusedOp fused, const LaunchContext &context);
  /// Bytes that the entry's steps so far need.
  int64_t workspace() const { return workspace_; }

private:
  using Archs = std::vector<std::string>;
  mlir::FailureOr<mlir::DictionaryAttr> choose(ir::FusedOp fused,
                                               const LaunchContext &context);
  mlir::FailureOr<mlir::DictionaryAttr> gemm(ir::FusedOp fused,
                                             const LaunchContext &context);
  mlir::FailureOr<llvm::SmallVector<mlir::Attribute>>
  hopper(ir::FusedOp fused, const LaunchContext &context);
  mlir::LogicalResult
  addSplit(ir::FusedOp fused, const GemmMatch &match,
           const LaunchContext &context,
           llvm::SmallVectorImpl<mlir::Attribute> &implementations);
  mlir::LogicalResult
  addTiles(ir::FusedOp fused, const GemmMatch &match,
           const LaunchContext &context,
           llvm::SmallVectorImpl<mlir::Attribute> &implementations);
  mlir::LogicalResult
  addGemm(ir::FusedOp fused, const GemmMatch &match,
          const LaunchContext &context,
          llvm::SmallVectorImpl<mlir::Attribute> &implementations);
  mlir::LogicalResult
  addByRows(ir::FusedOp fused, const GemmMatch &match,
            const LaunchContext &context,
            llvm::SmallVectorImpl<mlir::Attribute> &implementations);
  mlir::LogicalResult
  addFused(ir::FusedOp fused, const GemmMatch &match,
           const LaunchContext &context,
           llvm::SmallVectorImpl<mlir::Attribute> &implementations);
  mlir::LogicalResult
  addTilesRow(ir::FusedOp fused, const GemmMatch &match,
              const LaunchContext &context,
              llvm::SmallVectorImpl<mlir::Attribute> &implementations);
  mlir::LogicalResult
  addJoined(ir::FusedOp fused, const LaunchContext &context,
            llvm::SmallVectorImpl<mlir::Attribute> &implementations);
  mlir::LogicalResult
  addJoinedAttention(ir::FusedOp fused, ir::FusedOp attention,
                     const GemmMatch &match,
                     llvm::SmallVectorImpl<mlir::Attribute> &implementations);
  mlir::LogicalResult
  addNormed(ir::FusedOp norm, ir::FusedOp linears, const LaunchContext &context,
            llvm::SmallVectorImpl<mlir::Attribute> &implementations);
  mlir::LogicalResult
  addNormHalves(ir::FusedOp fused, ir::FusedOp norm,
                const LaunchContext &context,
                llvm::SmallVectorImpl<mlir::Attribute> &implementations);
  mlir::LogicalResult
  addLikeliest(ir::FusedOp fused, const GemmMatch &match,
               const LaunchContext &context,
               llvm::SmallVectorImpl<mlir::Attribute> &implementations);
  mlir::LogicalResult
  addDefaults(ir::FusedOp fused, const LaunchContext &context,
              llvm::SmallVectorImpl<mlir::Attribute> &implementations,
              bool all = false);
  mlir::DictionaryAttr clustered(const GemmCandidate &made,
                                 mlir::DictionaryAttr launch);
  mlir::DictionaryAttr
  implementation(llvm::StringRef name,
                 llvm::ArrayRef<mlir::DictionaryAttr> launches,
                 llvm::ArrayRef<int64_t> rows = {});
  /// The same, and that it is the fastest at `rows`.
  static mlir::Attribute withRows(mlir::Attribute implementation,
                                  llvm::ArrayRef<int64_t> rows);
  mlir::DictionaryAttr collective(ir::FusedOp fused);
  bool besideRings(ir::FusedOp fused, const LaunchContext &context) const;
  mlir::FailureOr<mlir::DictionaryAttr>
  take(mlir::FailureOr<TemplateKernel> kernel);
  mlir::DictionaryAttr launch(const KernelText &text);
  Archs hopperArchs() const;
  bool takesTiles(const GemmMatch &match, const LaunchContext &context) const;

  mlir::ModuleOp module_;
  Archs archs_;
  bool preview_;
  KernelTable *table_;
  Archs targets_; // of the implementation being made
  int64_t workspace_ = 0;
  /// The launch in front is a kernel, of ours or the library's: no first one,
  /// no exchange between ranks.
  bool behindKernel_ = false;
};

} // namespace ft::codegen

#endif // FT_CODEGEN_KERNELCHOICE_H
