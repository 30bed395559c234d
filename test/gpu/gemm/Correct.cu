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

struct Operands {
  const uint16_t *a, *w, *bias, *residual;
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

static __device__ double geluErf(double x) {
  return 0.5 * x * (1 + erf(x * 0.70710678118654752));
}
static __device__ double geluTanh(double x) {
  return 0.5 * x * (1 + tanh(0.79788456080286536 * (x + 0.044715 * x * x * x)));
}

/// The output at (m, j) and its allowed error before the last rounding.
static __device__ double2 expected(const Operands &o, Epilogue e,
                                   const double2 *reference, int m, int j) {
  double2 y = reference[int64_t(j) * o.rows + m];
  if (e != Epilogue::None) {
    y.x += toDouble(o.bias[j], o.bf16);
    y.y += fabs(y.x) * 1.2e-7;
  }
  switch (e) {
  case Epilogue::Residual:
    y.x += toDouble(o.residual[m * o.residualStride + j], o.bf16);
    return {y.x, y.y + fabs(y.x) * 1.2e-7};
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
                                     const double2 *reference, const void *out,
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
  double2 want = expected(o, e, reference, m, j);
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
        residual(c.bound * outStride * 2), counts(16),
        reference(sizeof(double2) * (int64_t(c.rows) * n + 1)),
        verdict(sizeof(Verdict)), first(c.bound * outStride * 4),
        second(c.bound * outStride * 4) {
    for (Memory *m : {&a, &w, &bias, &residual})
      m->fill(0xff);
    fillRandomRows(a.as<void>(), c.rows, c.k, aStride, bf16, 1, seed);
    fillRandom(w.as<void>(), int64_t(n) * c.k, bf16,
               1.5f / std::sqrt(float(c.k)), seed + 1);
    fillRandom(bias.as<void>(), n, bf16, 0.5f, seed + 2);
    fillRandomRows(residual.as<void>(), c.rows, c.outputs, outStride, bf16, 1,
                   seed + 3);
    FT_CHECK(cudaMemcpy(counts.as<void>(), &c.rows, 4, cudaMemcpyHostToDevice));
    operands = {a.as<uint16_t>(),
                w.as<uint16_t>(),
                bias.as<uint16_t>(),
                residual.as<uint16_t>(),
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
  Memory a, w, bias, residual, counts, reference, verdict, first, second;
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
  return call;
}

static bool runCase(const Variant &v, const Case &c, Prepared &p) {
  Call call = makeCall(v, c, p);
  for (Memory *out : {&p.first, &p.second}) {
    out->fill(0xff);
    call.out = out->as<void>();
    launch(v, call, 0, false);
    launch(v, call, 0, true); // over itself: same bits
  }
  p.verdict.fill(0);
  Verdict *verdict = p.verdict.as<Verdict>();
  int64_t all = c.bound * p.outStride;
  compareKernel<<<int((all + 255) / 256), 256>>>(
      p.operands, v.epilogue, p.reference.as<double2>(), p.first.as<void>(),
      p.outStride, c.bound, verdict);
  differKernel<<<int((2 * all + 255) / 256), 256>>>(
      p.first.as<uint16_t>(), p.second.as<uint16_t>(), 2 * all, verdict);
  Verdict result;
  FT_CHECK(cudaMemcpy(&result, verdict, sizeof result, cudaMemcpyDeviceToHost));
  return report(v, c, result);
}

bool gemmtest::checkVariant(const Variant &v) {
  static std::map<std::pair<size_t, bool>, std::unique_ptr<Prepared>> known;
  prepare(v);
  bool right = true;
  for (size_t i = 0; i < std::size(kCases); ++i) {
    const Case &c = kCases[i];
    std::unique_ptr<Prepared> &p = known[{i, v.gated()}];
    if (!p)
      p = std::make_unique<Prepared>(c, v.gated() ? 2 * c.outputs : c.outputs,
                                     v.bf16, uint32_t(17 + 10 * i));
    right = runCase(v, c, *p) && right;
  }
  return right;
}
