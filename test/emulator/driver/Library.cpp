//===- Library.cpp - code and its functions -------------------------------===//
#include "test/emulator/driver/Driver.h"

#include <cstring>

using namespace ft::emulator;
using namespace ft::emulator::driver;

// Shared memory of a CTA in all, unless more is allowed, and at most.
static constexpr int kDefaultShared = 48 * 1024, kMostShared = 227 * 1024;

Handles<CUlib_st> &ft::emulator::driver::libraries() {
  static auto &all = *new Handles<CUlib_st>;
  return all;
}

/// Cubins and fat binaries hold machine code, which nobody here can run.
static bool isMachineCode(const void *image) {
  uint32_t magic = 0;
  std::memcpy(&magic, image, sizeof(magic));
  return magic == 0x464c457f /* ELF */ || magic == 0xba55ed50;
}

/// The number behind `.target sm_`, 0 without.
static int targetOf(const char *text) {
  const char *found = std::strstr(text, "\n.target sm_");
  return found ? std::atoi(found + std::strlen("\n.target sm_")) : 0;
}

CUresult cuLibraryLoadData(CUlibrary *library, const void *image,
                           CUjit_option *, void **, unsigned jitOptions,
                           CUlibraryOption *, void **, unsigned options) {
  const char *call = "cuLibraryLoadData";
  CUcontext context = nullptr;
  if (CUresult code = currentContext(call, context))
    return code;
  if (!library || !image)
    return CUDA_ERROR_INVALID_VALUE;
  if (jitOptions + options > 0)
    return refuse(call, CUDA_ERROR_NOT_SUPPORTED,
                  "the stand-in knows no options");
  if (isMachineCode(image))
    return refuse(call, CUDA_ERROR_NO_BINARY_FOR_GPU,
                  "machine code cannot be interpreted, PTX can: compile the "
                  "plan with --target compute_90a or ptx");
  auto *text = static_cast<const char *>(image);
  if (targetOf(text) > 90)
    return refuse(call, CUDA_ERROR_NO_BINARY_FOR_GPU,
                  "PTX for sm_" + std::to_string(targetOf(text)));
  auto parsed = Module::parse(text);
  if (!parsed.ok())
    return refuse(call, CUDA_ERROR_INVALID_PTX, parsed.status().message());
  auto made = std::make_unique<CUlib_st>();
  made->code = std::make_shared<Code>();
  made->code->module = *std::move(parsed);
  for (const std::string &name : made->code->module->functions()) {
    auto kernel = std::make_unique<CUkern_st>();
    kernel->function = std::make_unique<CUfunc_st>();
    kernel->function->code = made->code;
    kernel->function->info = made->code->module->find(name);
    kernel->function->mostDynamicShared =
        kDefaultShared - int(kernel->function->info->staticShared);
    made->kernels.emplace(name, std::move(kernel));
  }
  *library = libraries().add(std::move(made));
  return CUDA_SUCCESS;
}

CUresult cuLibraryUnload(CUlibrary library) {
  std::unique_ptr<CUlib_st> gone = libraries().take(library);
  if (!gone)
    return refuse("cuLibraryUnload", CUDA_ERROR_INVALID_HANDLE,
                  "there is no such library");
  gone->code->unloaded = true; // launches that come later are mistakes
  return CUDA_SUCCESS;
}

CUresult cuLibraryGetKernel(CUkernel *kernel, CUlibrary library,
                            const char *name) {
  const char *call = "cuLibraryGetKernel";
  if (!libraries().has(library))
    return refuse(call, CUDA_ERROR_INVALID_HANDLE, "there is no such library");
  if (!kernel || !name)
    return CUDA_ERROR_INVALID_VALUE;
  auto found = library->kernels.find(name);
  if (found == library->kernels.end())
    return refuse(call, CUDA_ERROR_NOT_FOUND,
                  "no kernel '" + std::string(name) + "' in the PTX");
  *kernel = found->second.get();
  return CUDA_SUCCESS;
}

/// Kernels live in their libraries.
static bool isLive(CUkernel kernel) {
  for (CUlib_st *library : libraries().all())
    for (const auto &item : library->kernels)
      if (item.second.get() == kernel)
        return true;
  return false;
}

bool ft::emulator::driver::isLiveFunction(CUfunction function) {
  for (CUlib_st *library : libraries().all())
    for (const auto &item : library->kernels)
      if (item.second->function.get() == function)
        return true;
  return false;
}

CUresult cuKernelGetFunction(CUfunction *function, CUkernel kernel) {
  CUcontext context = nullptr;
  if (CUresult code = currentContext("cuKernelGetFunction", context))
    return code;
  if (!function)
    return CUDA_ERROR_INVALID_VALUE;
  if (!isLive(kernel))
    return refuse("cuKernelGetFunction", CUDA_ERROR_INVALID_HANDLE,
                  "there is no such kernel");
  *function = kernel->function.get();
  return CUDA_SUCCESS;
}

CUresult cuFuncSetAttribute(CUfunction function, CUfunction_attribute name,
                            int value) {
  const char *call = "cuFuncSetAttribute";
  CUcontext context = nullptr;
  if (CUresult code = currentContext(call, context))
    return code;
  if (!isLiveFunction(function))
    return refuse(call, CUDA_ERROR_INVALID_HANDLE, "there is no such function");
  if (name == CU_FUNC_ATTRIBUTE_PREFERRED_SHARED_MEMORY_CARVEOUT)
    return value >= -1 && value <= 100 ? CUDA_SUCCESS
                                       : CUDA_ERROR_INVALID_VALUE;
  if (name != CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES)
    return refuse(call, CUDA_ERROR_INVALID_VALUE,
                  "attribute " + std::to_string(int(name)) +
                      " cannot be set in the stand-in");
  int own = int(function->info->staticShared);
  if (value < 0 || value > kMostShared - own)
    return refuse(call, CUDA_ERROR_INVALID_VALUE,
                  std::to_string(value) + " bytes of shared memory beside " +
                      std::to_string(own) +
                      " of the kernel's own are more "
                      "than the 232448 of a block");
  function->mostDynamicShared = value;
  return CUDA_SUCCESS;
}
