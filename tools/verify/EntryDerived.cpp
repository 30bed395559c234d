//===- EntryDerived.cpp - rows against what the plan stored ---------------===//
#include "tools/verify/EntryCheck.h"

#include <algorithm>
#include <cmath>

using namespace mlir;
using namespace ft;
using namespace ft::verify;

StatusOr<std::pair<EntryCheck::RowsError, double>>
EntryCheck::compareDerived(Value source, const Expected &expected,
                           std::span<const double> found, const Rows &rows) {
  FT_ASSIGN_OR_RETURN(StoredValues::Derived derived, stored_->derive(source));
  auto width = size_t(expected.layout.elements());
  double tolerance = options_.tolerance.value_or(
      defaultTolerance(runner_.model().plan().dtype, derived.depth));
  if (expected.tolerance == 0 || expected.scores)
    tolerance = 0; // integers are one of the ways
  RowsError result;
  for (size_t i = 0; i < rows.size(); ++i) {
    std::span<const double> row = found.subspan(i * width, width);
    std::vector<double> nearest;
    for (const Tensor &way : derived.ways) {
      std::vector<double> other =
          expected.layout.row(way, rows[i].first, rows[i].second);
      if (nearest.empty())
        nearest = other;
      for (size_t e = 0; e < width; ++e)
        if (std::fabs(row[e] - other[e]) < std::fabs(row[e] - nearest[e]))
          nearest[e] = other[e];
    }
    RowError error = compareRow(nearest, row, expected.floor);
    if (error.error > result.worst.error)
      result = {error, i};
  }
  return std::pair(result, tolerance);
}

/// Rows of other tokens are the source's until the plan computes them.
void EntryCheck::store(Value source, const Expected &expected,
                       std::span<const double> found, const Rows &rows) {
  const Tensor *before = stored_->find(source);
  Tensor numbers = before ? *before : *expected.value;
  auto width = size_t(expected.layout.elements());
  for (size_t i = 0; i < rows.size(); ++i)
    expected.layout.setRow(numbers, rows[i].first, rows[i].second,
                           found.subspan(i * width, width));
  stored_->store(source, std::move(numbers));
}
