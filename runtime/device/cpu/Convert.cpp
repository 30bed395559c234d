//===- Convert.cpp - between stored elements and fp32 ---------------------===//
#include "runtime/device/cpu/Convert.h"

#include <cassert>
#include <cstring>

namespace ft {

bool isFloat(DType type) {
  return type == DType::F32 || type == DType::F16 || type == DType::BF16;
}

/// f16ToF32 without branches, so that the loop over a weight vectorises:
/// shifted into place, exponents are 112 too small, which a product with a
/// power of two corrects exactly, subnormals included; infinity and NaN then
/// lack the upper exponent bits.
static float f16Widened(uint16_t bits) {
  uint32_t wide = uint32_t(bits & 0x7fffu) << 13;
  float value;
  std::memcpy(&value, &wide, 4);
  value *= 0x1p112f;
  std::memcpy(&wide, &value, 4);
  uint32_t special = (bits & 0x7c00u) == 0x7c00u ? 0x7f800000u : 0u;
  wide |= special | (uint32_t(bits & 0x8000u) << 16);
  std::memcpy(&value, &wide, 4);
  return value;
}

void widen(float *to, const std::byte *from, DType type, int64_t count) {
  assert(isFloat(type) && "only floats are widened");
  if (type == DType::F32) {
    std::memcpy(to, from, size_t(count) * sizeof(float));
    return;
  }
  const uint16_t *bits = reinterpret_cast<const uint16_t *>(from);
  if (type == DType::BF16)
    for (int64_t i = 0; i < count; ++i)
      to[i] = bf16ToF32(bits[i]);
  else
    for (int64_t i = 0; i < count; ++i)
      to[i] = f16Widened(bits[i]);
}

void narrow(std::byte *to, const float *from, DType type, int64_t count) {
  assert(isFloat(type) && "only floats are narrowed");
  if (type == DType::F32) {
    std::memmove(to, from, size_t(count) * sizeof(float));
    return;
  }
  uint16_t *bits = reinterpret_cast<uint16_t *>(to);
  if (type == DType::BF16)
    for (int64_t i = 0; i < count; ++i)
      bits[i] = f32ToBf16(from[i]);
  else
    for (int64_t i = 0; i < count; ++i)
      bits[i] = f32ToF16(from[i]);
}

} // namespace ft
