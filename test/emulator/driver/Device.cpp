//===- Device.cpp - emulated GPUs and their contexts ----------------------===//
#include "test/emulator/driver/Driver.h"

#include <cstring>

using namespace ft::emulator;
using namespace ft::emulator::driver;

static std::atomic<bool> initialized{false};
static thread_local CUcontext current = nullptr;

static int deviceCount() { return int(setting("FT_EMULATED_GPUS", 1)); }

/// Primary contexts by device, the last of each in use. Those that were
/// released stay, as handles lead to them; all that was theirs is gone.
static CUctx_st &primaryContext(CUdevice device) {
  using Contexts = std::vector<std::unique_ptr<CUctx_st>>;
  static std::mutex mutex;
  static auto &contexts = *new std::map<CUdevice, Contexts>;
  std::lock_guard<std::mutex> lock(mutex);
  Contexts &ofDevice = contexts[device];
  if (ofDevice.empty() || ofDevice.back()->ended) {
    ofDevice.push_back(std::make_unique<CUctx_st>());
    ofDevice.back()->ordinal = device;
  }
  return *ofDevice.back();
}

static CUresult checkDevice(const char *call, CUdevice device) {
  if (!initialized)
    return refuse(call, CUDA_ERROR_NOT_INITIALIZED, "cuInit comes first");
  if (device < 0 || device >= deviceCount())
    return refuse(call, CUDA_ERROR_INVALID_DEVICE,
                  "there is no device " + std::to_string(device));
  return CUDA_SUCCESS;
}

CUresult ft::emulator::driver::currentContext(const char *call,
                                              CUcontext &context) {
  if (!initialized)
    return refuse(call, CUDA_ERROR_NOT_INITIALIZED, "cuInit comes first");
  if (!current || current->retained == 0)
    return refuse(call, CUDA_ERROR_INVALID_CONTEXT,
                  "no context is current on this thread");
  context = current;
  return CUresult(context->fault.load());
}

CUresult cuInit(unsigned flags) {
  if (flags != 0)
    return refuse("cuInit", CUDA_ERROR_INVALID_VALUE, "flags are 0");
  if (deviceCount() == 0)
    return CUDA_ERROR_NO_DEVICE;
  initialized = true;
  return CUDA_SUCCESS;
}

/// NVRTC asks for it where a driver is there, and does without.
CUresult cuGetExportTable(const void **table, const CUuuid *) {
  if (table)
    *table = nullptr;
  return CUDA_ERROR_NOT_FOUND;
}

CUresult cuDriverGetVersion(int *version) {
  if (!version)
    return CUDA_ERROR_INVALID_VALUE;
  *version = CUDA_VERSION;
  return CUDA_SUCCESS;
}

CUresult cuDeviceGetCount(int *count) {
  if (!initialized)
    return CUDA_ERROR_NOT_INITIALIZED;
  if (!count)
    return CUDA_ERROR_INVALID_VALUE;
  *count = deviceCount();
  return CUDA_SUCCESS;
}

CUresult cuDeviceGet(CUdevice *device, int ordinal) {
  if (CUresult code = checkDevice("cuDeviceGet", ordinal))
    return code;
  if (!device)
    return CUDA_ERROR_INVALID_VALUE;
  *device = ordinal;
  return CUDA_SUCCESS;
}

CUresult cuDeviceGetName(char *name, int length, CUdevice device) {
  if (CUresult code = checkDevice("cuDeviceGetName", device))
    return code;
  if (!name || length < 1)
    return CUDA_ERROR_INVALID_VALUE;
  std::strncpy(name, "Emulated H200", size_t(length) - 1);
  name[length - 1] = 0;
  return CUDA_SUCCESS;
}

namespace {
struct Attribute {
  CUdevice_attribute name;
  int value;
};
} // namespace

