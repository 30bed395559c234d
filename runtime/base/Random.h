//===- Random.h - the generator of random weights ---------------*- C++ -*-===//
//
// Counter-based: an element depends on (seed, tensor name, index) alone, so any
// device, rank or thread makes any part of a tensor and all agree bit for bit.
// The formula is part of the contract; device kernels repeat it.
//
//===----------------------------------------------------------------------===//
#ifndef FT_RUNTIME_BASE_RANDOM_H
#define FT_RUNTIME_BASE_RANDOM_H

#include <cstdint>
#include <string_view>

namespace ft {

/// The finalizer of splitmix64: every input bit reaches every output bit.
constexpr uint64_t mixBits(uint64_t z) {
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

/// The key of a tensor: FNV-1a of its name, mixed with the seed.
constexpr uint64_t randomKey(uint64_t seed, std::string_view tensor) {
  uint64_t hash = 0xcbf29ce484222325u;
  for (char c : tensor)
    hash = (hash ^ uint8_t(c)) * 0x100000001b3u;
  return mixBits(hash + mixBits(seed + 0x9e3779b97f4a7c15u));
}

/// Element `index` of a tensor: uniform over the multiples of 2^-23 in
/// [-1, 1), hence exact in fp32. A weight is this times its scale, in fp32,
/// rounded to its dtype.
constexpr float randomWeight(uint64_t key, uint64_t index) {
  uint64_t bits = mixBits(key + (index + 1) * 0x9e3779b97f4a7c15u);
  return float(int32_t(bits >> 40) - (1 << 23)) * 0x1p-23f;
}

} // namespace ft

#endif // FT_RUNTIME_BASE_RANDOM_H
