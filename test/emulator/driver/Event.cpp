//===- Event.cpp - events: places in a stream -----------------------------===//
#include "test/emulator/driver/Driver.h"

#include <chrono>

using namespace ft::emulator;
using namespace ft::emulator::driver;

Handles<CUevent_st> &ft::emulator::driver::events() {
  static auto &all = *new Handles<CUevent_st>;
  return all;
}

static CUresult checkEvent(const char *call, CUevent event) {
  CUcontext context = nullptr;
  if (CUresult code = currentContext(call, context))
    return code;
  if (!events().has(event))
    return refuse(call, CUDA_ERROR_INVALID_HANDLE, "there is no such event");
  if (event->stream && !streams().has(event->stream))
    event->stream = nullptr; // destroyed, and with it all its work is done
  return CUDA_SUCCESS;
}

CUresult cuEventCreate(CUevent *event, unsigned flags) {
  CUcontext context = nullptr;
  if (CUresult code = currentContext("cuEventCreate", context))
    return code;
  constexpr unsigned kKnown = CU_EVENT_BLOCKING_SYNC | CU_EVENT_DISABLE_TIMING;
  if (!event || (flags & ~kKnown) != 0)
    return refuse("cuEventCreate", CUDA_ERROR_INVALID_VALUE, "unknown flags");
  auto made = std::make_unique<CUevent_st>();
  made->flags = flags;
  *event = events().add(std::move(made));
  return CUDA_SUCCESS;
}

CUresult cuEventDestroy(CUevent event) {
  CUresult code = checkEvent("cuEventDestroy", event);
  bool was = events().take(event) != nullptr;
  return was || code ? code : CUDA_ERROR_INVALID_HANDLE;
}

CUresult cuEventRecord(CUevent event, CUstream stream) {
  if (CUresult code = checkEvent("cuEventRecord", event))
    return code;
  auto time = std::make_shared<std::atomic<double>>(-1);
  auto run = [time](CUctx_st &, const Before &) {
    *time = std::chrono::duration<double, std::milli>(
                std::chrono::steady_clock::now().time_since_epoch())
                .count();
    return CUDA_SUCCESS;
  };
  bool captured = stream && streams().has(stream) && stream->capture;
  if (!captured)
    if (CUresult code = ftEmulatedEnqueue(
            stream, {CU_GRAPH_NODE_TYPE_EVENT_RECORD, "cuEventRecord", run}))
      return code;
  // In a capture it is a mark between nodes, and becomes no node itself.
  event->captured = captured;
  event->stream = stream;
  event->ticket = stream->lastTicket();
  event->milliseconds = time;
  return CUDA_SUCCESS;
}

static CUresult refuseCaptured(const char *call, CUevent event) {
  return event->captured ? refuse(call, CUDA_ERROR_CAPTURED_EVENT,
                                  "it was last recorded in a capture")
                         : CUDA_SUCCESS;
}

CUresult cuEventSynchronize(CUevent event) {
  if (CUresult code = checkEvent("cuEventSynchronize", event))
    return code;
  if (CUresult code = refuseCaptured("cuEventSynchronize", event))
    return code;
  return event->stream ? event->stream->runTo(event->ticket) : CUDA_SUCCESS;
}

CUresult cuEventQuery(CUevent event) {
  if (CUresult code = checkEvent("cuEventQuery", event))
    return code;
  if (CUresult code = refuseCaptured("cuEventQuery", event))
    return code;
  return event->stream ? event->stream->poll(event->ticket) : CUDA_SUCCESS;
}

CUresult cuEventElapsedTime(float *milliseconds, CUevent start, CUevent end) {
  const char *call = "cuEventElapsedTime";
  if (!milliseconds)
    return CUDA_ERROR_INVALID_VALUE;
  for (CUevent event : {start, end}) {
    if (CUresult code = checkEvent(call, event))
      return code;
    if (CUresult code = refuseCaptured(call, event))
      return code;
    if (!event->milliseconds || (event->flags & CU_EVENT_DISABLE_TIMING))
      return refuse(call, CUDA_ERROR_INVALID_HANDLE,
                    "an event was not recorded, or keeps no time");
  }
  if (*start->milliseconds < 0 || *end->milliseconds < 0)
    return CUDA_ERROR_NOT_READY;
  *milliseconds = float(*end->milliseconds - *start->milliseconds);
  return CUDA_SUCCESS;
}
