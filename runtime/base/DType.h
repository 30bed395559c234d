//===- DType.h - element types shared by plans and devices ------*- C++ -*-===//
#ifndef FT_RUNTIME_BASE_DTYPE_H
#define FT_RUNTIME_BASE_DTYPE_H

#include <cstdint>
#include <cstring>
#include <optional>
#include <string_view>

namespace ft {

/// Element types of buffers, weights and files. The spelling returned by
/// dtypeName is the one used in plans, model.json, flags and the IR.
enum class DType : uint8_t { F32, F16, BF16, I32, I64, U8, I8, F64, Bool };

/// Bytes of one element.
constexpr int64_t dtypeSize(DType type) {
  switch (type) {
  case DType::F64:
  case DType::I64:
    return 8;
  case DType::F32:
  case DType::I32:
    return 4;
  case DType::F16:
  case DType::BF16:
    return 2;
  case DType::U8:
  case DType::I8:
  case DType::Bool:
    return 1;
  }
  return 0;
}

/// "f32", "f16", "bf16", "i32", "i64", "u8", "i8", "f64", "bool".
std::string_view dtypeName(DType type);

/// The inverse of dtypeName; nothing for an unknown spelling.
std::optional<DType> dtypeFromName(std::string_view name);

/// Round-to-nearest-even conversions, the ones every device uses.
inline float bf16ToF32(uint16_t bits) {
  uint32_t wide = uint32_t(bits) << 16;
  float value;
  std::memcpy(&value, &wide, 4);
  return value;
}
inline uint16_t f32ToBf16(float value) {
  uint32_t bits;
  std::memcpy(&bits, &value, 4);
  if ((bits & 0x7fffffffu) > 0x7f800000u)
    return uint16_t((bits >> 16) | 0x40u); // keep NaN a quiet NaN
  bits += 0x7fffu + ((bits >> 16) & 1u);
  return uint16_t(bits >> 16);
}
float f16ToF32(uint16_t bits);
uint16_t f32ToF16(float value);

} // namespace ft

#endif // FT_RUNTIME_BASE_DTYPE_H
