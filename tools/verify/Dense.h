//===- Dense.h - the evaluator's products -----------------------*- C++ -*-===//
//
// The two loops that take the evaluator's time, apart from the IR so that they
// are compiled with full optimisation.
//
//===----------------------------------------------------------------------===//
#ifndef FT_TOOLS_VERIFY_DENSE_H
#define FT_TOOLS_VERIFY_DENSE_H

#include "tools/verify/Tensor.h"

namespace ft::verify {

/// out[r, n] = sum over k of a[r, k] * b[k, n], row-major, summed in order.
void multiply(const double *a, const double *b, int64_t rows, int64_t n,
              int64_t k, double *out);

/// With an fp32 weight [n, k] in place of b and a bias [n] that may be null.
/// Only rows r with wanted[r] are computed, the others are 0.
void multiplyWeight(const double *a, const float *weight, const float *bias,
                    const std::vector<bool> &wanted, int64_t n, int64_t k,
                    double *out);

} // namespace ft::verify

#endif // FT_TOOLS_VERIFY_DENSE_H
