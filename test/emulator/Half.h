//===- Half.h - 16-bit floats as the hardware rounds them -------*- C++ -*-===//
#ifndef FT_TEST_EMULATOR_HALF_H
#define FT_TEST_EMULATOR_HALF_H

#include <bit>
#include <cmath>
#include <cstdint>

namespace ft::emulator {

inline float bf16ToFloat(uint16_t x) {
  return std::bit_cast<float>(uint32_t(x) << 16);
}
inline float f16ToFloat(uint16_t x) {
  return float(std::bit_cast<_Float16>(x));
}
/// To nearest even; NaN is 0x7fff.
inline uint16_t floatToBf16(float x) {
  uint32_t bits = std::bit_cast<uint32_t>(x);
  if (x != x)
    return 0x7fff;
  return uint16_t((bits + 0x7fff + (bits >> 16 & 1)) >> 16);
}
inline uint16_t floatToF16(float x) {
  return x != x ? 0x7fff : std::bit_cast<uint16_t>(_Float16(x));
}
/// Towards zero.
inline uint16_t floatToBf16Down(float x) {
  return x != x ? 0x7fff : uint16_t(std::bit_cast<uint32_t>(x) >> 16);
}
inline uint16_t floatToF16Down(float x) {
  uint16_t y = floatToF16(x);
  if (x != x || std::isinf(x))
    return y;
  return std::fabs(f16ToFloat(y)) > std::fabs(x) ? uint16_t(y - 1) : y;
}

} // namespace ft::emulator

#endif // FT_TEST_EMULATOR_HALF_H
