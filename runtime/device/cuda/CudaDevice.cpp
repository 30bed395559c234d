//===- CudaDevice.cpp - plans on an NVIDIA GPU ----------------------------===//
#include "runtime/device/cuda/CudaDevice.h"

#include "runtime/device/cuda/CudaContext.h"
#include "runtime/device/cuda/CudaExecutable.h"
#include "runtime/device/cuda/CudaFeed.h"
#include "runtime/device/cuda/NcclCommunicator.h"
#include "runtime/device/cuda/RandomWeightsPtx.h"
#include "runtime/device/cuda/StagingRing.h"

#include <algorithm>

namespace ft {

namespace {

class CudaDevice final : public Device {
public:
  /// `ranks`: devices that this process opens.
  CudaDevice(std::unique_ptr<CudaContext> context, int ranks)
      : context_(std::move(context)), staging_(*context_, ranks) {}

  std::string kind() const override { return "cuda"; }
  std::string describe() const override;
  StatusOr<MemoryInfo> memory() override;
  plan::Machine machine() const override;
  StatusOr<std::byte *> allocate(int64_t bytes, const char *what) override;
  void release(std::byte *address) override;
  Status copyIn(std::byte *to, const void *source, int64_t bytes) override;
  Status copyOut(void *to, const std::byte *from, int64_t bytes) override;
  Status fill(std::byte *to, uint8_t value, int64_t bytes) override;
  Status fillRandom(std::byte *to, DType dtype, uint64_t key, int64_t first,
                    int64_t count, float scale) override;
  StatusOr<std::unique_ptr<TokenFeed>> makeFeed(std::byte *memory,
                                                int64_t rows) override {
    FT_RETURN_IF_ERROR(fill(memory, 0, feedBytes(rows)));
    return CudaFeed::create(*context_, memory, rows);
  }
  // One runs, one waits on the device, one is being enqueued.
  int64_t stepsAhead() const override { return 3; }
  StatusOr<std::unique_ptr<Executable>> load(const plan::PlanFile &file,
                                             const plan::Entry &entry,
                                             const plan::Program &program,
                                             const Binding &binding) override;
  StatusOr<std::unique_ptr<Communicator>>
  connect(std::shared_ptr<RankBoard> board, int rank) override;
  Status synchronize() override { return context_->synchronize(); }

private:
  std::unique_ptr<CudaContext> context_;
  StagingRing staging_;
  std::optional<LoadedCode> random_; // loaded at first use
};

} // namespace

static CUdeviceptr address(const std::byte *pointer) {
  return reinterpret_cast<CUdeviceptr>(pointer);
}

std::string CudaDevice::describe() const {
  int version = 0;
  context_->cu.cuDriverGetVersion(&version);
  return context_->name + " (sm_" + std::to_string(context_->major) +
         std::to_string(context_->minor) + "), driver for CUDA " +
         std::to_string(version / 1000) + "." +
         std::to_string(version % 1000 / 10);
}

plan::Machine CudaDevice::machine() const {
  plan::Machine machine{context_->name, "", ""};
  int version = 0;
  context_->cu.cuDriverGetVersion(&version);
  machine.driver = "CUDA " + std::to_string(version);
  if (auto lt = openCublasLt(); lt.ok())
    machine.library = "cuBLASLt " + std::to_string((*lt)->cublasLtGetVersion());
  return machine;
}

StatusOr<MemoryInfo> CudaDevice::memory() {
  FT_RETURN_IF_ERROR(context_->use());
  size_t free = 0, total = 0;
  FT_CUDA(context_->cu, cuMemGetInfo, context_->name, &free, &total);
  return MemoryInfo{int64_t(free), int64_t(total)};
}

StatusOr<std::byte *> CudaDevice::allocate(int64_t bytes, const char *what) {
  if (bytes < 0)
    return invalidArgument(std::string(what) + ": a size of " +
                           std::to_string(bytes) + " bytes is negative");
  FT_ASSIGN_OR_RETURN(CUdeviceptr memory, context_->allocate(bytes, what));
  return reinterpret_cast<std::byte *>(memory);
}

void CudaDevice::release(std::byte *memory) {
  if (memory && context_->use().ok())
    context_->cu.cuMemFree(address(memory));
}

Status CudaDevice::copyIn(std::byte *to, const void *source, int64_t bytes) {
  FT_RETURN_IF_ERROR(context_->use());
  return staging_.copyIn(address(to), static_cast<const std::byte *>(source),
                         bytes);
}

Status CudaDevice::copyOut(void *to, const std::byte *from, int64_t bytes) {
  FT_RETURN_IF_ERROR(context_->use());
  if (bytes > 0)
    FT_CUDA(context_->cu, cuMemcpyDtoHAsync,
            "a copy of " + std::to_string(bytes) + " bytes to the host", to,
            address(from), size_t(bytes), context_->stream);
  return context_->synchronize();
}

Status CudaDevice::fill(std::byte *to, uint8_t value, int64_t bytes) {
  FT_RETURN_IF_ERROR(context_->use());
  if (bytes > 0)
    FT_CUDA(context_->cu, cuMemsetD8Async,
            "a fill of " + std::to_string(bytes) + " bytes", address(to), value,
            size_t(bytes), context_->stream);
  return Status::success();
}

Status CudaDevice::fillRandom(std::byte *to, DType dtype, uint64_t key,
                              int64_t first, int64_t count, float scale) {
  if (dtype != DType::F32 && dtype != DType::F16 && dtype != DType::BF16)
    return unsupported("random weights are f32, f16 or bf16, not " +
                       std::string(dtypeName(dtype)));
  if (count <= 0)
    return Status::success();
  FT_RETURN_IF_ERROR(context_->use());
  if (!random_) {
    FT_ASSIGN_OR_RETURN(
        LoadedCode code,
        LoadedCode::load(*context_, kRandomWeightsPtx, "ft_random_weights"));
    random_.emplace(std::move(code));
  }
  CUdeviceptr pointer = address(to);
  int kind = dtype == DType::F32 ? 0 : dtype == DType::F16 ? 1 : 2;
  void *arguments[] = {&pointer, &key, &first, &count, &scale, &kind};
  constexpr int kThreads = 256;
  CUlaunchConfig config{};
  config.gridDimX = unsigned(
      std::min<int64_t>((count + kThreads - 1) / kThreads, int64_t(1) << 16));
  config.gridDimY = config.gridDimZ = 1;
  config.blockDimX = kThreads;
  config.blockDimY = config.blockDimZ = 1;
  config.hStream = context_->stream;
  FT_CUDA(context_->cu, cuLaunchKernelEx, "random weights", &config,
          random_->function(), arguments, nullptr);
  return Status::success();
}

StatusOr<std::unique_ptr<Communicator>>
CudaDevice::connect(std::shared_ptr<RankBoard> board, int rank) {
  FT_RETURN_IF_ERROR(context_->use());
  FT_ASSIGN_OR_RETURN(
      std::unique_ptr<NcclCommunicator> communicator,
      NcclCommunicator::connect(*context_, std::move(board), rank));
  return std::unique_ptr<Communicator>(std::move(communicator));
}

StatusOr<std::unique_ptr<Executable>>
CudaDevice::load(const plan::PlanFile &file, const plan::Entry &entry,
                 const plan::Program &program, const Binding &binding) {
  FT_RETURN_IF_ERROR(context_->use());
  return loadCudaExecutable(*context_, file, entry, program, binding);
}

StatusOr<std::unique_ptr<Device>> openCudaDevice(int rank, int ranks) {
  FT_ASSIGN_OR_RETURN(std::unique_ptr<CudaContext> context,
                      CudaContext::open(rank, ranks));
  return std::unique_ptr<Device>(new CudaDevice(std::move(context), ranks));
}

} // namespace ft
