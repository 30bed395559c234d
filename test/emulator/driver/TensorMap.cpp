//===- TensorMap.cpp - tensor maps as the emulator reads them -------------===//
#include "test/emulator/TensorMap.h"

#include "test/emulator/driver/Driver.h"

#include <cstring>

using namespace ft::emulator;
using namespace ft::emulator::driver;

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
  if (type > CU_TENSOR_MAP_DATA_TYPE_BFLOAT16 ||
      interleave != CU_TENSOR_MAP_INTERLEAVE_NONE ||
      swizzle > CU_TENSOR_MAP_SWIZZLE_128B)
    return refuse(call, CUDA_ERROR_NOT_SUPPORTED,
                  "the stand-in knows common types without interleave");
  if (promotion > CU_TENSOR_MAP_L2_PROMOTION_L2_256B ||
      fill > CU_TENSOR_MAP_FLOAT_OOB_FILL_NAN_REQUEST_ZERO_FMA)
    return invalid("an unknown promotion or fill");
  TensorMap made;
  std::string why =
      encodeTiled({TensorType(type), rank, reinterpret_cast<uint64_t>(address),
                   dims, strides, box, steps, Swizzle(swizzle),
                   fill != CU_TENSOR_MAP_FLOAT_OOB_FILL_NONE},
                  made);
  if (!why.empty())
    return invalid(why);
  static_assert(sizeof(made) == sizeof(*map));
  std::memcpy(map, &made, sizeof(made));
  return CUDA_SUCCESS;
}
