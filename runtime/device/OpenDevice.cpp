//===- OpenDevice.cpp - devices by name -----------------------------------===//
#include "runtime/device/Device.h"
#include "runtime/device/cpu/CpuDevice.h"

#ifdef FT_HAVE_CUDA
#include "runtime/device/cuda/CudaDevice.h"
#endif

#include <algorithm>
#include <thread>

namespace ft {

#ifndef FT_HAVE_CUDA
static StatusOr<std::unique_ptr<Device>> openCudaDevice(int, int) {
  return unsupported("device 'cuda': this program was built without the CUDA "
                     "device; install the CUDA toolkit headers and build "
                     "again, or use --device cpu");
}
#endif

static StatusOr<std::unique_ptr<Device>> openRank(const std::string &kind,
                                                  int rank, int ranks) {
  if (kind == "cpu") {
    int cores = int(std::thread::hardware_concurrency());
    return openCpuDevice({.threads = std::max(1, cores / ranks)});
  }
  if (kind == "cuda")
    return openCudaDevice(rank, ranks);
  return invalidArgument("device '" + kind + "': expected 'cpu' or 'cuda'");
}

StatusOr<std::vector<std::unique_ptr<Device>>>
openDevices(const std::string &kind, int ranks) {
  if (kind.empty()) {
    auto cuda = openDevices("cuda", ranks);
    // A machine with too few GPUs is the user's to decide.
    return cuda.ok() || cuda.status().code() == StatusCode::OutOfRange
               ? std::move(cuda)
               : openDevices("cpu", ranks);
  }
  std::vector<std::unique_ptr<Device>> devices;
  for (int rank = 0; rank < ranks; ++rank) {
    FT_ASSIGN_OR_RETURN(auto device, openRank(kind, rank, ranks));
    devices.push_back(std::move(device));
  }
  return devices;
}

StatusOr<std::unique_ptr<Device>> openDevice(const std::string &kind) {
  FT_ASSIGN_OR_RETURN(auto devices, openDevices(kind, 1));
  return std::move(devices[0]);
}

} // namespace ft
