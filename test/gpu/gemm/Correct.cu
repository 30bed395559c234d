//===- Correct.cu - a kernel against sums in double -----------------------===//
//
// Every case runs twice into outputs poisoned with NaN. Rows of `a` past the
// true count and the gaps between its rows hold NaN too. The allowed error of
// an output is derived: half a unit of the output type's last place, plus the
// fp32 accumulation bound on the sum of the magnitudes, carried through the
// epilogue.
//
//===----------------------------------------------------------------------===//
#include "Harness.h"

#include <array>
#include <cmath>
#include <cuda_bf16.h>
#include <cuda_fp16.h>
#include <map>
#include <memory>

using namespace gemmtest;

namespace {

/// rows: true count; bound: rows of `a` that exist; gaps in elements.
struct Case {
  int rows, bound, outputs, k, gapA, gapOut;
};

constexpr Case kCases[] = {
    {1, 16, 768, 768, 0, 0},       {63, 64, 128, 64, 0, 0},
    {64, 64, 96, 8, 8, 0},         {65, 80, 771, 72, 0, 0},
    {197, 208, 768, 768, 0, 8},    {197, 208, 768, 3072, 64, 0},
    {300, 512, 257, 200, 8, 3},    {129, 144, 2304, 768, 0, 1},
    {1000, 1024, 130, 448, 0, 2},  {0, 16, 96, 128, 0, 0},
    {2100, 2304, 3080, 456, 0, 0}, {513, 528, 6001, 1032, 24, 1},
    {4000, 4096, 1544, 776, 0, 0}, {7, 4096, 3072, 768, 0, 0},
};

/// The same for a kernel that normalizes rows of `most` outputs at most, in
/// CTAs of `bn` columns: whole rows, ragged ones, one column in the last CTA,
/// none in it.
std::vector<Case> normCases(const Variant &v) {
  int most = v.most, bn = v.outputs;
  std::vector<Case> cases{{1, 16, most, 768, 0, 0},
                          {65, 80, most, 3072, 8, 8},
                          {197, 208, most - 1, 72, 64, 3},
                          {300, 512, most - bn / 2, 448, 0, 2},
                          {0, 16, most, 128, 0, 0},
                          {2100, 2304, most, 256, 0, 0},
                          {513, 528, most - bn + 1, 1032, 24, 1}};
  if (most > bn)
    cases.push_back({129, 144, most - bn, 776, 0, 0});
  return cases;
}

struct Operands {
  const uint16_t *a, *w, *bias, *residual, *scale, *shift;
  int64_t aStride, residualStride;
  int rows, outputs, k;
  bool bf16;
};

struct Verdict {
  unsigned long long wrong;   // outputs
  unsigned long long touched; // elements that should have kept the poison
  unsigned long long differ;  // bytes, between two runs
  float worst;                // error over allowance
  int row, column;            // of some wrong output
  float got, expected;
};

} // namespace

static __device__ double toDouble(uint16_t bits, bool bf16) {
  return bf16 ? double(__bfloat162float(__ushort_as_bfloat16(bits)))
              : double(__half2float(__ushort_as_half(bits)));
}

/// Sum and sum of magnitudes of row m of `a` with row n of `w`.
static __device__ void dot(const Operands &o, int m, int n, double &sum,
                           double &size) {
  sum = size = 0;
  for (int k = 0; k < o.k; ++k) {
    double p = toDouble(o.a[m * o.aStride + k], o.bf16) *
               toDouble(o.w[int64_t(n) * o.k + k], o.bf16);
    sum += p;
    size += fabs(p);
  }
}

/// result[n, m] = {sum, allowed error of the fp32 sum} for n of all rows of w.
static __global__ void referenceKernel(Operands o, int n, double2 *result) {
  int64_t i = int64_t(blockIdx.x) * blockDim.x + threadIdx.x;
  if (i >= int64_t(o.rows) * n)
    return;
  double sum, size;
  dot(o, int(i % o.rows), int(i / o.rows), sum, size);
  // A tensor core truncates when it adds 16 products; one more add a step.
  result[i] = {sum, size * (o.k / 8.0 + 8) * 1.1920929e-7};
}

