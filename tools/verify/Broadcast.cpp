//===- Broadcast.cpp - repeating extents of 1 -----------------------------===//
#include "tools/verify/Elementwise.h"

#include <algorithm>

using namespace ft;
using namespace ft::verify;

Shape verify::broadcastShapes(const Shape &a, const Shape &b) {
  Shape shape(std::max(a.size(), b.size()));
  for (size_t i = 0; i < shape.size(); ++i) {
    int64_t left = i < a.size() ? a[a.size() - 1 - i] : 1;
    int64_t right = i < b.size() ? b[b.size() - 1 - i] : 1;
    shape[shape.size() - 1 - i] = left == 1 ? right : left;
  }
  return shape;
}

Tensor verify::repeatTo(const Tensor &input, const Shape &shape) {
  if (input.shape == shape)
    return input;
  Tensor out(shape);
  size_t rank = shape.size(), missing = rank - input.shape.size();
  // Steps in the input for one step along each axis; 0 repeats.
  Shape steps(rank, 0);
  for (size_t axis = rank, step = 1; axis > missing; --axis) {
    int64_t extent = input.shape[axis - 1 - missing];
    steps[axis - 1] = extent == 1 ? 0 : int64_t(step);
    step *= size_t(extent);
  }
  Shape at(rank, 0);
  int64_t from = 0;
  for (int64_t i = 0; i < out.size(); ++i) {
    out.data[size_t(i)] = input.data[size_t(from)];
    for (size_t axis = rank; axis-- > 0;) {
      from += steps[axis];
      if (++at[axis] < shape[axis])
        break;
      from -= steps[axis] * shape[axis];
      at[axis] = 0;
    }
  }
  return out;
}

Tensor verify::mapPairs(const Tensor &a, const Tensor &b,
                        BinaryFunction function) {
  Shape shape = broadcastShapes(a.shape, b.shape);
  Tensor out = repeatTo(a, shape);
  Tensor other = repeatTo(b, shape);
  for (size_t i = 0; i < out.data.size(); ++i)
    out.data[i] = function(out.data[i], other.data[i]);
  return out;
}

Tensor verify::selectElements(const Tensor &condition, const Tensor &yes,
                              const Tensor &no) {
  Shape shape =
      broadcastShapes(condition.shape, broadcastShapes(yes.shape, no.shape));
  Tensor chosen = repeatTo(condition, shape), a = repeatTo(yes, shape),
         b = repeatTo(no, shape);
  for (size_t i = 0; i < a.data.size(); ++i)
    if (chosen.data[i] == 0)
      a.data[i] = b.data[i];
  return a;
}
