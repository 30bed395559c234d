//===- Pipelines.cpp - the phases of a compilation ------------------------===//
#include "passes/Pipelines.h"

#include "passes/Passes.h"

#include "mlir/Pass/PassRegistry.h"
#include "mlir/Transforms/Passes.h"

#include <array>

using namespace mlir;

namespace ft::passes {

namespace {
struct PhaseInfo {
  llvm::StringLiteral name;
  llvm::StringLiteral description;
};
} // namespace

static constexpr std::array<PhaseInfo, kPhaseCount> kPhases{{
    {"import", "the logical graph, all floats fp32"},
    {"raise", "primitives to semantic operations"},
    {"precision", "storage types of values, weights and caches"},
    {"partition", "over the axes of a device mesh"},
    {"fuse", "clones per step kind, operations grouped into kernels"},
    {"schedule", "buffer lifetimes to arena offsets"},
    {"kernels", "an implementation for every step, kernel texts"},
    {"plan", "machine code, the plan file"},
}};

llvm::StringRef phaseName(Phase phase) {
  return kPhases[static_cast<int>(phase)].name;
}

llvm::StringRef phaseDescription(Phase phase) {
  return kPhases[static_cast<int>(phase)].description;
}

std::optional<Phase> parsePhase(llvm::StringRef name) {
  for (int i = 0; i < kPhaseCount; ++i)
    if (kPhases[i].name == name)
      return static_cast<Phase>(i);
  return std::nullopt;
}

static void addPrecision(OpPassManager &manager,
                         const PipelineOptions &options) {
  // Types are chosen on a graph without dead or repeated operations, so that a
  // weight is not kept in fp32 for a use that nobody reads.
  manager.addPass(createCanonicalizerPass());
  manager.addPass(createCSEPass());
  manager.addPass(createSetPrecision({.dtype = options.dtype}));
  manager.addPass(createVerifyPrecision());
}

static void addFuse(OpPassManager &manager, const PipelineOptions &options) {
  llvm::SmallVector<std::string> archs(options.archs.begin(),
                                       options.archs.end());
  if (!options.optimize) {
    manager.addPass(createCloneStepKinds({.bounds = {0}}));
    manager.addPass(createSplitOps());
  } else {
    // Merging comes before cloning: the clones share the merged weights.
    manager.addPass(createMergeLinears());
    manager.addPass(createCloneStepKinds());
    manager.addPass(createGatherEarly());
    manager.addPass(
        createGroupOps({.archs = archs, .preview = options.preview}));
    manager.addPass(createJoinSteps({.archs = archs}));
  }
  manager.addPass(createDropUnusedSymbols());
  manager.addPass(
      createVerifyFuse({.archs = archs, .preview = options.preview}));
}

static void addPhase(OpPassManager &manager, const PipelineOptions &options,
                     Phase phase) {
  switch (phase) {
  case Phase::Import:
    return manager.addPass(createVerifyImport());
  case Phase::Raise:
    manager.addPass(createRaisePrimitives());
    manager.addPass(createRaiseRows());
    return manager.addPass(createVerifyRaise());
  case Phase::Precision:
    return addPrecision(manager, options);
  case Phase::Partition:
    manager.addPass(createPartition({.tp = options.tp}));
    return manager.addPass(createVerifyPrecision());
  case Phase::Fuse:
    return addFuse(manager, options);
  case Phase::Schedule:
    manager.addPass(createPlanMemory());
    return manager.addPass(createVerifySchedule());
  case Phase::Kernels:
    if (options.addKernels)
      options.addKernels(manager);
    return;
  case Phase::Plan:
    if (options.addPlan)
      options.addPlan(manager);
    return;
  }
}

void buildPipeline(OpPassManager &manager, const PipelineOptions &options,
                   Phase upTo) {
  for (int i = 0; i <= static_cast<int>(upTo); ++i) {
    Phase phase = static_cast<Phase>(i);
    addPhase(manager, options, phase);
    if (!options.dumpDirectory.empty())
      manager.addPass(createDumpPass(phase, options.dumpDirectory));
  }
}

namespace {
/// Options of the `ft-to-<phase>` pipelines in ft-opt.
struct ToolOptions : PassPipelineOptions<ToolOptions> {
  Option<std::string> dtype{*this, "dtype",
                            llvm::cl::desc("f32, tf32, f16, bf16 or auto"),
                            llvm::cl::init("auto")};
  Option<int64_t> tp{*this, "tp",
                     llvm::cl::desc("ranks that share every tensor"),
                     llvm::cl::init(1)};
  Option<bool> optimize{*this, "optimize",
                        llvm::cl::desc("fuse and clone (default true)"),
                        llvm::cl::init(true)};
  Option<std::string> dump{*this, "dump",
                           llvm::cl::desc("directory for a file a phase"),
                           llvm::cl::init("")};
};
} // namespace

void registerPassesAndPipelines() {
  registerFtPasses();
  for (Phase phase : {Phase::Raise, Phase::Precision, Phase::Partition,
                      Phase::Fuse, Phase::Schedule}) {
    std::string flag = ("ft-to-" + phaseName(phase)).str();
    std::string summary = ("run every phase up to " + phaseName(phase)).str();
    PassPipelineRegistration<ToolOptions>(
        flag, summary, [phase](OpPassManager &manager, const ToolOptions &o) {
          PipelineOptions options;
          options.dtype = o.dtype;
          options.tp = o.tp;
          options.optimize = o.optimize;
          options.dumpDirectory = o.dump;
          buildPipeline(manager, options, phase);
        });
  }
}

} // namespace ft::passes
