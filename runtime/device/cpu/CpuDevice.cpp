//===- CpuDevice.cpp - the device that executes meanings ------------------===//
#include "runtime/device/cpu/CpuDevice.h"

#include "runtime/base/Random.h"
#include "runtime/comm/HostCommunicator.h"
#include "runtime/device/cpu/Convert.h"
#include "runtime/device/cpu/CpuExecutable.h"
#include "runtime/plan/PlanFile.h"

#include <cstdlib>
#include <cstring>
#include <unistd.h>

namespace ft {

namespace {

// Of allocations: whole cache lines and vectors, as on a GPU.
constexpr int64_t kAlignment = 256;
// Elements of a random weight that one task makes.
constexpr int64_t kRandomChunk = 1 << 16;

/// Work is done when it is enqueued.
class CpuFeed final : public TokenFeed {
public:
  CpuFeed(std::byte *memory, int64_t rows) : ring_(size_t(kFeedSteps * rows)) {
    memory_ = feedMemory(memory, ring_.data(), rows);
  }
  Status resolve(int32_t *ids, int64_t count) override {
    resolveOnHost(ids, count, memory_);
    return Status::success();
  }
  Status finish(const FeedSite &site, bool) override {
    finishOnHost(site);
    return Status::success();
  }
  Status mark() override {
    ++steps_;
    return Status::success();
  }
  StatusOr<std::span<const ChosenToken>> wait(int64_t step) override {
    return at(step);
  }

private:
  std::vector<ChosenToken> ring_;
};

class CpuDevice : public Device {
public:
  explicit CpuDevice(CpuOptions options)
      : pool_(options.threads),
        blas_(options.library ? Blas::open() : nullptr) {}

  std::string kind() const override { return "cpu"; }

  std::string describe() const override {
    return "CPU, " + std::to_string(pool_.threads()) +
           (pool_.threads() == 1 ? " thread, " : " threads, ") +
           (blas_ ? blas_->version()
                  : "own matrix products (libopenblas.so.0 not opened)");
  }

  StatusOr<MemoryInfo> memory() override {
    int64_t page = sysconf(_SC_PAGESIZE);
    return MemoryInfo{sysconf(_SC_AVPHYS_PAGES) * page,
                      sysconf(_SC_PHYS_PAGES) * page};
  }

  StatusOr<std::byte *> allocate(int64_t bytes, const char *what) override;
  void release(std::byte *address) override { std::free(address); }

  Status copyIn(std::byte *to, const void *source, int64_t bytes) override {
    if (bytes)
      std::memcpy(to, source, size_t(bytes));
    return Status::success();
  }
  Status copyOut(void *to, const std::byte *from, int64_t bytes) override {
    if (bytes)
      std::memcpy(to, from, size_t(bytes));
    return Status::success();
  }
  Status fill(std::byte *to, uint8_t value, int64_t bytes) override {
    if (bytes)
      std::memset(to, value, size_t(bytes));
    return Status::success();
  }

  Status fillRandom(std::byte *to, DType dtype, uint64_t key, int64_t first,
                    int64_t count, float scale) override;

  StatusOr<std::unique_ptr<TokenFeed>> makeFeed(std::byte *memory,
                                                int64_t rows) override {
    std::memset(memory, 0, size_t(feedBytes(rows)));
    return std::unique_ptr<TokenFeed>(new CpuFeed(memory, rows));
  }
  int64_t stepsAhead() const override { return 1; }

  StatusOr<std::unique_ptr<Executable>> load(const plan::PlanFile &file,
                                             const plan::Entry &entry,
                                             const plan::Program &program,
                                             const Binding &binding) override {
    return loadCpuExecutable(file.plan(), entry, program, binding, pool_,
                             blas_.get());
  }

  StatusOr<std::unique_ptr<Communicator>>
  connect(std::shared_ptr<RankBoard> board, int rank) override {
    return HostCommunicator::connect(std::move(board), rank);
  }

  Status synchronize() override { return Status::success(); }

private:
  ThreadPool pool_;
  std::unique_ptr<Blas> blas_;
};

} // namespace

StatusOr<std::byte *> CpuDevice::allocate(int64_t bytes, const char *what) {
  int64_t total = sysconf(_SC_PHYS_PAGES) * sysconf(_SC_PAGESIZE);
  void *memory = nullptr;
  // Beyond the machine's memory the system may still promise pages, and end
  // the process when they are touched.
  if (bytes >= 0 && bytes <= total)
    memory = std::aligned_alloc(
        kAlignment, size_t(std::max<int64_t>(bytes, 1) + kAlignment - 1) /
                        kAlignment * kAlignment);
  if (!memory)
    return resourceExhausted(
        std::string(what) + ": " + std::to_string(bytes) +
        " bytes do not fit the machine's " + std::to_string(total) +
        "; choose a smaller batch, a shorter context or a smaller model");
  return static_cast<std::byte *>(memory);
}

Status CpuDevice::fillRandom(std::byte *to, DType dtype, uint64_t key,
                             int64_t first, int64_t count, float scale) {
  if (!isFloat(dtype))
    return unsupported("random weights of type " +
                       std::string(dtypeName(dtype)) +
                       "; only f32, f16 and bf16 can be made");
  pool_.forEach(count, kRandomChunk, [&](int64_t begin, int64_t end) {
    std::vector<float> values(size_t(end - begin));
    for (int64_t i = begin; i < end; ++i)
      values[i - begin] = randomWeight(key, uint64_t(first + i)) * scale;
    narrow(to + begin * dtypeSize(dtype), values.data(), dtype, end - begin);
  });
  return Status::success();
}

StatusOr<std::unique_ptr<Device>> openCpuDevice(CpuOptions options) {
  return std::unique_ptr<Device>(std::make_unique<CpuDevice>(options));
}

} // namespace ft
