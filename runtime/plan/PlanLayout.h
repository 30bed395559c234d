//===- PlanLayout.h - the fixed bytes of a plan file ------------*- C++ -*-===//
//
// prefix (56 bytes) | JSON header | zeros to 64 | blob 0 | zeros to 64 | ...
// The prefix keeps its layout in every version, so that an older reader can
// tell a newer plan from a damaged one. Integers are little-endian.
//
//===----------------------------------------------------------------------===//
#ifndef FT_RUNTIME_PLAN_PLANLAYOUT_H
#define FT_RUNTIME_PLAN_PLANLAYOUT_H

#include <bit>
#include <cstdint>
#include <string_view>

namespace ft::plan {

static_assert(std::endian::native == std::endian::little,
              "plans and safetensors are mapped as they are");

inline constexpr std::string_view kPlanMagic("FTPLAN\r\n", 8);
inline constexpr uint64_t kBlobAlignment = 64;
inline constexpr uint64_t kMaxHeaderBytes = uint64_t(64) << 20;

struct PlanPrefix {
  char magic[8];
  uint32_t version;
  uint32_t reserved;    // zero
  uint64_t headerBytes; // of the JSON header, which follows the prefix
  uint64_t fileBytes;
  uint64_t headerHash; // XXH64 of the JSON header
  uint64_t blobsHash;  // XXH64 of everything after the JSON header
  uint64_t prefixHash; // XXH64 of the 48 bytes before
};
static_assert(sizeof(PlanPrefix) == 56);
inline constexpr size_t kPrefixHashed = 48;

constexpr uint64_t alignBlob(uint64_t offset) {
  return (offset + kBlobAlignment - 1) / kBlobAlignment * kBlobAlignment;
}

} // namespace ft::plan

#endif // FT_RUNTIME_PLAN_PLANLAYOUT_H
