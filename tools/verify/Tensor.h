//===- Tensor.h - a value of the evaluator ----------------------*- C++ -*-===//
#ifndef FT_TOOLS_VERIFY_TENSOR_H
#define FT_TOOLS_VERIFY_TENSOR_H

#include <cstdint>
#include <functional>
#include <numeric>
#include <vector>

namespace ft::verify {

using Shape = std::vector<int64_t>;

inline int64_t elementsOf(const Shape &shape) {
  return std::accumulate(shape.begin(), shape.end(), int64_t(1),
                         std::multiplies<>());
}

/// Row-major numbers; ids and truth values (0, 1) are numbers too. What the IR
/// calls packed along tokens or rows is [batch, sequence, row...] here, packed
/// along sequences [batch, row...].
struct Tensor {
  Shape shape;
  std::vector<double> data;

  Tensor() = default;
  explicit Tensor(Shape dims)
      : shape(std::move(dims)), data(size_t(elementsOf(shape))) {}

  int64_t size() const { return int64_t(data.size()); }
  int64_t last() const { return shape.empty() ? 1 : shape.back(); }
};

/// A weight: the checkpoint's numbers, fp32.
struct WeightTensor {
  Shape shape;
  std::vector<float> data;
  int64_t size() const { return int64_t(data.size()); }
};

/// Calls `body(begin, end)` on ranges that cover 0 .. count-1, on all cores.
void parallelFor(int64_t count,
                 const std::function<void(int64_t, int64_t)> &body);

} // namespace ft::verify

#endif // FT_TOOLS_VERIFY_TENSOR_H
