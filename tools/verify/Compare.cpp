//===- Compare.cpp - how far a plan's rows may be from the source ---------===//
#include "tools/verify/Compare.h"

#include <cmath>
#include <limits>

using namespace ft;
using namespace ft::verify;

/// Half a unit in the last place, relative.
static double unitRoundoff(DType dtype) {
  switch (dtype) {
  case DType::F16:
    return 0x1p-11;
  case DType::BF16:
    return 0x1p-8;
  default:
    return 0x1p-24;
  }
}

double verify::defaultTolerance(DType dtype, int64_t depth) {
  // One rounding of a row adds at most `unit` to its relative error, and
  // roundings of different operations are independent: they add up in squares.
  // fp32 sums of a few thousand products add some units of fp32. Attention
  // widens errors of large scores, and the worst row counts: hence the safety.
  constexpr double kSums = 8;
  constexpr double kSafety = 4;
  double unit = unitRoundoff(dtype) + kSums * unitRoundoff(DType::F32);
  return kSafety * unit * std::sqrt(double(depth + 1));
}

RowLayout::RowLayout(const Shape &shape, const Axes &axes,
                     int64_t sequenceLength)
    : perToken_(axes.joined || axes.sequence >= 0) {
  int64_t step = elementsOf(shape);
  offsets_ = {0};
  for (int axis = 0; axis < int(shape.size()); ++axis) {
    int64_t extent = shape[size_t(axis)];
    step /= extent;
    if (axis == axes.batch) {
      batchStep_ = axes.joined ? step * sequenceLength : step;
      sequenceStep_ = axes.joined ? step : sequenceStep_;
    } else if (axis == axes.sequence) {
      sequenceStep_ = step;
    } else {
      std::vector<int64_t> wider;
      for (int64_t offset : offsets_)
        for (int64_t i = 0; i < extent; ++i)
          wider.push_back(offset + i * step);
      offsets_ = std::move(wider);
    }
  }
}

std::vector<double> RowLayout::row(const Tensor &value, int64_t sequence,
                                   int64_t at) const {
  std::vector<double> out;
  out.reserve(offsets_.size());
  int64_t first = sequence * batchStep_ + at * sequenceStep_;
  for (int64_t offset : offsets_)
    out.push_back(value.data[size_t(first + offset)]);
  return out;
}

void RowLayout::setRow(Tensor &value, int64_t sequence, int64_t at,
                       std::span<const double> row) const {
  int64_t first = sequence * batchStep_ + at * sequenceStep_;
  for (size_t i = 0; i < offsets_.size(); ++i)
    value.data[size_t(first + offsets_[i])] = row[i];
}

double verify::norm(std::span<const double> row) {
  double squares = 0;
  for (double x : row)
    if (std::isfinite(x))
      squares += x * x;
  return std::sqrt(squares);
}

RowError verify::compareRow(std::span<const double> expected,
                            std::span<const double> found, double floor) {
  RowError worst;
  double furthest = -1, squares = 0;
  for (size_t i = 0; i < expected.size(); ++i) {
    bool same = found[i] == expected[i] ||
                (std::isnan(found[i]) && std::isnan(expected[i]));
    double difference = same ? 0 : std::fabs(found[i] - expected[i]);
    if (std::isnan(difference))
      difference = std::numeric_limits<double>::infinity();
    squares += difference * difference;
    if (difference > furthest) {
      furthest = difference;
      worst.element = int64_t(i);
      worst.expected = expected[i];
      worst.found = found[i];
    }
  }
  double scale = std::max(norm(expected), floor);
  double distance = std::sqrt(squares);
  worst.error = distance == 0 ? 0 : distance / scale; // scale 0: infinite
  return worst;
}
