//===- CudaDevice.h - plans on an NVIDIA GPU --------------------*- C++ -*-===//
#ifndef FT_RUNTIME_DEVICE_CUDA_CUDADEVICE_H
#define FT_RUNTIME_DEVICE_CUDA_CUDADEVICE_H

#include "runtime/device/Device.h"

namespace ft {

/// The GPU of `rank` among those of `ranks`, or a sentence that says why there
/// is none.
StatusOr<std::unique_ptr<Device>> openCudaDevice(int rank, int ranks);

} // namespace ft

#endif // FT_RUNTIME_DEVICE_CUDA_CUDADEVICE_H
