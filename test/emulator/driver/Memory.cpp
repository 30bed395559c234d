//===- Memory.cpp - allocations, copies and fills -------------------------===//
#include "test/emulator/driver/Driver.h"

#include <cstdlib>
#include <cstring>

using namespace ft::emulator;
using namespace ft::emulator::driver;

#define FT_CONTEXT(call)                                                       \
  CUcontext context = nullptr;                                                 \
  if (CUresult code = currentContext(call, context))                           \
    return code;

CUresult cuMemGetInfo(size_t *free, size_t *total) {
  FT_CONTEXT("cuMemGetInfo")
  if (free)
    *free = context->arena.total() - context->arena.used();
  if (total)
    *total = context->arena.total();
  return CUDA_SUCCESS;
}

CUresult cuMemAlloc(CUdeviceptr *address, size_t bytes) {
  FT_CONTEXT("cuMemAlloc")
  if (CUresult code = refuseInCapture("cuMemAlloc"))
    return code;
  if (!address || bytes == 0)
    return refuse("cuMemAlloc", CUDA_ERROR_INVALID_VALUE, "0 bytes");
  *address = context->arena.allocate(bytes);
  if (*address == 0)
    return CUDA_ERROR_OUT_OF_MEMORY;
  context->memory.add(reinterpret_cast<void *>(*address), bytes);
  return CUDA_SUCCESS;
}

CUresult cuMemFree(CUdeviceptr address) {
  FT_CONTEXT("cuMemFree")
  if (CUresult code = refuseInCapture("cuMemFree"))
    return code;
  // The real one waits for the device, too.
  CUresult drained = drain(*context);
  if (context->arena.release(address) == 0)
    return refuse("cuMemFree", CUDA_ERROR_INVALID_VALUE,
                  "nothing was allocated there, or it was freed before");
  context->memory.remove(reinterpret_cast<void *>(address));
  return drained;
}

CUresult cuMemAllocHost(void **address, size_t bytes) {
  FT_CONTEXT("cuMemAllocHost")
  if (CUresult code = refuseInCapture("cuMemAllocHost"))
    return code;
  if (!address || bytes == 0)
    return refuse("cuMemAllocHost", CUDA_ERROR_INVALID_VALUE, "0 bytes");
  *address = std::aligned_alloc(4096, (bytes + 4095) / 4096 * 4096);
  if (!*address)
    return CUDA_ERROR_OUT_OF_MEMORY;
  std::memset(*address, 0xff, bytes);
  std::lock_guard<std::mutex> lock(context->pinnedMutex);
  context->pinned[reinterpret_cast<uint64_t>(*address)] = bytes;
  context->memory.add(*address, bytes);
  return CUDA_SUCCESS;
}

// Does not wait: work that still uses the memory is a mistake.
CUresult cuMemFreeHost(void *address) {
  FT_CONTEXT("cuMemFreeHost")
  if (CUresult code = refuseInCapture("cuMemFreeHost"))
    return code;
  std::lock_guard<std::mutex> lock(context->pinnedMutex);
  if (!context->pinned.erase(reinterpret_cast<uint64_t>(address)))
    return refuse("cuMemFreeHost", CUDA_ERROR_INVALID_VALUE,
                  "nothing was allocated there, or it was freed before");
  context->memory.remove(address);
  std::free(address);
  return CUDA_SUCCESS;
}

bool ft::emulator::driver::isDeviceRange(CUctx_st &context, uint64_t begin,
                                         size_t bytes) {
  for (const auto &[start, size] : context.memory.ranges())
    if (begin >= start && begin - start <= size &&
        size - (begin - start) >= bytes)
      return true;
  return false;
}

CUresult ftEmulatedCheck(CUctx_st &context, const Touched &touched,
                         const std::string &what) {
  uint64_t begin = reinterpret_cast<uint64_t>(touched.begin);
  if (touched.bytes == 0 || isDeviceRange(context, begin, touched.bytes))
    return CUDA_SUCCESS;
  return refuse(what.c_str(), CUDA_ERROR_ILLEGAL_ADDRESS,
                std::string(touched.name) + " of " +
                    std::to_string(touched.bytes) +
                    " bytes lies outside what is allocated");
}

//===----------------------------------------------------------------------===//
// Copies and fills
//===----------------------------------------------------------------------===//

/// Host memory is any that is not the device's own: pinned or not.
static CUresult checkHost(CUctx_st &context, const void *host, size_t bytes,
                          const std::string &what) {
  uint64_t begin = reinterpret_cast<uint64_t>(host);
  std::lock_guard<std::mutex> lock(context.pinnedMutex);
  auto next = context.pinned.upper_bound(begin);
  if (next != context.pinned.begin()) {
    auto [start, size] = *std::prev(next);
    if (begin - start < size && size - (begin - start) < bytes)
      return refuse(what.c_str(), CUDA_ERROR_ILLEGAL_ADDRESS,
                    "it runs over the end of pinned memory");
  }
  return CUDA_SUCCESS;
}

