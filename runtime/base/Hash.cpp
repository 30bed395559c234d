//===- Hash.cpp - XXH64 of byte ranges ------------------------------------===//
#include "runtime/base/Hash.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

namespace ft {

uint64_t hash64(std::string_view bytes) {
  return XXH64(bytes.data(), bytes.size(), 0);
}

} // namespace ft
