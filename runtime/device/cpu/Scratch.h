//===- Scratch.h - short-lived memory of the CPU device ---------*- C++ -*-===//
#ifndef FT_RUNTIME_DEVICE_CPU_SCRATCH_H
#define FT_RUNTIME_DEVICE_CPU_SCRATCH_H

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace ft {

/// A stack of allocations that are released together; blocks are kept for the
/// next use, so a steady state allocates nothing.
class Scratch {
public:
  /// Cache-line aligned, contents undefined, valid until reset().
  std::byte *allocate(int64_t bytes) {
    bytes = (bytes + kAlignment - 1) / kAlignment * kAlignment;
    while (current_ < blocks_.size() &&
           used_ + bytes > blocks_[current_].size) {
      ++current_;
      used_ = 0;
    }
    if (current_ == blocks_.size()) {
      int64_t size = std::max(bytes, kBlockBytes);
      blocks_.push_back({std::make_unique_for_overwrite<std::byte[]>(
                             size_t(size + kAlignment)),
                         size});
    }
    std::byte *base = blocks_[current_].memory.get();
    base += -reinterpret_cast<uintptr_t>(base) & uintptr_t(kAlignment - 1);
    std::byte *result = base + used_;
    used_ += bytes;
    return result;
  }
  float *floats(int64_t count) {
    return reinterpret_cast<float *>(allocate(count * int64_t(sizeof(float))));
  }
  void reset() { current_ = 0, used_ = 0; }

private:
  static constexpr int64_t kAlignment = 64, kBlockBytes = 1 << 20;
  struct Block {
    std::unique_ptr<std::byte[]> memory;
    int64_t size;
  };
  std::vector<Block> blocks_;
  size_t current_ = 0;
  int64_t used_ = 0;
};

} // namespace ft

#endif // FT_RUNTIME_DEVICE_CPU_SCRATCH_H
