//===- CudaContext.cpp - a GPU, its context and stream --------------------===//
#include "runtime/device/cuda/CudaContext.h"

#include "runtime/device/cuda/NcclCommunicator.h"

namespace ft {

StatusOr<std::unique_ptr<CudaContext>> CudaContext::open(int ordinal,
                                                         int wanted) {
  FT_ASSIGN_OR_RETURN(const CudaDriver *cu, openCudaDriver());
  CUresult started = cu->cuInit(0);
  int count = 0;
  if (started == CUDA_SUCCESS)
    FT_CUDA(*cu, cuDeviceGetCount, "device 'cuda'", &count);
  if (started == CUDA_ERROR_NO_DEVICE ||
      (started == CUDA_SUCCESS && count == 0))
    return notFound("device 'cuda': there is no NVIDIA GPU on this machine; "
                    "use --device cpu");
  FT_RETURN_IF_ERROR(cudaStatus(*cu, started, "cuInit", "device 'cuda'"));
  if (count < wanted)
    return outOfRange("device 'cuda': the plan runs on " +
                      std::to_string(wanted) + " GPUs, this machine has " +
                      std::to_string(count) +
                      "; compile it with a smaller --tp, or use --device cpu");
  std::unique_ptr<CudaContext> context(new CudaContext(*cu));
  std::string gpu = "GPU " + std::to_string(ordinal);
  FT_CUDA(*cu, cuDeviceGet, gpu, &context->device, ordinal);
  char name[128] = {};
  FT_CUDA(*cu, cuDeviceGetName, gpu, name, sizeof(name), context->device);
  context->name = name;
  FT_ASSIGN_OR_RETURN(
      context->major,
      context->attribute(CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR));
  FT_ASSIGN_OR_RETURN(
      context->minor,
      context->attribute(CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MINOR));
  if (context->major < 8)
    return unsupported("device 'cuda': " + context->name +
                       " has compute "
                       "capability " +
                       std::to_string(context->major) + "." +
                       std::to_string(context->minor) +
                       ", 8.0 is the least; use --device cpu");
  FT_CUDA(*cu, cuDevicePrimaryCtxRetain, context->name, &context->context,
          context->device);
  FT_RETURN_IF_ERROR(context->use());
  FT_CUDA(*cu, cuStreamCreate, context->name, &context->stream,
          CU_STREAM_NON_BLOCKING);
  return context;
}

CudaContext::~CudaContext() {
  if (!context)
    return;
  cu.cuCtxSetCurrent(context);
  gemms_.reset();
  if (workspace_)
    cu.cuMemFree(workspace_);
  if (stream)
    cu.cuStreamDestroy(stream);
  cu.cuDevicePrimaryCtxRelease(device);
}

Status CudaContext::use() {
  FT_CUDA(cu, cuCtxSetCurrent, name, context);
  return Status::success();
}

StatusOr<int> CudaContext::attribute(CUdevice_attribute attribute) {
  int value = 0;
  FT_CUDA(cu, cuDeviceGetAttribute, name, &value, attribute, device);
  return value;
}

static std::string gigabytes(int64_t bytes) {
  char text[64];
  snprintf(text, sizeof(text), "%.3f GiB", double(bytes) / (1 << 30));
  return text;
}

StatusOr<CUdeviceptr> CudaContext::allocate(int64_t bytes,
                                            const std::string &what) {
  FT_RETURN_IF_ERROR(use());
  CUdeviceptr address = 0;
  CUresult code = cu.cuMemAlloc(&address, size_t(bytes > 0 ? bytes : 1));
  if (code == CUDA_SUCCESS)
    return address;
  size_t free = 0, total = 0;
  cu.cuMemGetInfo(&free, &total);
  // Absurd sizes are refused with other codes than a full memory.
  if (code == CUDA_ERROR_OUT_OF_MEMORY || bytes > int64_t(free))
    return resourceExhausted(what + " needs " + gigabytes(bytes) + " (" +
                             std::to_string(bytes) + " bytes) on " + name +
                             ", which has " + gigabytes(int64_t(free)) +
                             " free of " + gigabytes(int64_t(total)) +
                             "; lower the batch, the cache or the dtype");
  return cudaStatus(cu, code, "cuMemAlloc",
                    what + " (" + std::to_string(bytes) + " bytes)");
}

Status CudaContext::synchronize() {
  FT_RETURN_IF_ERROR(use());
  if (communicator)
    return communicator->synchronize();
  FT_CUDA(cu, cuStreamSynchronize, "the work enqueued on " + name, stream);
  return Status::success();
}

Status CudaContext::waitFor(CUevent event, const std::string &what) {
  if (communicator)
    return communicator->wait([&] { return cu.cuEventQuery(event); }, what);
  FT_CUDA(cu, cuEventSynchronize, what, event);
  return Status::success();
}

StatusOr<GemmLibrary *> CudaContext::gemms() {
  if (gemms_)
    return gemms_.get();
  if (!workspace_) {
    FT_ASSIGN_OR_RETURN(workspace_, allocate(GemmLibrary::kWorkspaceBytes,
                                             "the GEMM workspace"));
  }
  FT_ASSIGN_OR_RETURN(
      gemms_, GemmLibrary::open(reinterpret_cast<std::byte *>(workspace_),
                                GemmLibrary::kWorkspaceBytes));
  return gemms_.get();
}

std::vector<std::string> CudaContext::architectures() const {
  std::vector<std::string> names;
  if (major == 8)
    names.push_back("sm_80");
  if (major == 9 && minor == 0)
    names.insert(names.end(), {"sm_90a", "compute_90a"});
  if (major == 10)
    names.insert(names.end(), {"sm_100f", "compute_100f"});
  names.push_back("ptx");
  return names;
}

StatusOr<LoadedCode> LoadedCode::load(const CudaContext &context,
                                      const void *image, const char *function) {
  const CudaDriver &cu = context.cu;
  std::string what = "kernel '" + std::string(function) + "'";
  CUlibrary library = nullptr;
  FT_CUDA(cu, cuLibraryLoadData, what, &library, image, nullptr, nullptr, 0,
          nullptr, nullptr, 0);
  LoadedCode code(cu, library);
  CUkernel kernel = nullptr;
  FT_CUDA(cu, cuLibraryGetKernel, what, &kernel, library, function);
  FT_CUDA(cu, cuKernelGetFunction, what, &code.function_, kernel);
  return code;
}

} // namespace ft
