//===- Hash.h - XXH64 of byte ranges ----------------------------*- C++ -*-===//
#ifndef FT_RUNTIME_BASE_HASH_H
#define FT_RUNTIME_BASE_HASH_H

#include <cstdint>
#include <string_view>

namespace ft {

/// XXH64 with seed 0: the checksum of plans and of safetensors headers.
uint64_t hash64(std::string_view bytes);

} // namespace ft

#endif // FT_RUNTIME_BASE_HASH_H
