//===- Stream.cpp - streams do their work when somebody waits -------------===//
#include "test/emulator/driver/Driver.h"

#include <chrono>
#include <cstdio>
#include <thread>

using namespace ft::emulator;
using namespace ft::emulator::driver;

Handles<CUstream_st> &ft::emulator::driver::streams() {
  static auto &all = *new Handles<CUstream_st>;
  return all;
}

namespace {
/// Memory is the host's to touch only while work runs.
struct Opened {
  explicit Opened(Arena &arena) : arena(arena) { arena.open(); }
  Opened(const Opened &) = delete;
  ~Opened() { arena.close(); }
  Arena &arena;
};
} // namespace

CUresult CUstream_st::enqueue(Operation operation) {
  if (capture || captureError) {
    if (captureError)
      return CUDA_ERROR_STREAM_CAPTURE_INVALIDATED;
    auto node = std::make_unique<CUgraphNode_st>();
    node->operation = std::move(operation);
    capture->nodes.push_back(std::move(node));
    return CUDA_SUCCESS;
  }
  if (context->fault)
    return CUresult(context->fault.load());
  std::lock_guard<std::mutex> lock(queueMutex_);
  queue_.push_back(std::move(operation));
  ++enqueued_;
  return CUDA_SUCCESS;
}

uint64_t CUstream_st::lastTicket() {
  std::lock_guard<std::mutex> lock(queueMutex_);
  return enqueued_;
}

/// Runs the front of the queue, and with it what starts early behind it: the
/// latter begins, and the front runs when that waits for it. Not always, so
/// that each in a chain is behind one that has ended as well.
CUresult CUstream_st::runFront() {
  Operation front, early;
  {
    std::lock_guard<std::mutex> lock(queueMutex_);
    if (queue_.empty())
      return CUDA_SUCCESS;
    front = queue_[0];
    if (queue_.size() > 1 && queue_[1].startsEarly && !front.waits &&
        front.type == CU_GRAPH_NODE_TYPE_KERNEL && context->launches % 3 != 2)
      early = queue_[1];
  }
  CUresult code = CUDA_SUCCESS;
  if (early.run) {
    bool ended = false;
    code = early.run(*context, [&] {
      ended = true;
      return front.run(*context, {});
    });
    if (!ended && code == CUDA_SUCCESS)
      code = front.run(*context, {});
  } else {
    code = front.run(*context, {});
  }
  if (code == CUDA_ERROR_NOT_READY)
    return code;
  std::lock_guard<std::mutex> lock(queueMutex_);
  size_t count = early.run ? 2 : 1;
  if (code != CUDA_SUCCESS) { // it stays, and nothing else is done
    int none = CUDA_SUCCESS;
    context->fault.compare_exchange_strong(none, code);
    count = queue_.size();
  }
  queue_.erase(queue_.begin(), queue_.begin() + std::ptrdiff_t(count));
  done_ += count;
  return code;
}

// Held while a stream is run by a thread that waits for another one; without
// it no stream goes.
static std::mutex &helpMutex() {
  static auto &mutex = *new std::mutex;
  return mutex;
}

/// One operation of every stream whose owner waits for nothing: GPUs work on
/// by themselves, and what waits here may wait for them.
static void helpOthers() {
  std::lock_guard<std::mutex> lock(helpMutex());
  for (CUstream_st *stream : streams().all())
    stream->tryFront();
}

void ft::emulator::driver::removeStream(CUstream stream) {
  std::lock_guard<std::mutex> lock(helpMutex());
  streams().take(stream);
}

bool CUstream_st::tryFront() {
  std::unique_lock<std::mutex> lock(runMutex_, std::try_to_lock);
  if (!lock.owns_lock() || context->ended)
    return false;
  Opened opened(context->arena);
  return runFront() != CUDA_ERROR_NOT_READY;
}

CUresult CUstream_st::runTo(uint64_t ticket) {
  Opened opened(context->arena);
  while (!isDone(ticket)) {
    CUresult code = CUDA_ERROR_NOT_READY;
    {
      std::lock_guard<std::mutex> lock(runMutex_);
      if (!isDone(ticket))
        code = runFront();
    }
    if (code == CUDA_ERROR_NOT_READY) {
      helpOthers();
      std::this_thread::sleep_for(std::chrono::microseconds(20));
    }
  }
  return CUresult(context->fault.load());
}

CUresult CUstream_st::poll(uint64_t ticket) {
  if (!isDone(ticket)) {
    if (!tryFront())
      helpOthers();
    if (!context->fault)
      return CUDA_ERROR_NOT_READY; // even where that was the last
  }
  return CUresult(context->fault.load());
}

CUresult ft::emulator::driver::drain(CUctx_st &context) {
  for (CUstream_st *stream : streams().all())
    if (stream->context == &context)
      if (CUresult code = stream->runTo(stream->lastTicket()))
        return code;
  return CUDA_SUCCESS;
}

CUresult ft::emulator::driver::checkStream(const char *call, CUstream stream) {
  CUcontext context = nullptr;
  if (CUresult code = currentContext(call, context))
    return code;
  if (!stream)
    return refuse(call, CUDA_ERROR_INVALID_HANDLE,
                  "the stand-in has no default stream");
  if (!streams().has(stream))
    return refuse(call, CUDA_ERROR_INVALID_HANDLE, "there is no such stream");
  return CUDA_SUCCESS;
}

CUresult ftEmulatedEnqueue(CUstream stream, Operation operation) {
  if (CUresult code = checkStream(operation.what.c_str(), stream))
    return code;
  return stream->enqueue(std::move(operation));
}

CUresult cuStreamCreate(CUstream *stream, unsigned flags) {
  CUcontext context = nullptr;
  if (CUresult code = currentContext("cuStreamCreate", context))
    return code;
  if (!stream ||
      (flags != CU_STREAM_DEFAULT && flags != CU_STREAM_NON_BLOCKING))
    return refuse("cuStreamCreate", CUDA_ERROR_INVALID_VALUE, "unknown flags");
  auto made = std::make_unique<CUstream_st>();
  made->context = context;
  *stream = streams().add(std::move(made));
  return CUDA_SUCCESS;
}

CUresult cuStreamDestroy(CUstream stream) {
  CUresult code = checkStream("cuStreamDestroy", stream);
  if (!stream || !streams().has(stream))
    return code ? code : CUDA_ERROR_INVALID_HANDLE;
  // What was enqueued is done all the same.
  CUresult ended = stream->runTo(stream->lastTicket());
  removeStream(stream);
  return code ? code : ended;
}

/// Waiting for a stream that captures ends the capture.
static CUresult refuseWhileCapturing(const char *call, CUstream stream) {
  if (!stream->capture)
    return CUDA_SUCCESS;
  stream->captureError = CUDA_ERROR_STREAM_CAPTURE_INVALIDATED;
  return refuse(call, CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED,
                "the stream captures");
}

CUresult cuStreamSynchronize(CUstream stream) {
  if (CUresult code = checkStream("cuStreamSynchronize", stream))
    return code;
  if (CUresult code = refuseWhileCapturing("cuStreamSynchronize", stream))
    return code;
  return stream->runTo(stream->lastTicket());
}

CUresult cuStreamQuery(CUstream stream) {
  if (CUresult code = checkStream("cuStreamQuery", stream))
    return code;
  if (CUresult code = refuseWhileCapturing("cuStreamQuery", stream))
    return code;
  return stream->poll(stream->lastTicket());
}
