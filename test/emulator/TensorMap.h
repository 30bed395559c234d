//===- TensorMap.h - the emulator's own CUtensorMap -------------*- C++ -*-===//
//
// The 128 bytes that a kernel gets as a tensor map. The driver's encoding is
// not documented; this one is what its stand-in writes (cuTensorMapEncodeTiled)
// and the emulator reads. Fields mean what the arguments of the driver's
// function do; enumerators have the driver's values.
//
//===----------------------------------------------------------------------===//
#ifndef FT_TEST_EMULATOR_TENSORMAP_H
#define FT_TEST_EMULATOR_TENSORMAP_H

#include <cstdint>
#include <string>

namespace ft::emulator {

enum class TensorType : uint8_t { // CUtensorMapDataType
  UInt8 = 0,
  UInt16 = 1,
  UInt32 = 2,
  Int32 = 3,
  UInt64 = 4,
  Int64 = 5,
  Float16 = 6,
  Float32 = 7,
  Float64 = 8,
  BFloat16 = 9,
};

enum class Swizzle : uint8_t { // CUtensorMapSwizzle
  None = 0,
  Bytes32 = 1,
  Bytes64 = 2,
  Bytes128 = 3,
};

inline constexpr uint32_t kTensorMapMagic = 0x70614d54; // "TMap"

/// Interleave is none. Dimension 0 is the innermost, of stride one element.
struct alignas(64) TensorMap {
  uint32_t magic = kTensorMapMagic;
  TensorType type = TensorType::UInt8;
  uint8_t rank = 1; // 1 .. 5
  Swizzle swizzle = Swizzle::None;
  uint8_t nanFill = 0;                // beyond the tensor: 0 zeros, 1 NaN
  uint64_t base = 0;                  // address, a multiple of 16
  uint64_t strides[4] = {0, 0, 0, 0}; // bytes, of dimensions 1 ..
  uint32_t dims[5] = {1, 1, 1, 1, 1}; // elements; 0 stands for 2^32
  uint16_t box[5] = {1, 1, 1, 1, 1};  // elements, 1 .. 256
  uint8_t elementStrides[5] = {1, 1, 1, 1, 1};
  uint8_t unused[33] = {};
};
static_assert(sizeof(TensorMap) == 128);

/// Bytes of an element.
constexpr uint32_t elementBytes(TensorType type) {
  switch (type) {
  case TensorType::UInt8:
    return 1;
  case TensorType::UInt16:
  case TensorType::Float16:
  case TensorType::BFloat16:
    return 2;
  case TensorType::UInt64:
  case TensorType::Int64:
  case TensorType::Float64:
    return 8;
  default:
    return 4;
  }
}

/// The arguments of cuTensorMapEncodeTiled that a map is made of.
struct TiledTensor {
  TensorType type = TensorType::UInt8;
  uint32_t rank = 1;
  uint64_t address = 0;
  const uint64_t *dims = nullptr, *strides = nullptr;
  const uint32_t *box = nullptr, *steps = nullptr;
  Swizzle swizzle = Swizzle::None;
  bool nanFill = false;
};

/// Why the real driver would refuse; empty where `map` was made.
std::string encodeTiled(const TiledTensor &tensor, TensorMap &map);

} // namespace ft::emulator

#endif // FT_TEST_EMULATOR_TENSORMAP_H
