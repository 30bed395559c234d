//===- Arena.cpp - the memory of an emulated device -----------------------===//
#include "test/emulator/driver/Driver.h"

#include <cstring>
#include <sys/mman.h>

using namespace ft::emulator;
using namespace ft::emulator::driver;

// What the driver promises is 256; kernels must not come to need more.
static constexpr uint64_t kAlignment = 256, kOffset = 256;
// Nobody's bytes between two allocations.
static constexpr uint64_t kGap = 2048;
// All floats NaN, all integers -1.
static constexpr int kPoison = 0xff;

size_t Arena::total() const {
  return size_t(setting("FT_EMULATED_MEMORY_MB", 4096)) << 20;
}

void Arena::reserve() {
  if (begin_)
    return;
  void *memory = mmap(nullptr, total(), PROT_NONE,
                      MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (memory == MAP_FAILED)
    return;
  begin_ = static_cast<std::byte *>(memory);
  madvise(begin_, total(), MADV_HUGEPAGE); // opened and closed at every wait
}

void Arena::clear() {
  std::lock_guard<std::mutex> lock(mutex_);
  if (begin_)
    munmap(begin_, total());
  begin_ = nullptr;
  taken_.clear();
  used_ = 0;
}

uint64_t Arena::allocate(size_t bytes) {
  uint64_t address = 0;
  {
    std::lock_guard<std::mutex> lock(mutex_);
    reserve();
    if (!begin_ || bytes > total())
      return 0;
    // Twice the alignment, plus the offset: aligned to no more than asked.
    uint64_t size = (bytes + kGap + 2 * kAlignment - 1) / (2 * kAlignment) *
                    (2 * kAlignment);
    uint64_t at = reinterpret_cast<uint64_t>(begin_);
    uint64_t end = at + total() - kOffset;
    for (const auto &[begin, length] : taken_) {
      if (begin - at >= size)
        break; // the first place that is large enough
      at = begin + length;
    }
    if (end - at < size)
      return 0;
    taken_[at] = size;
    used_ += size;
    address = at + kOffset;
  }
  open();
  std::memset(reinterpret_cast<void *>(address), kPoison, bytes);
  close();
  return address;
}

size_t Arena::release(uint64_t address) {
  std::lock_guard<std::mutex> lock(mutex_);
  auto found = taken_.find(address - kOffset);
  if (found == taken_.end())
    return 0;
  size_t size = found->second;
  taken_.erase(found);
  used_ -= size;
  // Whole pages go back to the host, which gives zeros for them; the rest is
  // poisoned when it is taken again.
  uint64_t first = (address + 4095) & ~uint64_t(4095);
  uint64_t last = (address - kOffset + size) & ~uint64_t(4095);
  if (first < last)
    madvise(reinterpret_cast<void *>(first), last - first, MADV_DONTNEED);
  return size;
}

void Arena::open() {
  std::lock_guard<std::mutex> lock(mutex_);
  reserve();
  if (openings_++ == 0 && begin_)
    mprotect(begin_, total(), PROT_READ | PROT_WRITE);
}

void Arena::close() {
  std::lock_guard<std::mutex> lock(mutex_);
  if (--openings_ == 0 && begin_)
    mprotect(begin_, total(), PROT_NONE);
}
