//===- Error.cpp - names of errors, refusals, settings --------------------===//
#include "test/emulator/driver/Driver.h"

#include <cstdio>
#include <cstdlib>

using namespace ft::emulator;
using namespace ft::emulator::driver;

int64_t ft::emulator::driver::setting(const char *name, int64_t otherwise) {
  const char *text = std::getenv(name);
  return text && *text ? std::strtoll(text, nullptr, 10) : otherwise;
}

namespace {
struct ErrorName {
  CUresult code;
  const char *name;
};
} // namespace

// Those that the stand-ins return.
#define FT_ERROR(name)                                                         \
  { name, #name }
static constexpr ErrorName kNames[] = {
    FT_ERROR(CUDA_SUCCESS),
    FT_ERROR(CUDA_ERROR_INVALID_VALUE),
    FT_ERROR(CUDA_ERROR_OUT_OF_MEMORY),
    FT_ERROR(CUDA_ERROR_NOT_INITIALIZED),
    FT_ERROR(CUDA_ERROR_NO_DEVICE),
    FT_ERROR(CUDA_ERROR_INVALID_DEVICE),
    FT_ERROR(CUDA_ERROR_INVALID_IMAGE),
    FT_ERROR(CUDA_ERROR_INVALID_CONTEXT),
    FT_ERROR(CUDA_ERROR_NO_BINARY_FOR_GPU),
    FT_ERROR(CUDA_ERROR_INVALID_PTX),
    FT_ERROR(CUDA_ERROR_INVALID_HANDLE),
    FT_ERROR(CUDA_ERROR_NOT_FOUND),
    FT_ERROR(CUDA_ERROR_NOT_READY),
    FT_ERROR(CUDA_ERROR_ILLEGAL_ADDRESS),
    FT_ERROR(CUDA_ERROR_LAUNCH_OUT_OF_RESOURCES),
    FT_ERROR(CUDA_ERROR_MISALIGNED_ADDRESS),
    FT_ERROR(CUDA_ERROR_LAUNCH_FAILED),
    FT_ERROR(CUDA_ERROR_NOT_SUPPORTED),
    FT_ERROR(CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED),
    FT_ERROR(CUDA_ERROR_STREAM_CAPTURE_INVALIDATED),
    FT_ERROR(CUDA_ERROR_CAPTURED_EVENT),
    FT_ERROR(CUDA_ERROR_STREAM_CAPTURE_WRONG_THREAD),
    FT_ERROR(CUDA_ERROR_ILLEGAL_STATE),
    FT_ERROR(CUDA_ERROR_INVALID_CLUSTER_SIZE),
};

CUresult cuGetErrorName(CUresult error, const char **text) {
  if (!text)
    return CUDA_ERROR_INVALID_VALUE;
  *text = nullptr;
  for (const ErrorName &known : kNames)
    if (known.code == error)
      *text = known.name;
  return *text ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

CUresult ft::emulator::driver::refuse(const char *call, CUresult code,
                                      const std::string &why) {
  const char *name = "";
  cuGetErrorName(code, &name);
  std::fprintf(stderr, "emulated GPU: %s: %s: %s\n", call, name, why.c_str());
  return code;
}
