//===- Driver.h - the objects of the stand-in CUDA driver -------*- C++ -*-===//
//
// A libcuda.so.1 for machines without a GPU: kernels are interpreted from PTX
// (test/emulator/Emulator.h), device memory is host memory. Work is done late,
// when somebody waits for it, so that what is read, reused or freed too early
// shows. What the real driver refuses is refused, with a sentence on stderr.
//
// Settings, by environment variables:
//   FT_EMULATED_GPUS (1), FT_EMULATED_MULTIPROCESSORS (132),
//   FT_EMULATED_MEMORY_MB (4096), FT_EMULATED_SEED (1): order of warps
//
//===----------------------------------------------------------------------===//
#ifndef FT_TEST_EMULATOR_DRIVER_DRIVER_H
#define FT_TEST_EMULATOR_DRIVER_DRIVER_H

#include "test/emulator/Emulator.h"
#include "test/emulator/driver/Enqueue.h"

#include <cuda.h>

#include <atomic>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <set>
#include <string>
#include <thread>
#include <vector>

namespace ft::emulator::driver {

/// An environment variable's number, or `otherwise`.
int64_t setting(const char *name, int64_t otherwise);

/// Says why a call is refused; the result is `code`.
CUresult refuse(const char *call, CUresult code, const std::string &why);

/// The live objects of a kind: a handle that is not among them is stale.
template <typename T> class Handles {
public:
  T *add(std::unique_ptr<T> object) {
    std::lock_guard<std::mutex> lock(mutex_);
    T *handle = object.get();
    objects_.emplace(handle, std::move(object));
    return handle;
  }
  bool has(T *handle) {
    std::lock_guard<std::mutex> lock(mutex_);
    return objects_.count(handle) != 0;
  }
  /// Null where the handle is stale.
  std::unique_ptr<T> take(T *handle) {
    std::lock_guard<std::mutex> lock(mutex_);
    auto found = objects_.find(handle);
    if (found == objects_.end())
      return nullptr;
    std::unique_ptr<T> object = std::move(found->second);
    objects_.erase(found);
    return object;
  }
  std::vector<T *> all() {
    std::lock_guard<std::mutex> lock(mutex_);
    std::vector<T *> handles;
    for (auto &item : objects_)
      handles.push_back(item.first);
    return handles;
  }

private:
  std::mutex mutex_;
  std::map<T *, std::unique_ptr<T>> objects_;
};

/// Never destroyed: threads may outlive main.
Handles<CUstream_st> &streams();
Handles<CUevent_st> &events();
Handles<CUgraph_st> &graphs();
Handles<CUgraphExec_st> &graphExecs();
Handles<CUlib_st> &libraries();

/// A device's memory: one range of addresses that only running work may touch.
class Arena {
public:
  ~Arena() { clear(); }
  /// Frees all of it.
  void clear();
  /// Poisoned with NaNs, apart from its neighbours, on 256 bytes and no more;
  /// 0 where there is no room.
  uint64_t allocate(size_t bytes);
  /// The bytes released; 0 where nothing begins at `address`.
  size_t release(uint64_t address);
  size_t total() const;
  size_t used() const { return used_; }
  /// Calls nest; the last close takes the memory from the host.
  void open();
  void close();

private:
  void reserve();
  std::mutex mutex_;
  std::byte *begin_ = nullptr;
  std::map<uint64_t, size_t> taken_; // with what lies between, by begin
  size_t used_ = 0;
  int openings_ = 0;
};

/// The functions of one image.
struct Code {
  std::unique_ptr<Module> module;
  bool unloaded = false;
};

/// A live stream of a context that works; the error of `call` otherwise.
CUresult checkStream(const char *call, CUstream stream);

/// The handle is stale from now on; nobody runs its work.
void removeStream(CUstream stream);

/// The context that calls of this thread use, or why there is none.
CUresult currentContext(const char *call, CUcontext &context);

/// Refuses where a thread captures in a mode that forbids calls which may
/// order the work of streams.
CUresult refuseInCapture(const char *call);

/// Whether the function's library is loaded.
bool isLiveFunction(CUfunction function);

/// Runs everything that is enqueued on the context.
CUresult drain(CUctx_st &context);

/// Whether all of it lies in one allocation of device memory, or in pinned
/// memory where that is allowed.
bool isDeviceRange(CUctx_st &context, uint64_t begin, size_t bytes);

} // namespace ft::emulator::driver

// The driver's names of its types, which cuda.h declares.

struct CUctx_st {
  int ordinal = 0;
  int retained = 0;
  bool ended = false; // released as often as retained
  ft::emulator::driver::Arena arena;
  ft::emulator::Memory memory; // what its kernels may touch
  std::mutex pinnedMutex;
  std::map<uint64_t, size_t> pinned;
  std::atomic<int> fault{CUDA_SUCCESS}; // stays
  std::atomic<uint64_t> launches{0};
};

struct CUstream_st {
  CUctx_st *context = nullptr;

  /// Behind everything enqueued so far, or as a node of the capture.
  CUresult enqueue(ft::emulator::driver::Operation operation);
  /// Runs up to and including the operation `ticket`.
  CUresult runTo(uint64_t ticket);
  /// Runs one operation if no other thread does; NOT_READY before `ticket`.
  CUresult poll(uint64_t ticket);
  /// Runs one operation; false if another thread does, or it has to wait.
  bool tryFront();
  uint64_t lastTicket();
  bool isDone(uint64_t ticket) { return done_ >= ticket; }

  std::unique_ptr<CUgraph_st> capture; // while it captures
  CUresult captureError = CUDA_SUCCESS;
  CUstreamCaptureMode captureMode = CU_STREAM_CAPTURE_MODE_GLOBAL;
  std::thread::id capturer;

private:
  CUresult runFront();

  std::mutex queueMutex_, runMutex_;
  std::deque<ft::emulator::driver::Operation> queue_;
  uint64_t enqueued_ = 0;
  std::atomic<uint64_t> done_{0};
};

struct CUevent_st {
  unsigned flags = 0;
  bool captured = false;
  CUstream_st *stream = nullptr; // null: never recorded
  uint64_t ticket = 0;
  std::shared_ptr<std::atomic<double>> milliseconds; // when it came about
};

struct CUgraphNode_st {
  ft::emulator::driver::Operation operation;
};

struct CUgraph_st {
  std::vector<std::unique_ptr<CUgraphNode_st>> nodes; // in order
};

struct CUgraphExec_st {
  std::vector<ft::emulator::driver::Operation> operations;
};

struct CUlib_st {
  std::shared_ptr<ft::emulator::driver::Code> code;
  std::map<std::string, std::unique_ptr<CUkern_st>> kernels;
};

struct CUkern_st {
  std::unique_ptr<CUfunc_st> function;
};

struct CUfunc_st {
  std::shared_ptr<ft::emulator::driver::Code> code;
  const ft::emulator::FunctionInfo *info = nullptr;
  std::atomic<int> mostDynamicShared{0}; // bytes that a launch may ask for
};

#endif // FT_TEST_EMULATOR_DRIVER_DRIVER_H
