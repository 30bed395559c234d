//===- DType.cpp - element types shared by plans and devices --------------===//
#include "runtime/base/DType.h"

#include <utility>

namespace ft {

static constexpr std::pair<DType, std::string_view> kNames[] = {
    {DType::F32, "f32"}, {DType::F16, "f16"}, {DType::BF16, "bf16"},
    {DType::I32, "i32"}, {DType::I64, "i64"}, {DType::U8, "u8"},
    {DType::I8, "i8"},   {DType::F64, "f64"}, {DType::Bool, "bool"}};

std::string_view dtypeName(DType type) {
  for (auto [candidate, name] : kNames)
    if (candidate == type)
      return name;
  return "?";
}

std::optional<DType> dtypeFromName(std::string_view name) {
  for (auto [type, candidate] : kNames)
    if (candidate == name)
      return type;
  return std::nullopt;
}

float f16ToF32(uint16_t bits) {
  uint32_t sign = uint32_t(bits & 0x8000u) << 16;
  uint32_t exponent = (bits >> 10) & 0x1fu;
  uint32_t mantissa = bits & 0x3ffu;
  uint32_t wide;
  if (exponent == 0x1fu) {
    wide = sign | 0x7f800000u | (mantissa << 13);
  } else if (exponent) {
    wide = sign | ((exponent + 112u) << 23) | (mantissa << 13);
  } else {
    // Subnormal: mantissa * 2^-24 is exact in fp32.
    float value = float(mantissa) * 0x1p-24f;
    std::memcpy(&wide, &value, 4);
    wide |= sign;
  }
  float value;
  std::memcpy(&value, &wide, 4);
  return value;
}

uint16_t f32ToF16(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, 4);
  uint16_t sign = uint16_t((bits >> 16) & 0x8000u);
  uint32_t magnitude = bits & 0x7fffffffu;
  if (magnitude > 0x7f800000u)
    return uint16_t(sign | 0x7e00u);
  if (magnitude >= 0x477ff000u) // rounds to 2^16 or more: infinity
    return uint16_t(sign | 0x7c00u);
  if (magnitude < 0x38800000u) {
    // Subnormal result: adding 2^-1 aligns the mantissa and rounds to even.
    float absolute;
    std::memcpy(&absolute, &magnitude, 4);
    absolute += 0.5f;
    uint32_t aligned;
    std::memcpy(&aligned, &absolute, 4);
    return uint16_t(sign | (aligned - 0x3f000000u));
  }
  magnitude += 0xfffu + ((magnitude >> 13) & 1u);
  return uint16_t(sign | ((magnitude - 0x38000000u) >> 13));
}

} // namespace ft
