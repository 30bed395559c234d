//===- FakeDevice.h - a device that is host memory --------------*- C++ -*-===//
#ifndef FT_TEST_RUNTIME_WEIGHTS_FAKEDEVICE_H
#define FT_TEST_RUNTIME_WEIGHTS_FAKEDEVICE_H

#include "runtime/base/Random.h"
#include "runtime/device/Device.h"
#include "runtime/weights/TensorSource.h"

#include <algorithm>
#include <cstring>
#include <map>
#include <vector>

namespace ft::test {

/// Memory only. Counts what is alive and the largest copy; can run out.
class FakeDevice : public Device {
public:
  std::string kind() const override { return "fake"; }
  std::string describe() const override { return "fake"; }
  StatusOr<MemoryInfo> memory() override { return MemoryInfo{}; }
  StatusOr<std::byte *> allocate(int64_t bytes, const char *what) override {
    if (int64_t(alive.size()) >= maxAllocations)
      return resourceExhausted(std::string(what) + ": no memory");
    auto memory = std::make_unique<std::vector<std::byte>>(size_t(bytes));
    std::byte *address = memory->data();
    alive[address] = std::move(memory);
    return address;
  }
  void release(std::byte *address) override { alive.erase(address); }
  Status copyIn(std::byte *to, const void *source, int64_t bytes) override {
    largestCopy = std::max(largestCopy, bytes);
    std::memcpy(to, source, size_t(bytes));
    return Status::success();
  }
  Status copyOut(void *to, const std::byte *from, int64_t bytes) override {
    std::memcpy(to, from, size_t(bytes));
    return Status::success();
  }
  Status fill(std::byte *to, uint8_t value, int64_t bytes) override {
    std::memset(to, value, size_t(bytes));
    return Status::success();
  }
  Status fillRandom(std::byte *to, DType dtype, uint64_t key, int64_t first,
                    int64_t count, float scale) override {
    ++randomFills;
    for (int64_t i = 0; i < count; ++i) {
      float value = randomWeight(key, uint64_t(first + i)) * scale;
      narrowFromF32(&value, dtype, 1, to + i * dtypeSize(dtype));
    }
    return Status::success();
  }
  StatusOr<std::unique_ptr<TokenFeed>> makeFeed(std::byte *, int64_t) override {
    return unsupported("the fake device runs nothing");
  }
  int64_t stepsAhead() const override { return 1; }
  StatusOr<std::unique_ptr<Executable>> load(const plan::PlanFile &,
                                             const plan::Entry &,
                                             const plan::Program &,
                                             const Binding &) override {
    return unsupported("the fake device runs nothing");
  }
  StatusOr<std::unique_ptr<Communicator>> connect(std::shared_ptr<RankBoard>,
                                                  int) override {
    return unsupported("the fake device is alone");
  }
  Status synchronize() override { return Status::success(); }

  std::map<std::byte *, std::unique_ptr<std::vector<std::byte>>> alive;
  int64_t maxAllocations = 1000;
  int64_t largestCopy = 0;
  int64_t randomFills = 0;
};

} // namespace ft::test

#endif // FT_TEST_RUNTIME_WEIGHTS_FAKEDEVICE_H
