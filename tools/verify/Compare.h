//===- Compare.h - how far a plan's rows may be from the source -*- C++ -*-===//
#ifndef FT_TOOLS_VERIFY_COMPARE_H
#define FT_TOOLS_VERIFY_COMPARE_H

#include "runtime/base/DType.h"
#include "tools/verify/Tensor.h"

#include <optional>
#include <span>
#include <string>

namespace ft::verify {

/// The error that a value `depth` operations deep may have in a plan of
/// `dtype`, relative to its row (docs/verify.md, "Tolerance").
double defaultTolerance(DType dtype, int64_t depth);

/// Where the elements of one token, or of one sequence, lie in a value.
class RowLayout {
public:
  /// Which axes of a value count sequences and tokens; -1 = none.
  struct Axes {
    int batch = 0, sequence = -1;
    bool joined = false; // `batch` is batch * sequence
  };
  RowLayout(const Shape &shape, const Axes &axes, int64_t sequenceLength);

  int64_t elements() const { return int64_t(offsets_.size()); }
  bool perToken() const { return perToken_; }
  /// The row of token `at` of sequence `sequence`, in row-major order.
  std::vector<double> row(const Tensor &value, int64_t sequence,
                          int64_t at) const;
  void setRow(Tensor &value, int64_t sequence, int64_t at,
              std::span<const double> row) const;

private:
  std::vector<int64_t> offsets_; // of the row's elements from its first
  int64_t batchStep_ = 0, sequenceStep_ = 0;
  bool perToken_ = false;
};

/// The element of a row that is furthest from what it should be.
struct RowError {
  double error = 0; // |found - expected| over the row, relative (2-norms)
  int64_t element = 0;
  double expected = 0, found = 0;
};

/// Relative to the expected row's norm, or to `floor` where that is larger: a
/// row near zero is not held to the precision of its own smallness.
RowError compareRow(std::span<const double> expected,
                    std::span<const double> found, double floor);

/// The 2-norm of what is finite in the row.
double norm(std::span<const double> row);

} // namespace ft::verify

#endif // FT_TOOLS_VERIFY_COMPARE_H