/// Of the row that a norm reads: its centre (0 of rms_norm), 1 / deviation,
/// and the root mean square of its elements' allowed errors.
struct RowNorm {
  double mean, factor, error;
};

/// A thread a row; `reference` has the sums before bias and residual.
static __global__ void rowKernel(Operands o, bool centred, double eps,
                                 const double2 *reference, RowNorm *rows) {
  int m = int(blockIdx.x * blockDim.x + threadIdx.x);
  if (m >= o.rows)
    return;
  auto at = [&](int j) {
    return reference[int64_t(j) * o.rows + m].x + toDouble(o.bias[j], o.bf16) +
           toDouble(o.residual[m * o.residualStride + j], o.bf16);
  };
  RowNorm row{0, 0, 0};
  for (int j = 0; centred && j < o.outputs; ++j)
    row.mean += at(j) / o.outputs;
  for (int j = 0; j < o.outputs; ++j) {
    double x = at(j) - row.mean;
    double e = reference[int64_t(j) * o.rows + m].y + 3e-7 * fabs(at(j));
    row.factor += x * x / o.outputs;
    row.error += e * e / o.outputs;
  }
  row.factor = 1 / sqrt(row.factor + eps);
  row.error = sqrt(row.error);
  rows[m] = row;
}

static __device__ double geluErf(double x) {
  return 0.5 * x * (1 + erf(x * 0.70710678118654752));
}
static __device__ double geluTanh(double x) {
  return 0.5 * x * (1 + tanh(0.79788456080286536 * (x + 0.044715 * x * x * x)));
}

/// y = (x - mean) * factor * scale + shift. An error of one element passes
/// through, one of the mean is at most the root mean square of theirs, and one
/// of the deviation, relative to it, too; fp32 sums of rows of some thousand
/// columns and the functions add 4e-6.
static __device__ double2 normed(const Operands &o, bool shifted,
                                 const RowNorm &row, double2 x, int j) {
  double scale = toDouble(o.scale[j], o.bf16);
  double z = (x.x - row.mean) * row.factor;
  double error = (x.y + row.error * (1 + fabs(z))) * row.factor +
                 4e-6 * (1 + fabs(z) + fabs(row.mean) * row.factor);
  return {z * scale + (shifted ? toDouble(o.shift[j], o.bf16) : 0.0),
          error * fabs(scale) + 4e-7};
}

/// The output at (m, j) and its allowed error before the last rounding.
static __device__ double2 expected(const Operands &o, Epilogue e,
                                   const double2 *reference,
                                   const RowNorm *rows, int m, int j) {
  double2 y = reference[int64_t(j) * o.rows + m];
  if (e != Epilogue::None) {
    y.x += toDouble(o.bias[j], o.bf16);
    y.y += fabs(y.x) * 1.2e-7;
  }
  switch (e) {
  case Epilogue::Residual:
  case Epilogue::NormLayer:
  case Epilogue::NormRms:
    y.x += toDouble(o.residual[m * o.residualStride + j], o.bf16);
    y.y += fabs(y.x) * 1.2e-7;
    return e == Epilogue::Residual
               ? y
               : normed(o, e == Epilogue::NormLayer, rows[m], y, j);
  case Epilogue::GeluErf: // slope below 1.13; fp32 functions within 4e-6
    return {geluErf(y.x), 1.13 * y.y + 4e-6 * (1 + fabs(y.x))};
  case Epilogue::GeluTanh:
    return {geluTanh(y.x), 1.13 * y.y + 4e-6 * (1 + fabs(y.x))};
  case Epilogue::Gated: {
    double2 up = reference[int64_t(o.outputs + j) * o.rows + m];
    up.x += toDouble(o.bias[o.outputs + j], o.bf16);
    up.y += fabs(up.x) * 1.2e-7;
    double silu = y.x / (1 + exp(-y.x));
    return {silu * up.x, 1.1 * y.y * (fabs(up.x) + up.y) + fabs(silu) * up.y +
                             4e-6 * (1 + fabs(y.x)) * fabs(up.x)};
  }
  default:
    return y;
  }
}

static __device__ bool isPoison(const void *out, int64_t i, bool f32) {
  return f32 ? static_cast<const uint32_t *>(out)[i] == 0xffffffffu
             : static_cast<const uint16_t *>(out)[i] == 0xffffu;
}

