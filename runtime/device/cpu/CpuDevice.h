//===- CpuDevice.h - the device that executes meanings ----------*- C++ -*-===//
#ifndef FT_RUNTIME_DEVICE_CPU_CPUDEVICE_H
#define FT_RUNTIME_DEVICE_CPU_CPUDEVICE_H

#include "runtime/device/Device.h"

namespace ft {

struct CpuOptions {
  /// 0: one for each core this process may use. Results do not depend on it.
  int threads = 0;
  /// Whether to open the BLAS library; without it our own loops multiply.
  bool library = true;
};

/// Executes the meaning of each step, op by op, in fp32, on the caller's
/// thread and a pool. Work is done when a call returns. The same plan, inputs
/// and library give the same bits on any number of threads.
StatusOr<std::unique_ptr<Device>> openCpuDevice(CpuOptions options = {});

} // namespace ft

#endif // FT_RUNTIME_DEVICE_CPU_CPUDEVICE_H
