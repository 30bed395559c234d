//===- Pipelines.h - the phases of a compilation ----------------*- C++ -*-===//
#ifndef FT_PASSES_PIPELINES_H
#define FT_PASSES_PIPELINES_H

#include "mlir/Pass/PassManager.h"

#include <functional>
#include <optional>
#include <string>
#include <vector>

namespace ft::passes {

/// The phases in the order they run. Names, `--emit`, and the numbers of
/// `--dump-phases` files come from this list.
enum class Phase {
  Import,    // the logical graph, all floats fp32
  Raise,     // primitives to semantic operations
  Precision, // storage types of values, weights and caches
  Partition, // over the axes of a device mesh
  Fuse,      // clones per step kind, operations grouped into kernels
  Schedule,  // buffer lifetimes to arena offsets
  Kernels,   // an implementation for every step, kernel texts
  Plan,      // machine code, the plan file
};
inline constexpr int kPhaseCount = 8;

llvm::StringRef phaseName(Phase phase);        // "fuse"
llvm::StringRef phaseDescription(Phase phase); // one line, no full stop
std::optional<Phase> parsePhase(llvm::StringRef name);

struct PipelineOptions {
  /// f32, f16, bf16 or auto (what the checkpoint prefers).
  std::string dtype = "auto";
  /// Ranks that share every tensor.
  int64_t tp = 1;
  /// Architectures that every kernel must have an implementation for.
  std::vector<std::string> archs = {"sm_90a", "ptx"};
  /// Kernels that are seldom faster yet.
  bool preview = false;
  /// False: one step an operation, one clone an entry.
  bool optimize = true;
  /// Where the module is written after every phase; empty = nowhere.
  std::string dumpDirectory;
  /// Code generation depends on this library, so it appends its own passes.
  std::function<void(mlir::OpPassManager &)> addKernels;
  std::function<void(mlir::OpPassManager &)> addPlan;
};

/// Appends the passes of every phase up to and including `upTo`, each followed
/// by its verifier and, where asked for, by a dump.
void buildPipeline(mlir::OpPassManager &manager, const PipelineOptions &options,
                   Phase upTo);

/// Writes the module to `directory`/<number>.<phase>.mlir.
std::unique_ptr<mlir::Pass> createDumpPass(Phase phase,
                                           llvm::StringRef directory);

/// Registers every pass and, for ft-opt, the pipelines `ft-to-<phase>`.
void registerPassesAndPipelines();

} // namespace ft::passes

#endif // FT_PASSES_PIPELINES_H