static __global__ void compareKernel(Operands o, Epilogue e,
                                     const double2 *reference,
                                     const RowNorm *rows, const void *out,
                                     int64_t outStride, int64_t allRows,
                                     Verdict *verdict) {
  int64_t i = int64_t(blockIdx.x) * blockDim.x + threadIdx.x;
  if (i >= allRows * outStride)
    return;
  bool f32 = e == Epilogue::F32;
  int m = int(i / outStride), j = int(i % outStride);
  if (m >= o.rows || j >= o.outputs) {
    if (!isPoison(out, i, f32))
      atomicAdd(&verdict->touched, 1ull);
    return;
  }
  double2 want = expected(o, e, reference, rows, m, j);
  double got = f32 ? double(static_cast<const float *>(out)[i])
                   : toDouble(static_cast<const uint16_t *>(out)[i], o.bf16);
  // The output type's unit roundoff.
  double unit = f32 ? 6e-8 : (o.bf16 ? 1.0 / 256 : 1.0 / 2048);
  double allowed = want.y + fabs(want.x) * unit + 1e-7;
  double ratio = fabs(got - want.x) / allowed;
  if (!(ratio <= 1)) {
    if (atomicAdd(&verdict->wrong, 1ull) == 0) {
      verdict->row = m;
      verdict->column = j;
      verdict->got = float(got);
      verdict->expected = float(want.x);
    }
    ratio = isnan(ratio) ? 1e30 : fmin(ratio, 1e30);
  }
  atomicMax(reinterpret_cast<int *>(&verdict->worst),
            __float_as_int(float(ratio)));
}

static __global__ void differKernel(const uint16_t *x, const uint16_t *y,
                                    int64_t count, Verdict *verdict) {
  int64_t i = int64_t(blockIdx.x) * blockDim.x + threadIdx.x;
  if (i < count && x[i] != y[i])
    atomicAdd(&verdict->differ, 2ull);
}

static bool report(const Variant &v, const Case &c, const Verdict &verdict) {
  if (verdict.wrong == 0 && verdict.touched == 0 && verdict.differ == 0)
    return true;
  std::printf("  WRONG %s: rows %d of %d, outputs %d, k %d: %llu wrong (worst "
              "%.3g x allowed, [%d, %d] is %g, expected %g), %llu touched, two "
              "runs differ in %llu bytes\n",
              v.name().c_str(), c.rows, c.bound, c.outputs, c.k, verdict.wrong,
              verdict.worst, verdict.row, verdict.column, verdict.got,
              verdict.expected, verdict.touched, verdict.differ);
  return false;
}

namespace {

/// Operands and sums of a case, made once for all variants; `n` rows of w.
struct Prepared {
  Prepared(const Case &c, int n, bool bf16, uint32_t seed)
      : n(n), aStride(c.k + c.gapA), outStride(c.outputs + c.gapOut),
        a(c.bound * aStride * 2), w(int64_t(n) * c.k * 2), bias(n * 2),
        residual(c.bound * outStride * 2), scale(n * 2), shift(n * 2),
        counts(16), rows(sizeof(RowNorm) * (c.rows + 1)),
        reference(sizeof(double2) * (int64_t(c.rows) * n + 1)),
        verdict(sizeof(Verdict)), first(c.bound * outStride * 4),
        second(c.bound * outStride * 4), sum(c.bound * outStride * 2) {
    for (Memory *m : {&a, &w, &bias, &residual, &scale, &shift})
      m->fill(0xff);
    fillRandomRows(a.as<void>(), c.rows, c.k, aStride, bf16, 1, seed);
    fillRandom(w.as<void>(), int64_t(n) * c.k, bf16,
               1.5f / std::sqrt(float(c.k)), seed + 1);
    fillRandom(bias.as<void>(), n, bf16, 0.5f, seed + 2);
    fillRandomRows(residual.as<void>(), c.rows, c.outputs, outStride, bf16, 1,
                   seed + 3);
    fillRandom(scale.as<void>(), n, bf16, 1, seed + 4);
    fillRandom(shift.as<void>(), n, bf16, 0.5f, seed + 5);
    FT_CHECK(cudaMemcpy(counts.as<void>(), &c.rows, 4, cudaMemcpyHostToDevice));
    operands = {a.as<uint16_t>(),
                w.as<uint16_t>(),
                bias.as<uint16_t>(),
                residual.as<uint16_t>(),
                scale.as<uint16_t>(),
                shift.as<uint16_t>(),
                aStride,
                outStride,
                c.rows,
                c.outputs,
                c.k,
                bf16};
    if (c.rows > 0)
      referenceKernel<<<int((int64_t(c.rows) * n + 127) / 128), 128>>>(
          operands, n, reference.as<double2>());
    FT_CHECK(cudaGetLastError());
  }
  int n;
  int64_t aStride, outStride;
  Memory a, w, bias, residual, scale, shift, counts, rows, reference, verdict;
  Memory first, second, sum;
  Operands operands;
};

} // namespace

