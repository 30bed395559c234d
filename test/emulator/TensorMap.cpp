//===- TensorMap.cpp - the driver's rules about tensor maps ---------------===//
#include "test/emulator/TensorMap.h"

using namespace ft::emulator;

static std::string wrongMemory(const TiledTensor &t) {
  if (t.address % 16 != 0)
    return "the address lies on no 16 bytes";
  for (uint32_t i = 0; i < t.rank; ++i)
    if (t.dims[i] == 0 || t.dims[i] > uint64_t(1) << 32)
      return "dimension " + std::to_string(i) + " has " +
             std::to_string(t.dims[i]) + " elements, not 1 to 2^32";
  for (uint32_t i = 0; i + 1 < t.rank; ++i)
    if (t.strides[i] % 16 != 0 || t.strides[i] >= uint64_t(1) << 40)
      return "the stride of dimension " + std::to_string(i + 1) + " is " +
             std::to_string(t.strides[i]) +
             " bytes, not a multiple of 16 below 2^40";
  return "";
}

static std::string wrongBox(const TiledTensor &t) {
  for (uint32_t i = 0; i < t.rank; ++i) {
    if (t.box[i] == 0 || t.box[i] > 256)
      return "the box has " + std::to_string(t.box[i]) +
             " elements along dimension " + std::to_string(i) +
             ", not 1 to 256";
    if (t.steps[i] == 0 || t.steps[i] > 8)
      return "the step along dimension " + std::to_string(i) + " is " +
             std::to_string(t.steps[i]) + ", not 1 to 8";
  }
  uint32_t inner = t.box[0] * elementBytes(t.type);
  if (inner % 16 != 0)
    return "rows of the box have " + std::to_string(inner) +
           " bytes, not a multiple of 16";
  uint32_t span = 16u << uint32_t(t.swizzle);
  if (t.swizzle != Swizzle::None && inner > span)
    return "rows of the box have " + std::to_string(inner) +
           " bytes, more than the swizzle's " + std::to_string(span);
  return "";
}

static bool isFloat(TensorType type) {
  return type == TensorType::Float16 || type == TensorType::Float32 ||
         type == TensorType::Float64 || type == TensorType::BFloat16;
}

std::string ft::emulator::encodeTiled(const TiledTensor &t, TensorMap &map) {
  if (t.rank < 1 || t.rank > 5)
    return "a rank of " + std::to_string(t.rank) + ", not 1 to 5";
  if (!t.dims || !t.box || !t.steps || (t.rank > 1 && !t.strides))
    return "an array is missing";
  if (t.nanFill && !isFloat(t.type))
    return "integers cannot be filled with NaN";
  for (const std::string &why : {wrongMemory(t), wrongBox(t)})
    if (!why.empty())
      return why;
  map = TensorMap();
  map.type = t.type;
  map.rank = uint8_t(t.rank);
  map.swizzle = t.swizzle;
  map.nanFill = t.nanFill;
  map.base = t.address;
  for (uint32_t i = 0; i < t.rank; ++i) {
    map.dims[i] = uint32_t(t.dims[i]); // 2^32 as 0
    map.box[i] = uint16_t(t.box[i]);
    map.elementStrides[i] = uint8_t(i == 0 ? 1 : t.steps[i]);
    if (i + 1 < t.rank)
      map.strides[i] = t.strides[i];
  }
  return "";
}
