//===- Npy.h - NumPy's array files ------------------------------*- C++ -*-===//
//
// The format (https://numpy.org/doc/stable/reference/generated/
// numpy.lib.format.html): "\x93NUMPY", version, header length, a Python
// dictionary {'descr', 'fortran_order', 'shape'}, then the elements.
//
//===----------------------------------------------------------------------===//
#ifndef FT_RUNTIME_BASE_NPY_H
#define FT_RUNTIME_BASE_NPY_H

#include "runtime/base/DType.h"
#include "runtime/base/Status.h"

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace ft {

/// A dense row-major array on the host.
struct Array {
  DType dtype = DType::F32;
  std::vector<int64_t> shape;
  std::vector<std::byte> bytes; // product(shape) * dtypeSize(dtype)
};

/// Reads versions 1 to 3: little-endian f2, f4, f8, i1, i2 (widened to i32),
/// i4, i8, u1 and bool. Fortran order is converted to row-major. Objects,
/// records, strings, big-endian numbers and files whose size contradicts their
/// shape are refused.
StatusOr<Array> readNpy(const std::string &path);

/// Writes version 1, row-major; bf16, which NumPy lacks, is widened to f4.
Status writeNpy(const std::string &path, const Array &array);

} // namespace ft

#endif // FT_RUNTIME_BASE_NPY_H
