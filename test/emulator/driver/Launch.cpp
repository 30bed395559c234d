//===- Launch.cpp - kernel launches: what is allowed, and done ------------===//
#include "test/emulator/driver/Driver.h"

#include <algorithm>
#include <cstring>

using namespace ft::emulator;
using namespace ft::emulator::driver;

namespace {

/// A launch with its arguments, as they were at the call.
struct Call {
  std::shared_ptr<Code> code;
  const FunctionInfo *info = nullptr;
  LaunchShape shape;
  struct alignas(128) Line {
    std::byte bytes[128];
  };
  std::vector<Line> storage;
  std::vector<const void *> params;

  void copyArguments(void **arguments);
  CUresult run(CUctx_st &context, const Before &before);
};

struct Attributes {
  Dim3 cluster;
  bool hasCluster = false;
  bool startsEarly = false;
};

} // namespace

static std::string text(const Dim3 &d) {
  return std::to_string(d.x) + " x " + std::to_string(d.y) + " x " +
         std::to_string(d.z);
}

void Call::copyArguments(void **arguments) {
  storage.resize(info->paramBytes / sizeof(Line) + 1);
  auto *bytes = storage.front().bytes;
  for (size_t i = 0; i < info->paramSizes.size(); ++i) {
    std::memcpy(bytes + info->paramOffsets[i], arguments[i],
                info->paramSizes[i]);
    params.push_back(bytes + info->paramOffsets[i]);
  }
}

/// What the hardware would report for a fault in a kernel.
static CUresult faultOf(const std::string &sentence) {
  if (sentence.find("not aligned") != std::string::npos)
    return CUDA_ERROR_MISALIGNED_ADDRESS;
  if (sentence.find("outside") != std::string::npos)
    return CUDA_ERROR_ILLEGAL_ADDRESS;
  return CUDA_ERROR_LAUNCH_FAILED;
}

CUresult Call::run(CUctx_st &context, const Before &before) {
  std::string what = "kernel '" + info->name + "'";
  if (code->unloaded)
    return refuse(what.c_str(), CUDA_ERROR_LAUNCH_FAILED,
                  "its library was unloaded before it ran");
  LaunchOptions options;
  options.seed = uint64_t(setting("FT_EMULATED_SEED", 1)) + context.launches++;
  options.multiprocessors =
      uint32_t(setting("FT_EMULATED_MULTIPROCESSORS", 132));
  CUresult inFront = CUDA_SUCCESS;
  if (before)
    options.dependencies = [&]() -> ft::Status {
      inFront = before();
      return inFront ? ft::internalError("the kernel in front failed")
                     : ft::Status::success();
    };
  ft::Status status = launch(*code->module, info->name, shape, params.data(),
                             context.memory, options);
  if (status.ok())
    return CUDA_SUCCESS;
  if (inFront)
    return inFront; // and has said why
  return refuse(what.c_str(), faultOf(status.message()), status.message());
}

//===----------------------------------------------------------------------===//
// What a launch may ask for
//===----------------------------------------------------------------------===//

static CUresult readAttributes(const char *call, const CUlaunchConfig &config,
                               Attributes &read) {
  if (config.numAttrs > 0 && !config.attrs)
    return refuse(call, CUDA_ERROR_INVALID_VALUE, "attributes are missing");
  for (unsigned i = 0; i < config.numAttrs; ++i) {
    const CUlaunchAttribute &attribute = config.attrs[i];
    switch (attribute.id) {
    case CU_LAUNCH_ATTRIBUTE_IGNORE:
      break;
    case CU_LAUNCH_ATTRIBUTE_CLUSTER_DIMENSION: {
      const auto &dim = attribute.value.clusterDim;
      read.cluster = {dim.x, dim.y, dim.z};
      read.hasCluster = true;
      break;
    }
    case CU_LAUNCH_ATTRIBUTE_PROGRAMMATIC_STREAM_SERIALIZATION:
      read.startsEarly =
          attribute.value.programmaticStreamSerializationAllowed != 0;
      break;
    default:
      return refuse(call, CUDA_ERROR_NOT_SUPPORTED,
                    "launch attribute " + std::to_string(int(attribute.id)) +
                        " is not known to the stand-in");
    }
  }
  return CUDA_SUCCESS;
}

static bool isZero(const Dim3 &d) { return !d.x || !d.y || !d.z; }

static CUresult checkShape(const char *call, const LaunchShape &shape,
                           const FunctionInfo &info) {
  const Dim3 &grid = shape.grid, &block = shape.block;
  if (isZero(grid) || isZero(block))
    return refuse(call, CUDA_ERROR_INVALID_VALUE,
                  "grid " + text(grid) + " of blocks " + text(block) +
                      " is empty");
  if (grid.x > 2147483647u || grid.y > 65535 || grid.z > 65535)
    return refuse(call, CUDA_ERROR_INVALID_VALUE,
                  "grid " + text(grid) + " is larger than the device's");
  if (block.x > 1024 || block.y > 1024 || block.z > 64 || block.count() > 1024)
    return refuse(call, CUDA_ERROR_INVALID_VALUE,
                  "block " + text(block) + " is larger than the device's");
  if (block.count() > info.maxThreads)
    return refuse(call, CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES,
                  "block " + text(block) + " has more than the " +
                      std::to_string(info.maxThreads) +
                      " threads that the kernel was compiled for");
  return CUDA_SUCCESS;
}

