//===- RecipeReader.h - evaluating recipes by ranges ------------*- C++ -*-===//
#ifndef FT_RUNTIME_WEIGHTS_RECIPEREADER_H
#define FT_RUNTIME_WEIGHTS_RECIPEREADER_H

#include "runtime/weights/TensorSource.h"

namespace ft {

/// Computes any range of a recipe's result in fp32, row-major, without making
/// the whole: memory beyond `out` is a few tiles, whatever the sizes.
class RecipeReader {
public:
  /// For `rank` of the plan's mesh.
  explicit RecipeReader(const TensorSource &source, int64_t rank = 0)
      : source_(source), rank_(rank) {}

  /// Elements first .. first+count-1 of `recipe`. REQUIRES: a validated
  /// recipe whose leaves are prepared.
  void read(const plan::Recipe &recipe, int64_t first, int64_t count,
            float *out) const;

private:
  void readSlice(const plan::Recipe &recipe, int64_t first, int64_t count,
                 float *out) const;
  void readConcat(const plan::Recipe &recipe, int64_t first, int64_t count,
                  float *out) const;
  void readPad(const plan::Recipe &recipe, int64_t first, int64_t count,
               float *out) const;
  void readRotations(const plan::Recipe &recipe, int64_t first, int64_t count,
                     float *out) const;
  void readInterleave(const plan::Recipe &recipe, int64_t first, int64_t count,
                      float *out) const;
  void readTranspose(const plan::Recipe &recipe, int64_t first, int64_t count,
                     float *out) const;
  void readColumns(const plan::Recipe &of, int64_t column, int64_t columns,
                   float *out) const;

  const TensorSource &source_;
  int64_t rank_;
};

} // namespace ft

#endif // FT_RUNTIME_WEIGHTS_RECIPEREADER_H