/// Of an H200, but for the number of multiprocessors.
#define FT_ATTRIBUTE(name, value)                                              \
  { CU_DEVICE_ATTRIBUTE_##name, value }
static constexpr Attribute kAttributes[] = {
    FT_ATTRIBUTE(COMPUTE_CAPABILITY_MAJOR, 9),
    FT_ATTRIBUTE(COMPUTE_CAPABILITY_MINOR, 0),
    FT_ATTRIBUTE(WARP_SIZE, 32),
    FT_ATTRIBUTE(MAX_THREADS_PER_BLOCK, 1024),
    FT_ATTRIBUTE(MAX_BLOCK_DIM_X, 1024),
    FT_ATTRIBUTE(MAX_BLOCK_DIM_Y, 1024),
    FT_ATTRIBUTE(MAX_BLOCK_DIM_Z, 64),
    FT_ATTRIBUTE(MAX_GRID_DIM_X, 2147483647),
    FT_ATTRIBUTE(MAX_GRID_DIM_Y, 65535),
    FT_ATTRIBUTE(MAX_GRID_DIM_Z, 65535),
    FT_ATTRIBUTE(MAX_SHARED_MEMORY_PER_BLOCK, 49152),
    FT_ATTRIBUTE(MAX_SHARED_MEMORY_PER_BLOCK_OPTIN, 232448),
    FT_ATTRIBUTE(MAX_SHARED_MEMORY_PER_MULTIPROCESSOR, 233472),
    FT_ATTRIBUTE(RESERVED_SHARED_MEMORY_PER_BLOCK, 1024),
    FT_ATTRIBUTE(MAX_REGISTERS_PER_BLOCK, 65536),
    FT_ATTRIBUTE(MAX_REGISTERS_PER_MULTIPROCESSOR, 65536),
    FT_ATTRIBUTE(MAX_THREADS_PER_MULTIPROCESSOR, 2048),
    FT_ATTRIBUTE(MAX_BLOCKS_PER_MULTIPROCESSOR, 32),
    FT_ATTRIBUTE(L2_CACHE_SIZE, 62914560),
    FT_ATTRIBUTE(UNIFIED_ADDRESSING, 1),
    FT_ATTRIBUTE(COOPERATIVE_LAUNCH, 1),
    FT_ATTRIBUTE(CLUSTER_LAUNCH, 1),
    FT_ATTRIBUTE(TENSOR_MAP_ACCESS_SUPPORTED, 1),
};

CUresult cuDeviceGetAttribute(int *value, CUdevice_attribute name,
                              CUdevice device) {
  if (CUresult code = checkDevice("cuDeviceGetAttribute", device))
    return code;
  if (!value)
    return CUDA_ERROR_INVALID_VALUE;
  if (name == CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT) {
    *value = int(setting("FT_EMULATED_MULTIPROCESSORS", 132));
    return CUDA_SUCCESS;
  }
  for (const Attribute &known : kAttributes)
    if (known.name == name) {
      *value = known.value;
      return CUDA_SUCCESS;
    }
  return refuse("cuDeviceGetAttribute", CUDA_ERROR_INVALID_VALUE,
                "attribute " + std::to_string(int(name)) +
                    " is not in test/emulator/driver/Device.cpp");
}

CUresult cuDevicePrimaryCtxRetain(CUcontext *context, CUdevice device) {
  if (CUresult code = checkDevice("cuDevicePrimaryCtxRetain", device))
    return code;
  if (!context)
    return CUDA_ERROR_INVALID_VALUE;
  CUctx_st &primary = primaryContext(device);
  ++primary.retained;
  *context = &primary;
  return CUDA_SUCCESS;
}

CUresult cuDevicePrimaryCtxRelease(CUdevice device) {
  if (CUresult code = checkDevice("cuDevicePrimaryCtxRelease", device))
    return code;
  CUctx_st &primary = primaryContext(device);
  if (primary.retained == 0)
    return refuse("cuDevicePrimaryCtxRelease", CUDA_ERROR_INVALID_CONTEXT,
                  "it was not retained");
  if (--primary.retained > 0)
    return CUDA_SUCCESS;
  // What is retained next is another context.
  for (CUstream_st *stream : streams().all())
    if (stream->context == &primary)
      removeStream(stream);
  primary.arena.clear();
  primary.ended = true;
  return CUDA_SUCCESS;
}

CUresult cuCtxSetCurrent(CUcontext context) {
  if (!initialized)
    return refuse("cuCtxSetCurrent", CUDA_ERROR_NOT_INITIALIZED,
                  "cuInit comes first");
  if (context && context->retained == 0)
    return refuse("cuCtxSetCurrent", CUDA_ERROR_INVALID_CONTEXT,
                  "the context was released");
  current = context;
  return CUDA_SUCCESS;
}
