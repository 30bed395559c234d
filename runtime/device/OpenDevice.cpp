//===- OpenDevice.cpp - devices by name -----------------------------------===//
#include "runtime/device/Device.h"
#include "runtime/device/cpu/CpuDevice.h"

#ifdef FT_HAVE_CUDA
#include "runtime/device/cuda/CudaDevice.h"
#endif

namespace ft {

#ifndef FT_HAVE_CUDA
static StatusOr<std::unique_ptr<Device>> openCudaDevice() {
  return unsupported("device 'cuda': this program was built without the CUDA "
                     "device; install the CUDA toolkit headers and build "
                     "again, or use --device cpu");
}
#endif

StatusOr<std::unique_ptr<Device>> openDevice(const std::string &kind) {
  if (kind == "cpu")
    return openCpuDevice();
  if (kind == "cuda")
    return openCudaDevice();
  if (!kind.empty())
    return invalidArgument("device '" + kind + "': expected 'cpu' or 'cuda'");
  StatusOr<std::unique_ptr<Device>> cuda = openCudaDevice();
  return cuda.ok() ? std::move(cuda) : openCpuDevice();
}

} // namespace ft