static Call makeCall(const Variant &v, const Case &c, const Prepared &p) {
  Call call;
  call.a = makeMap(p.a.as<void>(), v.bf16, c.bound, c.k, p.aStride, v.boxA);
  call.w = makeMap(p.w.as<void>(), v.bf16, p.n, c.k, c.k, v.boxW);
  call.n = p.n;
  call.k = c.k;
  call.counts = p.counts.as<int>();
  call.bias = p.bias.as<void>();
  call.residual = p.residual.as<void>();
  call.residualStride = call.outStride = p.outStride;
  call.scale = p.scale.as<void>();
  call.shift = p.shift.as<void>();
  call.sum = p.sum.as<void>();
  return call;
}

/// What is wrong with `out`, of epilogue `e`, so far counted in p.verdict.
static void compare(Epilogue e, const Case &c, Prepared &p, const Memory &out) {
  int64_t all = c.bound * p.outStride;
  compareKernel<<<int((all + 255) / 256), 256>>>(
      p.operands, e, p.reference.as<double2>(), p.rows.as<RowNorm>(),
      out.as<void>(), p.outStride, c.bound, p.verdict.as<Verdict>());
}

static bool runCase(const Variant &v, const Case &c, Prepared &p) {
  Call call = makeCall(v, c, p);
  if (v.normed() && c.rows > 0)
    rowKernel<<<(c.rows + 127) / 128, 128>>>(
        p.operands, v.epilogue == Epilogue::NormLayer, call.eps,
        p.reference.as<double2>(), p.rows.as<RowNorm>());
  p.sum.fill(0xff);
  for (Memory *out : {&p.first, &p.second}) {
    out->fill(0xff);
    call.out = out->as<void>();
    launch(v, call, 0, false);
    launch(v, call, 0, true); // over itself: same bits
  }
  p.verdict.fill(0);
  compare(v.epilogue, c, p, p.first);
  if (v.epilogue == Epilogue::NormRms)
    compare(Epilogue::Residual, c, p, p.sum);
  int64_t all = c.bound * p.outStride;
  differKernel<<<int((2 * all + 255) / 256), 256>>>(
      p.first.as<uint16_t>(), p.second.as<uint16_t>(), 2 * all,
      p.verdict.as<Verdict>());
  Verdict result;
  FT_CHECK(cudaMemcpy(&result, p.verdict.as<Verdict>(), sizeof result,
                      cudaMemcpyDeviceToHost));
  return report(v, c, result);
}

bool gemmtest::checkVariant(const Variant &v) {
  using Key = std::array<int, 7>;
  static std::map<Key, std::unique_ptr<Prepared>> known;
  prepare(v);
  bool right = true;
  std::vector<Case> cases(std::begin(kCases), std::end(kCases));
  if (v.normed())
    cases = normCases(v);
  for (const Case &c : cases) {
    int n = v.gated() ? 2 * c.outputs : c.outputs;
    Key key{c.rows, c.bound, n, c.outputs, c.k, c.gapA, c.gapOut};
    std::unique_ptr<Prepared> &p = known[key];
    if (!p)
      p = std::make_unique<Prepared>(c, n, v.bf16,
                                     uint32_t(17 + 10 * known.size()));
    right = runCase(v, c, *p) && right;
  }
  return right;
}
