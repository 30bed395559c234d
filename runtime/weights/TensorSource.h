//===- TensorSource.h - where the tensors of recipes come from --*- C++ -*-===//
//
// The leaves of recipes: a checkpoint's files, or random numbers.
//
//===----------------------------------------------------------------------===//
#ifndef FT_RUNTIME_WEIGHTS_TENSORSOURCE_H
#define FT_RUNTIME_WEIGHTS_TENSORSOURCE_H

#include "runtime/base/Status.h"
#include "runtime/device/Device.h"
#include "runtime/plan/Plan.h"

#include <cstddef>
#include <memory>
#include <string>

namespace ft {

class TensorSource {
public:
  virtual ~TensorSource() = default;

  /// Checks that the tensor that `leaf` names exists with its shape and dtype.
  /// Called once for every leaf of every recipe before anything is read.
  virtual Status prepare(const plan::Recipe &leaf) = 0;

  /// Elements first .. first+count-1 of a prepared leaf as fp32.
  virtual void read(const plan::Recipe &leaf, int64_t first, int64_t count,
                    float *out) const = 0;

  /// Fills `to` with the same elements as `dtype` without staging them on the
  /// host; false where this source cannot for this leaf and type.
  virtual StatusOr<bool> transfer(const plan::Recipe &leaf, int64_t first,
                                  int64_t count, DType dtype, Device &device,
                                  std::byte *to) const = 0;
};

/// Safetensors files of `directory`. `explicitly` says that the user named the
/// directory: then a header that differs from the one the plan was compiled
/// from is fine as long as names, shapes and dtypes are those of the plan, and
/// tensors may lie in other files than the plan's.
std::unique_ptr<TensorSource> makeCheckpointSource(const plan::Plan &plan,
                                                   std::string directory,
                                                   bool explicitly);

/// Random values by (seed, tensor name, index in the tensor): see
/// docs/plan-format.md, "Random weights".
std::unique_ptr<TensorSource> makeRandomSource(const plan::Plan &plan,
                                               uint64_t seed);

/// `count` stored elements as fp32 (f64 and integers are rounded).
void widenToF32(const std::byte *from, DType dtype, int64_t count, float *out);
/// The inverse, rounding to nearest even; integers saturate.
void narrowFromF32(const float *from, DType dtype, int64_t count,
                   std::byte *out);

std::string shapeText(const std::vector<int64_t> &shape);

} // namespace ft

#endif // FT_RUNTIME_WEIGHTS_TENSORSOURCE_H
