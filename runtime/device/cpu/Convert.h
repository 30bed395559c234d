//===- Convert.h - between stored elements and fp32 -------------*- C++ -*-===//
#ifndef FT_RUNTIME_DEVICE_CPU_CONVERT_H
#define FT_RUNTIME_DEVICE_CPU_CONVERT_H

#include "runtime/base/DType.h"

#include <cstddef>

namespace ft {

/// Whether values of this type take part in arithmetic: f32, f16 or bf16.
bool isFloat(DType type);

/// `count` elements of the float type `type` at `from`, exactly, as fp32.
void widen(float *to, const std::byte *from, DType type, int64_t count);

/// `count` fp32 values rounded to nearest even into `type`.
void narrow(std::byte *to, const float *from, DType type, int64_t count);

} // namespace ft

#endif // FT_RUNTIME_DEVICE_CPU_CONVERT_H
