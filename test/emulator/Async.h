//===- Async.h - work that completes later ----------------------*- C++ -*-===//
//
// Copies are queued and made at a later moment, drawn at random, but before
// what waits for them goes on; their source is read then. Sums of wgmma are
// made at once. Nothing may touch what they write or read meanwhile: Races.h.
//
//===----------------------------------------------------------------------===//
#ifndef FT_TEST_EMULATOR_ASYNC_H
#define FT_TEST_EMULATOR_ASYNC_H

#include "Races.h"
#include "TensorMap.h"

#include <cstdint>
#include <vector>

namespace ft::emulator {

struct Cluster;
struct Cta;

//===----------------------------------------------------------------------===//
// Barriers in shared memory
//===----------------------------------------------------------------------===//

/// The 64-bit word of an mbarrier. Fields: pending arrivals, arrivals of a
/// phase, bytes to come (from -2^20 on), parity of the phase, a tag that
/// memory which was never initialised does not have.
struct Mbarrier {
  uint64_t pending : 20, count : 20, bytes : 21, phase : 1, tag : 2;
  static constexpr uint64_t kNoBytes = 1u << 20, kTag = 1;

  bool valid() const { return tag == kTag; }
};
static_assert(sizeof(Mbarrier) == 8);

/// Turns a barrier in the shared memory of `home` to its next phase if nothing
/// is missing.
void checkPhase(Cta &home, Mbarrier &barrier);

//===----------------------------------------------------------------------===//
// Copies
//===----------------------------------------------------------------------===//

/// One lane's cp.async.
struct AsyncCopy {
  const uint8_t *from;
  uint8_t *to;
  uint32_t bytes, read; // read of `from`, zeros behind
  uint32_t lane, group;
};

/// A warp's cp.async that have not been made.
struct AsyncCopies {
  std::vector<AsyncCopy> pending;
  uint32_t committed[32] = {}; // groups of each lane

  void reset();
  /// All but the last `left` groups of the lanes of `mask`.
  void complete(uint32_t mask, uint32_t left);
  void completeOne(uint32_t index);
};

/// A bulk copy that has not been made: `bytes` from `from`, or of `values`, or
/// a box of `map`.
struct BulkCopy {
  const uint8_t *from = nullptr;
  uint32_t values[4];
  bool ofValues = false;
  TensorMap map;
  int32_t coordinates[5] = {};
  uint32_t bytes = 0;
  uint32_t target = 0, barrier = 0; // places in shared memory
  uint32_t ctas = 0;                // ranks that get it, a mask
  uint32_t line = 0;
  Epoch self = {}; // among the participants
  // Of st.async: who issued it, and what that thread knew.
  Epoch issuer = {};
  ClockPtr known = {};
};

/// Makes the copy and counts its bytes at each CTA's barrier; an error of the
/// engine where that is not possible any more.
void completeBulkCopy(Cluster &cluster, uint32_t index);

/// Where the tensor's swizzle puts a byte of shared memory.
inline uint32_t swizzled(uint32_t place, Swizzle swizzle) {
  uint32_t bits = (1u << uint32_t(swizzle)) - 1; // 0, 1, 3, 7
  return place ^ (place >> 7 & bits) << 4;
}

/// `f(memory, place, bytes)` for each piece of the box that lies in the tensor
/// and in one row, `place` from the target on, without swizzle.
template <typename F> void eachBoxRow(const BulkCopy &copy, const F &f) {
  const TensorMap &m = copy.map;
  uint32_t element = elementBytes(m.type), rows = 1;
  for (uint32_t d = 1; d < m.rank; ++d)
    rows *= m.box[d];
  int64_t x = copy.coordinates[0], end = x + m.box[0];
  int64_t first = x < 0 ? 0 : x, last = end < m.dims[0] ? end : m.dims[0];
  for (uint32_t row = 0; row < rows && first < last; ++row) {
    uint64_t address = m.base + uint64_t(first) * element;
    bool inside = true;
    for (uint32_t d = 1, rest = row; d < m.rank; rest /= m.box[d], ++d) {
      int64_t at = int64_t(copy.coordinates[d]) + rest % m.box[d];
      inside &= at >= 0 && at < m.dims[d];
      address += uint64_t(at) * m.strides[d - 1];
    }
    if (inside)
      f(address, row * m.box[0] * element + uint32_t(first - x) * element,
        uint32_t(last - first) * element);
  }
}

//===----------------------------------------------------------------------===//
// wgmma
//===----------------------------------------------------------------------===//

/// Matrices in shared memory.
struct WgmmaRead {
  uint64_t a, b;    // descriptors; a = 0: in registers
  uint32_t columns; // of b
  bool transposed;  // b has its columns along the rows of memory
};

/// Of a warp.
struct WgmmaGroups {
  std::vector<uint16_t> operands; // of one
  uint32_t committed = 0;

  void reset() { committed = 0; }
};

} // namespace ft::emulator

#endif // FT_TEST_EMULATOR_ASYNC_H
