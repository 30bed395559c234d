//===- CudaContext.h - a GPU, its context and stream ------------*- C++ -*-===//
#ifndef FT_RUNTIME_DEVICE_CUDA_CUDACONTEXT_H
#define FT_RUNTIME_DEVICE_CUDA_CUDACONTEXT_H

#include "runtime/device/cuda/Gemm.h"
#include "runtime/device/cuda/Libraries.h"

#include <memory>
#include <string>
#include <vector>

namespace ft {

class NcclCommunicator;

/// What the parts of the device share. Owned by the device, which outlives
/// its executables; owns the context, the stream and the GEMM library.
class CudaContext {
public:
  /// Opens GPU `ordinal` of the `wanted` that a plan's ranks need.
  static StatusOr<std::unique_ptr<CudaContext>> open(int ordinal, int wanted);
  ~CudaContext();

  /// Make the context current on the calling thread.
  Status use();
  StatusOr<int> attribute(CUdevice_attribute name);
  /// Device memory; the error names `what`, the bytes wanted and those free.
  StatusOr<CUdeviceptr> allocate(int64_t bytes, const std::string &what);
  Status synchronize();
  /// Waits for a recorded event.
  Status waitFor(CUevent event, const std::string &what);
  /// cuBLASLt, opened with its workspace at the first call.
  StatusOr<GemmLibrary *> gemms();
  /// Names of code that runs here, best first: "sm_90a", "compute_90a", "ptx".
  std::vector<std::string> architectures() const;

  const CudaDriver &cu;
  CUdevice device = 0;
  CUcontext context = nullptr;
  CUstream stream = nullptr;
  int major = 0, minor = 0; // compute capability
  std::string name;
  /// Of a rank among several: then waits go through it.
  NcclCommunicator *communicator = nullptr;

private:
  explicit CudaContext(const CudaDriver &driver) : cu(driver) {}
  CUdeviceptr workspace_ = 0;
  std::unique_ptr<GemmLibrary> gemms_;
};

/// Machine code in the driver, unloaded with this object.
class LoadedCode {
public:
  /// `image` is a cubin, or PTX text that ends with a zero byte.
  static StatusOr<LoadedCode> load(const CudaContext &context,
                                   const void *image, const char *function);
  LoadedCode(LoadedCode &&other) noexcept
      : cu_(other.cu_), library_(other.library_), function_(other.function_) {
    other.library_ = nullptr;
  }
  LoadedCode &operator=(LoadedCode &&) = delete;
  ~LoadedCode() {
    if (library_)
      cu_->cuLibraryUnload(library_);
  }
  CUfunction function() const { return function_; }

private:
  LoadedCode(const CudaDriver &cu, CUlibrary library)
      : cu_(&cu), library_(library) {}
  const CudaDriver *cu_;
  CUlibrary library_;
  CUfunction function_ = nullptr;
};

} // namespace ft

#endif // FT_RUNTIME_DEVICE_CUDA_CUDACONTEXT_H
