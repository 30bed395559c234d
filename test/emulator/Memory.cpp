//===- Memory.cpp - what an address stands for ----------------------------===//
#include "Machine.h"

#include <algorithm>

using namespace ft;
using namespace ft::emulator;

void Memory::add(const void *begin, size_t bytes) {
  std::lock_guard<std::mutex> lock(mutex_);
  ranges_[reinterpret_cast<uint64_t>(begin)] = bytes;
}
void Memory::remove(const void *begin) {
  std::lock_guard<std::mutex> lock(mutex_);
  ranges_.erase(reinterpret_cast<uint64_t>(begin));
}
std::vector<std::pair<uint64_t, size_t>> Memory::ranges() const {
  std::lock_guard<std::mutex> lock(mutex_);
  return {ranges_.begin(), ranges_.end()};
}

uint8_t *Warp::global(uint64_t address, uint32_t bytes) {
  if (address - rangeBegin_ < rangeBytes_ &&
      bytes <= rangeBytes_ - (address - rangeBegin_))
    return reinterpret_cast<uint8_t *>(address);
  const auto &ranges = engine().launch.ranges;
  auto at = std::upper_bound(ranges.begin(), ranges.end(),
                             std::pair<uint64_t, size_t>(address, ~size_t(0)));
  if (at == ranges.begin())
    return nullptr;
  --at;
  if (address - at->first >= at->second ||
      bytes > at->second - (address - at->first))
    return nullptr;
  rangeBegin_ = at->first;
  rangeBytes_ = at->second;
  return reinterpret_cast<uint8_t *>(address);
}

uint8_t *Cta::place(uint32_t address, uint32_t bytes) {
  uint32_t offset = address - kSharedBase;
  if (address < kSharedBase || offset >= sharedBytes ||
      bytes > sharedBytes - offset)
    return nullptr;
  return shared.data() + offset;
}

/// `cluster`: another CTA's memory may be meant.
uint8_t *Warp::shared(uint64_t address, uint32_t bytes, bool cluster) {
  if (address >> 32)
    return nullptr;
  uint32_t owner = uint32_t(address) >> kRankShift;
  if (owner == 0 || owner - 1 == cta->rank)
    return cta->place(uint32_t(address) & kPlaceMask, bytes);
  auto &ctas = cta->cluster->ctas;
  if (!cluster || owner > ctas.size() || ctas[owner - 1]->liveThreads == 0)
    return nullptr;
  return ctas[owner - 1]->place(uint32_t(address) & kPlaceMask, bytes);
}

uint8_t *Warp::localAt(uint64_t address, uint32_t bytes, uint32_t lane) {
  uint32_t size = function->localBytes;
  if (address >= size || bytes > size - address)
    return nullptr;
  return local.data() + size_t(lane) * size + address;
}

uint8_t *Warp::at(Space space, uint64_t address, uint32_t bytes,
                  uint32_t lane) {
  if (address & (bytes - 1))
    return nullptr;
  switch (space) {
  case Space::Generic:
    if (address >> 56 == kGenericShared >> 56)
      return shared(address & ~kGenericShared, bytes, true);
    if (address >> 56 == kGenericLocal >> 56)
      return localAt(address & ~kGenericLocal, bytes, lane);
    return global(address, bytes);
  case Space::Global:
    return global(address, bytes);
  case Space::Shared:
  case Space::Cluster:
    return shared(address, bytes, space == Space::Cluster);
  case Space::Local:
    return localAt(address, bytes, lane);
  }
  return nullptr;
}

//===----------------------------------------------------------------------===//
// Messages
//===----------------------------------------------------------------------===//

static std::string triple(const Dim3 &d) {
  return "(" + std::to_string(d.x) + ", " + std::to_string(d.y) + ", " +
         std::to_string(d.z) + ")";
}

static std::string hex(uint64_t value) {
  char text[32];
  std::snprintf(text, sizeof text, "0x%llx",
                static_cast<unsigned long long>(value));
  return text;
}

Flow Warp::fail(const Inst &inst, uint32_t lane, const std::string &what) {
  Engine &e = engine();
  const Dim3 &block = e.launch.shape.block;
  uint32_t t = number * 32 + lane;
  e.error =
      "kernel " + function->info.name + ", CTA " + triple(cta->index) +
      ", thread " +
      triple({t % block.x, t / block.x % block.y, t / block.x / block.y}) +
      ", PTX line " + std::to_string(inst.line) + " `" +
      e.launch.program->line(inst.line) + "`: " + what;
  return Flow::Fail;
}

Flow Warp::failAddress(const Inst &inst, uint32_t lane, uint64_t address,
                       uint32_t bytes, Space space) {
  static const char *const names[] = {"generic", "global", "shared",
                                      "the cluster's shared", "local"};
  std::string what = "access to " + std::to_string(bytes) + " bytes of " +
                     names[int(space)] + " memory at " + hex(address);
  if (address & (bytes - 1) && (bytes & (bytes - 1)) == 0)
    return fail(inst, lane, what + ", which is not aligned");
  if (space == Space::Shared || space == Space::Cluster)
    what += ", of " + hex(kSharedBase) + " to " +
            hex(kSharedBase + cta->sharedBytes);
  return fail(inst, lane, what + ", which is outside of what may be accessed");
}
