//===- Enqueue.h - work for a stream of the stand-in driver -----*- C++ -*-===//
//
// What the stand-in for cuBLASLt knows of the stand-in driver.
//
//===----------------------------------------------------------------------===//
#ifndef FT_TEST_EMULATOR_DRIVER_ENQUEUE_H
#define FT_TEST_EMULATOR_DRIVER_ENQUEUE_H

#include <cuda.h>

#include <functional>
#include <memory>
#include <string>

namespace ft::emulator::driver {

/// How the launch in front is run; called once by a launch that starts early.
using Before = std::function<CUresult()>;

/// Work that a stream does in its turn and a graph does again.
struct Operation {
  CUgraphNodeType type = CU_GRAPH_NODE_TYPE_EMPTY;
  std::string what; // for sentences
  /// The fault, or NOT_READY to be asked again. `before` is empty but for
  /// operations that start early.
  std::function<CUresult(CUctx_st &, const Before &before)> run;
  /// A kernel that may start before the kernel in front has ended.
  bool startsEarly = false;
  /// It waits for others: nothing runs around it.
  bool waits = false;
};

/// Memory that an operation reads or writes.
struct Touched {
  const void *begin = nullptr;
  size_t bytes = 0;
  const char *name = "";
};

} // namespace ft::emulator::driver

/// Enqueues `operation`, or makes it a node where the stream captures. Errors
/// are those of a launch.
extern "C" CUresult
ftEmulatedEnqueue(CUstream stream, ft::emulator::driver::Operation operation);

/// ILLEGAL_ADDRESS with a sentence where the memory is none of the device's.
extern "C" CUresult
ftEmulatedCheck(CUctx_st &context, const ft::emulator::driver::Touched &touched,
                const std::string &what);

#endif // FT_TEST_EMULATOR_DRIVER_ENQUEUE_H