CUresult cuMemcpyHtoDAsync(CUdeviceptr to, const void *from, size_t bytes,
                           CUstream stream) {
  FT_CONTEXT("cuMemcpyHtoDAsync")
  if (bytes > 0 && (!from || !isDeviceRange(*context, to, bytes)))
    return refuse("cuMemcpyHtoDAsync", CUDA_ERROR_INVALID_VALUE,
                  "the target is not device memory of that size");
  std::string what = "a copy of " + std::to_string(bytes) + " bytes to the GPU";
  auto run = [=](CUctx_st &context, const Before &) {
    auto *target = reinterpret_cast<void *>(to);
    if (CUresult code =
            ftEmulatedCheck(context, {target, bytes, "the target"}, what))
      return code;
    if (CUresult code = checkHost(context, from, bytes, what))
      return code;
    std::memcpy(target, from, bytes);
    return CUDA_SUCCESS;
  };
  return ftEmulatedEnqueue(stream, {CU_GRAPH_NODE_TYPE_MEMCPY, what, run});
}

CUresult cuMemcpyDtoHAsync(void *to, CUdeviceptr from, size_t bytes,
                           CUstream stream) {
  FT_CONTEXT("cuMemcpyDtoHAsync")
  if (bytes > 0 && (!to || !isDeviceRange(*context, from, bytes)))
    return refuse("cuMemcpyDtoHAsync", CUDA_ERROR_INVALID_VALUE,
                  "the source is not device memory of that size");
  std::string what =
      "a copy of " + std::to_string(bytes) + " bytes to the host";
  auto run = [=](CUctx_st &context, const Before &) {
    auto *source = reinterpret_cast<const void *>(from);
    if (CUresult code =
            ftEmulatedCheck(context, {source, bytes, "the source"}, what))
      return code;
    if (CUresult code = checkHost(context, to, bytes, what))
      return code;
    std::memcpy(to, source, bytes);
    return CUDA_SUCCESS;
  };
  return ftEmulatedEnqueue(stream, {CU_GRAPH_NODE_TYPE_MEMCPY, what, run});
}

CUresult cuMemsetD8Async(CUdeviceptr to, unsigned char value, size_t bytes,
                         CUstream stream) {
  FT_CONTEXT("cuMemsetD8Async")
  if (bytes > 0 && !isDeviceRange(*context, to, bytes))
    return refuse("cuMemsetD8Async", CUDA_ERROR_INVALID_VALUE,
                  "the target is not device memory of that size");
  std::string what = "a fill of " + std::to_string(bytes) + " bytes";
  auto run = [=](CUctx_st &context, const Before &) {
    auto *target = reinterpret_cast<void *>(to);
    if (CUresult code =
            ftEmulatedCheck(context, {target, bytes, "the target"}, what))
      return code;
    std::memset(target, value, bytes);
    return CUDA_SUCCESS;
  };
  return ftEmulatedEnqueue(stream, {CU_GRAPH_NODE_TYPE_MEMSET, what, run});
}

CUresult cuMemcpy2DAsync(const CUDA_MEMCPY2D *copy, CUstream stream) {
  FT_CONTEXT("cuMemcpy2DAsync")
  const char *call = "cuMemcpy2DAsync";
  if (!copy)
    return CUDA_ERROR_INVALID_VALUE;
  CUDA_MEMCPY2D c = *copy;
  if (c.srcMemoryType != CU_MEMORYTYPE_DEVICE ||
      c.dstMemoryType != CU_MEMORYTYPE_DEVICE)
    return refuse(call, CUDA_ERROR_NOT_SUPPORTED,
                  "the stand-in copies from device to device only");
  if (c.srcPitch < c.srcXInBytes + c.WidthInBytes ||
      c.dstPitch < c.dstXInBytes + c.WidthInBytes)
    return refuse(call, CUDA_ERROR_INVALID_VALUE,
                  "rows are wider than the pitch");
  if (c.WidthInBytes == 0 || c.Height == 0)
    return CUDA_SUCCESS;
  auto run = [=](CUctx_st &context, const Before &) {
    for (size_t row = 0; row < c.Height; ++row) {
      auto *from = reinterpret_cast<const char *>(c.srcDevice) +
                   (c.srcY + row) * c.srcPitch + c.srcXInBytes;
      auto *to = reinterpret_cast<char *>(c.dstDevice) +
                 (c.dstY + row) * c.dstPitch + c.dstXInBytes;
      for (Touched part : {Touched{from, c.WidthInBytes, "a row"},
                           Touched{to, c.WidthInBytes, "a row"}})
        if (CUresult code = ftEmulatedCheck(context, part, call))
          return code;
      std::memmove(to, from, c.WidthInBytes);
    }
    return CUDA_SUCCESS;
  };
  return ftEmulatedEnqueue(stream, {CU_GRAPH_NODE_TYPE_MEMCPY, call, run});
}
