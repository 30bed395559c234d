//===- TensorSource.cpp - element conversions -----------------------------===//
#include "runtime/weights/TensorSource.h"

#include <cmath>
#include <cstring>
#include <limits>

namespace ft {

template <typename T, typename Convert>
static void widenWith(const std::byte *from, int64_t count, float *out,
                      Convert convert) {
  for (int64_t i = 0; i < count; ++i) {
    T value; // mapped tensors need not be aligned
    std::memcpy(&value, from + i * int64_t(sizeof(T)), sizeof(T));
    out[i] = convert(value);
  }
}

void widenToF32(const std::byte *from, DType dtype, int64_t count, float *out) {
  auto cast = [](auto value) { return float(value); };
  switch (dtype) {
  case DType::F32:
    std::memcpy(out, from, size_t(count) * 4);
    return;
  case DType::F16:
    return widenWith<uint16_t>(from, count, out, f16ToF32);
  case DType::BF16:
    return widenWith<uint16_t>(from, count, out, bf16ToF32);
  case DType::F64:
    return widenWith<double>(from, count, out, cast);
  case DType::I64:
    return widenWith<int64_t>(from, count, out, cast);
  case DType::I32:
    return widenWith<int32_t>(from, count, out, cast);
  case DType::I8:
    return widenWith<int8_t>(from, count, out, cast);
  case DType::U8:
  case DType::Bool:
    return widenWith<uint8_t>(from, count, out, cast);
  }
}

template <typename T, typename Convert>
static void narrowWith(const float *from, int64_t count, std::byte *out,
                       Convert convert) {
  for (int64_t i = 0; i < count; ++i) {
    T value = T(convert(from[i]));
    std::memcpy(out + i * int64_t(sizeof(T)), &value, sizeof(T));
  }
}

template <typename T> static T saturate(float value) {
  if (std::isnan(value))
    return 0;
  float rounded = std::nearbyintf(value);
  // The float of an integer type's maximum may be one above it.
  if (rounded >= float(std::numeric_limits<T>::max()))
    return std::numeric_limits<T>::max();
  if (rounded <= float(std::numeric_limits<T>::min()))
    return std::numeric_limits<T>::min();
  return T(rounded);
}

void narrowFromF32(const float *from, DType dtype, int64_t count,
                   std::byte *out) {
  switch (dtype) {
  case DType::F32:
    std::memcpy(out, from, size_t(count) * 4);
    return;
  case DType::F16:
    return narrowWith<uint16_t>(from, count, out, f32ToF16);
  case DType::BF16:
    return narrowWith<uint16_t>(from, count, out, f32ToBf16);
  case DType::F64:
    return narrowWith<double>(from, count, out, [](float v) { return v; });
  case DType::I64:
    return narrowWith<int64_t>(from, count, out, saturate<int64_t>);
  case DType::I32:
    return narrowWith<int32_t>(from, count, out, saturate<int32_t>);
  case DType::I8:
    return narrowWith<int8_t>(from, count, out, saturate<int8_t>);
  case DType::U8:
    return narrowWith<uint8_t>(from, count, out, saturate<uint8_t>);
  case DType::Bool:
    return narrowWith<uint8_t>(from, count, out,
                               [](float v) { return v != 0; });
  }
}

std::string shapeText(const std::vector<int64_t> &shape) {
  std::string text = "[";
  for (size_t i = 0; i < shape.size(); ++i)
    text += (i ? ", " : "") + std::to_string(shape[i]);
  return text + "]";
}

} // namespace ft
