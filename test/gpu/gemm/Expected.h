//===- Expected.h - outputs in double, with their allowed errors -*- C++ -*-==//
//
// The allowed error of an output is derived: half a unit of the output type's
// last place, plus the fp32 accumulation bound on the sum of the magnitudes,
// carried through the epilogue. On a GPU or on the host.
//
//===----------------------------------------------------------------------===//
#ifndef FT_TEST_GPU_GEMM_EXPECTED_H
#define FT_TEST_GPU_GEMM_EXPECTED_H

#include "Epilogue.h"

#include <cmath>
#include <cstdint>

namespace gemmtest {

struct Operands {
  const uint16_t *a, *w, *bias, *residual, *scale, *shift;
  int64_t aStride, residualStride;
  int rows, outputs, k;
  bool bf16;
};

FT_EVERYWHERE double toDouble(uint16_t bits, bool bf16) {
  int mantissaBits = bf16 ? 7 : 10, bias = bf16 ? 127 : 15;
  int exponent = (bits & 0x7fff) >> mantissaBits;
  int mantissa = bits & ((1 << mantissaBits) - 1);
  double sign = bits >> 15 ? -1.0 : 1.0;
  if (exponent == 2 * bias + 1)
    return mantissa ? NAN : sign * INFINITY;
  if (exponent == 0)
    return sign * ldexp(double(mantissa), 1 - bias - mantissaBits);
  return sign * ldexp(double(mantissa + (1 << mantissaBits)),
                      exponent - bias - mantissaBits);
}

/// Sum and sum of magnitudes of row m of `a` with row n of `w`.
FT_EVERYWHERE void dot(const Operands &o, int m, int n, double &sum,
                       double &size) {
  sum = size = 0;
  for (int k = 0; k < o.k; ++k) {
    double p = toDouble(o.a[m * o.aStride + k], o.bf16) *
               toDouble(o.w[int64_t(n) * o.k + k], o.bf16);
    sum += p;
    size += fabs(p);
  }
}

/// A value and how far fp32 sums may be from it.
struct Sum {
  double value, error;
};

FT_EVERYWHERE Sum sumOf(const Operands &o, int m, int n) {
  double sum, size;
  dot(o, m, n, sum, size);
  // A tensor core truncates when it adds 16 products; one more add a step.
  return {sum, size * (o.k / 8.0 + 8) * 1.1920929e-7};
}

/// Of the row that a norm reads: its centre (0 of rms_norm), 1 / deviation, and
/// the root mean square of its elements' allowed errors.
struct RowNorm {
  double mean, factor, error;
};

/// Row m of bias, residual and `reference`, the sums before both.
FT_EVERYWHERE RowNorm rowNorm(const Operands &o, Epilogue e, double eps,
                              const Sum *reference, int m) {
  RowNorm row{0, 0, 0};
  auto at = [&](int j) {
    return reference[int64_t(j) * o.rows + m].value +
           toDouble(o.bias[j], o.bf16) +
           toDouble(o.residual[m * o.residualStride + j], o.bf16);
  };
  for (int j = 0; e == Epilogue::NormLayer && j < o.outputs; ++j)
    row.mean += at(j) / o.outputs;
  for (int j = 0; j < o.outputs; ++j) {
    double x = at(j) - row.mean;
    double error =
        reference[int64_t(j) * o.rows + m].error + 3e-7 * fabs(at(j));
    row.factor += x * x / o.outputs;
    row.error += error * error / o.outputs;
  }
  row.factor = 1 / sqrt(row.factor + eps);
  row.error = sqrt(row.error);
  return row;
}

/// (x - mean) * factor * scale + shift. An error of one element passes through;
/// of the mean it is at most the root mean square of theirs, and so is that of
/// the deviation, relative to it; fp32 sums of rows of some thousand columns
/// and the functions add 4e-6.
FT_EVERYWHERE Sum normalized(const Operands &o, Epilogue e, const RowNorm &row,
                             const Sum &x, int j) {
  double scale = toDouble(o.scale[j], o.bf16);
  double z = (x.value - row.mean) * row.factor;
  double error = (x.error + row.error * (1 + fabs(z))) * row.factor +
                 4e-6 * (1 + fabs(z) + fabs(row.mean) * row.factor);
  bool shifted = e == Epilogue::NormLayer;
  return {z * scale + (shifted ? toDouble(o.shift[j], o.bf16) : 0.0),
          error * fabs(scale) + 4e-7};
}

FT_EVERYWHERE double geluErf(double x) {
  return 0.5 * x * (1 + erf(x * 0.70710678118654752));
}
FT_EVERYWHERE double geluTanh(double x) {
  return 0.5 * x * (1 + tanh(0.79788456080286536 * (x + 0.044715 * x * x * x)));
}

/// The output at (m, j) and its allowed error before the last rounding.
/// `rows`: of norms.
FT_EVERYWHERE Sum expected(const Operands &o, Epilogue e, const Sum *reference,
                           const RowNorm *rows, int m, int j) {
  Sum y = reference[int64_t(j) * o.rows + m];
  if (hasBias(e)) {
    y.value += toDouble(o.bias[j], o.bf16);
    y.error += fabs(y.value) * 1.2e-7;
  }
  switch (e) {
  case Epilogue::Residual:
  case Epilogue::Added:
  case Epilogue::NormLayer:
  case Epilogue::NormRms:
    y.value += toDouble(o.residual[m * o.residualStride + j], o.bf16);
    y.error += fabs(y.value) * 1.2e-7;
    return isNorm(e) ? normalized(o, e, rows[m], y, j) : y;
  case Epilogue::GeluErf: // slope below 1.13; fp32 functions within 4e-6
    return {geluErf(y.value), 1.13 * y.error + 4e-6 * (1 + fabs(y.value))};
  case Epilogue::GeluTanh:
    return {geluTanh(y.value), 1.13 * y.error + 4e-6 * (1 + fabs(y.value))};
  case Epilogue::Gated:
  case Epilogue::SiluMul: {
    Sum up = reference[int64_t(o.outputs + j) * o.rows + m];
    if (hasBias(e))
      up.value += toDouble(o.bias[o.outputs + j], o.bf16);
    up.error += fabs(up.value) * 1.2e-7;
    double silu = y.value / (1 + exp(-y.value));
    return {silu * up.value, 1.1 * y.error * (fabs(up.value) + up.error) +
                                 fabs(silu) * up.error +
                                 4e-6 * (1 + fabs(y.value)) * fabs(up.value)};
  }
  default:
    return y;
  }
}

/// The error that an output may have: half a unit of its last place on top.
FT_EVERYWHERE double allowance(const Sum &want, bool bf16, bool f32) {
  double unit = f32 ? 6e-8 : (bf16 ? 1.0 / 256 : 1.0 / 2048);
  return want.error + fabs(want.value) * unit + 1e-7;
}

} // namespace gemmtest

#endif // FT_TEST_GPU_GEMM_EXPECTED_H
