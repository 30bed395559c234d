//===- Emulator.h - runs PTX on the host ------------------------*- C++ -*-===//
//
// A PTX interpreter for tests: every kernel the compiler makes can be run for
// its results where there is no GPU. Device memory is host memory, pointers as
// they are. What it checks and what it cannot: docs/testing.md.
//
//===----------------------------------------------------------------------===//
#ifndef FT_TEST_EMULATOR_EMULATOR_H
#define FT_TEST_EMULATOR_EMULATOR_H

#include "runtime/base/Status.h"

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

namespace ft::emulator {

struct Dim3 {
  uint32_t x = 1, y = 1, z = 1;
  uint64_t count() const { return uint64_t(x) * y * z; }
  bool operator==(const Dim3 &) const = default;
};

struct LaunchShape {
  Dim3 grid, block;
  /// CTAs of a cluster; {1, 1, 1} is what the function itself requires.
  Dim3 cluster;
  uint32_t sharedBytes = 0; // dynamic
};

/// What the text says of a kernel (`.entry`).
struct FunctionInfo {
  std::string name;
  /// Bytes, in the order of the parameters.
  std::vector<uint32_t> paramOffsets, paramSizes;
  uint32_t paramBytes = 0;   // offset + size of the last
  uint32_t staticShared = 0; // bytes
  Dim3 cluster;              // .reqnctapercluster; {1, 1, 1} where not given
  bool requiresCluster = false;
  uint32_t maxThreads = 1024; // of a CTA: .maxntid, .reqntid
};

/// Device memory that kernels may touch. An access to anything else is an
/// error. Calls may come from any thread; a launch sees what is there when it
/// begins. Ranges do not overlap.
class Memory {
public:
  void add(const void *begin, size_t bytes);
  void remove(const void *begin);
  /// Begin and size of every range, sorted.
  std::vector<std::pair<uint64_t, size_t>> ranges() const;

private:
  mutable std::mutex mutex_;
  std::map<uint64_t, size_t> ranges_;
};

struct Program;

/// Parsed and decoded PTX; owns its `.global` and `.const` variables. Nothing
/// in it changes but their contents.
class Module {
public:
  /// An instruction that the emulator does not know is an error that names the
  /// line.
  static StatusOr<std::unique_ptr<Module>> parse(std::string_view ptx);
  ~Module();

  /// Null where there is no such kernel.
  const FunctionInfo *find(std::string_view name) const;
  std::vector<std::string> functions() const;
  /// A variable's memory; null where there is none.
  void *global(std::string_view name, size_t *bytes) const;

  const Program &program() const { return *program_; }

private:
  explicit Module(std::unique_ptr<Program> program);
  std::unique_ptr<Program> program_;
};

struct LaunchOptions {
  /// Order of warps and the moments at which asynchronous work completes.
  uint64_t seed = 1;
  /// Clusters (CTAs where there are none) that run at the same time. More than
  /// one only where CTAs wait for each other through global memory.
  uint32_t residentClusters = 1;
  uint32_t hostThreads = 1;
  uint32_t multiprocessors = 132; // %nsmid
  /// Thread instructions after which a kernel counts as one without end.
  uint64_t instructionLimit = uint64_t(1) << 42;
  /// Where not null, what was executed is added.
  uint64_t *executed = nullptr;
  /// Of a kernel that starts before the one in front has ended: runs the
  /// latter. Called once, when no thread can go on but behind
  /// griddepcontrol.wait; not called where none waits. Empty: the wait is over
  /// at once.
  std::function<Status()> dependencies;
};

/// Runs a grid to its end. `params[i]` points at the bytes of parameter i, as
/// for cuLaunchKernel. An error names kernel, CTA, thread and line of the PTX.
Status launch(const Module &module, std::string_view function,
              const LaunchShape &shape, const void *const *params,
              const Memory &memory, const LaunchOptions &options = {});

} // namespace ft::emulator

#endif // FT_TEST_EMULATOR_EMULATOR_H
