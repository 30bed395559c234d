//===- Graph.cpp - captures, graphs and their launches --------------------===//
#include "test/emulator/driver/Driver.h"

#include <thread>

using namespace ft::emulator;
using namespace ft::emulator::driver;

Handles<CUgraph_st> &ft::emulator::driver::graphs() {
  static auto &all = *new Handles<CUgraph_st>;
  return all;
}
Handles<CUgraphExec_st> &ft::emulator::driver::graphExecs() {
  static auto &all = *new Handles<CUgraphExec_st>;
  return all;
}

// Captures that forbid calls of all threads, and of this one.
static std::atomic<int> globalCaptures{0};
static thread_local int ownCaptures = 0;

CUresult ft::emulator::driver::refuseInCapture(const char *call) {
  if (globalCaptures == 0 && ownCaptures == 0)
    return CUDA_SUCCESS;
  for (CUstream_st *stream : streams().all())
    if (stream->capture &&
        stream->captureMode != CU_STREAM_CAPTURE_MODE_RELAXED)
      stream->captureError = CUDA_ERROR_STREAM_CAPTURE_INVALIDATED;
  return refuse(call, CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED,
                "a stream captures, and not in relaxed mode");
}

CUresult cuStreamBeginCapture(CUstream stream, CUstreamCaptureMode mode) {
  const char *call = "cuStreamBeginCapture";
  if (CUresult code = checkStream(call, stream))
    return code;
  if (mode > CU_STREAM_CAPTURE_MODE_RELAXED)
    return refuse(call, CUDA_ERROR_INVALID_VALUE, "unknown mode");
  if (stream->capture)
    return refuse(call, CUDA_ERROR_ILLEGAL_STATE, "the stream captures");
  stream->capture = std::make_unique<CUgraph_st>();
  stream->captureError = CUDA_SUCCESS;
  stream->captureMode = mode;
  stream->capturer = std::this_thread::get_id();
  globalCaptures += mode == CU_STREAM_CAPTURE_MODE_GLOBAL;
  ownCaptures += mode == CU_STREAM_CAPTURE_MODE_THREAD_LOCAL;
  return CUDA_SUCCESS;
}

CUresult cuStreamEndCapture(CUstream stream, CUgraph *graph) {
  const char *call = "cuStreamEndCapture";
  if (CUresult code = checkStream(call, stream))
    return code;
  if (!stream->capture)
    return refuse(call, CUDA_ERROR_ILLEGAL_STATE,
                  "the stream does not capture");
  if (stream->captureMode != CU_STREAM_CAPTURE_MODE_RELAXED &&
      stream->capturer != std::this_thread::get_id())
    return refuse(call, CUDA_ERROR_STREAM_CAPTURE_WRONG_THREAD,
                  "another thread began the capture");
  globalCaptures -= stream->captureMode == CU_STREAM_CAPTURE_MODE_GLOBAL;
  ownCaptures -= stream->captureMode == CU_STREAM_CAPTURE_MODE_THREAD_LOCAL;
  std::unique_ptr<CUgraph_st> made = std::move(stream->capture);
  CUresult error = stream->captureError;
  stream->captureError = CUDA_SUCCESS;
  if (graph)
    *graph = nullptr;
  if (error)
    return error;
  if (!graph)
    return CUDA_ERROR_INVALID_VALUE;
  *graph = graphs().add(std::move(made));
  return CUDA_SUCCESS;
}

static CUresult checkGraph(const char *call, CUgraph graph) {
  return graphs().has(graph)
             ? CUDA_SUCCESS
             : refuse(call, CUDA_ERROR_INVALID_VALUE, "there is no such graph");
}

CUresult cuGraphDestroy(CUgraph graph) {
  if (CUresult code = checkGraph("cuGraphDestroy", graph))
    return code;
  graphs().take(graph);
  return CUDA_SUCCESS;
}

CUresult cuGraphGetNodes(CUgraph graph, CUgraphNode *nodes, size_t *count) {
  if (CUresult code = checkGraph("cuGraphGetNodes", graph))
    return code;
  if (!count)
    return CUDA_ERROR_INVALID_VALUE;
  if (!nodes) {
    *count = graph->nodes.size();
    return CUDA_SUCCESS;
  }
  for (size_t i = 0; i < *count; ++i)
    nodes[i] = i < graph->nodes.size() ? graph->nodes[i].get() : nullptr;
  *count = std::min(*count, graph->nodes.size());
  return CUDA_SUCCESS;
}

CUresult cuGraphNodeGetType(CUgraphNode node, CUgraphNodeType *type) {
  if (!node || !type)
    return CUDA_ERROR_INVALID_VALUE;
  *type = node->operation.type;
  return CUDA_SUCCESS;
}

CUresult cuGraphInstantiate(CUgraphExec *executable, CUgraph graph,
                            unsigned long long flags) {
  const char *call = "cuGraphInstantiate";
  CUcontext context = nullptr;
  if (CUresult code = currentContext(call, context))
    return code;
  if (CUresult code = checkGraph(call, graph))
    return code;
  if (!executable || flags != 0)
    return refuse(call, CUDA_ERROR_INVALID_VALUE,
                  "the stand-in knows no flags");
  auto made = std::make_unique<CUgraphExec_st>();
  for (const auto &node : graph->nodes)
    made->operations.push_back(node->operation);
  *executable = graphExecs().add(std::move(made));
  return CUDA_SUCCESS;
}

CUresult cuGraphExecDestroy(CUgraphExec executable) {
  return graphExecs().take(executable)
             ? CUDA_SUCCESS
             : refuse("cuGraphExecDestroy", CUDA_ERROR_INVALID_VALUE,
                      "there is no such graph");
}

CUresult cuGraphLaunch(CUgraphExec executable, CUstream stream) {
  const char *call = "cuGraphLaunch";
  if (CUresult code = checkStream(call, stream))
    return code;
  if (!graphExecs().has(executable))
    return refuse(call, CUDA_ERROR_INVALID_VALUE, "there is no such graph");
  if (stream->capture)
    return refuse(call, CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED,
                  "the stand-in has no child graphs");
  // The first node has nothing of its graph in front of it.
  bool first = true;
  for (Operation operation : executable->operations) {
    operation.startsEarly = operation.startsEarly && !first;
    first = false;
    if (CUresult code = stream->enqueue(std::move(operation)))
      return code;
  }
  return CUDA_SUCCESS;
}