/// The cluster of a launch: the kernel's own, the attribute's, or none.
static CUresult checkCluster(const char *call, const Attributes &attributes,
                             const FunctionInfo &info, LaunchShape &shape) {
  shape.cluster = info.cluster;
  if (attributes.hasCluster) {
    if (info.requiresCluster && !(attributes.cluster == info.cluster))
      return refuse(call, CUDA_ERROR_INVALID_CLUSTER_SIZE,
                    "cluster " + text(attributes.cluster) +
                        " is not the kernel's " + text(info.cluster));
    shape.cluster = attributes.cluster;
  }
  const Dim3 &c = shape.cluster;
  if (isZero(c) || c.count() > 8)
    return refuse(call, CUDA_ERROR_INVALID_CLUSTER_SIZE,
                  "cluster " + text(c) + " is not of 1 to 8 CTAs");
  if (shape.grid.x % c.x || shape.grid.y % c.y || shape.grid.z % c.z)
    return refuse(call, CUDA_ERROR_INVALID_VALUE,
                  "grid " + text(shape.grid) +
                      " is no multiple of the cluster " + text(c));
  return CUDA_SUCCESS;
}

static CUresult checkLaunch(const char *call, const CUlaunchConfig *config,
                            CUfunction function, LaunchShape &shape,
                            Attributes &attributes) {
  if (!config)
    return CUDA_ERROR_INVALID_VALUE;
  if (!isLiveFunction(function))
    return refuse(call, CUDA_ERROR_INVALID_HANDLE, "there is no such function");
  shape.grid = {config->gridDimX, config->gridDimY, config->gridDimZ};
  shape.block = {config->blockDimX, config->blockDimY, config->blockDimZ};
  shape.sharedBytes = config->sharedMemBytes;
  const FunctionInfo &info = *function->info;
  std::string named = std::string(call) + " of '" + info.name + "'";
  call = named.c_str();
  if (CUresult code = readAttributes(call, *config, attributes))
    return code;
  if (CUresult code = checkShape(call, shape, info))
    return code;
  if (CUresult code = checkCluster(call, attributes, info, shape))
    return code;
  if (int64_t(shape.sharedBytes) > function->mostDynamicShared)
    return refuse(call, CUDA_ERROR_INVALID_VALUE,
                  std::to_string(shape.sharedBytes) +
                      " bytes of dynamic shared memory are more than the " +
                      std::to_string(function->mostDynamicShared) +
                      " that the function was allowed");
  return CUDA_SUCCESS;
}

CUresult cuLaunchKernelEx(const CUlaunchConfig *config, CUfunction function,
                          void **arguments, void **extra) {
  const char *call = "cuLaunchKernelEx";
  CUcontext context = nullptr;
  if (CUresult code = currentContext(call, context))
    return code;
  LaunchShape shape;
  Attributes attributes;
  if (CUresult code = checkLaunch(call, config, function, shape, attributes))
    return code;
  if (extra || (!arguments && !function->info->paramSizes.empty()))
    return refuse(call, CUDA_ERROR_INVALID_VALUE,
                  "arguments come as an array of addresses");
  auto made = std::make_shared<Call>();
  made->code = function->code;
  made->info = function->info;
  made->shape = shape;
  made->copyArguments(arguments);
  auto run = [made](CUctx_st &context, const Before &before) {
    return made->run(context, before);
  };
  return ftEmulatedEnqueue(config->hStream, {CU_GRAPH_NODE_TYPE_KERNEL, call,
                                             run, attributes.startsEarly});
}

//===----------------------------------------------------------------------===//
// Occupancy. Registers are not known: as if they never were the limit.
//===----------------------------------------------------------------------===//

static int blocksPerMultiprocessor(const FunctionInfo &info, uint64_t threads,
                                   uint64_t dynamicShared) {
  constexpr uint64_t kThreads = 2048, kBlocks = 32, kShared = 233472,
                     kReserved = 1024;
  uint64_t warps = (threads + 31) / 32 * 32;
  uint64_t shared = info.staticShared + dynamicShared + kReserved;
  return int(std::min({kBlocks, kThreads / warps, kShared / shared}));
}

CUresult cuOccupancyMaxActiveBlocksPerMultiprocessor(int *blocks,
                                                     CUfunction function,
                                                     int threads,
                                                     size_t dynamicShared) {
  const char *call = "cuOccupancyMaxActiveBlocksPerMultiprocessor";
  CUcontext context = nullptr;
  if (CUresult code = currentContext(call, context))
    return code;
  if (!isLiveFunction(function))
    return refuse(call, CUDA_ERROR_INVALID_HANDLE, "there is no such function");
  if (!blocks || threads < 1)
    return refuse(call, CUDA_ERROR_INVALID_VALUE, "a block has threads");
  *blocks = threads > int(function->info->maxThreads)
                ? 0
                : blocksPerMultiprocessor(*function->info, uint64_t(threads),
                                          dynamicShared);
  return CUDA_SUCCESS;
}

CUresult cuOccupancyMaxActiveClusters(int *clusters, CUfunction function,
                                      const CUlaunchConfig *config) {
  const char *call = "cuOccupancyMaxActiveClusters";
  CUcontext context = nullptr;
  if (CUresult code = currentContext(call, context))
    return code;
  LaunchShape shape;
  Attributes attributes;
  if (CUresult code = checkLaunch(call, config, function, shape, attributes))
    return code;
  if (!clusters)
    return CUDA_ERROR_INVALID_VALUE;
  // GPCs have up to 18 multiprocessors, and a cluster lies in one of them.
  int left = int(setting("FT_EMULATED_MULTIPROCESSORS", 132));
  int each = blocksPerMultiprocessor(*function->info, shape.block.count(),
                                     shape.sharedBytes);
  int found = 0;
  for (; left > 0; left -= 18)
    found += std::min(left, 18) * each / int(shape.cluster.count());
  *clusters = found;
  return CUDA_SUCCESS;
}
