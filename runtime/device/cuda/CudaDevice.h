//===- CudaDevice.h - plans on an NVIDIA GPU --------------------*- C++ -*-===//
#ifndef FT_RUNTIME_DEVICE_CUDA_CUDADEVICE_H
#define FT_RUNTIME_DEVICE_CUDA_CUDADEVICE_H

#include "runtime/device/Device.h"

namespace ft {

/// The first GPU of the machine, or a sentence that says why there is none.
StatusOr<std::unique_ptr<Device>> openCudaDevice();

} // namespace ft

#endif // FT_RUNTIME_DEVICE_CUDA_CUDADEVICE_H
