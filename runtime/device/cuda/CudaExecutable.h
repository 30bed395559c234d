//===- CudaExecutable.h - a program as kernels and graphs -------*- C++ -*-===//
#ifndef FT_RUNTIME_DEVICE_CUDA_CUDAEXECUTABLE_H
#define FT_RUNTIME_DEVICE_CUDA_CUDAEXECUTABLE_H

#include "runtime/device/Device.h"
#include "runtime/device/cuda/CudaContext.h"

namespace ft {

/// Chooses every step's implementation for this GPU, loads its kernels and
/// resolves its arguments. The context and the file outlive the Executable.
StatusOr<std::unique_ptr<Executable>>
loadCudaExecutable(CudaContext &context, const plan::PlanFile &file,
                   const plan::Entry &entry, const plan::Program &program,
                   const Binding &binding);

} // namespace ft

#endif // FT_RUNTIME_DEVICE_CUDA_CUDAEXECUTABLE_H
