//===- TensorMap.cpp - tensor maps as the emulator reads them -------------===//
#include "test/emulator/TensorMap.h"

#include "test/emulator/driver/Driver.h"

#include <cstring>

using namespace ft::emulator;
using namespace ft::emulator::driver;

namespace {
/// The arguments of cuTensorMapEncodeTiled that describe memory and boxes.
struct Described {
  uint32_t rank = 0;
  uint64_t address = 0;
  const cuuint64_t *dims = nullptr, *strides = nullptr;
  const cuuint32_t *box = nullptr, *steps = nullptr;
  uint32_t element = 0; // bytes
};
} // namespace

/// Why the real driver would refuse; empty where it would not.
static std::string wrongMemory(const Described &d) {
  if (d.address % 16 != 0)
    return "the address lies on no 16 bytes";
  for (uint32_t i = 0; i < d.rank; ++i)
    if (d.dims[i] == 0 || d.dims[i] > uint64_t(1) << 32)
      return "dimension " + std::to_string(i) + " has " +
             std::to_string(d.dims[i]) + " elements, not 1 to 2^32";
  for (uint32_t i = 0; i + 1 < d.rank; ++i)
    if (d.strides[i] % 16 != 0 || d.strides[i] >= uint64_t(1) << 40)
      return "the stride of dimension " + std::to_string(i + 1) + " is " +
             std::to_string(d.strides[i]) +
             " bytes, not a multiple of 16 below 2^40";
  return "";
}

static std::string wrongBox(const Described &d, uint32_t span) {
  for (uint32_t i = 0; i < d.rank; ++i) {
    if (d.box[i] == 0 || d.box[i] > 256)
      return "the box has " + std::to_string(d.box[i]) +
             " elements along dimension " + std::to_string(i) +
             ", not 1 to 256";
    if (d.steps[i] == 0 || d.steps[i] > 8)
      return "the step along dimension " + std::to_string(i) + " is " +
             std::to_string(d.steps[i]) + ", not 1 to 8";
  }
  uint32_t inner = d.box[0] * d.element;
  if (inner % 16 != 0)
    return "rows of the box have " + std::to_string(inner) +
           " bytes, not a multiple of 16";
  if (span > 0 && inner > span)
    return "rows of the box have " + std::to_string(inner) +
           " bytes, more than the swizzle's " + std::to_string(span);
  return "";
}

static bool isFloat(CUtensorMapDataType type) {
  return type == CU_TENSOR_MAP_DATA_TYPE_FLOAT16 ||
         type == CU_TENSOR_MAP_DATA_TYPE_FLOAT32 ||
         type == CU_TENSOR_MAP_DATA_TYPE_FLOAT64 ||
         type == CU_TENSOR_MAP_DATA_TYPE_BFLOAT16;
}

static TensorMap encode(const Described &d, CUtensorMapDataType type,
                        CUtensorMapSwizzle swizzle, bool nanFill) {
  TensorMap map;
  map.type = TensorType(type);
  map.rank = uint8_t(d.rank);
  map.swizzle = Swizzle(swizzle);
  map.nanFill = nanFill;
  map.base = d.address;
  for (uint32_t i = 0; i < d.rank; ++i) {
    map.dims[i] = uint32_t(d.dims[i]); // 2^32 as 0
    map.box[i] = uint16_t(d.box[i]);
    map.elementStrides[i] = uint8_t(i == 0 ? 1 : d.steps[i]);
    if (i + 1 < d.rank)
      map.strides[i] = d.strides[i];
  }
  return map;
}

CUresult cuTensorMapEncodeTiled(
    CUtensorMap *map, CUtensorMapDataType type, cuuint32_t rank, void *address,
    const cuuint64_t *dims, const cuuint64_t *strides, const cuuint32_t *box,
    const cuuint32_t *steps, CUtensorMapInterleave interleave,
    CUtensorMapSwizzle swizzle, CUtensorMapL2promotion promotion,
    CUtensorMapFloatOOBfill fill) {
  const char *call = "cuTensorMapEncodeTiled";
  auto invalid = [&](const std::string &why) {
    return refuse(call, CUDA_ERROR_INVALID_VALUE, why);
  };
  CUcontext context = nullptr;
  if (CUresult code = currentContext(call, context))
    return code;
  if (!map || reinterpret_cast<uintptr_t>(map) % 64 != 0)
    return invalid("the map lies on no 64 bytes");
  if (rank < 1 || rank > 5)
    return invalid("a rank of " + std::to_string(rank) + ", not 1 to 5");
  if (!dims || !box || !steps || (rank > 1 && !strides))
    return invalid("an array is missing");
  if (type > CU_TENSOR_MAP_DATA_TYPE_BFLOAT16 ||
      interleave != CU_TENSOR_MAP_INTERLEAVE_NONE ||
      swizzle > CU_TENSOR_MAP_SWIZZLE_128B)
    return refuse(call, CUDA_ERROR_NOT_SUPPORTED,
                  "the stand-in knows common types without interleave");
  if (promotion > CU_TENSOR_MAP_L2_PROMOTION_L2_256B ||
      fill > CU_TENSOR_MAP_FLOAT_OOB_FILL_NAN_REQUEST_ZERO_FMA)
    return invalid("an unknown promotion or fill");
  if (fill != CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE && !isFloat(type))
    return invalid("integers cannot be filled with NaN");
  Described d{rank,  reinterpret_cast<uint64_t>(address), dims, strides, box,
              steps, elementBytes(TensorType(type))};
  uint32_t span = swizzle == CU_TENSOR_MAP_SWIZZLE_NONE ? 0 : 16u << swizzle;
  for (const std::string &why : {wrongMemory(d), wrongBox(d, span)})
    if (!why.empty())
      return invalid(why);
  TensorMap made =
      encode(d, type, swizzle, fill != CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE);
  static_assert(sizeof(made) == sizeof(*map));
  std::memcpy(map, &made, sizeof(made));
  return CUDA_SUCCESS;
}
